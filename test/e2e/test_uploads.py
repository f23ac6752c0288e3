# SPDX-License-Identifier: Apache-2.0
"""A large file from the import page over a connection that does not hold."""
import os
import re
import socket
import threading

import pytest

from conftest import CLI, HANG_SECONDS

HEAD = "external_ref,date,description,category,account,income,expense,counterparty,evidence,memo"
ROWS = 20000


class Road:
    """What lies between the browser and the site: a proxy that notes the parts that are sent, and can be closed in the middle of one."""

    def __init__(self, address):
        self.target = tuple(address.split("//")[1].split(":"))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.parts = []  # (offset, bytes that came of it)
        self.closes_after = None  # bytes of parts
        self.open = True
        self.ends = set()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if not self.open:
                client.close()
                continue
            server = socket.create_connection(self.target, timeout=HANG_SECONDS)
            self.ends |= {client, server}
            threading.Thread(target=self.forward, args=(client, server), daemon=True).start()
            threading.Thread(target=self.back, args=(server, client), daemon=True).start()

    def sent(self):
        return sum(size for _, size in self.parts)

    def note(self, data, left):
        """How much of a part is still to come after these bytes."""
        while data:
            if left == 0:
                head = re.match(rb"(\w+) \S+ HTTP.*?\r\n\r\n", data, re.DOTALL)
                if not head:
                    return 0
                size = int((re.search(rb"(?i)content-length: (\d+)", head.group()) or [0, 0])[1])
                if head.group(1) == b"PATCH":
                    self.parts.append((int(re.search(rb"(?i)upload-offset: (\d+)", head.group())[1]), 0))
                    left = size
                data = data[head.end():] if left else data[head.end() + size:]
                continue
            offset, size = self.parts[-1]
            self.parts[-1] = (offset, size + min(left, len(data)))
            data, left = data[left:], left - min(left, len(data))
        return left

    def forward(self, client, server):
        left = 0
        try:
            while data := client.recv(65536):
                left = self.note(data, left)
                if self.closes_after is not None and self.sent() > self.closes_after:
                    self.close()
                server.sendall(data)
        except OSError:
            pass

    @staticmethod
    def back(server, client):
        try:
            while data := server.recv(65536):
                client.sendall(data)
        except OSError:
            pass
        for end in (client, server):
            end.close()

    def close(self):
        self.open, self.closes_after = False, None
        for end in list(self.ends):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.ends.clear()


@pytest.fixture
def large(site):
    path = site.path("large.csv")
    with open(path, "w", encoding="utf-8") as file:
        file.write(HEAD + "\n")
        for number in range(ROWS):
            file.write(f"CB-{number},2026-11-21,사무용품,소모품비,보통예금,0,1000,,,{'메모 ' * 200}\n")
    return path


def start(browser, path):
    browser.open("/admin/cash/cashbook/import/?direct=1")
    browser.find("[type=file]").send_keys(path)
    browser.press("form[enctype] button.go")


@pytest.mark.database
def test_an_upload_goes_on_after_the_connection_was_lost(site, browsers, large):
    road = Road(site.serve("up"))
    browser = browsers(road.address)
    browser.sign_in()
    road.closes_after = 10 << 20
    start(browser, large)
    browser.wait(lambda: "연결이 끊겼습니다" in browser.find("[data-lost]").text)
    before = list(road.parts)
    assert not browser.find("[data-problem]").is_displayed() and int(browser.find("[data-percent]").text) > 10
    browser.shot("upload-lost")
    road.open = True
    browser.wait_path("/admin/jobs/")
    browser.wait_ended()
    assert browser.find("[data-field=new], .tiles").text and site.number("select count(*) from cashbook") == ROWS
    size = os.path.getsize(large)
    after = road.parts[len(before):]
    assert before[0][0] == 0 and after[0][0] >= before[-1][0] > 0, road.parts  # not from the beginning
    assert [offset for offset, _ in after[1:]] == [offset + bytes_ for offset, bytes_ in after[:-1]] and sum(after[-1]) == size, road.parts
    assert all("net::ERR" in text for text in browser.complaints())


@pytest.mark.database
def test_a_page_that_is_opened_anew_goes_on_with_the_same_file(site, browsers, large):
    road = Road(site.serve("up"))
    browser = browsers(road.address)
    browser.sign_in()
    road.closes_after = 10 << 20
    start(browser, large)
    browser.wait(lambda: "연결이 끊겼습니다" in browser.find("[data-lost]").text)
    browser.driver.get("about:blank")
    before = list(road.parts)
    road.open = True
    start(browser, large)
    browser.wait_path("/admin/jobs/")
    browser.wait_ended()
    assert site.number("select count(*) from cashbook") == ROWS and site.number("select count(*) from import_jobs") == 1
    assert road.parts[len(before)][0] > 0, road.parts


def test_a_small_file_goes_up_the_same_way(site, browsers):
    browser = browsers(site.serve("up"))
    browser.sign_in()
    site.csv("a.csv", HEAD, "CB-1,2026-11-21,사무용품,소모품비,보통예금,0,1000,,,")
    browser.upload(site.path("a.csv"), direct=True)
    browser.wait_ended()
    assert site.number("select count(*) from cashbook") == 1 and browser.complaints() == []
