# SPDX-License-Identifier: Apache-2.0
"""A sheet is looked at, confirmed and taken back again; what a hand has touched meanwhile stays."""
import openpyxl
import pytest

from conftest import HANG_SECONDS
from test_books import HEAD
from test_sheets import row, with_cookies


def tiles(browser):
    return [tile.text for tile in browser.all(".tile dd")]


@pytest.mark.database
@pytest.mark.parametrize("on_error", ["abort", "skip"])
def test_an_import_is_previewed_confirmed_and_undone(site, browsers, on_error):
    site.csv("a.csv", HEAD, *(row(n) for n in range(1, 6)))
    site.run("import", "cash.cashbook", "a.csv")
    table = "select external_ref, description, income, memo from cashbook order by external_ref"
    before = site.rows(table)
    browser = browsers(site.serve("up"))
    browser.sign_in()
    site.csv("b.csv", HEAD, row(1, income="2000"), row(2, memo="정정"), row(3), row(8), row(9))
    job = browser.upload(site.path("b.csv"), on_error=on_error)
    browser.wait(lambda: browser.all("form[action$='confirm/'] button"))
    assert site.rows(table) == before
    browser.press("form[action$='confirm/'] button")
    browser.wait_ended()
    assert tiles(browser)[:4] == ["2", "2", "1", "0"]
    browser.shot("undo-imported-" + on_error)

    browser.press("a[href$='undo/']")
    browser.wait_path(f"/admin/jobs/{job}/undo/")
    assert "새로 넣은 2행을 지웁니다" in browser.text() and "고친 2행을 예전 값으로 되돌립니다" in browser.text()
    browser.shot("undo-question-" + on_error)
    assert len(site.rows(table)) == 7
    browser.press("button.bad")
    browser.wait(lambda: browser.path() != f"/admin/jobs/{job}/undo/" and browser.path().startswith("/admin/jobs/"))
    browser.wait_ended()
    assert f"가져오기 {job}을(를) 되돌렸습니다." in browser.find(".note.ok").text and tiles(browser)[:3] == ["2", "2", "0"]
    browser.shot("undo-done-" + on_error)
    assert site.rows(table) == before
    browser.press(f"a[href='/admin/jobs/{job}/']")
    browser.wait_path(f"/admin/jobs/{job}/")
    assert "되돌린 작업" in browser.text() and not browser.all("a[href$='undo/']")
    assert browser.complaints() == []


@pytest.mark.database
def test_what_a_hand_touched_since_stays_and_is_listed(site, browsers):
    browser = browsers(site.serve("up"))
    browser.sign_in()
    site.csv("a.csv", HEAD, row(1), row(2), row(3))
    job = browser.upload(site.path("a.csv"), direct=True)
    browser.wait_ended()
    touched = site.number("select id from cashbook where external_ref = 'C-00002'")
    browser.open(f"/admin/cash/cashbook/{touched}/")
    browser.type("memo", "손으로")
    browser.press("form.card button.go")
    browser.wait(lambda: browser.all(".note.ok, .flash, [role=status]"))
    browser.open(f"/admin/jobs/{job}/undo/")
    browser.press("button.bad")
    browser.wait(lambda: "/undo/" not in browser.path())
    browser.wait_ended()
    text = browser.text()
    assert tiles(browser)[:3] == ["2", "0", "1"] and "가져온 뒤에 바뀌었습니다" in text and "손으로" in text
    browser.shot("undo-left")
    answer = with_cookies(browser).get(browser.find("a[href$='refused.xlsx']").get_attribute("href"), timeout=HANG_SECONDS)
    with open(site.path("left.xlsx"), "wb") as file:
        file.write(answer.content)
    cells = [[cell.value for cell in line] for line in openpyxl.load_workbook(site.path("left.xlsx")).active.iter_rows()]
    assert len(cells) == 2 and cells[1][:5] == [3, "C-00002", "메모", None, "손으로"]
    assert site.rows("select external_ref from cashbook") == [("C-00002",)]

    browser.open(f"/admin/cash/cashbook/{touched}/history/")
    text = browser.text()
    assert "admin" in text and "손으로" in text and "가져오기로 추가" in text and "b.csv" not in text
    browser.shot("row-history")
    assert browser.complaints() == []
