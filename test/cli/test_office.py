# SPDX-License-Identifier: Apache-2.0
"""What a person at a terminal met who knew only the documents."""
import json
import os
import signal

import openpyxl
import pytest

from conftest import wait_until
from test_commands import HEAD, line


@pytest.mark.parametrize("words", [[], ["--format", "tsv"]])
def test_a_value_behind_the_last_heading_is_not_dropped_in_silence(site, words):
    between = "\t" if words else ","
    text = [between.join(["external_ref", "date", "description", "category", "account", "income"]), between.join(["R-1", "2025-06-01", "a", "c", "cash", "1", "234", "000"])]
    site.csv("a.csv", *text)
    job = site.json("import", "cash.cashbook", "a.csv", *words, status=3)
    assert job["refused"] == 1 and site.number("select count(*) from cashbook") == 0
    assert [(error["row"], error["column"], error["value"]) for error in job["errors"]] == [(2, None, "234"), (2, None, "000")]
    assert "Column G has no heading" in job["errors"][0]["reason"] and '"1,234"' in job["errors"][0]["reason"]
    site.json("import", "cash.cashbook", "a.csv", *words, "--map", "[G]=", "--map", "[H]=")
    assert site.number("select count(*) from cashbook") == 1


def test_empty_cells_behind_the_last_heading_are_nothing(site):
    site.csv("a.csv", HEAD + ",,", line(1) + ",,", line(2) + ', ,""')
    job = site.json("import", "cash.cashbook", "a.csv")
    assert job["new"] == 2 and job["notes"] == []


def test_a_remark_beside_the_table_of_a_workbook_is_told(site):
    book = openpyxl.Workbook()
    book.active.append(HEAD.split(","))
    for number in (1, 2, 3):
        book.active.append(line(number).split(","))
    book.active.cell(3, len(HEAD.split(",")) + 2, "look here")
    book.save(site.path("a.xlsx"))
    job = site.json("import", "cash.cashbook", "a.xlsx")
    assert job["new"] == 3
    (note,) = job["notes"]
    assert "Row 3 has a value in column" in note and "no heading" in note


def test_an_import_whose_command_died_is_told_soon_and_can_be_tried_again(site):
    site.csv("a.csv", HEAD, *(line(number) for number in range(3000)))
    worker = site.start("worker")
    site.wait_log(worker, "ready")
    command = site.start("import", "cash.cashbook", "a.csv", JANGBU_FAULTS="transfer/import/batch=crash@1")
    assert command.wait(100) == -signal.SIGKILL
    wait_until(lambda: site.number("select count(*) from import_jobs where status = 'failed'") == 1)
    job = json.loads(site.run("jobs", "show", "1", "--json", status=None)[0])
    assert "died" in job["reason"] and job["new"] == 0
    site.run("jobs", "retry", "1")
    wait_until(lambda: site.number("select count(*) from import_jobs where status = 'done'") == 1)
    site.stop(worker)
    assert site.number("select count(*) from cashbook") == 3000


def test_the_workbook_of_refused_rows_can_be_had_afterwards(site):
    site.csv("a.csv", HEAD, line(1), line(2, date="bad"))
    _, err = site.run("import", "cash.cashbook", "a.csv", status=3)
    assert "jangbu jobs refused 1 -o refused.xlsx" in err and "jangbu jobs continue 1" in err
    _, err = site.run("jobs", "refused", "1", status=2)
    assert "-o" in err
    site.run("jobs", "refused", "1", "-o", "refused.xlsx")
    assert os.path.getsize(site.path("refused.xlsx")) > 0
    site.csv("b.csv", HEAD, line(3))
    site.run("import", "cash.cashbook", "b.csv")
    _, err = site.run("jobs", "refused", "2", "-o", "none.xlsx", status=6)
    assert "no file of refused rows" in err and not os.path.exists(site.path("none.xlsx"))


def test_the_list_tells_undos_apart(site):
    site.csv("a.csv", HEAD, line(1))
    site.run("import", "cash.cashbook", "a.csv")
    site.run("jobs", "undo", "1")
    out, _ = site.run("jobs", "list")
    undo, undone = out.splitlines()
    assert "(undo of job 1)" in undo and "(undone by job 2)" in undone
