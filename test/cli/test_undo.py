# SPDX-License-Identifier: Apache-2.0
"""A whole import taken back: at a terminal, by the API, and on the pages without scripts."""
import re

import pytest
import requests

from conftest import ON_POSTGRESQL, wait_until
from test_api import form_token, person, rows, sign_in, wait_job
from test_commands import HEAD, line

IMPORTER = ["cash." + verb + "_cashbook" for verb in ("view", "add", "change", "import")]
EVERYTHING = IMPORTER + ["cash.delete_cashbook"]
TABLE = "select external_ref, date, description, income, expense, memo from cashbook order by external_ref"


def changed(number, **cells):
    return line(number, description="changed", **cells)


def imported(site):
    """Ten rows, and an import that adds two and changes two. What stood before it, and its job."""
    site.csv("a.csv", HEAD, *[line(number) for number in range(1, 11)])
    site.run("import", "cash.cashbook", "a.csv")
    before = site.rows(TABLE)
    site.csv("b.csv", HEAD, changed(1), changed(2), line(3), line(11), line(12))
    job = site.json("import", "cash.cashbook", "b.csv")
    assert (job["new"], job["changed"], job["unchanged"], job["undone_by"]) == (2, 2, 1, None) and job["undo_until"]
    return before, job["job"]


def test_at_a_terminal_an_import_is_undone(site):
    before, job = imported(site)
    undo = site.json("jobs", "undo", str(job))
    assert (undo["kind"], undo["status"], undo["undoes"], undo["rows"], undo["removed"], undo["restored"], undo["left"]) == ("undo", "done", job, 4, 2, 2, 0)
    assert site.rows(TABLE) == before
    assert site.json("jobs", "show", str(job))["undone_by"] == undo["job"]
    _, err = site.run("jobs", "undo", str(job), status=6)
    assert f"already, by job {undo['job']}" in err
    _, err = site.run("jobs", "undo", str(undo["job"]), status=6)
    assert "is no import" in err
    assert site.left_in("spool") == [] and site.left_in("media") == []


def test_rows_touched_since_are_left_told_and_exit_3(site):
    _, job = imported(site)
    reference = "CB-11"
    site.sql(f"update cashbook set memo = 'by hand' where external_ref = '{reference}'")
    out, err = site.run("jobs", "undo", str(job), status=3)
    assert "1 rows removed, 2 restored, 1 left" in out and "changed after the import" in err and "by hand" in err
    undo = site.json("jobs", "list", "--limit", "1", status=0)
    assert undo["errors"][0]["key"] == reference and undo["refused_file"]
    assert len(site.left_in("media")) == 1
    site.sql(f"update cashbook set memo = null where external_ref = '{reference}'")
    assert site.json("jobs", "undo", str(job))["removed"] == 1


def test_a_closed_month_stays_and_says_so(site):
    _, job = imported(site)
    month = str(site.rows("select date from cashbook where description = 'changed'")[0][0])[:7]
    site.csv("m.csv", "month", month)
    site.run("import", "cash.closedmonth", "m.csv")
    undo = site.json("jobs", "undo", str(job), status=3)
    assert undo["left"] > 0 and month in undo["errors"][0]["reason"]
    assert site.number("select count(*) from cashbook where description = 'changed'") == 2


def test_with_undo_days_0_nothing_is_kept(site):
    site.csv("a.csv", HEAD, line(1))
    job = site.json("import", "cash.cashbook", "a.csv", UNDO_DAYS="0")
    assert job["undo_until"] is None
    _, err = site.run("jobs", "undo", str(job["job"]), status=6)
    assert "UNDO_DAYS" in err


