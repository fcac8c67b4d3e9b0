/*
 * Offsets: clock segments from what QEMU says and what the kernel traced.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "session/offsets.h"

#define APIC   3
#define THREAD 100

static const OffsetVcpu vcpu = {APIC, THREAD, 1, 0};

/* A query that took host ticks at to at + 10. */
static OffsetSample sample(uint64_t at, int64_t offset)
{
    return (OffsetSample){
        .from_host_ticks = at,
        .to_host_ticks = at + 10,
        .offset_ticks = offset,
    };
}

static OffsetSample tcg_sample(uint64_t at, int64_t offset, uint64_t from)
{
    return (OffsetSample){
        .from_host_ticks = at,
        .to_host_ticks = at + 10,
        .offset_ticks = offset,
        .effective_from_guest_ticks = from,
    };
}

static OffsetChange change(uint64_t at, int64_t previous, int64_t next)
{
    return (OffsetChange){at, APIC, THREAD, previous, next};
}

static GArray *array_of(gconstpointer items, guint n, guint size)
{
    GArray *array = g_array_new(FALSE, FALSE, size);

    return g_array_append_vals(array, items, n);
}

#define ARRAY(...) \
    array_of(__VA_ARGS__, G_N_ELEMENTS(__VA_ARGS__), sizeof(*(__VA_ARGS__)))

static GArray *kvm(GArray *samples, GArray *changes, GPtrArray *notes)
{
    GArray *segments = offsets_kvm_segments(&vcpu, samples, changes, notes);

    g_array_unref(samples);
    if (changes) {
        g_array_unref(changes);
    }
    return segments;
}

static GArray *tcg(GArray *samples, GPtrArray *notes)
{
    GArray *segments = offsets_tcg_segments(&vcpu, samples, notes);

    g_array_unref(samples);
    return segments;
}

static void expect(const GArray *segments, guint i, uint64_t from, uint64_t to,
                   int64_t offset, uint64_t error_ticks,
                   ClockProvenance provenance)
{
    const ClockSegment *segment = &g_array_index(segments, ClockSegment, i);

    g_assert_cmpuint(i, <, segments->len);
    g_assert_cmpuint(segment->from_host_ticks, ==, from);
    g_assert_cmpuint(segment->to_host_ticks, ==, to);
    g_assert_cmpint(segment->map.offset_ticks, ==, offset);
    g_assert_cmpuint(segment->map.ratio, ==, 1);
    g_assert_cmpuint(segment->error_ticks, ==, error_ticks);
    g_assert_cmpstr(clock_provenance_name(segment->provenance), ==,
                    clock_provenance_name(provenance));
}

static void test_no_change(void)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    OffsetSample samples[] = {sample(100, -50), sample(900, -50)};
    /* Writes without a change, another thread's, another vCPU's. */
    OffsetChange changes[] = {change(200, -50, -50),
                              {300, APIC, THREAD + 1, -50, 7},
                              {400, APIC + 1, THREAD, -50, 7}};
    g_autoptr(GArray) segments = kvm(ARRAY(samples), ARRAY(changes), notes);

    g_assert_cmpuint(segments->len, ==, 1);
    expect(segments, 0, 0, UINT64_MAX, -50, 0, CLOCK_PROVENANCE_QMP);
    g_assert_cmpuint(notes->len, ==, 0);
}

static void test_forward(void)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    OffsetSample samples[] = {sample(100, -50), sample(900, 70)};
    OffsetChange changes[] = {change(500, -50, 70)};
    g_autoptr(GArray) segments = kvm(ARRAY(samples), ARRAY(changes), notes);

    g_assert_cmpuint(segments->len, ==, 2);
    expect(segments, 0, 0, 499, -50, 0, CLOCK_PROVENANCE_QMP);
    expect(segments, 1, 500, UINT64_MAX, 70, 0, CLOCK_PROVENANCE_QMP);
    g_assert_cmpuint(notes->len, ==, 0);
}

static void test_there_and_back(void)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    OffsetSample samples[] = {sample(100, -50), sample(900, -50)};
    OffsetChange changes[] = {change(500, -50, -90), change(600, -90, -50)};
    g_autoptr(GArray) segments = kvm(ARRAY(samples), ARRAY(changes), notes);

    g_assert_cmpuint(segments->len, ==, 3);
    expect(segments, 0, 0, 499, -50, 0, CLOCK_PROVENANCE_QMP);
    expect(segments, 1, 500, 599, -90, 0, CLOCK_PROVENANCE_TRACE);
    expect(segments, 2, 600, UINT64_MAX, -50, 0, CLOCK_PROVENANCE_QMP);
    g_assert_cmpuint(notes->len, ==, 0);
}

