# SPDX-License-Identifier: Apache-2.0
"""The job that the program is for: a big workbook goes in, is watched, and comes out again."""
import openpyxl
import pytest
import requests

from conftest import HANG_SECONDS
from test_books import HEAD


def row(n, **change):
    cells = {"external_ref": f"C-{n:05}", "date": "2025-11-20", "description": f"적요 {n}", "category": "매출", "account": "보통예금", "income": "1000", "expense": "0", "counterparty": "", "evidence": "", "memo": ""}
    return ",".join({**cells, **change}.values())


def with_cookies(browser):
    session = requests.Session()
    for cookie in browser.driver.get_cookies():
        session.cookies.set(cookie["name"], cookie["value"])
    return session


def test_a_hundred_thousand_rows_go_in_are_watched_and_come_out_again(site, browsers):
    site.run("sheet", "generate", "cash.cashbook", "100000", "big.xlsx")
    browser = browsers(site.serve("up", IMPORT_ASYNC_BYTES="1000000"))
    browser.sign_in()

    browser.upload(site.path("big.xlsx"), direct=True)
    browser.wait_ended()
    seen = browser.seen()
    rising = [b for a, b in zip([-1, *seen], seen) if b > a]
    assert seen == sorted(seen) and len(rising) >= 10, seen
    assert "100,000행을 반영했습니다" in browser.find(".note.ok").text
    browser.shot("job-done")
    browser.open("/admin/cash/cashbook/")
    assert "100,000건" in browser.find(".head p").text
    browser.shot("list-100000")

    browser.open("/admin/cash/cashbook/export/")
    browser.shot("export")
    browser.press("form.card button.go")
    browser.wait_path("/admin/jobs/")
    browser.wait_ended()
    assert "100,000행을 내보냈습니다" in browser.find(".note.ok").text
    link = browser.find("a[href$=download]").get_attribute("href")
    answer = with_cookies(browser).get(link, timeout=HANG_SECONDS)
    assert answer.status_code == 200
    with open(site.path("again.xlsx"), "wb") as file:
        file.write(answer.content)
    assert sum(1 for _ in openpyxl.load_workbook(site.path("again.xlsx"), read_only=True).active.iter_rows()) == 100001

    browser.upload(site.path("again.xlsx"), direct=True)
    browser.wait_ended()
    assert browser.find("[data-field=unchanged]").text == "100,000"
    assert browser.find("[data-field=new]").text == "0" and browser.find("[data-field=changed]").text == "0"
    assert browser.complaints() == []


@pytest.mark.database
def test_a_preview_shows_what_would_change_and_changes_nothing_before_it_is_confirmed(site, browsers):
    site.csv("a.csv", HEAD, *(row(n) for n in range(1, 6)))
    site.run("import", "cash.cashbook", "a.csv")
    site.csv("m.csv", "month,closed_by", "2025-10,관리자")
    site.run("import", "cash.closedmonth", "m.csv")
    browser = browsers(site.serve("up"))
    browser.sign_in()
    site.csv("b.csv", HEAD + ",담당자", row(1) + ",x", row(2, income="2000") + ",x", row(3, memo="<b>정정</b>") + ",x", row(9) + ",x", row(10, income="일십만원") + ",x", row(11, date="2025-10-31") + ",x")
    browser.upload(site.path("b.csv"), on_error="skip")
    browser.wait(lambda: browser.all("button.go"))
    browser.shot("preview")
    text = browser.text()
    assert "담당자" in text and "일십만원" in text
    assert [tile.text for tile in browser.all(".tile dd")][:4] == ["1", "2", "1", "2"]
    assert [node.text for node in browser.all("ins")] == ["2,000", "<b>정정</b>"]
    assert "거절 2행을 빼고 3행 반영" in browser.find("button.go").text
    other = with_cookies(browser)
    assert "C-00009" not in other.get(browser.address + "/admin/cash/cashbook/", headers={"Accept": "text/html"}, timeout=30).text
    browser.press("button.go")
    browser.wait_ended()
    assert "3행을 반영했습니다" in browser.find(".note.ok").text and "2행은 거절했습니다" in browser.find(".note.ok").text
    assert [tile.text for tile in browser.all(".tile dd")][:4] == ["1", "2", "1", "2"]
    browser.shot("job-done-refused")
    refused = other.get(browser.address + "/" + browser.path().strip("/") + "/refused.xlsx", timeout=30)
    assert refused.status_code == 200 and refused.content[:2] == b"PK"
    browser.open("/admin/cash/cashbook/")
    assert "6건" in browser.find(".head p").text


def test_a_discarded_preview_leaves_everything_as_it_was(site, browsers):
    browser = browsers(site.serve("up"))
    browser.sign_in()
    site.csv("a.csv", HEAD, row(1))
    browser.upload(site.path("a.csv"))
    browser.wait(lambda: browser.all("form[action$='discard/'] button"))
    browser.press("form[action$='discard/'] button")
    browser.wait_ended()
    assert "취소했습니다" in browser.text()
    browser.open("/admin/cash/cashbook/")
    assert "0건" in browser.find(".head p").text
    browser.shot("first-use")


