/* command_table.c — the commands and their options: parsing, help and suggestions all come from here.
 *
 * A new command: one entry, one function in command_NAME.c. */
// SPDX-License-Identifier: Apache-2.0
#include "app/command.h"
#include "sheet/sheet.h"

const struct jb_option jb__global_options[] = {
    { "config", 0, "FILE", { "설정 파일 (없으면 jangbu.conf)", "settings file (otherwise jangbu.conf)" } },
    { "database", 0, "URL", { "데이터베이스: sqlite:///jangbu.db 또는 postgresql://…", "database: sqlite:///jangbu.db or postgresql://…" } },
    { "cache", 0, "URL", { "캐시: memory://", "cache: memory://" } },
    { "broker", 0, "URL", { "할 일 대기열: database://", "task queue: database://" } },
    { "json", 0, NULL, { "결과를 JSON으로 (표준 출력에 그것만)", "results as JSON (nothing else on stdout)" } },
    { "log-level", 0, "LEVEL", { "debug, info, notice, warning, error", "debug, info, notice, warning, error" } },
    { "no-color", 0, NULL, { "색을 쓰지 않음 (NO_COLOR도 같음)", "no colours (like NO_COLOR)" } },
    { "version", 0, NULL, { "판 번호", "print the version" } },
    { "help", 'h', NULL, { "설명서", "print the manual" } },
    { 0 },
};

static const struct jb_option serve_options[] = {
    { "listen", 0, "ADDR:PORT", { "들을 주소; 여러 번 가능 (기본 127.0.0.1:8000)", "address to listen on; repeatable (default 127.0.0.1:8000)" } },
    { "threads", 0, "N", { "스레드 수 (기본: 코어 수)", "threads (default: cores)" } },
    { "processes", 0, "N", { "프로세스 수 (기본 1)", "processes (default 1)" } },
    { "access-log", 0, NULL, { "요청마다 기록 한 줄", "one log line per request" } },
    { "tables", 0, "all|NAME,…", { "있는 표를 C 없이 관리 화면에 (최고 관리자만)", "existing tables in the admin without C (superusers only)" } },
    { 0 },
};

static const struct jb_option up_options[] = {
    { "listen", 0, "ADDR:PORT", { "들을 주소; 여러 번 가능 (기본 127.0.0.1:8000)", "address to listen on; repeatable (default 127.0.0.1:8000)" } },
    { "threads", 0, "N", { "웹 스레드 수 (기본: 코어 수)", "web threads (default: cores)" } },
    { "processes", 0, "N", { "웹 프로세스 수 (기본 1)", "web processes (default 1)" } },
    { "concurrency", 'c', "N", { "작업자가 함께 하는 일의 수 (기본: 코어 수)", "tasks that the worker runs at once (default: cores)" } },
    { "access-log", 0, NULL, { "요청마다 기록 한 줄", "one log line per request" } },
    { "tables", 0, "all|NAME,…", { "있는 표를 C 없이 관리 화면에 (최고 관리자만)", "existing tables in the admin without C (superusers only)" } },
    { 0 },
};

static const struct jb_option worker_options[] = {
    { "queues", 'Q', "a,b", { "이 대기열만 (기본: 모두)", "only these queues (default: all)" } },
    { "concurrency", 'c', "N", { "함께 하는 일의 수 (기본: 코어 수)", "tasks at once (default: cores)" } },
    { "loglevel", 'l', "LEVEL", { "기록 수준 (--log-level과 같음)", "log level (same as --log-level)" } },
    { "hostname", 'n', "NAME", { "작업자 이름", "the worker's name" } },
    { "prefetch", 0, "N", { "동시에 하는 일마다 잡는 수: 1은 미리 잡지 않음", "taken for each task at once: 1 takes none in advance" } },
    { "max-tasks-per-child", 0, "N", { "이만큼 하면 새 프로세스로 (0: 끝없이)", "then start a fresh process (0: never)" } },
    { "logfile", 0, "FILE", { "기록 파일", "log file" } },
    { "detach", 0, NULL, { "뒤로 물러나 돎 (기록은 --logfile이나 LOG_DIR로)", "go on in the background (logs need --logfile or LOG_DIR)" } },
    { "pidfile", 0, "FILE", { "프로세스 번호를 적을 파일; 둘이 함께 쓸 수 없음", "file for the process number; no two may share it" } },
    { "drain", 0, NULL, { "지금 있는 일을 다 하면 끝냄", "end when nothing is left to run" } },
    { "tables", 0, "all|NAME,…", { "있는 표를 C 없이 관리 화면에 (최고 관리자만)", "existing tables in the admin without C (superusers only)" } },
    { 0 },
};

