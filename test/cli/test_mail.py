# SPDX-License-Identifier: Apache-2.0
"""Mails as a real SMTP server takes them."""
import asyncio
import email
import email.policy
import re
import threading

import pytest
import requests
from aiosmtpd.smtp import SMTP

from test_api import person, rows
from test_commands import line


class Post:
    """An SMTP server in a thread; `answers` are what it says to the next mails, then it takes all."""

    def __init__(self):
        self.answers, self.mails = [], []
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(self.loop.create_server(lambda: SMTP(self, loop=self.loop), "127.0.0.1", 0))
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope, email.message_from_bytes(envelope.content, policy=email.policy.default)))
        return self.answers.pop(0) if self.answers else "250 taken"

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.server.close()
        self.loop.run_until_complete(self.server.wait_closed())
        self.loop.close()


@pytest.fixture
def post():
    made = Post()
    yield made
    made.close()


@pytest.fixture
def clerk(site):
    headers = person(site, "clerk", "cash.view_cashbook", "cash.add_cashbook", "cash.change_cashbook", "cash.import_cashbook")
    site.run("user", "email", "clerk", "clerk@example.com")
    return headers


def send_all(site, post, **settings):
    """Runs what waits, also what waits for its next attempt."""
    site.sql("update queue_entries set run_at = created_at where status = 'queued'")
    site.run("worker", "--drain", EMAIL_HOST="127.0.0.1", EMAIL_PORT=str(post.port), **settings)


def import_one(site, clerk, number):
    answer = requests.post(site.serve() + f"/api/cash/cashbook/import?file_name={number}.csv", data=rows(line(number)), headers=clerk, timeout=60)
    assert answer.status_code == 200, answer.text
    site.stop(site.processes[-1])


def test_a_mail_that_is_sent_again_is_known_as_the_same(site, post, clerk):
    import_one(site, clerk, 1)
    post.answers = ["451 try again later"]
    for _ in range(3):
        send_all(site, post)
    import_one(site, clerk, 2)
    send_all(site, post)
    ids = [mail["Message-ID"] for _, mail in post.mails]
    assert len(ids) == 3 and ids[0] == ids[1] != ids[2] and ids[0].endswith("@localhost>"), ids
    assert all(mail["Date"].datetime for _, mail in post.mails)


@pytest.mark.parametrize("sender", ["장부 <books@example.com>", '"장부" <books@example.com>', "Books, Ltd. <books@example.com>", r'"The \"Books\" \\ Co." <books@example.com>'])
def test_the_senders_name_arrives(site, post, clerk, sender):
    import_one(site, clerk, 1)
    send_all(site, post, DEFAULT_FROM_EMAIL=sender)
    (envelope, mail), = post.mails
    address, = mail["From"].addresses
    assert (envelope.mail_from, envelope.rcpt_tos) == ("books@example.com", ["clerk@example.com"])
    assert (address.display_name, address.addr_spec) == (re.sub(r"\\(.)", r"\1", sender.split(" <")[0].strip('"')), "books@example.com")
    assert mail["Message-ID"].endswith("@example.com>") and "clerk@example.com" in mail["To"] and "1.csv" in mail.get_content()
