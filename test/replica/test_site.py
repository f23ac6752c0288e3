# SPDX-License-Identifier: Apache-2.0
"""What a site with a replica tells: to its programs where they have written, to its operator which replica it does without."""
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import requests
from test_load import cluster, reads, site, wait_for  # noqa: F401

from conftest import wait_until
from test_api import form_token, sign_in


def metrics(address):
    answer = requests.get(address + "/metrics", timeout=30)
    assert answer.status_code == 200
    return {name: int(value) for name, value in re.findall(r"^jangbu_(\w+) (\d+)$", answer.text, re.MULTILINE)}


def first_tag(address, headers):
    page = requests.get(address + "/admin/shop/tag/1/", headers=headers, timeout=30)
    assert page.status_code == 200, page.text
    return re.search(r'name="name"[^>]* value="([^"]*)"', page.text).group(1)


def rename(address, name):
    """As a browser does it; the position that the answer tells."""
    session, url = sign_in(address, "boss"), address + "/admin/shop/tag/1/"
    answer = session.post(url, data={"name": name, "csrfmiddlewaretoken": form_token(session.get(url, timeout=30))}, headers={"Referer": url}, timeout=30, allow_redirects=False)
    assert answer.status_code == 303, answer.text
    assert session.cookies["read_after"] == answer.headers["X-Read-After"]
    return session, answer.headers["X-Read-After"]


def test_who_sends_the_position_of_a_write_back_sees_it_and_who_sends_an_older_one_may_not(site, cluster):  # noqa: F811
    cluster.primary.sql("insert into tags (name) values ('before')", "site")
    address = site.serve()
    token, _ = site.run("user", "token", "boss")
    bearer = {"Authorization": "Bearer " + token.strip()}
    wait_until(lambda: metrics(address)["db_replicas_usable"] == 1)
    _, early = rename(address, "first")
    wait_for(cluster.replica, "select name = 'first' from tags")
    cluster.replica.sql("select pg_wal_replay_pause()")
    try:
        session, late = rename(address, "second")
        assert int(late) > int(early)
        assert first_tag(address, {**bearer, "X-Read-After": late}) == "second"
        assert first_tag(address, bearer) == "second"  # a program that says nothing
        assert re.search(r'value="(\w+)"', re.search(r'name="name"[^>]*', session.get(address + "/admin/shop/tag/1/", timeout=30).text).group(0)).group(1) == "second"
        wait_until(lambda: first_tag(address, {**bearer, "X-Read-After": early}) == "first")  # from the replica, which stands still
    finally:
        cluster.replica.sql("select pg_wal_replay_resume()")
    wait_for(cluster.replica, "select name = 'second' from tags")
    before = reads(cluster.replica)
    wait_until(lambda: first_tag(address, {**bearer, "X-Read-After": late}) == "second" and reads(cluster.replica) > before)


def test_a_position_that_was_lost_is_found_by_the_next_request(site, cluster):  # noqa: F811
    lost = str((1 << 63) - 1)
    cluster.primary.sql("insert into tags (name) values ('before')", "site")
    address = site.serve()
    wait_until(lambda: metrics(address)["db_replicas_usable"] == 1)
    session, position = rename(address, "first")
    session.cookies.clear(name="read_after", domain="127.0.0.1", path="/")
    answer = session.get(address + "/admin/shop/tag/1/", headers={"X-Read-After": lost}, timeout=30)
    assert int(position) <= int(session.cookies["read_after"]) == int(answer.headers["X-Read-After"]) < int(lost)


def test_a_replica_that_lets_nobody_in_is_told_once_and_used_again_when_it_does(site, cluster):  # noqa: F811
    cluster.primary.sql("create role reader login password 'wrong'")
    try:
        cluster.primary.sql("grant pg_read_all_data to reader")
        wait_for(cluster.replica, "select count(*) = 1 from pg_roles where rolname = 'reader'")
        place = site.environment["DATABASE_REPLICA_URLS"].rsplit("@", 1)[1]
        address = site.serve(DATABASE_REPLICA_URLS="postgresql://reader:s3cret@" + place)
        process = site.processes[-1]
        told = site.wait_log(process, r"warning store: .*gets no reads.*").group(0)
        assert f"replica {place.split('/')[0]}" in told and "password authentication failed" in told and "s3cret" not in told, told
        assert metrics(address)["db_replicas"] == 1 and metrics(address)["db_replicas_usable"] == 0
        tried = metrics(address)["db_connection_errors_total"]
        wait_until(lambda: metrics(address)["db_connection_errors_total"] >= tried + 2)
        cluster.primary.sql("alter role reader password 's3cret'")
        site.wait_log(process, r"notice store: .*is used again")
        assert metrics(address)["db_replicas_usable"] == 1
        with open(process.log, encoding="utf-8") as file:
            assert file.read().count("gets no reads") == 1
        site.stop(process)
    finally:
        cluster.primary.sql("drop role reader")


def test_a_replica_that_is_none_is_told(site, cluster):  # noqa: F811
    site.serve(DATABASE_REPLICA_URLS=cluster.primary.url("site"))
    assert "takes writes itself" in site.wait_log(site.processes[-1], r"warning store: .*gets no reads.*").group(0)


def test_a_replica_of_another_database_is_told_and_not_read(site, cluster):  # noqa: F811
    address = site.serve(DATABASE_REPLICA_URLS=cluster.replica.url("postgres"))
    assert "it holds the database postgres, but the primary's is site" in site.wait_log(site.processes[-1], r"warning store: .*gets no reads.*").group(0)
    assert metrics(address)["db_replicas_usable"] == 0


