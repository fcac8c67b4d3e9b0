/*
 * libqemu-trace-merge as another program uses it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <qemu-trace-merge.h>
#include <stdlib.h>
#include <string.h>

#include "dat-builder.h"

/* A host with the threads 11 and 12, which run a guest's two CPUs. */
typedef struct Fixture {
    char *host;
    char *guest;
    struct qtm_trace *trace;
} Fixture;

#define GUEST_OFFSET (-1000)

static char *write_host(void)
{
    g_autoptr(DatBuilder) builder = dat_builder_new(2);
    g_autoptr(GPtrArray) guests = g_ptr_array_new();
    g_autoptr(GArray) threads = g_array_new(FALSE, FALSE, sizeof(int32_t));
    static const int32_t tids[] = {11, 12};
    DatGuest guest = {.name = (char *)"vm", .trace_id = 2, .threads = threads};
    DatOptions options = {
        .trace_id = 1,
        .tsc_mult = 1,
        .tsc_shift = 1,
        .guests = guests,
    };

    g_array_append_vals(threads, tids, 2);
    g_ptr_array_add(guests, &guest);
    for (unsigned i = 0; i < 6; i++) {
        dat_builder_add(builder, i % 2, 2000 + 100 * i,
                        i < 2 ? BUILT_KVM_ENTRY : BUILT_KVM_EXIT, tids[i % 2],
                        i);
    }
    return dat_builder_write(builder, "host.dat", &options);
}

static char *write_guest(void)
{
    static const DatTimeShift shift = {.offset_ticks = -GUEST_OFFSET};
    g_autoptr(DatBuilder) builder = dat_builder_new(2);
    g_autoptr(GPtrArray) shifts = g_ptr_array_new();
    g_autoptr(GArray) samples = g_array_new(FALSE, FALSE, sizeof(shift));
    DatOptions options = {
        .trace_id = 2,
        .peer_trace_id = 1,
        .tsc_mult = 1,
        .tsc_shift = 1,
        .time_shifts = shifts,
    };

    g_array_append_val(samples, shift);
    g_ptr_array_add(shifts, samples);
    g_ptr_array_add(shifts, samples);
    dat_builder_add(builder, 0, 2150 + GUEST_OFFSET, BUILT_NUMBER, 7, -42);
    dat_builder_add(builder, 1, 2250 + GUEST_OFFSET, BUILT_NUMBER, 8, 43);
    return dat_builder_write(builder, "guest.dat", &options);
}

static void set_up(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    fixture->host = write_host();
    fixture->guest = write_guest();
    fixture->trace = qtm_trace_new();
    qtm_trace_add_file(fixture->trace, fixture->host);
    qtm_trace_add_file(fixture->trace, fixture->guest);
}

static void tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    qtm_trace_free(fixture->trace);
    dat_builder_forget(fixture->host);
    dat_builder_forget(fixture->guest);
    g_free(fixture->host);
    g_free(fixture->guest);
}

static void open_trace(Fixture *fixture)
{
    char *error = NULL;

    if (!qtm_trace_open(fixture->trace, &error)) {
        g_error("%s", error);
    }
}

static void select_events(Fixture *fixture, enum qtm_selection what,
                          const char *value)
{
    char *error = NULL;

    if (!qtm_trace_select(fixture->trace, what, value, &error)) {
        g_error("%s", error);
    }
}

static void test_machines(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    struct qtm_trace *trace = fixture->trace;
    uint64_t ticks = 0;

    g_assert_cmpuint(qtm_trace_n_machines(trace), ==, 0);
    g_assert_null(qtm_trace_next(trace));
    open_trace(fixture);
    g_assert_cmpuint(qtm_trace_n_machines(trace), ==, 2);
    g_assert_cmpstr(qtm_machine_name(trace, 0), ==, fixture->host);
    g_assert_null(qtm_machine_name(trace, 2));
    g_assert_cmpuint(qtm_machine_n_cpus(trace, 1), ==, 2);
    g_assert_cmpint(qtm_machine_host(trace, 0), ==, -1);
    g_assert_cmpint(qtm_machine_host(trace, 1), ==, 0);
    g_assert_cmpint(qtm_machine_vcpu_thread(trace, 1, 1), ==, 12);
    g_assert_cmpint(qtm_machine_vcpu_thread(trace, 1, 2), ==, 0);
    g_assert_true(qtm_machine_ticks(trace, 1, 0, 5000, &ticks));
    g_assert_cmpuint(ticks, ==, 5000 + GUEST_OFFSET);
    g_assert_false(qtm_machine_ticks(trace, 1, 2, 5000, &ticks));
    g_assert_false(qtm_machine_ticks(trace, 2, 0, 5000, &ticks));
    g_assert_null(qtm_trace_warning(trace, 0));
    g_assert_false(qtm_trace_open(trace, NULL));
}

static void test_events(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const uint64_t expected[] = {2000, 2100, 2150, 2200,
                                        2250, 2300, 2400, 2500};
    const struct qtm_event *event;

    open_trace(fixture);
    g_assert_true(qtm_trace_has_ns(fixture->trace));
    for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
        event = qtm_trace_next(fixture->trace);
        g_assert_nonnull(event);
        g_assert_cmpuint(qtm_event_host_ticks(event), ==, expected[i]);
        g_assert_cmpuint(qtm_event_time(event), ==, expected[i] / 2);
        g_assert_cmpuint(qtm_event_error_ticks(event), ==, 0);
        g_assert_cmpint(qtm_event_missed(event), ==, 0);
    }
    g_assert_null(qtm_trace_next(fixture->trace));
}

