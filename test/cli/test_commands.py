# SPDX-License-Identifier: Apache-2.0
"""The program as a person at a terminal sees it."""
import json
import os
import re
import socket
import subprocess
import time

import pytest
import requests

from conftest import wait_until

HEAD = "external_ref,date,description,category,account,income,expense,counterparty,evidence,memo"


def line(number, **changes):
    cells = {"external_ref": f"CB-{number}", "date": "2026-11-21", "description": "사무용품", "category": "소모품비", "account": "보통예금",
             "income": "0", "expense": "1000", "counterparty": "", "evidence": "", "memo": ""}
    return ",".join({**cells, **changes}.values())


def test_migrating_twice_changes_nothing(site):
    out, _ = site.run("migrate", "--plan")
    assert out == ""
    site.run("migrate", "--check")
    assert site.json("migrate") == {"done": 0}


def test_a_column_that_no_model_names_any_more_stands_in_nobodys_way(site):
    site.sql("alter table cashbook add column colour text")
    out, _ = site.run("migrate", "--plan")
    assert "cashbook.colour" in out
    site.run("migrate", "--check")
    out, _ = site.run("migrate")
    assert out.startswith("!") and "cashbook.colour" in out
    site.run("jobs", "list")


def test_a_plan_warns_of_tables_that_were_there_before(site):
    site.sql("drop table product_tags")
    site.sql("create table product_tags (id bigint primary key, product_id bigint not null, tag_id bigint not null)")
    out, _ = site.run("migrate", "--plan")
    assert out.startswith("! table product_tags exists already and was not made here: it is used with its rows, and changed (")
    notice = json.loads(site.run("migrate", "--plan", "--json")[0].splitlines()[0])
    assert notice["by_hand"] and notice["sql"] == "" and notice["reason"] in out
    out, _ = site.run("migrate")
    assert "exists already" not in out
    site.run("migrate", "--check")


def test_check_resolves_every_declaration(site):
    assert site.json("check")["ok"] is True


@pytest.mark.parametrize("command", ["up", "serve", "worker", "migrate", "check", "import", "export", "jobs", "sheet", "user", "health"])
def test_every_command_has_a_manual(site, command):
    out, _ = site.run(command, "--help")
    assert out.startswith(f"jangbu {command}") and len(out.splitlines()) > 8


def test_wrong_usage_exits_2_and_suggests(site):
    _, err = site.run("imprt", status=2)
    assert "import" in err
    _, err = site.run("import", "cash.cashbok", "a.xlsx", status=5)
    assert "cash.cashbook" in err
    site.run(status=2)


def test_generated_rows_go_in_and_come_back_unchanged(site):
    site.run("sheet", "generate", "cash.cashbook", "3000", "a.xlsx", "--seed", "7")
    result = site.json("import", "cash.cashbook", "a.xlsx")
    assert (result["status"], result["rows"], result["new"], result["refused"]) == ("done", 3000, 3000, 0)
    for name in ("b.xlsx", "b.csv", "b.tsv"):
        site.run("export", "cash.cashbook", "-o", name)
        again = site.json("import", "cash.cashbook", name)
        assert (again["rows"], again["new"], again["changed"], again["unchanged"]) == (3000, 0, 0, 3000), name
    assert site.left_in("spool") == []


def test_the_same_seed_makes_the_same_file(site):
    for name in ("a.csv", "b.csv"):
        site.run("sheet", "generate", "cash.cashbook", "100", name, "--seed", "3")
    with open(site.path("a.csv"), "rb") as a, open(site.path("b.csv"), "rb") as b:
        assert a.read() == b.read()


