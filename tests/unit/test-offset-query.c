/*
 * OffsetQuery: which answers of QEMU's are believed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>

#include "connection/connection-error.h"
#include "connection/json-read.h"
#include "connection/offset-query.h"

#define VCPU(index, apic, offset)                                         \
    "{\"cpu-index\": " #index ", \"qom-path\": \"/p\", "                  \
    "\"thread-id\": 7, \"apic-id\": " #apic ", \"offset\": " #offset ", " \
    "\"tsc-khz\": 2000000, \"source\": \"kvm-attribute\"}"
#define ANSWER(vcpus) \
    "{\"host\": {\"tsc-khz\": 2500000}, \"vcpus\": [" vcpus "]}"

static OffsetQuery *parse(const char *text, GError **error)
{
    g_autoptr(json_object) answer = json_tokener_parse(text);

    g_assert_nonnull(answer);
    return offset_query_parse(answer, error);
}

static void test_kvm(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OffsetQuery) query = parse(
        ANSWER(VCPU(1, 4, -9223372036854775808) "," VCPU(0, 2, -11191009649)),
        &error);
    const OffsetReading *first;

    g_assert_no_error(error);
    g_assert_cmpuint(query->host_khz, ==, 2500000);
    g_assert_cmpuint(query->readings->len, ==, 2);
    first = &g_array_index(query->readings, OffsetReading, 0);
    g_assert_cmpuint(first->cpu_index, ==, 0);
    g_assert_cmpuint(first->apic_id, ==, 2);
    g_assert_cmpint(first->thread_id, ==, 7);
    g_assert_cmpint(first->offset_ticks, ==, -11191009649);
    g_assert_cmpuint(first->guest_khz, ==, 2000000);
    g_assert_cmpint(first->source, ==, OFFSET_SOURCE_KVM);
    g_assert_cmpint(offset_query_find(query, 4)->offset_ticks, ==, INT64_MIN);
    g_assert_null(offset_query_find(query, 1));
}

/* What was added after the first version. */
#define TRACKED(ratio_members, history)                                      \
    "{\"cpu-index\": 0, \"qom-path\": \"/p\", \"thread-id\": 7, "            \
    "\"apic-id\": 0, \"offset\": -40, \"source\": \"kvm-msr\", "             \
    "\"error-ticks\": 12, " ratio_members ", \"ratio-source\": "             \
    "\"computed\", \"since\": {\"from\": 5, \"to\": 18446744073709551615}, " \
    "\"reason\": \"reset\", \"confirmed\": 77, \"forgotten\": 0, "           \
    "\"history\": [" history "]}"
#define EARLIER                                                           \
    "{\"offset\": 3, \"error-ticks\": 0, \"source\": \"kvm-attribute\", " \
    "\"ratio\": 1, \"frac-bits\": 0, \"ratio-source\": \"checked\", "     \
    "\"since\": {\"from\": 1, \"to\": 2}, \"reason\": \"create\"}"

static void test_tracked(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OffsetQuery) query =
        parse(ANSWER(TRACKED("\"ratio\": 281474976710656, \"frac-bits\": 48",
                             EARLIER)),
              &error);
    const OffsetReading *only;
    const OffsetClock *clock;

    g_assert_no_error(error);
    only = &g_array_index(query->readings, OffsetReading, 0);
    g_assert_cmpint(only->source, ==, OFFSET_SOURCE_KVM_MSR);
    g_assert_cmpuint(only->error_ticks, ==, 12);
    g_assert_cmpuint(only->ratio, ==, UINT64_C(1) << 48);
    g_assert_cmpuint(only->frac_bits, ==, 48);
    g_assert_true(only->is_ratio_assumed);
    g_assert_cmpuint(only->confirmed_host_ticks, ==, 77);
    g_assert_cmpuint(only->clocks->len, ==, 2);
    clock = &g_array_index(only->clocks, OffsetClock, 0);
    g_assert_cmpint(clock->offset_ticks, ==, 3);
    g_assert_cmpuint(clock->since_to_host_ticks, ==, 2);
    clock = &g_array_index(only->clocks, OffsetClock, 1);
    g_assert_cmpint(clock->offset_ticks, ==, -40);
    g_assert_cmpuint(clock->since_to_host_ticks, ==, UINT64_MAX);
}

static void test_tcg(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(OffsetQuery) query = parse(
        "{\"host\": {}, \"vcpus\": [{\"cpu-index\": 0, \"qom-path\": \"/p\", "
        "\"thread-id\": 7, \"apic-id\": 0, \"offset\": 5, \"source\": \"tcg\", "
        "\"effective-from\": 18446744073709551615}]}",
        &error);
    const OffsetReading *only;

    g_assert_no_error(error);
    only = &g_array_index(query->readings, OffsetReading, 0);
    g_assert_cmpuint(query->host_khz, ==, 0);
    g_assert_cmpuint(only->guest_khz, ==, 0);
    g_assert_cmpint(only->source, ==, OFFSET_SOURCE_TCG);
    g_assert_cmpuint(only->effective_from_guest_ticks, ==, UINT64_MAX);
}

static void test_nonsense(void)
{
    static const char *const answers[] = {
        "{}",
        "[]",
        "{\"host\": {}, \"vcpus\": []}",
        "{\"vcpus\": [" VCPU(0, 0, 1) "]}",
        ANSWER(VCPU(0, 0, 1) "," VCPU(1, 0, 1)),
        ANSWER(VCPU(-1, 0, 1)),
        ANSWER(VCPU(0, 4294967296, 1)),
        ANSWER(VCPU(0, 0, 9223372036854775808)),
        ANSWER(VCPU(0, 0, "1")),
        ANSWER(VCPU(0, 0, 1.5)),
        ANSWER("{}"),
        ANSWER("7"),
        ANSWER(TRACKED("\"ratio\": 0, \"frac-bits\": 0", EARLIER)),
        ANSWER(TRACKED("\"ratio\": 1, \"frac-bits\": 64", EARLIER)),
        ANSWER(TRACKED("\"ratio\": 1", EARLIER)),
        ANSWER(TRACKED("\"ratio\": 1, \"frac-bits\": 0", "{}")),
        ANSWER(TRACKED("\"ratio\": 1, \"frac-bits\": 0", "7")),
    };

    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_autoptr(GError) error = NULL;

        g_test_message("%s", answers[i]);
        g_assert_null(parse(answers[i], &error));
        g_assert_error(error, CONNECTION_ERROR, CONNECTION_ERROR_PROTOCOL);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/offset-query/kvm", test_kvm);
    g_test_add_func("/offset-query/tracked", test_tracked);
    g_test_add_func("/offset-query/tcg", test_tcg);
    g_test_add_func("/offset-query/nonsense", test_nonsense);
    return g_test_run();
}
