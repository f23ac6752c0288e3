/* test_loop.c — descriptors, watches, the held clock, several loops, and how a loop ends. */
// SPDX-License-Identifier: Apache-2.0
#include "jb_test.h"
#include "run/run.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct pair {
    int ours, theirs;
};

static struct pair pair_open(void)
{
    int fds[2];

    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    return (struct pair){ fds[0], fds[1] };
}

static void pair_close(struct pair *pair)
{
    close(pair->ours);
    if (pair->theirs >= 0)
        close(pair->theirs);
}

static void hang_up(struct pair *pair)
{
    close(pair->theirs);
    pair->theirs = -1;
}

static void say(struct pair *pair)
{
    CHECK_INT(write(pair->theirs, "x", 1), 1);
}

static void hear(struct pair *pair)
{
    char byte;

    CHECK_INT(read(pair->ours, &byte, 1), 1);
}

static void say_later(void *arg)
{
    say(arg);
}

static void hang_up_later(void *arg)
{
    hang_up(arg);
}

/* Fills the socket until it would block. */
static void stuff(int fd)
{
    static const char bytes[65536];

    while (write(fd, bytes, sizeof bytes) > 0)
        continue;
}

/* ---- wait_fd ------------------------------------------------------------------------------------------------------------ */

JB_FIBER_TEST("a fiber waits for bytes, for room and for the end")
{
    struct pair pair = pair_open();

    CHECK_OK(jb_wait_fd(scope, pair.ours, JB_WAIT_WRITE, JB_NEVER));
    CHECK_FAILS(jb_wait_fd(scope, pair.ours, JB_WAIT_READ, jb_monotonic_us() + 1000), JB_TIMEOUT);
    jb_fiber_start("speaker", say_later, &pair);
    CHECK_OK(jb_wait_fd(scope, pair.ours, JB_WAIT_READ, JB_NEVER));
    hear(&pair);
    stuff(pair.ours);
    CHECK_FAILS(jb_wait_fd(scope, pair.ours, JB_WAIT_WRITE, jb_monotonic_us() + 1000), JB_TIMEOUT);
    jb_fiber_start("closer", hang_up_later, &pair);
    CHECK_OK(jb_wait_fd(scope, pair.ours, JB_WAIT_WRITE, JB_NEVER));
    CHECK_OK(jb_wait_fd(scope, pair.ours, JB_WAIT_READ, JB_NEVER));
    pair_close(&pair);
}

struct two_sides {
    struct pair pair;
    struct jb_fiber *reader;
    bool read;
};

static void wait_to_read(void *arg)
{
    struct two_sides *sides = arg;
    struct jb_scope *scope = jb_scope_new("reader");

    CHECK_OK(jb_wait_fd(scope, sides->pair.ours, JB_WAIT_READ, JB_NEVER));
    sides->read = true;
    jb_scope_end(scope);
}

JB_FIBER_TEST("one fiber waits to read and another to write on the same descriptor")
{
    struct two_sides sides = { .pair = pair_open() };

    stuff(sides.pair.ours);
    sides.reader = jb_fiber_start("reader", wait_to_read, &sides);
    jb_yield();
    CHECK_FAILS(jb_wait_fd(scope, sides.pair.ours, JB_WAIT_WRITE, jb_monotonic_us() + 1000), JB_TIMEOUT);
    CHECK(!sides.read);
    say(&sides.pair);
    while (!sides.read)
        jb_yield();
    pair_close(&sides.pair);
}

JB_FIBER_TEST("a plain file is always ready")
{
    char path[] = "/tmp/jb_test_loop_XXXXXX";
    int fd = mkstemp(path);

    CHECK(fd >= 0);
    unlink(path);
    CHECK_OK(jb_wait_fd(scope, fd, JB_WAIT_READ, JB_NEVER));
    close(fd);
}

JB_FIBER_TEST("a descriptor number is used again by another socket")
{
    for (int i = 0; i < 100; i++) {
        struct pair pair = pair_open();
        jb_fiber_start("speaker", say_later, &pair);
        CHECK_OK(jb_wait_fd(scope, pair.ours, JB_WAIT_READ, JB_NEVER));
        pair_close(&pair);
    }
}

/* ---- watch ----------------------------------------------------------------------------------------------------------------- */