def test_one_bad_row_and_nothing_is_in_the_table(site):
    site.csv("a.csv", HEAD, *(line(n) for n in range(1, 20)), line(20, income="일십만원"))
    result = site.json("import", "cash.cashbook", "a.csv", status=3)
    assert (result["status"], result["refused"]) == ("failed", 1)
    error = result["errors"][0]
    assert (error["row"], error["column"], error["value"]) == (21, "income", "일십만원") and error["reason"]
    out, _ = site.run("export", "cash.cashbook", "-o", "-", "--format", "csv")
    assert len(out.splitlines()) == 1


def test_refused_rows_name_their_columns_as_the_sheet_does(site):
    for cell, project, said in (("abc", "", "2행 ‘income’ “abc”"), ("0", "P9", "2행 ‘project’ “P9”")):
        site.csv("a.csv", HEAD + ",project", line(1, income=cell) + "," + project)
        _, err = site.run("import", "cash.projectcashbook", "a.csv", "--on-error", "skip", status=3, LANGUAGE="ko")
        assert said in err, err


def test_skip_keeps_the_good_rows_and_returns_the_bad(site):
    site.csv("a.csv", HEAD, line(1), line(2, date="2026-02-30"), line(3, expense="1200.005"), line(4, description=""), line(1))
    result = site.json("import", "cash.cashbook", "a.csv", "--on-error", "skip", "--refused", "refused.xlsx", status=3)
    assert (result["status"], result["new"], result["refused"]) == ("done", 1, 4)
    assert [error["row"] for error in result["errors"]] == [3, 4, 5, 6]
    out, _ = site.run("sheet", "cells", "refused.xlsx")
    assert "2026-02-30" in out and "1200.005" in out


def test_insert_update_and_ignore_existing(site):
    site.csv("a.csv", HEAD, line(1), line(2))
    site.csv("b.csv", HEAD, line(2, expense="5"), line(3))
    site.run("import", "cash.cashbook", "a.csv")
    assert site.json("import", "cash.cashbook", "b.csv", "--mode", "insert", status=3)["refused"] == 1
    assert site.json("import", "cash.cashbook", "b.csv", "--mode", "update", status=3)["refused"] == 1
    result = site.json("import", "cash.cashbook", "b.csv", "--mode", "insert", "--ignore-existing")
    assert (result["new"], result["skipped"]) == (1, 1)
    result = site.json("import", "cash.cashbook", "b.csv")
    assert (result["changed"], result["unchanged"]) == (1, 1)


def test_models_and_their_fields_are_named(site):
    out, _ = site.run("models")
    assert "cash.cashbook\tCash book\n" in out and "importmapping" not in out
    out, _ = site.run("models", "cash.projectcashbook")
    assert "project_id\tProject\tinteger, required → cash.project.code\n" in out and "income\tIncome\tdecimal(15,2), required, default 0\n" in out, out
    fields = [json.loads(line) for line in site.run("models", "cash.cashbook", "--json")[0].splitlines()]
    assert fields[1] == {"field": "external_ref", "label": "Number", "type": "text", "required": True, "unique": True, "default": None, "references": None}
    _, err = site.run("models", "cash.cashbok", status=5)
    assert "Did you mean cash.cashbook?" in err


def test_a_dry_run_counts_and_changes_nothing(site):
    site.csv("a.csv", HEAD, line(1), line(2))
    result = site.json("import", "cash.cashbook", "a.csv", "--dry-run")
    assert (result["new"], result["dry_run"]) == (2, True)
    assert "a.csv (dry run)\n" in site.run("jobs")[0]
    assert site.json("import", "cash.cashbook", "a.csv")["new"] == 2


def test_an_absent_column_leaves_and_an_empty_cell_clears(site):
    site.csv("a.csv", HEAD, line(1, memo="처음", counterparty="가게"))
    site.csv("b.csv", "external_ref,counterparty", "CB-1,")
    site.run("import", "cash.cashbook", "a.csv")
    assert site.json("import", "cash.cashbook", "b.csv", "--mode", "update")["changed"] == 1
    out, _ = site.run("export", "cash.cashbook", "-o", "-", "--format", "csv", "--columns", "counterparty,memo,expense")
    assert out.splitlines()[1] == ",처음,1000.00"


