/*
 * ClockNest: composed clocks against one step after the other.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>

#include "clock/clock-nest.h"

/* One year of a 3 GHz clock, in ticks. */
#define YEAR_TICKS (UINT64_C(3000000000) * 86400 * 365)

static uint64_t random_ticks(uint64_t bound)
{
    uint64_t value =
        ((uint64_t)g_test_rand_int() << 32) | (uint32_t)g_test_rand_int();

    return value % bound;
}

/* The clock of a guest that started before its host's clock was `least`. */
static ClockMap random_map(bool scaled, uint64_t least)
{
    static const uint32_t bits[] = {32, 48};
    ClockMap map = clock_map_unscaled(0);

    if (scaled) {
        map.frac_bits = bits[g_test_rand_int_range(0, 2)];
        map.ratio = clock_map_kvm_ratio(
            map.frac_bits, (uint32_t)g_test_rand_int_range(800000, 5700000),
            (uint32_t)g_test_rand_int_range(800000, 5700000));
    }
    map.offset_ticks =
        -(int64_t)random_ticks(clock_map_to_guest(&map, least) / 4);
    return map;
}

/* Whatever scales, forward and back are two steps, to the tick. */
static void test_two_steps(void)
{
    for (int round = 0; round < 20000; round++) {
        ClockMap outer = random_map(round & 1, YEAR_TICKS);
        ClockMap inner =
            random_map(round & 2, clock_map_to_guest(&outer, YEAR_TICKS));
        ClockMap map = clock_map_compose(&inner, &outer);
        uint64_t host = YEAR_TICKS + random_ticks(YEAR_TICKS);
        uint64_t middle = clock_map_to_guest(&outer, host);
        uint64_t guest = clock_map_to_guest(&inner, middle);
        uint64_t back;

        g_assert_cmpuint(clock_map_to_guest(&map, host), ==, guest);
        back = clock_map_to_host(&map, guest);
        g_assert_cmpuint(back, ==,
                         clock_map_to_host(&outer,
                                           clock_map_to_host(&inner, guest)));
        /* The first host tick that shows this value. */
        g_assert_cmpuint(back, <=, host);
        g_assert_cmpuint(clock_map_to_guest(&map, back), ==, guest);
        g_assert_cmpuint(clock_map_to_guest(&map, back - 1), <, guest);
        g_assert_cmpint(clock_map_is_scaled(&map), ==, (round & 3) != 0);
    }
}

/* Short enough that three of the fastest clocks don't wrap around. */
#define WEEK_TICKS (YEAR_TICKS / 52)

/* A guest in a guest in a guest. */
static void test_three_steps(void)
{
    for (int round = 0; round < 20000; round++) {
        ClockMap first = random_map(round & 1, WEEK_TICKS);
        ClockMap second =
            random_map(round & 2, clock_map_to_guest(&first, WEEK_TICKS));
        ClockMap two = clock_map_compose(&second, &first);
        ClockMap third =
            random_map(round & 4, clock_map_to_guest(&two, WEEK_TICKS));
        ClockMap three = clock_map_compose(&third, &two);
        uint64_t host = WEEK_TICKS + random_ticks(WEEK_TICKS);
        uint64_t guest = clock_map_to_guest(
            &third,
            clock_map_to_guest(&second, clock_map_to_guest(&first, host)));

        g_assert_cmpuint(clock_map_to_guest(&three, host), ==, guest);
        g_assert_cmpuint(clock_map_to_guest(&three,
                                            clock_map_to_host(&three, guest)),
                         ==, guest);
    }
}

static void test_no_step_is_cheap(void)
{
    ClockMap svm = {.ratio = UINT64_C(1) << 32, .frac_bits = 32};
    ClockMap plain = clock_map_unscaled(-7);
    ClockMap map = clock_map_compose(&svm, &plain);

    /* Two offsets are one, so that nothing is slower than with one guest. */
    g_assert_false(clock_map_is_scaled(&map));
    g_assert_null(map.outer);
    g_assert_true(clock_map_equal(&map, &plain));
    svm.offset_ticks = 10;
    map = clock_map_compose(&svm, &plain);
    g_assert_cmpint(map.offset_ticks, ==, 3);
    g_assert_false(clock_map_equal(&map, &plain));
}

/* A track of n segments one after the other, over the host ticks up to 2y. */
static ClockTrack random_track(ClockSegment *segments, size_t n, bool scaled)
{
    for (size_t i = 0; i < n; i++) {
        segments[i] = (ClockSegment){
            .from_host_ticks = i ? segments[i - 1].to_host_ticks + 1 : 0,
            .to_host_ticks = i + 1 < n ? YEAR_TICKS + YEAR_TICKS / n * (i + 1) -
                                             random_ticks(YEAR_TICKS / n / 2)
                                       : UINT64_MAX,
            .map = i ? segments[0].map : random_map(scaled, YEAR_TICKS),
            .error_ticks = i,
        };
        /* Steps forward: each tick of it exists once. */
        segments[i].map.offset_ticks += (int64_t)(i * 1000000);
    }
    return (ClockTrack){.segments = segments, .n_segments = n};
}