def test_the_api_undoes_once_however_often_it_is_asked(site):
    boss = person(site, "boss", *EVERYTHING)
    address = site.serve()
    job = requests.post(address + "/api/cash/cashbook/import?file_name=a.csv", data=rows(line(1), line(2)), headers={**boss, "Idempotency-Key": "import"}, timeout=60).json()["job"]
    wait_job(address, f"/api/jobs/{job}", boss)
    wrong = requests.post(f"{address}/api/jobs/{job}/undo", headers={**boss, "Idempotency-Key": "import"}, timeout=60)
    assert wrong.status_code == 409 and str(job) in wrong.json()["detail"], wrong.text
    typo = requests.post(f"{address}/api/jobs/{job}/undo?hole=true", headers=boss, timeout=60)
    assert typo.status_code == 422 and "whole" in typo.text and site.number("select count(*) from cashbook") == 2
    answers = [requests.post(f"{address}/api/jobs/{job}/undo", headers={**boss, "Idempotency-Key": "once"}, timeout=60) for _ in range(3)]
    assert {answer.status_code for answer in answers} <= {200, 202}
    assert len({answer.json()["job"] for answer in answers}) == 1
    whole = requests.post(f"{address}/api/jobs/{job}/undo?whole=true", headers={**boss, "Idempotency-Key": "once"}, timeout=60)
    assert whole.status_code == 409 and "something else" in whole.json()["detail"], whole.text
    undo = wait_job(address, f"/api/jobs/{answers[0].json()['job']}", boss)
    assert (undo["undoes"], undo["removed"], undo["left"]) == (job, 2, 0)
    assert site.number("select count(*) from cashbook") == 0
    wrong = requests.post(address + "/api/cash/cashbook/import?file_name=a.csv", data=rows(line(1), line(2)), headers={**boss, "Idempotency-Key": "once"}, timeout=60)
    assert wrong.status_code == 409 and site.number("select count(*) from cashbook") == 0, wrong.text
    again = requests.post(f"{address}/api/jobs/{job}/undo", headers=boss, timeout=60)
    assert again.status_code == 409 and again.headers["Content-Type"].startswith("application/problem+json")


def test_an_undo_takes_the_rights_that_its_rows_need(site):
    clerk, other, boss = person(site, "clerk", *IMPORTER), person(site, "other", *EVERYTHING), person(site, "boss", *EVERYTHING)
    address = site.serve()
    job = requests.post(address + "/api/cash/cashbook/import?file_name=a.csv", data=rows(line(1)), headers=clerk, timeout=60).json()["job"]
    wait_job(address, f"/api/jobs/{job}", clerk)
    denied = requests.post(f"{address}/api/jobs/{job}/undo", headers=clerk, timeout=60)
    assert denied.status_code == 403 and "delete" in denied.text
    assert requests.post(f"{address}/api/jobs/{job}/undo", headers=other, timeout=60).status_code == 403
    assert requests.post(f"{address}/api/jobs/{job}/undo", timeout=60).status_code == 401
    assert site.number("select count(*) from cashbook") == 1
    update = requests.post(address + "/api/cash/cashbook/import?file_name=a.csv", data=rows(changed(1)), headers=clerk, timeout=60).json()["job"]
    wait_job(address, f"/api/jobs/{update}", clerk)
    answer = requests.post(f"{address}/api/jobs/{update}/undo", headers=clerk, timeout=60)
    assert answer.status_code in (200, 202) and wait_job(address, f"/api/jobs/{answer.json()['job']}", clerk)["restored"] == 1
    assert boss


