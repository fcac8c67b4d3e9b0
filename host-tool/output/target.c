/*
 * OutputTarget: where an output goes, complete or not at all.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/target.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <gio/gio.h>

/* Big enough that a write costs nothing beside the formatting. */
#define STREAM_BUFFER_BYTES (1u << 20)

/* How often another name is tried, when one is taken. */
#define MAX_NAME_TRIES 100

#define READ_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct OutputTarget {
    char *name;      /* as it was given; NULL of standard output */
    char *path;      /* the final one, behind all links; NULL likewise */
    char *temporary; /* what exists under a name for now, or NULL */
    FILE *stream;
    int dir_fd;
    unsigned n_created; /* files of a directory */
    bool is_nameless;   /* the stream's file has no name at all yet */
};

static bool fail(const OutputTarget *target, GError **error)
{
    int code = errno;

    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code),
                "cannot write %s: %s", output_target_name(target),
                g_strerror(code));
    return false;
}

const char *output_target_name(const OutputTarget *target)
{
    return target->name ? target->name : "standard output";
}

FILE *output_target_stream(OutputTarget *target)
{
    return target->stream;
}

int output_target_fd(const OutputTarget *target)
{
    return target->stream ? fileno(target->stream) : -1;
}

/* Letters, digits and "_-+.", with no dot in front. */
static bool is_entry_name(const char *name, size_t size)
{
    static const char allowed[] =
        G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-+.";

    return size > 0 && size <= NAME_MAX && name[0] != '.' &&
           strspn(name, allowed) >= size;
}

