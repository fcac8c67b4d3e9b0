/*
 * DatHeader: the parts of a trace.dat file's header that both versions have.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/dat-header.h"

#include <stdlib.h>
#include <string.h>
#include <gio/gio.h>

bool dat_header_damaged(const DatHeader *header, GError **error,
                        const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                "%s: damaged header: %s at byte %" G_GUINT64_FORMAT " of %s",
                header->dat->path, what, header->bytes.offset, header->part);
    return false;
}

bool dat_header_take(DatHeader *header, void *to, size_t size, const char *what,
                     GError **error)
{
    return byte_reader_take(&header->bytes, to, size) ||
           dat_header_damaged(header, error, "%s ends inside %s", header->part,
                              what);
}

static const Limits *limits_of(const DatHeader *header)
{
    return dat_file_limits(header->dat);
}

/* Behind what is above a limit: one that can be set, or one that can't. */
#define OVER(name) ", " LIMIT_ABOVE(name)
#define TOO_LONG   ", more than there can be"

/* A text of size bytes; the NUL after it is not part of the GBytes. */
static GBytes *take_text(DatHeader *header, uint64_t size, uint64_t max_bytes,
                         const char *above, const char *what, GError **error)
{
    GBytes *text =
        size > max_bytes ? NULL : byte_reader_take_bytes(&header->bytes, size);

    if (!text) {
        dat_header_damaged(header, error, "%s of %" G_GUINT64_FORMAT " bytes%s",
                           what, size, size > max_bytes ? above : "");
    }
    return text;
}

static GBytes *take_text_u64(DatHeader *header, uint64_t max_bytes,
                             const char *above, const char *what,
                             GError **error)
{
    uint64_t size;

    return dat_header_take(header, &size, sizeof(size), what, error)
               ? take_text(header, size, max_bytes, above, what, error)
               : NULL;
}

static GBytes *take_text_u32(DatHeader *header, uint64_t max_bytes,
                             const char *above, const char *what,
                             GError **error)
{
    uint32_t size;

    return dat_header_take(header, &size, sizeof(size), what, error)
               ? take_text(header, size, max_bytes, above, what, error)
               : NULL;
}

char *dat_header_take_name(DatHeader *header, const char *what, GError **error)
{
    char *name =
        byte_reader_take_string(&header->bytes, DAT_HEADER_MAX_NAME_BYTES);

    if (!name) {
        dat_header_damaged(header, error, "%s without an end", what);
    }
    return name;
}

bool dat_header_expect(DatHeader *header, const char *bytes, size_t size,
                       GError **error)
{
    char found[16];

    g_assert(size <= sizeof(found));
    if (!dat_header_take(header, found, size, bytes, error)) {
        return false;
    }
    return memcmp(found, bytes, size) == 0 ||
           dat_header_damaged(header, error, "'%s' is missing", bytes);
}

/* The number behind "offset:" or "size:" of a field of header_page. */
static long page_field(const char *field, const char *name, long missing)
{
    const char *found = field ? strstr(field, name) : NULL;

    return found ? strtol(found + strlen(name), NULL, 10) : missing;
}

/*
 * The kernel's long, which sizes the page header's commit field, is told by
 * header_page alone; the file's own long size is user space's.  So is the
 * size of a sub-buffer that is larger than a page, by the field of its data.
 */
static bool parse_header_page(DatHeader *header, GError **error)
{
    DatFile *dat = header->dat;
    const char *text = g_bytes_get_data(dat->metadata.header_page, NULL);
    const char *commit = text ? strstr(text, " commit;") : NULL;
    const char *data = text ? strstr(text, " data;") : NULL;
    long long_bytes = page_field(commit, "size:", 8);
    long sub_buffer_bytes =
        page_field(data, "offset:", 0) + page_field(data, "size:", 0);

    if (long_bytes != 4 && long_bytes != 8) {
        return dat_header_damaged(header, error, "a commit field of %ld bytes",
                                  long_bytes);
    }
    dat->long_bytes = (uint32_t)long_bytes;
    if (sub_buffer_bytes <= (long)limits_default.page_bytes &&
        sub_buffer_bytes > (long)limits_of(header)->page_bytes) {
        return dat_header_damaged(header, error,
                                  "sub-buffers of %ld bytes" OVER("page-size"),
                                  sub_buffer_bytes);
    }
    if (sub_buffer_bytes > (long)dat->page_bytes &&
        sub_buffer_bytes <= (long)limits_of(header)->page_bytes &&
        (sub_buffer_bytes & (sub_buffer_bytes - 1)) == 0) {
        dat->page_bytes = (uint32_t)sub_buffer_bytes;
    }
    return true;
}