def test_the_pages_ask_and_then_undo(site):
    person(site, "boss", *EVERYTHING)
    address = site.serve()
    browser = sign_in(address, "boss")
    page = browser.get(address + "/admin/cash/cashbook/import/", timeout=60)
    page = browser.post(address + "/admin/cash/cashbook/import/", files={"file": ("a.csv", rows(line(1), line(2)), "text/csv")}, data={"csrfmiddlewaretoken": form_token(page), "direct": "1"}, timeout=60)
    job = int(re.search(r"/admin/jobs/(\d+)/", page.url).group(1))
    wait_until(lambda: site.number(f"select count(*) from import_jobs where id = {job} and status = 'done'"))
    page = browser.get(f"{address}/admin/jobs/{job}/", timeout=60)
    assert f'href="/admin/jobs/{job}/undo/"' in page.text
    page = browser.get(f"{address}/admin/jobs/{job}/undo/", timeout=60)
    assert page.status_code == 200 and "2 rows that it added are deleted" in page.text and site.number("select count(*) from cashbook") == 2
    once = re.search(r'name="once" value="([^"]+)"', page.text).group(1)
    data = {"csrfmiddlewaretoken": form_token(page), "once": once}
    first = browser.post(f"{address}/admin/jobs/{job}/undo/", data=data, timeout=60)
    second = browser.post(f"{address}/admin/jobs/{job}/undo/", data=data, timeout=60)
    assert first.status_code == 200 and first.url == second.url != f"{address}/admin/jobs/{job}/"
    wait_until(lambda: site.number("select count(*) from cashbook") == 0)
    undo = int(re.search(r"/admin/jobs/(\d+)/", first.url).group(1))
    wait_until(lambda: site.number(f"select count(*) from import_jobs where id = {undo} and status = 'done'"))
    page = browser.get(first.url, timeout=60)
    assert f"Import {job} was undone" in page.text and "Rows deleted: 2" in page.text
    page = browser.get(f"{address}/admin/jobs/{job}/", timeout=60)
    assert f"Undone by job {undo}" in page.text and f'href="/admin/jobs/{job}/undo/"' not in page.text


@pytest.mark.parametrize("point", ["compared", "chunk", "committed"])
def test_killed_at_any_point_a_worker_finishes_the_undo(site, point):
    before, job = imported(site)
    site.environment["LEASE_SECONDS"] = "2"
    site.run("jobs", "undo", str(job), status=None, JANGBU_FAULTS=f"transfer/undo/{point}=crash")
    assert site.status not in (0, 3)
    site.start("worker")
    undo = site.number("select max(id) from import_jobs")
    assert site.json("jobs", "wait", str(undo))["removed"] == 2
    assert site.rows(TABLE) == before


def test_the_history_of_a_row_shows_who_did_what_by_hand_and_by_imports(site):
    person(site, "boss", *EVERYTHING)
    _, job = imported(site)
    first = site.number("select id from cashbook where external_ref = 'CB-1'")
    address = site.serve()
    browser = sign_in(address, "boss")
    form = browser.get(f"{address}/admin/cash/cashbook/{first}/", timeout=60)
    assert f"/admin/cash/cashbook/{first}/history/" in form.text
    fields = dict(re.findall(r'<(?:input|textarea)[^>]*name="([^"]+)"[^>]*?(?:value="([^"]*)")?[^>]*>', form.text))
    fields.update(external_ref="CB-1", date="2026-11-21", description="by hand", category="소모품비", account="보통예금", income="0", expense="1000", csrfmiddlewaretoken=form_token(form))
    saved = browser.post(f"{address}/admin/cash/cashbook/{first}/", data=fields, timeout=60, allow_redirects=False)
    assert saved.status_code == 303, saved.text
    page = browser.get(f"{address}/admin/cash/cashbook/{first}/history/", timeout=60).text
    assert "boss" in page and "<del>changed</del> → by hand" in page
    assert "Changed by an import" in page and "Added by an import" in page and f"Job {job}" in page and "b.csv" in page
    gone = site.number("select id from cashbook where external_ref = 'CB-4'")
    question = browser.get(f"{address}/admin/cash/cashbook/{gone}/delete/", timeout=60)
    assert browser.post(f"{address}/admin/cash/cashbook/{gone}/delete/", data={"csrfmiddlewaretoken": form_token(question)}, timeout=60).status_code == 200
    assert site.rows("select what, model, title, user, job_id from admin_log order by id desc limit 2" if not ON_POSTGRESQL else 'select what, model, title, "user", coalesce(job_id, 0) from admin_log order by id desc limit 2') \
        == [("delete", "cash.cashbook", "CB-4", "boss", 0), ("change", "cash.cashbook", "CB-1", "boss", 0)]
    page = browser.get(f"{address}/admin/cash/cashbook/{gone}/history/", timeout=60)
    assert page.status_code == 200 and "Deleted" in page.text
    assert browser.get(f"{address}/admin/cash/cashbook/999999/history/", timeout=60).status_code == 404
    assert site.number("select count(*) from admin_log where job_id > 0") == 2
    person(site, "nobody")
    assert sign_in(address, "nobody").get(f"{address}/admin/cash/cashbook/{first}/history/", timeout=60).status_code == 403


