/*
 * Opening a trace.dat file: what both versions begin with, and all that its
 * header says.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/dat-open.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <gio/gio.h>

#include "trace-data/dat-header.h"
#include "trace-data/dat-layout.h"

#define MIN_PAGE_BYTES 512

static bool read_magic(DatHeader *header, GError **error)
{
    static const uint8_t magic[10] = {0x17, 0x08, 0x44, 't', 'r',
                                      'a',  'c',  'i',  'n', 'g'};
    uint8_t found[sizeof(magic)];

    if (byte_reader_take(&header->bytes, found, sizeof(found)) &&
        memcmp(found, magic, sizeof(magic)) == 0) {
        return true;
    }
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                "%s: not a trace.dat file; name a file that was recorded "
                "with qemu-trace-merge or trace-cmd",
                header->dat->path);
    return false;
}

static bool read_version(DatHeader *header, GError **error)
{
    DatFile *dat = header->dat;
    g_autofree char *version =
        dat_header_take_name(header, "the version", error);

    if (!version) {
        return false;
    }
    dat->version = strcmp(version, "6") == 0   ? 6
                   : strcmp(version, "7") == 0 ? 7
                                               : 0;
    if (dat->version == 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                    "%s: this is a version %.8s file, and only versions 6 and "
                    "7 are read; make one with 'trace-cmd convert'",
                    dat->path, version);
        return false;
    }
    return true;
}

/* What both versions begin with. */
static bool read_start(DatHeader *header, GError **error)
{
    DatFile *dat = header->dat;
    uint8_t layout[2]; /* endianness; size of user space's long */

    if (!read_magic(header, error) || !read_version(header, error) ||
        !dat_header_take(header, layout, sizeof(layout), "the layout", error) ||
        !dat_header_take(header, &dat->page_bytes, sizeof(dat->page_bytes),
                         "the page size", error)) {
        return false;
    }
    if (layout[0] != 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                    "%s: this is a big-endian file; only recordings of x86 "
                    "machines are read",
                    dat->path);
        return false;
    }
    if (dat->page_bytes < MIN_PAGE_BYTES ||
        (dat->page_bytes & (dat->page_bytes - 1))) {
        return dat_header_damaged(header, error, "a page size of %u",
                                  dat->page_bytes);
    }
    if (dat->page_bytes > dat_file_limits(dat)->page_bytes) {
        return dat_header_damaged(
            header, error, "a page size of %u, " LIMIT_ABOVE("page-size"),
            dat->page_bytes);
    }
    return true;
}

/* All buffers of a file were recorded on the same line. */
static void share_options(DatFile *dat)
{
    for (guint i = 0; i < dat->instances->len; i++) {
        DatFile *instance = dat->instances->pdata[i];

        instance->long_bytes = dat->long_bytes;
        instance->ts_offset_ns = dat->ts_offset_ns;
        instance->options.trace_id = dat->options.trace_id;
        instance->options.peer_trace_id = dat->options.peer_trace_id;
        instance->options.interpolates = dat->options.interpolates;
        instance->options.tsc_mult = dat->options.tsc_mult;
        instance->options.tsc_shift = dat->options.tsc_shift;
        if (dat->options.time_shifts) {
            instance->options.time_shifts =
                g_ptr_array_ref(dat->options.time_shifts);
        }
    }
}

static bool read_header(DatHeader *header, GError **error)
{
    if (!read_start(header, error)) {
        return false;
    }
    return header->dat->version == 6 ? dat_v6_read(header, error)
                                     : dat_v7_read(header, error);
}

/* An error that says what to do about damage, too. */
static void give_advice(GError **error, GError *damage)
{
    if (g_error_matches(damage, G_IO_ERROR, G_IO_ERROR_INVALID_DATA)) {
        g_set_error(error, damage->domain, damage->code,
                    "%s; record again, or recover the session it belongs to",
                    damage->message);
    } else {
        g_propagate_error(error, g_error_copy(damage));
    }
}

/* dat->fd is open, or -1 with errno. */
static DatFile *read_dat(DatFile *dat, GError **error)
{
    g_autoptr(GError) damage = NULL;
    DatHeader header = {.dat = dat, .part = "the header"};
    /* A confined process may not stat. */
    off_t size_bytes = dat->fd < 0 ? -1 : lseek(dat->fd, 0, SEEK_END);
    bool done;

    if (size_bytes < 0) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
                    "%s: cannot open: %s", dat->path, g_strerror(errno));
        dat_file_close(dat);
        return NULL;
    }
    byte_reader_init_file(&header.bytes, dat->fd, 0, (uint64_t)size_bytes);
    done = read_header(&header, &damage);
    byte_reader_clear(&header.bytes);
    if (!done) {
        give_advice(error, damage);
        dat_file_close(dat);
        return NULL;
    }
    share_options(dat);
    return dat;
}

DatFile *dat_file_open_fd(int fd, const char *path, const Limits *limits,
                          GError **error)
{
    return read_dat(dat_file_new(path, fd, limits), error);
}

DatFile *dat_file_open_from(const OpenedFiles *files, const char *path,
                            GError **error)
{
    int fd = opened_files_open(files, path);

    if (fd < 0 && errno == EISDIR) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE,
                    "%s: not a file; name a trace.dat file", path);
        return NULL;
    }
    return read_dat(dat_file_new(path, fd, opened_files_limits(files)), error);
}

DatFile *dat_file_open(const char *path, GError **error)
{
    return dat_file_open_from(NULL, path, error);
}
