/*
 * GuestClock: whose clock is whose.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <json-c/json.h>
#include <string.h>

#include "connection/offset-query.h"
#include "qga/trace-stream.h"
#include "session/guest-clock.h"
#include "trace-data/offset-changes.h"

#define VCPU(index, apic, offset)                           \
    "{\"cpu-index\": " #index ", \"qom-path\": \"/p\", "    \
    "\"thread-id\": 10" #index ", \"apic-id\": " #apic ", " \
    "\"offset\": " #offset ", \"source\": \"kvm-attribute\"}"

static void add_query(GPtrArray *queries, uint64_t at, const char *vcpus)
{
    g_autofree char *text =
        g_strdup_printf("{\"host\": {}, \"vcpus\": [%s]}", vcpus);
    json_object *answer = json_tokener_parse(text);
    OffsetQuery *query = offset_query_parse(answer, NULL);

    g_assert_nonnull(query);
    query->from_host_ticks = at;
    query->to_host_ticks = at + 1;
    g_ptr_array_add(queries, query);
    json_object_put(answer);
}

/* Three cores in each of two sockets: APIC ids 0, 1, 2, 4, 5, 6. */
static SessionMachine *make_machine(Session *session, GPtrArray *queries)
{
    SessionMachine *machine;

    session_add_machine(session, SESSION_HOST, "host");
    machine = session_add_machine(session, SESSION_GUEST, "guest");
    add_query(queries, 1000,
              VCPU(0, 0, -7) "," VCPU(3, 4, -8) "," VCPU(4, 5, -9));
    guest_clock_set(machine, queries, NULL);
    return machine;
}

static const SessionVcpu *vcpu_at(const SessionMachine *machine, guint i)
{
    return machine->vcpus->pdata[i];
}

static GPtrArray *new_queries(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)offset_query_free);
}

static void test_match(void)
{
    g_autoptr(Session) session = session_new("s");
    g_autoptr(GPtrArray) queries = new_queries();
    SessionMachine *machine = make_machine(session, queries);
    g_autoptr(GArray) cpus = g_array_new(FALSE, FALSE, sizeof(TraceHelloCpu));
    /* CPU 4 is an evil twin, 5 is offline, 6 is unknown to QEMU. */
    TraceHelloCpu hello[] = {
        {0, 5}, {1, 0}, {2, 4}, {4, 4}, {5, TRACE_STREAM_NO_APIC_ID}, {6, 77}};

    g_array_append_vals(cpus, hello, G_N_ELEMENTS(hello));
    guest_clock_match_cpus(machine, cpus);
    g_assert_cmpint(vcpu_at(machine, 0)->guest_cpu, ==, 1);
    g_assert_cmpint(vcpu_at(machine, 1)->guest_cpu, ==, 2);
    g_assert_cmpint(vcpu_at(machine, 2)->guest_cpu, ==, 0);
    g_assert_cmpuint(machine->notes->len, ==, 2);
    g_assert_nonnull(strstr(machine->notes->pdata[0], "guest CPU 4"));
    g_assert_nonnull(strstr(machine->notes->pdata[1], "guest CPU 6"));
    /* The same again changes nothing. */
    guest_clock_match_cpus(machine, cpus);
    g_assert_cmpint(vcpu_at(machine, 0)->guest_cpu, ==, 1);
    g_assert_cmpuint(machine->notes->len, ==, 2);
}

static void test_changes(void)
{
    g_autoptr(Session) session = session_new("s");
    g_autoptr(GPtrArray) queries = new_queries();
    SessionMachine *machine = make_machine(session, queries);
    g_autoptr(GArray) changes = g_array_new(FALSE, FALSE, sizeof(OffsetChange));
    OffsetChange change = {2000, 4, 103, -8, -88};
    const ClockSegment *segment;

    g_assert_cmpstr(machine->accelerator, ==, "kvm");
    add_query(queries, 3000,
              VCPU(0, 0, -7) "," VCPU(3, 4, -88) "," VCPU(5, 6, -3));
    /* What the changes will explain is no reason for a note yet. */
    guest_clock_set(machine, queries, NULL);
    g_assert_cmpuint(machine->notes->len, ==, 0);
    g_array_append_val(changes, change);
    guest_clock_set(machine, queries, changes);
    g_assert_cmpuint(machine->notes->len, ==, 0);
    /* APIC id 6 was plugged in meanwhile. */
    g_assert_cmpuint(machine->vcpus->len, ==, 4);
    g_assert_cmpuint(vcpu_at(machine, 1)->segments->len, ==, 2);
    segment = &g_array_index(vcpu_at(machine, 1)->segments, ClockSegment, 1);
    g_assert_cmpuint(segment->from_host_ticks, ==, 2000);
    g_assert_cmpint(segment->map.offset_ticks, ==, -88);
    g_assert_cmpuint(segment->error_ticks, ==, 0);
}

static void test_recover(void)
{
    g_autoptr(Session) session = session_new("s");
    g_autoptr(GPtrArray) queries = new_queries();
    SessionMachine *machine = make_machine(session, queries);
    g_autoptr(GArray) changes = g_array_new(FALSE, FALSE, sizeof(OffsetChange));
    OffsetChange change = {2000, 4, 103, -8, -88};

    g_array_append_val(changes, change);
    guest_clock_recover(machine, changes);
    g_assert_cmpuint(vcpu_at(machine, 0)->segments->len, ==, 1);
    g_assert_cmpuint(vcpu_at(machine, 1)->segments->len, ==, 2);
    g_assert_cmpuint(machine->notes->len, ==, 0);
    /* A second time has the same to start from. */
    guest_clock_recover(machine, changes);
    g_assert_cmpuint(vcpu_at(machine, 1)->segments->len, ==, 2);
    g_assert_cmpuint(machine->notes->len, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/guest-clock/match", test_match);
    g_test_add_func("/guest-clock/changes", test_changes);
    g_test_add_func("/guest-clock/recover", test_recover);
    return g_test_run();
}
