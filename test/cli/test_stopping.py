# SPDX-License-Identifier: Apache-2.0
"""Stopping, waiting and going on in the background, as a person at a terminal does it."""
import os
import signal

import openpyxl
import pytest
import requests

from conftest import HANG_SECONDS, wait_until
from test_commands import HEAD, line



def wait_running(site):
    """Reads the job's row itself: on a busy machine a command takes longer to start than a short job to run."""
    wait_until(lambda: site.number("select count(*) from import_jobs where status = 'running'") == 1)


def interrupted(site, process):
    """Ctrl-C; what the command wrote and how it ended."""
    process.send_signal(signal.SIGINT)
    status = process.wait(HANG_SECONDS)
    with open(process.log, encoding="utf-8") as file:
        return status, file.read()


def test_ctrl_c_in_an_import_exits_10_with_a_sentence_and_leaves_nothing(site):
    site.csv("a.csv", HEAD, *(line(n) for n in range(5000)))
    process = site.start("import", "cash.cashbook", "a.csv", JANGBU_FAULTS="transfer/import/batch=sleep:500")
    wait_running(site)
    status, text = interrupted(site, process)
    assert status == 10 and "Cancelled. Nothing was applied." in text
    assert len(site.run("export", "cash.cashbook", "-o", "-", "--format", "csv")[0].splitlines()) == 1
    assert site.left_in("spool") == []


def test_ctrl_c_while_stdin_is_awaited_exits_10_and_leaves_nothing(site):
    reading, writing = os.pipe()
    process = site.start("import", "cash.cashbook", "-", "--format", "csv", stdin=reading)
    os.write(writing, HEAD.encode())
    wait_until(lambda: site.left_in("spool"))
    status, text = interrupted(site, process)
    assert status == 10 and len(text.splitlines()) == 1
    os.close(writing)
    os.close(reading)
    assert site.left_in("spool") == []


def test_ctrl_c_ends_the_wait_for_a_job_and_not_the_job(site):
    site.csv("a.csv", HEAD, line(1))
    made = site.json("import", "cash.cashbook", "a.csv", "--background")
    process = site.start("jobs", "wait", str(made["job"]))
    site.wait_log(process, "no worker is running")
    status, _ = interrupted(site, process)
    assert status == 10
    site.run("worker", "--drain")
    assert site.json("jobs", "wait", str(made["job"]))["status"] == "done"


def test_a_queued_job_says_when_nobody_works_and_how_to_start_somebody(site):
    site.csv("a.csv", HEAD, line(1))
    out, err = site.run("import", "cash.cashbook", "a.csv", "--background")
    assert "QUEUED" in out and "jangbu worker" in err
    worker = site.start("worker")
    site.wait_log(worker, "ready")
    _, err = site.run("import", "cash.cashbook", "a.csv", "--background")
    assert "jangbu worker" not in err


def test_wrong_words_after_jobs_are_named(site):
    _, err = site.run("jobs", "bogus", status=2)
    assert "bogus" in err and "cancel" in err
    _, err = site.run("jobs", "undo", status=2)
    assert len(err.splitlines()) == 1 and "undo 17" in err


def test_a_worker_goes_to_the_background_with_a_pidfile_that_nobody_shares(site):
    words = ["worker", "--detach", "--pidfile", "w.pid", "--logfile", "w.log", "-l", "INFO"]
    site.run(*words)
    with open(site.path("w.pid"), encoding="ascii") as file:
        pid = int(file.read())
    try:
        assert os.getsid(pid) == pid
        wait_until(lambda: site.run("health", status=None) and site.status == 0)
        with open(site.path("w.log"), encoding="utf-8") as file:
            assert "ready" in file.read()
        _, err = site.run(*words, status=6)
        assert "w.pid" in err
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not os.path.exists(site.path("w.pid")))


def test_a_worker_that_cannot_start_says_so_before_it_detaches(tmp_path):
    from conftest import Site
    site = Site(tmp_path)
    _, err = site.run("worker", "--detach", "--pidfile", "w.pid", status=9)
    assert "jangbu migrate" in err


