/*
 * Certificate: what counts as proof, as violation, and as neither.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>

#include "dat-builder.h"
#include "merge/certificate.h"
#include "merge/timeline.h"

#define VCPU_TID  7
#define OTHER_TID 8

typedef struct Fixture {
    DatBuilder *host;
    DatBuilder *guest;
    GPtrArray *inputs;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    fixture->host = dat_builder_new(2);
    fixture->guest = dat_builder_new(1);
    fixture->inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)timeline_input_free);
}

static void tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    dat_builder_free(fixture->host);
    dat_builder_free(fixture->guest);
    g_ptr_array_unref(fixture->inputs);
}

static void entry(Fixture *fixture, unsigned cpu, uint64_t ticks)
{
    dat_builder_add(fixture->host, cpu, ticks, BUILT_KVM_ENTRY, VCPU_TID, 0);
}

static void leave(Fixture *fixture, unsigned cpu, uint64_t ticks)
{
    dat_builder_add(fixture->host, cpu, ticks, BUILT_KVM_EXIT, VCPU_TID, 0);
}

static void guest_event(Fixture *fixture, uint64_t ticks)
{
    dat_builder_add(fixture->guest, 0, ticks, BUILT_NUMBER, 1, 42);
}

static TimelineInput *add_input(Fixture *fixture, DatBuilder *builder,
                                const char *name)
{
    static const DatOptions options = {.tsc_mult = 1 << 20,
                                       .tsc_shift = 20,
                                       .trace_id = 1};
    TimelineInput *input = dat_builder_open(builder, name, &options);

    g_ptr_array_add(fixture->inputs, input);
    return input;
}

static CertificateVcpu certify(Fixture *fixture, int64_t shift_ticks)
{
    g_autoptr(Certificate) certificate = NULL;
    int32_t tid = VCPU_TID;
    TimelineInput *guest;

    add_input(fixture, fixture->host, "host.dat");
    guest = add_input(fixture, fixture->guest, "guest.dat");
    guest->vcpu_threads = g_array_new(FALSE, FALSE, sizeof(int32_t));
    g_array_append_val(guest->vcpu_threads, tid);
    guest->shift_ticks = shift_ticks;
    certificate = certificate_make(fixture->inputs);
    return certificate_total(certificate);
}

static void test_inside(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    CertificateVcpu total;

    entry(fixture, 0, 1000);
    guest_event(fixture, 1100);
    guest_event(fixture, 1900);
    leave(fixture, 0, 2000);
    /* It migrated: the next window is on the other CPU. */
    entry(fixture, 1, 3000);
    guest_event(fixture, 3010);
    leave(fixture, 1, 3500);
    total = certify(fixture, 0);
    g_assert_cmpuint(total.inside, ==, 3);
    g_assert_cmpuint(total.outside, ==, 0);
    g_assert_cmpuint(total.uncheckable_ends, ==, 0);
    g_assert_cmpuint(total.n_windows, ==, 2);
    g_assert_true(total.has_interval);
    g_assert_cmpint(total.low_ticks, ==, -10);
    g_assert_cmpint(total.high_ticks, ==, 100);
}

static void test_shifted(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    CertificateVcpu total;

    entry(fixture, 0, 1000);
    guest_event(fixture, 1100);
    guest_event(fixture, 1900);
    leave(fixture, 0, 2000);
    entry(fixture, 0, 9000);
    leave(fixture, 0, 9500);
    total = certify(fixture, 500);
    g_assert_cmpuint(total.inside, ==, 1);
    g_assert_cmpuint(total.outside, ==, 1);
}

static void test_entry_twice(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    CertificateVcpu total;

    entry(fixture, 0, 1000);
    guest_event(fixture, 1100);
    entry(fixture, 0, 1200);
    guest_event(fixture, 1300);
    leave(fixture, 0, 2000);
    total = certify(fixture, 0);
    g_assert_cmpuint(total.inside, ==, 2);
    g_assert_cmpint(total.low_ticks, ==, -100);
}

static void test_other_thread(Fixture *fixture,
                              gconstpointer data G_GNUC_UNUSED)
{
    CertificateVcpu total;

    /* vcpu ids repeat across VMs: another VM's window proves nothing. */
    entry(fixture, 0, 1000);
    leave(fixture, 0, 2000);
    dat_builder_add(fixture->host, 1, 2100, BUILT_KVM_ENTRY, OTHER_TID, 0);
    guest_event(fixture, 2500);
    dat_builder_add(fixture->host, 1, 2900, BUILT_KVM_EXIT, OTHER_TID, 0);
    entry(fixture, 0, 3000);
    leave(fixture, 0, 3100);
    total = certify(fixture, 0);
    g_assert_cmpuint(total.inside, ==, 0);
    g_assert_cmpuint(total.outside, ==, 1);
}

