#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""import-django — 100,000 rows of one workbook: `jangbu import` beside django-import-export with bulk operations, each a fresh process from start to commit.

Insert: into an empty table. Update: all rows stand in the table; ours with other values, so that each is written, theirs as they are, which it writes all the same (skip_diff). Django's path is measured at 10,000 rows
and scaled by ten, which flatters it when it grows faster than the rows.
Both write PostgreSQL with its default durability; ours SQLite (synchronous=FULL), too. Django's own start is left out of its time, ours is counted.
The peer needs Debian's python3-django, python3-django-import-export, python3-celery, python3-django-redis, python3-djangorestframework, python3-psycopg2, postgresql, redis-server; its data goes to $PEER_VAR (/tmp/jangbu-peer)."""
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

import pg_bench

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEER = os.environ.get("JB_PEER", os.path.join(ROOT, "..", "shared", "peers", "django"))
VAR = os.environ.get("PEER_VAR", "/tmp/jangbu-peer")
BINARY = os.path.join(pg_bench.BUILD, "jangbu")
ROWS, SCALED = 100_000, 10_000
ROUNDS = 3


def peer(*words):
    environment = {**os.environ, "PEER_VAR": VAR, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(["./peer.sh", *words], cwd=PEER, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"import-django: peer.sh {' '.join(words)} failed")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def theirs():
    """Seconds to insert ROWS, and to update them (scaled)."""
    peer("setup")
    for rows in (ROWS, SCALED):
        if not os.path.exists(os.path.join(VAR, "data", f"cash_{rows}.xlsx")):
            peer("gen", str(rows))
    try:
        insert = peer("import1", "bulk", str(ROWS), "1", "insert")[-1]
        update = peer("import1", "bulk", str(SCALED), "1", "insert update")[-1]
    finally:
        subprocess.run(["./peer.sh", "down"], cwd=PEER, env={**os.environ, "PEER_VAR": VAR}, stdout=subprocess.DEVNULL)
    assert (insert["new"], update["update"]) == (ROWS, SCALED), (insert, update)
    print(f"django-import-export bulk: insert {insert['total_s']:.2f} s, {insert['peak_rss_mb']:.0f} MiB; update {update['total_s']:.2f} s of {SCALED} rows, so {update['total_s'] * ROWS / SCALED:.1f} s", flush=True)
    return insert["total_s"], update["total_s"] * ROWS / SCALED


class Ours:
    """One database in a folder of its own."""

    def __init__(self, url):
        self.url = url
        self.folder = tempfile.mkdtemp(prefix="jangbu-bench-")
        self.environment = {**os.environ, "DATABASE_URL": url}

    def run(self, *words):
        return subprocess.run([BINARY, *words], cwd=self.folder, env=self.environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

    def sql(self, text):
        if self.url.startswith("sqlite"):
            with sqlite3.connect(os.path.join(self.folder, "bench.db")) as database:
                database.execute(text)
        else:
            subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.url, "-c", text], check=True, stdout=subprocess.DEVNULL)

    def timed(self, book, **expected):
        """Seconds of one import, the whole process counted."""
        started = time.monotonic()
        result = json.loads(self.run("import", "cash.cashbook", book, "--json"))
        seconds = time.monotonic() - started
        for name, value in expected.items():
            assert result[name] == value, result
        return seconds, result["peak_rss_bytes"] / 2**20

    def measure(self, book):
        self.run("migrate")
        inserts, updates = [], []
        for _ in range(ROUNDS):
            self.sql("delete from cashbook")
            if not self.url.startswith("sqlite"):
                self.sql("vacuum analyze cashbook")
            inserts.append(self.timed(book, new=ROWS))
            self.sql("update cashbook set description = description || '!'")
            if not self.url.startswith("sqlite"):
                self.sql("vacuum analyze cashbook")
            updates.append(self.timed(book, changed=ROWS))
        shutil.rmtree(self.folder)
        return inserts, updates


def told(name, runs, peer_seconds, aim):
    seconds = statistics.median(run[0] for run in runs)
    print(f"jangbu, {name:19} {seconds:6.2f} s, {max(run[1] for run in runs):3.0f} MiB (median of {ROUNDS}): {peer_seconds / seconds:6.1f} x (aim {aim})", flush=True)
    return peer_seconds / seconds


def main():
    os.makedirs(VAR, exist_ok=True)
    os.chmod(VAR, 0o777)
    insert, update = theirs()
    book = os.path.join(VAR, "data", f"cash_{ROWS}.xlsx")
    with pg_bench.cluster(durable=True) as url:
        inserts, updates = Ours(url).measure(book)
    lowest = min(told("PostgreSQL, insert", inserts, insert, 60), told("PostgreSQL, update", updates, update, 60))
    inserts, updates = Ours("sqlite:///bench.db").measure(book)
    told("SQLite, insert", inserts, insert, 50)
    told("SQLite, update", updates, update, 50)
    print(f"import-django: {lowest:.1f} x (PostgreSQL, the lower of insert and update; aim 60)")


if __name__ == "__main__":
    main()
