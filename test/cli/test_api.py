# SPDX-License-Identifier: Apache-2.0
"""The API and the cash book's own page, as a program or a browser without scripts sees them."""
import json
import os
import re
import sqlite3
import time

import pytest
import requests

from conftest import HANG_SECONDS, ON_POSTGRESQL, wait_until
from test_commands import HEAD, line



def person(site, name, *permissions, staff=True):
    site.run("user", "add", name, *(["--staff"] if staff else []), "--password-stdin", stdin=b"correct horse\n")
    if permissions:
        site.run("user", "grant", name, *permissions)
    token, _ = site.run("user", "token", name)
    return {"Authorization": "Bearer " + token.strip()}


def rows(*lines):
    return "\n".join([HEAD, *lines, ""]).encode()


@pytest.fixture
def clerk(site):
    return person(site, "clerk", "cash.view_cashbook", "cash.add_cashbook", "cash.change_cashbook", "cash.import_cashbook", "cash.export_cashbook")


def wait_job(address, path, headers):
    limit = time.monotonic() + HANG_SECONDS
    while True:
        answer = requests.get(address + path, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        if answer.json()["status"] in ("done", "failed", "cancelled"):
            return answer.json()
        assert time.monotonic() < limit, answer.text
        time.sleep(0.02)


def test_a_small_file_is_answered_with_its_result(site, clerk):
    address = site.serve()
    answer = requests.post(address + "/api/cash/cashbook/import?file_name=a.csv", data=rows(line(1), line(2)), headers=clerk, timeout=60)
    assert answer.status_code in (200, 202), answer.text
    result = answer.json() if answer.status_code == 200 else wait_job(address, answer.headers["Location"], clerk)
    assert (result["status"], result["new"], result["model"], result["file"]) == ("done", 2, "cash.cashbook", "a.csv")


def test_the_file_may_be_a_multipart_field(site, clerk):
    address = site.serve()
    answer = requests.post(address + "/api/cash/cashbook/import?on_error=skip", files={"file": ("출납.csv", rows(line(1), line(2, date="x")), "text/csv")}, headers=clerk, timeout=60)
    assert answer.status_code in (200, 202), answer.text
    result = answer.json() if answer.status_code == 200 else wait_job(address, answer.headers["Location"], clerk)
    assert (result["status"], result["new"], result["refused"], result["file"]) == ("done", 1, 1, "출납.csv")


def test_an_aborted_import_is_422_with_the_same_result(site, clerk):
    address = site.serve()
    answer = requests.post(address + "/api/cash/cashbook/import?file_name=a.csv", data=rows(line(1), line(2, income="abc")), headers=clerk, timeout=60)
    assert answer.status_code in (202, 422), answer.text
    result = answer.json() if answer.status_code == 422 else wait_job(address, answer.headers["Location"], clerk)
    assert (result["status"], result["refused"], result["errors"][0]["row"]) == ("failed", 1, 3)


def test_a_large_file_is_a_job_with_progress_events(site, clerk):
    address = site.serve("up", IMPORT_ASYNC_BYTES="1000")
    answer = requests.post(address + "/api/cash/cashbook/import?file_name=a.csv", data=rows(*(line(n) for n in range(3000))), headers=clerk, timeout=60)
    assert answer.status_code == 202
    result = wait_job(address, answer.headers["Location"], clerk)
    assert (result["status"], result["new"]) == ("done", 3000)


def test_a_running_jobs_figures_are_those_of_so_far(site, clerk):
    address = site.serve(IMPORT_ASYNC_BYTES="1")
    worker = site.start("worker", JANGBU_FAULTS="transfer/import/merge_chunk=sleep:3600000")
    answer = requests.post(address + "/api/cash/cashbook/import?file_name=a.csv", data=rows(*(line(n) for n in range(2000))), headers=clerk, timeout=60)
    job = lambda: requests.get(address + answer.headers["Location"], headers=clerk, timeout=30).json()
    wait_until(lambda: job()["rows_per_second"] > 0)  # the merge goes on for an hour; its progress is told beside it
    so_far = job()
    worker.kill()
    assert so_far["status"] == "running" and so_far["seconds"] > 0, so_far


def test_a_choice_that_is_none_lists_the_choices(site, clerk):
    address = site.serve()
    answer = requests.post(address + "/api/cash/cashbook/import?mode=foo", data=rows(line(1)), headers={**clerk, "Accept-Language": "en"}, timeout=30)
    assert answer.status_code == 422 and "upsert, insert, update" in answer.json()["detail"], answer.text


def test_a_misspelt_model_names_the_nearest_that_the_caller_may_use(site, clerk):
    address = site.serve()
    post = lambda path, headers: requests.post(address + path, data=b"x", headers={**headers, "Accept-Language": "en"}, timeout=30)
    answer = post("/api/cash/cashbok/import", clerk)
    assert answer.status_code == 404 and "cash/cashbook" in answer.json()["detail"], answer.text
    assert post("/api/cash/cashbok/export", clerk).status_code == 404
    assert "closedmonth" not in post("/api/cash/closedmont/import", clerk).text
    for stranger in ({}, person(site, "stranger")):
        answer = post("/api/cash/cashbok/import", stranger)
        assert "cashbook" not in answer.text, answer.text


def test_the_same_idempotency_key_is_one_job(site, clerk):
    address = site.serve()
    jobs = set()
    for _ in range(2):
        answer = requests.post(address + "/api/cash/cashbook/import?file_name=a.csv", data=rows(line(1)), headers={**clerk, "Idempotency-Key": "once"}, timeout=60)
        assert answer.status_code in (200, 202), answer.text
        jobs.add(answer.json()["job"] if answer.status_code == 200 else answer.headers["Location"].rsplit("/", 1)[1])
    assert len({str(job) for job in jobs}) == 1
    for words in ("&dry_run=true", "&mode=insert", "&default=description=x"):
        answer = requests.post(address + "/api/cash/cashbook/import?file_name=a.csv" + words, data=rows(line(1)), headers={**clerk, "Idempotency-Key": "once"}, timeout=60)
        assert answer.status_code == 409 and "with other options already" in answer.json()["detail"], answer.text


def test_who_may_not_import_is_told_so_in_a_problem_document(site):
    headers = person(site, "guest", "cash.view_cashbook")
    address = site.serve()
    answer = requests.post(address + "/api/cash/cashbook/import", data=rows(line(1)), headers=headers, timeout=30)
    assert answer.status_code == 403 and answer.headers["Content-Type"].startswith("application/problem+json")
    assert requests.post(address + "/api/cash/cashbook/import", data=rows(line(1)), timeout=30).status_code in (401, 403)
    assert requests.post(address + "/api/cash/nothing/import", data=b"x", headers=headers, timeout=30).status_code == 404


def test_anothers_job_cannot_be_seen(site, clerk):
    other = person(site, "other", "cash.view_cashbook", "cash.import_cashbook")
    address = site.serve()
    answer = requests.post(address + "/api/cash/cashbook/import?file_name=a.csv", data=rows(line(1)), headers=clerk, timeout=60)
    job = answer.json()["job"] if answer.status_code == 200 else answer.headers["Location"].rsplit("/", 1)[1]
    assert requests.get(f"{address}/api/jobs/{job}", headers=clerk, timeout=30).status_code == 200
    assert requests.get(f"{address}/api/jobs/{job}", headers=other, timeout=30).status_code in (403, 404)


def test_an_upload_over_the_limit_is_413_and_leaves_nothing(site, clerk):
    address = site.serve(UPLOAD_BYTES_MAX="10000")
    answer = requests.post(address + "/api/cash/cashbook/import?file_name=a.csv", data=b"x" * 50000, headers=clerk, timeout=30)
    assert answer.status_code == 413
    assert site.left_in("spool") == []


def test_an_export_is_a_job_with_a_download(site, clerk):
    site.csv("a.csv", HEAD, *(line(n) for n in range(50)))
    site.run("import", "cash.cashbook", "a.csv")
    address = site.serve("up")
    answer = requests.post(address + "/api/cash/cashbook/export?format=csv", headers=clerk, timeout=30)
    assert answer.status_code == 202, answer.text
    location = answer.headers["Location"]
    assert wait_job(address, location, clerk)["status"] == "done"
    download = requests.get(address + location + "/download", headers=clerk, timeout=30)
    assert download.status_code == 200 and len(download.text.splitlines()) == 51


def sign_in(address, name):
    session = requests.Session()
    page = session.get(address + "/admin/login/", timeout=30)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text).group(1)
    answer = session.post(address + "/admin/login/", data={"username": name, "password": "correct horse", "csrfmiddlewaretoken": token},
                          headers={"Referer": address + "/admin/login/"}, timeout=30, allow_redirects=False)
    assert answer.status_code == 303, answer.text
    return session


