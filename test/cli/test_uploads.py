# SPDX-License-Identifier: Apache-2.0
"""Big files in parts (docs/uploads.md), and refusals that come before the body is read."""
import hashlib
import os
import re
import signal
import socket
import time

import pytest
import requests

from conftest import HANG_SECONDS, wait_until
from test_api import person, rows, wait_job
from test_commands import line

SHEET = rows(*(line(n) for n in range(4000)))  # some hundred KB: several writes
EVERYTHING = str(1 << 60)


@pytest.fixture
def clerk(site):
    return person(site, "clerk", "cash.view_cashbook", "cash.add_cashbook", "cash.change_cashbook", "cash.import_cashbook")


class Upload:
    def __init__(self, address, headers, length=len(SHEET), **parameters):
        self.site, self.headers = address, headers
        self.made = requests.post(address + "/api/uploads", params={"file_name": "출납.csv", **parameters}, headers={**headers, "Upload-Length": str(length)}, timeout=HANG_SECONDS)
        self.address = address + self.made.headers.get("Location", "/nowhere")
        self.token = self.address.rsplit("/", 1)[1]

    def add(self, offset, data, **headers):
        return requests.patch(self.address, data=data, headers={**self.headers, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream", **headers}, timeout=HANG_SECONDS)

    def offset(self):
        answer = requests.head(self.address, headers=self.headers, timeout=HANG_SECONDS)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["Upload-Offset"])

    def take(self, options=None, **headers):
        return requests.post(self.site + "/api/cash/cashbook/import", params={"upload": self.token, **(options or {})}, headers={**self.headers, **headers}, timeout=HANG_SECONDS)

    def result(self):
        answer = self.take()
        assert answer.status_code in (200, 202), answer.text
        return answer.json() if answer.status_code == 200 else wait_job(self.site, answer.headers["Location"], self.headers)


class Wire:
    """A request by hand: a head, then as much of the body as we like."""

    def __init__(self, address, method, path, headers):
        host = address.split("//")[1]
        self.socket = socket.create_connection(host.rsplit(":", 1), timeout=HANG_SECONDS)
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self.socket.sendall("\r\n".join(lines).encode())

    def send(self, data):
        self.socket.sendall(data)

    def status(self):
        """The first status line that comes; 100 is one too."""
        got = b""
        while b"\r\n" not in got:
            part = self.socket.recv(4096)
            assert part, got
            got += part
        return int(got.split(b" ")[1])

    def close(self):
        self.socket.close()


def test_a_file_in_parts_is_one_import(site, clerk):
    address = site.serve()
    upload = Upload(address, clerk)
    assert upload.made.status_code == 201 and upload.made.json()["offset"] == 0, upload.made.text
    middle = len(SHEET) // 2
    first = upload.add(0, SHEET[:middle])
    assert (first.status_code, int(first.headers["Upload-Offset"])) == (204, middle), first.text
    assert upload.offset() == middle
    early = upload.take()
    assert early.status_code == 409 and str(middle) in early.json()["detail"], early.text
    assert upload.add(middle, SHEET[middle:]).status_code == 204
    result = upload.result()
    assert (result["status"], result["new"], result["file"]) == ("done", 4000, "출납.csv")
    assert site.rows("select file_hash from import_jobs")[0][0] == hashlib.sha256(SHEET).hexdigest()
    wait_until(lambda: site.left_in("spool") == [])  # goes after the commit that says "done"
    assert site.number("select count(*) from import_uploads") == 0


def test_at_another_offset_nothing_is_added_and_the_true_one_is_told(site, clerk):
    upload = Upload(site.serve(), clerk)
    upload.add(0, SHEET[:1000])
    for offset in (0, 999, 1001):
        answer = upload.add(offset, SHEET[offset:])
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (409, "1000"), answer.text
    assert upload.offset() == 1000


def test_an_upload_makes_one_job_however_often_it_is_asked_for(site, clerk):
    upload = Upload(site.serve(), clerk)
    upload.add(0, SHEET)
    jobs = {str(answer.json().get("job") or answer.headers["Location"].rsplit("/", 1)[1]) for answer in (upload.take(), upload.take())}
    assert len(jobs) == 1 and site.number("select count(*) from import_jobs") == 1
    other = upload.take(**{"Idempotency-Key": "another"})
    assert other.status_code == 404, other.text


def test_an_import_after_a_dry_run_of_the_same_upload_is_no_repetition(site, clerk):
    upload = Upload(site.serve(), clerk)
    upload.add(0, SHEET)
    assert upload.take({"dry_run": "true"}).status_code in (200, 202)
    answer = upload.take()
    assert answer.status_code == 409 and "an upload must be sent again" in answer.json()["detail"], answer.text
    assert site.number("select count(*) from import_jobs") == 1


def test_a_program_that_is_killed_while_it_takes_bytes_keeps_them(site, clerk):
    address = site.serve(JANGBU_FAULTS="transfer/upload/write=crash@3")
    upload = Upload(address, clerk)
    with pytest.raises(requests.ConnectionError):
        upload.add(0, SHEET)
    assert site.processes[-1].wait(HANG_SECONDS) == -signal.SIGKILL
    kept = os.path.getsize(site.path(f"spool/{upload.token}.upload"))
    assert 0 < kept < len(SHEET)
    again = site.serve()
    upload.address, upload.site = upload.address.replace(address, again), again
    assert upload.offset() == kept
    assert upload.add(kept, SHEET[kept:]).status_code == 204
    assert upload.result()["new"] == 4000
    assert site.rows("select file_hash from import_jobs")[0][0] == hashlib.sha256(SHEET).hexdigest()


def test_what_came_before_the_connection_was_lost_is_there(site, clerk):
    address = site.serve()
    upload = Upload(address, clerk)
    wire = Wire(address, "PATCH", f"/api/uploads/{upload.token}", {**clerk, "Upload-Offset": 0, "Content-Length": len(SHEET)})
    wire.send(SHEET[:100_000])
    wire.close()
    wait_until(lambda: upload.offset() == 100_000)
    assert upload.add(100_000, SHEET[100_000:]).status_code == 204
    assert upload.result()["new"] == 4000
    assert site.rows("select file_hash from import_jobs")[0][0] == hashlib.sha256(SHEET).hexdigest()


def test_of_two_senders_the_one_that_goes_on_wins(site, clerk):
    address = site.serve()
    upload = Upload(address, clerk)
    slow = Wire(address, "PATCH", f"/api/uploads/{upload.token}", {**clerk, "Upload-Offset": 0, "Content-Length": len(SHEET)})
    slow.send(SHEET[:50_000])
    wait_until(lambda: upload.offset() == 50_000)
    assert upload.add(50_000, SHEET[50_000:]).status_code == 204  # a browser that lost the first connection does not wait for its end
    slow.send(b"x" * 1000)
    assert slow.status() == 409
    assert upload.result()["new"] == 4000
    assert site.rows("select file_hash from import_jobs")[0][0] == hashlib.sha256(SHEET).hexdigest()


def test_anothers_upload_is_not_there(site, clerk):
    other = person(site, "other", "cash.import_cashbook", "cash.add_cashbook", "cash.change_cashbook")
    upload = Upload(site.serve(), clerk)
    upload.add(0, SHEET)
    upload.headers = other
    assert [requests.head(upload.address, headers=other, timeout=30).status_code, upload.add(0, b"x").status_code, upload.take().status_code,
            requests.delete(upload.address, headers=other, timeout=30).status_code] == [404] * 4
    upload.headers = clerk
    assert upload.offset() == len(SHEET)


def test_who_may_import_nothing_may_not_upload(site, clerk):
    address = site.serve()
    assert Upload(address, {}).made.status_code == 401
    assert Upload(address, person(site, "guest", "cash.view_cashbook")).made.status_code == 403
    wait_until(lambda: site.left_in("spool") == [])


def test_a_session_must_show_its_token(site, clerk):
    address = site.serve()
    browser = requests.Session()
    token = lambda path: re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get(address + path, timeout=30).text).group(1)
    browser.post(address + "/admin/login/", data={"username": "clerk", "password": "correct horse", "csrfmiddlewaretoken": token("/admin/login/")}, timeout=30)
    make = lambda **headers: browser.post(address + "/api/uploads?file_name=a.csv", headers={"Upload-Length": "3", **headers}, timeout=30)
    assert make().status_code == 403
    known = {"X-CSRF-Token": token("/admin/cash/cashbook/import/")}
    made = make(**known)
    assert made.status_code == 201, made.text
    add = lambda **headers: browser.patch(address + made.headers["Location"], data=b"abc", headers={"Upload-Offset": "0", **headers}, timeout=30).status_code
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert [add(), add(**form), add(**form, **known), add(**known)] == [403, 422, 422, 204]


