/*
 * Options of a trace.dat file, read.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/dat-options.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CPUS    4096
#define MAX_SAMPLES 65536

/* enum tracecmd_tsync_flags of trace-cmd */
#define TIME_SHIFT_INTERPOLATE 1

/* What is left of an option's bytes. */
typedef struct OptionReader {
    const uint8_t *next;
    size_t left;
} OptionReader;

static bool take(OptionReader *in, void *value, size_t size)
{
    if (size > in->left) {
        return false;
    }
    memcpy(value, in->next, size);
    in->next += size;
    in->left -= size;
    return true;
}

/* "local [x86-tsc] global": the clock in brackets, or the only word. */
static char *read_clock(DatFile *dat, OptionReader *in)
{
    g_autofree char *text = g_strndup((const char *)in->next, in->left);
    char *begin = strchr(text, '[');
    char *end = begin ? strchr(begin, ']') : NULL;

    g_free(dat->clock);
    dat->clock = begin && end ? g_strndup(begin + 1, (gsize)(end - begin - 1))
                              : g_strdup(g_strstrip(text));
    return NULL;
}

static char *read_tsc2nsec(DatFile *dat, OptionReader *in)
{
    uint32_t mult, shift;

    if (!take(in, &mult, sizeof(mult)) || !take(in, &shift, sizeof(shift)) ||
        mult == 0 || shift > 63) {
        return g_strdup("option TSC2NSEC is damaged");
    }
    dat->options.tsc_mult = mult;
    dat->options.tsc_shift = shift;
    return NULL;
}

static void guest_free(gpointer data)
{
    DatGuest *guest = data;

    g_free(guest->name);
    g_array_unref(guest->threads);
    g_free(guest);
}

static bool take_guest_cpus(DatGuest *guest, OptionReader *in)
{
    uint32_t n_cpus;

    if (!take(in, &n_cpus, sizeof(n_cpus)) || n_cpus > MAX_CPUS) {
        return false;
    }
    for (uint32_t i = 0; i < n_cpus; i++) {
        uint32_t cpu;
        int32_t tid;

        if (!take(in, &cpu, sizeof(cpu)) || !take(in, &tid, sizeof(tid)) ||
            cpu >= MAX_CPUS) {
            return false;
        }
        if (cpu >= guest->threads->len) {
            g_array_set_size(guest->threads, cpu + 1);
        }
        g_array_index(guest->threads, int32_t, cpu) = tid;
    }
    return true;
}

static char *read_guest(DatFile *dat, OptionReader *in)
{
    DatGuest *guest = g_new0(DatGuest, 1);
    size_t name_bytes = strnlen((const char *)in->next, in->left);

    guest->threads = g_array_new(FALSE, TRUE, sizeof(int32_t));
    guest->name = g_strndup((const char *)in->next, name_bytes);
    if (name_bytes == in->left) {
        guest_free(guest);
        return g_strdup("option GUEST is damaged");
    }
    in->next += name_bytes + 1;
    in->left -= name_bytes + 1;
    if (!take(in, &guest->trace_id, sizeof(guest->trace_id)) ||
        !take_guest_cpus(guest, in)) {
        guest_free(guest);
        return g_strdup("option GUEST is damaged");
    }
    if (!dat->options.guests) {
        dat->options.guests = g_ptr_array_new_with_free_func(guest_free);
    }
    g_ptr_array_add(dat->options.guests, guest);
    return NULL;
}

static DatTimeShift *sample_at(GArray *samples, guint i)
{
    return &g_array_index(samples, DatTimeShift, i);
}

/* count, times[count], offsets[count], scalings[count] of one CPU */
static GArray *take_time_shifts(OptionReader *in)
{
    g_autoptr(GArray) samples = g_array_new(FALSE, TRUE, sizeof(DatTimeShift));
    uint32_t count;

    if (!take(in, &count, sizeof(count)) || count > MAX_SAMPLES ||
        count * 3 * sizeof(uint64_t) > in->left) {
        return NULL;
    }
    g_array_set_size(samples, count);
    for (uint32_t i = 0; i < count; i++) {
        take(in, &sample_at(samples, i)->from_guest_ticks, sizeof(uint64_t));
    }
    for (uint32_t i = 0; i < count; i++) {
        take(in, &sample_at(samples, i)->offset_ticks, sizeof(int64_t));
    }
    for (uint32_t i = 0; i < count; i++) {
        take(in, &sample_at(samples, i)->ratio, sizeof(uint64_t));
    }
    return g_steal_pointer(&samples);
}

/*
 * The bits of the fractions stand behind all CPUs, and not in files from
 * before trace-cmd 3.1.  A ratio of 1 without bits is trace-cmd's "unscaled".
 */