static void test_ends(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    CertificateVcpu total;

    guest_event(fixture, 500);
    entry(fixture, 0, 1000);
    guest_event(fixture, 1500);
    leave(fixture, 0, 2000);
    guest_event(fixture, 2500);
    guest_event(fixture, 2600);
    total = certify(fixture, 0);
    g_assert_cmpuint(total.inside, ==, 1);
    g_assert_cmpuint(total.outside, ==, 0);
    g_assert_cmpuint(total.uncheckable_ends, ==, 3);
}

static void test_lost(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    CertificateVcpu total;

    /* CPU 1 loses events from 1500 to 4000: the vCPU may have run there. */
    dat_builder_add(fixture->host, 1, 1500, BUILT_NUMBER, 1, 1);
    dat_builder_end_page(fixture->host, 1, 3);
    dat_builder_add(fixture->host, 1, 4000, BUILT_NUMBER, 1, 2);
    entry(fixture, 0, 1000);
    guest_event(fixture, 1100);
    leave(fixture, 0, 1200);
    guest_event(fixture, 2000);
    entry(fixture, 0, 5000);
    guest_event(fixture, 5100);
    leave(fixture, 0, 6000);
    total = certify(fixture, 0);
    g_assert_cmpuint(total.inside, ==, 2);
    g_assert_cmpuint(total.outside, ==, 0);
    g_assert_cmpuint(total.uncheckable_lost, ==, 1);
}

static void test_lost_at_start(Fixture *fixture,
                               gconstpointer data G_GNUC_UNUSED)
{
    CertificateVcpu total;

    /* What CPU 1 lost before 4000 may be a window; CPU 0 loses, too. */
    dat_builder_end_page(fixture->host, 1, -1);
    dat_builder_add(fixture->host, 1, 4000, BUILT_NUMBER, 1, 2);
    entry(fixture, 0, 1000);
    leave(fixture, 0, 1200);
    guest_event(fixture, 2000);
    dat_builder_end_page(fixture->host, 0, 5);
    entry(fixture, 0, 5000);
    guest_event(fixture, 5100);
    leave(fixture, 0, 6000);
    total = certify(fixture, 0);
    g_assert_cmpuint(total.inside, ==, 1);
    g_assert_cmpuint(total.outside, ==, 0);
    g_assert_cmpuint(total.uncheckable_lost, ==, 1);
}

/* All of an input's times may be off by so much. */
static void set_error(TimelineInput *input, uint64_t error_ticks)
{
    const ClockSegment segment = {
        .to_host_ticks = UINT64_MAX,
        .map = {.ratio = 1},
        .error_ticks = error_ticks,
    };

    timeline_input_set_track(input, 0, &segment, 1);
}

/* A host that is a guest, whose clock is known to 100 ticks. */
static CertificateVcpu certify_nested(Fixture *fixture, uint64_t error_ticks)
{
    g_autoptr(Certificate) certificate = NULL;
    int32_t tid = VCPU_TID;
    TimelineInput *host = add_input(fixture, fixture->host, "host.dat");
    TimelineInput *guest = add_input(fixture, fixture->guest, "guest.dat");

    guest->file = 1;
    guest->host = host;
    guest->vcpu_threads = g_array_new(FALSE, FALSE, sizeof(int32_t));
    g_array_append_val(guest->vcpu_threads, tid);
    set_error(host, 100);
    set_error(guest, error_ticks);
    certificate = certificate_make(fixture->inputs);
    return certificate_total(certificate);
}

static void test_common_error(Fixture *fixture,
                              gconstpointer data G_GNUC_UNUSED)
{
    CertificateVcpu total;

    entry(fixture, 0, 1000);
    guest_event(fixture, 1100);
    leave(fixture, 0, 2000);
    total = certify_nested(fixture, 100);
    g_assert_cmpuint(total.inside, ==, 1);
    g_assert_cmpuint(total.inexact, ==, 0);
}

static void test_own_error(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    CertificateVcpu total;

    entry(fixture, 0, 1000);
    guest_event(fixture, 1100);
    leave(fixture, 0, 2000);
    total = certify_nested(fixture, 101);
    g_assert_cmpuint(total.inside, ==, 0);
    g_assert_cmpuint(total.inexact, ==, 1);
}

#define ADD(path, func) \
    g_test_add("/certificate/" path, Fixture, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("inside", test_inside);
    ADD("shifted", test_shifted);
    ADD("entry-twice", test_entry_twice);
    ADD("other-thread", test_other_thread);
    ADD("ends", test_ends);
    ADD("lost", test_lost);
    ADD("lost-at-start", test_lost_at_start);
    ADD("common-error", test_common_error);
    ADD("own-error", test_own_error);
    return g_test_run();
}