def test_more_than_was_announced_is_refused_before_it_is_read(site, clerk):
    address = site.serve()
    upload = Upload(address, clerk, length=1000)
    wire = Wire(address, "PATCH", f"/api/uploads/{upload.token}", {**clerk, "Upload-Offset": 0, "Content-Length": 1001, "Expect": "100-continue"})
    assert wire.status() == 413
    chunks = upload.add(0, (b"x" * 600 for _ in range(2)))  # nobody knows before how long it is
    assert chunks.status_code == 413, chunks.text
    assert 0 <= upload.offset() <= 1000
    wanted = Wire(address, "PATCH", f"/api/uploads/{upload.token}", {**clerk, "Upload-Offset": upload.offset(), "Content-Length": 1, "Expect": "100-continue"})
    assert upload.offset() == 1000 or wanted.status() == 100


def test_what_is_over_the_limit_is_refused_before_it_is_read(site, clerk):
    address = site.serve(UPLOAD_BYTES_MAX="10000")
    made = Upload(address, clerk, length=10001).made
    assert made.status_code == 413 and "출납.csv" in made.json()["detail"], made.text
    for kind in ("text/csv", "multipart/form-data; boundary=x"):
        wire = Wire(address, "POST", "/api/cash/cashbook/import", {**clerk, "Content-Length": 10001, "Content-Type": kind, "Expect": "100-continue"})
        assert wire.status() == 413
    chunked = requests.post(address + "/api/cash/cashbook/import", data=(b"x" * 6000 for _ in range(2)), headers=clerk, timeout=30)
    assert chunked.status_code == 413, chunked.text
    wait_until(lambda: site.left_in("spool") == [])