static bool take_fractions(GPtrArray *cpus, OptionReader *in)
{
    bool known = true;

    for (guint cpu = 0; cpu < cpus->len; cpu++) {
        GArray *samples = cpus->pdata[cpu];

        for (guint i = 0; i < samples->len; i++) {
            DatTimeShift *sample = sample_at(samples, i);
            uint64_t bits = 0;
            bool has_bits = take(in, &bits, sizeof(bits));

            if (sample->ratio <= 1 || bits > 63 ||
                (bits > 0 && sample->ratio == UINT64_C(1) << bits)) {
                known &= sample->ratio <= 1 || bits <= 63;
                sample->ratio = 0;
            } else if (!has_bits || bits == 0) {
                known = false;
                sample->ratio = 0;
            }
            sample->frac_bits = sample->ratio ? (uint32_t)bits : 0;
        }
    }
    return known;
}

static gint compare_samples(gconstpointer a, gconstpointer b)
{
    const DatTimeShift *x = a;
    const DatTimeShift *y = b;

    return (x->from_guest_ticks > y->from_guest_ticks) -
           (x->from_guest_ticks < y->from_guest_ticks);
}

/* In order, and one for each time: what tells nothing more is left out. */
static void tidy_samples(GArray *samples)
{
    guint n = 0;

    g_array_sort(samples, compare_samples);
    for (guint i = 0; i < samples->len; i++) {
        if (n == 0 || sample_at(samples, n - 1)->from_guest_ticks !=
                          sample_at(samples, i)->from_guest_ticks) {
            *sample_at(samples, n++) = *sample_at(samples, i);
        }
    }
    g_array_set_size(samples, n);
}

static char *read_time_shift(DatFile *dat, OptionReader *in)
{
    g_autoptr(GPtrArray) cpus =
        g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    uint64_t peer;
    uint32_t flags, n_cpus;

    if (!take(in, &peer, sizeof(peer)) || !take(in, &flags, sizeof(flags)) ||
        !take(in, &n_cpus, sizeof(n_cpus)) || n_cpus > MAX_CPUS) {
        return g_strdup("option TIME_SHIFT is damaged");
    }
    for (uint32_t i = 0; i < n_cpus; i++) {
        GArray *samples = take_time_shifts(in);

        if (!samples) {
            return g_strdup("option TIME_SHIFT is damaged");
        }
        g_ptr_array_add(cpus, samples);
    }
    if (!take_fractions(cpus, in)) {
        dat_file_problem(dat, "option TIME_SHIFT tells a scaling without its "
                              "fraction; times are shown unscaled");
    }
    g_ptr_array_foreach(cpus, (GFunc)(void (*)(void))tidy_samples, NULL);
    dat->options.peer_trace_id = peer;
    dat->options.interpolates = flags & TIME_SHIFT_INTERPOLATE;
    g_clear_pointer(&dat->options.time_shifts, g_ptr_array_unref);
    dat->options.time_shifts = g_steal_pointer(&cpus);
    return NULL;
}

/* DATE counts microseconds, OFFSET nanoseconds; both are ASCII numbers. */
static char *read_ns_offset(DatFile *dat, OptionReader *in, int64_t unit_ns)
{
    int64_t value = g_ascii_strtoll((const char *)in->next, NULL, 0);

    dat->ts_offset_ns = (int64_t)((uint64_t)dat->ts_offset_ns +
                                  (uint64_t)value * (uint64_t)unit_ns);
    return NULL;
}

char *dat_option_read(DatFile *dat, DatOptionId id, GBytes *option)
{
    OptionReader in;

    in.next = g_bytes_get_data(option, &in.left);
    switch (id) {
    case DAT_OPTION_TRACECLOCK:
        return read_clock(dat, &in);
    case DAT_OPTION_TSC2NSEC:
        return read_tsc2nsec(dat, &in);
    case DAT_OPTION_TRACEID:
        return take(&in, &dat->options.trace_id, sizeof(uint64_t))
                   ? NULL
                   : g_strdup("option TRACEID is damaged");
    case DAT_OPTION_GUEST:
        return read_guest(dat, &in);
    case DAT_OPTION_TIME_SHIFT:
        return read_time_shift(dat, &in);
    case DAT_OPTION_UNAME:
        g_free(dat->uname);
        dat->uname = g_strndup((const char *)in.next, in.left);
        return NULL;
    case DAT_OPTION_DATE:
        return read_ns_offset(dat, &in, 1000);
    case DAT_OPTION_OFFSET:
        return read_ns_offset(dat, &in, 1);
    default:
        return NULL; /* says nothing of times or machines */
    }
}
