# SPDX-License-Identifier: Apache-2.0
"""Every format goes out and comes in again, at every door, and other programs read what we write."""
import csv
import json
import shutil
import subprocess
import zipfile
from decimal import Decimal

import pytest
import requests

from test_api import form_token, person, rows, sign_in, wait_job
from test_commands import line

FORMATS = ["xlsx", "ods", "csv", "tsv", "json", "jsonl"]
TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
}
NAMES = ["external_ref", "date", "description", "category", "account", "income", "expense", "counterparty", "evidence", "memo"]
NAUGHTY = [
    {"external_ref": "007", "description": "=1+1", "income": 1234567890123.45, "memo": "first\nsecond  line\n\n\tend"},
    {"external_ref": "'=1", "description": "'quoted", "income": 0.1, "memo": "<b>&\"quotes\"</b> 가나 😀"},
    {"external_ref": "1e5", "description": "+82 2 123", "income": 0, "memo": None},
    {"external_ref": "TRUE", "description": "-1", "income": -5.5, "memo": "null"},
]


def objects(*changes):
    good = {"external_ref": "R", "date": "2025-01-31", "description": "d", "category": "c", "account": "a", "income": 1, "expense": 0}
    return json.dumps([{**good, **change} for change in changes], ensure_ascii=False).encode()


def fill(site, changes=NAUGHTY):
    with open(site.path("first.json"), "wb") as file:
        file.write(objects(*changes))
    result = site.json("import", "cash.cashbook", "first.json", status=None)
    good = [change for change in changes if change.get("income", 1) >= 0]
    return result, good


def test_what_goes_out_in_any_format_comes_in_unchanged(site):
    site.run("migrate")
    result, good = fill(site, [change for change in NAUGHTY if change["income"] >= 0])
    assert result["new"] == len(good) == 3, result
    for name in FORMATS:
        site.run("export", "cash.cashbook", "-o", "out." + name)
        result = site.json("import", "cash.cashbook", "out." + name)
        assert (name, result["unchanged"], result["rows"]) == (name, 3, 3), result
    assert site.number("select count(*) from cashbook where external_ref = '007' and memo like '%second  line%'") == 1
    assert {row[0] for row in site.rows("select description from cashbook")} == {"=1+1", "'quoted", "+82 2 123"}


def test_a_refused_object_is_told_by_its_row(site):
    site.run("migrate")
    result, _ = fill(site)
    assert (result["status"], result["errors_total"]) == ("failed", 1), result
    assert (result["errors"][0]["row"], result["errors"][0]["column"]) == (5, "income"), result


def test_amounts_of_objects_are_exact_numbers(site):
    site.run("migrate")
    fill(site, NAUGHTY[:2])
    out, _ = site.run("export", "cash.cashbook", "-o", "-", "--format", "json", "--order", "id")
    first, second = json.loads(out, parse_float=Decimal)
    assert list(first) == NAMES
    assert (first["income"], second["income"], first["date"], first["counterparty"]) == (Decimal("1234567890123.45"), Decimal("0.10"), "2025-01-31", None)
    assert first["memo"] == NAUGHTY[0]["memo"] and second["memo"] == NAUGHTY[1]["memo"]
    lines, _ = site.run("export", "cash.cashbook", "-o", "-", "--format", "jsonl", "--order", "id")
    assert [json.loads(text, parse_float=Decimal) for text in lines.splitlines()] == [first, second]
    ends = site.run("export", "cash.cashbook", "-o", "-", "--format", "json", "--filter", "category=none")[0]
    assert json.loads(ends) == []


def test_an_unknown_format_is_refused_with_those_there_are(site):
    site.run("migrate")
    for words in (("export", "cash.cashbook", "-o", "a.pdf"), ("export", "cash.cashbook", "-o", "a.xlsm"), ("import", "cash.cashbook", "first.json", "--format", "pdf"), ("sheet", "cells", "first.json", "--format", "pdf")):
        fill(site, NAUGHTY[:1])
        _, err = site.run(*words, status=3)
        assert "xlsx, ods, csv, tsv, json, jsonl" in err, err


def of_import(address, answer, headers):
    """The result that came at once, or that of the job."""
    assert answer.status_code in (200, 202), answer.text
    return answer.json() if answer.status_code == 200 else wait_job(address, answer.headers["Location"], headers)


def test_the_api_takes_and_gives_every_format(site):
    clerk = person(site, "clerk", "cash.view_cashbook", "cash.add_cashbook", "cash.change_cashbook", "cash.import_cashbook", "cash.export_cashbook")
    address = site.serve("up")
    answer = requests.post(address + "/api/cash/cashbook/import?file_name=a.csv", data=rows(line(1), line(2)), headers=clerk, timeout=60)
    assert of_import(address, answer, clerk)["new"] == 2
    for name in FORMATS:
        answer = requests.post(address + f"/api/cash/cashbook/export?format={name}", headers=clerk, timeout=30)
        assert answer.status_code == 202, answer.text
        location = answer.headers["Location"]
        assert wait_job(address, location, clerk)["status"] == "done"
        file = requests.get(address + location + "/download", headers=clerk, timeout=30)
        assert file.headers["Content-Type"].split(";")[0] == TYPES[name] and f".{name}" in file.headers["Content-Disposition"], file.headers
        # without a name, the body's type says what it is
        answer = requests.post(address + "/api/cash/cashbook/import", data=file.content, headers={**clerk, "Content-Type": TYPES[name]}, timeout=60)
        result = of_import(address, answer, clerk)
        assert (name, result["unchanged"]) == (name, 2), result
    for accept, name in (("text/csv", "csv"), (f"text/html, {TYPES['ods']};q=0.9", "ods"), ("application/json", "xlsx"), ("*/*", "xlsx")):
        location = requests.post(address + "/api/cash/cashbook/export", headers={**clerk, "Accept": accept}, timeout=30).headers["Location"]
        assert wait_job(address, location, clerk)["file"].endswith("." + name), accept
    answer = requests.post(address + "/api/cash/cashbook/export?format=pdf", headers=clerk, timeout=30)
    assert answer.status_code == 422 and "jsonl" in answer.text
    answer = requests.post(address + "/api/cash/cashbook/import?format=pdf", data=b"x", headers=clerk, timeout=30)
    assert answer.status_code == 422 and "jsonl" in answer.text