def test_a_disk_without_room_is_told_before_the_body_is_read(site, clerk):
    address = site.serve(DISK_FREE_BYTES_MIN=EVERYTHING)
    made = Upload(address, {**clerk, "Accept-Language": "en"}).made
    assert made.status_code == 507 and "disk has no room" in made.json()["detail"] and "spool" not in made.text, made.text
    for kind in ("text/csv", "multipart/form-data; boundary=x"):
        wire = Wire(address, "POST", "/api/cash/cashbook/import", {**clerk, "Content-Length": 1000, "Content-Type": kind, "Expect": "100-continue"})
        assert wire.status() == 507
    wait_until(lambda: site.left_in("spool") == [])
    assert "MiB" in site.wait_log(site.processes[-1], r"taking .*").group(0)  # the administrator's log says how much


def test_room_that_is_promised_to_an_upload_is_not_given_away(site, clerk):
    free = os.statvfs(site.folder).f_bavail * os.statvfs(site.folder).f_frsize
    spare = 256 << 20  # others use the disk too
    address = site.serve(DISK_FREE_BYTES_MIN=str(free - 3 * spare), UPLOAD_BYTES_MAX="1GiB")
    assert Upload(address, clerk, length=2 * spare).made.status_code == 201
    assert Upload(address, clerk, length=2 * spare).made.status_code == 507


def test_an_upload_that_nobody_goes_on_with_goes(site, clerk):
    address = site.serve(UPLOAD_KEPT_SECONDS="3600")
    old, young = Upload(address, clerk), Upload(address, clerk)
    old.add(0, SHEET[:1000]), young.add(0, SHEET[:1000])
    path = site.path(f"spool/{old.token}.upload")
    os.utime(path, (time.time() - 3601,) * 2)
    assert requests.head(old.address, headers=clerk, timeout=30).status_code == 404
    worker = site.start("worker", UPLOAD_KEPT_SECONDS="3600")  # sweeps when it starts
    wait_until(lambda: site.number("select count(*) from import_uploads") == 1)
    wait_until(lambda: [name for name in site.left_in("spool") if name.startswith(old.token)] == [])
    site.stop(worker)  # the sweep is over
    assert young.offset() == 1000


def test_a_person_has_at_most_twenty_at_a_time(site, clerk):
    address = site.serve()
    uploads = [Upload(address, clerk, length=10) for _ in range(20)]
    assert {upload.made.status_code for upload in uploads} == {201}
    assert Upload(address, clerk, length=10).made.status_code == 413
    assert requests.delete(uploads[0].address, headers=clerk, timeout=30).status_code == 204
    assert Upload(address, clerk, length=10).made.status_code == 201
    assert len([name for name in site.left_in("spool") if name.endswith(".upload")]) == 20


def test_a_file_that_changed_on_its_way_is_not_imported(site, clerk):
    address = site.serve()
    good, bad = (Upload(address, clerk, sha256=hashlib.sha256(data).hexdigest()) for data in (SHEET, SHEET + b"x"))
    good.add(0, SHEET), bad.add(0, SHEET)
    answer = bad.take()
    assert answer.status_code == 422 and "SHA-256" in answer.json()["detail"], answer.text
    assert requests.head(bad.address, headers=clerk, timeout=30).status_code == 404
    assert good.result()["new"] == 4000
    assert Upload(address, clerk, sha256="abc").made.status_code == 422


def test_words_of_tus_are_understood(site, clerk):
    address = site.serve()
    made = requests.post(address + "/api/uploads", headers={**clerk, "Tus-Resumable": "1.0.0", "Upload-Length": "5", "Upload-Metadata": "filetype dGV4dA==,filename 7Lac64KpLmNzdg=="}, timeout=30)
    assert (made.status_code, made.json()["file"], made.headers["Tus-Resumable"]) == (201, "출납.csv", "1.0.0"), made.text
    for length in ("", "-1", "abc"):
        assert requests.post(address + "/api/uploads", headers={**clerk, "Upload-Length": length}, timeout=30).status_code == 422