int output_target_create(const char *name, gpointer data)
{
    OutputTarget *target = data;
    size_t dir_size = strcspn(name, "/");
    const char *base = name[dir_size] ? name + dir_size + 1 : name;

    if (!is_entry_name(base, strlen(base)) ||
        (base != name && !is_entry_name(name, dir_size))) {
        errno = EINVAL;
        return -1;
    }
    if (target->n_created == OUTPUT_TARGET_MAX_FILES) {
        errno = EMFILE;
        return -1;
    }
    target->n_created++;
    if (base != name) {
        g_autofree char *dir = g_strndup(name, dir_size);

        if (mkdirat(target->dir_fd, dir, 0777) < 0 && errno != EEXIST) {
            return -1;
        }
    }
    return openat(target->dir_fd, name,
                  O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
}

static OutputTarget *target_new(const char *path)
{
    OutputTarget *target = g_new0(OutputTarget, 1);

    target->name = g_strdup(path);
    target->path = g_strdup(path);
    target->dir_fd = -1;
    return target;
}

/* A name beside the final one, so that a rename is all that is left. */
static char *name_beside(const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *base = g_path_get_basename(path);
    g_autofree char *name = g_strdup_printf(".%s.%08x", base, g_random_int());

    return g_build_filename(dir, name, NULL);
}

/* Calls make() with new names until one isn't taken; NULL by errno. */
static char *make_beside(const char *path,
                         int (*make)(const char *name, gpointer data),
                         gpointer data)
{
    for (int i = 0; i < MAX_NAME_TRIES; i++) {
        g_autofree char *name = name_beside(path);

        if (make(name, data) == 0) {
            return g_steal_pointer(&name);
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return NULL;
}

static int make_file(const char *name, gpointer data)
{
    int *fd = data;

    *fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return *fd < 0 ? -1 : 0;
}

static int make_link(const char *name, gpointer data)
{
    g_autofree char *self =
        g_strdup_printf("/proc/self/fd/%d", *(const int *)data);

    return linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

static int make_directory(const char *name, G_GNUC_UNUSED gpointer data)
{
    return mkdir(name, 0777);
}

/* Not every file system can make files without a name. */
static int open_new(OutputTarget *target)
{
    g_autofree char *dir = g_path_get_dirname(target->path);
    int fd = open(dir, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);

    target->is_nameless = fd >= 0;
    if (fd < 0) {
        target->temporary = make_beside(target->path, make_file, &fd);
    }
    return fd;
}

static int open_file(OutputTarget *target)
{
    struct stat status;
    char *resolved;

    if (stat(target->path, &status) < 0) {
        return errno == ENOENT ? open_new(target) : -1;
    }
    if (!S_ISREG(status.st_mode)) {
        return open(target->path, O_WRONLY | O_CLOEXEC);
    }
    /* The new file takes the old one's place, not that of a link to it. */
    resolved = realpath(target->path, NULL);
    if (!resolved) {
        return -1;
    }
    g_free(target->path);
    target->path = g_strdup(resolved);
    free(resolved);
    return open_new(target);
}

OutputTarget *output_target_file(const char *path, GError **error)
{
    g_autoptr(OutputTarget) target = target_new(path);
    int fd;

    if (!target->path) {
        target->stream = stdout;
    } else {
        fd = open_file(target);
        if (fd < 0) {
            fail(target, error);
            return NULL;
        }
        target->stream = fdopen(fd, "w");
    }
    setvbuf(target->stream, NULL, _IOFBF, STREAM_BUFFER_BYTES);
    return g_steal_pointer(&target);
}

/* True when nothing but an empty directory is there. */
static bool is_free(const char *path)
{
    DIR *dir = opendir(path);
    int n_entries = 0;

    if (!dir) {
        return errno == ENOENT;
    }
    while (readdir(dir)) {
        n_entries++;
    }
    closedir(dir);
    return n_entries <= 2; /* . and .. */
}

OutputTarget *output_target_directory(const char *path, GError **error)
{
    g_autoptr(OutputTarget) target = target_new(path);
    gsize length = strlen(path);

    /* "DIR/" is "DIR": its hidden name stands beside it, not in it. */
    while (length > 1 && target->path[length - 1] == '/') {
        target->path[--length] = '\0';
    }
    if (!is_free(target->path)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                    "%s: exists already; name a directory that does not, or "
                    "remove it first",
                    path);
        return NULL;
    }
    target->temporary = make_beside(target->path, make_directory, NULL);
    if (target->temporary) {
        target->dir_fd =
            open(target->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (target->dir_fd < 0) {
        fail(target, error);
        return NULL;
    }
    return g_steal_pointer(&target);
}

static bool finish_file(OutputTarget *target, GError **error)
{
    int fd = fileno(target->stream);

    if (fflush(target->stream) != 0) {
        return fail(target, error);
    }
    if (!target->is_nameless && !target->temporary) {
        return true; /* had its name all the time */
    }
    if (fsync(fd) < 0) {
        return fail(target, error);
    }
    if (target->is_nameless) {
        target->is_nameless = false;
        if (make_link(target->path, &fd) == 0) {
            return true;
        }
        /* A link can't take an old file's place, but a rename can. */
        target->temporary =
            errno == EEXIST ? make_beside(target->path, make_link, &fd) : NULL;
    }
    return target->temporary || fail(target, error);
}

bool output_target_flush(OutputTarget *target, GError **error)
{
    return !target->stream || fflush(target->stream) == 0 ||
           fail(target, error);
}

bool output_target_finish(OutputTarget *target, GError **error)
{
    if (target->stream && !finish_file(target, error)) {
        return false;
    }
    if (target->temporary) {
        if (rename(target->temporary, target->path) < 0) {
            return fail(target, error);
        }
        g_clear_pointer(&target->temporary, g_free);
    }
    return true;
}

/* Of files, and of directories of files. */
static uint64_t entries_bytes(int dir_fd, int depth)
{
    DIR *dir = fdopendir(dir_fd);
    struct dirent *entry;
    uint64_t bytes = 0;

    if (!dir) {
        close(dir_fd);
        return 0;
    }
    while ((entry = readdir(dir))) {
        struct stat status;

        if (entry->d_name[0] == '.' ||
            fstatat(dir_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
            continue;
        }
        if (S_ISREG(status.st_mode)) {
            bytes += (uint64_t)status.st_size;
        } else if (S_ISDIR(status.st_mode) && depth > 0) {
            bytes += entries_bytes(openat(dir_fd, entry->d_name, READ_DIR),
                                   depth - 1);
        }
    }
    closedir(dir);
    return bytes;
}

uint64_t output_target_bytes(const OutputTarget *target)
{
    return entries_bytes(openat(target->dir_fd, ".", READ_DIR), 1);
}

/* Of a directory's content: files, and directories of files. */
static void remove_entries(int dir_fd, int depth)
{
    DIR *dir = fdopendir(dir_fd);
    struct dirent *entry;

    if (!dir) {
        close(dir_fd);
        return;
    }
    while ((entry = readdir(dir))) {
        int below;

        if (strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0 ||
            unlinkat(dir_fd, entry->d_name, 0) == 0 || depth == 0) {
            continue;
        }
        below = openat(dir_fd, entry->d_name, READ_DIR);
        if (below >= 0) {
            remove_entries(below, depth - 1);
        }
        unlinkat(dir_fd, entry->d_name, AT_REMOVEDIR);
    }
    closedir(dir);
}

static void remove_temporary(OutputTarget *target)
{
    if (target->dir_fd >= 0) {
        remove_entries(dup(target->dir_fd), 1);
    }
    /* A file, or a directory, which may be one that could not be opened. */
    if (unlink(target->temporary) < 0) {
        rmdir(target->temporary);
    }
}

void output_target_free(OutputTarget *target)
{
    if (!target) {
        return;
    }
    if (target->temporary) {
        remove_temporary(target);
    }
    if (target->stream && target->stream != stdout) {
        /* Nothing is left after a finish; else a full pipe would hold us. */
        __fpurge(target->stream);
        fclose(target->stream);
    }
    if (target->dir_fd >= 0) {
        close(target->dir_fd);
    }
    g_free(target->temporary);
    g_free(target->path);
    g_free(target->name);
    g_free(target);
}
