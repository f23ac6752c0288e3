/* test_offload.c — the pool of threads, and threads that do one thing at a time. */
// SPDX-License-Identifier: Apache-2.0
#include "jb_test.h"
#include "run/run.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

struct seen {
    pthread_t thread;
    bool fiber;
    int ran;
};

static void look(void *arg)
{
    struct seen *seen = arg;

    seen->thread = pthread_self();
    seen->fiber = jb_on_fiber();
    seen->ran++;
}

JB_FIBER_TEST("offloaded work runs on another thread while the fiber waits")
{
    struct seen seen = { .fiber = true };

    jb_offload(look, &seen);
    CHECK_INT(seen.ran, 1);
    CHECK(!pthread_equal(seen.thread, pthread_self()));
    CHECK(!seen.fiber);
}

JB_TEST("outside a fiber offloaded work runs right here")
{
    struct seen seen = { .ran = 0 };

    jb_offload(look, &seen);
    CHECK_INT(seen.ran, 1);
    CHECK(pthread_equal(seen.thread, pthread_self()));
}

struct meeting {
    int pipe[2];
    bool told;
};

static void read_pipe(void *arg)
{
    struct meeting *meeting = arg;
    char byte;

    CHECK_INT(read(meeting->pipe[0], &byte, 1), 1);
}

static void tell(void *arg)
{
    struct meeting *meeting = arg;

    meeting->told = true;
    CHECK_INT(write(meeting->pipe[1], "x", 1), 1);
}

JB_FIBER_TEST("the loop goes on while work blocks, even when the waiter's scope was cancelled")
{
    struct meeting meeting;

    CHECK_INT(pipe(meeting.pipe), 0);
    jb_fiber_start("teller", tell, &meeting);
    jb_cancel(scope);
    jb_offload(read_pipe, &meeting);
    CHECK(meeting.told);
    close(meeting.pipe[0]);
    close(meeting.pipe[1]);
}

/* ---- many that wait for each other --------------------------------------------------------------------------------------- */

#define PAIRS 20

struct pair {
    struct jb_channel *channel;
    struct party *party;
};
struct party {
    struct pair pairs[PAIRS];
    struct jb_fiber *waiter;
    int left;
};

static void receive_one(void *arg)
{
    struct pair *pair = arg;
    void *item;

    CHECK(jb_channel_receive(pair->channel, NULL, &item));
}

static void send_one(void *arg)
{
    struct pair *pair = arg;

    CHECK(jb_channel_send(pair->channel, NULL, pair));
}

static void left(struct party *party)
{
    if (--party->left == 0)
        jb_wake(party->waiter);
}

static void offload_receive(void *arg)
{
    struct pair *pair = arg;

    jb_offload(receive_one, pair);
    left(pair->party);
}

static void offload_send(void *arg)
{
    struct pair *pair = arg;

    jb_offload(send_one, pair);
    left(pair->party);
}

JB_FIBER_TEST("twenty jobs that wait for twenty others do not starve them")
{
    struct party party = { .waiter = jb_fiber_self(), .left = 2 * PAIRS };

    for (int i = 0; i < PAIRS; i++) {
        party.pairs[i] = (struct pair){ jb_channel_new(1), &party };
        jb_fiber_start("receiver", offload_receive, &party.pairs[i]);
    }
    for (int i = 0; i < PAIRS; i++)
        jb_fiber_start("sender", offload_send, &party.pairs[i]);
    CHECK_OK(jb_park(scope, JB_NEVER));
    for (int i = 0; i < PAIRS; i++)
        jb_channel_free(party.pairs[i].channel);
}

/* ---- a thread of one's own -------------------------------------------------------------------------------------------------- */

struct sequence {
    struct jb_thread *thread;
    int inside, count; /* no lock: only that thread touches them */
    pthread_t seen;
};

static void step(void *arg)
{
    struct sequence *sequence = arg;

    CHECK_INT(sequence->inside++, 0);
    if (sequence->count++ == 0)
        sequence->seen = pthread_self();
    CHECK(pthread_equal(sequence->seen, pthread_self()));
    sequence->inside--;
}

static void many_steps(int index, void *arg)
{
    struct sequence *sequence = arg;

    (void)index;
    for (int i = 0; i < 1000; i++)
        jb_thread_call(sequence->thread, step, sequence);
}

JB_TEST("a thread does one thing at a time for fibers of several loops and for plain threads")
{
    struct sequence sequence = { .thread = jb_thread_new("steps") };

    jb_loop_run_threads(3, many_steps, &sequence);
    many_steps(0, &sequence);
    CHECK_INT(sequence.count, 4000);
    jb_thread_free(sequence.thread);
}