@pytest.mark.parametrize("rows_before", [0, 1])
def test_an_amount_below_0_is_refused_with_its_column(site, rows_before):
    """Into an empty table the check is asked while the sheet is read, otherwise when it is compared."""
    site.csv("before.csv", HEAD, *(line(n) for n in range(rows_before)))
    site.run("import", "cash.cashbook", "before.csv", status=None)
    site.csv("a.csv", HEAD, line(7, income="-5"), line(8), line(9, income="(1,000)".replace(",", ""), expense="-2"))
    result = site.json("import", "cash.cashbook", "a.csv", "--on-error", "skip", status=3)
    assert (result["new"], result["refused"], result["errors_total"]) == (1, 2, 3), result
    assert [(error["row"], error["column"], error["value"]) for error in result["errors"]] == [(2, "income", "-5.00"), (4, "income", "-1000.00"), (4, "expense", "-2.00")]
    assert result["errors"][0]["reason"] == "An income cannot be less than 0. Enter it as an expense."


@pytest.mark.parametrize("rows_before", [0, 1])
def test_a_row_with_two_bad_amounts_is_one_refused_row_for_the_limit(site, rows_before):
    site.csv("before.csv", HEAD, *(line(n) for n in range(rows_before)))
    site.run("import", "cash.cashbook", "before.csv", status=None)
    site.csv("a.csv", HEAD, line(7, income="-5", expense="-2"), line(8))
    result = site.json("import", "cash.cashbook", "a.csv", "--on-error", "skip", "--limit-refused", "2", status=3)
    assert (result["status"], result["new"], result["refused"], result["errors_total"]) == ("done", 1, 1, 2), result


