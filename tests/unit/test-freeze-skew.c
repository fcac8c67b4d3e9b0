/*
 * FreezeSkew: by the guest's own clock, to the nanosecond, or not at all.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>

#include "session/freeze-skew.h"

/* A tick is half a nanosecond; the guest's clock is 1000 ticks ahead. */
static Session *new_session(void)
{
    Session *session = session_new("vm1");
    ClockSegment segment = {
        0, UINT64_MAX, {1, 0, 1000}, 0, CLOCK_PROVENANCE_QMP};
    SessionMachine *host = session_add_machine(session, SESSION_HOST, "host");
    SessionMachine *guest = session_add_machine(session, SESSION_GUEST, "vm1");
    SessionVcpu *vcpu = session_machine_add_vcpu(guest);

    session->tsc_mult = 1;
    session->tsc_shift = 1;
    g_array_append_val(vcpu->segments, segment);
    host->freeze = (TraceFreeze){5000, 5100, TRACE_FREEZE_SIGNAL, 0};
    guest->freeze = (TraceFreeze){6280, 6300, TRACE_FREEZE_TRACING_OFF, 0};
    return session;
}

static void test_skew(void)
{
    g_autoptr(Session) session = new_session();
    SessionMachine *guest = session->machines->pdata[1];
    uint64_t from, to;
    int64_t skew_ns;

    g_assert_true(freeze_host_ticks(guest, &from, &to));
    g_assert_cmpuint(from, ==, 5280);
    g_assert_cmpuint(to, ==, 5300);
    g_assert_true(freeze_skew_ns(session, guest, &skew_ns));
    g_assert_cmpint(skew_ns, ==, 100);
    guest->freeze.to_ticks = 5900;
    g_assert_true(freeze_skew_ns(session, guest, &skew_ns));
    g_assert_cmpint(skew_ns, ==, -100);
}

static void test_unknown(void)
{
    g_autoptr(Session) session = new_session();
    SessionMachine *host = session->machines->pdata[0];
    SessionMachine *guest = session->machines->pdata[1];
    SessionVcpu *vcpu = guest->vcpus->pdata[0];
    int64_t skew_ns;

    host->freeze.cause = TRACE_FREEZE_NONE;
    g_assert_false(freeze_skew_ns(session, guest, &skew_ns));
    host->freeze.cause = TRACE_FREEZE_SIGNAL;
    session->tsc_mult = 0;
    g_assert_false(freeze_skew_ns(session, guest, &skew_ns));
    session->tsc_mult = 1;
    g_array_set_size(vcpu->segments, 0);
    g_assert_false(freeze_skew_ns(session, guest, &skew_ns));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/freeze-skew/skew", test_skew);
    g_test_add_func("/freeze-skew/unknown", test_unknown);
    return g_test_run();
}
