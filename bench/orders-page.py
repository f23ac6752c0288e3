#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""orders-page [PAGES] — one person's 25 orders, 125 items and their products: select + prefetch beside the same page read one by one, through our driver and through libpq.

One server that syncs nothing: 1,000 users, 20,000 orders, 100,000 items, 10,000 products. The ways take turns page by page. P50.
"""
import sys

import pg_bench

with pg_bench.cluster() as url:
    pg_bench.program("bench_orders_page", url, sys.argv[1] if len(sys.argv) > 1 else "300")