static void test_fields(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const struct qtm_event *event;
    int64_t value = 0;
    size_t size = 0;

    select_events(fixture, QTM_SELECT_FILTER, "number:number<0");
    open_trace(fixture);
    event = qtm_trace_next(fixture->trace);
    g_assert_nonnull(event);
    g_assert_cmpuint(qtm_event_machine(event), ==, 1);
    g_assert_cmpuint(qtm_event_cpu(event), ==, 0);
    g_assert_cmpuint(qtm_event_ticks(event), ==, 2150 + GUEST_OFFSET);
    g_assert_cmpstr(qtm_event_system(event), ==, "test");
    g_assert_cmpstr(qtm_event_name(event), ==, "number");
    g_assert_cmpint(qtm_event_pid(event), ==, 7);
    g_assert_true(qtm_event_number(event, "number", &value));
    g_assert_cmpint(value, ==, -42);
    g_assert_false(qtm_event_number(event, "no such", &value));
    g_assert_null(qtm_event_string(event, "number", &size));
    g_assert_cmpstr(qtm_event_field(event, 0), ==, "common_type");
    g_assert_null(qtm_event_field(event, 1000));
    g_assert_nonnull(qtm_event_record(event, &size));
    g_assert_cmpuint(size, ==, 16);
    g_assert_nonnull(strstr(qtm_event_text(event), "number=-42"));
    g_assert_null(qtm_trace_next(fixture->trace));
}

static void test_seek(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    struct qtm_trace *trace = fixture->trace;
    uint64_t first = 0, last = 0;

    open_trace(fixture);
    g_assert_true(qtm_trace_span(trace, &first, &last));
    g_assert_cmpuint(first, ==, 1000);
    g_assert_cmpuint(last, ==, 1250);
    qtm_trace_seek(trace, 1125);
    g_assert_cmpuint(qtm_event_time(qtm_trace_next(trace)), ==, 1125);
    qtm_trace_seek(trace, 0);
    g_assert_cmpuint(qtm_event_time(qtm_trace_next(trace)), ==, 1000);
    qtm_trace_seek_last(trace, 1);
    g_assert_cmpuint(qtm_event_time(qtm_trace_next(trace)), ==, 1250);
    g_assert_null(qtm_trace_next(trace));
    qtm_trace_set_end(trace, 1100);
    qtm_trace_seek_last(trace, 1);
    g_assert_cmpuint(qtm_event_time(qtm_trace_next(trace)), ==, 1100);
    g_assert_null(qtm_trace_next(trace));
}

/* A clock by hand replaces the file's own. */
static void test_clock(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    uint64_t ticks = 0;

    qtm_trace_set_clock(fixture->trace, 7, UINT64_C(1) << 31, 32, NULL);
    select_events(fixture, QTM_SELECT_HIDE, "kvm");
    open_trace(fixture);
    g_assert_true(qtm_machine_ticks(fixture->trace, 1, 0, 1000, &ticks));
    g_assert_cmpuint(ticks, ==, 507);
    g_assert_cmpuint(qtm_event_host_ticks(qtm_trace_next(fixture->trace)), ==,
                     2 * (2150 + GUEST_OFFSET - 7));
}

static void test_errors(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const wrong[] = {"", "", "x", "a,,b", "x", ":", "a:b="};
    char *error = NULL;

    for (unsigned i = 1; i < G_N_ELEMENTS(wrong); i++) {
        g_assert_false(qtm_trace_select(fixture->trace, i, wrong[i], &error));
        g_assert_nonnull(error);
        g_clear_pointer(&error, free);
    }
    g_assert_false(qtm_trace_select(fixture->trace, 99, "x", NULL));
    select_events(fixture, QTM_SELECT_MACHINE, "nobody");
    g_assert_false(qtm_trace_open(fixture->trace, &error));
    g_assert_nonnull(strstr(error, "'nobody'"));
    g_clear_pointer(&error, free);
    qtm_trace_add_file(fixture->trace, "/no/such/file");
    g_assert_false(qtm_trace_open(fixture->trace, &error));
    g_assert_nonnull(strstr(error, "/no/such/file"));
    free(error);
    g_assert_nonnull(qtm_version());
}

/* The example of the manual page. */
static void test_example(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const char *const argv[] = {g_getenv("COUNT_EXITS"), fixture->host,
                                fixture->guest, NULL};
    g_autofree char *output = NULL;
    g_autofree char *expected =
        g_strdup_printf("%s CPU 0: 2 exits, the last one:\n", fixture->guest);
    g_autoptr(GError) error = NULL;
    int status;

    g_assert_nonnull(argv[0]);
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL,
                 &output, NULL, &status, &error);
    g_assert_no_error(error);
    g_assert_true(g_spawn_check_wait_status(status, NULL));
    g_assert_true(g_str_has_prefix(output, expected));
    g_assert_nonnull(strstr(output, "CPU 1: 2 exits"));
    g_assert_nonnull(strstr(output, "kvm_exit:"));
}

#define ADD(path, func) \
    g_test_add("/api/" path, Fixture, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("machines", test_machines);
    ADD("events", test_events);
    ADD("fields", test_fields);
    ADD("seek", test_seek);
    ADD("clock", test_clock);
    ADD("errors", test_errors);
    ADD("example", test_example);
    return g_test_run();
}
