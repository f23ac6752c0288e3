# SPDX-License-Identifier: Apache-2.0
"""Refused rows come back corrected: at a terminal, by the API, and on the pages without scripts."""
import csv
import io
import json
import re

import pytest
import requests

from conftest import wait_until
from test_api import form_token, person, rows, sign_in, wait_job
from test_commands import HEAD, line

PERMISSIONS = ["cash." + verb + "_cashbook" for verb in ("view", "add", "change", "import")]


def corrected(site, workbook, **fixes):
    """The workbook as a spreadsheet saves it as CSV, with other values in the columns named."""
    out, _ = site.run("sheet", "cells", workbook)
    table = {}
    for text in out.splitlines():
        row, column, kind, value = text.split("\t", 3)
        table.setdefault(int(row), {})[int(column)] = json.loads(value) if kind == "s" else value
    width = max(table[1])
    head = [table[1].get(column, "") for column in range(1, width + 1)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    for number in sorted(table)[1:]:
        writer.writerow([fixes.get(head[column - 1], table[number].get(column, "")) for column in range(1, width + 1)])
    return text.getvalue()


def write(site, name, text):
    with open(site.path(name), "w", encoding="utf-8") as file:
        file.write(text)
    return name


@pytest.mark.parametrize("words", [(), ("--on-error", "skip")], ids=["abort", "skip"])
def test_at_a_terminal_a_job_goes_on_with_the_corrected_file(site, words):
    site.csv("a.csv", HEAD, line(1), line(2, date="2026-02-30"), line(3))
    first = site.json("import", "cash.cashbook", "a.csv", "--refused", "refused.xlsx", *words, status=3)
    job = str(first["job"])
    write(site, "still.csv", corrected(site, "refused.xlsx", date="2026-02-31"))
    still = site.json("jobs", "continue", job, "still.csv", "--refused", "refused.xlsx", status=3)
    assert (still["job"], still["refused"], still["errors"][0]["row"], still["errors"][0]["value"]) == (first["job"], 1, 3, "2026-02-31")
    write(site, "fixed.csv", corrected(site, "refused.xlsx", date="2026-02-28"))
    done = site.json("jobs", "continue", job, "fixed.csv")
    assert (done["job"], done["status"], done["rows"], done["new"], done["refused"], done["errors"], done["refused_file"]) == (first["job"], "done", 3, 3, 0, [], None)
    assert site.number("select count(*) from cashbook") == 3
    assert site.left_in("spool") == [] and site.left_in("media") == []
    _, err = site.run("jobs", "continue", job, "fixed.csv", status=6)
    assert "no refused rows left" in err
    _, err = site.run("import", "cash.cashbook", "fixed.csv", status=3)
    assert f"jangbu jobs continue {job} FILE" in err


def test_what_is_kept_is_given_up_at_a_terminal(site):
    site.csv("a.csv", HEAD, line(1), line(2, date="x"))
    job = str(site.json("import", "cash.cashbook", "a.csv", status=3)["job"])
    assert len(site.left_in("spool")) == 1 and len(site.left_in("media")) == 1
    out, err = site.run("jobs", "discard", job)
    assert out.startswith(f"{job}: FAILED") and err == ""  # what was refused is no news
    assert site.left_in("spool") == [] and site.left_in("media") == []
    _, err = site.run("jobs", "continue", job, "a.csv", status=6)
    assert "are gone" in err


def test_a_worker_goes_on_in_the_background(site):
    site.csv("a.csv", HEAD, line(1), line(2, date="x"))
    job = str(site.json("import", "cash.cashbook", "a.csv", "--refused", "refused.xlsx", status=3)["job"])
    write(site, "fixed.csv", corrected(site, "refused.xlsx", date="2026-02-28"))
    assert site.json("jobs", "continue", job, "fixed.csv", "--background")["status"] == "queued"
    _, err = site.run("jobs", "continue", job, "fixed.csv", status=6)
    assert "has not ended yet" in err
    site.start("worker")
    assert site.json("jobs", "wait", job)["new"] == 2


@pytest.mark.parametrize("words", ["", "&on_error=skip"], ids=["abort", "skip"])
def test_by_the_api_a_job_goes_on_and_a_second_request_is_the_first_ones(site, words):
    clerk = person(site, "clerk", *PERMISSIONS)
    address = site.serve()
    answer = requests.post(address + "/api/cash/cashbook/import?file_name=a.csv" + words, data=rows(line(1), line(2, date="x")), headers=clerk, timeout=60)
    job = answer.json()["job"]
    wait_job(address, f"/api/jobs/{job}", clerk)
    with open(site.path("refused.xlsx"), "wb") as file:
        file.write(requests.get(address + f"/api/jobs/{job}/download", headers=clerk, timeout=30).content)
    wrong = requests.post(address + f"/api/jobs/{job}/continue", data=b"external_ref,date\nA,2026-02-28\n", headers=clerk, timeout=60)
    assert wrong.status_code == 422 and "행 row" in wrong.json()["detail"]
    assert requests.get(address + f"/api/jobs/{job}", headers=clerk, timeout=30).json()["refused"] == 1
    fixed = corrected(site, "refused.xlsx", date="2026-02-28").encode()
    for _ in range(2):
        answer = requests.post(address + f"/api/jobs/{job}/continue", data=fixed, headers={**clerk, "Idempotency-Key": "k1"}, timeout=60)
        assert answer.status_code in (200, 202), answer.text
        result = wait_job(address, f"/api/jobs/{job}", clerk)
        assert (result["job"], result["status"], result["new"], result["refused"]) == (job, "done", 2, 0)
    other = requests.post(address + f"/api/jobs/{job}/continue", data=fixed + b"\n", headers={**clerk, "Idempotency-Key": "k1"}, timeout=60)
    assert other.status_code == 409 and "has sent another file already" in other.json()["detail"]
    late = requests.post(address + f"/api/jobs/{job}/continue", data=fixed, headers=clerk, timeout=60)
    assert late.status_code == 409 and "no refused rows left" in late.json()["detail"]
    assert site.number("select count(*) from cashbook") == 2


def test_only_who_may_import_goes_on_with_a_job_of_theirs(site):
    clerk, other = person(site, "clerk", *PERMISSIONS), person(site, "other", *PERMISSIONS)
    address = site.serve()
    job = requests.post(address + "/api/cash/cashbook/import?file_name=a.csv", data=rows(line(1, date="x")), headers=clerk, timeout=60).json()["job"]
    wait_job(address, f"/api/jobs/{job}", clerk)
    assert requests.post(address + f"/api/jobs/{job}/continue", data=b"x", headers=other, timeout=30).status_code == 403
    assert requests.post(address + f"/api/jobs/{job}/continue", data=b"x", timeout=30).status_code in (401, 403)
    site.sql("delete from auth_grant where permission = 'cash.import_cashbook'")
    assert requests.post(address + f"/api/jobs/{job}/continue", data=b"x", headers=clerk, timeout=30).status_code == 403


def failed_job(site, address, session):
    """Of an upload on the page: its number, and its refused rows as a workbook in the folder."""
    token = form_token(session.get(address + "/admin/cash/cashbook/import/", timeout=30))
    answer = session.post(address + "/admin/cash/cashbook/import/", files={"csrfmiddlewaretoken": (None, token), "direct": (None, "1"), "file": ("a.csv", rows(line(1), line(2, date="x")))}, timeout=60)
    job = re.search(r"/admin/jobs/(\d+)/", answer.url).group(0)
    wait_until(lambda: f'action="{job}continue/"' in session.get(address + job, timeout=30).text)
    with open(site.path("refused.xlsx"), "wb") as file:
        file.write(session.get(address + job + "refused.xlsx", timeout=30).content)
    return job


def test_on_the_page_of_a_job_the_corrected_file_is_taken(site):
    person(site, "clerk", *PERMISSIONS)
    address = site.serve("up")
    session = sign_in(address, "clerk")
    job = failed_job(site, address, session)
    token = form_token(session.get(address + job, timeout=30))
    wrong = session.post(address + job + "continue/", files={"csrfmiddlewaretoken": (None, token), "file": ("b.csv", b"a,b\n1,2\n")}, timeout=60)
    assert wrong.status_code == 422 and "행 row (job" in wrong.text and f'action="{job}continue/"' in wrong.text
    fixed = corrected(site, "refused.xlsx", date="2026-02-28").encode()
    once = re.search(r'name="once" value="([^"]+)"', wrong.text).group(1)
    for _ in range(2):
        answer = session.post(address + job + "continue/", files={"csrfmiddlewaretoken": (None, token), "once": (None, once), "file": ("fixed.csv", fixed)}, timeout=60)
        assert answer.status_code == 200 and answer.url.endswith(job)
    wait_until(lambda: 'class="badge done"' in session.get(address + job, timeout=30).text)
    assert site.number("select count(*) from cashbook") == 2


def test_on_the_page_of_imports_a_corrected_file_goes_to_its_job(site):
    person(site, "clerk", *PERMISSIONS)
    address = site.serve("up")
    session = sign_in(address, "clerk")
    job = failed_job(site, address, session)
    token = form_token(session.get(address + "/admin/cash/cashbook/import/", timeout=30))
    fixed = corrected(site, "refused.xlsx", date="2026-02-28").encode()
    answer = session.post(address + "/admin/cash/cashbook/import/", files={"csrfmiddlewaretoken": (None, token), "file": ("fixed.csv", fixed)}, timeout=60)
    assert answer.url.endswith(job)
    wait_until(lambda: 'class="badge done"' in session.get(address + job, timeout=30).text)
    assert site.number("select count(*) from cashbook") == 2 and site.number("select count(*) from import_jobs") == 1
    again = session.post(address + "/admin/cash/cashbook/import/", files={"csrfmiddlewaretoken": (None, token), "file": ("fixed.csv", fixed)}, timeout=60)
    assert again.status_code == 409 and "no refused rows left" in again.text


def test_a_form_sent_twice_leads_both_times_to_the_job_that_its_upload_made_go_on(site):
    clerk = person(site, "clerk", *PERMISSIONS)
    address = site.serve("up")
    session = sign_in(address, "clerk")
    job = failed_job(site, address, session)
    page = session.get(address + "/admin/cash/cashbook/import/", timeout=30)
    fixed = corrected(site, "refused.xlsx", date="2026-02-28").encode()
    made = requests.post(address + "/api/uploads", params={"file_name": "fixed.csv"}, headers={**clerk, "Upload-Length": str(len(fixed))}, timeout=30)
    upload = made.headers["Location"]
    assert requests.patch(address + upload, data=fixed, headers={**clerk, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}, timeout=30).status_code == 204
    form = {"csrfmiddlewaretoken": (None, form_token(page)), "once": (None, "a-form"), "upload": (None, upload.rsplit("/", 1)[1])}
    for _ in range(2):
        answer = session.post(address + "/admin/cash/cashbook/import/", files=form, timeout=60)
        assert answer.status_code == 200 and answer.url.endswith(job), answer.url
    other = session.post(address + "/admin/cash/cashbook/import/", files={**form, "once": (None, "another-form")}, timeout=60)
    assert other.status_code == 404
    wait_until(lambda: 'class="badge done"' in session.get(address + job, timeout=30).text)
    assert site.number("select count(*) from cashbook") == 2 and site.number("select count(*) from import_jobs") == 1


def test_on_the_page_of_imports_nobody_goes_on_who_may_not_import_any_more(site):
    person(site, "clerk", *PERMISSIONS)
    address = site.serve("up")
    session = sign_in(address, "clerk")
    job = failed_job(site, address, session)
    page = session.get(address + "/admin/cash/cashbook/import/", timeout=30)
    fixed = corrected(site, "refused.xlsx", date="2026-02-28").encode()
    site.sql("delete from auth_grant where permission = 'cash.import_cashbook'")
    form = {"csrfmiddlewaretoken": (None, form_token(page)), "once": (None, "a-form"), "file": ("fixed.csv", fixed)}
    assert session.post(address + "/admin/cash/cashbook/import/", files=form, timeout=60).status_code == 403
    assert session.post(address + job + "continue/", files=form, timeout=60).status_code == 403
    assert site.number("select count(*) from cashbook") == 0
