# SPDX-License-Identifier: Apache-2.0
"""What an import would change, as a workbook: of a dry run, and of a preview that waits."""
import os
import re

import pytest
import requests

from conftest import wait_until
from test_api import form_token, person, rows, sign_in, wait_job
from test_commands import HEAD, line

XLSX = "differences.xlsx"


def cells(site, name=XLSX):
    """{row: {column: value}} below the head."""
    found = {}
    for text in site.run("sheet", "cells", name)[0].splitlines():
        row, column, _, value = text.split("\t")
        found.setdefault(int(row), {})[int(column)] = value
    del found[1]
    return found


def sweep(site):
    """A worker that starts removes what nobody needs, the results of jobs last."""
    orphan = "media/job-999-export-abc.xlsx"
    with open(site.path(orphan), "wb"):
        pass
    worker = site.start("worker", "-Q", "nothing")
    wait_until(lambda: not os.path.exists(site.path(orphan)))
    site.stop(worker)


@pytest.fixture
def book(site):
    site.csv("a.csv", HEAD, *(line(n) for n in range(100)))
    site.run("import", "cash.cashbook", "a.csv")
    return site.csv("b.csv", HEAD, line(1), *(line(n, expense="2000") for n in range(2, 5)), line(900))


def test_a_dry_run_writes_what_would_change_and_keeps_nothing(site, book):
    job = site.json("import", "cash.cashbook", book, "--dry-run", "--differences", XLSX)
    assert job["differences_file"] is None  # it is in the file, and the job has it no more
    assert (job["status"], job["dry_run"], job["new"], job["changed"], job["unchanged"]) == ("done", True, 1, 3, 1)
    assert cells(site) == {n: {1: str(n + 1), 2: f'"CB-{n}"', 3: '"Expense"', 4: '"1000.00"', 5: '"2000.00"'} for n in range(2, 5)}
    assert site.number("select count(*) from cashbook where expense = " + ("1000" if "DATABASE_URL" in site.environment else "100000")) == 100
    assert site.left_in("spool") == []
    _, err = site.run("jobs", "differences", str(job["job"]), "-o", "again.xlsx", status=6)
    assert "kept no differences" in err and not os.path.exists(site.path("again.xlsx"))


def test_references_are_told_as_people_write_them(site):
    for number in (1, 2):
        site.sql(f"insert into projects (code, name) values ('P-{number}', 'a project')")
    head = HEAD + ",project"
    site.csv("a.csv", head, line(1) + ",P-1", line(2) + ",P-1")
    site.run("import", "cash.projectcashbook", "a.csv")
    site.csv("b.csv", head, line(1) + ",P-2", line(2) + ",P-1")
    site.run("import", "cash.projectcashbook", "b.csv", "--dry-run", "--differences", XLSX)
    (difference,) = cells(site).values()
    assert (difference[1], difference[4], difference[5]) == ("2", '"P-1"', '"P-2"')


@pytest.mark.parametrize("words", [[], ["--dry-run", "--background"]])
def test_differences_are_of_a_dry_run_here_and_now(site, book, words):
    _, err = site.run("import", "cash.cashbook", book, "--differences", XLSX, *words, status=2)
    assert "--dry-run" in err and site.number("select count(*) from import_jobs") == 1


def test_differences_do_not_go_to_standard_output(site, book):
    _, err = site.run("import", "cash.cashbook", book, "--dry-run", "--differences", "-", status=2)
    assert "--differences wants a file" in err


def test_a_file_that_cannot_be_written_is_told_before_anything_is_read(site, book):
    _, err = site.run("import", "cash.cashbook", book, "--dry-run", "--differences", "nowhere/d.xlsx", status=3)
    assert "--differences nowhere/d.xlsx" in err and site.number("select count(*) from import_jobs") == 1


