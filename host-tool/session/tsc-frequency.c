/*
 * The host TSC's frequency, from the best source there is.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/tsc-frequency.h"

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "connection/host-ticks.h"

#define NS_PER_MS     UINT64_C(1000000)
#define MEASURE_NS    (50 * NS_PER_MS)
#define MEASURE_TRIES 5

/*
 * clocks_calc_mult_shift(&mult, &shift, khz, NSEC_PER_MSEC, 0) and what
 * __set_cyc2ns_scale() in arch/x86/kernel/tsc.c makes of it, so that the
 * result is the one that perf's mmap page would show.
 */
TscFrequency tsc_frequency_from_khz(uint32_t khz, const char *source)
{
    TscFrequency frequency = {.khz = khz, .source = source};
    uint64_t mult = 0;
    uint32_t shift;

    for (shift = 32; shift > 0; shift--) {
        mult = ((NS_PER_MS << shift) + khz / 2) / khz;
        if (mult >> 32 == 0) {
            break;
        }
    }
    if (shift == 32) {
        shift = 31;
        mult >>= 1;
    }
    frequency.mult = mult;
    frequency.shift = shift;
    return frequency;
}

static uint32_t khz_of(uint32_t mult, uint32_t shift)
{
    unsigned __int128 scaled = (unsigned __int128)NS_PER_MS << shift;

    return (scaled + mult / 2) / mult;
}

static int open_dummy_event(void)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof(attr),
        .config = PERF_COUNT_SW_DUMMY,
        .disabled = 1,
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };

    return syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

gboolean tsc_frequency_from_perf(TscFrequency *frequency)
{
    size_t page_bytes = sysconf(_SC_PAGESIZE);
    const struct perf_event_mmap_page *page;
    gboolean is_known = FALSE;
    int fd = open_dummy_event();

    if (fd < 0) {
        return FALSE;
    }
    page = mmap(NULL, page_bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED) {
        if (page->cap_user_time && page->time_mult && page->time_shift < 64) {
            frequency->mult = page->time_mult;
            frequency->shift = page->time_shift;
            frequency->khz = khz_of(page->time_mult, page->time_shift);
            frequency->source = "perf";
            is_known = TRUE;
        }
        munmap((void *)page, page_bytes);
    }
    close(fd);
    return is_known;
}

static uint64_t raw_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (uint64_t)now.tv_sec * 1000 * NS_PER_MS + now.tv_nsec;
}

/* Both clocks at the same time: the try that was interrupted least. */
static void read_both(uint64_t *ticks, uint64_t *ns)
{
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < MEASURE_TRIES; i++) {
        uint64_t before = host_ticks_now();
        uint64_t time_ns = raw_ns();
        uint64_t after = host_ticks_now();

        if (after - before < best) {
            best = after - before;
            *ticks = before + (after - before) / 2;
            *ns = time_ns;
        }
    }
}

TscFrequency tsc_frequency_measure(void)
{
    uint64_t first_ticks = 0, first_ns = 0, last_ticks = 0, last_ns = 0;
    uint64_t khz;

    read_both(&first_ticks, &first_ns);
    g_usleep(MEASURE_NS / 1000);
    read_both(&last_ticks, &last_ns);
    khz = (unsigned __int128)(last_ticks - first_ticks) * NS_PER_MS /
          (last_ns - first_ns);
    return tsc_frequency_from_khz(khz ? khz : 1, "measured");
}

TscFrequency tsc_frequency_find(uint32_t qmp_khz)
{
    TscFrequency frequency;

    if (tsc_frequency_from_perf(&frequency)) {
        return frequency;
    }
    return qmp_khz ? tsc_frequency_from_khz(qmp_khz, "qmp")
                   : tsc_frequency_measure();
}