static const struct jb_option migrate_options[] = {
    { "plan", 0, NULL, { "무엇이 바뀔지 보기만", "only show what would change" } },
    { "check", 0, NULL, { "바꿀 것이 있으면 6으로 끝남", "exit 6 when something would change" } },
    { "allow-drop", 0, NULL, { "모델에 없는 열, 색인, 표도 지움", "also drop columns, indexes and tables that no model names" } },
    { 0 },
};

static const struct jb_option inspect_options[] = {
    { "app", 0, "NAME", { "모델의 앱 (기본: 표 이름의 앞부분)", "the models' app (default: how the tables' names begin)" } },
    { "all", 0, NULL, { "장고의 auth_*, django_*도", "also Django's auth_* and django_*" } },
    { 0 },
};

static const struct jb_option check_options[] = {
    { "deploy", 0, NULL, { "설정, 데이터베이스, 작업자, 디스크, 메모리까지", "also settings, database, workers, disk, memory" } },
    { 0 },
};

static const struct jb_option import_options[] = {
    { "mode", 0, "MODE", { "upsert (기본), insert, update", "upsert (default), insert, update" } },
    { "match-on", 0, "FIELDS", { "같은 행으로 보는 열 (빈칸으로 나눔)", "fields that make two rows the same one (separated by blanks)" } },
    { "on-error", 0, "WHAT", { "abort: 하나라도 틀리면 아무것도 (기본); skip: 그 행만 빼고", "abort: all or nothing (default); skip: leave bad rows out" } },
    { "ignore-existing", 0, NULL, { "--mode insert에서 있는 행은 건너뜀", "with --mode insert, skip rows that exist" } },
    { "backup-first", 0, NULL, { "먼저 표 전체를 백업 (jobs undo ID --whole로 되돌림)", "back up the whole table first (put back by jobs undo ID --whole)" } },
    { "dry-run", 0, NULL, { "끝까지 해 보고 반영하지 않음", "do everything but the commit" } },
    { "differences", 0, "FILE.xlsx", { "--dry-run: 바뀔 칸을 적을 파일", "--dry-run: file for the cells that would change" } },
    { "sheet", 0, "NAME", { "시트 이름 (기본: 첫 시트)", "sheet (default: the first)" } },
    { "header-row", 0, "N", { "머리글이 있는 행 (기본: 값이 있는 첫 행)", "row that holds the headings (default: the first with cells)" } },
    { "map", 0, "HEADING=FIELD", { "머리글이나 [B]열을 어디에 넣을지; 여러 번 가능, 빈 이름은 빼기", "where a heading, or column [B], goes; repeatable, no field leaves it out" } },
    { "default", 0, "FIELD=VALUE", { "열이 없거나 칸이 빌 때의 값; 여러 번 가능", "value where the column is absent or the cell empty; repeatable" } },
    { "encoding", 0, "NAME", { "CSV의 글자 인코딩 (기본: 저절로)", "encoding of a CSV (default: by itself)" } },
    { "format", 0, "NAME", { JB_SHEET_FORMATS " (기본: 내용과 이름으로)", JB_SHEET_FORMATS " (default: by content and name)" } },
    { "batch-rows", 0, "N", { "한 번에 넣는 행 수", "rows per batch" } },
    { "refused", 0, "FILE.xlsx", { "거절된 행을 적을 파일 (--background와는 못 씀)", "file for the refused rows (not with --background)" } },
    { "limit-refused", 0, "N", { "N행이 거절되면 그만둠", "give up after N refused rows" } },
    { "background", 0, NULL, { "작업만 만들고 작업자에게 맡김", "make the job and leave it to a worker" } },
    { "tables", 0, "all|NAME,…", { "있는 표를 C 없이 관리 화면에 (최고 관리자만)", "existing tables in the admin without C (superusers only)" } },
    { 0 },
};

