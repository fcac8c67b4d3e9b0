/*
 * EventFilter: what conditions mean, on whole records and on short ones.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "dat-builder.h"
#include "trace-data/event-filter.h"

/* A record of the events with one number. */
typedef struct Number {
    uint16_t type;
    uint8_t flags;
    uint8_t preempt_count;
    int32_t pid;
    int64_t value;
} Number;

static const BuiltMany many = {
    .type = BUILT_MANY,
    .flags = 9,
    .pid = 7,
    .name = "full-of8",
    .byte = 200,
    .text = 6 << 16 | offsetof(BuiltMany, tail),
    .near = 3 << 16 |
            (offsetof(BuiltMany, tail) + 6 - offsetof(BuiltMany, near) - 4),
    .big = UINT64_MAX,
    .tail = "hello\0xy",
};

static const Number minus = {.type = BUILT_NUMBER, .pid = 5, .value = -3};
static const Number entry = {.type = BUILT_KVM_ENTRY, .pid = 8, .value = 1};

static TimelineInput *open_input(void)
{
    static const DatOptions options = {.trace_id = 1};
    g_autoptr(DatBuilder) builder = dat_builder_new(1);

    return dat_builder_open(builder, "x.dat", &options);
}

static bool asks(EventFilter *filter, const void *record, size_t size_bytes)
{
    /* Its own block: whatever is read behind it is an error to find. */
    g_autofree uint8_t *data = g_memdup2(record, size_bytes);
    EventFilterState state = {0};

    return event_filter_match(filter, &state, 3, data, size_bytes);
}

static FilterExpression *parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    FilterExpression *expression = filter_expression_parse(text, &error);

    g_assert_no_error(error);
    return expression;
}

static void expect(TimelineInput *input, const char *text, const void *record,
                   size_t size_bytes, bool expected)
{
    g_autoptr(FilterExpression) expression = parse(text);
    g_autoptr(EventFilter) filter = event_filter_new(input->events);

    event_filter_add(filter, expression, EVENT_FILTER_SHOW);
    if (asks(filter, record, size_bytes) != expected) {
        g_error("'%s' should be %s", text, expected ? "true" : "false");
    }
}

typedef struct Row {
    const char *text;
    bool of_many;
    bool of_minus;
} Row;

static const Row rows[] = {
    {"number", false, true},
    {"test", true, true},
    {"TEST/MANY,kvm", true, false},
    {"test/.*", true, true},
    {"test/num.*,many : common_pid == 5", false, true},
    {".*:common_pid==7", true, false},
    {"test:number==-3", false, true},
    {"test:number < 0", false, true},
    {"test:number<-3||number>-3", false, false},
    {"test:number>=-3&&number<=-3", false, true},
    {"test:number != -3", false, false},
    {"test:!number == -3", true, false},
    {"test:!(number == -3)", true, false},
    {"test:!!number==-3", false, true},
    {"test:number + 3", false, false},
    {"test:number + 4", false, true},
    {"test:(number+4)*2==2", false, true},
    {"test:number/0", false, false},
    {"test:number%0==0", false, true},
    {"test:number<<64", false, false},
    {"test:~number==2", false, true},
    {"test:number & 0xff == 0xfd", false, true},
    /* From left to right, as trace-cmd takes it. */
    {"test:common_pid==5||common_pid==7&&common_flags==1", false, false},
    {"test:common_pid==5||(common_pid==6&&common_flags==1)", false, true},
    {"test:byte==200", true, false},
    {"test:byte>-1", true, false},
    {"test:byte=='\xc8'", true, false},
    {"test:big==0xffffffffffffffff", true, false},
    {"test:big>1", true, false},
    {"test:common_flags & 8", true, false},
    {"test:name==\"full-of8\"", true, false},
    {"test:name=='full-of8'", true, false},
    {"test:name==\"full\"", false, false},
    {"test:name!=\"full\"", true, false},
    {"test:name=~\"FULL.*8$\"", true, false},
    {"test:name!~\"^of\"", true, false},
    {"test:text==\"hello\"", true, false},
    {"test:text=~\"^hello$\"", true, false},
    {"test:near==\"xy\"", true, false},
    {"test:byte==\"0xc8\"", true, false},
    {"test:CPU==3", true, true},
    {"test:CPU==\"3\"", true, true},
    {"test:COMM==\"worker\"", true, false},
    {"test:bogus==1||common_pid==5", false, true},
    {"test:!bogus==1", true, true},
    {"test:bogus+1", false, false},
};

