# SPDX-License-Identifier: Apache-2.0
"""The cash book in a browser: signing in, the list, the form, deleting, on a phone, with the keyboard, in English."""
import datetime

import pytest
from selenium.webdriver.common.keys import Keys

HEAD = "external_ref,date,description,category,account,income,expense,counterparty,evidence,memo"


def fill(site, count):
    lines = [f"C-{n:04},2025-{10 + n % 2}-{n % 28 + 1:02},적요 {n},{'매출' if n % 3 else '소모품비'},보통예금,{n * 1000 if n % 3 else 0},{0 if n % 3 else n * 500},거래처 {n % 7},카드," for n in range(1, count + 1)]
    site.csv("a.csv", HEAD, *lines)
    site.run("import", "cash.cashbook", "a.csv")


@pytest.fixture
def browser(site, browsers):
    fill(site, 120)
    return browsers(site.serve())


def test_a_wrong_password_says_so_and_keeps_the_name(browser):
    browser.sign_in(password="wrong")
    assert "로그인하지 못했습니다" in browser.find("[role=alert]").text
    assert browser.find("[name=username]").get_attribute("value") == "admin"
    assert browser.find("[name=password]").get_attribute("value") == ""
    browser.shot("login")


def test_guessing_a_password_is_stopped_with_429(browser):
    for _ in range(6):
        browser.sign_in(password="wrong")
    assert "15분" in browser.find("[role=alert]").text
    assert browser.driver.execute_script("return performance.getEntriesByType('navigation')[0].responseStatus") == 429
    browser.sign_in()
    assert browser.path().startswith("/admin/login/")


def test_signing_in_leads_where_one_wanted_to_go_and_signing_out_back(browser):
    browser.open("/admin/cash/cashbook/?category=매출")
    browser.wait_path("/admin/login/")
    browser.type("username", "admin")
    browser.type("password", "correct horse" + Keys.ENTER)
    browser.wait_path("/admin/cash/cashbook/?category=")
    browser.press(".top button")
    browser.wait_path("/admin/login/")
    browser.open("/admin/")
    browser.wait_path("/admin/login/")


@pytest.mark.database
def test_the_list_sorts_filters_searches_and_turns_pages(browser):
    browser.sign_in()
    browser.open("/admin/cash/cashbook/")
    assert "120건" in browser.find(".head p").text
    assert len(browser.all("tbody tr")) == 50
    browser.shot("list")
    browser.find("[rel=next]").click()
    browser.wait_path("/admin/cash/cashbook/?page=2")
    browser.find("thead a[href*='o=income']").click()
    browser.wait_path("/admin/cash/cashbook/?o=income")
    assert browser.find("[aria-sort]").get_attribute("aria-sort") == "ascending"
    browser.find("[aria-sort] a").click()
    browser.wait_path("/admin/cash/cashbook/?o=-income")
    assert browser.find("tbody td.n:not(.ph)").text == "119,000"
    browser.open("/admin/cash/cashbook/?category=소모품비")
    assert "120건 가운데 40건" in browser.find(".head p").text
    browser.find("[type=search]").send_keys("적요 12" + Keys.ENTER)
    browser.wait_path("/admin/cash/cashbook/?q=")
    assert "category=" in browser.path()
    assert {row.text.split()[1] for row in browser.all("tbody tr")} == {"C-0012", "C-0120"}
    browser.open("/admin/cash/cashbook/?date=2025-11")
    assert "60건" in browser.find(".head p").text
    browser.open("/admin/cash/cashbook/?q=토너")
    assert "‘토너’에 맞는 전표가 없습니다" in browser.text()
    browser.shot("empty")


@pytest.mark.database
def test_two_totals_add_up_the_page_and_what_was_found(browser):
    browser.sign_in()
    browser.open("/admin/cash/cashbook/")
    income = sum(n * 1000 for n in range(1, 121) if n % 3)
    expense = sum(n * 500 for n in range(1, 121) if n % 3 == 0)
    found = browser.all("tfoot tr")[1].text
    assert f"{income:,}" in found and f"{expense:,}" in found and f"{income - expense:,}" in found and "찾은 120건" in found
    assert "이 쪽 50건" in browser.all("tfoot tr")[0].text


def test_a_filter_applies_when_it_changes(browser):
    browser.sign_in()
    browser.open("/admin/cash/cashbook/")
    browser.find("select[name=category] option[value=매출]").click()
    browser.wait_path("/admin/cash/cashbook/?category=")
    assert "120건 가운데 80건" in browser.find(".head p").text
    assert "date=" not in browser.path()