def test_of_a_preview_that_waits_a_terminal_gets_them_too(site, book):
    person(site, "clerk", "cash.view_cashbook", "cash.add_cashbook", "cash.change_cashbook", "cash.import_cashbook")
    address = site.serve("up")
    session = sign_in(address, "clerk")
    token = form_token(session.get(address + "/admin/cash/cashbook/import/", timeout=30))
    with open(site.path(book), "rb") as file:
        answer = session.post(address + "/admin/cash/cashbook/import/", files={"csrfmiddlewaretoken": (None, token), "file": ("b.csv", file.read())}, timeout=60)
    job = re.search(r"/admin/jobs/(\d+)/", answer.url).group(1)
    wait_until(lambda: "differences.xlsx" in session.get(f"{address}/admin/jobs/{job}/", timeout=30).text)
    _, err = site.run("jobs", "differences", job, status=2)
    assert "-o" in err
    site.run("jobs", "differences", job, "-o", XLSX)
    assert len(cells(site)) == 3


def test_the_api_keeps_them_for_whoever_asked(site, book):
    clerk = person(site, "clerk", "cash.view_cashbook", "cash.add_cashbook", "cash.change_cashbook", "cash.import_cashbook")
    other = person(site, "other", "cash.view_cashbook", "cash.add_cashbook", "cash.change_cashbook", "cash.import_cashbook")
    address = site.serve("up")

    def dry_run(parameters):
        with open(site.path(book), "rb") as file:
            answer = requests.post(f"{address}/api/cash/cashbook/import?file_name=b.csv&{parameters}", data=file.read(), headers=clerk, timeout=60)
        assert answer.status_code in (200, 202), answer.text
        return answer.json() if answer.status_code == 200 else wait_job(address, answer.headers["Location"], clerk)

    job = dry_run("dry_run=true&differences=true")
    path = f"/api/jobs/{job['job']}/differences"
    assert job["differences_file"] == f"/admin/jobs/{job['job']}/differences.xlsx"
    sweep(site)
    answer = requests.get(address + path, headers=clerk, timeout=60)
    assert answer.status_code == 200 and "attachment" in answer.headers["Content-Disposition"]
    with open(site.path(XLSX), "wb") as file:
        file.write(answer.content)
    assert cells(site) == {n: {1: str(n + 1), 2: f'"CB-{n}"', 3: '"Expense"', 4: '"1000.00"', 5: '"2000.00"'} for n in range(2, 5)}
    session = sign_in(address, "clerk")
    page = session.get(f"{address}/admin/jobs/{job['job']}/", timeout=30)
    assert 'href="/admin/jobs/%d/differences.xlsx"' % job["job"] in page.text and session.get(f"{address}/admin/jobs/{job['job']}/differences.xlsx", timeout=30).status_code == 200
    assert requests.get(address + path, headers=other, timeout=60).status_code == 403
    plain = dry_run("dry_run=true")
    answer = requests.get(f"{address}/api/jobs/{plain['job']}/differences", headers=clerk, timeout=60)
    assert plain["differences_file"] is None and answer.status_code == 409 and "differences=true" in answer.text
    alone = requests.post(address + "/api/cash/cashbook/import?file_name=b.csv&differences=true", data=rows(line(1)), headers=clerk, timeout=60)
    assert alone.status_code == 422 and "dry_run" in alone.text
    site.end_processes()
    site.sql(f"update import_jobs set expires_at = created_at where id = {job['job']}")
    sweep(site)
    assert [name for name in site.left_in("spool") if name.endswith(".sealed")] == []


def test_where_rows_are_refused_and_nothing_would_change_no_file_is_written_and_it_is_said(site, book):
    site.csv("b.csv", HEAD, line(1, expense="2000"), line(2, expense="x"))
    _, err = site.run("import", "cash.cashbook", "b.csv", "--dry-run", "--differences", XLSX, status=3)
    assert f"{XLSX} was not written" in err and not os.path.exists(site.path(XLSX))
    job = site.number("select max(id) from import_jobs")
    _, err = site.run("jobs", "differences", str(job), "-o", XLSX, status=6)
    assert "--on-error skip" in err
    site.run("import", "cash.cashbook", "b.csv", "--dry-run", "--differences", XLSX, "--on-error", "skip", status=3)
    assert len(cells(site)) == 1