static const ClockSegment *segment_of(const ClockTrack *track, uint64_t host)
{
    for (size_t i = 0; i < track->n_segments; i++) {
        if (host >= track->segments[i].from_host_ticks &&
            host <= track->segments[i].to_host_ticks) {
            return &track->segments[i];
        }
    }
    return NULL;
}

/* At every host tick the composed segment is the one of both tracks. */
static void check_tracks(const ClockTrack *inner, const ClockTrack *outer)
{
    g_autofree ClockSegment *segments =
        g_new0(ClockSegment, clock_nest_max_segments(inner, outer));
    ClockTrack track = {
        .segments = segments,
        .n_segments = clock_nest_compose(inner, outer, segments),
    };

    g_assert_cmpuint(track.n_segments, >, 0);
    g_assert_cmpuint(track.n_segments, <=,
                     clock_nest_max_segments(inner, outer));
    for (size_t i = 1; i < track.n_segments; i++) {
        g_assert_cmpuint(segments[i].from_host_ticks, >,
                         segments[i - 1].to_host_ticks);
    }
    for (int round = 0; round < 200; round++) {
        uint64_t host = YEAR_TICKS + random_ticks(YEAR_TICKS);
        const ClockSegment *first = segment_of(outer, host);
        uint64_t middle = clock_map_to_guest(&first->map, host);
        const ClockSegment *second = segment_of(inner, middle);
        const ClockSegment *both = segment_of(&track, host);

        /* In the middle, ticks that a step forward skipped never were. */
        if (!both) {
            g_assert_null(second);
            continue;
        }
        g_assert_nonnull(second);
        g_assert_cmpuint(clock_map_to_guest(&both->map, host), ==,
                         clock_map_to_guest(&second->map, middle));
        g_assert_cmpuint(both->error_ticks, >=, first->error_ticks);
        g_assert_true(second->error_ticks == 0 || both->error_ticks > 0);
    }
}

static void test_tracks(void)
{
    ClockSegment inner_segments[4], outer_segments[4];

    for (int round = 0; round < 400; round++) {
        size_t n_inner = (size_t)g_test_rand_int_range(1, 5);
        size_t n_outer = (size_t)g_test_rand_int_range(1, 5);
        ClockTrack outer = random_track(outer_segments, n_outer, round & 1);
        ClockTrack inner = random_track(inner_segments, n_inner, round & 2);

        check_tracks(&inner, &outer);
    }
}

static void test_never_together(void)
{
    ClockSegment early = {.to_host_ticks = 1000,
                          .map = clock_map_unscaled(-500)};
    ClockSegment late = {.from_host_ticks = 600,
                         .to_host_ticks = UINT64_MAX,
                         .map = clock_map_unscaled(0)};
    ClockTrack outer = {.segments = &early, .n_segments = 1};
    ClockTrack inner = {.segments = &late, .n_segments = 1};
    ClockSegment segments[2];

    g_assert_cmpuint(clock_nest_compose(&inner, &outer, segments), ==, 0);
    late.from_host_ticks = 500;
    g_assert_cmpuint(clock_nest_compose(&inner, &outer, segments), ==, 1);
    g_assert_cmpuint(segments[0].from_host_ticks, ==, 1000);
    g_assert_cmpuint(segments[0].to_host_ticks, ==, 1000);
}

/* The guest in the middle was set back: its guest's one clock holds on. */
static void test_step_back(void)
{
    ClockSegment steps[] = {
        {.to_host_ticks = 999, .map = clock_map_unscaled(0)},
        {.from_host_ticks = 1000,
         .to_host_ticks = UINT64_MAX,
         .map = clock_map_unscaled(-900)},
    };
    ClockSegment one = {.to_host_ticks = UINT64_MAX,
                        .map = clock_map_unscaled(-50)};
    ClockTrack outer = {.segments = steps, .n_segments = 2};
    ClockTrack inner = {.segments = &one, .n_segments = 1};
    ClockSegment segments[3];

    g_assert_cmpuint(clock_nest_compose(&inner, &outer, segments), ==, 2);
    g_assert_cmpuint(segments[0].to_host_ticks, ==, 999);
    g_assert_cmpint(segments[0].map.offset_ticks, ==, -50);
    g_assert_cmpuint(segments[1].from_host_ticks, ==, 1000);
    g_assert_cmpint(segments[1].map.offset_ticks, ==, -950);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/clock-nest/two-steps", test_two_steps);
    g_test_add_func("/clock-nest/three-steps", test_three_steps);
    g_test_add_func("/clock-nest/offsets-are-one", test_no_step_is_cheap);
    g_test_add_func("/clock-nest/tracks", test_tracks);
    g_test_add_func("/clock-nest/never-together", test_never_together);
    g_test_add_func("/clock-nest/step-back", test_step_back);
    return g_test_run();
}
