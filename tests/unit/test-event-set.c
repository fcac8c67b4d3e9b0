/*
 * EventSet: names against a made-up events/ directory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "event-set.h"
#include "scratch-dir.h"

static const char *const files[] = {
    "header_page",
    "enable",
    "sched/enable",
    "sched/sched_switch/enable",
    "sched/sched_waking/enable",
    "irq/softirq_entry/enable",
    "timer/tick_stop/enable",
    "other/sched_thing/enable",
    "ftrace/print/format",
};

typedef struct Fixture {
    char *dir;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    fixture->dir = scratch_dir_new();
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        scratch_dir_write(fixture->dir, files[i], "0\n");
    }
}

static void tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    scratch_dir_remove(fixture->dir);
}

static void check(Fixture *fixture, const char *specs, const char *expected)
{
    g_auto(GStrv) list = g_strsplit(specs, " ", -1);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) events =
        event_set_resolve(fixture->dir, (const char *const *)list, NULL,
                          &error);
    g_autofree char *text = NULL;

    g_assert_no_error(error);
    g_ptr_array_add(events, NULL);
    text = g_strjoinv(" ", (char **)events->pdata);
    g_assert_cmpstr(text, ==, expected);
}

static void test_names(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const char *both = "sched/sched_switch sched/sched_waking";

    check(fixture, "", "");
    check(fixture, "sched", both);
    check(fixture, "sched:*", both);
    check(fixture, "sched/*", both);
    check(fixture, "sched:sched_switch", "sched/sched_switch");
    check(fixture, "sched/sched_switch", "sched/sched_switch");
    check(fixture, "sched_switch", "sched/sched_switch");
    check(fixture, "sched_switch sched", both);
    check(fixture, "*:sched_t*", "other/sched_thing");
    check(fixture, "irq tick_*", "irq/softirq_entry timer/tick_stop");
}

static void test_unknown(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const char *const unknown[] = {"sched:nosuch", "nosuch", "ftrace",
                                   "ftrace:print", "enable"};

    for (guint i = 0; i < G_N_ELEMENTS(unknown); i++) {
        const char *const specs[] = {"irq", unknown[i], NULL};
        g_autoptr(GError) error = NULL;

        g_assert_null(event_set_resolve(fixture->dir, specs, NULL, &error));
        g_assert_nonnull(strstr(error->message, unknown[i]));
    }
}

static void test_missing(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) events =
        event_set_resolve(fixture->dir, event_set_default, missing, NULL);
    guint count = 0;

    while (event_set_default[count]) {
        count++;
    }
    /* sched_switch, sched_waking, irq, timer */
    g_assert_cmpuint(events->len, ==, 4);
    g_assert_cmpuint(missing->len, ==, count - 4);
}

static void check_filter(const GPtrArray *events, const char *spec,
                         const char *event, const char *expected)
{
    const char *filter = NULL;
    g_autoptr(GPtrArray) found =
        event_set_parse_filter(events, spec, &filter, NULL);

    g_assert_nonnull(found);
    g_assert_cmpstr(g_ptr_array_index(found, 0), ==, event);
    g_assert_cmpstr(filter, ==, expected);
}

static void test_filter(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const char *const specs[] = {"sched", "irq", NULL};
    const char *const bad[] = {"", ":", "sched_switch",
                               "sched_switch:", "timer:tick_stop:a==1"};
    g_autoptr(GPtrArray) events =
        event_set_resolve(fixture->dir, specs, NULL, NULL);

    check_filter(events, "sched/sched_switch:a==1", "sched/sched_switch",
                 "a==1");
    check_filter(events, "sched:sched_switch:a==1", "sched/sched_switch",
                 "a==1");
    check_filter(events, "sched_waking:comm==\"a:b\"", "sched/sched_waking",
                 "comm==\"a:b\"");
    check_filter(events, "sched/*:a==1", "sched/sched_switch", "a==1");
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        const char *filter;

        g_assert_null(event_set_parse_filter(events, bad[i], &filter, &error));
        g_assert_nonnull(error);
    }
}

#define ADD(path, test) g_test_add(path, Fixture, NULL, set_up, test, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/event-set/names", test_names);
    ADD("/event-set/unknown", test_unknown);
    ADD("/event-set/missing", test_missing);
    ADD("/event-set/filter", test_filter);
    return g_test_run();
}