def test_headings_match_labels_in_both_languages_and_unknown_ones_are_named(site):
    site.csv("a.csv", " 전표번호 ,DATE,적요,Category,계정,비고2", "CB-1,2026. 11. 21.,책상,비품,현금,x")
    _, err = site.run("import", "cash.cashbook", "a.csv")
    assert "비고2" in err


def test_internal_tables_are_neither_imported_nor_exported(site):
    site.csv("a.csv", "username", "kim")
    for words in (("import", "auth.user", "a.csv"), ("export", "auth.user", "-o", "b.csv")):
        _, err = site.run(*words, status=4)
        assert "auth.user" in err


def test_a_foreign_key_is_given_by_its_code(site):
    site.csv("p.csv", "code,name", "P1,하나", "P2,둘")
    site.run("import", "cash.project", "p.csv")
    site.csv("a.csv", HEAD + ",project", line(1) + ",P1", line(2) + ",P2", line(3) + ",P9")
    result = site.json("import", "cash.projectcashbook", "a.csv", "--on-error", "skip", status=3)
    assert (result["new"], result["refused"]) == (2, 1)
    assert "P9" in result["errors"][0]["value"]


def test_a_closed_month_refuses_rows_from_a_sheet(site):
    site.csv("c.csv", "month,closed_by", "2026-10,kim")
    site.run("import", "cash.closedmonth", "c.csv")
    site.csv("a.csv", HEAD, line(1), line(2, date="2026-10-31"))
    result = site.json("import", "cash.cashbook", "a.csv", "--on-error", "skip", status=3)
    assert (result["new"], result["refused"]) == (1, 1)
    _, err = site.run("jobs", "show", str(result["job"]))
    assert "row 3: 2026-10 is closed." in err  # of a row as a whole: neither column nor value


def test_korean_files_in_cp949_go_in_as_they_are(site):
    site.csv("a.csv", HEAD, line(1, description="똠방각하 펲시콜라"), encoding="cp949")
    site.run("import", "cash.cashbook", "a.csv")
    out, _ = site.run("export", "cash.cashbook", "-o", "-", "--format", "csv", "--columns", "description")
    assert "똠방각하 펲시콜라" in out


BAD_FILES = [
    ("a.txt", b"\x00\x01\x02\x03", 3), ("a.xls", bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600, 3), ("empty.csv", b"", 3), ("head.csv", (HEAD + "\n").encode(), 3),
    ("twice.csv", (HEAD + ",date\n" + line(1) + ",2026-01-01\n").encode(), 3), ("missing.csv", b"external_ref,date\nA,2026-01-01\n", 3), ("cut.xlsx", b"PK\x03\x04 cut", 3),
]


@pytest.mark.parametrize("name, content, status", BAD_FILES, ids=[name for name, _, _ in BAD_FILES])
def test_a_file_that_cannot_be_read_is_one_clear_sentence(site, name, content, status):
    with open(site.path(name), "wb") as file:
        file.write(content)
    _, err = site.run("import", "cash.cashbook", name, status=status)
    assert len(re.findall(r"[A-Za-z가-힣]", err)) > 20
    assert site.left_in("spool") == []


def test_a_file_that_is_not_there(site):
    _, err = site.run("import", "cash.cashbook", "nowhere.xlsx", status=5)
    assert "nowhere.xlsx" in err and "Check its name" in err, err


def test_every_required_column_that_is_missing_is_named_at_once(site):
    site.csv("a.csv", "income,memo", "1,x")
    _, err = site.run("import", "cash.cashbook", "a.csv", status=3)
    assert all(f'"{heading}"' in err for heading in ("Number", "Date", "Description", "Category", "Account")) and '"Expense"' not in err, err
    _, err = site.run("import", "cash.cashbook", "a.csv", "--mode", "update", status=3)
    assert '"Number"' in err and '"Date"' not in err, err