@pytest.mark.parametrize("mode,needs", [("upsert", {"add", "change"}), ("insert", {"add"}), ("update", {"change"})])
def test_who_may_import_but_not_add_or_change_is_refused(site, mode, needs):
    site.csv("a.csv", HEAD, line(1))
    site.run("import", "cash.cashbook", "a.csv")
    address = site.serve()
    for verbs in ((), ("add",), ("change",), ("add", "change")):
        name = "clerk" + "".join(verbs)
        headers = person(site, name, *["cash." + verb + "_cashbook" for verb in ("view", "import", *verbs)])
        body = rows(line(1, memo=name) if mode == "update" else line(len(name) + 10))
        answer = requests.post(f"{address}/api/cash/cashbook/import?mode={mode}", data=body, headers=headers, timeout=60)
        allowed = needs <= set(verbs)
        assert (answer.status_code in (200, 202)) == allowed and (answer.status_code == 403) != allowed, (verbs, answer.text)
        browser = sign_in(address, name)
        token = form_token(browser.get(address + "/admin/cash/cashbook/import/", timeout=60))
        answer = browser.post(address + "/admin/cash/cashbook/import/", files={"csrfmiddlewaretoken": (None, token), "file": ("a.csv", body), "mode": (None, mode)}, timeout=60)
        assert (answer.status_code == 403) != allowed, verbs
    assert site.number("select count(*) from import_jobs where kind = 'import'") == {"upsert": 3, "insert": 5, "update": 5}[mode]


def test_other_peoples_jobs_are_out_of_reach(site):
    clerk, other = person(site, "clerk", *EVERYTHING), person(site, "other", *EVERYTHING)
    address = site.serve()
    job = requests.post(address + "/api/cash/cashbook/import?file_name=secret.csv", data=rows(line(1)), headers=clerk, timeout=60).json()["job"]
    wait_job(address, f"/api/jobs/{job}", clerk)
    for method, path in (("GET", ""), ("GET", "/download"), ("POST", "/cancel"), ("POST", "/undo"), ("POST", "/continue")):
        answer = requests.request(method, f"{address}/api/jobs/{job}{path}", headers=other, data=b"x" if path == "/continue" else None, timeout=60)
        assert answer.status_code == 403 and "secret.csv" not in answer.text, (method, path, answer.text)
    browser = sign_in(address, "other")
    listed = browser.get(address + "/admin/jobs/", timeout=60)
    assert listed.status_code == 200 and "secret.csv" not in listed.text
    token = form_token(listed)
    for method, path in (("GET", ""), ("GET", "events"), ("GET", "refused.xlsx"), ("GET", "download"), ("GET", "undo/"), ("POST", "undo/"), ("POST", "cancel/"), ("POST", "retry/"), ("POST", "confirm/"), ("POST", "discard/")):
        answer = browser.request(method, f"{address}/admin/jobs/{job}/{path}", data={"csrfmiddlewaretoken": token} if method == "POST" else None, timeout=60)
        assert answer.status_code in (403, 404) and "secret.csv" not in answer.text, (method, path, answer.status_code)
    assert site.number("select count(*) from cashbook") == 1


