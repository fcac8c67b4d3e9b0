/*
 * An event's format and a record of it: what the compiled print format makes
 * of it is compared with libtraceevent's own text.
 *
 * The input is the format's text, a NUL, and the record.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz-file.h"
#include "trace-data/event-line.h"
#include "trace-data/event-table.h"

/* A page holds no longer one. */
#define MAX_RECORD 4000

static const char kallsyms[] = "ffffffff81000000 T first\n"
                               "ffffffff81000100 t second\n"
                               "ffffffff81000200 T third\t[module]\n";
static const char kernel_strings[] = "0xffffffff82000000 : \"a string\\n\"\n";
static const char cmdlines[] = "7 worker\n8 other task\n";

static void format_free(gpointer data)
{
    DatFormat *format = data;

    g_free(format->system);
    g_bytes_unref(format->text);
    g_free(format);
}

static EventTable *make_table(const char *text, size_t size)
{
    DatFile dat = {.page_bytes = 4096, .long_bytes = 8};
    DatFormat *format = g_new0(DatFormat, 1);
    EventTable *table;

    dat.cpus = g_array_new(FALSE, TRUE, sizeof(DatCpuData));
    dat.metadata.formats = g_ptr_array_new_with_free_func(format_free);
    format->system = g_strdup("fuzz");
    format->text = g_bytes_new(text, size);
    g_ptr_array_add(dat.metadata.formats, format);
    dat.metadata.kallsyms = g_bytes_new_static(kallsyms, sizeof(kallsyms) - 1);
    dat.metadata.printk_formats =
        g_bytes_new_static(kernel_strings, sizeof(kernel_strings) - 1);
    dat.metadata.cmdlines = g_bytes_new_static(cmdlines, sizeof(cmdlines) - 1);
    table = event_table_new(&dat);
    g_array_unref(dat.cpus);
    g_ptr_array_unref(dat.metadata.formats);
    g_bytes_unref(dat.metadata.kallsyms);
    g_bytes_unref(dat.metadata.printk_formats);
    g_bytes_unref(dat.metadata.cmdlines);
    return table;
}

static char *print(EventTable *table, const EventTextStyle *style,
                   const uint8_t *record, size_t size)
{
    g_autoptr(EventOrder) order = event_order_new();
    g_autoptr(EventScratch) scratch = event_scratch_new();
    PrintText text = PRINT_TEXT_INIT;
    EventLine line = {
        .data = record,
        .size_bytes = (uint32_t)size,
        .cpu = 1,
        .time = UINT64_C(123456789012),
    };

    event_order_add(order, table, &line);
    event_line_print(&line, style, "", scratch, &text);
    print_text_char(&text, '\0');
    return text.start;
}

/*
 * libtraceevent shows a text field as numbers for good once a record has held
 * what isn't text; we do so for that record.  It needs a common_type to know
 * any event by; we don't.  Where a field is too short for the address that a
 * conversion wants, it says so among raw fields; we show what there is.
 */
static bool is_known_difference(const char *own, const char *other)
{
    return strstr(own, "ARRAY[") || strstr(other, "ARRAY[") ||
           strstr(other, "[UNKNOWN EVENT]") || strstr(other, "INVALIDIP") ||
           strstr(other, "INVALIDMAC");
}

static void compare(EventTable *table, bool raw, const uint8_t *record,
                    size_t size)
{
    const EventTextStyle own_style = {.has_ns = true, .raw = raw};
    const EventTextStyle reference = {.has_ns = true,
                                      .raw = raw,
                                      .by_library = true};
    g_autofree char *own = print(table, &own_style, record, size);
    g_autofree char *other = print(table, &reference, record, size);

    if (strcmp(own, other) != 0 && !is_known_difference(own, other)) {
        fprintf(stderr, "own:   %s\nother: %s\n", own, other);
        abort();
    }
}

/* As libtraceevent reads it, of a format that it can read. */
static uint16_t id_of(const char *text, size_t size)
{
    const char *id = g_strstr_len(text, (gssize)size, "ID:");
    g_autofree char *number = NULL;

    if (!id) {
        return 0;
    }
    id += strlen("ID:");
    number = g_strndup(id, MIN(32, size - (size_t)(id - text)));
    return (uint16_t)strtoul(number, NULL, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    size_t text_size = size ? strnlen((const char *)bytes, size) : 0;
    g_autoptr(EventTable) table = make_table((const char *)bytes, text_size);
    size_t record_size = size - MIN(size, text_size + 1);
    g_autofree uint8_t *record = NULL;
    uint16_t id;

    if (record_size < 8 || record_size > MAX_RECORD) {
        record_size = 8;
        record = g_malloc0(record_size);
    } else {
        record = g_memdup2(bytes + text_size + 1, record_size);
    }
    id = id_of((const char *)bytes, text_size);
    if (event_table_type(table, id)) {
        memcpy(record, &id, sizeof(id));
        compare(table, false, record, record_size);
        compare(table, true, record, record_size);
    }
    return 0;
}