static void test_conditions(void)
{
    g_autoptr(TimelineInput) input = open_input();

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        expect(input, rows[i].text, &many, sizeof(many), rows[i].of_many);
        expect(input, rows[i].text, &minus, sizeof(minus), rows[i].of_minus);
    }
}

/* A record cut anywhere reads as zeros and shorter strings. */
static void test_short_records(void)
{
    g_autoptr(TimelineInput) input = open_input();

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(FilterExpression) expression = parse(rows[i].text);
        g_autoptr(EventFilter) filter = event_filter_new(input->events);

        event_filter_add(filter, expression, EVENT_FILTER_SHOW);
        for (size_t size = 0; size < sizeof(many); size++) {
            asks(filter, &many, size);
        }
    }
    expect(input, "test:text==\"hel\"", &many, offsetof(BuiltMany, tail) + 3,
           true);
    expect(input, "test:text==\"\"", &many, offsetof(BuiltMany, tail), true);
    expect(input, "test:big==0", &many, offsetof(BuiltMany, big) + 7, true);
}

/* Words of a record that point anywhere. */
static void test_hostile_locations(void)
{
    static const uint32_t words[] = {
        0, 1, UINT32_MAX, 0xffff0000, 0x0000ffff, 0xffff0040, 0x00010040,
    };
    g_autoptr(TimelineInput) input = open_input();

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        BuiltMany record = many;

        record.text = record.near = words[i];
        expect(input, "test:text==\"no such\"||near==\"no such\"", &record,
               sizeof(record), false);
        expect(input, "test:text=~\"no such\"||near=~\"no such\"", &record,
               sizeof(record), false);
    }
}

static void test_several(void)
{
    g_autoptr(TimelineInput) input = open_input();
    g_autoptr(FilterExpression) number = parse("number");
    g_autoptr(FilterExpression) kvm = parse("kvm");
    g_autoptr(FilterExpression) negative = parse(".*:number<0");
    g_autoptr(EventFilter) filter = event_filter_new(input->events);

    g_assert_true(asks(filter, &minus, sizeof(minus)));
    event_filter_add(filter, kvm, EVENT_FILTER_SHOW);
    g_assert_false(asks(filter, &minus, sizeof(minus)));
    event_filter_add(filter, number, EVENT_FILTER_SHOW);
    g_assert_true(asks(filter, &minus, sizeof(minus)));
    g_assert_true(asks(filter, &entry, sizeof(entry)));
    event_filter_add(filter, negative, EVENT_FILTER_HIDE);
    g_assert_false(asks(filter, &minus, sizeof(minus)));
    g_assert_true(asks(filter, &entry, sizeof(entry)));
}

static void test_required(void)
{
    static const char *const patterns[] = {"test:num*", "kvm/kvm_entry",
                                           "nothing", NULL};
    static const int32_t pids[] = {8, 3};
    static const Number odd = {.type = 9999, .pid = 8};
    bool matched[3] = {false};
    g_autoptr(TimelineInput) input = open_input();
    g_autoptr(EventFilter) filter = event_filter_new(input->events);

    g_assert_true(asks(filter, &odd, sizeof(odd)));
    event_filter_require_events(filter, patterns, matched);
    g_assert_true(matched[0] && matched[1] && !matched[2]);
    g_assert_true(asks(filter, &minus, sizeof(minus)));
    g_assert_true(asks(filter, &entry, sizeof(entry)));
    g_assert_false(asks(filter, &many, sizeof(many)));
    g_assert_false(asks(filter, &odd, sizeof(odd)));
    event_filter_require_pids(filter, pids, G_N_ELEMENTS(pids));
    g_assert_false(asks(filter, &minus, sizeof(minus)));
    g_assert_true(asks(filter, &entry, sizeof(entry)));
    g_assert_false(asks(filter, &entry, 5));
}