def test_up_takes_over_a_dead_workers_job_without_waiting_for_its_lease(site):
    site.csv("a.csv", HEAD, *(line(n) for n in range(2000)))
    site.serve("up", LEASE_SECONDS="3600", JANGBU_FAULTS="transfer/import/batch=sleep:1000")
    made = site.json("import", "cash.cashbook", "a.csv", "--background")
    worker = int(site.wait_log(site.processes[0], r"started worker \(pid (\d+)\)").group(1))
    wait_running(site)
    os.kill(worker, signal.SIGKILL)
    result = site.json("jobs", "wait", str(made["job"]))
    assert (result["status"], result["new"]) == ("done", 2000)
    site.stop(site.processes[0])


@pytest.mark.parametrize("on_error, applied", [("abort", 0), ("skip", 25)])
def test_a_limit_of_refused_rows_names_them_and_says_what_stays(site, on_error, applied):
    site.csv("old.csv", HEAD, *(line(n) for n in range(100, 110)))
    site.run("import", "cash.cashbook", "old.csv")
    site.csv("a.csv", HEAD, *(line(n) for n in [*range(25), *range(100, 110)]))
    result = site.json("import", "cash.cashbook", "a.csv", "--mode", "insert", "--batch-rows", "5", "--limit-refused", "3", "--on-error", on_error, "--refused", "r.xlsx", status=7)
    assert (result["status"], result["refused"], result["errors_total"]) == ("failed", 3, 3)
    assert [error["row"] for error in result["errors"]] == [27, 28, 29]
    assert openpyxl.load_workbook(site.path("r.xlsx")).active.max_row == 4
    rows = len(site.run("export", "cash.cashbook", "-o", "-", "--format", "csv")[0].splitlines()) - 1
    assert rows == 10 + result["new"] and (result["new"] > 0) == (applied > 0)
    assert ("already applied stay" in result["reason"]) == (applied > 0)


def test_a_month_closed_while_a_file_is_read_is_closed(site):
    site.csv("a.csv", HEAD, *(line(n) for n in range(3000)))
    site.csv("c.csv", "month,closed_by", "2026-11,kim")
    process = site.start("import", "cash.cashbook", "a.csv", JANGBU_FAULTS="transfer/import/batch=sleep:500")
    wait_running(site)
    site.run("import", "cash.closedmonth", "c.csv")
    assert process.wait(HANG_SECONDS) == 3
    assert len(site.run("export", "cash.cashbook", "-o", "-", "--format", "csv")[0].splitlines()) == 1


@pytest.mark.parametrize("on_error", ["abort", "skip"])
def test_a_run_that_was_given_up_meanwhile_writes_nothing_any_more(site, on_error):
    site.csv("a.csv", HEAD, *(line(n) for n in range(3000)))
    process = site.start("import", "cash.cashbook", "a.csv", "--on-error", on_error, JANGBU_FAULTS="transfer/import/batch=sleep:500")
    wait_running(site)
    site.sql("update import_jobs set status = 'failed'")
    assert process.wait(HANG_SECONDS) != 0
    assert "FAILED" in site.run("jobs", "list")[0]
    assert len(site.run("export", "cash.cashbook", "-o", "-", "--format", "csv")[0].splitlines()) == 1


def test_sweeping_leaves_the_file_that_a_job_may_be_writing(site):
    site.csv("a.csv", HEAD, line(1))
    made = site.json("import", "cash.cashbook", "a.csv", "--background")
    being_written, orphan = f"media/job-{made['job']}-refused-abc.xlsx", "media/job-999-export-abc.xlsx"
    for name in (being_written, orphan):
        with open(site.path(name), "wb"):
            pass
    site.start("worker", "-Q", "nothing")
    wait_until(lambda: not os.path.exists(site.path(orphan)))
    assert os.path.exists(site.path(being_written))


def test_a_server_stops_while_a_small_upload_still_tells_its_last_progress(site):
    site.run("user", "add", "kim", "--superuser", "--password-stdin", stdin=b"correct horse\n")
    token, _ = site.run("user", "token", "kim")
    address = site.serve(JANGBU_FAULTS="store/bulk/flush=sleep:500")
    answer = requests.post(address + "/api/cash/cashbook/import?file_name=a.csv", data="\n".join([HEAD, line(1)]).encode(), headers={"Authorization": "Bearer " + token.strip()}, timeout=30)
    assert answer.status_code in (200, 202), answer.text
    site.stop(site.processes[0])
    site.start("worker")  # a run that was given up after five seconds still has its lease
    wait_until(lambda: site.json("jobs", "show", "1")["status"] == "done")