def test_the_month_page_shows_each_entry_with_the_balance_after_it(site, clerk):
    site.csv("a.csv", HEAD, line(0, date="2026-10-01", income="50", expense="0"), *(line(n, date="2026-11-02", income="0", expense="1") for n in range(1, 102)))
    site.run("import", "cash.cashbook", "a.csv")
    address = site.serve()
    session = sign_in(address, "clerk")
    balances = lambda page: [re.sub(r"<[^>]+>", "", row.rsplit('<td class="n">', 1)[1]).strip() for row in re.findall(r'<tr><td class="d">.*', session.get(address + "/cash/2026-11" + page, timeout=30).text)]
    first, second, far = balances(""), balances("?page=2"), balances("?page=99999999999999999999")
    assert len(first) == 100 and first[0].startswith("49") and first[-1].replace("\u2212", "-").startswith("-50"), first
    assert len(second) == 1 and second[0].replace("\u2212", "-").startswith("-51"), second
    assert far == first


def test_the_month_page_adds_up_by_category_and_carries_the_balance(site, clerk):
    site.csv("a.csv", HEAD, line(1, date="2026-10-01", income="10000", expense="0"), line(2, category="매출", income="5000", expense="0"), line(3, expense="1200"))
    site.run("import", "cash.cashbook", "a.csv")
    address = site.serve()
    page = sign_in(address, "clerk").get(address + "/cash/2026-11", timeout=30)
    assert page.status_code == 200
    text = re.sub(r"<[^>]+>", " ", page.text)
    assert "10,000" in text and "5,000" in text and "1,200" in text and "13,800" in text
    assert requests.get(address + "/cash/2026-11", timeout=30, allow_redirects=False).status_code in (302, 303, 401, 403)
    session = sign_in(address, "clerk")
    assert session.get(address + "/cash/2026-13", timeout=30).status_code == 404
    for first_or_last in ("0001-01", "9999-12"):
        assert session.get(f"{address}/cash/{first_or_last}", timeout=30).status_code == 200


