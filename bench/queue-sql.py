#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""queue-sql [TASKS] [FINISHED] — claiming and finishing tasks that do nothing, beside bare pgbench of `delete … for update skip locked limit 100` on the same table (queue-claim.sql).

One server that syncs its log; two processes each: pgbench with as many clients, ours with 100 tasks at once and four times as many taken in advance. FINISHED rows stand in the history before. Three rounds each, medians.
"""
import os
import statistics
import subprocess
import sys
import time

import pg_bench

TASKS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
FINISHED = int(sys.argv[2]) if len(sys.argv) > 2 else 0
HERE = os.path.dirname(os.path.abspath(__file__))
PROCESSES = 2
SECONDS = 4


def fill(url, count):
    pg_bench.program("bench_queue_sql", "fill", url, str(count))
    sql(url, "vacuum analyze queue_entries")


def sql(url, text):
    return subprocess.run(["psql", "-XAtq", url, "-c", text], check=True, capture_output=True, text=True).stdout.strip()


def bare(url, clients):
    sql(url, "truncate queue_entries")
    fill(url, 400_000)
    before = int(sql(url, "select count(*) from queue_entries"))
    out = subprocess.run(["pgbench", "-n", "-f", os.path.join(HERE, "queue-claim.sql"), "-c", str(clients), "-j", str(clients), "-T", str(SECONDS), url], check=True, capture_output=True, text=True).stdout
    left = int(sql(url, "select count(*) from queue_entries"))
    assert left > 0, "pgbench found an empty table: " + out
    return (before - left) / SECONDS


def ours(url):
    sql(url, "truncate queue_entries")
    fill(url, TASKS)
    before = int(sql(url, "select count(*) from queue_history"))
    program = os.path.join(pg_bench.BUILD, "bench", "bench_queue_sql")
    started = time.monotonic()
    workers = [subprocess.Popen([program, "work", url, "100", "4"]) for _ in range(PROCESSES)]
    assert all(worker.wait() == 0 for worker in workers)
    wall = time.monotonic() - started
    assert sql(url, "select count(*) from queue_entries") == "0" and int(sql(url, "select count(*) from queue_history")) == before + TASKS
    inside = float(sql(url, f"select extract(epoch from max(finished_at) - min(started_at)) from (select * from queue_history order by id desc limit {TASKS}) h"))
    print(f"  ours: {TASKS} in {wall:.2f} s with the start of the processes, {inside:.2f} s without", flush=True)
    return TASKS / inside


with pg_bench.cluster(durable=True) as url:
    fill(url, 1)
    if FINISHED:
        sql(url, f"insert into queue_history (id, name, queue, payload, status, priority, attempts, created_at, started_at, finished_at) select -n, 'bench.noop', 'default', '{{}}', 'done', 5, 1, now(), now(), now() - n * interval '1 second' from generate_series(1, {FINISHED}) n")
        sql(url, "vacuum analyze queue_history")
    both = [(bare(url, PROCESSES), ours(url)) for _ in range(3)]
    for theirs, mine in both:
        print(f"  round: pgbench {theirs:.0f}/s, ours {mine:.0f}/s", flush=True)
    theirs, mine = statistics.median(pair[0] for pair in both), statistics.median(pair[1] for pair in both)
    print(f"history before: {FINISHED}; pgbench {theirs:.0f} rows/s, ours {mine:.0f} tasks/s")
    print(f"ratio {mine / theirs:.2f}")
