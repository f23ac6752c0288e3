# SPDX-License-Identifier: Apache-2.0
"""A site on a primary and a replica while its servers come and go: who has saved sees what was saved, and only who needs the primary while it is gone is told so."""
import os
import re
import sys
import threading
import time

import pytest
import requests

TEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path[:0] = [os.path.join(TEST, "cli"), TEST]
import conftest  # noqa: E402
from pg_server import Cluster  # noqa: E402
from test_api import form_token, sign_in  # noqa: E402

CLIENTS = 8
ROUNDS = 150 if os.environ.get("JB_CAMPAIGN") == "full" else 6  # of each client in each phase
READS = 10  # after each save; at first the primary answers, later the replica
HANG_SECONDS = conftest.HANG_SECONDS


class Client(threading.Thread):
    """Gives its own tag a new name and reads it back."""

    def __init__(self, address, number):
        super().__init__(daemon=True)
        self.url = f"{address}/admin/shop/tag/{number + 1}/"
        self.session = sign_in(address, "boss")
        self.number, self.rounds, self.saved = number, 0, 0
        self.possible = {f"tag-{number}"}
        self.token = form_token(self.session.get(self.url, timeout=30))
        self.stale, self.errors, self.ending = [], [], False

    def ask(self, how, **more):
        """The answer; None when there was none or it was an excuse, which is noted with its time."""
        began = time.monotonic()
        try:
            answer = self.session.request(how, self.url, timeout=60, allow_redirects=False, **more)
            if answer.status_code in (200, 303):
                return answer
            what = f"{answer.status_code} {re.sub('<[^>]+>', ' ', answer.text)[-300:]}"
        except requests.RequestException as error:
            what = repr(error)
        self.errors.append((began, time.monotonic(), f"{how} {what}"))
        return None

    def run(self):
        while not self.ending:
            name = f"c{self.number}-{self.rounds}"
            if self.ask("POST", data={"name": name, "csrfmiddlewaretoken": self.token}, headers={"Referer": self.url}):
                self.possible = {name}
                self.saved += 1
            else:
                self.possible.add(name)  # it may have been saved, and the word of it lost
            for _ in range(READS):
                self.read()
            self.rounds += 1

    def read(self):
        page = self.ask("GET")
        if page:
            found = re.search(r'name="name"[^>]* value="([^"]*)"', page.text).group(1)
            if found not in self.possible:
                self.stale.append((time.monotonic(), found, self.possible, self.session.cookies.get("read_after")))
            self.token = form_token(page)


class Load:
    def __init__(self, address):
        self.clients = [Client(address, number) for number in range(CLIENTS)]
        for client in self.clients:
            client.start()

    def go_on(self):
        """Until every client has saved and read so often."""
        goals = [client.saved + ROUNDS for client in self.clients]
        limit = time.monotonic() + HANG_SECONDS
        while any(client.saved < goal for client, goal in zip(self.clients, goals)):
            assert time.monotonic() < limit, [(client.rounds, client.errors[-1:]) for client in self.clients]
            time.sleep(0.01)

    def errors(self):
        return [error for client in self.clients for error in client.errors]

    def stop(self):
        for client in self.clients:
            client.ending = True
        for client in self.clients:
            client.join(HANG_SECONDS)
            assert client.stale == []


@pytest.fixture(scope="module")
def cluster():
    with Cluster(replica=True) as made:
        yield made


@pytest.fixture
def site(tmp_path, cluster):
    made = conftest.Site(tmp_path)
    cluster.primary.sql("create database site")
    primary, replica = cluster.primary.url("site"), cluster.replica.url("site")
    hosts = [re.search(r"@([^/]+)", url).group(1) for url in (primary, replica)]
    made.environment["DATABASE_URL"] = primary.replace(hosts[0], ",".join(hosts)) + "?target_session_attrs=read-write"
    made.environment["DATABASE_REPLICA_URLS"] = replica
    made.run("migrate")
    made.run("user", "add", "boss", "--staff", "--superuser", "--password-stdin", stdin=b"correct horse\n")
    yield made
    made.end_processes()
    if cluster.primary.running():
        cluster.primary.sql("drop database site with (force)")


def wait_for(server, sql):
    limit = time.monotonic() + HANG_SECONDS
    while server.sql(sql, "site") != [["t"]]:
        assert time.monotonic() < limit, sql
        time.sleep(0.05)


def reads(server):
    """How often it was asked for one tag."""
    return int(server.sql("select coalesce(sum(calls), 0) from pg_stat_statements s join pg_database d on d.oid = dbid where datname = 'site' and query ilike 'select%from \"tags\"%'")[0][0])


def test_servers_pause_restart_and_are_promoted_under_load_without_a_stale_read(site, cluster):
    for number in range(CLIENTS):
        site_sql = f"insert into tags (name) values ('tag-{number}')"
        cluster.primary.sql(site_sql, "site")
    load = Load(site.serve("serve", "--processes", "2"))
    before = reads(cluster.replica)
    load.go_on()
    assert reads(cluster.replica) > before
    cluster.replica.pause()
    load.go_on()
    cluster.replica.resume()
    load.go_on()
    assert load.errors() == []  # nobody has noticed

    gone = [time.monotonic()]
    cluster.primary.restart()
    gone.append(time.monotonic())
    load.go_on()
    wait_for(cluster.primary, "select count(*) = 1 from pg_stat_replication where state = 'streaming'")  # what the replica has not got when the primary ends for good would be lost
    load.go_on()
    gone_for_good = [time.monotonic()]
    cluster.primary.stop()
    cluster.replica.promote()
    gone_for_good.append(time.monotonic())
    load.go_on()
    load.stop()
    print(len(load.errors()), "errors;", sum(client.rounds for client in load.clients), "rounds")
    outside = [error for error in load.errors() if not any(error[0] < end and error[1] > start for start, end in (gone, gone_for_good))]
    assert outside == []
    for client in load.clients:
        assert cluster.replica.sql(f"select name from tags where id = {client.number + 1}", "site")[0][0] in client.possible