@pytest.mark.database
def test_a_form_keeps_what_was_typed_and_names_every_fault(browser):
    browser.sign_in()
    browser.open("/admin/cash/cashbook/add/")
    for name, text in {"external_ref": "C-0001", "description": "새 전표", "category": "매출", "account": "현금", "income": "1200.005"}.items():
        browser.type(name, text)
    browser.driver.execute_script("document.querySelector('form.card').noValidate = true")
    browser.press("[name=next][value=list]")
    browser.wait(lambda: browser.all(".note.err"))
    assert "저장하지 못했습니다" in browser.find(".note.err").text
    assert "2군데" in browser.find(".note.err").text
    assert browser.find("[name=income]").get_attribute("value") == "1200.005"
    assert browser.find("[name=income]").get_attribute("aria-invalid") == "true"
    browser.shot("form-errors")
    browser.type("income", "1,200.50")
    browser.driver.execute_script("document.querySelector('[name=date]').value = '2025-11-20'")
    browser.press("[name=next][value=list]")
    browser.wait(lambda: "C-0001" in browser.text() and browser.all(".note.err"))
    assert browser.find("[name=description]").get_attribute("value") == "새 전표"
    browser.type("external_ref", "C-9001")
    browser.press("[name=next][value=list]")
    browser.wait(lambda: browser.all(".note.ok"))
    assert "C-9001" in browser.find(".note.ok").text
    browser.open("/admin/cash/cashbook/?q=C-9001")
    assert "1,200.5" in browser.find("tbody").text


@pytest.mark.database
def test_references_are_chosen_and_rules_of_the_model_speak_in_the_form(site, browsers):
    site.csv("p.csv", "code,name", "P-01,한강 사업", "P-02,가을 사업")
    site.run("import", "cash.project", "p.csv")
    site.csv("m.csv", "month,closed_by", "2025-10,관리자")
    site.run("import", "cash.closedmonth", "m.csv")
    browser = browsers(site.serve())
    browser.sign_in()
    browser.open("/admin/cash/projectcashbook/add/")
    for name, text in {"external_ref": "X-1", "description": "자재", "category": "사업비", "account": "현금", "expense": "", "income": "1,000"}.items():
        browser.type(name, text)
    browser.driver.execute_script("document.querySelector('[name=date]').value = '2025-10-05'")
    browser.find("[name=project_id] option[value='1']").click()
    browser.press("[name=next][value=list]")
    browser.wait(lambda: browser.all(".note.err"))
    assert "마감되었습니다" in browser.find(".note.err").text
    assert browser.find("[name=project_id]").get_attribute("value") == "1"
    browser.driver.execute_script("document.querySelector('[name=date]').value = '2025-11-05'")
    browser.press("[name=next][value=list]")
    browser.wait(lambda: browser.all(".note.ok"))
    assert "P-01" in browser.find("tbody").text
    browser.find("[name=project_id] option[value='2']").click()
    browser.wait_path("/admin/cash/projectcashbook/?")
    assert "1건 가운데 0건" in browser.find(".head p").text
    browser.open("/admin/cash/project/1/delete/")
    browser.press("button.bad")
    browser.wait(lambda: browser.all(".note.err"))
    assert "사업별 현금출납부" in browser.find(".note.err").text
    browser.open("/admin/cash/project/")
    assert "2건" in browser.find(".head p").text


@pytest.mark.database
def test_a_row_is_changed_and_the_list_is_as_it_was(browser):
    browser.sign_in()
    browser.open("/admin/cash/cashbook/?category=매출&page=2")
    browser.find("tbody a").click()
    browser.wait(lambda: browser.all("[name=memo]"))
    browser.shot("form")
    browser.type("memo", "고침 <b>")
    browser.press("[name=next][value=list]")
    browser.wait_path("/admin/cash/cashbook/?")
    assert "category=" in browser.path() and "page=2" in browser.path()
    assert "저장했습니다" in browser.find(".note.ok").text


@pytest.mark.database
def test_ticked_rows_are_deleted_after_one_question(browser):
    browser.sign_in()
    browser.open("/admin/cash/cashbook/?o=external_ref")
    boxes = browser.all("tbody [type=checkbox]")
    boxes[0].click()
    browser.driver.execute_script("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true, shiftKey: true}))", boxes[2])
    assert browser.find("[data-count]").text == "3"
    browser.shot("ticked")
    browser.find("select[name=action] option[value=delete]").click()
    browser.press("[data-send]")
    browser.wait(lambda: "되돌릴 수 없습니다" in browser.text())
    assert "전표 3건을 지웁니다" in browser.find("h1").text
    browser.shot("delete")
    browser.press("button.bad")
    browser.wait(lambda: browser.all(".note.ok"))
    assert "3건을 지웠습니다" in browser.find(".note.ok").text
    assert "117건" in browser.find(".head p").text
    assert "o=external_ref" in browser.path()


