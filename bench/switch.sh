#!/bin/sh
# switch — what fibers cost, and a bare switch beside ucontext's.
# SPDX-License-Identifier: Apache-2.0
set -eu
ninja -C "$BUILD" bench/bench_switch >/dev/null
exec "$BUILD/bench/bench_switch"
