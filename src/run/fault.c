/* fault.c — named places where tests break the world.
 *
 * A setting is `name=KIND[*times][@skip]`: the place lets `skip` passes through, then acts `times` times (always, when not given). Off, a place costs one
 * load of jb_fault_armed. */
// SPDX-License-Identifier: Apache-2.0
#include "run/run_private.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* All places, sorted. */
static const char *const names[] = {
    "net/stream/write",
    "queue/ends/write",
    "queue/work/claimed",
    "store/bulk/flush",
    "store/commit/answer",
    "store/migrate/step",
    "store/postgres/commit",
    "store/sqlite/busy",
    "store/sqlite/commit",
    "transfer/export/write",
    "transfer/import/batch",
    "transfer/import/group",
    "transfer/import/keep",
    "transfer/import/latency",
    "transfer/import/merge_chunk",
    "transfer/import/merged",
    "transfer/import/part",
    "transfer/import/restore",
    "transfer/import/sealed",
    "transfer/spool/write",
    "transfer/undo/chunk",
    "transfer/undo/committed",
    "transfer/undo/compared",
    "transfer/upload/write",
};

enum action {
    FAIL,
    CRASH,
    SLEEP,
};

struct fault {
    const char *name;
    enum action action;
    enum jb_error error; /* FAIL */
    int64_t sleep_us;    /* SLEEP */
    int64_t skip, times; /* left; times -1: always */
};

#define FAULTS_MAX 16
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct fault faults[FAULTS_MAX];
static size_t fault_count;
bool jb_fault_armed;

/* ---- settings ---------------------------------------------------------------------------------------------------------------- */

static const char *name_find(struct jb_str name)
{
    for (size_t i = 0; i < JB_COUNT(names); i++) {
        JB_CHECK(i == 0 || strcmp(names[i - 1], names[i]) < 0); /* sorted, so that two who add a place meet */
        if (jb_str_is(name, names[i]))
            return names[i];
    }
    return NULL;
}

static bool fail_unknown(struct jb_scope *scope, struct jb_str name)
{
    struct jb_str known[JB_COUNT(names)];

    for (size_t i = 0; i < JB_COUNT(names); i++)
        known[i] = jb_str_of(names[i]);
    struct jb_str nearest = jb_nearest(name, known, JB_COUNT(names));
    if (!nearest.data)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "결함 지점 '%.*s'은(는) 없습니다.", "There is no fault point '%.*s'."), JB_FMT(name));
    return jb_fail(scope, JB_INVALID, JB_L(scope, "결함 지점 '%.*s'은(는) 없습니다. 혹시 '%.*s'입니까?", "There is no fault point '%.*s'. Did you mean '%.*s'?"), JB_FMT(name), JB_FMT(nearest));
}

static bool error_parse(struct jb_str text, enum jb_error *ret_error)
{
    for (int error = JB_OK + 1; error < JB_ERROR_COUNT; error++)
        if (jb_str_is(text, jb_error_name((enum jb_error)error))) {
            *ret_error = (enum jb_error)error;
            return true;
        }
    return false;
}

static bool kind_parse(struct jb_str text, struct fault *fault)
{
    struct jb_str rest = text, word = jb_str_cut(&rest, ':');
    int64_t ms;

    if (jb_str_is(text, "crash"))
        fault->action = CRASH;
    else if (error_parse(text, &fault->error))
        fault->action = FAIL;
    else if (jb_str_is(word, "sleep") && jb_str_to_int64(rest, &ms) && ms >= 0 && ms <= 3600 * 1000) {
        fault->action = SLEEP;
        fault->sleep_us = ms * 1000;
    } else
        return false;
    return true;
}

/* `KIND[*times][@skip]` */
static bool setting_parse(struct jb_str text, struct fault *fault)
{
    struct jb_str rest = text, head = jb_str_cut(&rest, '@');

    fault->skip = 0;
    fault->times = -1;
    if (rest.data && (!jb_str_to_int64(rest, &fault->skip) || fault->skip < 0))
        return false;
    rest = head;
    head = jb_str_cut(&rest, '*');
    if (rest.data && (!jb_str_to_int64(rest, &fault->times) || fault->times < 1))
        return false;
    return kind_parse(head, fault);
}