/* A change while QEMU answers may be in the answer or not. */
static void test_change_in_query(void)
{
    for (int64_t answer = -50; answer <= 70; answer += 120) {
        g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
        OffsetSample samples[] = {sample(100, answer), sample(900, 70)};
        OffsetChange changes[] = {change(105, -50, 70)};
        g_autoptr(GArray) segments = kvm(ARRAY(samples), ARRAY(changes), notes);

        g_assert_cmpuint(segments->len, ==, 2);
        g_assert_cmpuint(notes->len, ==, 0);
    }
}

static void test_change_without_event(void)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    OffsetSample samples[] = {sample(100, -50), sample(900, -80)};
    g_autoptr(GArray) segments = kvm(ARRAY(samples), NULL, notes);

    g_assert_cmpuint(segments->len, ==, 1);
    expect(segments, 0, 0, UINT64_MAX, -50, 30, CLOCK_PROVENANCE_QMP);
    g_assert_cmpuint(notes->len, ==, 1);
    g_assert_nonnull(strstr(notes->pdata[0], "-80"));
}

/* QEMU tells of changes that were not traced, and when they may have been. */
static void test_clocks(void)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    OffsetClock clocks[] = {
        {.offset_ticks = 9, .since_from_host_ticks = 1},
        {-50, 0, 1, 0, 20, 30},
        {-80, 0, 1, 0, 100, 400},
        {7, 0, 1, 0, 500, 510},
    };
    g_autoptr(GArray) told = ARRAY(clocks);
    OffsetSample samples[] = {sample(100, -50), sample(900, 7)};
    g_autoptr(GArray) segments = NULL;

    samples[1].clocks = told;
    segments = kvm(ARRAY(samples), NULL, notes);
    g_assert_cmpuint(segments->len, ==, 5);
    expect(segments, 0, 0, 99, -50, 0, CLOCK_PROVENANCE_QMP);
    expect(segments, 1, 100, 400, -80, 30, CLOCK_PROVENANCE_QMP);
    expect(segments, 2, 401, 499, -80, 0, CLOCK_PROVENANCE_QMP);
    expect(segments, 3, 500, 510, 7, 87, CLOCK_PROVENANCE_QMP);
    expect(segments, 4, 511, UINT64_MAX, 7, 0, CLOCK_PROVENANCE_QMP);
    g_assert_cmpuint(notes->len, ==, 0);
}

/* The trace knows better than QEMU when it was. */
static void test_clocks_and_changes(void)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    OffsetClock clocks[] = {{-50, 0, 1, 0, 20, 30}, {70, 0, 1, 0, 150, 850}};
    g_autoptr(GArray) told = ARRAY(clocks);
    OffsetSample samples[] = {sample(100, -50), sample(900, 70)};
    OffsetChange changes[] = {change(500, -50, 70)};
    g_autoptr(GArray) segments = NULL;

    samples[1].clocks = told;
    segments = kvm(ARRAY(samples), ARRAY(changes), notes);
    g_assert_cmpuint(segments->len, ==, 2);
    expect(segments, 1, 500, UINT64_MAX, 70, 0, CLOCK_PROVENANCE_QMP);
}

/* An old KVM: estimates agree with what was traced, within their bounds. */
static void test_estimates(void)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    OffsetSample samples[] = {sample(100, -45), sample(900, 68)};
    OffsetChange changes[] = {change(500, -50, 70)};
    g_autoptr(GArray) traced = NULL;
    g_autoptr(GArray) alone = NULL;

    samples[0].error_ticks = samples[1].error_ticks = 8;
    traced = kvm(ARRAY(samples), ARRAY(changes), notes);
    g_assert_cmpuint(traced->len, ==, 2);
    expect(traced, 0, 0, 499, -50, 0, CLOCK_PROVENANCE_QMP);
    expect(traced, 1, 500, UINT64_MAX, 70, 0, CLOCK_PROVENANCE_QMP);
    g_assert_cmpuint(notes->len, ==, 0);

    samples[1].offset_ticks = -50;
    alone = kvm(ARRAY(samples), NULL, notes);
    g_assert_cmpuint(alone->len, ==, 1);
    expect(alone, 0, 0, UINT64_MAX, -45, 8, CLOCK_PROVENANCE_QMP);
    g_assert_cmpuint(notes->len, ==, 0);
}

static void test_broken_chain(void)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    OffsetSample samples[] = {sample(100, 0), sample(900, 5)};
    OffsetChange changes[] = {change(300, 0, 10), change(600, 4, 5)};
    g_autoptr(GArray) segments = kvm(ARRAY(samples), ARRAY(changes), notes);

    g_assert_cmpuint(segments->len, ==, 3);
    expect(segments, 1, 300, 599, 10, 6, CLOCK_PROVENANCE_TRACE);
    expect(segments, 2, 600, UINT64_MAX, 5, 0, CLOCK_PROVENANCE_QMP);
    g_assert_cmpuint(notes->len, ==, 1);
}

