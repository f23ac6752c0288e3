# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the web process, the worker or the database at random moments, and of a worker at each named place, while files go in: afterwards every file's rows are there, none lost, none twice, and nothing is left over.

A slice of a minute, its seed printed (JB_SEED repeats it); with JB_CAMPAIGN=full 100 kills on each database. docs/reliability.md has the counts of a whole one."""
import collections
import itertools
import os
import random
import threading
import time

import pytest
import requests

from conftest import HANG_SECONDS, ON_POSTGRESQL, Site, wait_until
from test_api import person, rows
from test_commands import line

if ON_POSTGRESQL:
    from pg_server import Cluster

CAMPAIGN = os.environ.get("JB_CAMPAIGN") == "full"
KILLS = 100 if CAMPAIGN else 10  # on each database
SLICE_SECONDS = 3600 if CAMPAIGN else 30
ROWS = 6000
PLACES = ["queue/work/claimed", "transfer/import/batch", "transfer/import/merge_chunk", "transfer/import/merged", "transfer/import/group",
          "store/postgres/commit" if ON_POSTGRESQL else "store/sqlite/commit", "transfer/spool/write"]
OFTEN = ("transfer/import/batch", "transfer/import/merge_chunk")  # passed more than once
OF_SKIP, OF_WEB = ("transfer/import/group",), ("transfer/spool/write",)
BY_WORKER, BY_WEB = {"IMPORT_ASYNC_BYTES": "1"}, {"IMPORT_ASYNC_BYTES": "5000000"}  # who imports a file of that size
STOPS_LATER = "sleep:40"  # at the places of the long parts, so that they are as long as those of a big file


class Service:
    """One process that is killed and started again."""

    def __init__(self, site, *words):
        self.site, self.words = site, words
        self.start()

    def start(self, **environment):
        self.environment = environment
        self.process = self.site.start(*self.words, LEASE_SECONDS="2", UNDO_DAYS="0", **environment)

    def kill(self):
        self.process.kill()  # SIGKILL
        self.process.wait(HANG_SECONDS)

    def address(self):
        return self.site.wait_log(self.process, r"listening on (http://[^\s\"]+)").group(1)


class Sender(threading.Thread):
    """Sends a file until somebody says that it is a job, as a program with an Idempotency-Key does."""

    def __init__(self, web, headers, key, sheet, on_error):
        super().__init__()
        self.web, self.headers, self.sheet = web, {**headers, "Idempotency-Key": key}, sheet
        self.path = f"/api/cash/cashbook/import?file_name={key}.csv&on_error={on_error}"
        self.job = None

    def run(self):
        limit = time.monotonic() + HANG_SECONDS
        while self.job is None and time.monotonic() < limit:
            try:
                answer = requests.post(self.web.address() + self.path, data=self.sheet, headers=self.headers, timeout=HANG_SECONDS)
            except (requests.RequestException, AssertionError):  # it was killed, and another one is not there yet
                time.sleep(0.05)
                continue
            if answer.status_code in (200, 202, 422):
                self.job = int(answer.headers["Location"].rsplit("/", 1)[1]) if answer.status_code == 202 else answer.json()["job"]
            elif answer.status_code in (500, 503):  # its database was killed
                time.sleep(0.05)
            else:
                return


@pytest.fixture
def server():
    if not ON_POSTGRESQL:
        yield None
        return
    with Cluster(durable=True) as cluster:
        yield cluster.primary


@pytest.fixture
def site(tmp_path, server, monkeypatch):
    if server:
        monkeypatch.setenv("JB_TEST_POSTGRES", server.url())
    made = Site(tmp_path)
    made.run("migrate")
    yield made
    made.end_processes()


def status_of(site, round_):
    found = site.rows(f"select status from import_jobs where file_name = 'r{round_}.csv'")
    return found[0][0] if found else "sending"


def die_at(dice, site, service, place, counts, round_):
    """One that dies by itself at a named place comes instead of the other."""
    service.kill()
    service.start(**BY_WORKER, JANGBU_FAULTS=f"{place}=crash@{dice.choice([0, 1]) if place in OFTEN else 0}")
    limit = time.monotonic() + 10
    while service.process.poll() is None and time.monotonic() < limit and status_of(site, round_) != "done":
        time.sleep(0.02)
    if service.process.poll() is None:
        counts[place, "not reached"] += 1
    else:
        counts[place, "before" if place in OF_WEB else "inside"] += 1
    service.kill()
    service.start(**BY_WORKER)


def kill(dice, site, server, web, worker, victim, counts, round_):
    """Somebody dies at a moment of his own; counts who, and what the import was doing."""
    if victim in PLACES:
        die_at(dice, site, web if victim in OF_WEB else worker, victim, counts, round_)
        return
    moment = dice.uniform(0, 0.5)
    if dice.random() < 0.7:  # inside, if it lasts that long
        wait_until(lambda: status_of(site, round_) not in ("sending", "queued"))
        moment /= 2
    time.sleep(moment)
    status = status_of(site, round_)
    counts[victim, {"running": "inside", "sending": "before", "queued": "before"}.get(status, "after")] += 1
    if victim == "database":
        server.kill()
        server.start()
        return
    service = web if victim == "web" else worker
    service.kill()
    service.start(**(dice.choice([BY_WORKER, BY_WEB]) if victim == "web" else {}))


def kills_of(counts):
    return sum(number for (_, when), number in counts.items() if when != "not reached")


def check_round(site, round_):
    found = site.rows(f"select count(*), count(distinct external_ref), cast(sum(expense) as integer) from cashbook where external_ref like 'CB-{round_}-%'")
    assert found == [(ROWS, ROWS, ROWS * 1000 * (1 if ON_POSTGRESQL else 100))], (round_, found)
    assert site.number(f"select count(*) from import_jobs where file_name = 'r{round_}.csv'") == 1


def test_whoever_is_killed_the_rows_are_those_of_the_files(site, server, capfd):
    seed = int(os.environ.get("JB_SEED", random.randrange(1_000_000)))
    with capfd.disabled():
        print(f"\nkills: seed {seed} (JB_SEED repeats it)", flush=True)
    dice, counts, began = random.Random(seed), collections.Counter(), time.monotonic()
    headers = person(site, "clerk", "cash.view_cashbook", "cash.add_cashbook", "cash.change_cashbook", "cash.import_cashbook")
    places = dice.sample(PLACES, len(PLACES))
    slow = {"JANGBU_FAULTS": f"transfer/import/batch={STOPS_LATER},transfer/import/merge_chunk={STOPS_LATER}"}
    site.environment.update(slow)
    web, worker = Service(site, "serve", "--listen", "127.0.0.1:0", "--threads", "1"), Service(site, "worker")
    for round_ in itertools.count():
        if kills_of(counts) >= KILLS or time.monotonic() - began > SLICE_SECONDS:
            break
        victim = places[round_ // 3 % len(places)] if round_ % 3 == 0 else dice.choice(["web", "worker", "worker"] + (["database"] if server else []))
        if victim in PLACES and web.environment != BY_WORKER:
            web.kill()
            web.start(**BY_WORKER)
        sender = Sender(web, headers, f"r{round_}", rows(*(line(f"{round_}-{n}") for n in range(ROWS))), "skip" if victim in OF_SKIP else dice.choice(["abort", "skip"]))
        sender.start()
        kill(dice, site, server, web, worker, victim, counts, round_)
        sender.join(HANG_SECONDS)
        assert sender.job is not None, counts
        wait_until(lambda: status_of(site, round_) in ("done", "failed", "cancelled"))
        assert status_of(site, round_) == "done", site.rows(f"select * from import_jobs where file_name = 'r{round_}.csv'")
        check_round(site, round_)
        site.sql("delete from cashbook")
    kills = kills_of(counts)
    inside = sum(number for (_, when), number in counts.items() if when == "inside")
    with capfd.disabled():
        print(f"kills: {kills}, {inside} inside an import; " + "; ".join(f"{who} {when}: {number}" for (who, when), number in sorted(counts.items())), flush=True)
    assert kills > 0 and (inside * 2 >= kills or kills < 8)  # of a few on a busy machine half may well be early
    assert not CAMPAIGN or all(counts[place, "inside"] + counts[place, "before"] for place in PLACES), counts
    worker.kill()
    worker.start()  # sweeps what the dead left
    wait_until(lambda: site.left_in("spool") == [])
    if ON_POSTGRESQL:
        wait_until(lambda: site.number("select count(*) from pg_class where relnamespace = to_regnamespace('jb_stage') and relkind = 'r'") == 0)