static bool fault_parse(struct jb_scope *scope, struct jb_str text, struct fault *fault)
{
    struct jb_str setting = text, name = jb_str_trim(jb_str_cut(&setting, '='));

    fault->name = name_find(name);
    if (!fault->name)
        return fail_unknown(scope, name);
    if (!setting.data || !setting_parse(jb_str_trim(setting), fault))
        return jb_fail(scope, JB_INVALID,
            JB_L(scope, "결함 지점 '%s'의 값 '%.*s'을(를) 읽을 수 없습니다. NAME=KIND[*횟수][@건너뛸 횟수] 꼴로 쓰고 KIND는 오류 이름, crash, sleep:밀리초 가운데 하나입니다.",
                "Fault point '%s' cannot be set to '%.*s': write NAME=KIND[*times][@skip], where KIND is the name of an error, crash or sleep:MS."),
            fault->name, JB_FMT(setting));
    return true;
}

bool jb_fault_set(struct jb_scope *scope, struct jb_str text)
{
    struct fault fresh[FAULTS_MAX];
    size_t count = 0;

    for (struct jb_str rest = text; rest.data;) {
        struct jb_str part = jb_str_trim(jb_str_cut(&rest, ','));
        if (part.size == 0)
            continue;
        if (count == FAULTS_MAX)
            return jb_fail(scope, JB_LIMIT, JB_L(scope, "결함 지점은 한 번에 %d개까지 켤 수 있습니다.", "At most %d fault points can be set at once."), FAULTS_MAX);
        if (!fault_parse(scope, part, &fresh[count++]))
            return false;
    }
    pthread_mutex_lock(&mutex);
    memcpy(faults, fresh, count * sizeof *faults);
    fault_count = count;
    __atomic_store_n(&jb_fault_armed, count > 0, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&mutex);
    return true;
}

bool jb_fault_open(struct jb_scope *scope)
{
    return jb_fault_set(scope, jb_str_of(getenv("JANGBU_FAULTS"))) ||
           jb_wrap(scope, JB_L(scope, "환경 변수 JANGBU_FAULTS", "environment variable JANGBU_FAULTS"));
}

void jb_fault_clear(void)
{
    pthread_mutex_lock(&mutex);
    fault_count = 0;
    __atomic_store_n(&jb_fault_armed, false, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&mutex);
}

/* ---- places ----------------------------------------------------------------------------------------------------------------------- */

/* Counts this pass; true when the place acts, as *ret_fault says. */
static bool take(const char *name, struct fault *ret_fault)
{
    bool acts = false;

    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < fault_count && !acts; i++) {
        struct fault *fault = &faults[i];
        if (strcmp(fault->name, name) != 0 || fault->times == 0)
            continue;
        if (fault->skip > 0) {
            fault->skip--;
            continue;
        }
        if (fault->times > 0)
            fault->times--;
        *ret_fault = *fault;
        acts = true;
    }
    pthread_mutex_unlock(&mutex);
    return acts;
}

/* The place is slow, whoever waits there and whatever the scope says. */
static void sleep_here(int64_t us)
{
    jb_fiber_allow_wait(true);
    jb_sleep(NULL, us);
    jb_fiber_allow_wait(false);
}

bool jb_fault_hit(const char *name, struct jb_scope *scope)
{
    struct fault fault;

    JB_CHECK(name_find(jb_str_of(name)));
    if (!take(name, &fault))
        return false;
    if (fault.action == CRASH)
        kill(getpid(), SIGKILL);
    if (fault.action != FAIL) {
        sleep_here(fault.sleep_us);
        return false;
    }
    if (scope)
        jb_fail(scope, fault.error, JB_L(scope, "결함 지점 '%s'이(가) 켜져 있습니다.", "Fault point '%s' is set."), name);
    return true;
}
