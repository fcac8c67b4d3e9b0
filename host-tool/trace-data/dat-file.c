/*
 * DatFile: a trace.dat file, opened for reading.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/dat-file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <gio/gio.h>

#include "trace-data/chunk-index.h"
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
        dat->page_bytes > dat_file_limits(dat)->page_bytes ||
        (dat->page_bytes & (dat->page_bytes - 1))) {
        return dat_header_damaged(header, error, "a page size of %u",
                                  dat->page_bytes);
    }
    return true;
}

static void format_free(gpointer data)
{
    DatFormat *format = data;

    g_free(format->system);
    g_bytes_unref(format->text);
    g_free(format);
}

const Limits *dat_file_limits(const DatFile *dat)
{
    return dat->limits ? dat->limits : &limits_default;
}

static DatFile *dat_file_new(const char *path, int fd, const Limits *limits)
{
    DatFile *dat = g_new0(DatFile, 1);

    dat->limits = g_memdup2(limits, sizeof(*limits));
    dat->path = g_strdup(path);
    dat->fd = fd;
    dat->long_bytes = sizeof(uint64_t);
    dat->clock = g_strdup("local");
    dat->cpus = g_array_new(FALSE, TRUE, sizeof(DatCpuData));
    dat->problems = g_ptr_array_new_with_free_func(g_free);
    dat->metadata.formats = g_ptr_array_new_with_free_func(format_free);
    dat->instances =
        g_ptr_array_new_with_free_func((GDestroyNotify)dat_file_close);
    return dat;
}

DatFile *dat_file_add_instance(DatFile *dat, char *name)
{
    DatFile *instance =
        dat_file_new(dat->path, fcntl(dat->fd, F_DUPFD_CLOEXEC, 0),
                     dat_file_limits(dat));

    instance->instance = name;
    instance->version = dat->version;
    instance->page_bytes = dat->page_bytes;
    g_ptr_array_add(dat->instances, instance);
    return instance;
}

void dat_file_set_cpu(DatFile *dat, uint32_t cpu, DatCpuData data,
                      uint64_t file_bytes)
{
    uint64_t room =
        data.offset_bytes < file_bytes ? file_bytes - data.offset_bytes : 0;

    if (cpu >= dat->cpus->len) {
        g_array_set_size(dat->cpus, cpu + 1);
    }
    if (data.size_bytes > room) {
        dat_file_problem(dat,
                         "CPU %u: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                         " bytes are missing at the end of the file",
                         cpu, data.size_bytes - room, data.size_bytes);
        data.size_bytes = room;
    }
    g_array_index(dat->cpus, DatCpuData, cpu) = data;
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

void dat_file_problem(DatFile *dat, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    dat->n_problems++;
    if (dat->n_problems > DAT_MAX_PROBLEMS + 1) {
        return;
    }
    g_ptr_array_add(dat->problems,
                    g_strdup_printf("%s: %s", dat->path,
                                    dat->n_problems <= DAT_MAX_PROBLEMS
                                        ? what
                                        : "there is more damage, which is not "
                                          "listed"));
}

/* A piece of the text, expanded where it is a chunk. */
static bool read_packed_text(DatFile *dat, DatTextFunc func, gpointer data)
{
    ByteReader in;
    uint32_t n_chunks;
    bool done = true;

    byte_reader_init_file(&in, dat->fd, dat->text.offset_bytes,
                          dat->text.offset_bytes + dat->text.size_bytes);
    done = byte_reader_take_u32(&in, &n_chunks);
    for (uint32_t i = 0; done && i < n_chunks; i++) {
        uint32_t packed_bytes, bytes;
        g_autoptr(GBytes) packed = NULL;
        g_autofree char *text = NULL;

        done = byte_reader_take_u32(&in, &packed_bytes) &&
               byte_reader_take_u32(&in, &bytes) && bytes <= CHUNK_MAX_BYTES &&
               (packed = byte_reader_take_bytes(&in, packed_bytes)) != NULL;
        text = done ? g_malloc(bytes) : NULL;
        done =
            done &&
            compression_expand(dat->compression, g_bytes_get_data(packed, NULL),
                               packed_bytes, text, bytes) &&
            func(text, bytes, data);
    }
    byte_reader_clear(&in);
    return done;
}

static bool read_plain_text(DatFile *dat, DatTextFunc func, gpointer data)
{
    ByteReader in;
    bool done = true;

    byte_reader_init_file(&in, dat->fd, dat->text.offset_bytes,
                          dat->text.offset_bytes + dat->text.size_bytes);
    while (done && byte_reader_left(&in) > 0) {
        char piece[4096];
        size_t size = (size_t)MIN(byte_reader_left(&in), sizeof(piece));

        done = byte_reader_take(&in, piece, size) && func(piece, size, data);
    }
    byte_reader_clear(&in);
    return done;
}

bool dat_file_read_text(DatFile *dat, DatTextFunc func, gpointer data)
{
    return dat->compression ? read_packed_text(dat, func, data)
                            : read_plain_text(dat, func, data);
}

void dat_file_drop_metadata(DatFile *dat)
{
    DatMetadata *metadata = &dat->metadata;

    g_clear_pointer(&metadata->header_page, g_bytes_unref);
    g_clear_pointer(&metadata->header_event, g_bytes_unref);
    g_clear_pointer(&metadata->formats, g_ptr_array_unref);
    g_clear_pointer(&metadata->kallsyms, g_bytes_unref);
    g_clear_pointer(&metadata->printk_formats, g_bytes_unref);
    g_clear_pointer(&metadata->cmdlines, g_bytes_unref);
}

void dat_file_close(DatFile *dat)
{
    if (!dat) {
        return;
    }
    if (dat->fd >= 0) {
        close(dat->fd);
    }
    dat_file_drop_metadata(dat);
    g_clear_pointer(&dat->options.guests, g_ptr_array_unref);
    g_clear_pointer(&dat->options.time_shifts, g_ptr_array_unref);
    compression_unref(dat->compression);
    g_ptr_array_unref(dat->instances);
    g_array_unref(dat->cpus);
    g_ptr_array_unref(dat->problems);
    g_free((gpointer)dat->limits);
    g_free(dat->instance);
    g_free(dat->clock);
    g_free(dat->uname);
    g_free(dat->path);
    g_free(dat);
}
