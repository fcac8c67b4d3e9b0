/*
 * InferOffset: a hidden offset is found, and what can't be found is said.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "dat-builder.h"
#include "merge/infer-offset.h"
#include "merge/timeline.h"

#define N_CPUS   2
#define TID(cpu) (70 + (int32_t)(cpu))

typedef struct Fixture {
    DatBuilder *host;
    DatBuilder *guest;
    TimelineInput *host_input;
    TimelineInput *guest_input;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    fixture->host = dat_builder_new(N_CPUS);
    fixture->guest = dat_builder_new(N_CPUS);
}

static void tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    dat_builder_free(fixture->host);
    dat_builder_free(fixture->guest);
    timeline_input_free(fixture->host_input);
    timeline_input_free(fixture->guest_input);
}

static InferredOffset infer(Fixture *fixture)
{
    static const DatOptions options = {.tsc_mult = 1 << 20,
                                       .tsc_shift = 20,
                                       .trace_id = 1};

    fixture->host_input = dat_builder_open(fixture->host, "host", &options);
    fixture->guest_input = dat_builder_open(fixture->guest, "vm1", &options);
    fixture->guest_input->vcpu_threads =
        g_array_new(FALSE, FALSE, sizeof(int32_t));
    for (unsigned cpu = 0; cpu < N_CPUS; cpu++) {
        int32_t tid = TID(cpu);

        g_array_append_val(fixture->guest_input->vcpu_threads, tid);
    }
    return infer_offset(fixture->host_input, fixture->guest_input);
}

/* A window and two events in it, from this tick on; returns its end. */
static uint64_t add_window(Fixture *fixture, unsigned cpu, uint64_t from,
                           int64_t offset)
{
    /* Long enough for the two events to come in their order. */
    uint64_t length = (uint64_t)g_test_rand_int_range(60, 3000);
    uint64_t inside = (uint64_t)g_test_rand_int_range(10, 40);

    dat_builder_add(fixture->host, cpu, from, BUILT_KVM_ENTRY, TID(cpu), cpu);
    dat_builder_add(fixture->guest, cpu, from + inside + (uint64_t)offset,
                    BUILT_NUMBER, 1, 1);
    dat_builder_add(fixture->guest, cpu,
                    from + length - inside / 2 + (uint64_t)offset, BUILT_NUMBER,
                    1, 2);
    dat_builder_add(fixture->host, cpu, from + length, BUILT_KVM_EXIT, TID(cpu),
                    cpu);
    return from + length;
}

static void add_windows(Fixture *fixture, unsigned n, int64_t offset)
{
    for (unsigned cpu = 0; cpu < N_CPUS; cpu++) {
        uint64_t ticks = UINT64_C(5000000000) + cpu * 321;

        for (unsigned i = 0; i < n; i++) {
            ticks = add_window(fixture, cpu, ticks, offset) +
                    (uint64_t)g_test_rand_int_range(100, 9000);
        }
    }
}

static void expect_found(Fixture *fixture, int64_t offset)
{
    InferredOffset inferred = infer(fixture);

    g_assert_cmpint(inferred.outcome, ==, INFER_FOUND);
    g_assert_cmpint(inferred.low_ticks, <=, offset);
    g_assert_cmpint(inferred.high_ticks, >=, offset);
    /* Events come within 40 ticks of the windows' starts. */
    g_assert_cmpint(inferred.high_ticks - inferred.low_ticks, <=, 60);
    infer_offset_apply(&inferred, fixture->guest_input);
    g_assert_nonnull(fixture->guest_input->tracks->pdata[N_CPUS - 1]);
}

static void test_negative(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    add_windows(fixture, 3000, -4000000000);
    expect_found(fixture, -4000000000);
}

static void test_positive(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    add_windows(fixture, 3000, INT64_C(1) << 50);
    expect_found(fixture, INT64_C(1) << 50);
}

static void test_lost(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const int64_t offset = -12345;
    uint64_t ticks = 5000000;

    for (unsigned i = 0; i < 3000; i++) {
        if (i == 1500) {
            /* Windows are missing here, and the guest went on. */
            dat_builder_end_page(fixture->host, 0, -1);
            dat_builder_add(fixture->guest, 0, ticks + 9000 + (uint64_t)offset,
                            BUILT_NUMBER, 1, 3);
            ticks += 20000;
        }
        ticks = add_window(fixture, 0, ticks, offset) +
                (uint64_t)g_test_rand_int_range(100, 9000);
    }
    expect_found(fixture, offset);
}

static void test_changed(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    uint64_t ticks = 5000000;

    for (unsigned i = 0; i < 400; i++) {
        int64_t offset = i < 200 ? -1000 : 123456;

        ticks = add_window(fixture, 0, ticks, offset) +
                (uint64_t)g_test_rand_int_range(3000, 9000);
    }
    g_assert_cmpint(infer(fixture).outcome, ==, INFER_NONE);
}

static void test_ambiguous(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    /* Two windows of one length, and one event. */
    for (unsigned i = 0; i < 4; i++) {
        dat_builder_add(fixture->host, 0, 1000 + i * 1000, BUILT_KVM_ENTRY,
                        TID(0), 0);
        dat_builder_add(fixture->host, 0, 1100 + i * 1000, BUILT_KVM_EXIT,
                        TID(0), 0);
    }
    dat_builder_add(fixture->guest, 0, 77, BUILT_NUMBER, 1, 1);
    g_assert_cmpint(infer(fixture).outcome, ==, INFER_AMBIGUOUS);
}

static void test_no_data(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *text = NULL;
    InferredOffset inferred;

    dat_builder_add(fixture->host, 0, 1000, BUILT_NUMBER, 1, 1);
    dat_builder_add(fixture->guest, 0, 1000, BUILT_NUMBER, 1, 1);
    inferred = infer(fixture);
    g_assert_cmpint(inferred.outcome, ==, INFER_NO_DATA);
    text = infer_offset_text(&inferred, &fixture->host_input->scale);
    g_assert_nonnull(strstr(text, "can't be inferred"));
}

#define ADD(path, func) \
    g_test_add("/infer-offset/" path, Fixture, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("negative", test_negative);
    ADD("positive", test_positive);
    ADD("lost", test_lost);
    ADD("changed", test_changed);
    ADD("ambiguous", test_ambiguous);
    ADD("no-data", test_no_data);
    return g_test_run();
}
