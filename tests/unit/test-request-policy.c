/*
 * RequestPolicy: nothing is granted that the operator did not allow.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "session/request-policy.h"

#define HOUR_US (INT64_C(3600) * G_USEC_PER_SEC)

static char *allowed[] = {(char *)"default", (char *)"sched",
                          (char *)"irq:irq_*", NULL};

static const RequestPolicy policy = {
    .allowed = allowed,
    .max_duration_ms = 60000,
    .max_total_bytes = 1000,
    .max_per_hour = 2,
};

static char *refuse(const RequestPolicy *p, const char *events)
{
    TraceControl request = {.kind = TRACE_CONTROL_REQUEST, .id = 1};
    RequestHistory history;
    char *why;

    g_strlcpy(request.events, events, sizeof(request.events));
    request_history_init(&history);
    why = request_policy_refuse(p, &history, &request, 0, HOUR_US);
    request_history_clear(&history);
    return why;
}

static void check_granted(const char *events)
{
    g_autofree char *why = refuse(&policy, events);

    g_assert_cmpstr(why, ==, NULL);
}

static void check_refused(const char *events, const char *what)
{
    g_autofree char *why = refuse(&policy, events);

    g_test_message("%s: %s", events, why);
    g_assert_nonnull(why);
    g_assert_nonnull(strstr(why, what));
}

static void test_nothing_allowed(void)
{
    char *none[] = {NULL};
    const RequestPolicy closed[] = {
        {.max_duration_ms = 1000, .max_total_bytes = 1, .max_per_hour = 1},
        {.allowed = none, .max_total_bytes = 1, .max_per_hour = 1},
    };

    for (guint i = 0; i < G_N_ELEMENTS(closed); i++) {
        g_autofree char *why = refuse(&closed[i], "");

        g_assert_nonnull(why);
        g_assert_nonnull(strstr(why, "--allow"));
    }
}

static void test_events(void)
{
    check_granted("");
    check_granted("sched");
    check_granted("sched:sched_switch");
    check_granted("sched/sched_switch\nirq:irq_handler_entry");
    check_granted("sched:*");
    check_granted("irq:irq_*");
    check_refused("irq", "irq");
    check_refused("irq:*", "irq:*");
    check_refused("kvm:kvm_exit", "kvm:kvm_exit");
    check_refused("*", "*");
    check_refused("*:*", "*:*");
    check_refused("s*", "s*");
    check_refused("[s]ched:sched_switch", "[s]ched");
    check_refused("sched_switch", "sched_switch");
    check_refused("default", "default");
    check_refused("sched:sched_switch\nkvm", "kvm");
}

static void test_hostile_events(void)
{
    g_autofree char *many = g_strnfill(1000, '\n');

    check_refused("sched:\033[31m", "makes no sense");
    check_refused("-e", "makes no sense");
    check_refused("sched:a b", "makes no sense");
    check_refused("\n", "makes no sense");
    check_refused(many, "more than");
}

/* What an operator meant as one character is no way to all events. */
static void test_one_character(void)
{
    char *one[] = {(char *)"irq:softirq_?xit", (char *)"sched:sched_?", NULL};
    RequestPolicy narrow = policy;
    g_autofree char *exact = NULL;
    g_autofree char *wide = NULL;

    narrow.allowed = one;
    exact = refuse(&narrow, "irq:softirq_exit");
    g_assert_cmpstr(exact, ==, NULL);
    wide = refuse(&narrow, "sched:sched_*");
    g_assert_nonnull(wide);
    g_assert_nonnull(strstr(wide, "not allowed"));
}

static void test_default_not_allowed(void)
{
    char *only[] = {(char *)"sched", NULL};
    RequestPolicy narrow = policy;
    g_autofree char *why = NULL;

    narrow.allowed = only;
    why = refuse(&narrow, "");
    g_assert_nonnull(why);
    g_assert_nonnull(strstr(why, "--host-event"));
}

static void test_rate(void)
{
    TraceControl request = {.kind = TRACE_CONTROL_REQUEST};
    RequestHistory history;
    g_autofree char *third = NULL;
    g_autofree char *later = NULL;

    request_history_init(&history);
    request_history_add(&history, 10);
    request_history_add(&history, 20);
    third = request_policy_refuse(&policy, &history, &request, 0, HOUR_US);
    g_assert_nonnull(third);
    later = request_policy_refuse(&policy, &history, &request, 0, HOUR_US + 15);
    g_assert_cmpstr(later, ==, NULL);
    /* It doesn't grow for ever. */
    for (gint64 i = 0; i < 100; i++) {
        request_history_add(&history, i * HOUR_US);
    }
    g_assert_cmpuint(history.times_us->len, ==, 1);
    request_history_clear(&history);
}

static void test_total(void)
{
    TraceControl request = {.kind = TRACE_CONTROL_REQUEST};
    RequestHistory history;
    g_autofree char *full = NULL;

    request_history_init(&history);
    full = request_policy_refuse(&policy, &history, &request, 1000, 0);
    g_assert_nonnull(full);
    request_history_clear(&history);
}

static void test_duration(void)
{
    TraceControl request = {0};

    g_assert_cmpuint(request_policy_duration_ms(&policy, &request), ==, 60000);
    request.duration_ms = 5000;
    g_assert_cmpuint(request_policy_duration_ms(&policy, &request), ==, 5000);
    request.duration_ms = UINT32_MAX;
    g_assert_cmpuint(request_policy_duration_ms(&policy, &request), ==, 60000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/request-policy/nothing-allowed", test_nothing_allowed);
    g_test_add_func("/request-policy/events", test_events);
    g_test_add_func("/request-policy/hostile-events", test_hostile_events);
    g_test_add_func("/request-policy/one-character", test_one_character);
    g_test_add_func("/request-policy/default-not-allowed",
                    test_default_not_allowed);
    g_test_add_func("/request-policy/rate", test_rate);
    g_test_add_func("/request-policy/total", test_total);
    g_test_add_func("/request-policy/duration", test_duration);
    return g_test_run();
}
