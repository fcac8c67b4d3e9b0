/*
 * A filter and a record: the filter comes from whoever asks for a recording,
 * the record from a guest.
 *
 * The input is the filter's text, a NUL, and the record.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "fuzz-file.h"
#include "trace-data/event-filter.h"
#include "trace-data/filter-expression.h"

/* regcomp() takes exponential memory for repetitions of repetitions. */
#define MAX_TEXT 256

static const char format_text[] =
    "name: sample\nID: 100\nformat:\n"
    "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
    "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
    "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;"
    "\tsigned:0;\n"
    "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n"
    "\n"
    "\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;\n"
    "\tfield:s32 prio;\toffset:24;\tsize:4;\tsigned:1;\n"
    "\tfield:__data_loc char[] name;\toffset:28;\tsize:4;\tsigned:0;\n"
    "\tfield:u64 value;\toffset:32;\tsize:8;\tsigned:0;\n"
    "\tfield:unsigned long set[2];\toffset:40;\tsize:16;\tsigned:0;\n"
    "\nprint fmt: \"%s\", REC->comm\n";

static EventTable *make_table(void)
{
    DatFile dat = {.page_bytes = 4096, .long_bytes = 8};
    DatFormat format = {
        .system = (char *)"test",
        .text = g_bytes_new_static(format_text, sizeof(format_text) - 1),
    };
    EventTable *table;

    dat.cpus = g_array_new(FALSE, TRUE, sizeof(DatCpuData));
    dat.metadata.formats = g_ptr_array_new();
    g_ptr_array_add(dat.metadata.formats, &format);
    table = event_table_new(&dat);
    g_bytes_unref(format.text);
    g_ptr_array_unref(dat.metadata.formats);
    g_array_unref(dat.cpus);
    return table;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    size_t text_size = size ? strnlen((const char *)bytes, size) : 0;
    g_autofree char *text = NULL;
    g_autoptr(FilterExpression) expression = NULL;

    if (size == 0 || text_size > MAX_TEXT) {
        return 0;
    }
    text = g_strndup((const char *)bytes, text_size);
    expression = filter_expression_parse(text, NULL);
    if (expression) {
        g_autoptr(EventTable) table = make_table();
        g_autoptr(EventFilter) filter = event_filter_new(table);
        const char *const patterns[] = {text, NULL};
        EventFilterState state = {0};
        size_t at = MIN(size, text_size + 1);
        bool matched[1], alone;

        event_filter_add(filter, expression, EVENT_FILTER_SHOW);
        event_filter_match(filter, &state, 0, bytes + at, size - at);
        filter_expression_unknown_field(expression, &alone);
        event_filter_require_events(filter, patterns, matched);
        event_filter_match(filter, &state, 0, bytes + at, size - at);
    }
    return 0;
}
