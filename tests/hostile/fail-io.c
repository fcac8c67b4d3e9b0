/*
 * fail-io: to be preloaded; makes one call on a file of a recording fail.
 *
 *     FAIL_IO=CALL,NTH,ERRNO[,forever]   0 as ERRNO: only half is done
 *     FAIL_IO_UNDER=DIR                  files below it, and relative paths
 *     FAIL_IO_COUNT=FILE                 8 bytes: how often CALL was made
 *
 * CALL is open, mkdir, rename, write, read, sync, or close.  Processes that are
 * forked go on counting, so the NTH call may be anybody's.  Which descriptors
 * are meant is decided when they are opened: a confined process cannot ask.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_FDS 4096

static char call[16];
static uint64_t nth;
static int code;
static bool is_forever;
static const char *under;
static _Atomic uint64_t *count;
static bool is_meant[MAX_FDS];

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_mkdir)(const char *, mode_t);
static int (*real_rename)(const char *, const char *);
static int (*real_renameat)(int, const char *, int, const char *);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static ssize_t (*real_read)(int, void *, size_t);
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_close)(int);
static int (*real_dup)(int);
static int (*real_fcntl)(int, int, ...);
static ssize_t (*real_recvmsg)(int, struct msghdr *, int);

static void find(void *function, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (!found) {
        fprintf(stderr, "fail-io: there is no %s()\n", name);
        _exit(99);
    }
    memcpy(function, &found, sizeof(found));
}

static void map_count(void)
{
    const char *file = getenv("FAIL_IO_COUNT");
    int fd = file ? real_open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;

    if (fd < 0 || ftruncate(fd, sizeof(*count)) < 0) {
        fprintf(stderr, "fail-io: FAIL_IO_COUNT is no file to write\n");
        _exit(99);
    }
    count =
        mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    real_close(fd);
    if (count == MAP_FAILED) {
        _exit(99);
    }
}

/* Other libraries' constructors may come first, and call these functions. */
static void find_all(void)
{
    if (real_close) {
        return;
    }
    find(&real_open, "open64");
    find(&real_openat, "openat64");
    find(&real_mkdir, "mkdir");
    find(&real_rename, "rename");
    find(&real_renameat, "renameat");
    find(&real_write, "write");
    find(&real_pwritev, "pwritev64");
    find(&real_read, "read");
    find(&real_pread, "pread64");
    find(&real_fsync, "fsync");
    find(&real_fdatasync, "fdatasync");
    find(&real_dup, "dup");
    find(&real_fcntl, "fcntl64");
    find(&real_recvmsg, "recvmsg");
    find(&real_close, "close");
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("FAIL_IO");
    char rest[16] = "";
    unsigned long long number;

    find_all();
    under = getenv("FAIL_IO_UNDER");
    if (!text || !under ||
        sscanf(text, "%15[a-z],%llu,%d,%15s", call, &number, &code, rest) < 3) {
        fprintf(stderr, "fail-io: FAIL_IO is not understood\n");
        _exit(99);
    }
    nth = number;
    is_forever = strcmp(rest, "forever") == 0;
    map_count();
}

static bool is_ours(const char *path)
{
    find_all();
    return under &&
           (path[0] != '/' || strncmp(path, under, strlen(under)) == 0);
}

static bool is_file(int fd)
{
    find_all();
    return fd >= 0 && fd < MAX_FDS && is_meant[fd];
}

/* Whether this call is the one that is to fail. */
static bool is_due(const char *this_call)
{
    uint64_t n;

    if (!count || strcmp(call, this_call) != 0) {
        return false;
    }
    n = atomic_fetch_add(count, 1) + 1;
    return n == nth || (is_forever && n > nth);
}

static int fail(void)
{
    errno = code;
    return -1;
}

static int note(int fd, const char *path)
{
    struct stat info;

    if (fd >= 0 && fd < MAX_FDS) {
        is_meant[fd] =
            is_ours(path) && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    }
    return fd;
}

static mode_t mode_of(int flags, va_list args)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    if (is_ours(path) && is_due("open")) {
        return fail();
    }
    return note(real_open(path, flags, mode), path);
}

int openat64(int dir_fd, const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    if (is_ours(path) && is_due("open")) {
        return fail();
    }
    return note(real_openat(dir_fd, path, flags, mode), path);
}

int mkdir(const char *path, mode_t mode)
{
    return is_ours(path) && is_due("mkdir") ? fail() : real_mkdir(path, mode);
}

int rename(const char *from, const char *to)
{
    return is_ours(to) && is_due("rename") ? fail() : real_rename(from, to);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return is_ours(to) && is_due("rename")
               ? fail()
               : real_renameat(from_fd, from, to_fd, to);
}

/* Half of it, but at least something, where that is what is asked for. */
static size_t shortened(size_t size)
{
    return size > 1 ? size / 2 : size;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    if (is_file(fd) && is_due("write")) {
        if (code != 0) {
            return fail();
        }
        size = shortened(size);
    }
    return real_write(fd, bytes, size);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int n, off_t offset)
{
    struct iovec first;

    if (!is_file(fd) || !is_due("write")) {
        return real_pwritev(fd, parts, n, offset);
    }
    if (code != 0) {
        return fail();
    }
    first = parts[0];
    first.iov_len = shortened(first.iov_len);
    return real_pwritev(fd, &first, 1, offset);
}

ssize_t read(int fd, void *bytes, size_t size)
{
    if (is_file(fd) && is_due("read")) {
        if (code != 0) {
            return fail();
        }
        size = shortened(size);
    }
    return real_read(fd, bytes, size);
}

ssize_t pread64(int fd, void *bytes, size_t size, off_t offset)
{
    if (is_file(fd) && is_due("read")) {
        if (code != 0) {
            return fail();
        }
        size = shortened(size);
    }
    return real_pread(fd, bytes, size, offset);
}

static int note_copy(int copy, bool is_one)
{
    if (copy >= 0 && copy < MAX_FDS) {
        is_meant[copy] = is_one;
    }
    return copy;
}

int dup(int fd)
{
    find_all();
    return note_copy(real_dup(fd), is_file(fd));
}

/* Whatever the command takes, it is one word. */
int fcntl64(int fd, int command, ...)
{
    va_list args;
    void *word;
    int result;

    va_start(args, command);
    word = va_arg(args, void *);
    va_end(args);
    find_all();
    result = real_fcntl(fd, command, word);
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC
               ? note_copy(result, is_file(fd))
               : result;
}

/* A confined process gets its files so. */
ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    ssize_t size;
    struct cmsghdr *header;
    int file_fd;

    find_all();
    size = real_recvmsg(fd, message, flags);
    header = size > 0 ? CMSG_FIRSTHDR(message) : NULL;
    if (header && header->cmsg_level == SOL_SOCKET &&
        header->cmsg_type == SCM_RIGHTS) {
        memcpy(&file_fd, CMSG_DATA(header), sizeof(file_fd));
        note_copy(file_fd, true);
    }
    return size;
}

int fsync(int fd)
{
    return is_file(fd) && is_due("sync") ? fail() : real_fsync(fd);
}

int fdatasync(int fd)
{
    return is_file(fd) && is_due("sync") ? fail() : real_fdatasync(fd);
}

int close(int fd)
{
    bool is_failing = is_file(fd) && is_due("close");

    if (fd >= 0 && fd < MAX_FDS) {
        is_meant[fd] = false;
    }
    return real_close(fd) < 0 || is_failing ? fail() : 0;
}
