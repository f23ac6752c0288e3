# SPDX-License-Identifier: Apache-2.0
"""Sheets whose headings are not ours: the command line and the API say what their columns mean."""
import re

import pytest
import requests

from conftest import wait_until
from test_api import clerk, sign_in, wait_job  # noqa: F401: a fixture
from test_commands import HEAD, line

FOREIGN = ("우리 회사 출납,,,,,,", "번호,언제,무엇,종류,계좌,받은 돈,낸 돈", "CB-1,2026-11-02,의자,비품,현금,0,1000", "CB-2,2026-11-03,책상,비품,현금,0,x")
MAPPING = ("번호=external_ref", "언제=date", "무엇=description", "[d]=category", "계좌=account", "받은 돈=수입", "낸 돈=expense")


def test_a_foreign_sheet_goes_in_with_a_mapping(site):
    site.csv("a.csv", *FOREIGN)
    words = [word for pair in MAPPING for word in ("--map", pair)]
    result = site.json("import", "cash.cashbook", "a.csv", "--header-row", "2", "--on-error", "skip", "--default", "메모=옛 장부", *words, status=3)
    assert (result["new"], result["refused"]) == (1, 1), result
    error = result["errors"][0]
    assert (error["row"], error["column"], error["heading"]) == (4, "expense", "낸 돈"), error
    out, _ = site.run("export", "cash.cashbook", "-o", "-", "--format", "csv", "--columns", "external_ref,category,expense,memo")
    assert out.splitlines()[1] == "CB-1,비품,1000.00,옛 장부"


def test_the_api_takes_the_same_mapping(site, clerk):
    address = site.serve()
    parameters = [("file_name", "a.csv"), ("header_row", "2"), ("on_error", "skip"), ("default", "memo=옛 장부"), *(("map", pair) for pair in MAPPING)]
    answer = requests.post(address + "/api/cash/cashbook/import", params=parameters, data="\n".join(FOREIGN).encode(), headers=clerk, timeout=60)
    assert answer.status_code in (200, 202), answer.text
    result = answer.json() if answer.status_code == 200 else wait_job(address, answer.headers["Location"], clerk)
    assert (result["new"], result["refused"], result["errors"][0]["heading"]) == (1, 1, "낸 돈"), result
    answer = requests.post(address + "/api/cash/cashbook/import?map=x%3Dincom", data="x\n1\n", headers=clerk, timeout=60)
    assert answer.status_code == 422 and "income" in answer.text, answer.text
    answer = requests.post(address + "/api/cash/cashbook/import?header_row=0", data="x\n1\n", headers=clerk, timeout=60)
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("words, status, sentence", [
    (("--map", "번호"), 2, "--map 번호"),
    (("--default", "memo"), 2, "--default memo"),
    (("--header-row", "0"), 2, "header-row"),
    ((), 3, "Choose the row that holds the headings (header-row)"),
    (("--map", "번호=external_rf"), 3, 'Did you mean "external_ref"?'),
    (("--map", "번호=memo", "--map", "언제=memo"), 3, "both mapped"),
    (("--default", "date=언제나"), 3, "the default of"),
    (("--map", "벤호=external_ref", "--header-row", "2"), 3, 'no heading "벤호"'),
])
def test_a_wrong_mapping_is_one_sentence(site, words, status, sentence):
    site.csv("a.csv", *FOREIGN)
    _, err = site.run("import", "cash.cashbook", "a.csv", *words, status=status)
    assert sentence in err, err


def test_a_project_by_default_and_by_its_number(site):
    site.csv("p.csv", "code,name", "P1,하나", "P2,둘")
    site.run("import", "cash.project", "p.csv")
    site.csv("a.csv", HEAD, line(1), line(2))
    assert site.json("import", "cash.projectcashbook", "a.csv", "--default", "project.code=P2")["new"] == 2
    site.csv("b.csv", HEAD + ",사업 번호", line(1) + ",1", line(2) + ",2")
    assert site.json("import", "cash.projectcashbook", "b.csv", "--map", "사업 번호=project_id")["changed"] == 1
    _, err = site.run("import", "cash.projectcashbook", "b.csv", "--default", "project.code=P9", status=3)
    assert "P9" in err
    _, err = site.run("import", "cash.projectcashbook", "b.csv", "--map", "사업 번호=project.name", status=3)
    assert "not unique" in err


