# SPDX-License-Identifier: Apache-2.0
"""Files that come out: what other programs read in them, downloads that go on where they stopped, who may have them."""
import csv
import datetime
import decimal
import hashlib
import io
import os
import shutil
import signal
import subprocess

import openpyxl
import pytest
import requests

from conftest import HANG_SECONDS, wait_until
from test_api import form_token, person, sign_in, wait_job
from test_commands import HEAD, line

EXPORTER = ("cash.view_cashbook", "cash.export_cashbook")


def fill(site, count):
    site.csv("fill.csv", HEAD, *(line(number) for number in range(1, count + 1)))
    site.run("import", "cash.cashbook", "fill.csv")


@pytest.fixture
def exporter(site):
    return person(site, "exporter", *EXPORTER)


def exported(site, address, headers, query=""):
    """The result of a job that is done."""
    answer = requests.post(address + "/api/cash/cashbook/export" + query, headers=headers, timeout=30)
    assert answer.status_code == 202, answer.text
    return wait_job(address, answer.headers["Location"], headers)


# ---- other programs ------------------------------------------------------------------------------------------------------------------

# Text of every kind that something might take for something else. (LibreOffice has another first two months of 1900 than Excel.)
TEXTS = ["보통 글", " 앞뒤 빈칸 ", "두\n줄", "=1+1", "+82-10", "-4", "@sum", "\ttab", "00123", "a & <b> \"c\"", "_x0041_", "😀 이모지", "'따옴표", "1e5", "TRUE", "2025-01-31"]


def book_with(site):
    rows = [{"external_ref": f"{number:05}", "date": f"{1901 + number * 7}-0{number % 9 + 1}-28", "description": text, "category": "분류", "account": "계정",
             "income": str(decimal.Decimal(number * 1234567) / 100), "expense": "9999999999999.99" if number == 3 else "0"} for number, text in enumerate(TEXTS)]
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    with open(site.path("texts.csv"), "w", encoding="utf-8", newline="") as file:
        file.write(out.getvalue())
    site.run("import", "cash.cashbook", "texts.csv")
    return rows


def plain(value):
    """A cell as the value that stands in the table."""
    if isinstance(value, datetime.datetime):
        return value.date().isoformat()
    if isinstance(value, (int, float)):
        return str(decimal.Decimal(repr(value)).quantize(decimal.Decimal("0.01")))
    return "" if value is None else value


