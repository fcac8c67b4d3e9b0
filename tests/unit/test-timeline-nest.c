/*
 * Nested inputs: a guest's guest on the host's line, and in the certificate.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "dat-builder.h"
#include "merge/certificate.h"
#include "merge/timeline-nest.h"

/* The guest runs a third faster, and began at host tick 1000. */
static const ClockMap guest_map = {
    .ratio = (UINT64_C(1) << 48) / 3 * 4,
    .frac_bits = 48,
    .offset_ticks = -1333,
};

/* Its own guest runs at half of its speed. */
static const ClockMap inner_map = {
    .ratio = UINT64_C(1) << 31,
    .frac_bits = 32,
    .offset_ticks = 77,
};

typedef struct Fixture {
    GPtrArray *inputs; /* the host, the guest, the guest's guest */
    uint64_t host_ticks[3];
} Fixture;

static TimelineInput *add_input(Fixture *fixture, DatBuilder *builder,
                                const char *label, const ClockMap *map)
{
    static const DatOptions options = {.trace_id = 1};
    TimelineInput *input = dat_builder_open(builder, "x.dat", &options);
    const ClockSegment segment = {.to_host_ticks = UINT64_MAX, .map = *map};

    g_free(input->label);
    input->label = g_strdup(label);
    input->file = fixture->inputs->len;
    if (fixture->inputs->len > 0) {
        int32_t tid = 7; /* the same on both machines */

        timeline_input_set_track(input, 0, &segment, 1);
        input->vcpu_threads = g_array_new(FALSE, FALSE, sizeof(int32_t));
        g_array_append_val(input->vcpu_threads, tid);
        input->host = fixture->inputs->pdata[fixture->inputs->len - 1];
    }
    g_ptr_array_add(fixture->inputs, input);
    return input;
}

static void set_up(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(DatBuilder) host = dat_builder_new(1);
    g_autoptr(DatBuilder) guest = dat_builder_new(1);
    g_autoptr(DatBuilder) inner = dat_builder_new(1);

    fixture->inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)timeline_input_free);
    dat_builder_add(host, 0, 10000, BUILT_KVM_ENTRY, 7, 0);
    dat_builder_add(host, 0, 90000, BUILT_KVM_EXIT, 7, 0);
    dat_builder_add(guest, 0, clock_map_to_guest(&guest_map, 20000),
                    BUILT_KVM_ENTRY, 7, 0);
    dat_builder_add(guest, 0, clock_map_to_guest(&guest_map, 80000),
                    BUILT_KVM_EXIT, 7, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(fixture->host_ticks); i++) {
        uint64_t middle = clock_map_to_guest(&guest_map, 30000 + 20000 * i);
        uint64_t ticks = clock_map_to_guest(&inner_map, middle);

        /* The first host tick that shows these ticks. */
        fixture->host_ticks[i] =
            clock_map_to_host(&guest_map, clock_map_to_host(&inner_map, ticks));
        dat_builder_add(inner, 0, ticks, BUILT_NUMBER, 1, 0);
    }
    add_input(fixture, host, "host", &guest_map);
    add_input(fixture, guest, "vm", &guest_map);
    add_input(fixture, inner, "vm/vm", &inner_map);
}

static void tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_ptr_array_unref(fixture->inputs);
}

static void nest(Fixture *fixture)
{
    const TimelineInput *parents[] = {NULL, NULL, fixture->inputs->pdata[1]};
    g_autoptr(GError) error = NULL;

    timeline_inputs_nest(fixture->inputs, parents, &error);
    g_assert_no_error(error);
}

static void test_order(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const uint64_t expected[] = {10000,
                                 20000,
                                 fixture->host_ticks[0],
                                 fixture->host_ticks[1],
                                 fixture->host_ticks[2],
                                 80000,
                                 90000};
    g_autoptr(Timeline) timeline = NULL;
    TimelineEvent event;

    nest(fixture);
    timeline = timeline_new(fixture->inputs);
    for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_assert_true(timeline_next(timeline, &event));
        g_assert_cmpuint(event.event.line_ticks, ==, expected[i]);
        g_assert_cmpuint(event.event.error_ticks, ==, 0);
    }
    g_assert_false(timeline_next(timeline, &event));
    /* Seeking maps the other way round. */
    timeline_seek_ticks(timeline, fixture->host_ticks[1]);
    g_assert_true(timeline_next(timeline, &event));
    g_assert_cmpuint(event.event.line_ticks, ==, fixture->host_ticks[1]);
}

/* Both levels are proved, though both run thread 7. */
static void test_certificate(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Certificate) certificate = NULL;
    const CertificateVcpu *vcpu;

    nest(fixture);
    certificate = certificate_make(fixture->inputs);
    g_assert_cmpuint(certificate->vcpus->len, ==, 2);
    vcpu = certificate->vcpus->pdata[0];
    g_assert_cmpstr(vcpu->machine, ==, "vm");
    g_assert_cmpuint(vcpu->inside, ==, 2);
    g_assert_cmpuint(vcpu->outside, ==, 0);
    vcpu = certificate->vcpus->pdata[1];
    g_assert_cmpstr(vcpu->machine, ==, "vm/vm");
    g_assert_cmpuint(vcpu->inside, ==, 3);
    g_assert_cmpuint(vcpu->outside, ==, 0);
}

/* A guest of two CPUs that differ by 5 ticks leaves its guest in doubt. */
static void test_unlike_cpus(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    TimelineInput *guest = fixture->inputs->pdata[1];
    ClockSegment segment = {.to_host_ticks = UINT64_MAX, .map = guest_map};
    g_autoptr(Timeline) timeline = NULL;
    TimelineEvent event;

    segment.map.offset_ticks += 5;
    timeline_input_set_track(guest, 1, &segment, 1);
    nest(fixture);
    timeline = timeline_new(fixture->inputs);
    while (timeline_next(timeline, &event)) {
        g_assert_cmpuint(event.event.error_ticks, ==,
                         event.input == fixture->inputs->pdata[2] ? 5 : 0);
    }
}

static void test_circle(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const TimelineInput *parents[] = {NULL, fixture->inputs->pdata[2],
                                      fixture->inputs->pdata[1]};
    g_autoptr(GError) error = NULL;

    g_assert_false(timeline_inputs_nest(fixture->inputs, parents, &error));
    g_assert_nonnull(strstr(error->message, "its own guest's"));
}

static void test_never_together(Fixture *fixture,
                                gconstpointer data G_GNUC_UNUSED)
{
    const TimelineInput *parents[] = {NULL, NULL, fixture->inputs->pdata[1]};
    const ClockSegment early = {.to_host_ticks = 2000, .map = guest_map};
    const ClockSegment late = {
        .from_host_ticks = 1u << 20,
        .to_host_ticks = UINT64_MAX,
        .map = inner_map,
    };
    g_autoptr(GError) error = NULL;

    timeline_input_set_track(fixture->inputs->pdata[1], 0, &early, 1);
    timeline_input_set_track(fixture->inputs->pdata[2], 0, &late, 1);
    g_assert_false(timeline_inputs_nest(fixture->inputs, parents, &error));
    g_assert_nonnull(strstr(error->message, "vm/vm"));
}

#define ADD(path, func) \
    g_test_add("/timeline-nest/" path, Fixture, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("order", test_order);
    ADD("certificate", test_certificate);
    ADD("unlike-cpus", test_unlike_cpus);
    ADD("circle", test_circle);
    ADD("never-together", test_never_together);
    return g_test_run();
}