JB_FIBER_TEST("bytes that came while the fiber was elsewhere are found at the next wait")
{
    struct pair pair = pair_open();
    struct jb_watch *watch = jb_watch_open(pair.ours);

    say(&pair);
    CHECK_OK(jb_sleep(scope, 1000));
    CHECK(!jb_watch_gone(watch));
    CHECK_OK(jb_watch_wait(watch, scope, JB_WAIT_READ, JB_NEVER));
    hear(&pair);
    jb_fiber_start("speaker", say_later, &pair);
    CHECK_OK(jb_watch_wait(watch, scope, JB_WAIT_READ, JB_NEVER));
    hear(&pair);
    CHECK_FAILS(jb_watch_wait(watch, scope, JB_WAIT_READ, jb_monotonic_us() + 1000), JB_TIMEOUT);
    jb_watch_close(watch);
    pair_close(&pair);
}

JB_FIBER_TEST("a peer that hangs up while nobody reads is seen, also behind unread bytes")
{
    struct pair pair = pair_open();
    struct jb_watch *watch = jb_watch_open(pair.ours);

    say(&pair);
    CHECK_OK(jb_sleep(scope, 1000));
    CHECK(!jb_watch_gone(watch));
    hang_up(&pair);
    while (!jb_watch_gone(watch))
        jb_yield();
    CHECK_OK(jb_watch_wait(watch, scope, JB_WAIT_READ, JB_NEVER));
    hear(&pair);
    CHECK_OK(jb_watch_wait(watch, scope, JB_WAIT_READ, JB_NEVER));
    char byte;
    CHECK_INT(read(pair.ours, &byte, 1), 0);
    jb_watch_close(watch);
    pair_close(&pair);
}

JB_FIBER_TEST("a reader is woken when the peer hangs up, and that alone is not gone")
{
    struct pair pair = pair_open();
    struct jb_watch *watch = jb_watch_open(pair.ours);

    jb_fiber_start("closer", hang_up_later, &pair);
    CHECK_OK(jb_watch_wait(watch, scope, JB_WAIT_READ, JB_NEVER));
    CHECK(!jb_watch_gone(watch));
    jb_watch_close(watch);
    pair_close(&pair);
}

JB_FIBER_TEST("a writer waits for room and is woken by a reset")
{
    struct pair pair = pair_open();
    struct jb_watch *watch = jb_watch_open(pair.ours);

    CHECK_OK(jb_watch_wait(watch, scope, JB_WAIT_WRITE, JB_NEVER));
    stuff(pair.ours);
    CHECK_FAILS(jb_watch_wait(watch, scope, JB_WAIT_WRITE, jb_monotonic_us() + 1000), JB_TIMEOUT);
    jb_fiber_start("closer", hang_up_later, &pair);
    CHECK_OK(jb_watch_wait(watch, scope, JB_WAIT_WRITE, JB_NEVER));
    jb_watch_close(watch);
    pair_close(&pair);
}

struct told {
    struct jb_watch *watch;
    struct pair *pair;
    int times, gone;
    bool keep, read, close;
};

static bool tell(void *arg, bool gone)
{
    struct told *told = arg;

    CHECK(!jb_on_fiber());
    told->times++;
    told->gone += gone;
    if (told->read)
        hear(told->pair);
    if (told->close)
        jb_watch_close(told->watch);
    return told->keep;
}

static void turn(struct jb_scope *scope, int times)
{
    for (int i = 0; i < times; i++)
        CHECK_OK(jb_sleep(scope, 1000));
}

JB_FIBER_TEST("a callback is told of bytes once until it is armed again, and of the end once")
{
    struct pair pair = pair_open();
    struct told told = { .watch = jb_watch_open(pair.ours), .pair = &pair };

    jb_watch_notify(told.watch, tell, &told);
    say(&pair);
    turn(scope, 3);
    CHECK_INT(told.times, 1);
    jb_watch_arm(told.watch);
    turn(scope, 3);
    CHECK_INT(told.times, 2);
    CHECK_INT(told.gone, 0);
    hang_up(&pair);
    turn(scope, 3);
    CHECK_INT(told.times, 3);
    CHECK_INT(told.gone, 1);
    jb_watch_close(told.watch);
    pair_close(&pair);
}

JB_FIBER_TEST("a callback that reads stays armed")
{
    struct pair pair = pair_open();
    struct told told = { .watch = jb_watch_open(pair.ours), .pair = &pair, .keep = true, .read = true };

    jb_watch_notify(told.watch, tell, &told);
    for (int i = 1; i <= 5; i++) {
        say(&pair);
        while (told.times < i)
            jb_yield();
    }
    turn(scope, 2);
    CHECK_INT(told.times, 5);
    jb_watch_notify(told.watch, NULL, NULL);
    say(&pair);
    CHECK_OK(jb_watch_wait(told.watch, scope, JB_WAIT_READ, JB_NEVER));
    CHECK_INT(told.times, 5);
    jb_watch_close(told.watch);
    pair_close(&pair);
}

