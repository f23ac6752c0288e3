#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""run.py normal|quick|full — the steps of script/test, their counts, and the closing line.

Each step is one command. A Meson step counts the sentences that its test programs report (TAP) and the programs that only exit; any other step counts as one. A step that fails does not stop the others."""
import glob
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RUN_SECONDS_MAX = 3600
TOLD_LINES = 120  # of what a failed program wrote to stderr, once more beside its name: a long log is seldom seen whole
AT_ONCE = str(os.cpu_count() + 1)  # programs; they wait for servers and processes half of their time
COUNTS = {"passed": 0, "failed": 0, "skipped": 0}
LINES = []


def say(text):
    print(text, flush=True)
    LINES.append(text)


def run(command, **environment):
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, timeout=RUN_SECONDS_MAX).returncode == 0


def count(name, passed, failed, skipped, seconds):
    COUNTS["passed"] += passed
    COUNTS["failed"] += failed
    COUNTS["skipped"] += skipped
    say(f"== {name}: {passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "") + f" ({seconds:.0f} s)")


def step(name, command, **environment):
    started = time.monotonic()
    good = run(command, **environment)
    count(name, int(good), int(not good), 0, time.monotonic() - started)
    return good


def read_junit(path):
    """Sentences by state; a failed or skipped one is named."""
    passed = failed = skipped = 0
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        cases, before = list(suite.iter("testcase")), failed
        # test/main.c reports a skipped sentence as good (TAP of cmocka has no other word) and says so on stderr
        for words in re.findall("^# skipped: .*", suite.findtext("system-err", ""), re.MULTILINE):
            skipped += 1
            passed -= 1
            say(f"   {words[2:]} ({suite.get('name')})")
        for case in cases:
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
                say(f"   FAILED {suite.get('name')}: {case.get('name')}")
            elif case.find("skipped") is not None:
                skipped += 1
                say(f"   skipped {suite.get('name')}: {case.get('name')}")
            else:
                passed += 1
        if not cases and int(suite.get("errors", 0)) + int(suite.get("failures", 0)):
            failed += 1
            say(f"   FAILED {suite.get('name')}")
        if failed > before:
            for line in suite.findtext("system-err", "").splitlines()[-TOLD_LINES:]:
                print("      " + line[:300])
    return passed, failed, skipped


def meson_test(name, folder, *options, **environment):
    started = time.monotonic()
    log = os.path.join(ROOT, folder, "meson-logs", "testlog.junit.xml")
    for path in [log, *glob.glob(os.path.join(os.path.dirname(log), "pytest-*.xml"))]:
        if os.path.exists(path):
            os.remove(path)
    good = run(["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs", "--num-processes", AT_ONCE, *options], **environment)
    if not os.path.exists(log):
        count(name, 0, 1, 0, time.monotonic() - started)
        return
    passed, failed, skipped = read_junit(log)
    for path in glob.glob(os.path.join(os.path.dirname(log), "pytest-*.xml")):
        # pytest's own report says more than Meson's one line for the program, which it replaces
        sentences = read_junit(path)
        passed, failed, skipped = passed + sentences[0], failed + sentences[1], skipped + sentences[2]
        if sentences[1] == 0:
            passed -= 1
        else:
            failed -= 1
    if not good and failed == 0:
        failed = 1
        say("   FAILED: meson test says so without naming a test")
    if good and passed == 0:
        failed = 1
        say("   FAILED: no test was run")
    count(name, passed, failed, skipped, time.monotonic() - started)


def build(name, folder, *options, **environment):
    return step(f"build {name}", ["script/build", folder, *options], **environment)


E2E = ("e2e", "e2e-postgresql")
TALK = ("talk", "talk-postgresql")  # the program as a whole, command by command: most of a sanitized run, so that each sanitizer has it once
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:abort_on_error=0:exitcode=99",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1:exitcode=99",
    "TSAN_OPTIONS": f"halt_on_error=1:second_deadlock_stack=1:exitcode=99:die_after_fork=0:suppressions={os.path.join(ROOT, 'test', 'tsan.supp')}",  # the store's tests fork after libpq's connections needed a thread
    "JB_SANITIZED": "1",
}


def sanitized(name, folder, kind, *suites, hostile=False):
    if build(name, folder, "-Dbuildtype=debugoptimized", "-Doptimization=1", f"-Db_sanitize={kind}", "-Db_lundef=false", f"-Dhostile={str(hostile).lower()}"):
        meson_test(name, folder, "--timeout-multiplier", "3", *without(*E2E, *suites), **SANITIZERS, **({"JB_HOSTILE": "1"} if hostile else {}))


def without(*suites):
    return [word for suite in suites for word in ("--no-suite", suite)]


def only(*suites):
    return [word for suite in suites for word in ("--suite", suite)]


def fuzz(seconds):
    if not build("fuzzers", "build-fuzz", "-Dfuzz=true", "-Dbuildtype=debugoptimized", CC="clang"):
        return
    folder = os.path.join(ROOT, "build-fuzz", "fuzz")
    names = [name for name in sorted(os.listdir(folder)) if name.startswith("fuzz_") and os.access(os.path.join(folder, name), os.X_OK) and not os.path.isdir(os.path.join(folder, name))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda name: fuzz_one(folder, name, seconds), names))


def fuzz_one(folder, name, seconds):
    corpus = os.path.join(ROOT, "fuzz", "corpus", name[5:])
    work = os.path.join(ROOT, "build-fuzz", "work", name)
    os.makedirs(work, exist_ok=True)
    step(f"{name} {seconds} s", [os.path.join(folder, name), f"-max_total_time={seconds}", "-rss_limit_mb=2048", "-timeout=25", "-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={work}/", work, corpus])


def commit():
    try:
        return subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip() or "unknown"
    except FileNotFoundError:
        return "unknown"  # a bare machine, the sources unpacked without git


def main(what):
    started = time.monotonic()
    step("layers", ["script/layers"])
    step("lint", ["script/lint"])
    if build("release", "build"):
        if what == "quick":
            meson_test("release", "build", *without(*E2E, *TALK))
        elif what == "full":
            meson_test("release, whole campaigns", "build", "--timeout-multiplier", "4", *only(*E2E, "campaign"), JB_CAMPAIGN="full")
        else:
            meson_test("release", "build")
    if what == "normal":
        sanitized("ASan+UBSan", "build-asan", "address,undefined", *TALK)
    if what == "full":
        sanitized("hostile, ASan+UBSan", "build-hostile", "address,undefined", "talk", hostile=True)
        sanitized("TSan", "build-tsan", "thread", "talk-postgresql")  # of the databases SQLite has threads of ours
        fuzz(60)
    say(f"commit {commit()}, {time.strftime('%Y-%m-%d')}, {time.monotonic() - started:.0f} s")
    closing = f"{COUNTS['passed']} passed, {COUNTS['failed']} failed" + (f", {COUNTS['skipped']} skipped" if COUNTS["skipped"] else "")
    if what == "full":
        os.makedirs(os.path.join(ROOT, "test", "results"), exist_ok=True)
        with open(os.path.join(ROOT, "test", "results", f"{time.strftime('%Y-%m-%d')}-{commit()}.txt"), "w", encoding="utf-8") as file:
            file.write("\n".join(LINES + [closing, ""]))
    if COUNTS["skipped"] and os.environ.get("CI"):
        say("in CI nothing may be skipped")
        COUNTS["failed"] += 1
        closing = f"{COUNTS['passed']} passed, {COUNTS['failed']} failed, {COUNTS['skipped']} skipped"
    print(closing, flush=True)
    return 1 if COUNTS["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "normal"))