def test_the_sites_name_is_in_the_readers_language(site):
    address = site.serve()
    names = {}
    for language in ("ko", "en"):
        page = requests.get(address + "/admin/login/", headers={"Accept-Language": language}, timeout=30).text
        names[language] = re.search(r'class="brand".*?<span>(.*?)</span>', page).group(1)
    assert names == {"ko": "장부", "en": "Jangbu"}, names


def test_a_form_without_its_token_is_refused(site, clerk):
    address = site.serve()
    session = sign_in(address, "clerk")
    assert session.post(address + "/admin/cash/cashbook/add/", data={"external_ref": "X"}, timeout=30).status_code == 403


def test_a_cell_with_markup_is_shown_as_text(site, clerk):
    site.csv("a.csv", HEAD, line(1, description="<script>alert(1)</script>"))
    site.run("import", "cash.cashbook", "a.csv")
    address = site.serve()
    page = sign_in(address, "clerk").get(address + "/admin/cash/cashbook/", timeout=30)
    assert page.status_code == 200 and "<script>alert" not in page.text and "&lt;script&gt;alert" in page.text


def test_errors_of_the_api_are_problem_documents_with_the_request_id(site, clerk):
    address = site.serve()
    answer = requests.get(address + "/api/jobs/999", headers=clerk, timeout=30)
    problem = json.loads(answer.text)
    assert answer.status_code == 404 and problem["status"] == 404 and problem["title"] and "request_id" in problem


def test_a_list_without_a_search_box_ignores_words(site, clerk):
    site.run("user", "grant", "clerk", "cash.view_closedmonth")
    address = site.serve()
    session = sign_in(address, "clerk")
    assert session.get(address + "/admin/cash/closedmonth/?q=x", timeout=30).status_code == 200
    assert session.get(address + "/admin/cash/closedmonth/", timeout=30).status_code == 200


def form_token(page):
    return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text).group(1)


def test_a_preview_is_not_applied_by_who_may_no_longer_import(site, clerk):
    address = site.serve("up")
    session = sign_in(address, "clerk")
    token = form_token(session.get(address + "/admin/cash/cashbook/import/", timeout=30))
    answer = session.post(address + "/admin/cash/cashbook/import/", files={"csrfmiddlewaretoken": (None, token), "file": ("a.csv", rows(line(1)))}, timeout=60)
    job = re.search(r"/admin/jobs/(\d+)/", answer.url).group(0)
    limit = time.monotonic() + HANG_SECONDS
    while f'action="{job}confirm/"' not in answer.text:
        assert time.monotonic() < limit, answer.text
        answer = session.get(address + job, timeout=30)
    site.run("user", "add", "other", "--staff", "--password-stdin", stdin=b"correct horse\n")
    site.sql("update auth_grant set user_id = (select id from jb_user where username = 'other') where permission = 'cash.import_cashbook'")
    refused = session.post(address + job + "confirm/", data={"csrfmiddlewaretoken": token}, timeout=30)
    assert refused.status_code == 403 and session.get(address + job, timeout=30).status_code == 200
    assert session.get(address + "/admin/cash/cashbook/1/", timeout=30).status_code == 404