static const struct jb_option export_options[] = {
    { "output", 'o', "FILE", { "쓸 파일, -는 표준 출력", "file to write, - for stdout" } },
    { "format", 0, "NAME", { JB_SHEET_FORMATS " (기본: 파일 이름으로)", JB_SHEET_FORMATS " (default: by file name)" } },
    { "columns", 0, "a,b", { "열 이름", "columns" } },
    { "filter", 0, "FIELD=VALUE", { "조건; 여러 번 가능 (income__gte=1000)", "condition; repeatable (income__gte=1000)" } },
    { "order", 0, "FIELDS", { "정렬 (-date id; 기본: 번호순)", "order (-date id; default: by id)" } },
    { "raw", 0, NULL, { "수식 막이 없이", "without the formula guard" } },
    { "totals", 0, NULL, { "끝에 합계 행 (다시 가져올 파일에는 쓰지 않음)", "a last row with the totals (not for files to import again)" } },
    { "fresh", 0, NULL, { "분석용 서버나 복제 서버가 아니라 주 서버에서", "from the primary, not from the analytics server or a replica" } },
    { "tables", 0, "all|NAME,…", { "있는 표를 C 없이 관리 화면에 (최고 관리자만)", "existing tables in the admin without C (superusers only)" } },
    { 0 },
};

static const struct jb_option jobs_options[] = {
    { "limit", 0, "N", { "목록의 길이 (기본 20)", "length of the list (default 20)" } },
    { "output", 'o', "FILE.xlsx", { "refused, differences: 쓸 파일", "refused, differences: file to write" } },
    { "refused", 0, "FILE.xlsx", { "continue: 아직 거절된 행을 쓸 파일", "continue: file for the rows that are still refused" } },
    { "background", 0, NULL, { "continue: 작업자에게 맡기고 바로 돌아옴", "continue: leave it to a worker" } },
    { "format", 0, "NAME", { "continue: 표준 입력의 형식", "continue: format of stdin" } },
    { "tables", 0, "all|NAME,…", { "있는 표의 작업을 이어 감", "goes on with jobs on existing tables" } },
    { "whole", 0, NULL, { "undo: 표 전체를 --backup-first의 백업으로", "undo: the whole table, from the backup of --backup-first" } },
    { 0 },
};

static const struct jb_option sheet_options[] = {
    { "sheet", 0, "NAME", { "시트 이름 (기본: 첫 시트)", "sheet (default: the first)" } },
    { "encoding", 0, "NAME", { "CSV의 글자 인코딩", "encoding of a CSV" } },
    { "format", 0, "NAME", { JB_SHEET_FORMATS, JB_SHEET_FORMATS } },
    { "seed", 0, "N", { "generate의 씨 (기본 1)", "seed of generate (default 1)" } },
    { 0 },
};

static const struct jb_option user_options[] = {
    { "staff", 0, NULL, { "관리 화면에 들어갈 수 있음", "may enter the admin" } },
    { "superuser", 0, NULL, { "모든 일을 할 수 있음", "may do everything" } },
    { "password-stdin", 0, NULL, { "비밀번호를 표준 입력의 첫 줄에서", "password from the first line of stdin" } },
    { 0 },
};

