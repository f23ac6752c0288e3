# SPDX-License-Identifier: Apache-2.0
"""Slow statements in the log of a running site."""
import re

import pytest

from conftest import ON_POSTGRESQL
from test_api import person, sign_in
from test_commands import HEAD, line


def test_a_slow_statement_is_a_line_with_its_time_its_text_and_no_secrets(site):
    person(site, "clerk", "cash.view_cashbook")
    site.csv("a.csv", HEAD, *(line(n, description="찾는 말") for n in range(20000)))
    site.run("import", "cash.cashbook", "a.csv")
    address = site.serve(DB_SLOW_QUERY_SECONDS="0.001")
    process = site.processes[-1]
    session = sign_in(address, "clerk")
    assert session.get(address + "/admin/cash/cashbook/?q=찾는", timeout=30).status_code == 200
    text = site.wait_log(process, r"(?s)^.*slow_queries: [^\n]*찾는[^\n]*\n").group(0)
    lines = re.findall(r"^\S+ warning slow_queries: (.*)$", text, re.MULTILINE)
    assert lines and all(re.match(r"\[req \w+\] \d+\.\d{3} s: \S", one) for one in lines if one.startswith("[req")), lines[:5]
    search = [one for one in lines if "찾는" in one and "select" in one and "cashbook" in one]
    assert search, lines[-5:]
    assert session.cookies["sessionid"] not in text and "argon2" not in text


def test_a_slow_statement_with_a_secret_shows_none_of_it(site):
    person(site, "clerk", "cash.view_cashbook")
    if ON_POSTGRESQL:
        site.sql("create function dawdle() returns trigger language plpgsql as 'begin perform pg_sleep(0.02); return new; end'")
        site.sql("create trigger dawdle before insert on auth_session for each row execute function dawdle()")
    else:
        site.sql("create trigger dawdle before insert on auth_session begin select (with recursive c(n) as (select 1 union all select n + 1 from c where n < 300000) select max(n) from c); end", live=True)
    address = site.serve(DB_SLOW_QUERY_SECONDS="0.01")
    sign_in(address, "clerk")
    told = site.wait_log(site.processes[-1], r'warning slow_queries: \[req \w+\] \d+\.\d{3} s: insert into auth_session [^\n]*\n').group(0)
    ((stored,),) = site.rows("select token_hash from auth_session", live=True)
    assert '["…","…","…","…",' in told and str(stored) not in told, told


@pytest.mark.parametrize("on_error", ["abort", "skip"])
def test_an_import_rests_while_the_database_answers_slowly(site, on_error):
    site.csv("a.csv", HEAD, *(line(n) for n in range(3000)))
    slow = {"JANGBU_FAULTS": "transfer/import/latency=sleep:50*10,transfer/import/batch=sleep:20"}
    for limit, rests in (("20", True), ("0", False)):
        worker = site.start("worker", IMPORT_MAX_DB_LATENCY_MS=limit, **slow)
        job = site.json("import", "cash.cashbook", "a.csv", "--background", "--batch-rows", "100", "--on-error", on_error)["job"]
        result = site.json("jobs", "wait", str(job))
        assert (result["status"], result["rows"], result["refused"]) == ("done", 3000, 0)
        site.stop(worker)
        with open(worker.log, encoding="utf-8") as file:
            text = file.read()
        assert len(re.findall(r"takes \d+ ms for a small question .* the import slows down", text)) == rests, text
        assert len(re.findall(rf"the import of job {job} rested for [1-9]?\d*\.\d s in all", text)) == rests, text
