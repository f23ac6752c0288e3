# SPDX-License-Identifier: Apache-2.0
"""What the benches on PostgreSQL share: a server of their own, a program that is built when it is needed, how busy the machine is."""
import contextlib
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test"))
import pg_server  # noqa: E402

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))


@contextlib.contextmanager
def cluster(durable=False, settings=None):
    """The URL of a fresh database. Prints the load before and after: other work on the machine is in every figure."""
    with pg_server.Cluster(durable=durable) as servers:
        for name, value in (settings or {}).items():
            servers.primary.sql(f"alter system set {name} = '{value}'")
        if settings:
            servers.primary.restart()
        servers.primary.sql("create database bench")
        print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
        yield servers.primary.url("bench")
        print(f"load after: {os.getloadavg()[0]:.1f}", flush=True)


def program(name, *words):
    """Builds the program of bench/meson.build and runs it."""
    subprocess.run(["ninja", "-C", BUILD, f"bench/{name}"], check=True, stdout=subprocess.DEVNULL)
    if subprocess.run([os.path.join(BUILD, "bench", name), *words], check=False).returncode != 0:
        sys.exit(1)