def test_a_backup_taken_first_is_put_back_whole_by_the_terminal_and_the_api(site):
    site.csv("a.csv", HEAD, *[line(number) for number in range(1, 11)])
    site.run("import", "cash.cashbook", "a.csv")
    before = site.rows("select * from cashbook order by id")
    site.csv("b.csv", HEAD, changed(1), line(11))
    job = site.json("import", "cash.cashbook", "b.csv", "--backup-first")["job"]
    site.sql("update cashbook set memo = 'by hand' where external_ref in ('CB-1', 'CB-5')")
    site.sql("delete from cashbook where external_ref = 'CB-7'")
    undo = site.json("jobs", "undo", str(job), "--whole")
    assert (undo["status"], undo["removed"], undo["restored"], undo["left"]) == ("done", 1, 3, 0)
    assert site.rows("select * from cashbook order by id") == before
    boss, clerk = person(site, "boss", *EVERYTHING), person(site, "clerk", *IMPORTER)
    address = site.serve()
    for headers, status in ((clerk, 403), (boss, 200)):
        job = requests.post(address + "/api/cash/cashbook/import?file_name=c.csv&backup_first=true&mode=update", data=rows(changed(2, memo=str(status))), headers=headers, timeout=60).json()["job"]
        wait_job(address, f"/api/jobs/{job}", headers)
        site.sql("delete from cashbook where external_ref = 'CB-3'")
        answer = requests.post(f"{address}/api/jobs/{job}/undo?whole=true", headers=headers, timeout=60)
        assert (answer.status_code == 403) == (status == 403)
        if status == 200:
            assert wait_job(address, f"/api/jobs/{answer.json()['job']}", headers)["status"] == "done"
    assert site.number("select count(*) from cashbook where memo = '403'") == 1
    _, err = site.run("import", "cash.cashbook", "b.csv", "--backup-first", status=3, UNDO_DAYS="0")
    assert "UNDO_DAYS" in err


def test_the_page_offers_the_backup_and_puts_it_back(site):
    person(site, "boss", *EVERYTHING)
    address = site.serve()
    browser = sign_in(address, "boss")
    page = browser.get(address + "/admin/cash/cashbook/import/", timeout=60)
    assert 'name="backup_first"' in page.text
    page = browser.post(address + "/admin/cash/cashbook/import/", files={"csrfmiddlewaretoken": (None, form_token(page)), "file": ("a.csv", rows(line(1), line(2))), "direct": (None, "1"), "backup_first": (None, "1")}, timeout=60)
    job = int(re.search(r"/admin/jobs/(\d+)/", page.url).group(1))
    wait_until(lambda: site.number(f"select count(*) from import_jobs where id = {job} and status = 'done'"))
    site.sql("update cashbook set memo = 'by hand'")
    page = browser.get(f"{address}/admin/jobs/{job}/undo/", timeout=60)
    assert "Put the backup back" in page.text
    once = re.search(r'name="once" value="([^"]+)"', page.text).group(1)
    browser.post(f"{address}/admin/jobs/{job}/undo/", data={"csrfmiddlewaretoken": form_token(page), "once": once, "whole": "1"}, timeout=60)
    wait_until(lambda: site.number("select count(*) from cashbook") == 0)


def test_a_page_undoes_nothing_without_the_rights_that_the_rows_need(site):
    person(site, "clerk", *IMPORTER)
    address = site.serve()
    browser = sign_in(address, "clerk")
    page = browser.get(address + "/admin/cash/cashbook/import/", timeout=60)
    token = form_token(page)
    page = browser.post(address + "/admin/cash/cashbook/import/", files={"file": ("a.csv", rows(line(1)), "text/csv")}, data={"csrfmiddlewaretoken": token, "direct": "1"}, timeout=60)
    job = int(re.search(r"/admin/jobs/(\d+)/", page.url).group(1))
    wait_until(lambda: site.number(f"select count(*) from import_jobs where id = {job} and status = 'done'"))
    assert f'/admin/jobs/{job}/undo/' not in browser.get(f"{address}/admin/jobs/{job}/", timeout=60).text
    assert browser.post(f"{address}/admin/jobs/{job}/undo/", data={"csrfmiddlewaretoken": token, "once": "a-form"}, timeout=60).status_code == 403
    assert site.number("select count(*) from cashbook") == 1