def test_a_filter_on_a_field_that_is_not_there_names_the_nearest(site):
    _, err = site.run("export", "cash.cashbook", "-o", "a.csv", "--filter", "kategory=x", status=3)
    assert "'kategory'" in err and "'category'" in err, err
    _, err = site.run("export", "cash.cashbook", "-o", "a.csv", "--filter", "category", status=3)
    assert "FIELD=VALUE" in err, err


def test_too_long_a_cell_passes_a_limit(site):
    import openpyxl
    book = openpyxl.Workbook()
    book.active.append(HEAD.split(","))
    book.active.append(line(1, memo="가" * 32767).split(","))
    book.save(site.path("a.xlsx"))
    site.run("import", "cash.cashbook", "a.xlsx")


def test_jobs_are_listed_shown_and_waited_for(site):
    site.csv("a.csv", HEAD, line(1))
    made = site.json("import", "cash.cashbook", "a.csv", "--background")
    out, _ = site.run("jobs", "list")
    assert site.run("jobs")[0] == out
    assert re.match(rf"{made['job']}: QUEUED \(0%\) cash\.cashbook a\.csv", out)
    site.run("worker", "--drain")
    result = site.json("jobs", "wait", str(made["job"]))
    assert (result["status"], result["new"]) == ("done", 1)
    assert site.json("jobs", "show", str(made["job"]))["status"] == "done"
    site.run("jobs", "show", "999", status=5)
    site.run("jobs", "cancel", str(made["job"]), status=6)


def test_a_queued_job_can_be_cancelled(site):
    site.csv("a.csv", HEAD, line(1))
    made = site.json("import", "cash.cashbook", "a.csv", "--background")
    site.run("jobs", "cancel", str(made["job"]))
    site.run("worker", "--drain")
    assert site.json("jobs", "wait", str(made["job"]), status=10)["status"] == "cancelled"
    assert site.left_in("spool") == []


def test_health_without_a_database_still_looks_at_the_rest(site):
    out, err = site.run("health", "--database", "postgresql://nobody:x@127.0.0.1:1/none", status=1)
    assert "❌ DATABASE: FAIL" in out and "❌ CELERY: FAIL" in out and "✅ CACHE: OK" in out
    assert "DISK_SPACE check failed: cannot connect" not in err and "MEMORY check failed: cannot connect" not in err


def test_health_without_and_with_a_worker(site):
    out, err = site.run("health", status=1)
    assert "Overall Health: ❌ UNHEALTHY" in out and "❌ CELERY: FAIL" in out and "✅ DATABASE: OK" in out
    worker = site.start("worker")
    site.wait_log(worker, "ready")
    limit = time.monotonic() + 60
    while site.run("health", status=None) and site.status != 0:  # its first heartbeat is yet to come
        assert time.monotonic() < limit
    out, _ = site.run("health")
    assert "Overall Health: ✅ HEALTHY" in out and out.count("OK") == 5
    site.stop(worker)


def test_users_passwords_and_tokens(site):
    site.run("user", "add", "kim", "--staff", "--password-stdin", stdin=b"correct horse\n")
    site.run("user", "add", "kim", "--password-stdin", stdin=b"correct horse\n", status=6)
    site.run("user", "add", "lee", "--password-stdin", stdin=b"short\n", status=3)
    site.run("user", "grant", "kim", "cash.view_cashbook")
    _, err = site.run("user", "grant", "kim", "cash.veiw_cashbook", status=3)
    assert "cash.view_cashbook" in err
    site.run("user", "email", "kim", "kim@example.com")
    site.run("user", "email", "lee", "lee@example.com", status=5)
    for wrong in (["kim"], ["kim", "kim"], ["kim", "Kim <kim@example.com>"]):
        _, err = site.run("user", "email", *wrong, status=3)
        assert "name@example.com" in err
    out, _ = site.run("user", "list")
    assert out == "kim staff\n"
    out, _ = site.run("user", "token", "kim")
    assert re.fullmatch(r"[A-Za-z0-9]{40}\n", out)


