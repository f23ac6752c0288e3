/* stage_files.c — a staging's file in the spool, made durable. */
// SPDX-License-Identifier: Apache-2.0
#include "store/stage_private.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool sync_path(struct jb_scope *scope, const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (!ok)
        jb_fail_errno(scope, errno, JB_L(scope, "%s을(를) 디스크에 쓰기", "writing %s to disk"), path);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool jb__stage_file_seal(struct jb_scope *scope, const char *path, const char *sealed)
{
    char *folder = strdup(sealed);

    JB_CHECK(folder);
    bool ok = sync_path(scope, path, O_RDONLY);
    if (ok && rename(path, sealed) != 0)
        ok = jb_fail_errno(scope, errno, JB_L(scope, "%s의 이름 바꾸기", "renaming %s"), path);
    ok = ok && sync_path(scope, dirname(folder), O_RDONLY | O_DIRECTORY);
    free(folder);
    return ok;
}