static void test_very_many(void)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) changes = g_array_new(FALSE, FALSE, sizeof(OffsetChange));
    OffsetSample samples[] = {sample(1, 0)};
    g_autoptr(GArray) segments = NULL;

    for (int i = 0; i < 5000; i++) {
        OffsetChange next = change((uint64_t)(100 + i), i, i + 1);

        g_array_append_val(changes, next);
    }
    segments = kvm(ARRAY(samples), g_array_ref(changes), notes);
    g_assert_cmpuint(segments->len, ==, 1000);
    g_assert_cmpuint(g_array_index(segments, ClockSegment, 999).error_ticks, ==,
                     UINT64_MAX);
    g_assert_cmpuint(notes->len, ==, 1);
}

static void test_ratio(void)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    OffsetVcpu scaled = {APIC, THREAD, UINT64_C(3) << 47, 48};
    OffsetSample samples[] = {sample(100, -50)};
    g_autoptr(GArray) array = ARRAY(samples);
    g_autoptr(GArray) segments =
        offsets_kvm_segments(&scaled, array, NULL, notes);
    const ClockSegment *segment = &g_array_index(segments, ClockSegment, 0);

    g_assert_cmpuint(segment->map.ratio, ==, UINT64_C(3) << 47);
    g_assert_cmpuint(segment->map.frac_bits, ==, 48);
}

/* The guest stood still at its tick 700, twice. */
static void test_tcg_stop(void)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    OffsetSample samples[] = {tcg_sample(1000, -400, 100),
                              tcg_sample(2000, -900, 700),
                              tcg_sample(3000, -900, 700),
                              tcg_sample(5000, -2000, 2300)};
    g_autoptr(GArray) segments = tcg(ARRAY(samples), notes);

    g_assert_cmpuint(segments->len, ==, 3);
    expect(segments, 0, 0, 1100, -400, 0, CLOCK_PROVENANCE_QMP);
    expect(segments, 1, 1600, 3200, -900, 0, CLOCK_PROVENANCE_QMP);
    expect(segments, 2, 4300, UINT64_MAX, -2000, 0, CLOCK_PROVENANCE_QMP);
    g_assert_cmpuint(notes->len, ==, 0);
}

/* QEMU's effective-from creeps with the offset: the difference stays. */
static void test_tcg_creep(void)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    OffsetSample samples[] = {tcg_sample(1000, -400, 100),
                              tcg_sample(2000, -370, 130)};
    g_autoptr(GArray) segments = tcg(ARRAY(samples), notes);

    g_assert_cmpuint(segments->len, ==, 1);
    expect(segments, 0, 0, UINT64_MAX, -400, 30, CLOCK_PROVENANCE_QMP);
    g_assert_cmpuint(notes->len, ==, 0);
}

/* Crept by 50 before it stopped: the old clock held until 700 - -350. */
static void test_tcg_creep_and_stop(void)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    OffsetSample samples[] = {tcg_sample(1000, -400, 100),
                              tcg_sample(1020, -350, 150),
                              tcg_sample(2000, -900, 700)};
    g_autoptr(GArray) segments = tcg(ARRAY(samples), notes);

    g_assert_cmpuint(segments->len, ==, 2);
    expect(segments, 0, 0, 1050, -400, 50, CLOCK_PROVENANCE_QMP);
    expect(segments, 1, 1600, UINT64_MAX, -900, 0, CLOCK_PROVENANCE_QMP);
}

/* Neither after the answer nor before the one before it. */
static void test_tcg_impossible(void)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    OffsetSample samples[] = {tcg_sample(1000, -400, 100),
                              tcg_sample(2000, -900, 7000),
                              tcg_sample(3000, -500, 300)};
    g_autoptr(GArray) segments = tcg(ARRAY(samples), notes);

    g_assert_cmpuint(segments->len, ==, 1);
    g_assert_cmpuint(notes->len, ==, 2);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/offsets/no-change", test_no_change);
    g_test_add_func("/offsets/forward", test_forward);
    g_test_add_func("/offsets/there-and-back", test_there_and_back);
    g_test_add_func("/offsets/change-in-query", test_change_in_query);
    g_test_add_func("/offsets/change-without-event", test_change_without_event);
    g_test_add_func("/offsets/clocks", test_clocks);
    g_test_add_func("/offsets/clocks-and-changes", test_clocks_and_changes);
    g_test_add_func("/offsets/estimates", test_estimates);
    g_test_add_func("/offsets/broken-chain", test_broken_chain);
    g_test_add_func("/offsets/very-many", test_very_many);
    g_test_add_func("/offsets/ratio", test_ratio);
    g_test_add_func("/offsets/tcg-stop", test_tcg_stop);
    g_test_add_func("/offsets/tcg-creep", test_tcg_creep);
    g_test_add_func("/offsets/tcg-creep-and-stop", test_tcg_creep_and_stop);
    g_test_add_func("/offsets/tcg-impossible", test_tcg_impossible);
    return g_test_run();
}