@pytest.mark.office
def test_openpyxl_and_libreoffice_see_every_cell_alike(site):
    book_with(site)
    site.run("export", "cash.cashbook", "-o", "a.xlsx")
    stored = list(csv.reader(io.StringIO(site.run("export", "cash.cashbook", "-o", "-", "--format", "csv", "--raw")[0].lstrip("\ufeff"))))
    sheet = openpyxl.load_workbook(site.path("a.xlsx")).active
    seen = [[plain(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
    escaped = [["_x005F_x0041_" if text == "_x0041_" else text for text in row] for row in stored]  # openpyxl leaves Excel's escapes to others
    assert [row[:1] + row[2:] for row in seen] == [row[:1] + row[2:] for row in escaped] and [row[1] for row in seen] == [row[1] for row in stored]
    formats = {sheet.cell(2, column).number_format for column in range(1, sheet.max_column + 1)}
    assert sheet.freeze_panes == "A2" and sheet.cell(2, 1).data_type == "s" and "yyyy\\-mm\\-dd" in formats and "#,##0.00" in formats
    if not shutil.which("soffice"):
        pytest.skip("LibreOffice is not installed")
    subprocess.run(["soffice", f"-env:UserInstallation=file://{site.path('office')}", "--headless", "--convert-to", "ods", "--outdir", site.path("ods"), site.path("a.xlsx")],
                   check=True, timeout=HANG_SECONDS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wanted = site.run("sheet", "cells", "a.xlsx")[0].splitlines()
    assert site.run("sheet", "cells", "ods/a.ods")[0].splitlines() == wanted
    assert site.json("import", "cash.cashbook", "ods/a.ods")["unchanged"] == len(TEXTS)


@pytest.mark.parametrize("name", ["a.xlsx", "a.csv", "a.tsv"])
def test_what_was_exported_changes_nothing_when_it_comes_back(site, name):
    book_with(site)
    told = site.json("export", "cash.cashbook", "-o", name)
    with open(site.path(name), "rb") as file:
        content = file.read()
    assert told["sha256"] == hashlib.sha256(content).hexdigest() and told["bytes"] == len(content)
    assert {total["column"]: total["sum"] for total in told["totals"]} == {"income": str(sum(decimal.Decimal(number * 1234567) / 100 for number in range(len(TEXTS)))), "expense": "9999999999999.99"}
    if name != "a.xlsx":
        assert b"'=1+1" in content and b"'@sum" in content and b"'+82-10" in content
    assert site.json("import", "cash.cashbook", name)["unchanged"] == len(TEXTS)


def test_a_row_with_the_totals_stands_at_the_end_when_asked_for(site):
    fill(site, 3)
    site.run("export", "cash.cashbook", "-o", "a.xlsx", "--totals", "--columns", "external_ref,date,income")
    last = list(openpyxl.load_workbook(site.path("a.xlsx")).active.iter_rows(values_only=True))[-1]
    assert last[0] == "Total" and last[1] is None and str(site.rows("select sum(income) from cashbook")[0][0]).replace(".", "").rstrip("0") == str(last[2]).replace(".", "").rstrip("0")


# ---- downloads -----------------------------------------------------------------------------------------------------------------------

def test_a_download_goes_on_where_it_stopped(site, exporter):
    fill(site, 3000)
    address = site.serve("up")
    job = exported(site, address, exporter)
    url = f"{address}/api/jobs/{job['job']}/download"
    whole = requests.get(url, headers=exporter, timeout=60)
    assert hashlib.sha256(whole.content).hexdigest() == job["sha256"] and len(whole.content) == job["bytes"]
    tag = whole.headers["ETag"]
    assert whole.headers["Accept-Ranges"] == "bytes" and tag == f'"{job["sha256"]}"'
    head = requests.head(url, headers=exporter, timeout=60)
    assert head.status_code == 200 and int(head.headers["Content-Length"]) == job["bytes"] and head.headers["ETag"] == tag

    def part(text, **more):
        return requests.get(url, headers={**exporter, "Range": text, **more}, timeout=60)

    size = job["bytes"]
    for text, start, end in (("bytes=0-0", 0, 0), ("bytes=100-199", 100, 199), ("bytes=1000-", 1000, size - 1), ("bytes=-10", size - 10, size - 1), (f"bytes=5-{size * 2}", 5, size - 1), (f"bytes=-{size * 2}", 0, size - 1)):
        answer = part(text)
        assert (answer.status_code, answer.headers["Content-Range"], answer.content) == (206, f"bytes {start}-{end}/{size}", whole.content[start:end + 1]), text
    for text in (f"bytes={size}-", f"bytes={size + 5}-{size + 9}", "bytes=-0", "bytes=99999999999999999999-"):
        answer = part(text)
        assert (answer.status_code, answer.headers["Content-Range"], answer.content) == (416, f"bytes */{size}", b""), text
    for text in ("bytes=5-4", "bytes=a-b", "lines=1-2", "bytes=", "bytes=1-2,5-6"):
        assert part(text).content == whole.content, text
    assert part("bytes=10-19", **{"If-Range": tag}).content == whole.content[10:20]
    assert part("bytes=10-19", **{"If-Range": '"another"'}).content == whole.content
    assert part("bytes=10-19", **{"If-Match": '"another"'}).status_code == 412
    assert requests.get(url, headers={**exporter, "If-None-Match": tag}, timeout=60).status_code == 304
    with open(site.path("got.xlsx"), "wb") as file:
        file.write(whole.content[:777])
    subprocess.run(["curl", "-sf", "-C", "-", "-H", "Authorization: " + exporter["Authorization"], "-o", site.path("got.xlsx"), url], check=True, timeout=HANG_SECONDS)
    with open(site.path("got.xlsx"), "rb") as file:
        assert file.read() == whole.content


# ---- the list's action -----------------------------------------------------------------------------------------------------------------

def test_few_chosen_rows_come_at_once_and_many_as_a_job(site, exporter):
    fill(site, 1500)
    address = site.serve("up")
    session = sign_in(address, "exporter")
    page = session.get(address + "/admin/cash/cashbook/", timeout=30)
    assert "1,500" in page.text and 'name="all"' in page.text
    ids = [row[0] for row in site.rows("select id from cashbook order by id")]

    def act(**data):
        return session.post(address + "/admin/cash/cashbook/", data={"action": "export", "csrfmiddlewaretoken": form_token(page), **data}, headers={"Referer": address + "/admin/"}, timeout=60, allow_redirects=False)

    answer = act(id=ids[:200])
    assert answer.status_code == 200 and openpyxl.load_workbook(io.BytesIO(answer.content)).active.max_row == 201
    answer = act(all="1")
    assert answer.status_code == 303, answer.text
    job = wait_job(address, "/api" + answer.headers["Location"].removeprefix("/admin").rstrip("/"), exporter)
    assert job["rows"] == 1500
    assert job["sha256"] in session.get(address + answer.headers["Location"], timeout=30).text
    got = session.get(address + answer.headers["Location"] + "download", timeout=60)
    assert hashlib.sha256(got.content).hexdigest() == job["sha256"]


def test_only_who_may_export_gets_files(site, exporter):
    fill(site, 3)
    viewer = person(site, "viewer", "cash.view_cashbook")
    address = site.serve("up")
    assert requests.post(address + "/api/cash/cashbook/export", headers=viewer, timeout=30).status_code == 403
    session = sign_in(address, "viewer")
    page = session.get(address + "/admin/cash/cashbook/", timeout=30)
    answer = session.post(address + "/admin/cash/cashbook/", data={"action": "export", "all": "1", "csrfmiddlewaretoken": form_token(page)}, headers={"Referer": address + "/admin/"}, timeout=30)
    assert answer.status_code == 403
    job = exported(site, address, exporter)
    assert requests.get(f"{address}/api/jobs/{job['job']}/download", headers=viewer, timeout=30).status_code == 403
    assert session.get(f"{address}/admin/jobs/{job['job']}/download", timeout=30).status_code == 403


# ---- what goes wrong ---------------------------------------------------------------------------------------------------------------------

def test_a_worker_that_dies_over_an_export_leaves_one_whole_file(site, exporter):
    fill(site, 20000)
    address = site.serve(LEASE_SECONDS="2")
    answer = requests.post(address + "/api/cash/cashbook/export?format=csv", headers=exporter, timeout=30)
    worker = site.start("worker", LEASE_SECONDS="2", JANGBU_FAULTS="transfer/export/write=crash@1")
    worker.wait(HANG_SECONDS)
    assert worker.returncode == -signal.SIGKILL
    site.start("worker", LEASE_SECONDS="2")
    job = wait_job(address, answer.headers["Location"], exporter)
    got = requests.get(address + answer.headers["Location"] + "/download", headers=exporter, timeout=60).content
    assert job["rows"] == 20000 and hashlib.sha256(got).hexdigest() == job["sha256"] and got.count(b"\r\n") == 20001


def test_a_full_disk_leaves_no_file_and_says_so(site):
    fill(site, 3)
    os.symlink("/dev/full", site.path("full.csv"))
    _, told = site.run("export", "cash.cashbook", "-o", "full.csv", status=9)
    assert "No space left" in told and os.path.islink(site.path("full.csv"))


def test_a_cancelled_export_leaves_no_file(site, exporter):
    fill(site, 20000)
    address = site.serve()
    answer = requests.post(address + "/api/cash/cashbook/export?format=csv", headers=exporter, timeout=30)
    site.start("worker", JANGBU_FAULTS="transfer/export/write=sleep:300")
    wait_until(lambda: requests.get(address + answer.headers["Location"], headers=exporter, timeout=30).json()["status"] == "running")
    assert requests.post(address + answer.headers["Location"] + "/cancel", headers=exporter, timeout=30).status_code == 200
    assert wait_job(address, answer.headers["Location"], exporter)["status"] == "cancelled"
    wait_until(lambda: os.listdir(site.path("media")) == [])


def test_no_file_has_a_secret_even_when_it_is_what_tells_rows_apart(site):
    site.csv("a.csv", HEAD, line(1))
    site.run("import", "cash.cashbook", "a.csv")
    out, _ = site.run("export", "cash.importjob", "-o", "-", "--format", "csv")
    head = out.splitlines()[0].lower().split(",")
    assert len(out.splitlines()) >= 2 and "once" not in head
    _, err = site.run("import", "cash.cashbook", "a.csv", "--match-on", "once", status=3)
    assert "once" in err
