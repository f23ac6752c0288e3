#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""import-pg [ROWS [ROUNDS]] — a whole import (workbook to committed rows, a fresh process each) into PostgreSQL, beside what the bare library does with the same rows into the same table.

Into an empty table: beside COPY BINARY of rows encoded before. Into a table that holds as many others, and when all are changed: beside COPY BINARY into a staging table + insert … on conflict.
All unchanged: beside all changed. One server that syncs, a checkpoint before each run; medians. Peak memory is that of the import's process, at ROWS/10 and at ROWS."""
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

import pg_bench

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
FOLDER = os.path.join(os.path.abspath(os.environ.get("BENCH_DIR", "build/bench")), "import-pg")
JANGBU = os.path.join(pg_bench.BUILD, "jangbu")
COLUMNS = "external_ref, date, description, category, account, income, expense, counterparty, evidence, memo"
NAMES = COLUMNS.split(", ")


class Bench:
    def __init__(self, url):
        self.url = url
        self.environment = {**os.environ, "DATABASE_URL": url, "LANGUAGE": "en"}

    def jangbu(self, *words):
        done = subprocess.run([JANGBU, *words], cwd=FOLDER, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"jangbu {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def psql(self, *commands):
        return subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.url, *(word for command in commands for word in ("-c", command))], check=True, cwd=FOLDER, stdout=subprocess.PIPE, text=True).stdout

    def timed(self, work):
        self.psql("checkpoint")
        began = time.monotonic()
        result = work()
        return time.monotonic() - began, result

    def ours(self, file, **expected):
        seconds, out = self.timed(lambda: self.jangbu("import", "cash.cashbook", file, "--json"))
        result = json.loads(out)
        for name, value in expected.items():
            assert result[name] == value, result
        self.peak = max(self.peak, result["peak_rss_bytes"])
        return seconds

    def bare_copy(self, file):
        return self.timed(lambda: self.psql(f"\\copy cashbook ({COLUMNS}) from '{file}' (format binary)"))[0]

    def bare_upsert(self, file):
        sets = ", ".join(f"{name} = excluded.{name}" for name in NAMES[1:])
        return self.timed(lambda: self.psql("create unlogged table staging (like cashbook)", "alter table staging drop column id", f"\\copy staging ({COLUMNS}) from '{file}' (format binary)",
                                            f"insert into cashbook ({COLUMNS}) select {COLUMNS} from staging on conflict (external_ref) do update set {sets}", "drop table staging"))[0]

    def reset(self, *files):
        self.psql("truncate cashbook restart identity", *(f"\\copy cashbook ({COLUMNS}) from '{file}' (format binary)" for file in files), "vacuum analyze cashbook")


def line(what, rows, ours, bare, aim):
    ours, bare = statistics.median(ours), statistics.median(bare)
    print(f"{what:24} {rows} rows   ours {ours:7.2f} s   bare {bare:7.2f} s   ratio {ours / bare:.2f} (aim {aim:.2f})", flush=True)
    return ours


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    with pg_bench.cluster(durable=True, settings={"max_wal_size": "16GB", "checkpoint_timeout": "1h", "shared_buffers": "1GB", "autovacuum": "off"}) as url:
        bench = Bench(url)
        bench.peak = 0
        bench.jangbu("migrate")
        bench.jangbu("sheet", "generate", "cash.cashbook", str(ROWS // 10), "small.xlsx")
        bench.jangbu("sheet", "generate", "cash.cashbook", str(ROWS), "rows.xlsx")
        bench.ours("small.xlsx", new=ROWS // 10)
        small_peak, bench.peak = bench.peak, 0

        bench.psql("truncate cashbook restart identity")
        bench.jangbu("import", "cash.cashbook", "rows.xlsx")
        bench.psql(f"\\copy (select {COLUMNS} from cashbook order by id) to 'rows.bin' (format binary)",
                   f"\\copy (select 'other-' || external_ref as external_ref, {COLUMNS.split(', ', 1)[1]} from cashbook order by id) to 'others.bin' (format binary)",
                   f"\\copy (select external_ref, date, description || '!' as description, {COLUMNS.split(', ', 3)[3]} from cashbook order by id) to 'before.bin' (format binary)")

        times = {}
        for _ in range(ROUNDS):
            for name, files, expected in (("empty", (), {"new": ROWS}), ("others", ("others.bin",), {"new": ROWS}), ("changed", ("before.bin",), {"changed": ROWS}), ("unchanged", ("rows.bin",), {"unchanged": ROWS})):
                bench.reset(*files)
                times.setdefault(name, []).append(bench.ours("rows.xlsx", **expected))
                if name != "unchanged":
                    bench.reset(*files)
                    times.setdefault("bare " + name, []).append((bench.bare_copy if name == "empty" else bench.bare_upsert)("rows.bin"))
        line("into an empty table", ROWS, times["empty"], times["bare empty"], 1.2)
        line("beside as many others", ROWS, times["others"], times["bare others"], 1.2)
        changed = line("all changed", ROWS, times["changed"], times["bare changed"], 1.2)
        unchanged = statistics.median(times["unchanged"])
        print(f"all unchanged            {ROWS} rows   ours {unchanged:7.2f} s: {changed / unchanged:.1f} times as fast as all changed (aim 3.0)")
        print(f"peak memory {bench.peak / 2**20:.0f} MiB, {small_peak / 2**20:.0f} MiB at {ROWS // 10} rows (aim 96 and the shared strings)")
        print(f"import-pg: {statistics.median(times['empty']) / statistics.median(times['bare empty']):.2f} x COPY BINARY into an empty table (aim 1.20)")
    shutil.rmtree(FOLDER, ignore_errors=True)


main()
