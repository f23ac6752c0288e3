# SPDX-License-Identifier: Apache-2.0
"""Sheets whose headings are not ours: the command line and the API say what their columns mean."""
import pytest
import requests

from test_api import clerk, wait_job  # noqa: F401: a fixture
from test_commands import HEAD, line

FOREIGN = ("우리 회사 출납,,,,,,", "번호,언제,무엇,종류,계좌,받은 돈,낸 돈", "CB-1,2026-11-02,의자,비품,현금,0,1000", "CB-2,2026-11-03,책상,비품,현금,0,x")
MAPPING = ("번호=external_ref", "언제=date", "무엇=description", "[d]=category", "계좌=account", "받은 돈=income", "낸 돈=expense")


def test_a_foreign_sheet_goes_in_with_a_mapping(site):
    site.csv("a.csv", *FOREIGN)
    words = [word for pair in MAPPING for word in ("--map", pair)]
    result = site.json("import", "cash.cashbook", "a.csv", "--header-row", "2", "--on-error", "skip", "--default", "memo=옛 장부", *words, status=3)
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
