/*
 * SessionFile: what is saved is what is loaded, and nothing odd is loaded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "scratch-dir.h"
#include "session/session-error.h"
#include "session/session-certificate.h"
#include "session/session-file.h"

static Session *make_session(void)
{
    Session *session = session_new("vm-1.x");
    SessionMachine *guest;
    SessionVcpu *vcpu;
    SessionCpu cpu = {1, UINT64_MAX, 2, 3, 4, 5};
    ClockSegment segments[] = {
        {0, 99, {1, 0, INT64_MIN}, 0, CLOCK_PROVENANCE_QMP},
        {100,
         UINT64_MAX,
         {UINT64_C(1) << 48, 48, INT64_MAX},
         UINT64_MAX,
         CLOCK_PROVENANCE_TRACE},
    };

    session->state = SESSION_RECORDED;
    session->tsc_mult = UINT32_MAX;
    session->tsc_shift = 31;
    session->host_tsc_khz = 2445429;
    session->tsc_source = g_strdup("perf");
    session->wall_ticks = UINT64_C(1) << 40;
    session->wall_ns = UINT64_C(1800000000123456789);
    session->certificate = (SessionCertificate){
        .is_known = TRUE,
        .has_interval = TRUE,
        .inside_events = UINT64_MAX,
        .windows = 12,
        .low_ns = -13399,
        .high_ns = 25918,
    };
    session_add_machine(session, SESSION_HOST, "host");
    guest = session_add_machine(session, SESSION_GUEST, "vm1");
    guest->accelerator = g_strdup("kvm");
    guest->trace_id = INT64_MAX;
    guest->ended = TRUE;
    g_array_append_val(guest->cpus, cpu);
    guest->freeze = (TraceFreeze){1, UINT64_MAX, TRACE_FREEZE_TRACING_OFF, 0};
    g_ptr_array_add(guest->notes, g_strdup("A \"note\"."));
    vcpu = session_machine_add_vcpu(guest);
    vcpu->cpu_index = 1;
    vcpu->apic_id = UINT32_MAX - 1;
    vcpu->thread_id = 4711;
    vcpu->guest_cpu = 2;
    vcpu->qom_path = g_strdup("/machine");
    g_array_append_vals(vcpu->segments, segments, 2);
    session_machine_add_vcpu(guest)->apic_id = 9;
    return session;
}

static char *read_saved(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, SESSION_FILE_NAME, NULL);
    char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static void check_loaded(const Session *session)
{
    const SessionMachine *guest = session->machines->pdata[1];
    const SessionVcpu *vcpu = guest->vcpus->pdata[0];
    const ClockSegment *last = &g_array_index(vcpu->segments, ClockSegment, 1);
    int64_t offset_ns;

    g_assert_cmpint(session->state, ==, SESSION_RECORDED);
    g_assert_cmpstr(guest->stream_file, ==, "vm1.stream");
    g_assert_cmpuint(guest->trace_id, ==, INT64_MAX);
    g_assert_cmpuint(guest->freeze.from_ticks, ==, 1);
    g_assert_cmpuint(guest->freeze.to_ticks, ==, UINT64_MAX);
    g_assert_cmpuint(guest->freeze.cause, ==, TRACE_FREEZE_TRACING_OFF);
    g_assert_cmpuint(vcpu->apic_id, ==, UINT32_MAX - 1);
    g_assert_cmpint(vcpu->guest_cpu, ==, 2);
    g_assert_cmpuint(last->to_host_ticks, ==, UINT64_MAX);
    g_assert_cmpint(last->map.offset_ticks, ==, INT64_MAX);
    g_assert_cmpuint(last->error_ticks, ==, UINT64_MAX);
    g_assert_cmpint(last->provenance, ==, CLOCK_PROVENANCE_TRACE);
    vcpu = guest->vcpus->pdata[1];
    g_assert_cmpint(vcpu->guest_cpu, ==, SESSION_NO_GUEST_CPU);
    g_assert_cmpstr(guest->notes->pdata[0], ==, "A \"note\".");
    /* At 2^40 ticks of just under 2 ns. */
    g_assert_true(session_wall_offset(session, &offset_ns));
    g_assert_cmpint(offset_ns, ==,
                    INT64_C(1800000000123456789) - (INT64_C(1) << 41) + 512);
}

static void test_round_trip(void)
{
    char *dir = scratch_dir_new();
    g_autoptr(Session) session = make_session();
    g_autoptr(Session) loaded = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;

    g_assert_true(session_save(session, dir, &error));
    g_assert_no_error(error);
    first = read_saved(dir);
    loaded = session_load(dir, &error);
    g_assert_no_error(error);
    check_loaded(loaded);
    g_assert_true(session_save(loaded, dir, &error));
    second = read_saved(dir);
    g_assert_cmpstr(first, ==, second);
    scratch_dir_remove(dir);
}

