# SPDX-License-Identifier: Apache-2.0
"""The disk of the PostgreSQL server is full: the import says so, the table is as it was, and when there is room again it goes in."""
import errno

from conftest import Site
from pg_server import Cluster
from test_disk import ROWS, TRIED, Disk, is_told, make_sheet, some_of


def test_a_database_server_on_a_full_disk(tmp_path, monkeypatch):
    disk = Disk("/primary/base/")
    for name, value in disk.environment.items():
        monkeypatch.setenv(name, value)
    with Cluster() as cluster:
        for name in ("LD_PRELOAD", "JB_DISK", "JB_DISK_UNDER"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("JB_TEST_POSTGRES", cluster.primary.url())
        site = Site(tmp_path)
        site.run("migrate")
        make_sheet(site)
        for words in ((), ("--on-error", "skip")):
            disk.heal()
            site.run("import", "cash.cashbook", "a.csv", *words)
            for first in some_of(disk.writes(), TRIED):
                site.sql("delete from cashbook")
                site.sql("vacuum full cashbook")  # so that there is something to grow
                disk.fail(errno.ENOSPC, first)
                _, err = site.run("import", "cash.cashbook", "a.csv", *words, status=None)
                disk.heal()
                found = site.number("select count(*) from cashbook")
                if site.status == 0:
                    assert found == ROWS
                else:
                    is_told(site, err)
                    assert found == 0 or words, err
                site.run("import", "cash.cashbook", "a.csv", *words)
                assert site.number("select count(*) from cashbook") == ROWS
        site.end_processes()
    disk.close()
