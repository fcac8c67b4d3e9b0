/*
 * OpenedFiles: files that were opened beforehand, found by their paths.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/opened-files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct OpenedFile {
    int fd; /* or -1 */
    int open_errno;
    uint64_t size_bytes;
} OpenedFile;

struct OpenedFiles {
    Limits limits;
    GHashTable *by_path; /* char * -> OpenedFile, owned */
};

static void file_free(gpointer data)
{
    OpenedFile *file = data;

    if (file->fd >= 0) {
        close(file->fd);
    }
    g_free(file);
}

OpenedFiles *opened_files_new(const Limits *limits)
{
    OpenedFiles *files = g_new0(OpenedFiles, 1);

    files->limits = *limits;
    files->by_path =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, file_free);
    return files;
}

void opened_files_free(OpenedFiles *files)
{
    if (files) {
        g_hash_table_unref(files->by_path);
        g_free(files);
    }
}

const Limits *opened_files_limits(const OpenedFiles *files)
{
    return files ? &files->limits : &limits_default;
}

/* -1 with errno.  A FIFO in a file's place must not hold us up. */
static int open_plain(const char *path, uint64_t *size_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    int code;

    if (fd < 0) {
        return -1;
    }
    code = fstat(fd, &status) < 0    ? errno
           : S_ISREG(status.st_mode) ? 0
                                     : EISDIR;
    if (code != 0) {
        close(fd);
        errno = code;
        return -1;
    }
    *size_bytes = (uint64_t)status.st_size;
    return fd;
}

void opened_files_add(OpenedFiles *files, const char *path)
{
    OpenedFile *file;

    if (g_hash_table_contains(files->by_path, path)) {
        return;
    }
    file = g_new0(OpenedFile, 1);
    file->fd = open_plain(path, &file->size_bytes);
    file->open_errno = file->fd < 0 ? errno : 0;
    g_hash_table_insert(files->by_path, g_strdup(path), file);
}

guint opened_files_count(const OpenedFiles *files)
{
    return g_hash_table_size(files->by_path);
}

uint64_t opened_files_bytes(const OpenedFiles *files)
{
    GHashTableIter iter;
    gpointer file;
    uint64_t bytes = 0;

    g_hash_table_iter_init(&iter, files->by_path);
    while (g_hash_table_iter_next(&iter, NULL, &file)) {
        bytes += ((OpenedFile *)file)->size_bytes;
    }
    return bytes;
}

void opened_files_append_fds(const OpenedFiles *files, GArray *fds)
{
    GHashTableIter iter;
    gpointer file;

    g_hash_table_iter_init(&iter, files->by_path);
    while (g_hash_table_iter_next(&iter, NULL, &file)) {
        int fd = ((OpenedFile *)file)->fd;

        if (fd >= 0) {
            g_array_append_val(fds, fd);
        }
    }
}

int opened_files_open(const OpenedFiles *files, const char *path)
{
    const OpenedFile *file;
    uint64_t size_bytes;

    if (!files) {
        return open_plain(path, &size_bytes);
    }
    file = g_hash_table_lookup(files->by_path, path);
    if (!file || file->fd < 0) {
        errno = file ? file->open_errno : ENOENT;
        return -1;
    }
    return fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
}

bool opened_files_has(const OpenedFiles *files, const char *path)
{
    return files ? g_hash_table_contains(files->by_path, path)
                 : g_file_test(path, G_FILE_TEST_EXISTS);
}