JB_FIBER_TEST("a callback may close its own watch, and is not told while a fiber reads")
{
    struct pair pair = pair_open();
    struct told told = { .watch = jb_watch_open(pair.ours), .pair = &pair, .close = true };

    jb_watch_notify(told.watch, tell, &told);
    jb_fiber_start("speaker", say_later, &pair);
    CHECK_OK(jb_watch_wait(told.watch, scope, JB_WAIT_READ, JB_NEVER));
    hear(&pair);
    CHECK_INT(told.times, 0);
    say(&pair);
    turn(scope, 3);
    CHECK_INT(told.times, 1);
    pair_close(&pair);
}

/* ---- the held clock ------------------------------------------------------------------------------------------------------------ */

struct sleeper {
    int64_t us;
    bool woke;
};

static void sleep_long(void *arg)
{
    struct sleeper *sleeper = arg;

    CHECK(jb_sleep(NULL, sleeper->us));
    sleeper->woke = true;
}

JB_FIBER_TEST("a held clock wakes nobody until a test moves it")
{
    struct sleeper hour = { .us = 3600 * JB_SECOND_US }, second = { .us = JB_SECOND_US };

    jb_clock_hold((struct jb_time){ 0 });
    jb_fiber_start("hour", sleep_long, &hour);
    jb_fiber_start("second", sleep_long, &second);
    for (int i = 0; i < 10; i++)
        jb_yield();
    CHECK(!hour.woke && !second.woke);
    jb_clock_advance_us(2 * JB_SECOND_US);
    while (!second.woke)
        jb_yield();
    CHECK(!hour.woke);
    jb_clock_advance_us(3600 * JB_SECOND_US);
    while (!hour.woke)
        jb_yield();
    jb_clock_release();
    CHECK_OK(jb_sleep(scope, 2000));
}

JB_FIBER_TEST("sleepers of all lengths wake when they are due, at most two slots late")
{
    static const int64_t lengths[] = { 20 * JB_SECOND_US, 5 * JB_SECOND_US, 3000, 40 * JB_SECOND_US, 100000, 9 * JB_SECOND_US };
    struct sleeper sleepers[JB_COUNT(lengths)];

    jb_clock_hold((struct jb_time){ 0 });
    for (size_t i = 0; i < JB_COUNT(lengths); i++) {
        sleepers[i] = (struct sleeper){ .us = lengths[i] };
        jb_fiber_start("sleeper", sleep_long, &sleepers[i]);
    }
    jb_yield();
    for (int64_t now_us = 0; now_us < 41 * JB_SECOND_US; now_us += 50000) {
        for (size_t i = 0; i < JB_COUNT(lengths); i++) {
            CHECK(!sleepers[i].woke || now_us >= lengths[i]);
            CHECK(sleepers[i].woke || now_us < lengths[i] + 32000 + 50000); /* no later than two slots, and the step */
        }
        jb_clock_advance_us(50000);
        for (int i = 0; i < 3; i++)
            jb_yield();
    }
}

/* ---- several loops ----------------------------------------------------------------------------------------------------------------- */

#define LOOPS 3
#define PASSES 3000

struct ring {
    pthread_mutex_t mutex;
    struct jb_fiber *fibers[LOOPS];
    atomic_int ready, ended;
    int turn, passed;
};

/* Each fiber waits for its turn and wakes the next, which stands on another loop. */
static void pass_on(int index, void *arg)
{
    struct ring *ring = arg;
    bool going = true;

    CHECK_INT(jb_loop_index(), index);
    ring->fibers[index] = jb_fiber_self();
    ring->ready++;
    while (ring->ready < LOOPS)
        jb_yield();
    while (going) {
        pthread_mutex_lock(&ring->mutex);
        going = ring->passed < PASSES;
        bool mine = ring->turn == index;
        if (mine || !going) {
            ring->turn = (index + 1) % LOOPS;
            ring->passed += mine;
            jb_wake(ring->fibers[(index + 1) % LOOPS]);
        }
        pthread_mutex_unlock(&ring->mutex);
        if (going)
            jb_park(NULL, JB_NEVER);
    }
    ring->ended++;
    while (ring->ended < LOOPS)
        jb_yield();
}

static _Atomic int64_t clock_step_ns, clock_ahead_ns;

