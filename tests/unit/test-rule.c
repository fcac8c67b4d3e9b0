/*
 * Rule: what is understood, what is refused, and how it is judged.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "explain/exit-reason.h"
#include "explain/rule.h"

/* One guest of two vCPUs; ticks are nanoseconds. */
static Analysis *sample(Analysis *analysis)
{
    *analysis = (Analysis){
        .names = names_new(),
        .scale = {.unit = TIMELINE_NS, .mult = 1},
        .vcpus =
            g_ptr_array_new_with_free_func((GDestroyNotify)vcpu_stats_free),
        .tasks = g_array_new(FALSE, FALSE, sizeof(TaskStats)),
        .certificate = g_new0(Certificate, 1),
    };
    analysis->certificate->vcpus = g_ptr_array_new();
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        VcpuStats *stats = vcpu_stats_new("vm1", cpu, 100);

        for (uint64_t i = 1; i <= 100; i++) {
            histogram_add(&stats->wakeups, i * 1000);
        }
        g_ptr_array_add(analysis->vcpus, stats);
    }
    histogram_add(
        keyed_histogram(((VcpuStats *)analysis->vcpus->pdata[1])->exits,
                        exit_reason_make(EXIT_ISA_VMX, 12), NAME_OTHERS),
        5000);
    return analysis;
}

static void sample_clear(Analysis *analysis)
{
    names_free(analysis->names);
    g_ptr_array_unref(analysis->vcpus);
    g_array_unref(analysis->tasks);
    certificate_free(analysis->certificate);
}

static void judge(const char *text, bool expected)
{
    Analysis analysis;
    g_autoptr(GError) error = NULL;
    g_autoptr(Rule) rule = rule_parse(text, &error);
    RuleResult *result;

    g_assert_no_error(error);
    result = rule_judge(rule, sample(&analysis));
    if (result->passed != expected) {
        g_error("%s: expected %s; %s", text, expected ? "pass" : "fail",
                result->sentence);
    }
    rule_result_free(result);
    sample_clear(&analysis);
}

static void check_sentence(const char *text, const char *expected)
{
    Analysis analysis;
    g_autoptr(Rule) rule = rule_parse(text, NULL);
    RuleResult *result = rule_judge(rule, sample(&analysis));

    g_assert_cmpstr(result->sentence, ==, expected);
    rule_result_free(result);
    sample_clear(&analysis);
}

/* 200 values don't tell more than the 99th percentile. */
static void test_says_how_few(void)
{
    check_sentence("wakeup.p99 <= 1s", "wakeup.p99 is 99.327 us");
    check_sentence("wakeup.p99.9 <= 1s",
                   "wakeup.p99.9 is at most 100.000 us, the largest of only "
                   "200 values");
}

static void test_judges(void)
{
    judge("wakeup.p50 <= 51us", true);
    judge("wakeup.p50 <= 40us", false);
    judge("wakeup <= 100us", true);
    judge("wakeup < 100us", false);
    judge("wakeup(vcpu=1).count == 100", true);
    judge("wakeup.count==200", true);
    judge("wakeup.total > 10ms", true);
    judge("wakeup.min >= 1 us", true);
    judge("wakeup.mean != 0", true);
    judge("exits(vcpu=0) == 0", true);
    judge("exits(vcpu=1) == 0", false);
    judge("exits(reason=hlt, vcpu=1) == 1", true);
    judge("exits(reason=MSR_WRITE) == 0", true);
    judge("exits(reason=HLT).max <= 5us", true);
    judge("exits(guest=vm2) == 0", false);
    judge("timer.max <= 1s", false); /* nothing was measured */
    judge("timer.count == 0", true);
    judge("lost == 0", true);
    judge("outside == 0", false); /* nothing was checked */
}

static void refuse(const char *text, const char *why)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(rule_parse(text, &error));
    g_assert_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE);
    if (!strstr(error->message, why)) {
        g_error("%s: expected '%s', got '%s'", text, why, error->message);
    }
}

static void test_refuses(void)
{
    refuse("", "no comparison");
    refuse("wakeup", "no comparison");
    refuse("nonsense <= 3us", "there is no 'nonsense'");
    refuse("wakeup <= 3", "needs a unit");
    refuse("wakeup <= us", "no number");
    refuse("wakeup <= 3 weeks", "needs a unit");
    refuse("wakeup.p101 <= 3us", "percentiles");
    refuse("wakeup.p <= 3us", "percentiles");
    refuse("wakeup(reason=HLT) <= 3us", "filters are");
    refuse("lost(vcpu=1) == 0", "filters are");
    refuse("exits(vcpu) == 0", "NAME=VALUE");
    refuse("exits(vcpu=1 == 0", "')' is missing");
    refuse("exits(vcpu=1,vcpu=2) == 0", "each once");
    refuse("exits(vcpu=1)x == 0", "may follow");
    refuse("exits == 3us", "no unit");
    refuse("wakeup(task=a,vcpu=1) <= 3us", "leave one out");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rule/judges", test_judges);
    g_test_add_func("/rule/says-how-few", test_says_how_few);
    g_test_add_func("/rule/refuses", test_refuses);
    return g_test_run();
}
