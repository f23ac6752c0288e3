# SPDX-License-Identifier: Apache-2.0
"""Mails as a real SMTP server takes them."""
import asyncio
import email
import email.policy
import re
import ssl
import subprocess
import threading

import pytest
import requests
from aiosmtpd.smtp import SMTP, AuthResult

from conftest import wait_until
from test_api import person, rows, wait_job
from test_commands import line


class Post:
    """An SMTP server in a thread; `answers` are what it says to the next mails, then it takes all. `tls`: of the first byte; `how`: aiosmtpd's own words."""

    def __init__(self, tls=None, port=0, **how):
        self.answers, self.mails = [], []
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(self.loop.create_server(lambda: SMTP(self, loop=self.loop, **how), "127.0.0.1", port, ssl=tls))
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


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Our own: its certificate is the server's, for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("authority")
    key, certificate = str(folder / "key.pem"), str(folder / "certificate.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def check_password(server, session, envelope, mechanism, data):
    return AuthResult(success=data.login == b"books" and data.password == "암호 1".encode(), handled=False)


@pytest.fixture
def guarded(authority):
    """STARTTLS and sign-in, or nothing."""
    made = Post(tls_context=authority[0], require_starttls=True, auth_required=True, authenticator=check_password)
    yield made
    made.close()


@pytest.fixture
def clerk(site):
    headers = person(site, "clerk", "cash.view_cashbook", "cash.add_cashbook", "cash.change_cashbook", "cash.import_cashbook")
    site.run("user", "email", "clerk", "clerk@example.com")
    return headers


def send_all(site, post, **settings):
    """Runs what waits, also what waits for its next attempt."""
    site.sql("update queue_entries set run_at = created_at")
    return site.run("worker", "--drain", EMAIL_HOST="127.0.0.1", EMAIL_PORT=str(post.port), **settings)


def import_one(site, clerk, number):
    address = site.serve()
    answer = requests.post(address + f"/api/cash/cashbook/import?file_name={number}.csv", data=rows(line(number)), headers=clerk, timeout=60)
    assert answer.status_code in (200, 202), answer.text
    assert wait_job(address, f"/api/jobs/{answer.json()['job']}", clerk)["status"] == "done"
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


GUARDED = {"EMAIL_USE_TLS": "true", "EMAIL_HOST_USER": "books", "EMAIL_HOST_PASSWORD": "암호 1"}


def test_a_server_with_starttls_and_sign_in_takes_one_mail_with_counts_and_links(site, guarded, authority, clerk):
    address = site.serve()
    answer = requests.post(address + "/api/cash/cashbook/import?file_name=1.csv&on_error=skip", data=rows(line(1), line(2, date="x")), headers={**clerk, "Accept-Language": "ko"}, timeout=60)
    assert answer.status_code in (200, 202), answer.text
    assert wait_job(address, f"/api/jobs/{answer.json()['job']}", clerk)["status"] == "done"
    for _ in range(2):
        send_all(site, guarded, **GUARDED, EMAIL_CA_FILE=authority[1], SITE_URL="https://books.example.com")
    (_, mail), = guarded.mails
    job = f"https://books.example.com/admin/jobs/{answer.json()['job']}/"
    assert mail["Subject"] == "가져오기 완료: 추가 1, 변경 0, 그대로 0, 오류 1"
    assert job + "\n" in mail.get_content() and job + "refused.xlsx" in mail.get_content()


@pytest.mark.parametrize("settings, why", [
    ({}, "certificate"),
    ({"EMAIL_CA_FILE": "own", "EMAIL_HOST_PASSWORD": "wrong"}, "EMAIL_HOST_PASSWORD"),
])
def test_a_mail_waits_while_the_server_does_not_let_us_in_and_goes_when_it_does(site, guarded, authority, clerk, settings, why):
    import_one(site, clerk, 1)
    settings = {name: authority[1] if value == "own" else value for name, value in settings.items()}
    _, err = send_all(site, guarded, **{**GUARDED, **settings})
    assert why in err and guarded.mails == [], err
    send_all(site, guarded, **GUARDED, EMAIL_CA_FILE=authority[1])
    assert len(guarded.mails) == 1


def test_a_mail_waits_for_a_server_that_is_down(site, authority, clerk):
    import_one(site, clerk, 1)
    gone = Post()
    gone.close()
    for _ in range(6):
        send_all(site, gone)
    back = Post(port=gone.port)
    try:
        send_all(site, back)
        assert len(back.mails) == 1
    finally:
        back.close()


def test_a_server_without_starttls_gets_nothing_and_one_with_tls_from_the_start_all(site, post, authority, clerk):
    import_one(site, clerk, 1)
    _, err = send_all(site, post, **GUARDED)
    assert "STARTTLS" in err and post.mails == [], err
    closed = Post(tls=authority[0])
    try:
        send_all(site, closed, EMAIL_USE_SSL="true", EMAIL_CA_FILE=authority[1])
        assert len(closed.mails) == 1
    finally:
        closed.close()


def test_what_a_server_refuses_for_good_is_not_sent_again(site, post, clerk):
    import_one(site, clerk, 1)
    post.answers = ["550 no such box", "550 no such box"]
    for _ in range(2):
        _, err = send_all(site, post)
    assert len(post.mails) == 1
    assert site.number("select count(*) from queue_history where status = 'failed'") == 1


def test_two_kinds_of_tls_at_once_are_refused_at_start(site):
    _, err = site.run("worker", "--drain", status=3, EMAIL_HOST="127.0.0.1", EMAIL_USE_TLS="true", EMAIL_USE_SSL="true")
    assert "EMAIL_USE_SSL" in err


def test_a_mail_whose_sender_dies_comes_once_more_under_the_same_name(site, post, clerk):
    import_one(site, clerk, 1)
    taken = threading.Event()
    answer = post.handle_DATA

    async def never_answers(server, session, envelope):
        await answer(server, session, envelope)
        taken.set()
        await asyncio.sleep(3600)

    post.handle_DATA = never_answers
    worker = site.start("worker", EMAIL_HOST="127.0.0.1", EMAIL_PORT=str(post.port), LEASE_SECONDS="2")
    assert taken.wait(60)
    post.handle_DATA = answer
    worker.kill()
    worker.wait()
    other = site.start("worker", EMAIL_HOST="127.0.0.1", EMAIL_PORT=str(post.port), LEASE_SECONDS="2")
    wait_until(lambda: len(post.mails) == 2)
    wait_until(lambda: site.number("select count(*) from queue_entries where queue = 'email'") == 0)
    site.stop(other)
    first, second = (mail["Message-ID"] for _, mail in post.mails)
    assert first == second and len(post.mails) == 2
