#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pg-copy [ROWS [ROUNDS]] — jb_bulk_insert of cash book rows into the table with its indexes, plain and as an upsert, beside COPY BINARY of rows encoded before, and beside staging COPY + insert … on conflict.

One server that syncs (a checkpoint before each run, none during it). Medians.
"""
import sys

import pg_bench

with pg_bench.cluster(durable=True, settings={"max_wal_size": "16GB", "checkpoint_timeout": "1h", "shared_buffers": "1GB", "autovacuum": "off"}) as url:
    pg_bench.program("bench_pg_copy", url, *(sys.argv[1:3] + ["1000000", "3"][len(sys.argv) - 1:]))