def test_who_sees_that_an_import_is_done_sees_its_rows(site, cluster):  # noqa: F811
    cluster.primary.sql("insert into tags (name) values ('before')", "site")
    address = site.serve(DB_REPLICA_LAG_MS="1000000")
    wait_until(lambda: metrics(address)["db_replicas_usable"] == 1)
    wait_for(cluster.replica, "select count(*) = 1 from tags")
    session, book = sign_in(address, "boss"), address + "/admin/shop/tag/"

    def shows(name):
        return name in session.get(book, timeout=30).text

    def reads_the_replica():
        before = reads(cluster.replica)
        return shows("before") and reads(cluster.replica) > before

    wait_until(reads_the_replica)
    cluster.replica.sql("select pg_wal_replay_pause()")
    try:
        site.csv("a.csv", "name", "imported")
        job = site.json("import", "shop.tag", "a.csv")["job"]
        assert not shows("imported")  # somebody else's, as far as the session knows
        assert "Done" in session.get(f"{address}/admin/jobs/{job}/", timeout=30).text
        assert shows("imported")
    finally:
        cluster.replica.sql("select pg_wal_replay_resume()")


def test_the_counts_of_a_site_are_those_of_its_work(site, cluster):  # noqa: F811
    cluster.primary.sql("insert into tags (name) values ('one')", "site")
    address = site.serve(DB_POOL_MAX="20")
    before = metrics(address)
    assert before["db_connections_max"] < 20 and before["db_connections_waiting"] == 0 and before["db_connection_errors_total"] == 0
    session = sign_in(address, "boss")
    session.get(address + "/admin/shop/tag/", timeout=30)
    after = metrics(address)
    assert after["db_queries_total"] > before["db_queries_total"] and after["db_slow_queries_total"] == 0
    assert after["db_connections_used_percent"] == after["db_connections_active"] * 100 // after["db_connections_max"]


def calls(server, pattern):
    return int(server.sql(f"select coalesce(sum(calls), 0) from pg_stat_statements s join pg_database d on d.oid = dbid where datname = 'site' and query like '{pattern}'")[0][0])


def test_a_replica_that_lets_us_in_but_answers_nothing_is_asked_after_growing_pauses(site, cluster):  # noqa: F811
    cluster.primary.sql("create role reader login password 's3cret'")
    try:
        cluster.primary.sql("grant pg_read_all_data to reader; revoke execute on function pg_last_wal_replay_lsn() from public", "site")
        wait_for(cluster.replica, "select not has_function_privilege('reader', 'pg_last_wal_replay_lsn()', 'execute') from pg_roles where rolname = 'reader'")
        place = site.environment["DATABASE_REPLICA_URLS"].rsplit("@", 1)[1]
        site.serve(DATABASE_REPLICA_URLS="postgresql://reader:s3cret@" + place)
        process = site.processes[-1]
        assert "permission denied" in site.wait_log(process, r"warning store: .*gets no reads.*").group(0)
        rounds, tries = calls(cluster.primary, "%pg_current_wal_insert_lsn%"), calls(cluster.replica, "set timezone%")
        wait_until(lambda: calls(cluster.primary, "%pg_current_wal_insert_lsn%") >= rounds + 40)
        assert calls(cluster.replica, "set timezone%") - tries < 20  # of 40 rounds
        cluster.primary.sql("grant execute on function pg_last_wal_replay_lsn() to public", "site")
        site.wait_log(process, r"notice store: .*is used again")
        with open(process.log, encoding="utf-8") as file:
            assert file.read().count("gets no reads") == 1
        site.stop(process)
    finally:
        cluster.primary.sql("grant execute on function pg_last_wal_replay_lsn() to public; drop owned by reader; drop role reader", "site")


def test_a_pool_that_is_used_up_and_waited_for_is_counted(site, cluster):  # noqa: F811
    cluster.primary.sql("insert into tags (name) values ('before')", "site")
    address = site.serve(DB_POOL_MAX="5")  # one live, one shared, one listens, one looks: one is left
    url, sessions = address + "/admin/shop/tag/1/", [sign_in(address, "boss") for _ in range(2)]
    tokens = [form_token(session.get(url, timeout=30)) for session in sessions]
    before = metrics(address)
    assert (before["db_connections_max"], before["db_replicas"]) == (1, 1)

    def save(number):
        return sessions[number].post(url, data={"name": f"n{number}", "csrfmiddlewaretoken": tokens[number]}, headers={"Referer": url}, timeout=120, allow_redirects=False).status_code

    def shows(**values):
        wait_until(lambda: values.items() <= {name.removeprefix("db_connections_"): value for name, value in metrics(address).items()}.items())

    shows(active=0, open=1, used_percent=0, waiting=0)
    with subprocess.Popen(["psql", "-XAtq", "-d", cluster.primary.url("site")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder, ThreadPoolExecutor() as saving:
        try:
            holder.stdin.write("begin; lock table tags; select 'held';\n")
            holder.stdin.flush()
            assert holder.stdout.readline() == "held\n"
            answers = [saving.submit(save, 0)]
            shows(active=1, open=1, used_percent=100, waiting=0)
            answers.append(saving.submit(save, 1))
            shows(active=1, open=1, used_percent=100, waiting=1)
        finally:
            holder.stdin.close()  # which rolls back
        assert [answer.result() for answer in answers] == [303, 303]
    shows(active=0, used_percent=0, waiting=0)
    after = metrics(address)
    assert after["db_connection_waits_total"] > before["db_connection_waits_total"] and after["db_queries_total"] >= before["db_queries_total"] + 4  # each has looked and saved