/* In place of the C library's. Each reading is that much later than the one before, as for a thread that has lost its processor in between. */
int clock_gettime(clockid_t clock, struct timespec *at)
{
    int status = (int)syscall(SYS_clock_gettime, clock, at);
    int64_t step_ns = atomic_load(&clock_step_ns);

    if (clock != CLOCK_MONOTONIC || step_ns == 0)
        return status;
    int64_t ns = at->tv_nsec + atomic_fetch_add(&clock_ahead_ns, step_ns);
    at->tv_sec += ns / 1000000000;
    at->tv_nsec = ns % 1000000000;
    return status;
}

JB_FIBER_TEST("a sleeper wakes, however much later than the one before each reading of the clock is")
{
    for (int step_us = 500; step_us <= 4000; step_us += 500) {
        atomic_store(&clock_step_ns, (int64_t)step_us * 1000);
        for (int ms = 1; ms <= 20; ms++)
            CHECK(jb_sleep(scope, ms * 1000));
    }
    atomic_store(&clock_step_ns, 0);
}

JB_TEST("fibers of several loops wake each other thousands of times")
{
    struct ring ring = { .mutex = PTHREAD_MUTEX_INITIALIZER };

    jb_loop_run_threads(LOOPS, pass_on, &ring);
    CHECK(ring.passed >= PASSES);
    CHECK_INT(jb_loop_index(), -1);
}

struct storm {
    pthread_mutex_t mutex;
    struct jb_fiber *target;
    bool over;
    atomic_long wakes;
};

static void *wake_wildly(void *arg)
{
    struct storm *storm = arg;
    bool over = false;

    while (!over) {
        pthread_mutex_lock(&storm->mutex);
        over = storm->over;
        if (!over)
            jb_wake(storm->target);
        pthread_mutex_unlock(&storm->mutex);
        storm->wakes++;
    }
    return NULL;
}

JB_FIBER_TEST("a storm of wakes from threads loses none and reaches nobody after the end")
{
    struct storm storm = { .mutex = PTHREAD_MUTEX_INITIALIZER, .target = jb_fiber_self() };
    pthread_t threads[2];

    for (size_t i = 0; i < JB_COUNT(threads); i++)
        CHECK_INT(pthread_create(&threads[i], NULL, wake_wildly, &storm), 0);
    for (int i = 0; i < 500; i++)
        CHECK_OK(jb_park(scope, JB_NEVER));
    pthread_mutex_lock(&storm.mutex);
    storm.over = true;
    pthread_mutex_unlock(&storm.mutex);
    for (size_t i = 0; i < JB_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
}

/* ---- how a loop ends -------------------------------------------------------------------------------------------------------------------- */

struct left_over {
    struct jb_scope *scope;
    enum jb_error first, second;
    bool ended;
};

static void stay(void *arg)
{
    struct left_over *left = arg;

    jb_park(left->scope, JB_NEVER);
    left->first = jb_error(left->scope);
    jb_failure_clear(left->scope);
    jb_sleep(left->scope, 3600 * JB_SECOND_US);
    left->second = jb_error(left->scope);
    left->ended = true;
}

static void leave_behind(void *arg)
{
    jb_fiber_start("stays", stay, arg);
    jb_yield();
}

JB_TEST("fibers that outlive main are cancelled, again and again")
{
    struct left_over left = { .scope = jb_scope_new("left over") };

    jb_loop_run(leave_behind, &left);
    CHECK(left.ended);
    CHECK_INT(left.first, JB_CANCELLED);
    CHECK_INT(left.second, JB_CANCELLED);
    jb_scope_end(left.scope);
}

static void park_without_scope(void *arg)
{
    (void)arg;
    jb_park(NULL, JB_NEVER);
}

static void leave_stubborn(void *arg)
{
    jb_fiber_start("stubborn", park_without_scope, arg);
    jb_yield();
}

JB_TEST("a fiber that does not end is abandoned, and the thread can run another loop")
{
    struct left_over left = { .scope = jb_scope_new("left over") };

    jb_loop_run(leave_stubborn, NULL);
    jb_loop_run(leave_behind, &left);
    CHECK(left.ended);
    jb_scope_end(left.scope);
}

JB_FIBER_TEST("a wish to stop reaches everyone who waits for it")
{
    CHECK(!jb_stopping());
    jb_deadline_set(scope, jb_monotonic_us() + 2000);
    CHECK_FAILS(jb_wait_stop(scope), JB_TIMEOUT);
    jb_signals_open();
    CHECK_INT(kill(getpid(), SIGTERM), 0);
    struct jb_scope *patient = jb_scope_new("patient");
    CHECK(jb_wait_stop(patient));
    CHECK(jb_wait_stop(patient));
    CHECK(jb_stopping());
    jb_scope_end(patient);
}