const struct jb_command jb__commands[] = {
    { "up", "", { "이 기계의 모든 것: 웹과 작업자, 죽으면 다시", "everything for one machine: web and workers, restarted when they die" },
        { "표를 모델에 맞춘 다음 웹과 작업자를 띄우고 지킵니다. Ctrl-C나 SIGTERM이면 하던 일을 마치고 끝납니다.\n\n  jangbu up\n  jangbu up --listen 0.0.0.0:8000 --threads 4",
            "Brings the tables up to date, then starts web and worker and looks after them. Ctrl-C or SIGTERM lets running work finish.\n\n  jangbu up\n  jangbu up --listen 0.0.0.0:8000 --threads 4" },
        up_options, 0, 0, true, jb__command_up },
    { "serve", "", { "웹만", "web only" },
        { "관리 화면, API, 앱의 쪽들을 보여 줍니다. 표가 모델과 다르면 /readyz가 503을 답합니다. --tables는 이미 있는 표도 목록, 찾기, 양식, 가져오기, 내보내기로 보여 줍니다: 최고 관리자에게만, 표의 모양은 건드리지 않고.\n\n  jangbu serve --listen 127.0.0.1:8000\n  jangbu serve --tables all",
            "Serves the admin, the API and the apps' pages. While the tables do not follow the models /readyz answers 503. --tables shows existing tables, too: list, search, form, import and export, for superusers alone; no migration ever touches them.\n\n  jangbu serve --listen 127.0.0.1:8000\n  jangbu serve --tables all" },
        serve_options, 0, 0, true, jb__command_serve },
    { "worker", "", { "작업자: 가져오기와 내보내기 같은 일을 함", "worker: runs imports, exports and other tasks" },
        { "대기열의 일을 합니다. SIGTERM이면 하던 일을 마치고 끝납니다. 죽은 작업자의 일은 LEASE_SECONDS 안에 다른 작업자가 이어받습니다.\n\n  jangbu worker --concurrency 4\n  jangbu worker -Q default --loglevel info --logfile celery.log",
            "Runs what is queued. SIGTERM lets running tasks finish. A dead worker's tasks are taken over within LEASE_SECONDS.\n\n  jangbu worker --concurrency 4\n  jangbu worker -Q default --loglevel info --logfile celery.log" },
        worker_options, 0, 0, true, jb__command_worker },
    { "migrate", "", { "표를 모델에 맞춤", "make tables follow the models" },
        { "표, 열, 규칙, 색인을 모델에 맞춥니다. 여러 번 해도 같고, 여러 곳에서 함께 해도 한 번만 됩니다. 모델에 없는 것은 알려만 주고 --allow-drop이 있어야 지웁니다.\n--plan은 할 일을 SQL과 함께, 누가 기다리게 되는지와 함께 보여 줍니다. 새 규칙에 맞지 않는 행이 있으면 그 행을 말하고 아무것도 바꾸지 않습니다.\n\n  jangbu migrate --plan\n  jangbu migrate\n  jangbu migrate --allow-drop",
            "Makes tables, columns, rules and indexes follow the models. Running it again changes nothing; run in several places at once it is done once. What no model names is only told of, and goes with --allow-drop.\n--plan shows each step with its SQL and with who has to wait for it. A row that breaks a new rule is named, and then nothing is changed.\n\n  jangbu migrate --plan\n  jangbu migrate\n  jangbu migrate --allow-drop" },
        migrate_options, 0, 0, false, jb__command_migrate },
    { "inspect-database", "[TABLE…]", { "있는 표를 모델 선언으로 찍음", "print existing tables as model declarations" },
        { "PostgreSQL이나 SQLite에 이미 있는 표를 읽어 C 모델을 표준 출력에, 무엇을 왜 뺐는지를 표준 오류에 찍습니다. 선언된 표와 jangbu의 표는 찍지 않습니다.\n\n  jangbu inspect-database > models.c\n  jangbu inspect-database --app shop shop_product shop_order\n  jangbu serve --tables all",
            "Reads the tables that a PostgreSQL or SQLite database has and prints models in C on stdout, and on stderr what was left out and why. Declared tables and jangbu's own are not printed.\n\n  jangbu inspect-database > models.c\n  jangbu inspect-database --app shop shop_product shop_order\n  jangbu serve --tables all" },
        inspect_options, 0, 60, false, jb__command_inspect_database },
    { "check", "", { "선언마다 이름이 맞는지 살핌", "every name in every declaration resolves" },
        { "모델, 관리 화면, 주소, 틀의 이름을 모두 찾아봅니다. --deploy는 설정, 데이터베이스, 작업자, 디스크, 메모리까지 보고, 나쁜 것이 있으면 1로 끝납니다.\n\n  jangbu check\n  jangbu check --deploy",
            "Looks up every name in models, admin, routes and templates. --deploy also checks settings, database, workers, disk and memory and exits 1 when something is bad.\n\n  jangbu check\n  jangbu check --deploy" },
        check_options, 0, 0, false, jb__command_check },
    { "models", "[MODEL]", { "표와 그 열의 이름", "names of the tables and their fields" },
        { "가져오기, 내보내기, --map, --filter에 적는 이름을 찍습니다: 모델<TAB>표시 이름, 모델을 적으면 열<TAB>표시 이름<TAB>형식.\n\n  jangbu models\n  jangbu models cash.cashbook",
            "Prints the names that import, export, --map and --filter take: model<TAB>label, or of one model field<TAB>label<TAB>type.\n\n  jangbu models\n  jangbu models cash.cashbook" },
        NULL, 0, 1, true, jb__command_models },
    { "import", "MODEL FILE", { "엑셀이나 CSV를 표에 넣음", "put a workbook or CSV into a table" },
        { "머리글은 열 이름이나 표시 이름(한국어, 영어)과 견줍니다. FILE이 -이면 표준 입력에서 읽고 --format이 있어야 합니다.\n하나라도 거절되면 3으로 끝납니다. --on-error abort(기본)이면 그때 표는 그대로입니다.\n\n  jangbu import cash.cashbook 출납.xlsx\n  jangbu import cash.cashbook 출납.csv --on-error skip --refused 거절.xlsx\n  jangbu import cash.cashbook 출납.xlsx --dry-run --json",
            "Head cells are matched with field names and labels (Korean or English). FILE - reads stdin and needs --format.\nExits 3 when rows were refused; with --on-error abort (the default) the table is then as it was.\n\n  jangbu import cash.cashbook cash.xlsx\n  jangbu import cash.cashbook cash.csv --on-error skip --refused refused.xlsx\n  jangbu import cash.cashbook cash.xlsx --dry-run --json" },
        import_options, 2, 2, false, jb__command_import },
    { "export", "MODEL", { "표를 엑셀이나 CSV로", "write a table as a workbook or CSV" },
        { "다시 가져오면 모두 ‘그대로’가 되는 파일을 만듭니다.\n\n  jangbu export cash.cashbook -o 출납.xlsx\n  jangbu export cash.cashbook -o - --format csv --filter category=매출 --order -date",
            "Writes a file that, imported again, changes nothing.\n\n  jangbu export cash.cashbook -o cash.xlsx\n  jangbu export cash.cashbook -o - --format csv --filter category=sales --order -date" },
        export_options, 1, 1, false, jb__command_export },
    { "jobs", "[list] | show|wait|cancel|retry|undo|discard ID | continue ID FILE | refused|differences ID -o FILE", { "가져오기와 내보내기 작업", "import and export jobs" },
        { "list는 17: RUNNING (42%)처럼 한 줄씩 찍습니다. wait는 작업이 끝날 때까지 기다리고 가져오기와 같은 상태로 끝납니다. refused는 거절된 행을 엑셀로 쓰고, continue는 그 파일을 고쳐 같은 작업을 이어 가고, discard는 그러려고 둔 파일을 버립니다. differences는 확인을 기다리는 작업이나 남겨 둔 연습이 바꿀 칸을 엑셀로 씁니다. undo는 가져오기 하나를 통째로 되돌립니다: 새 행은 지우고 고친 행은 예전 값으로 되돌리되, 그 뒤에 바뀐 행은 그대로 두고 알립니다 (그런 행이 있으면 상태 3).\n\n  jangbu jobs list\n  jangbu jobs show 17 --json\n  jangbu jobs wait 17\n  jangbu jobs continue 17 거절.xlsx\n  jangbu jobs undo 17",
            "list prints lines like 17: RUNNING (42%). wait waits for the end and exits as the import would have. refused writes the workbook of refused rows; continue goes on with it, corrected; discard gives up what is kept for that. differences writes the cells that a job would change which waits for being confirmed, or was a dry run that kept them. undo takes back a whole import: new rows are deleted, changed ones get their old values; rows touched since are left and listed (status 3 when there are some).\n\n  jangbu jobs list\n  jangbu jobs show 17 --json\n  jangbu jobs wait 17\n  jangbu jobs continue 17 refused.xlsx\n  jangbu jobs undo 17" },
        jobs_options, 0, 3, false, jb__command_jobs },
    { "sheet", "info FILE | cells FILE | generate MODEL ROWS FILE", { "통합 문서나 CSV를 들여다보고 만들기", "look into a workbook or CSV, or make one" },
        { "cells는 첫 시트를 행<TAB>열<TAB>형식<TAB>값으로 찍습니다 (n 수, s JSON 글, b 0/1, e 오류, d ISO 날짜). generate는 씨가 같으면 같은 보기 자료를 만듭니다.\n\n  jangbu sheet info 출납.xlsx\n  jangbu sheet cells 출납.xlsx\n  jangbu sheet generate cash.cashbook 100000 보기.xlsx --seed 7",
            "cells prints the first sheet as row<TAB>column<TAB>type<TAB>value (n number, s JSON string, b 0/1, e error, d ISO date). generate makes sample data, the same for the same seed.\n\n  jangbu sheet info cash.xlsx\n  jangbu sheet cells cash.xlsx\n  jangbu sheet generate cash.cashbook 100000 sample.xlsx --seed 7" },
        sheet_options, 2, 4, true, jb__command_sheet },
    { "user", "add|password|email|grant|token|list [NAME] [ADDRESS|PERMISSION…]", { "사용자, 권한, 토큰", "users, permissions, tokens" },
        { "비밀번호는 물어보거나 --password-stdin으로 받습니다. token은 API 열쇠를 한 번만 보여 줍니다. email은 자기 작업이 끝났다는 메일을 받을 주소입니다.\n\n  jangbu user add kim --staff\n  jangbu user email kim kim@example.com\n  jangbu user grant kim cash.view_cashbook cash.add_cashbook cash.change_cashbook cash.import_cashbook\n  jangbu user token kim",
            "Passwords are asked for, or read with --password-stdin. token shows an API token once. email is where mails about their jobs go.\n\n  jangbu user add kim --staff\n  jangbu user email kim kim@example.com\n  jangbu user grant kim cash.view_cashbook cash.add_cashbook cash.change_cashbook cash.import_cashbook\n  jangbu user token kim" },
        user_options, 1, 60, false, jb__command_user },
    { "health", "", { "건강 검사 다섯 가지", "the five health checks" },
        { "데이터베이스, 캐시, 작업자, 디스크(10 % 넘게 남음), 메모리(90 % 미만)를 봅니다. 하나라도 나쁘면 1로 끝납니다.\n\n  jangbu health\n  jangbu health --json",
            "Checks database, cache, workers, disk (more than 10 % free) and memory (less than 90 % used). Exits 1 when one is bad.\n\n  jangbu health\n  jangbu health --json" },
        NULL, 0, 0, false, jb__command_health },
    { "help", "[COMMAND]", { "설명서", "print a manual" },
        { "jangbu help COMMAND는 jangbu COMMAND --help와 같습니다.", "jangbu help COMMAND is the same as jangbu COMMAND --help." },
        NULL, 0, 1, true, jb__command_help_run },
    { 0 },
};
