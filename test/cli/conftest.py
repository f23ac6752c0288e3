# SPDX-License-Identifier: Apache-2.0
"""A site in its own folder: the real binary, its own database (JB_TEST_DATABASE: sqlite or postgresql), a free port."""
import json
import os
import re
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

BINARY = os.environ.get("JB_BINARY", os.path.join(os.path.dirname(__file__), "..", "..", "build", "jangbu"))
HANG_SECONDS = 120  # nothing here takes a fraction of it
SANITIZER_STATUS = 99  # test/run.py's *SAN_OPTIONS
SANITIZER_REPORT = re.compile(r"^.*(?:ERROR: \w+Sanitizer|WARNING: \w+Sanitizer|: runtime error: )", re.MULTILINE)


ON_POSTGRESQL = os.environ.get("JB_TEST_DATABASE") == "postgresql"
collect_ignore = [] if ON_POSTGRESQL else ["test_crash.py", "test_deadlock.py", "test_disk_server.py", "test_sets.py"]  # about a server that SQLite does not have


def pytest_configure(config):
    config.addinivalue_line("markers", "office: opens our files in LibreOffice, which takes no 64-bit parts; a hostile build makes every part one (src/sheet/zip_write.c), and leaves these out")


def pytest_collection_modifyitems(config, items):
    if os.environ.get("JB_HOSTILE"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("office")])
        items[:] = [item for item in items if not item.get_closest_marker("office")]


PSQL = "psql"
if ON_POSTGRESQL:
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    from pg_server import BINARIES
    PSQL = os.path.join(BINARIES, "psql")  # not Debian's wrapper, which takes longer than the statement


def psql(url, text):
    return subprocess.run([PSQL, "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url], input=text, text=True, check=True, stdout=subprocess.PIPE, timeout=HANG_SECONDS).stdout


def wait_until(condition):
    limit = time.monotonic() + HANG_SECONDS
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


class Site:
    def __init__(self, folder, like=None):
        """An empty site, or a copy of another one that does not run."""
        self.folder = str(folder)
        self.processes = []
        self.environment = {"PATH": os.environ["PATH"], "LANGUAGE": "en", "HOME": self.folder, "LANG": "C.UTF-8"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                self.environment[name] = os.environ[name]
        if ON_POSTGRESQL:
            self.database = f"jb-site-{secrets.token_hex(6)}"
            psql(os.environ["JB_TEST_POSTGRES"], f'create database "{self.database}"' + (f' template "{like.database}"' if like else ""))
            self.environment["DATABASE_URL"] = os.environ["JB_TEST_POSTGRES"].rsplit("/", 1)[0] + "/" + self.database
        if like:
            shutil.copytree(like.folder, self.folder, dirs_exist_ok=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *words, status=0, stdin=None, **environment):
        """Runs one command; checks its exit status (None: any) and returns (stdout, stderr)."""
        done = subprocess.run([BINARY, *words], cwd=self.folder, input=stdin, capture_output=True, timeout=HANG_SECONDS, env={**self.environment, **environment})
        out, err = done.stdout.decode(), done.stderr.decode()
        assert done.returncode != SANITIZER_STATUS and not SANITIZER_REPORT.search(err), err
        assert status is None or done.returncode == status, f"{words}: exit {done.returncode}, not {status}\n{out[:2000]}\n{err[:2000]}"
        self.status = done.returncode
        return out, err

    def json(self, *words, status=0, **environment):
        out, _ = self.run(*words, "--json", status=status, **environment)
        return json.loads(out)

    def sql(self, text, live=False):
        """Changes something behind the program's back."""
        if ON_POSTGRESQL:
            psql(self.environment["DATABASE_URL"], text)
            return
        database = sqlite3.connect(self.path("jangbu-live.db" if live else "jangbu.db"), timeout=HANG_SECONDS)
        with database:
            database.execute(text)
        database.close()

    def rows(self, text, live=False):
        """What a query finds, whole numbers as such."""
        if ON_POSTGRESQL:
            lines = psql(self.environment["DATABASE_URL"], text).splitlines()
            return [tuple(int(word) if re.fullmatch(r"-?\d+", word) else word for word in line.split("|")) for line in lines]
        database = sqlite3.connect(self.path("jangbu-live.db" if live else "jangbu.db"), timeout=HANG_SECONDS)
        try:
            return database.execute(text).fetchall()
        finally:
            database.close()

    def number(self, text):
        """One whole number out of the database."""
        return self.rows(text)[0][0]

    def start(self, *words, stdin=None, **environment):
        """Starts a command that stays; ended after the test."""
        log = open(self.path(f"log-{len(self.processes)}"), "wb")
        process = subprocess.Popen([BINARY, *words], cwd=self.folder, stdin=stdin, stdout=log, stderr=log, env={**self.environment, **environment})
        process.log = log.name
        log.close()
        self.processes.append(process)
        return process

    def wait_log(self, process, pattern):
        """The first match of the pattern in what the process wrote; fails when it ends or hangs first."""
        limit = time.monotonic() + HANG_SECONDS
        while time.monotonic() < limit:
            with open(process.log, encoding="utf-8", errors="replace") as file:
                text = file.read()
            found = re.search(pattern, text)
            if found:
                return found
            assert process.poll() is None, f"ended with {process.returncode}:\n{text}"
            time.sleep(0.02)
        raise AssertionError(f"no {pattern!r} in:\n{text}")

    def serve(self, command="serve", *words, **environment):
        """The address of a started server, "http://127.0.0.1:43211"."""
        process = self.start(command, "--listen", "127.0.0.1:0", "--threads", "1", *words, **environment)
        return self.wait_log(process, r"listening on (http://[^\s\"]+)").group(1)

    def stop(self, process, status=0):
        process.send_signal(signal.SIGTERM)
        assert process.wait(HANG_SECONDS) == status

    def close(self):
        """Ends what is still running and drops its database; a sanitizer's report in any log fails the test."""
        try:
            self.end_processes()
        finally:
            if ON_POSTGRESQL:
                psql(os.environ["JB_TEST_POSTGRES"], f'drop database "{self.database}" with (force)')

    def end_processes(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(HANG_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
        for process in self.processes:
            with open(process.log, encoding="utf-8", errors="replace") as file:
                text = file.read()
            assert process.returncode != SANITIZER_STATUS and not SANITIZER_REPORT.search(text), text

    def csv(self, name, *lines, encoding="utf-8"):
        with open(self.path(name), "w", encoding=encoding, newline="") as file:
            file.write("\n".join(lines) + "\n")
        return name

    def left_in(self, folder):
        return sorted(os.listdir(self.path(folder))) if os.path.isdir(self.path(folder)) else []


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("migrated"))
    made.run("migrate")
    yield made
    made.close()


@pytest.fixture
def site(tmp_path, migrated):
    made = Site(tmp_path, migrated)
    yield made
    made.close()