def test_nothing_scrolls_sideways_on_a_phone(browser):
    browser.sign_in()
    browser.phone()
    for path in ("/admin/", "/admin/cash/cashbook/", "/admin/cash/cashbook/add/", "/admin/cash/cashbook/1/", "/admin/cash/cashbook/1/delete/", "/admin/cash/cashbook/import/", "/admin/cash/cashbook/export/",
                 "/admin/jobs/", "/admin/cash/project/", "/admin/nothing/"):
        browser.open(path)
        wide = browser.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{path} is {wide} px too wide"
        browser.shot("phone" + path.replace("/", "-"))
    browser.open("/admin/cash/cashbook/")
    assert browser.find("td.ph").is_displayed() and not browser.find("td.lo").is_displayed()


def test_a_phone_shows_what_is_needed_and_no_more(site, browsers):
    today = datetime.date.today()
    site.csv("a.csv", HEAD, *(f"C-{n},{day},적요,매출,보통예금,1,0,,," for n, day in enumerate([today, today.replace(day=1)])))
    site.run("import", "cash.cashbook", "a.csv")
    browser = browsers(site.serve())
    browser.sign_in()
    browser.phone()
    browser.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    browser.open("/admin/cash/cashbook/")
    day = browser.find("tbody td.d").text
    assert day == f"{today:%m-%d}", day
    assert "/" not in browser.find("[type=search]").get_attribute("placeholder")
    assert not browser.find("[data-count]").is_displayed()
    browser.find("tbody [type=checkbox]").click()
    assert browser.find("[data-count]").is_displayed()
    site.csv("b.csv", HEAD, f"C-9,{today.year - 1}-11-21,적요,매출,보통예금,1,0,,,")
    site.run("import", "cash.cashbook", "b.csv")
    browser.open("/admin/cash/cashbook/")
    days = [cell.text for cell in browser.all("tbody td.d") if cell.is_displayed()]
    assert days[0] == f"{today:%Y-%m-%d}" and days[-1] == f"{today.year - 1}-11-21", days
    browser.open("/admin/jobs/")
    here = browser.driver.execute_script("const at = document.querySelector('.side [aria-current]').getBoundingClientRect(); return [at.left, innerWidth - at.right]")
    assert min(here) >= 0, here


def test_the_name_of_a_chosen_file_stands_once(site, browsers):
    browser = browsers(site.serve())
    browser.sign_in()
    browser.open("/admin/cash/cashbook/import/")
    browser.find("[type=file]").send_keys(site.path(site.csv("출납.csv", HEAD)))
    browser.wait(lambda: browser.find("output").text == "1 KiB")


def test_the_keyboard_skips_to_the_content_and_finds_the_search(browser):
    browser.sign_in()
    browser.open("/admin/cash/cashbook/")
    assert browser.find("[type=search]").get_attribute("placeholder").endswith(" ( / )")
    browser.find("body").send_keys(Keys.TAB)
    assert browser.driver.switch_to.active_element.get_attribute("class") == "skip"
    browser.find("body").send_keys("/")
    assert browser.driver.switch_to.active_element.get_attribute("type") == "search"


def test_english_is_spoken_to_those_who_ask_for_it(site, browsers):
    fill(site, 3)
    browser = browsers(site.serve(), language="en-US,en")
    browser.sign_in()
    browser.open("/admin/cash/cashbook/")
    assert browser.find("html").get_attribute("lang") == "en"
    assert "Export" in browser.text() and "내보내기" not in browser.text()
    browser.shot("english")


def test_no_page_breaks_its_own_rules(browser):
    """The browser complains about nothing: no refused style or script, nothing missing."""
    browser.sign_in()
    for path in ("/admin/", "/admin/cash/cashbook/", "/admin/cash/cashbook/1/", "/admin/cash/cashbook/import/", "/admin/cash/cashbook/export/", "/admin/jobs/"):
        browser.open(path)
        unlabelled = browser.driver.execute_script(
            "return [...document.querySelectorAll('input:not([type=hidden]), select, textarea')].filter(e => !e.labels?.length && !e.ariaLabel).map(e => e.name)")
        assert unlabelled == [], path
        assert len(browser.all("h1")) == 1, path
        assert browser.complaints() == [], path
