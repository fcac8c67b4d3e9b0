/*
 * ClockMap: the exact relation between a host's TSC and a guest's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "clock/clock-map.h"

typedef unsigned __int128 Uint128;

ClockMap clock_map_unscaled(int64_t offset_ticks)
{
    return (ClockMap){.ratio = 1, .frac_bits = 0, .offset_ticks = offset_ticks};
}

/* Is its own step more than an offset? */
static bool scales(const ClockMap *map)
{
    return map->ratio != UINT64_C(1) << map->frac_bits;
}

bool clock_map_is_scaled(const ClockMap *map)
{
    return scales(map) || map->outer;
}

ClockMap clock_map_compose(const ClockMap *inner, const ClockMap *outer)
{
    ClockMap map = *inner;

    if (scales(inner)) {
        map.outer = outer;
    } else {
        map = *outer;
        map.offset_ticks = (int64_t)((uint64_t)outer->offset_ticks +
                                     (uint64_t)inner->offset_ticks);
    }
    return map;
}

bool clock_map_equal(const ClockMap *a, const ClockMap *b)
{
    for (; a && b; a = a->outer, b = b->outer) {
        /* Maps that don't scale may have any frac_bits. */
        if (a->offset_ticks != b->offset_ticks || scales(a) != scales(b) ||
            (scales(a) &&
             (a->ratio != b->ratio || a->frac_bits != b->frac_bits))) {
            return false;
        }
    }
    return a == b;
}

uint64_t clock_map_kvm_ratio(uint32_t frac_bits, uint32_t user_khz,
                             uint32_t host_khz)
{
    return (uint64_t)(((Uint128)1 << frac_bits) * user_khz / host_khz);
}

uint64_t clock_map_to_guest(const ClockMap *map, uint64_t host_ticks)
{
    Uint128 product;

    if (map->outer) {
        host_ticks = clock_map_to_guest(map->outer, host_ticks);
    }
    product = (Uint128)host_ticks * map->ratio;
    return (uint64_t)(product >> map->frac_bits) + (uint64_t)map->offset_ticks;
}

uint64_t clock_map_to_host(const ClockMap *map, uint64_t guest_ticks)
{
    uint64_t scaled = guest_ticks - (uint64_t)map->offset_ticks;
    Uint128 host = scaled;

    if (scales(map)) {
        host =
            (((Uint128)scaled << map->frac_bits) + map->ratio - 1) / map->ratio;
    }
    if (host > UINT64_MAX) {
        return UINT64_MAX;
    }
    return map->outer ? clock_map_to_host(map->outer, (uint64_t)host)
                      : (uint64_t)host;
}

uint64_t clock_ticks_to_ns(uint64_t ticks, uint32_t mult, uint32_t shift)
{
    return (uint64_t)((Uint128)ticks * mult >> shift);
}
