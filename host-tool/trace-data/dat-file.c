/*
 * DatFile: a trace.dat file, opened for reading.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/dat-file.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <gio/gio.h>

#include "trace-data/byte-reader.h"
#include "trace-data/chunk-index.h"

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

DatFile *dat_file_new(const char *path, int fd, const Limits *limits)
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