def test_a_bad_file_is_refused_with_one_sentence_on_the_same_page(site, browsers):
    browser = browsers(site.serve("up", UPLOAD_BYTES_MAX="20000"))
    browser.sign_in()
    site.csv("a.csv", HEAD, row(1), row(2, income="abc"))
    browser.upload(site.path("a.csv"), direct=True)
    browser.wait_ended()
    assert browser.find(".note.err").text.count("아무것도 반영하지 않았습니다") == 1
    assert "abc" in browser.text()
    browser.shot("job-failed")
    site.csv("big.csv", HEAD, *(row(n) for n in range(2000)))
    browser.open("/admin/cash/cashbook/import/")
    browser.find("[type=file]").send_keys(site.path("big.csv"))
    browser.press("form[enctype] button.go")
    browser.wait(lambda: browser.find("[data-problem]").is_displayed())
    assert "19.5 KiB까지 올릴 수 있습니다" in browser.find("[data-problem]").text
    assert browser.path() == "/admin/cash/cashbook/import/"
    browser.shot("upload-refused")


@pytest.mark.database
def test_a_running_job_is_cancelled_and_says_what_stays(site, browsers):
    site.run("sheet", "generate", "cash.cashbook", "20000", "a.xlsx")
    browser = browsers(site.serve("up", IMPORT_ASYNC_BYTES="1000", JANGBU_FAULTS="transfer/import/batch=sleep:300*1000"))
    browser.sign_in()
    browser.upload(site.path("a.xlsx"), direct=True)
    browser.wait(lambda: browser.all(".badge.running"))
    browser.shot("job-running")
    browser.press("form[action$='cancel/'] button")
    browser.wait(lambda: browser.all(".badge.cancelled"), None)
    assert "취소했습니다" in browser.find(".note.care").text
    browser.open("/admin/cash/cashbook/")
    assert "0건" in browser.find(".head p").text


def test_without_a_worker_the_job_says_how_to_start_one(site, browsers):
    browser = browsers(site.serve("serve", IMPORT_ASYNC_BYTES="10"))
    browser.sign_in()
    site.csv("a.csv", HEAD, row(1))
    browser.upload(site.path("a.csv"), direct=True)
    assert "jangbu worker" in browser.find("[role=alert]").text
    browser.shot("no-worker")
    site.start("worker")
    browser.wait_ended()
    assert "1행을 반영했습니다" in browser.find(".note.ok").text


def test_everything_works_without_a_script(site, browsers):
    browser = browsers(site.serve("up", IMPORT_ASYNC_BYTES="10"), script=False)
    browser.sign_in()
    site.csv("a.csv", HEAD, *(row(n) for n in range(1, 4)))
    browser.upload(site.path("a.csv"))
    browser.wait(lambda: browser.all("form[action$='confirm/'] button"))  # the page refreshes itself until there is a preview
    browser.press("form[action$='confirm/'] button")
    browser.wait_ended()
    assert "3행을 반영했습니다" in browser.find(".note.ok").text
    browser.open("/admin/cash/cashbook/")
    assert "3건" in browser.find(".head p").text
    browser.type("q", "적요 2")
    browser.press("[data-noscript]")
    browser.wait_path("/admin/cash/cashbook/?q=")
    assert "3건 가운데 1건" in browser.find(".head p").text
    browser.press("[data-send]")
    browser.wait(lambda: browser.all(".note.care"))
    assert "고른 전표가 없습니다" in browser.find(".note.care").text


@pytest.mark.database
def test_the_stream_is_replayed_after_the_last_event_that_was_seen(site, browsers):
    site.run("sheet", "generate", "cash.cashbook", "20000", "a.xlsx")
    browser = browsers(site.serve("up", IMPORT_ASYNC_BYTES="1000", JANGBU_FAULTS="transfer/import/batch=sleep:100*1000"))
    browser.sign_in()
    job = browser.upload(site.path("a.xlsx"), direct=True)
    session = with_cookies(browser)
    address = f"{browser.address}/admin/jobs/{job}/events"

    def numbers(count, **headers):
        got = []
        with session.get(address, headers=headers, stream=True, timeout=HANG_SECONDS) as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                if line.startswith(b"id:"):
                    got.append(int(line[3:]))
                    if len(got) == count:
                        return got
        return got

    first = numbers(4)
    assert first == sorted(set(first))
    assert numbers(2, **{"Last-Event-ID": str(first[1])}) == first[2:4]
    poll = session.get(f"{browser.address}/admin/jobs/{job}/", headers={"Accept": "application/json"}, timeout=30).json()
    assert poll["job"] == job and 0 <= poll["progress"] <= 100


@pytest.mark.database
def test_another_persons_job_is_not_shown(site, browsers):
    site.run("user", "add", "clerk", "--staff", "--password-stdin", stdin=b"correct horse\n")
    site.run("user", "grant", "clerk", "cash.view_cashbook")
    browser = browsers(site.serve("up"))
    browser.sign_in()
    site.csv("a.csv", HEAD, row(1))
    job = browser.upload(site.path("a.csv"), direct=True)
    browser.wait_ended()
    clerk = browsers(browser.address)
    clerk.sign_in("clerk")
    clerk.open(f"/admin/jobs/{job}/")
    assert "적요" not in clerk.text() and clerk.driver.execute_script("return performance.getEntriesByType('navigation')[0].responseStatus") in (403, 404)
    clerk.open("/admin/cash/cashbook/")
    assert not clerk.all("a[href$='import/']") and not clerk.all("a[href$='add/']") and not clerk.all("[data-all]")
    clerk.open("/admin/cash/cashbook/import/")
    assert "권한" in clerk.text()
    clerk.shot("denied")