def test_the_differences_of_a_preview_come_as_a_workbook(site, clerk):
    site.csv("a.csv", HEAD, *(line(n) for n in range(3000)))
    site.run("import", "cash.cashbook", "a.csv")
    address = site.serve("up")
    session = sign_in(address, "clerk")
    token = form_token(session.get(address + "/admin/cash/cashbook/import/", timeout=30))
    sheet = rows(line(1), *(line(n, expense="2000", memo="=1") for n in range(2, 2500)), line(9000))
    answer = session.post(address + "/admin/cash/cashbook/import/", files={"csrfmiddlewaretoken": (None, token), "file": ("b.csv", sheet)}, timeout=60)
    job = re.search(r"/admin/jobs/(\d+)/", answer.url).group(0)
    wait_until(lambda: f'href="{job}differences.xlsx"' in session.get(address + job, timeout=30).text)
    answer = session.get(address + job + "differences.xlsx", timeout=60)
    assert answer.status_code == 200 and "attachment" in answer.headers["Content-Disposition"]
    with open(site.path("differences.xlsx"), "wb") as file:
        file.write(answer.content)
    cells = {}
    for text in site.run("sheet", "cells", "differences.xlsx")[0].splitlines():
        row, column, _, value = text.split("\t")
        cells.setdefault(int(row), {})[int(column)] = value
    assert len(cells) == 1 + 2 * 2498
    assert [cells[2], cells[3], cells[len(cells)]] == [{1: "3", 2: '"CB-2"', 3: '"Expense"', 4: '"1000.00"', 5: '"2000.00"'}, {1: "3", 2: '"CB-2"', 3: '"Memo"', 5: '"=1"'}, {1: "2500", 2: '"CB-2499"', 3: '"Memo"', 5: '"=1"'}]
    assert session.post(address + job + "discard/", data={"csrfmiddlewaretoken": token}, timeout=30).status_code == 200
    assert session.get(address + job + "differences.xlsx", timeout=30).status_code == 409
    assert requests.get(address + job + "differences.xlsx", timeout=30, allow_redirects=False).status_code != 200


