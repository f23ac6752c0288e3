#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""import-django — 100,000 rows from one workbook: `jangbu import` against django-import-export with bulk operations, each a fresh process from start to commit.

Ours writes SQLite (synchronous=FULL), Django's PostgreSQL with its defaults: stage 3 compares on one database. Django's own start is left out of its time, ours is counted.
The peer needs Debian's python3-django, python3-django-import-export, python3-celery, python3-django-redis, python3-djangorestframework, python3-psycopg2, postgresql, redis-server; its data goes to $PEER_VAR (/tmp/jangbu-peer)."""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEER = os.environ.get("JB_PEER", os.path.join(ROOT, "..", "shared", "peers", "django"))
VAR = os.environ.get("PEER_VAR", "/tmp/jangbu-peer")
ROWS = 100000
ROUNDS = 3


def peer(*words):
    environment = {**os.environ, "PEER_VAR": VAR, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(["./peer.sh", *words], cwd=PEER, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"import-django: peer.sh {' '.join(words)} failed")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def ours(book):
    """Seconds and memory of one import into a new database, the whole process counted."""
    folder = tempfile.mkdtemp(prefix="jangbu-bench-")
    try:
        environment = {**os.environ, "DATABASE_URL": "sqlite:///bench.db"}
        binary = os.path.join(ROOT, "build", "jangbu")
        subprocess.run([binary, "migrate"], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started = os.times().elapsed
        out = subprocess.run([binary, "import", "cash.cashbook", book, "--json"], cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        seconds = os.times().elapsed - started
        result = json.loads(out)
        assert result["new"] == ROWS, result
        return seconds, result["peak_rss_bytes"] / 2**20
    finally:
        shutil.rmtree(folder)


def main():
    os.makedirs(VAR, exist_ok=True)
    os.chmod(VAR, 0o777)
    book = os.path.join(VAR, "data", f"cash_{ROWS}.xlsx")
    peer("setup")
    if not os.path.exists(book):
        peer("gen", str(ROWS))
    try:
        theirs = peer("import1", "bulk", str(ROWS), "1", "insert")[-1]
    finally:
        subprocess.run(["./peer.sh", "down"], cwd=PEER, env={**os.environ, "PEER_VAR": VAR}, stdout=subprocess.DEVNULL)
    runs = [ours(book) for _ in range(ROUNDS)]
    seconds = statistics.median(run[0] for run in runs)
    print(f"django-import-export bulk, PostgreSQL: {theirs['total_s']:.2f} s, {theirs['peak_rss_mb']:.0f} MiB")
    print(f"jangbu import, SQLite:                 {seconds:.2f} s, {max(run[1] for run in runs):.0f} MiB (median of {ROUNDS})")
    print(f"import-django: {theirs['total_s'] / seconds:.1f} x (ours SQLite, Django's PostgreSQL; wanted 40)")


if __name__ == "__main__":
    main()