def test_a_server_says_that_it_is_alive_and_ready_and_stops_when_asked(site):
    address = site.serve()
    assert requests.get(address + "/healthz", timeout=30).json() == {"status": "ok"}
    answer = requests.get(address + "/readyz", timeout=30)
    assert answer.status_code == 200 and "Server" not in answer.headers
    assert "content-security-policy" in answer.headers
    assert requests.get(address + "/healthz", headers={"Host": "evil.example"}, timeout=30).status_code == 400
    site.stop(site.processes[0])


def test_why_a_server_is_not_ready_is_for_the_log_once_and_not_for_strangers(site):
    address = site.serve()
    changes = [("alter table cashbook rename to gone", 503), ("alter table gone rename to cashbook", 200), ("alter table cashbook rename to gone", 503)]
    for change, status in changes:
        site.sql(change)
        for language in ("ko", "en", "ko"):
            answer = requests.get(address + "/readyz", headers={"Accept-Language": language}, timeout=30)
            assert (answer.status_code, answer.json()) == (status, {"status": "ok" if status == 200 else "unavailable"})
    site.stop(site.processes[0])
    with open(site.processes[0].log, encoding="utf-8") as file:
        said = [text for text in file if "ready" in text]
    assert ["cashbook" in text for text in said] == [True, False, True], said


def test_up_restarts_what_dies(site):
    import os
    import signal
    address = site.serve("up")
    worker = int(site.wait_log(site.processes[0], r"worker\D*pid (\d+)").group(1))
    os.kill(worker, signal.SIGKILL)
    site.wait_log(site.processes[0], r"(?s)worker\D*pid (?!%d)\d+" % worker)
    limit = time.monotonic() + 60
    while True:
        try:
            assert requests.get(address + "/healthz", timeout=30).status_code == 200
            break
        except requests.ConnectionError:
            assert time.monotonic() < limit
            time.sleep(0.05)
    site.stop(site.processes[0])


def test_the_children_of_up_are_known_by_name_and_listening_is_said_once(site):
    site.serve("up")
    supervisor, names = site.processes[0], {}
    for name in ("serve", "worker"):
        pid = site.wait_log(supervisor, rf"started {name}\D*pid (\d+)").group(1)
        site.wait_log(supervisor, rf"{name}\W+ready: ")
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as line, open(f"/proc/{pid}/comm", encoding="utf-8") as comm:
            names[name] = [comm.read().strip(), *line.read().split("\0")[:2]]
    assert names == {name: ["jangbu", "jangbu", name] for name in names}, names
    with open(supervisor.log, encoding="utf-8") as log:
        assert log.read().count("listening on") == 1


def test_a_second_server_at_the_same_address_does_not_start(site):
    address = site.serve("up").removeprefix("http://")
    for command in ("serve", "up"):
        _, err = site.run(command, "--threads", "4", "--listen", address, status=6)
        assert address in err
    site.stop(site.processes[0])


PRODUCTION = {"JANGBU_ENV": "production", "SECRET_KEY": "0123456789abcdef0123456789abcdef", "ALLOWED_HOSTS": "books.example.com,*.office.example"}


@pytest.mark.parametrize("missing", ["SECRET_KEY", "ALLOWED_HOSTS"])
@pytest.mark.parametrize("command", ["serve", "up", "check"])
def test_production_does_not_start_without_a_key_or_a_host(site, command, missing):
    _, err = site.run(command, status=3, **{name: value for name, value in PRODUCTION.items() if name != missing})
    assert err.count("\n") == 1 and missing in err


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_missing_setting_is_told_before_the_address_is_taken(site, processes):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        _, err = site.run("serve", "--listen", address, "--processes", processes, status=3, JANGBU_ENV="production")
    assert err.count("\n") == 1 and "SECRET_KEY" in err


