/*
 * HostChoice: what of the host is recorded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "session/host-choice.h"
#include "session/session-error.h"

static gboolean has(char **list, const char *text)
{
    return g_strv_contains((const char *const *)list, text);
}

static HostChoice *choose(const char *const *events, const char *const *filters,
                          gboolean needs_kvm)
{
    int32_t threads[] = {getpid(), getppid()};
    HostChoiceInput input = {.events = events,
                             .filters = filters,
                             .needs_kvm = needs_kvm,
                             .vcpu_threads = threads,
                             .n_vcpu_threads = G_N_ELEMENTS(threads)};
    g_autoptr(GError) error = NULL;
    HostChoice *choice = host_choice_new(&input, &error);

    g_assert_no_error(error);
    return choice;
}

static void test_default(void)
{
    g_autoptr(HostChoice) kvm = choose(NULL, NULL, TRUE);
    g_autoptr(HostChoice) tcg = choose(NULL, NULL, FALSE);
    g_autofree char *filter =
        g_strdup_printf("kvm/kvm_entry:common_pid == %d || common_pid == %d",
                        getpid(), getppid());

    g_assert_true(has(kvm->events, "kvm"));
    g_assert_true(has(kvm->events, "sched/sched_switch"));
    g_assert_true(has(kvm->filters, filter));
    g_assert_false(has(tcg->events, "kvm"));
    g_assert_true(has(tcg->events, "sched/sched_switch"));
    /* Nothing is pinned: interrupts where they hit QEMU or an idle CPU. */
    if (strstr(tcg->why, "not pinned")) {
        g_assert_cmpuint(g_strv_length(kvm->filters), ==, 5);
        g_assert_cmpuint(g_strv_length(tcg->filters), ==, 3);
        g_assert_true(
            g_str_has_prefix(tcg->filters[0], "irq:common_pid == 0 || "));
    }
}

static void test_chosen(void)
{
    const char *events[] = {"irq", NULL};
    const char *filters[] = {"kvm/kvm_exit:exit_reason == 12", NULL};
    g_autoptr(HostChoice) kvm = choose(events, filters, TRUE);
    g_autoptr(HostChoice) tcg = choose(events, NULL, FALSE);

    g_assert_cmpuint(g_strv_length(tcg->events), ==, 1);
    g_assert_cmpuint(g_strv_length(kvm->events), ==, 4);
    g_assert_true(has(kvm->events, "irq"));
    g_assert_true(has(kvm->events, "kvm/kvm_write_tsc_offset"));
    /* The user's filter of kvm_exit stays, ours is for kvm_entry only. */
    g_assert_cmpuint(g_strv_length(kvm->filters), ==, 2);
    g_assert_true(has(kvm->filters, filters[0]));
}

/* The CPUs that this process may run on, limited to the first of them. */
static void test_cpus(void)
{
    int32_t threads[] = {getpid()};
    HostChoiceInput input = {.needs_kvm = TRUE,
                             .vcpu_threads = threads,
                             .n_vcpu_threads = 1};
    cpu_set_t before, one;
    int cpu = 0;
    g_autofree char *text = NULL;

    g_assert_cmpint(sched_getaffinity(0, sizeof(before), &before), ==, 0);
    while (!CPU_ISSET(cpu, &before)) {
        cpu++;
    }
    text = g_strdup_printf("%d", cpu);
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    g_assert_cmpint(sched_setaffinity(0, sizeof(one), &one), ==, 0);
    {
        g_autoptr(HostChoice) pinned = host_choice_new(&input, NULL);

        if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
            g_assert_nonnull(pinned->cpumask);
            g_assert_nonnull(strstr(pinned->why, "are pinned there"));
            /* All that happens there: no filter but of entries and exits. */
            g_assert_cmpuint(g_strv_length(pinned->filters), ==, 2);
        }
    }
    g_assert_cmpint(sched_setaffinity(0, sizeof(before), &before), ==, 0);
    input.host_cpus = text;
    {
        g_autoptr(HostChoice) given = host_choice_new(&input, NULL);

        g_assert_nonnull(strstr(given->why, "as asked for"));
        g_assert_cmpuint(g_strv_length(given->filters), ==, 2);
    }
    input.host_cpus = NULL;
    input.all_cpus = TRUE;
    {
        g_autoptr(HostChoice) all = host_choice_new(&input, NULL);

        g_assert_null(all->cpumask);
        g_assert_cmpuint(g_strv_length(all->filters), ==, 2);
    }
}

static void test_bad_cpus(void)
{
    static const char *const lists[] = {"",   "x",  "0-",       "1-0", "0,",
                                        ",0", "-1", "0-999999", "0 1"};
    int32_t thread = getpid();

    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        HostChoiceInput input = {.vcpu_threads = &thread,
                                 .n_vcpu_threads = 1,
                                 .host_cpus = lists[i]};
        g_autoptr(GError) error = NULL;

        g_assert_null(host_choice_new(&input, &error));
        g_assert_error(error, SESSION_ERROR, SESSION_ERROR_REFUSED);
    }
}

static void test_elsewhere(void)
{
    int32_t nobody = INT32_MAX;
    HostChoiceInput input = {.vcpu_threads = &nobody, .n_vcpu_threads = 1};
    g_autoptr(GError) error = NULL;

    g_assert_null(host_choice_new(&input, &error));
    g_assert_error(error, SESSION_ERROR, SESSION_ERROR_REFUSED);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-choice/default", test_default);
    g_test_add_func("/host-choice/chosen", test_chosen);
    g_test_add_func("/host-choice/cpus", test_cpus);
    g_test_add_func("/host-choice/bad-cpus", test_bad_cpus);
    g_test_add_func("/host-choice/elsewhere", test_elsewhere);
    return g_test_run();
}
