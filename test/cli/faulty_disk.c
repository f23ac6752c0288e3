/* faulty_disk.c — a disk that fails, for programs that preload it (LD_PRELOAD).
 *
 * Each write to a path that contains JB_DISK_UNDER is counted in the file JB_DISK, which the test maps too: { writes, first, last, errno } as 64-bit numbers. Writes number first … last fail with that errno and
 * change nothing. Besides writing, whatever needs room or reaches the disk is a write: growing, syncing, naming; a full disk (ENOSPC) does not keep anybody from syncing, cutting or renaming. */
// SPDX-License-Identifier: Apache-2.0
#undef _FILE_OFFSET_BITS /* programs call these by either name */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct control {
    int64_t writes, first, last, error;
};

static struct control *control;
static char under[4096]; /* a server writes its title over its environment */

#define REAL(name) (__extension__(__typeof__(&name)) dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("JB_DISK"), *folder = getenv("JB_DISK_UNDER");
    int fd = path && folder ? REAL(open)(path, O_RDWR | O_CLOEXEC) : -1;

    if (fd < 0)
        return;
    void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        abort();
    close(fd);
    snprintf(under, sizeof under, "%s", folder);
    control = mapped;
}

/* `takes_room`: on a full disk, too. */
static int fails(int takes_room)
{
    if (!takes_room && __atomic_load_n(&control->error, __ATOMIC_SEQ_CST) == ENOSPC)
        return 0;
    int64_t number = __atomic_add_fetch(&control->writes, 1, __ATOMIC_SEQ_CST);

    if (number < __atomic_load_n(&control->first, __ATOMIC_SEQ_CST) || number > __atomic_load_n(&control->last, __ATOMIC_SEQ_CST))
        return 0;
    errno = (int)control->error;
    return 1;
}

static int fails_at(const char *path, int takes_room)
{
    return control && strstr(path, under) && fails(takes_room);
}

/* A regular file there; not what a test reads the output from. */
static int fails_fd(int fd, int takes_room)
{
    char link[64], path[4096];
    struct stat what;

    if (!control || fd <= STDERR_FILENO || fstat(fd, &what) != 0 || !S_ISREG(what.st_mode))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0)
        return 0;
    path[size] = '\0';
    return fails_at(path, takes_room);
}

/* A path as it was given, relative ones to the working directory. */
static int fails_path(const char *path, int takes_room)
{
    char whole[8192], folder[4096];

    if (!control)
        return 0;
    if (path[0] == '/')
        return fails_at(path, takes_room);
    if (!getcwd(folder, sizeof folder))
        return 0;
    snprintf(whole, sizeof whole, "%s/%s", folder, path);
    return fails_at(whole, takes_room);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    return fails_fd(fd, 1) ? -1 : REAL(write)(fd, bytes, size);
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    return fails_fd(fd, 1) ? -1 : REAL(writev)(fd, pieces, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    return fails_fd(fd, 1) ? -1 : REAL(pwrite)(fd, bytes, size, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset)
{
    return fails_fd(fd, 1) ? -1 : REAL(pwrite64)(fd, bytes, size, offset);
}

ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset)
{
    return fails_fd(fd, 1) ? -1 : REAL(pwritev)(fd, pieces, count, offset);
}

int ftruncate(int fd, off_t size)
{
    return fails_fd(fd, 0) ? -1 : REAL(ftruncate)(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return fails_fd(fd, 0) ? -1 : REAL(ftruncate64)(fd, size);
}

int posix_fallocate(int fd, off_t offset, off_t size)
{
    return fails_fd(fd, 1) ? (int)control->error : REAL(posix_fallocate)(fd, offset, size);
}

int fsync(int fd)
{
    return fails_fd(fd, 0) ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    return fails_fd(fd, 0) ? -1 : REAL(fdatasync)(fd);
}

int rename(const char *from, const char *to)
{
    return fails_path(to, 0) ? -1 : REAL(rename)(from, to);
}

int mkdir(const char *path, mode_t mode)
{
    return fails_path(path, 1) ? -1 : REAL(mkdir)(path, mode);
}

static int is_new(const char *path, int flags)
{
    return (flags & O_CREAT) && access(path, F_OK) != 0;
}

static mode_t mode_of(int flags, va_list args)
{
    return flags & (O_CREAT | __O_TMPFILE) ? (mode_t)va_arg(args, int) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    return is_new(path, flags) && fails_path(path, 1) ? -1 : REAL(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    return is_new(path, flags) && fails_path(path, 1) ? -1 : REAL(open64)(path, flags, mode);
}
