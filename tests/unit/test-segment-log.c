/*
 * SegmentLog: whatever is asked for is covered exactly.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>

#include "explain/segment-log.h"

typedef struct Seen {
    uint64_t next_ticks; /* where the next piece has to begin */
    uint64_t by_kind[CAUSE_N_KINDS];
    unsigned n;
} Seen;

static void see(const Segment *segment, void *data)
{
    Seen *seen = data;

    g_assert_cmpuint(segment->from_ticks, ==, seen->next_ticks);
    g_assert_cmpuint(segment->to_ticks, >, segment->from_ticks);
    seen->next_ticks = segment->to_ticks;
    seen->by_kind[cause_kind(segment->cause)] +=
        segment->to_ticks - segment->from_ticks;
    seen->n++;
}

static Seen visit(const SegmentLog *log, uint64_t from, uint64_t to)
{
    Seen seen = {.next_ticks = from};

    segment_log_visit(log, from, to, see, &seen);
    g_assert_cmpuint(seen.next_ticks, ==, to);
    return seen;
}

static void add(SegmentLog *log, uint64_t ticks, CauseKind kind)
{
    Cause ended;

    segment_log_add(log, ticks, cause_plain(kind), &ended);
}

static void test_pieces(void)
{
    g_autoptr(SegmentLog) log = segment_log_new(64);
    Seen seen;

    add(log, 100, CAUSE_GUEST_IDLE);
    add(log, 200, CAUSE_EXIT);
    add(log, 250, CAUSE_HALTED);
    seen = visit(log, 50, 300);
    g_assert_cmpuint(seen.n, ==, 4);
    g_assert_cmpuint(seen.by_kind[CAUSE_UNKNOWN], ==, 50);
    g_assert_cmpuint(seen.by_kind[CAUSE_GUEST_IDLE], ==, 100);
    g_assert_cmpuint(seen.by_kind[CAUSE_EXIT], ==, 50);
    g_assert_cmpuint(seen.by_kind[CAUSE_HALTED], ==, 50);
    seen = visit(log, 210, 220);
    g_assert_cmpuint(seen.n, ==, 1);
    g_assert_cmpuint(seen.by_kind[CAUSE_EXIT], ==, 10);
    seen = visit(log, 250, 250);
    g_assert_cmpuint(seen.n, ==, 0);
}

static void test_forgets(void)
{
    g_autoptr(SegmentLog) log = segment_log_new(64);
    Seen seen;

    for (uint64_t i = 0; i < 1000; i++) {
        add(log, i * 10, i % 2 ? CAUSE_EXIT : CAUSE_GUEST_TASK);
    }
    /* The oldest of 64 began at 9360. */
    seen = visit(log, 0, 10000);
    g_assert_cmpuint(seen.by_kind[CAUSE_UNKNOWN], ==, 9360);
    g_assert_cmpuint(seen.by_kind[CAUSE_EXIT], ==, 320);
    g_assert_cmpuint(seen.by_kind[CAUSE_GUEST_TASK], ==, 320);
}

static void test_retell(void)
{
    g_autoptr(SegmentLog) log = segment_log_new(64);
    Seen seen;

    add(log, 100, CAUSE_GUEST_IDLE);
    add(log, 200, CAUSE_EXIT);
    add(log, 260, CAUSE_HOST_IRQ);
    add(log, 270, CAUSE_EXIT);
    segment_log_retell(log, 230, 300, CAUSE_EXIT, cause_plain(CAUSE_HALT_POLL));
    add(log, 300, CAUSE_EXIT);
    seen = visit(log, 100, 310);
    g_assert_cmpuint(seen.by_kind[CAUSE_GUEST_IDLE], ==, 100);
    g_assert_cmpuint(seen.by_kind[CAUSE_EXIT], ==, 40);
    g_assert_cmpuint(seen.by_kind[CAUSE_HALT_POLL], ==, 60);
    g_assert_cmpuint(seen.by_kind[CAUSE_HOST_IRQ], ==, 10);
}

static void test_same_tick(void)
{
    g_autoptr(SegmentLog) log = segment_log_new(64);
    Cause ended;

    add(log, 100, CAUSE_EXIT);
    g_assert_cmpuint(segment_log_add(log, 100, cause_plain(CAUSE_QEMU), &ended),
                     ==, 0);
    g_assert_cmpuint(visit(log, 100, 150).by_kind[CAUSE_QEMU], ==, 50);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/segment-log/pieces", test_pieces);
    g_test_add_func("/segment-log/forgets", test_forgets);
    g_test_add_func("/segment-log/retell", test_retell);
    g_test_add_func("/segment-log/same-tick", test_same_tick);
    return g_test_run();
}
