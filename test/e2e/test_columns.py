# SPDX-License-Identifier: Apache-2.0
"""A sheet with other headings: its columns are mapped, the preview shows old and new, and what somebody changed in between is named before it goes in."""
from selenium.webdriver.support.ui import Select

from test_books import HEAD
from test_sheets import row

FIELDS = ("external_ref", "date", "description", "category", "account", "income", "expense")


def test_wrong_headings_are_mapped_and_a_row_that_changed_in_between_is_named(site, browsers):
    site.csv("a.csv", HEAD, row(1), row(2))
    site.run("import", "cash.cashbook", "a.csv")
    site.csv("b.csv", "우리 회사 장부", "번호,언제,무엇,종류,계좌,받은 돈,낸 돈", *(",".join(row(n, income=str(5000 + n)).split(",")[:7]) for n in (1, 2, 3)))
    browser = browsers(site.serve("up"))
    browser.sign_in()
    job = browser.upload(site.path("b.csv"))
    browser.wait(lambda: browser.all("form[action$='columns/']"))
    browser.find("#head_row").clear()
    browser.find("#head_row").send_keys("2")
    browser.press("form[action$='columns/'] .btn.go")
    browser.wait(lambda: len(browser.all("select[name^='column_']")) == 7)
    for number, field in enumerate(FIELDS, 1):
        Select(browser.find(f"select[name=column_{number}]")).select_by_value(field)
    browser.shot("import-columns")
    browser.press("form[action$='columns/'] .btn.go")
    browser.wait(lambda: browser.all("form[action$='confirm/']"))
    cells = [cell.text for cell in browser.all("main table td:last-child")]
    assert any("→" in cell and "5,001" in cell for cell in cells), cells
    browser.shot("import-differences")
    site.sql("update cashbook set income = 7700 where external_ref = (select min(external_ref) from cashbook)")
    browser.press("form[action$='confirm/'] button")
    browser.wait_text("표에서 1행이 바뀌어")
    assert "값이 바뀌었습니다" in browser.text()
    browser.wait(lambda: browser.all("form[action$='confirm/']"))
    browser.press("form[action$='confirm/'] button")
    browser.wait(lambda: browser.all(".badge.done"))
    assert [tile.text for tile in browser.all(".tile dd")][:4] == ["1", "2", "0", "0"]
    assert browser.path().startswith(f"/admin/jobs/{job}/")
    assert browser.complaints() == []
