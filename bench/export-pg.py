#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""export-pg [ROWS [ROUNDS]] — the cash book, PostgreSQL → xlsx: `jangbu export` (the whole process, from start to exit) beside COPY of the same table to /dev/null in the server, and beside libxlsxwriter
with constant_memory (Debian's libxlsxwriter-dev; left out when it is not there). Each in turn, medians.

How much memory the export took is the kernel's word (ru_maxrss). The file is read back once: as many rows, and the sums as the database has them.
"""
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

import pg_bench

ROWS, ROUNDS = (int(word) for word in (sys.argv[1:] + ["1000000", "3"][len(sys.argv) - 1:])[:2])
JANGBU = os.path.join(pg_bench.BUILD, "jangbu")


def timed(*words, environment=None):
    started = time.monotonic()
    pid = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    out = pid.stdout.read()
    _, status, usage = os.wait4(pid.pid, 0)
    if status != 0:
        sys.exit(f"export-pg: {' '.join(words)} failed")
    return time.monotonic() - started, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime, out.decode()


def lxw():
    """The peer, built here; None when its library is not installed."""
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "xlsxwriter", "libpq"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if flags.returncode != 0:
        print("libxlsxwriter is not installed (apt-get install libxlsxwriter-dev): left out")
        return None
    program = os.path.join(pg_bench.BUILD, "bench", "export_lxw")
    os.makedirs(os.path.dirname(program), exist_ok=True)
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", program, os.path.join("bench", "export_lxw.c"), *flags.stdout.split()], check=True)
    return program


def main():
    peer = lxw()
    with pg_bench.cluster(settings={"shared_buffers": "1GB", "max_wal_size": "16GB", "autovacuum": "off"}) as url, tempfile.TemporaryDirectory(prefix="jangbu-bench-") as folder:
        environment = {**os.environ, "DATABASE_URL": url, "SPOOL_DIR": folder + "/spool", "MEDIA_DIR": folder + "/media", "SECRET_KEY": "bench"}

        def psql(sql):
            return subprocess.run(["psql", "-X", "-q", "-t", "-A", "-d", url, "-c", sql], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

        subprocess.run([JANGBU, "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run([JANGBU, "sheet", "generate", "cash.cashbook", str(ROWS), folder + "/rows.csv"], env=environment, check=True, stderr=subprocess.DEVNULL)
        subprocess.run([JANGBU, "import", "cash.cashbook", folder + "/rows.csv"], env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        psql("vacuum analyze cashbook")
        seconds = {"ours": [], "copy": [], "stdout": [], "lxw": []}
        memory = cpu = 0
        for _ in range(ROUNDS):
            seconds["copy"].append(float(re.search(r"Time: ([0-9.]+)", subprocess.run(["psql", "-X", "-d", url, "-c", r"\timing on", "-c", "copy cashbook to '/dev/null'"], check=True, stdout=subprocess.PIPE, text=True).stdout)[1]) / 1000)
            seconds["stdout"].append(timed("sh", "-c", f"psql -X -d '{url}' -c 'copy cashbook to stdout' > /dev/null")[0])
            took, memory, cpu, out = timed(JANGBU, "export", "cash.cashbook", "-o", folder + "/ours.xlsx", "--json", environment=environment)
            seconds["ours"].append(took)
            if peer:
                seconds["lxw"].append(float(timed(peer, url, folder + "/lxw.xlsx")[3].split()[1]))
        result = json.loads(out)
        sums = {total["column"]: total["sum"] for total in result["totals"]}
        assert result["rows"] == ROWS and psql("select sum(income) || ' ' || sum(expense) from cashbook") == f"{sums['income']} {sums['expense']}", result
        middle = {name: statistics.median(times) for name, times in seconds.items() if times}
        print(f"{ROWS} rows: {result['bytes'] / 2**20:.1f} MiB" + (f" (libxlsxwriter {os.path.getsize(folder + '/lxw.xlsx') / 2**20:.1f} MiB)" if peer else ""))
        print(f"jangbu export            {middle['ours']:.2f} s   {cpu:.2f} s of CPU, {memory:.0f} MiB   {[round(one, 2) for one in seconds['ours']]}")
        print(f"copy to '/dev/null'      {middle['copy']:.2f} s   {[round(one, 2) for one in seconds['copy']]}")
        print(f"copy to stdout, psql     {middle['stdout']:.2f} s   {[round(one, 2) for one in seconds['stdout']]}")
        if peer:
            print(f"libxlsxwriter            {middle['lxw']:.2f} s   {[round(one, 2) for one in seconds['lxw']]}")
        print(f"export-pg: {middle['ours'] / middle['copy']:.2f} x COPY to nothing (wanted at most 1.8)" + (f", {middle['lxw'] / middle['ours']:.1f} x as fast as libxlsxwriter constant_memory (wanted 6)" if peer else ""))


if __name__ == "__main__":
    main()