def test_a_jobs_page_names_refused_columns_as_the_sheet_does(site):
    person(site, "clerk", "cash.view_projectcashbook", "cash.add_projectcashbook", "cash.change_projectcashbook", "cash.import_projectcashbook")
    address = site.serve("up")
    session = sign_in(address, "clerk")
    token = form_token(session.get(address + "/admin/cash/projectcashbook/import/", timeout=30))
    sheet = "\n".join([HEAD + ",project", line(1) + ",P9"]).encode()
    answer = session.post(address + "/admin/cash/projectcashbook/import/", files={"csrfmiddlewaretoken": (None, token), "on_error": (None, "skip"), "file": ("a.csv", sheet)}, timeout=60)
    job = answer.url
    limit = time.monotonic() + HANG_SECONDS
    while "P9" not in answer.text:
        assert time.monotonic() < limit, answer.text
        answer = session.get(job, timeout=30)
    cells = [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", answer.text, re.S)]
    assert cells[cells.index("P9") - 1] == "project", cells


def test_an_export_of_an_unknown_column_says_so(site):
    person(site, "exporter", "cash.export_cashbook")
    address = site.serve()
    session = sign_in(address, "exporter")
    token = form_token(session.get(address + "/admin/cash/cashbook/export/", timeout=30))
    answer = session.post(address + "/admin/cash/cashbook/export/", data={"csrfmiddlewaretoken": token, "format": "csv", "columns": "password"}, timeout=30)
    assert answer.status_code == 422 and "password" in answer.text


def test_a_server_stops_although_somebody_watches_a_job(site, clerk):
    process = site.start("serve", "--listen", "127.0.0.1:0", "--threads", "1")
    address = site.wait_log(process, r"listening on (http://\S+)").group(1)
    location = requests.post(address + "/api/cash/cashbook/export", headers=clerk, timeout=30).headers["Location"]
    job = location.rsplit("/", 1)[1]
    with sign_in(address, "clerk").get(f"{address}/admin/jobs/{job}/events", stream=True, timeout=HANG_SECONDS) as events:
        assert events.status_code == 200
        site.stop(process)
        list(events.iter_content(None))  # the end is a proper one: at the drain's deadline the connection would be cut


def test_a_spool_folder_that_is_gone_is_not_told_to_strangers(site, clerk):
    address = site.serve()
    os.rename(site.path("spool"), site.path("elsewhere"))
    answer = requests.post(address + "/api/cash/cashbook/import?file_name=a.csv", data=rows(line(1)), headers=clerk, timeout=30)
    assert answer.status_code == 503 and site.folder not in answer.text


def test_an_export_is_ordered_by_fields_that_may_be_seen(site, clerk):
    site.run("user", "grant", "clerk", "cash.export_importjob")
    address = site.serve()
    for path, status in (("cashbook/export?order=-date%20id", 202), ("cashbook/export?order=dat", 422), ("importjob/export?order=-spool", 422)):
        answer = requests.post(address + "/api/cash/" + path, headers=clerk, timeout=30)
        assert answer.status_code == status, answer.text


def is_merging(site):
    """The import is writing: on SQLite whoever else would write to the main file has to wait, on PostgreSQL its transaction has taken the mark."""
    if ON_POSTGRESQL:
        return site.number("select count(*) from pg_locks as held join pg_class as class on class.oid = held.relation"
                           " where class.relname = 'import_marks' and held.mode = 'RowExclusiveLock' and held.database = (select oid from pg_database where datname = current_database())") > 0
    with sqlite3.connect(site.path("jangbu-live.db")) as live:
        if not live.execute("select 1 from import_progress where phase = 'writing'").fetchone():
            return False
    main = sqlite3.connect(site.path("jangbu.db"), timeout=0, isolation_level=None)
    try:
        main.execute("begin immediate")
        main.execute("rollback")
        return False
    except sqlite3.OperationalError:
        return True
    finally:
        main.close()


@pytest.mark.parametrize("on_error", ["abort", "skip"])
def test_people_sign_in_and_out_while_a_merge_holds_the_writer(site, clerk, on_error):
    site.csv("a.csv", HEAD, line(1))
    site.run("import", "cash.cashbook", "a.csv")
    address = site.serve(IMPORT_ASYNC_BYTES="1")
    worker = site.start("worker", JANGBU_FAULTS="transfer/import/merge_chunk=sleep:3600000")
    answer = requests.post(f"{address}/api/cash/cashbook/import?file_name=a.csv&on_error={on_error}", data=rows(line(2)), headers=clerk, timeout=60)
    assert answer.status_code == 202, answer.text
    wait_until(lambda: is_merging(site))
    session = sign_in(address, "clerk")
    page = session.get(address + "/admin/", timeout=30)
    assert page.status_code == 200
    out = session.post(address + "/admin/logout/", data={"csrfmiddlewaretoken": form_token(page)}, timeout=30, allow_redirects=False)
    assert out.status_code == 303
    assert requests.get(address + answer.headers["Location"], headers=clerk, timeout=30).json()["status"] == "running"
    assert is_merging(site)
    worker.kill()  # the merge would go on for an hour


def test_jobs_can_be_exported_but_not_imported_by_anybody(site):
    site.run("user", "add", "root", "--superuser", "--password-stdin", stdin=b"correct horse\n")
    token, _ = site.run("user", "token", "root")
    headers = {"Authorization": "Bearer " + token.strip()}
    address = site.serve()
    assert requests.post(address + "/api/cash/importjob/import?file_name=a.csv", data=b"id,status\n1,done\n", headers=headers, timeout=30).status_code == 404
    assert requests.post(address + "/api/cash/importjob/export?format=csv", headers=headers, timeout=30).status_code == 202
    site.run("user", "grant", "root", "cash.import_importjob", status=3)
    site.csv("a.csv", "id,status", "1,done")
    site.run("import", "cash.importjob", "a.csv", status=4)
    assert site.run("jobs", "list")[0].count("\n") == 1