def test_the_admin_gives_every_format(site):
    site.run("migrate")
    fill(site, NAUGHTY[:2])
    person(site, "boss", "cash.view_cashbook", "cash.export_cashbook", "cash.import_cashbook", "cash.add_cashbook")
    address = site.serve()
    session = sign_in(address, "boss")
    url = address + "/admin/cash/cashbook/export/"
    page = session.get(url, timeout=30)
    for name in FORMATS:
        assert f'name="format" value="{name}"' in page.text
        answer = session.post(url, data={"csrfmiddlewaretoken": form_token(page), "format": name, "columns": NAMES}, headers={"Referer": url}, timeout=30)
        assert answer.status_code == 200 and answer.headers["Content-Type"].split(";")[0] == TYPES[name], (name, answer.text[:500])
        with open(site.path("got." + name), "wb") as file:
            file.write(answer.content)
        assert site.json("import", "cash.cashbook", "got." + name, "--dry-run")["unchanged"] == 2
    page = session.get(address + "/admin/cash/cashbook/import/", timeout=30).text
    for ending in (".xlsx", ".xlsm", ".ods", ".csv", ".tsv", ".json", ".jsonl"):
        assert ending in page


def cells(site, name):
    """What `sheet cells` says: {(row, column): value}, dates and numbers as such."""
    out, _ = site.run("sheet", "cells", name)
    found = {}
    for text in out.splitlines():
        row, column, kind, value = text.split("\t", 3)
        found[int(row), int(column)] = json.loads(value) if kind == "s" else Decimal(value) if kind == "n" else value
    return found


def test_odfpy_reads_our_spreadsheet_cell_by_cell(site):
    opendocument = pytest.importorskip("odf.opendocument")
    from odf import table, teletype
    site.run("migrate")
    fill(site, NAUGHTY[:3])
    site.run("export", "cash.cashbook", "-o", "a.ods", "--order", "id")
    (sheet,) = opendocument.load(site.path("a.ods")).spreadsheet.getElementsByType(table.Table)
    found = {}
    for row, element in enumerate(sheet.getElementsByType(table.TableRow), 1):
        column = 1
        for cell in element.childNodes:
            kind = cell.getAttribute("valuetype")
            if kind == "float":
                found[row, column] = Decimal(cell.getAttribute("value"))
            elif kind == "date":
                found[row, column] = cell.getAttribute("datevalue")
            elif kind:
                found[row, column] = "\n".join(teletype.extractText(paragraph) for paragraph in cell.childNodes)
            column += int(cell.getAttribute("numbercolumnsrepeated") or 1)
    assert found == cells(site, "a.ods")


@pytest.mark.office
def test_libreoffice_opens_our_spreadsheet_and_agrees_cell_by_cell(site):
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if not office:
        pytest.skip("needs libreoffice-calc")
    site.run("migrate")
    fill(site, [{**NAUGHTY[0], "memo": "first\nsecond line\n\nend"}, *NAUGHTY[1:3]])  # of several lines it drops tabs and runs of blanks
    site.run("export", "cash.cashbook", "-o", "a.ods", "--order", "id")
    # 44,34,76: commas, quotes, UTF-8; cells as they are, not as shown
    subprocess.run([office, f"-env:UserInstallation=file://{site.path('office')}", "--headless", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false", "a.ods", "--outdir", site.path("made")],
                   cwd=site.folder, check=True, capture_output=True, timeout=300)
    with open(site.path("made/a.csv"), encoding="utf-8", newline="") as file:
        theirs = {(row, column): value for row, values in enumerate(csv.reader(file), 1) for column, value in enumerate(values, 1) if value}
    ours = {place: str(value) for place, value in cells(site, "a.ods").items()}
    assert theirs == ours
    # and what LibreOffice saves, we read as the same rows
    subprocess.run([office, f"-env:UserInstallation=file://{site.path('office')}", "--headless", "--convert-to", "ods", "a.ods", "--outdir", site.path("saved")], cwd=site.folder, check=True, capture_output=True, timeout=300)
    assert site.json("import", "cash.cashbook", "saved/a.ods")["unchanged"] == 3


def test_an_opendocument_file_is_as_its_standard_wants(site):
    site.run("migrate")
    fill(site, NAUGHTY[:2])
    site.run("export", "cash.cashbook", "-o", "a.ods")
    with zipfile.ZipFile(site.path("a.ods")) as file:
        first = file.infolist()[0]
        assert (first.filename, first.compress_type, first.extra) == ("mimetype", zipfile.ZIP_STORED, b"")
        assert file.read("mimetype").decode() == TYPES["ods"] and file.testzip() is None
        assert set(file.namelist()) == {"mimetype", "META-INF/manifest.xml", "settings.xml", "content.xml"}