def test_an_unknown_environment_does_not_start(site):
    _, err = site.run("check", status=3, DJANGO_SETTINGS_MODULE="config.settings.prodution")
    assert err.count("\n") == 1 and "production" in err


def test_production_answers_to_its_own_names_alone(site):
    address = site.serve(**PRODUCTION)
    for host, status in (("books.example.com", 200), ("a.office.example", 200), ("evil.example", 400), ("127.0.0.1", 400), ("office.example", 400)):
        assert requests.get(address + "/healthz", headers={"Host": host}, timeout=30).status_code == status, host


def break_sessions(site):
    """A live file without its table of sessions: whoever comes with a session gets a 500."""
    site.sql("drop table auth_session", live=True)


def test_the_probe_of_a_browser_that_is_signed_in_asks_for_no_session(site):
    address = site.serve()
    break_sessions(site)
    answer = requests.get(address + "/healthz", headers={"Cookie": "sessionid=" + "a" * 43}, timeout=30)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("environment", ["production", "development"])
def test_a_500_says_why_in_development_alone(site, environment):
    address = site.serve(**{**PRODUCTION, "JANGBU_ENV": environment})
    break_sessions(site)
    answer = requests.get(address + "/admin/", headers={"Host": "books.example.com", "Cookie": "sessionid=" + "a" * 43}, timeout=30)
    assert answer.status_code == 500
    assert ("auth_session" in answer.text, ".c:" in answer.text) == ((True, True) if environment == "development" else (False, False)), answer.text
    site.wait_log(site.processes[0], "auth_session")


def test_production_logs_json_and_sends_cookies_over_https_alone(site):
    import json
    address = site.serve(**PRODUCTION)
    cookie = requests.get(address + "/admin/login/", headers={"Host": "books.example.com"}, timeout=30).headers["Set-Cookie"]
    assert "; Secure" in cookie and "; HttpOnly" in cookie
    refused = requests.post(address + "/admin/login/", headers={"Host": "books.example.com"}, data={"username": "kim", "password": "x"}, timeout=30)
    assert refused.status_code == 403 and "https" in refused.text
    site.stop(site.processes[0])
    with open(site.processes[0].log, encoding="utf-8") as file:
        assert all(json.loads(text) for text in file)


def test_a_redis_address_stops_the_start_with_one_sentence(site):
    _, err = site.run("worker", status=3, CELERY_BROKER_URL="redis://localhost:6379/0")
    assert err.count("\n") == 1 and "CELERY_BROKER_URL" in err


def test_progress_rises_by_small_steps_while_an_empty_table_is_filled_by_copying(site):
    site.run("sheet", "generate", "cash.cashbook", "60000", "a.csv")
    site.run("import", "cash.cashbook", "a.csv")
    events = site.rows("select phase, progress, done, total from import_progress where number > 0 order by number", live=True)
    assert all(later[1] - earlier[1] <= 5 for earlier, later in zip(events, events[1:])), events
    assert all(done == 60000 for phase, _, done, _ in events if phase == "comparing"), events
    writing = [(done, total) for phase, _, done, total in events if phase == "writing"]
    assert len(writing) >= 10 and writing == sorted(writing) and writing[-1] == (60000, 60000), events


@pytest.mark.parametrize("path", ["nowhere/refused.xlsx", "spool"])
def test_a_refused_file_that_cannot_be_written_is_told_before_the_import(site, path):
    site.csv("a.csv", HEAD, line(1), line(2, date="x"))
    _, err = site.run("import", "cash.cashbook", "a.csv", "--on-error", "skip", "--refused", path, status=3)
    assert path in err and err.count("\n") == 1, err
    assert site.run("jobs", "list")[0] == "" and site.left_in("spool") == []


