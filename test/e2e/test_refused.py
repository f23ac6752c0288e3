# SPDX-License-Identifier: Apache-2.0
"""Refused rows are downloaded, corrected and sent back, until nothing is refused any more."""
import openpyxl
import pytest

from conftest import HANG_SECONDS
from test_books import HEAD
from test_sheets import row, with_cookies


def download_refused(site, browser):
    """The button's file, as the browser's own session gets it."""
    answer = with_cookies(browser).get(browser.find("a[href$='refused.xlsx']").get_attribute("href"), timeout=HANG_SECONDS)
    assert answer.status_code == 200
    with open(site.path("refused.xlsx"), "wb") as file:
        file.write(answer.content)
    return openpyxl.load_workbook(site.path("refused.xlsx"))


def send_back(site, browser, book):
    book.save(site.path("fixed.xlsx"))
    browser.find("#continue [type=file]").send_keys(site.path("fixed.xlsx"))
    browser.press("button[form=continue]")


@pytest.mark.database
@pytest.mark.parametrize("on_error, at_first", [("abort", "0건"), ("skip", "2건")])
def test_refused_rows_are_corrected_and_sent_back_to_their_job(site, browsers, on_error, at_first):
    browser = browsers(site.serve("up"))
    browser.sign_in()
    site.csv("a.csv", HEAD + ",담당자", row(1) + ",김", row(2, income="일만원") + ",이", row(3) + ",박", row(4, date="2025-11-31", income="") + ",최")
    job = browser.upload(site.path("a.csv"), direct=True, on_error=on_error)
    browser.wait_ended()
    browser.shot("refused-" + on_error)
    browser.open("/admin/cash/cashbook/")
    assert at_first in browser.find(".head p").text

    browser.open(f"/admin/jobs/{job}/")
    book = download_refused(site, browser)
    sheet = book.active
    names = [cell.value for cell in sheet[1]]
    assert names[:11] == [*HEAD.split(","), "담당자"] and names[11].startswith(f"행 row (job {job}-") and names[12:] == ["열 column", "이유 reason"]
    assert [cell.value for cell in sheet["L"]][1:] == [3, 5] and [cell.value for cell in sheet["K"]][1:] == ["이", "최"]
    sheet["F2"], sheet["B3"] = 10000, "2025-11-31"
    send_back(site, browser, book)
    browser.wait(lambda: browser.all("#continue") and "일만원" not in browser.text())
    assert "2025-11-31" in browser.text() and "이유 1가지" in browser.text()

    book = download_refused(site, browser)
    book.active["B2"] = "2025-11-30"
    send_back(site, browser, book)
    browser.wait(lambda: browser.all(".badge.done") and not browser.all("#continue"))
    assert [tile.text for tile in browser.all(".tile dd")][:4] == ["4", "0", "0", "0"]
    browser.shot("refused-corrected-" + on_error)
    browser.open("/admin/cash/cashbook/")
    assert "4건" in browser.find(".head p").text
    assert browser.complaints() == []


def test_a_file_that_is_no_corrected_one_is_refused_on_the_same_page(site, browsers):
    browser = browsers(site.serve("up"))
    browser.sign_in()
    site.csv("a.csv", HEAD, row(1), row(2, income="x"))
    browser.upload(site.path("a.csv"), direct=True)
    browser.wait_ended()
    browser.find("#continue [type=file]").send_keys(site.path("a.csv"))
    browser.press("button[form=continue]")
    browser.wait(lambda: browser.find("#continue [data-problem]").is_displayed())
    assert "머리글 ‘행 row (job" in browser.find("#continue [data-problem]").text
    browser.press("form[action$='discard/'] button")
    browser.wait(lambda: not browser.all("#continue"))
    assert site.left_in("spool") == [] and site.left_in("media") == []