static void test_unknown_fields(void)
{
    g_autoptr(TimelineInput) input = open_input();
    g_autoptr(EventFilter) filter = event_filter_new(input->events);
    g_autoptr(FilterExpression) known = parse("test:number==byte");
    g_autoptr(FilterExpression) unknown = parse("kvm:number==1||common_pid");
    g_autoptr(FilterExpression) word = parse("test:many");
    bool alone;

    event_filter_add(filter, known, EVENT_FILTER_SHOW);
    event_filter_add(filter, unknown, EVENT_FILTER_SHOW);
    event_filter_add(filter, word, EVENT_FILTER_SHOW);
    g_assert_null(filter_expression_unknown_field(known, &alone));
    g_assert_cmpstr(filter_expression_unknown_field(unknown, &alone), ==,
                    "number");
    g_assert_false(alone);
    g_assert_cmpstr(filter_expression_unknown_field(word, &alone), ==, "many");
    g_assert_true(alone);
}

static void test_errors(void)
{
    /* A filter, and the word that its error must name. */
    static const char *const wrong[][2] = {
        {"", "names no event"},
        {"a/b/c/d", "'a/b/c/d'"},
        {"a,,b", "''"},
        {"a[:b==1", "'^a[$'"},
        {"a:", "no condition"},
        {"a:b=1", "'=='"},
        {"a:b==", "missing at its end"},
        {"a:~\"x\"", "'~' needs a number"},
        {"a:b == -'x'", "'-' needs a number"},
        {"a:b== ==", "not '=='"},
        {"a:b==1 c", "before 'c'"},
        {"a:b==12x", "'12x'"},
        {"a:b==99999999999999999999", "'99999999999999999999'"},
        {"a:(b==1", "'('"},
        {"a:b==1)", "before ')'"},
        {"a:b==\"x", "no closing \""},
        {"a:b<\"x\"", "'<'"},
        {"a:b=~1", "'=~'"},
        {"a:b=~\"[\"", "'['"},
        {"a:\"x\"==b", "left of '=='"},
        {"a:\"x\"", "compared with nothing"},
        {"a:b+1==\"x\"", "only a field"},
        {"a:b+\"x\"==1", "'+'"},
        {"a:b @ 1", "'@ 1'"},
        {"m/a/b,n/a/b", "two machines, 'm' and 'n'"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(filter_expression_parse(wrong[i][0], &error));
        g_assert_nonnull(error);
        if (!strstr(error->message, wrong[i][1])) {
            g_error("'%s': expected %s in \"%s\"", wrong[i][0], wrong[i][1],
                    error->message);
        }
    }
}

/* Any text gives a filter or an error, however deep it nests. */
static void test_any_text(void)
{
    static const char *const pieces[] = {
        "(",     ")", "!", "&&", "||", "==",     "a",    "1",
        "\"x\"", "'", "-", "~",  "=~", "<",      "+",    ":",
        ",",     "/", " ", "\\", "*",  "number", "test",
    };
    g_autoptr(GString) deep = g_string_new("test:");

    for (int round = 0; round < 20000; round++) {
        g_autoptr(GString) text = g_string_new(round % 2 ? "test:" : "");
        g_autoptr(FilterExpression) expression = NULL;
        g_autoptr(GError) error = NULL;
        int n = g_test_rand_int_range(0, 12);

        for (int i = 0; i < n; i++) {
            g_string_append(
                text, pieces[g_test_rand_int_range(0, G_N_ELEMENTS(pieces))]);
        }
        expression = filter_expression_parse(text->str, &error);
        g_assert_true(!expression == !!error);
    }
    for (int i = 0; i < 100000; i++) {
        g_string_append_c(deep, i % 3 ? '(' : '!');
    }
    g_assert_null(filter_expression_parse(deep->str, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/event-filter/conditions", test_conditions);
    g_test_add_func("/event-filter/short-records", test_short_records);
    g_test_add_func("/event-filter/hostile-locations", test_hostile_locations);
    g_test_add_func("/event-filter/several", test_several);
    g_test_add_func("/event-filter/required", test_required);
    g_test_add_func("/event-filter/unknown-fields", test_unknown_fields);
    g_test_add_func("/event-filter/errors", test_errors);
    g_test_add_func("/event-filter/any-text", test_any_text);
    return g_test_run();
}
