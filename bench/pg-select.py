#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pg-select [ROUNDS] — rows by their key: jb_get and jb_first of the cash book from 64 fibers on one loop, beside a bare libpq pipeline of 32 and beside PQexecPrepared.

One server that syncs nothing, 100,000 rows; in each round each way runs for a second. Medians.
"""
import sys

import pg_bench

with pg_bench.cluster() as url:
    pg_bench.program("bench_pg_select", url, sys.argv[1] if len(sys.argv) > 1 else "9")
