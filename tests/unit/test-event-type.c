/*
 * EventType: fields of all kinds, and records that don't hold them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "dat-builder.h"
#include "trace-data/event-type.h"

static const BuiltMany many = {
    .type = BUILT_MANY,
    .pid = 7,
    .name = "full-of8",
    .few = {-1, 2, -32768},
    .byte = 200,
    .text = 6 << 16 | offsetof(BuiltMany, tail),
    .near = 3 << 16 |
            (offsetof(BuiltMany, tail) + 6 - offsetof(BuiltMany, near) - 4),
    .list = 4 << 16 | offsetof(BuiltMany, few),
    .big = UINT64_MAX,
    .tail = "hello\0xy",
};

static TimelineInput *open_input(void)
{
    static const DatOptions options = {.trace_id = 1};
    g_autoptr(DatBuilder) builder = dat_builder_new(1);

    return dat_builder_open(builder, "x.dat", &options);
}

static const EventFieldType *find(TimelineInput *input, const char *name)
{
    const EventType *type = event_table_type(input->events, BUILT_MANY);
    const EventFieldType *field;

    g_assert_nonnull(type);
    field = event_type_find(type, name);
    g_assert_nonnull(field);
    return field;
}

static void expect_span(TimelineInput *input, const BuiltMany *record,
                        size_t size_bytes, const char *name,
                        const char *expected)
{
    /* Its own block: whatever is read behind it is an error to find. */
    g_autofree uint8_t *data = g_memdup2(record, size_bytes);
    EventSpan span = event_field_span(find(input, name), data, size_bytes);
    g_autofree char *text = g_strndup((const char *)span.data, span.size_bytes);

    g_assert_cmpstr(text, ==, expected);
}

static void test_type(void)
{
    g_autoptr(TimelineInput) input = open_input();
    const EventType *type = event_table_type(input->events, BUILT_MANY);

    g_assert_cmpstr(type->system, ==, "test");
    g_assert_cmpstr(type->name, ==, "many");
    g_assert_cmpuint(type->n_common, ==, 4);
    g_assert_cmpuint(type->n_fields, ==, 11);
    g_assert_cmpstr(type->fields[4].name, ==, "name");
    g_assert_true(type == event_table_type(input->events, BUILT_MANY));
    g_assert_null(event_table_type(input->events, 9999));
    g_assert_null(event_table_type(input->events, -1));
    g_assert_null(event_table_type(input->events, 65536));
}

static void test_comm(void)
{
    g_autoptr(TimelineInput) input = open_input();

    g_assert_cmpstr(event_table_comm(input->events, 7), ==, "worker");
    g_assert_cmpstr(event_table_comm(input->events, 0), ==, "<idle>");
    g_assert_cmpstr(event_table_comm(input->events, 8), ==, "<...>");
}

static void test_number(void)
{
    g_autoptr(TimelineInput) input = open_input();
    const EventFieldType *byte = find(input, "byte");
    const EventFieldType *big = find(input, "big");

    g_assert_cmpint(byte->kind, ==, EVENT_FIELD_NUMBER);
    g_assert_cmpint(event_field_read(&byte->where, (const uint8_t *)&many,
                                     sizeof(many)),
                    ==, 200);
    g_assert_false(big->where.is_signed);
    g_assert_cmpint(event_field_read(&big->where, (const uint8_t *)&many,
                                     sizeof(many)),
                    ==, -1);
}

static void test_strings(void)
{
    g_autoptr(TimelineInput) input = open_input();

    g_assert_cmpint(find(input, "name")->kind, ==, EVENT_FIELD_STRING);
    expect_span(input, &many, sizeof(many), "name", "full-of8");
    g_assert_cmpint(find(input, "text")->kind, ==, EVENT_FIELD_STRING);
    expect_span(input, &many, sizeof(many), "text", "hello");
    expect_span(input, &many, sizeof(many), "near", "xy");
}

static void test_numbers(void)
{
    g_autoptr(TimelineInput) input = open_input();
    const EventFieldType *few = find(input, "few");
    EventSpan span =
        event_field_span(few, (const uint8_t *)&many, sizeof(many));

    g_assert_cmpint(few->kind, ==, EVENT_FIELD_NUMBERS);
    g_assert_cmpuint(span.size_bytes, ==, 6);
    g_assert_cmpint(event_field_element(few, &span, 0), ==, -1);
    g_assert_cmpint(event_field_element(few, &span, 2), ==, -32768);
    g_assert_cmpint(event_field_element(few, &span, 3), ==, 0);
    g_assert_cmpint(find(input, "list")->kind, ==, EVENT_FIELD_NUMBERS);
    g_assert_cmpuint(find(input, "list")->element_bytes, ==, 4);
}

/* What a hostile guest sends: locations outside, records too short. */
static void test_hostile_spans(void)
{
    static const char *const names[] = {"name", "few",  "text", "near",
                                        "list", "byte", "big"};
    g_autoptr(TimelineInput) input = open_input();
    BuiltMany bad = many;

    bad.text = 0xffffffff;
    expect_span(input, &bad, sizeof(bad), "text", "");
    bad.text = 0xffff0000 | (sizeof(bad) - 2);
    memset(bad.tail, 'x', sizeof(bad.tail));
    expect_span(input, &bad, sizeof(bad), "text", "xx");
    bad.near = 0xffffffff;
    expect_span(input, &bad, sizeof(bad), "near", "");
    for (size_t size = 0; size <= sizeof(bad); size++) {
        g_autofree uint8_t *data = g_memdup2(&bad, size);

        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
            const EventFieldType *field = find(input, names[i]);
            EventSpan span = event_field_span(field, data, size);

            for (size_t n = 0; n < span.size_bytes; n++) {
                g_assert_true(span.data + n < data + size);
            }
            event_field_element(field, &span, 0);
        }
    }
}

static void test_field_outside(void)
{
    static const uint8_t data[8] = {0};
    const EventField outside = {.offset_bytes = 6, .size_bytes = 4};
    const EventField huge = {.offset_bytes = 0, .size_bytes = 16};

    g_assert_cmpint(event_field_read(&outside, data, sizeof(data)), ==, 0);
    g_assert_cmpint(event_field_read(&huge, data, sizeof(data)), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/event-type/type", test_type);
    g_test_add_func("/event-type/comm", test_comm);
    g_test_add_func("/event-type/number", test_number);
    g_test_add_func("/event-type/strings", test_strings);
    g_test_add_func("/event-type/numbers", test_numbers);
    g_test_add_func("/event-type/hostile-spans", test_hostile_spans);
    g_test_add_func("/event-type/field-outside", test_field_outside);
    return g_test_run();
}