/* Replaces one piece of a good file, which must not load after that. */
static void expect_refused(const char *good, const char *piece, const char *by)
{
    char *dir = scratch_dir_new();
    g_auto(GStrv) parts = g_strsplit(good, piece, 2);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    g_test_message("'%s' by '%s'", piece, by);
    g_assert_nonnull(parts[1]);
    text = g_strconcat(parts[0], by, parts[1], NULL);
    scratch_dir_write(dir, SESSION_FILE_NAME, text);
    g_assert_null(session_load(dir, &error));
    g_assert_error(error, SESSION_ERROR, SESSION_ERROR_FORMAT);
    scratch_dir_remove(dir);
}

static void test_certificate(void)
{
    g_autoptr(Session) session = make_session();
    g_autofree char *proved = session_certificate_text(session);
    g_autofree char *broken = NULL;

    g_assert_nonnull(strstr(proved, "proved"));
    g_assert_nonnull(strstr(proved, "[-13399, +25918] ns"));
    session->certificate.outside_events = 3;
    broken = session_certificate_text(session);
    g_assert_nonnull(strstr(broken, "BROKEN: 3 "));
    session->certificate.is_known = FALSE;
    g_assert_null(session_certificate_text(session));
}

static void test_refused(void)
{
    static const char *const cases[][2] = {
        {"\"format\": 1", "\"format\": 2"},
        {"\"format\": 1", "\"format\": \"1\""},
        {"\"recorded\"", "\"finished\""},
        {"\"name\": \"vm1\"", "\"name\": \"../vm1\""},
        {"\"name\": \"vm1\"", "\"name\": \"\""},
        {"\"vm1.stream\"", "\"../../etc/passwd.stream\""},
        {"\"vm1.stream\"", "\"session.json\""},
        {"\"vm1.dat\"", "\"/vm1.dat\""},
        {"\"vm1.dat\"", "\".dat\""},
        {"\"role\": \"guest\"", "\"role\": \"host\""},
        {"\"from-host-ticks\": 100", "\"from-host-ticks\": 99"},
        {"\"to-host-ticks\": 99", "\"to-host-ticks\": -1"},
        {"\"frac-bits\": 48", "\"frac-bits\": 64"},
        {"\"ratio\": 1,", "\"ratio\": 0,"},
        {"\"shift\": 31", "\"shift\": 64"},
        {"\"guest-cpu\": 2", "\"guest-cpu\": 1000000"},
        {"\"trace\"", "\"magic\""},
        {"\"machines\": [", "\"machines\": 7, \"x\": ["},
        {"{", "[{"},
        {"{", ""},
    };
    char *dir = scratch_dir_new();
    g_autoptr(Session) session = make_session();
    g_autofree char *good = NULL;

    g_assert_true(session_save(session, dir, NULL));
    good = read_saved(dir);
    scratch_dir_remove(dir);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        expect_refused(good, cases[i][0], cases[i][1]);
    }
}

static void test_names(void)
{
    g_assert_true(session_name_is_valid("vm1"));
    g_assert_true(session_name_is_valid("a.b_c-D+@9"));
    g_assert_false(session_name_is_valid(""));
    g_assert_false(session_name_is_valid("."));
    g_assert_false(session_name_is_valid("-x"));
    g_assert_false(session_name_is_valid("a/b"));
    g_assert_false(session_name_is_valid("a b"));
    g_assert_false(session_name_is_valid("\xc3\xa9"));
}

/* A save that fails leaves the old file. */
static void test_no_directory(void)
{
    g_autoptr(Session) session = make_session();
    g_autoptr(GError) error = NULL;

    g_assert_false(session_save(session, "/nonexistent", &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
    g_clear_error(&error);
    g_assert_null(session_load("/nonexistent", &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
    g_assert_nonnull(strstr(error->message, "name a directory"));
    g_clear_error(&error);
    g_assert_null(session_load("/dev/null", &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOTDIR);
    g_assert_nonnull(strstr(error->message, "'/dev/null' is not a directory"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/session-file/round-trip", test_round_trip);
    g_test_add_func("/session-file/certificate", test_certificate);
    g_test_add_func("/session-file/refused", test_refused);
    g_test_add_func("/session-file/names", test_names);
    g_test_add_func("/session-file/no-directory", test_no_directory);
    return g_test_run();
}
