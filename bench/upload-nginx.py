#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""upload-nginx [ROUNDS] — uploads through nginx with proxy_read_timeout 5s, as the office worker meets them.

20,000 rows in Chromium, from the click to "done": no answer of nginx may be a 504 (its access log tells). Then files of 1,000 to 200,000 rows by HTTP: how long after the upload's last byte its answer begins (aim: 1 s).
SQLite, one machine: web, worker, nginx and browser share its cores. Needs what script/setup test installs."""
import os
import re
import shutil
import socket
import statistics
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "test", "e2e"), os.path.join(ROOT, "test", "cli")]
BINARY = os.path.abspath(os.path.join(os.environ.get("BUILD", os.path.join(ROOT, "build")), "jangbu"))
os.environ["JB_BINARY"] = BINARY
import conftest  # noqa: E402 — the browser tests' own: a site, and a person in front of Chromium
from nginx import nginx  # noqa: E402

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5


def click_to_done(site, browser):
    """Seconds from pressing the button to the page that says done, 20,000 new rows."""
    browser.open("/admin/cash/cashbook/import/?direct=1")
    browser.find("[type=file]").send_keys(site.path("rows.xlsx"))
    began = time.monotonic()
    browser.press("form[enctype] button.go")
    browser.wait_path("/admin/jobs/")
    browser.wait_ended()
    seconds = time.monotonic() - began
    assert browser.all(".badge.done") and "20,000" in browser.text(), browser.text()
    return seconds


def answer_after_last_byte(port, token, name, body):
    """How long the client waits for the first byte of the answer once it has sent the last one of the file."""
    head = (f"POST /api/cash/cashbook/import?file_name={name}&on_error=skip HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(60)
        connection.sendall(head + body[:-1])
        time.sleep(0.2)  # what came before has arrived
        began = time.monotonic()
        connection.sendall(body[-1:])
        first = connection.recv(4096)
        seconds = time.monotonic() - began
        answer = first
        while first:
            first = connection.recv(65536)
            answer += first
    status = int(answer.split(b" ")[1])
    assert status in (200, 202), answer[:500]
    return seconds, status, re.search(rb"\"job\":(\d+)", answer).group(1).decode()


def browse(site, folder, front):
    browser = conftest.Browser(folder)
    browser.address = front.address
    browser.sign_in()
    seconds = []
    for number in range(ROUNDS):
        site.run("sheet", "generate", "cash.cashbook", "20000", "rows.xlsx", "--seed", str(number + 1))
        site.sql("delete from cashbook")
        seconds.append(click_to_done(site, browser))
    browser.driver.quit()
    print(f"20,000 rows in the browser under nginx, click to done: median {statistics.median(seconds):.2f} s, slowest {max(seconds):.2f} s", flush=True)


def send(site, front, token):
    """The slowest answer of all."""
    slowest = 0.0
    for rows in (1000, 20000, 200000):
        site.run("sheet", "generate", "cash.cashbook", str(rows), "rows.xlsx")
        with open(site.path("rows.xlsx"), "rb") as file:
            body = file.read()
        waits = []
        for _ in range(ROUNDS):
            site.sql("delete from cashbook")
            waited, status, job = answer_after_last_byte(int(front.address.rsplit(":", 1)[1]), token, "rows.xlsx", body)
            waits.append(waited)
            assert site.json("jobs", "wait", job)["status"] == "done"
        slowest = max(slowest, *waits)
        print(f"{rows:7} rows, {len(body) / 1e6:5.1f} MB: the answer ({status}) begins {statistics.median(waits) * 1000:4.0f} ms after the last byte, at most {max(waits) * 1000:4.0f} ms", flush=True)
    return slowest


def main():
    folder = tempfile.mkdtemp(prefix="jangbu-bench-")
    site = conftest.CLI.Site(folder)
    site.run("migrate")
    site.run("user", "add", "admin", "--staff", "--superuser", "--password-stdin", stdin=conftest.PASSWORD.encode() + b"\n")
    token = site.run("user", "token", "admin")[0].strip()
    try:
        with nginx(folder, site.serve("up")) as front:
            browse(site, folder, front)
            slowest = send(site, front, token)
            answers = front.answers()
        bad = [one for one in answers if one[0].startswith("5")]
        print(f"{len(answers)} answers through nginx, {len(bad)} of them 5xx")
        assert not bad, bad[:5]
        print(f"ratio {slowest:.2f} (slowest answer / the second that it may take)")
    finally:
        site.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