def test_a_refused_file_is_for_an_import_that_runs_here(site):
    site.csv("a.csv", HEAD, line(1))
    _, err = site.run("import", "cash.cashbook", "a.csv", "--background", "--refused", "r.xlsx", status=2)
    assert "--background" in err and "--refused" in err and err.count("\n") == 1, err
    assert site.run("jobs", "list")[0] == "" and site.left_in("spool") == []


def test_a_refused_file_may_be_a_link_or_a_pipe(site):
    site.csv("a.csv", HEAD, line(1))
    os.symlink("target.xlsx", site.path("link.xlsx"))
    site.run("import", "cash.cashbook", "a.csv", "--refused", "link.xlsx")
    assert os.path.islink(site.path("link.xlsx")) and not os.path.exists(site.path("target.xlsx"))
    site.csv("b.csv", HEAD, line(2, date="x"))
    os.mkfifo(site.path("pipe"))
    with subprocess.Popen(["cat", site.path("pipe")], stdout=subprocess.PIPE) as reader:
        site.run("import", "cash.cashbook", "b.csv", "--on-error", "skip", "--refused", "pipe", status=3)
        assert reader.stdout.read().startswith(b"PK")


def test_a_refused_file_is_not_touched_when_nothing_was_refused(site):
    site.csv("a.csv", HEAD, line(1))
    site.run("import", "cash.cashbook", "a.csv", "--refused", "new.xlsx")
    with open(site.path("old.xlsx"), "w", encoding="utf-8") as old:
        old.write("of last week")
    site.run("import", "cash.cashbook", "a.csv", "--refused", "old.xlsx")
    assert not os.path.exists(site.path("new.xlsx"))
    with open(site.path("old.xlsx"), encoding="utf-8") as old:
        assert old.read() == "of last week"


@pytest.mark.parametrize("words", [["serve"], ["up"], ["worker"], ["migrate"], ["check"], ["check", "--deploy"], ["user", "list"], ["jobs", "list"], ["import", "cash.cashbook", "a.csv"], ["export", "cash.cashbook", "-o", "b.csv"]], ids=" ".join)
def test_a_database_server_that_is_away_is_one_sentence(site, words):
    site.csv("a.csv", HEAD, line(1))
    with socket.socket() as nobody:  # bound, and never listening
        nobody.bind(("127.0.0.1", 0))
        address = f"postgresql://kim:secret@127.0.0.1:{nobody.getsockname()[1]}/books"
        _, err = site.run(*words, status=9, DATABASE_URL=address, SECRET_KEY="0123456789" * 5, DEBUG="true")
    assert err.count("\n") == 1 and "refused" in err and "secret" not in err, err


def test_health_without_a_database_server_still_tells_of_the_rest(site):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        parts = site.json("health", status=1, DATABASE_URL=f"postgresql://kim:secret@127.0.0.1:{nobody.getsockname()[1]}/books")
    assert not parts["healthy"] and [parts[name]["ok"] for name in ("DATABASE", "CELERY")] == [False, False]
    assert "refused" in parts["DATABASE"]["reason"] and "secret" not in parts["DATABASE"]["reason"]
    for name in ("CACHE", "DISK_SPACE", "MEMORY"):
        assert parts[name]["ok"] or "database" not in parts[name]["reason"], parts


def test_a_database_server_that_does_not_answer_is_given_up(site):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        _, err = site.run("jobs", "list", status=9, DATABASE_URL=f"postgresql://kim@127.0.0.1:{silent.getsockname()[1]}/books", DB_CONNECT_TIMEOUT="1")
    assert err.count("\n") == 1, err


def test_up_hands_its_workers_number_of_tasks_on(site):
    address = site.serve("up", "-c", "3")
    wait_until(lambda: site.rows("select concurrency from queue_workers", live=True) == [(3,)])
    assert requests.get(address + "/healthz", timeout=30).status_code == 200
