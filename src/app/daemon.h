/* daemon.h — a command in the background: detached from its terminal, known by its pidfile; private to app. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_APP_DAEMON_H
#define JB_APP_DAEMON_H

#include "app/command.h"

struct jb__daemon {
    const char *pidfile; /* absolute; NULL: none */
    int pid_fd, ready_fd;
};

/* Takes the pidfile (--pidfile) and, with --detach, goes on in a child of a session of its own. Before any thread. true: go on. false: this process is done, with *ret_status: the child is
 * ready, or it failed and has said why, or the pidfile is another's. */
bool jb__daemon_start(struct jb_program *program, struct jb__daemon *daemon, int *ret_status);
/* The waiting parent may go; nothing is written to its terminal from now on. */
void jb__daemon_ready(struct jb__daemon *daemon);
void jb__daemon_end(struct jb__daemon *daemon);

#endif
