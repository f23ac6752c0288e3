# SPDX-License-Identifier: Apache-2.0
"""Behind nginx with proxy_read_timeout 5s: an upload is answered with its job, however long that takes, and nobody meets a 504."""
import os
import re

import requests

from conftest import wait_until
from nginx import nginx
from test_api import form_token, person, rows, sign_in, wait_job
from test_commands import line

IMPORTER = ["cash." + verb + "_cashbook" for verb in ("view", "add", "change", "import")]
ROWS, NAP_MS = (2000, 3000) if os.environ.get("JB_SANITIZED") else (100000, 100)  # a hostile build takes five seconds to read what others read at once


def test_a_big_workbook_is_answered_with_its_job_before_that_ends(site):
    person(site, "clerk", *IMPORTER)
    site.run("sheet", "generate", "cash.cashbook", str(ROWS), "big.xlsx")
    upstream = site.serve("up", IMPORT_ASYNC_BYTES="10000", JANGBU_FAULTS=f"transfer/import/batch=sleep:{NAP_MS}")
    with nginx(site.folder, upstream) as front:
        session = sign_in(front.address, "clerk")
        token = form_token(session.get(front.address + "/admin/cash/cashbook/import/", timeout=60))
        with open(site.path("big.xlsx"), "rb") as file:
            answer = session.post(front.address + "/admin/cash/cashbook/import/", files={"csrfmiddlewaretoken": (None, token), "direct": (None, "1"), "file": ("big.xlsx", file)}, timeout=60, allow_redirects=False)
        status = site.rows("select status from import_jobs")  # naps of several seconds are still to come
        assert answer.status_code == 303 and status in ([("queued",)], [("running",)]), (answer.status_code, status)
        job = re.search(r"/admin/jobs/(\d+)/", answer.headers["Location"]).group(0)
        wait_until(lambda: 'class="badge done"' in session.get(front.address + job, timeout=60).text)
        assert site.number("select count(*) from cashbook") == ROWS
        codes = {code for code, _, _ in front.answers()}
        assert codes and not any(code.startswith("5") for code in codes), codes


def test_a_small_file_that_takes_longer_than_the_proxy_waits_is_no_504(site):
    clerk = person(site, "clerk", *IMPORTER)
    upstream = site.serve("up", JANGBU_FAULTS="transfer/import/batch=sleep:1500")
    with nginx(site.folder, upstream) as front:
        answer = requests.post(front.address + "/api/cash/cashbook/import?file_name=a.csv", data=rows(*(line(n) for n in range(5000))), headers=clerk, timeout=60)
        assert answer.status_code == 202 and answer.json()["status"] in ("queued", "running"), answer.text
        result = wait_job(front.address, answer.headers["Location"], clerk)
        assert (result["status"], result["new"]) == ("done", 5000)
        assert {code for code, _, _ in front.answers()} <= {"200", "202"}
