#!/usr/bin/python3
"""import-sqlite [ROWS] — a whole import (workbook to committed rows) beside a bare loop of prepared inserts of the same rows.

Both fill the same empty cash book table with the same indexes: WAL, synchronous = FULL. Prints rows/s of both, the ratio (aim: 0.7), peak memory at ROWS/10 and at ROWS,
and, from a third run with somebody writing beside it, the longest time that the writer was held. CPU seconds are printed too: on a busy machine they say more.
"""
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
FOLDER = os.path.join(os.path.abspath(os.environ.get("BENCH_DIR", "build/bench")), "import-sqlite")
JANGBU = os.path.join(BUILD, "jangbu")
CACHE_KIB = 65536


def run(*command, folder=FOLDER):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def site(name):
    folder = os.path.join(FOLDER, name)
    os.makedirs(folder)
    run(JANGBU, "migrate", folder=folder)
    return folder


def import_into(folder, file):
    before = os.times()
    began = time.monotonic()
    result = json.loads(run(JANGBU, "import", "cash.cashbook", file, "--json", folder=folder))
    seconds = time.monotonic() - began
    after = os.times()
    assert result["new"] == result["rows"], result
    result["wall"] = seconds
    result["cpu"] = after.children_user - before.children_user + after.children_system - before.children_system
    return result


def write_beside(folder, stop, waits):
    """Another process's small writes; each wait is how long the writer was not to be had."""
    db = sqlite3.connect(os.path.join(folder, "jangbu.db"), timeout=120, isolation_level=None)
    db.execute("create table if not exists bench_writes (at real)")
    while not stop.is_set():
        began = time.monotonic()
        db.execute("begin immediate")
        db.execute("insert into bench_writes values (?)", (began,))
        db.execute("commit")
        waits.append(time.monotonic() - began)
        time.sleep(0.005)
    db.close()


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    subprocess.run(["ninja", "-C", BUILD, "bench/bench_bare_insert"], check=True, stdout=subprocess.DEVNULL)
    big, small = os.path.join(FOLDER, "big.xlsx"), os.path.join(FOLDER, "small.xlsx")
    run(JANGBU, "sheet", "generate", "cash.cashbook", str(ROWS), big)
    run(JANGBU, "sheet", "generate", "cash.cashbook", str(ROWS // 10), small)

    few = import_into(site("small"), small)
    ours = import_into(site("ours"), big)
    bare_folder = site("bare")
    bare = json.loads(run(os.path.join(BUILD, "bench", "bench_bare_insert"), os.path.join(FOLDER, "ours", "jangbu.db"), os.path.join(bare_folder, "jangbu.db"), str(CACHE_KIB)))
    assert bare["rows"] == ours["rows"]

    beside, stop, waits = site("beside"), threading.Event(), []
    writer = threading.Thread(target=write_beside, args=(beside, stop, waits))
    writer.start()
    import_into(beside, big)
    stop.set()
    writer.join()

    mib = 1 << 20
    print(f"import   {ROWS} rows  {ours['wall']:7.2f} s  {ROWS / ours['wall']:9.0f} rows/s  cpu {ours['cpu']:6.2f} s  peak {ours['peak_rss_bytes'] / mib:.0f} MiB ({few['peak_rss_bytes'] / mib:.0f} MiB at {ROWS // 10})")
    print(f"inserts  {ROWS} rows  {bare['seconds']:7.2f} s  {ROWS / bare['seconds']:9.0f} rows/s  cpu {bare['cpu']:6.2f} s")
    print(f"longest hold of the writer, seen by another process: {max(waits):.2f} s ({len(waits)} writes)")
    print(f"ratio {bare['seconds'] / ours['wall']:.2f} (aim 0.70)")
    shutil.rmtree(FOLDER, ignore_errors=True)


main()
