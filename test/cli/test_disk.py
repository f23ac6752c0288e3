# SPDX-License-Identifier: Apache-2.0
"""A disk that fails (ENOSPC, EIO) at every single write of an import or export: one clear sentence, an intact table, and when the disk is well again everything goes on.

A few writes of each, their seed printed (JB_SEED repeats it); with JB_CAMPAIGN=full sixty."""
import errno
import mmap
import os
import random
import re
import shutil
import struct
import tempfile

import pytest
import requests

from conftest import BINARY, ON_POSTGRESQL, wait_until
from test_api import person
from test_commands import HEAD, line

SHIM = os.environ.get("JB_FAULTY_DISK", os.path.join(os.path.dirname(BINARY), "test", "cli", "faulty_disk.so"))
CAMPAIGN = os.environ.get("JB_CAMPAIGN") == "full"
TRIED = 60 if CAMPAIGN else 6  # writes that fail, of each kind
ROWS = 3000
FOREVER = 1 << 62
SENTENCE = re.compile(r"^jangbu: .*\b([Dd]isk|space left|[Ii]nput/output error)\b.*$", re.MULTILINE)


class Disk:
    """What the program that preloads it takes for a disk: writes to paths that contain `under`."""

    def __init__(self, under):
        self.folder = tempfile.mkdtemp(prefix="jb-disk-")
        os.chmod(self.folder, 0o755)  # a server of another user
        shim, control = shutil.copy(SHIM, self.folder), os.path.join(self.folder, "control")
        os.chmod(shim, 0o755)
        with open(control, "wb") as file:
            file.write(bytes(32))
        os.chmod(control, 0o666)
        with open(control, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 32)
        self.environment = {"LD_PRELOAD": shim, "JB_DISK": control, "JB_DISK_UNDER": under}
        for name in ("ASAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                self.environment[name] = os.environ[name] + ":verify_asan_link_order=0" * (name == "ASAN_OPTIONS")

    def fail(self, error, first=1, last=FOREVER):
        """Of the writes from now on."""
        self.memory[:] = struct.pack("qqqq", 0, first, last, error)

    def heal(self):
        self.fail(0, 0, -1)

    def writes(self):
        return struct.unpack("q", self.memory[:8])[0]

    def close(self):
        self.memory.close()
        shutil.rmtree(self.folder)


@pytest.fixture
def disk(site):
    made = Disk(site.folder + "/")
    yield made
    made.close()


def some_of(writes, count):
    """Numbers of that many writes."""
    seed = int(os.environ.get("JB_SEED", random.randrange(1000000)))
    print(f"{writes} writes, seed {seed}")
    assert writes > 2  # the library is loaded
    return sorted(random.Random(seed).sample(range(1, writes + 1), min(count, writes)))


def points(disk):
    """(error, first, last) of what fails: a full disk stays full, a bad block is one."""
    writes = disk.writes()
    for error in (errno.ENOSPC, errno.EIO):
        for number in some_of(writes, TRIED):
            yield error, number, FOREVER if error == errno.ENOSPC else number


def make_sheet(site):
    site.csv("a.csv", HEAD, *(line(n) for n in range(ROWS)))


def is_told(site, err):
    assert site.status in (9, 70) and SENTENCE.search(err), f"exit {site.status}: {err}"


@pytest.mark.parametrize("on_error", ["abort", "skip"])
def test_an_import_meets_a_disk_that_fails(site, disk, on_error):
    words = ("import", "cash.cashbook", "a.csv", "--on-error", on_error)
    make_sheet(site)
    site.run(*words, **disk.environment)
    for error, first, last in list(points(disk)):
        site.sql("delete from cashbook")
        disk.fail(error, first, last)
        _, err = site.run(*words, status=None, **disk.environment)
        disk.heal()
        found, what = site.number("select count(*) from cashbook"), f"{errno.errorcode[error]} at write {first}: exit {site.status}, {err}"
        if site.status == 0:
            assert found == ROWS, what
        else:
            is_told(site, err)
            assert found == 0 or (on_error == "skip" and f"The {found} rows already applied stay." in err), f"{what}, {found} rows"
        site.run(*words)
        assert site.number("select count(*) from cashbook") == ROWS and site.number("select count(distinct external_ref) from cashbook") == ROWS, what
    if not ON_POSTGRESQL:
        assert site.rows("pragma integrity_check") == [("ok",)]
    site.sql("update import_jobs set created_at = '2026-01-01 00:00:00.000000'")  # one that is about to start looks the same for a minute
    site.start("worker")
    wait_until(lambda: site.number("select count(*) from import_jobs where status in ('queued', 'running')") == 0)
    for (job,) in site.rows("select id from import_jobs where status = 'failed' order by id"):
        site.run("jobs", "retry", str(job))
    wait_until(lambda: site.number("select count(*) from import_jobs where status <> 'done'") == 0)
    assert site.number("select count(*) from cashbook") == ROWS
    wait_until(lambda: site.left_in("spool") == [])


def test_an_export_meets_a_disk_that_fails(site, disk):
    words = ("export", "cash.cashbook", "-o", "out.xlsx")
    make_sheet(site)
    site.run("import", "cash.cashbook", "a.csv")
    site.run(*words, **disk.environment)
    with open(site.path("out.xlsx"), "rb") as file:
        before = file.read()
    for error, first, last in list(points(disk)):
        disk.fail(error, first, last)
        _, err = site.run(*words, status=None, **disk.environment)
        disk.heal()
        if site.status != 0:
            is_told(site, err)
            with open(site.path("out.xlsx"), "rb") as file:
                assert file.read() == before, err
        assert [name for name in os.listdir(site.folder) if "out.xlsx" in name] == ["out.xlsx"], err
        site.run("sheet", "info", "out.xlsx")


def test_a_server_on_a_full_disk_says_so_and_goes_on_when_there_is_room(site, disk):
    clerk = person(site, "clerk", "cash.view_cashbook", "cash.add_cashbook", "cash.change_cashbook", "cash.import_cashbook")
    address = site.serve("up", **disk.environment)
    assert requests.get(address + "/healthz", timeout=60).status_code == 200
    sheet = "\n".join([HEAD, *(line(n) for n in range(ROWS))]).encode()
    send = lambda: requests.post(address + "/api/cash/cashbook/import?file_name=a.csv", data=sheet, headers={**clerk, "Accept-Language": "en"}, timeout=60)
    disk.fail(errno.ENOSPC)
    answer = send()
    assert answer.status_code == 507 and "disk has no room" in answer.json()["detail"], answer.text
    assert site.number("select count(*) from cashbook") == 0
    disk.heal()
    answer = send()
    assert answer.status_code in (200, 202), answer.text
    wait_until(lambda: site.number("select count(*) from cashbook") == ROWS)
    wait_until(lambda: site.left_in("spool") == [])
