/*
 * EventTable: records as a hostile guest may make them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "dat-builder.h"
#include "trace-data/event-text.h"

static TimelineInput *open_input(void)
{
    static const DatOptions options = {.trace_id = 1};
    g_autoptr(DatBuilder) builder = dat_builder_new(1);

    return dat_builder_open(builder, "x.dat", &options);
}

static char *print(TimelineInput *input, EventText *text, const void *data,
                   size_t size)
{
    const EventTextStyle style = {.has_ns = true};
    GString *line = g_string_new(NULL);
    /* Its own block: whatever is read behind it is an error to find. */
    g_autofree uint8_t *record = g_memdup2(data, size);

    event_text_append(text, input->events, line, &style, 0, 0, record, size);
    return g_string_free(line, FALSE);
}

static void test_short_record(void)
{
    static const uint64_t whole[] = {BUILT_NUMBER, UINT64_MAX};
    static const uint16_t cut[] = {BUILT_NUMBER};
    g_autoptr(TimelineInput) input = open_input();
    g_autoptr(EventText) text = event_text_new();
    g_autofree char *before = print(input, text, whole, sizeof(whole));
    g_autofree char *after = print(input, text, cut, sizeof(cut));

    g_assert_nonnull(strstr(before, "number=-1"));
    /* Nothing of the record before shows through. */
    g_assert_nonnull(strstr(after, "number=0"));
}

static void test_no_id(void)
{
    g_autoptr(TimelineInput) input = open_input();
    g_autoptr(EventText) text = event_text_new();
    g_autofree char *line = print(input, text, "x", 1);

    g_assert_nonnull(strstr(line, "unknown event"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/event-table/short-record", test_short_record);
    g_test_add_func("/event-table/no-id", test_no_id);
    return g_test_run();
}