/* A part that is found twice, as a damaged file may have it, is replaced. */
static bool replace(GBytes **text, GBytes *by)
{
    if (!by) {
        return false;
    }
    g_clear_pointer(text, g_bytes_unref);
    *text = by;
    return true;
}

bool dat_header_read_pages(DatHeader *header, GError **error)
{
    DatMetadata *metadata = &header->dat->metadata;

    return dat_header_expect(header, "header_page", 12, error) &&
           replace(&metadata->header_page,
                   take_text_u64(header, DAT_MAX_HEADER_BYTES, TOO_LONG,
                                 "header_page", error)) &&
           parse_header_page(header, error) &&
           dat_header_expect(header, "header_event", 13, error) &&
           replace(&metadata->header_event,
                   take_text_u64(header, DAT_MAX_HEADER_BYTES, TOO_LONG,
                                 "header_event", error));
}

/* What no kernel writes is found out when it is parsed. */
static bool check_event_name(const DatHeader *header, GBytes *text,
                             GError **error)
{
    const char *name = g_bytes_get_data(text, NULL);
    size_t size = g_str_has_prefix(name, "name: ")
                      ? strcspn(name, "\n") - strlen("name: ")
                      : 0;

    return size <= limits_of(header)->name_bytes ||
           dat_header_damaged(header, error,
                              "an event's name of %zu bytes" OVER("name-size"),
                              size);
}

static bool read_formats(DatHeader *header, const char *system, GError **error)
{
    GPtrArray *formats = header->dat->metadata.formats;
    uint64_t max_events = limits_of(header)->events;
    uint32_t count;

    if (!dat_header_take(header, &count, sizeof(count), "a system's events",
                         error)) {
        return false;
    }
    if (count > max_events || formats->len + count > max_events) {
        return dat_header_damaged(header, error,
                                  "%u events in system %s" OVER("events"),
                                  count, system);
    }
    for (uint32_t i = 0; i < count; i++) {
        GBytes *text =
            take_text_u64(header, limits_of(header)->format_bytes,
                          OVER("format-size"), "an event format", error);
        DatFormat *format;

        if (!text) {
            return false;
        }
        if (!check_event_name(header, text, error)) {
            g_bytes_unref(text);
            return false;
        }
        format = g_new0(DatFormat, 1);
        format->system = g_strdup(system);
        format->text = text;
        g_ptr_array_add(formats, format);
    }
    return true;
}

bool dat_header_read_ftrace_events(DatHeader *header, GError **error)
{
    return read_formats(header, "ftrace", error);
}

bool dat_header_read_event_systems(DatHeader *header, GError **error)
{
    uint32_t n_systems;

    if (!dat_header_take(header, &n_systems, sizeof(n_systems),
                         "the event systems", error)) {
        return false;
    }
    if (n_systems > limits_of(header)->systems) {
        return dat_header_damaged(header, error,
                                  "%u event systems" OVER("systems"),
                                  n_systems);
    }
    for (uint32_t i = 0; i < n_systems; i++) {
        g_autofree char *system =
            dat_header_take_name(header, "a system's name", error);

        if (system && strlen(system) > limits_of(header)->name_bytes) {
            return dat_header_damaged(
                header, error, "a system's name of %zu bytes" OVER("name-size"),
                strlen(system));
        }
        if (!system || !read_formats(header, system, error)) {
            return false;
        }
    }
    return true;
}

bool dat_header_read_kallsyms(DatHeader *header, GError **error)
{
    return replace(&header->dat->metadata.kallsyms,
                   take_text_u32(header, limits_of(header)->kallsyms_bytes,
                                 OVER("kallsyms-size"), "kallsyms", error));
}

bool dat_header_read_printk_formats(DatHeader *header, GError **error)
{
    return replace(&header->dat->metadata.printk_formats,
                   take_text_u32(header, limits_of(header)->printk_bytes,
                                 OVER("printk-size"), "printk formats", error));
}

bool dat_header_read_cmdlines(DatHeader *header, GError **error)
{
    return replace(&header->dat->metadata.cmdlines,
                   take_text_u64(header, limits_of(header)->cmdlines_bytes,
                                 OVER("cmdlines-size"), "command lines",
                                 error));
}