def test_a_mapped_import_by_a_worker_reads_the_columns_the_same_way(site):
    site.csv("a.csv", *FOREIGN[:3])
    words = [word for pair in MAPPING for word in ("--map", pair)]
    site.run("import", "cash.cashbook", "a.csv", "--header-row", "2", "--background", *words)
    site.run("worker", "--drain")
    result = site.json("jobs", "wait", "1")
    assert (result["status"], result["new"]) == ("done", 1), result


def upload(session, address, site, name, **fields):
    """Uploads on the page of imports; the page it leads to, once the job has come to something."""
    page = session.get(address + "/admin/cash/cashbook/import/", timeout=30)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text).group(1)
    once = re.search(r'name="once" value="([^"]+)"', page.text).group(1)
    with open(site.path(name), "rb") as file:
        answer = session.post(address + "/admin/cash/cashbook/import/", data={"csrfmiddlewaretoken": token, "once": once, **fields}, files={"file": (name, file)}, headers={"Referer": address}, timeout=60)
    assert answer.status_code == 200, answer.text
    return settled(session, answer.url)


def settled(session, url):
    wait_until(lambda: session.get(url, headers={"Accept": "application/json"}, timeout=30).json()["status"] not in ("queued", "running"))
    return session.get(url, timeout=30)


def send(session, page, action, **fields):
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text).group(1)
    answer = session.post(page.url.split("?")[0] + action, data={"csrfmiddlewaretoken": token, **fields}, headers={"Referer": page.url}, timeout=60)
    return settled(session, answer.url) if answer.status_code == 200 else answer


def chosen(page):
    """What each column is mapped to, by its heading."""
    rows = re.findall(r'<tr><td class="mono">.*?</tr>', page.text, re.S)
    return {re.search(r'</td><td>(.*?)</td>', row).group(1): (re.search(r'<option value="([^"]*)" selected', row) or [None, ""])[1] for row in rows}


COLUMNS = {"column_1": "external_ref", "column_2": "date", "column_3": "description", "column_4": "category", "column_5": "account", "column_6": "income", "column_7": "expense"}


def test_headings_that_do_not_fit_are_asked_about_and_remembered(site, clerk):
    site.csv("a.csv", *FOREIGN[:3])
    site.csv("b.csv", FOREIGN[1], FOREIGN[2].replace("1000", "2000"))
    address = site.serve("up")
    session = sign_in(address, "clerk")
    page = upload(session, address, site, "a.csv")
    assert "holds no known heading" in page.text and "columns/" in page.text
    page = send(session, page, "columns/", head_row="9")
    assert "row 9 is empty" in page.text, page.text
    page = send(session, page, "columns/", head_row="2")
    assert list(chosen(page)) == FOREIGN[1].split(",") and "의자" in page.text
    twice = send(session, page, "columns/", head_row="2", **{**COLUMNS, "column_1": "memo", "column_2": "memo"})
    assert twice.status_code == 422 and "both mapped" in twice.text
    assert chosen(twice)["번호"] == "memo"
    missing = send(session, page, "columns/", head_row="2", **{**COLUMNS, "column_2": ""})
    assert "The required column" in missing.text
    page = send(session, page, "columns/", head_row="2", default_memo="옛 장부", **COLUMNS)
    assert "confirm/" in page.text, page.text
    done = send(session, page, "confirm/")
    assert "1 rows applied" in done.text, done.text
    assert site.rows("select external_ref, memo from cashbook") == [("CB-1", "옛 장부")]

    page = upload(session, address, site, "b.csv")
    assert "as you mapped them last time" in page.text and "<del>1,000</del>" in page.text, page.text
    again = session.get(page.url + "?columns=1", timeout=30)
    assert chosen(again)["낸 돈"] == "expense" and "옛 장부" in again.text  # its default, too
    page = send(session, again, "columns/", head_row="1", **{**COLUMNS, "column_7": ""})
    assert "<del>1,000</del>" not in page.text and "confirm/" in page.text
    assert site.rows("select count(*) from import_mappings") == [(1,)]
    page = send(session, page, "discard/")


def test_a_sheet_that_fits_is_asked_about_when_somebody_wants_it(site, clerk):
    site.csv("a.csv", HEAD + ",금액 메모", line(1) + ",x")
    address = site.serve("up")
    session = sign_in(address, "clerk")
    page = upload(session, address, site, "a.csv", ask="1")
    assert chosen(page)["external_ref"] == "external_ref" and 'class="note err"' not in page.text
    assert upload(session, address, site, "a.csv").text.count("confirm/") == 1
    assert session.post(page.url + "confirm/", data={"csrfmiddlewaretoken": re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text).group(1)}, headers={"Referer": page.url}, timeout=30).status_code == 409
