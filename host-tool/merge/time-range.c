/*
 * TimeRange: which part of a timeline is wanted, as people write it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/time-range.h"

#include <gio/gio.h>
#include <inttypes.h>
#include <string.h>

#define NS_PER_SECOND  UINT64_C(1000000000)
#define NS_DIGITS      9
#define DEFAULT_AROUND "1ms"

/*
 * What has as many digits as a report prints stands for all that is printed
 * so: libtraceevent rounds to the nearest microsecond.
 */
#define PRINTED_DIGITS 6
#define PRINTED_NS     UINT64_C(1000)

static const struct {
    const char *name;
    uint64_t ns;
} units[] = {
    {"s", NS_PER_SECOND},
    {"ms", 1000000},
    {"us", 1000},
    {"ns", 1},
};

static bool throw_time(const char *text, GError **error)
{
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                "'%s' is no time; write seconds as they are printed, a number "
                "with s, ms, us or ns, or ticks with t; with + from the first "
                "event on, with - back from the last one",
                text);
    return false;
}

/* Digits before and behind the point, and what follows them. */
typedef struct Decimal {
    uint64_t whole;
    uint64_t fraction; /* in units of 10^-NS_DIGITS */
    unsigned n_digits; /* behind the point */
    const char *rest;
} Decimal;

static bool parse_decimal(const char *text, Decimal *decimal)
{
    const char *c = text;
    uint64_t scale = NS_PER_SECOND;

    *decimal = (Decimal){0};
    if (!g_ascii_isdigit(*c)) {
        return false;
    }
    for (; g_ascii_isdigit(*c); c++) {
        uint64_t digit = (uint64_t)(*c - '0');

        if (decimal->whole > (UINT64_MAX - digit) / 10) {
            return false;
        }
        decimal->whole = decimal->whole * 10 + digit;
    }
    if (*c == '.') {
        for (c++; g_ascii_isdigit(*c); c++) {
            scale /= 10;
            decimal->fraction += scale * (uint64_t)(*c - '0');
            decimal->n_digits++;
        }
        if (decimal->n_digits == 0 || decimal->n_digits > NS_DIGITS) {
            return false;
        }
    }
    decimal->rest = c;
    return true;
}

/* The decimal as nanoseconds, of a unit of unit_ns; what is finer is cut. */
static bool to_ns(const Decimal *decimal, uint64_t unit_ns, uint64_t *ns)
{
    unsigned __int128 sum = (unsigned __int128)decimal->whole * unit_ns;

    sum += (unsigned __int128)decimal->fraction * unit_ns / NS_PER_SECOND;
    *ns = (uint64_t)sum;
    return sum <= INT64_MAX;
}

static bool parse_unit(const Decimal *decimal, TimePoint *point)
{
    if (*decimal->rest == '\0') {
        point->unit = TIME_POINT_PRINTED;
        point->ticks = decimal->whole;
        point->has_fraction = decimal->n_digits > 0;
        if (decimal->n_digits == PRINTED_DIGITS) {
            point->rounded_ns = PRINTED_NS;
        }
        /* Ticks may be more than seconds can. */
        return to_ns(decimal, NS_PER_SECOND, &point->ns) ||
               !point->has_fraction;
    }
    if (strcmp(decimal->rest, "t") == 0) {
        point->unit = TIME_POINT_TICKS;
        point->ticks = decimal->whole;
        return decimal->n_digits == 0;
    }
    point->unit = TIME_POINT_NS;
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
        if (strcmp(decimal->rest, units[i].name) == 0) {
            return to_ns(decimal, units[i].ns, &point->ns);
        }
    }
    return false;
}

bool time_point_parse(const char *text, TimePoint *point, GError **error)
{
    const char *digits = text;
    Decimal decimal;

    *point = (TimePoint){.kind = TIME_POINT_ABSOLUTE};
    if (*text == '+') {
        point->kind = TIME_POINT_AFTER_START;
        digits++;
    } else if (*text == '-') {
        point->kind = TIME_POINT_BEFORE_END;
        digits++;
    }
    if (!parse_decimal(digits, &decimal) || !parse_unit(&decimal, point)) {
        return throw_time(text, error);
    }
    return true;
}

bool time_range_parse_around(TimeRange *range, const char *text, GError **error)
{
    const char *colon = strchr(text, ':');
    g_autofree char *middle =
        colon ? g_strndup(text, (gsize)(colon - text)) : g_strdup(text);
    const char *span = colon ? colon + 1 : DEFAULT_AROUND;

    if (!time_point_parse(middle, &range->around, error) ||
        !time_point_parse(span, &range->span, error)) {
        return false;
    }
    if (range->span.kind != TIME_POINT_ABSOLUTE) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                    "the span '%s' has a sign; it counts to both sides", span);
        return false;
    }
    return true;
}

/* --- from points to a timeline's own numbers --- */

/* A bound: nanoseconds or ticks, and on which side of it the range lies. */
typedef struct Bound {
    bool exists;
    bool in_ticks;
    uint64_t value;
} Bound;

typedef struct Resolver {
    Timeline *timeline;
    const TimelineScale *scale; /* of all inputs where ticks are asked for */
    bool has_ns;                /* times are printed as seconds */
    bool has_span;
    TimelineSpan span;
} Resolver;

static bool find_unit(const Resolver *resolver, const TimePoint *point,
                      bool *in_ticks, GError **error)
{
    *in_ticks = point->unit == TIME_POINT_TICKS ||
                (point->unit == TIME_POINT_PRINTED && !resolver->has_ns);
    if (*in_ticks && point->has_fraction) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                    "these recordings don't tell how long a tick is; give "
                    "ticks, or --ts2secs HZ");
        return false;
    }
    if (!*in_ticks && !resolver->has_ns) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                    "these recordings don't tell how long a tick is, so that "
                    "no time in seconds can be found; give ticks, or "
                    "--ts2secs HZ");
        return false;
    }
    if (*in_ticks && !timeline_has_one_scale(resolver->timeline)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                    "these recordings count different ticks; give times");
        return false;
    }
    return true;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t subtract(uint64_t a, uint64_t b)
{
    return a < b ? 0 : a - b;
}

static const TimelineSpan *span_of(Resolver *resolver)
{
    if (!resolver->has_span) {
        timeline_span(resolver->timeline, &resolver->span);
        resolver->has_span = true;
    }
    return &resolver->span;
}

static uint64_t in_unit(const Resolver *resolver, const Bound *bound,
                        bool in_ticks)
{
    if (bound->in_ticks == in_ticks) {
        return bound->value;
    }
    return in_ticks ? timeline_scale_invert(resolver->scale, bound->value)
                    : timeline_scale_apply(resolver->scale, bound->value);
}

/* base replaces the first event as what AFTER_START counts from. */
static bool resolve(Resolver *resolver, const TimePoint *point,
                    const Bound *base, Bound *bound, GError **error)
{
    bool in_ticks;
    uint64_t amount;

    if (point->kind == TIME_POINT_NONE) {
        return true;
    }
    if (!find_unit(resolver, point, &in_ticks, error)) {
        return false;
    }
    *bound = (Bound){.exists = true, .in_ticks = in_ticks};
    amount = in_ticks ? point->ticks : point->ns;
    if (point->kind == TIME_POINT_ABSOLUTE) {
        bound->value = amount;
    } else if (point->kind == TIME_POINT_BEFORE_END) {
        const TimelineSpan *span = span_of(resolver);

        bound->value =
            subtract(in_ticks ? span->last_line_ticks : span->last_time,
                     amount);
    } else if (base && base->exists) {
        bound->value = add(in_unit(resolver, base, in_ticks), amount);
    } else {
        const TimelineSpan *span = span_of(resolver);

        bound->value =
            add(in_ticks ? span->first_line_ticks : span->first_time, amount);
    }
    return true;
}

static bool resolve_around(Resolver *resolver, const TimeRange *range,
                           Bound *from, Bound *to, GError **error)
{
    Bound middle = {0};
    Bound span = {0};

    if (!resolve(resolver, &range->around, NULL, &middle, error) ||
        !resolve(resolver, &range->span, NULL, &span, error)) {
        return false;
    }
    if (middle.in_ticks != span.in_ticks) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                    "--around needs a time and a span in the same unit, as in "
                    "1000000t:500t");
        return false;
    }
    *from = *to = middle;
    from->value = subtract(middle.value, span.value);
    to->value = add(middle.value, span.value);
    return true;
}

/* Widens a bound to all times that are printed like it. */
static uint64_t widen(const TimePoint *point, const Bound *bound, bool is_end)
{
    uint64_t half = point->rounded_ns / 2;

    if (bound->in_ticks || point->kind != TIME_POINT_ABSOLUTE || half == 0) {
        return bound->value;
    }
    return is_end ? add(bound->value, half - 1) : subtract(bound->value, half);
}

static void seek_bound(Timeline *timeline, const Bound *from)
{
    if (!from->exists) {
        return;
    }
    if (from->in_ticks) {
        timeline_seek_ticks(timeline, from->value);
    } else {
        timeline_seek(timeline, from->value);
    }
}

/* To the last n events, none of which is before `from`. */
static void seek_tail(Timeline *timeline, const Bound *from, uint64_t n)
{
    TimelineEvent event;

    timeline_seek_last(timeline, n);
    if (!from->exists || !timeline_next(timeline, &event)) {
        timeline_seek_last(timeline, n);
        return;
    }
    if ((from->in_ticks ? event.event.line_ticks : event.time) < from->value) {
        seek_bound(timeline, from);
    } else {
        timeline_seek_last(timeline, n);
    }
}

static bool has_ns(GPtrArray *inputs)
{
    for (guint i = 0; i < inputs->len; i++) {
        const TimelineInput *input = inputs->pdata[i];

        if (input->scale.unit == TIMELINE_TICKS) {
            return false;
        }
    }
    return true;
}

static bool check_range(const TimeRange *range, GError **error)
{
    if (range->around.kind != TIME_POINT_NONE &&
        (range->from.kind != TIME_POINT_NONE ||
         range->to.kind != TIME_POINT_NONE)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                    "give either --around or --from and --to");
        return false;
    }
    if (range->has_head && range->has_tail) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                    "give either --head or --tail");
        return false;
    }
    return true;
}

/* Nothing could be shown, and no one would know why. */
static bool check_order(const Bound *from, const Bound *to, GError **error)
{
    if (from->exists && to->exists && from->in_ticks == to->in_ticks &&
        to->value < from->value) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                    "--to is before --from; give the later time to --to");
        return false;
    }
    return true;
}

bool time_range_apply(const TimeRange *range, GPtrArray *inputs,
                      Timeline *timeline, GError **error)
{
    Resolver resolver = {
        .timeline = timeline,
        .scale = &((const TimelineInput *)inputs->pdata[0])->scale,
        .has_ns = has_ns(inputs),
    };
    Bound from = {0};
    Bound to = {0};

    if (!check_range(range, error)) {
        return false;
    }
    if (range->around.kind != TIME_POINT_NONE) {
        if (!resolve_around(&resolver, range, &from, &to, error)) {
            return false;
        }
    } else if (!resolve(&resolver, &range->from, NULL, &from, error) ||
               !resolve(&resolver, &range->to, &from, &to, error)) {
        return false;
    }
    from.value = widen(&range->from, &from, false);
    to.value = widen(&range->to, &to, true);
    if (!check_order(&from, &to, error)) {
        return false;
    }
    if (to.exists && to.in_ticks) {
        timeline_set_end_ticks(timeline, to.value);
    } else if (to.exists) {
        timeline_set_end(timeline, to.value);
    }
    if (range->has_tail) {
        seek_tail(timeline, &from, range->tail);
    } else {
        seek_bound(timeline, &from);
    }
    if (range->has_head) {
        timeline_set_limit(timeline, range->head);
    }
    return true;
}

/* As reports print it; the caller's. */
static char *print_time(uint64_t ns)
{
    uint64_t printed = ns / PRINTED_NS + (ns % PRINTED_NS >= PRINTED_NS / 2);

    return g_strdup_printf("%" PRIu64 ".%06" PRIu64,
                           printed / (NS_PER_SECOND / PRINTED_NS),
                           printed % (NS_PER_SECOND / PRINTED_NS));
}

char *time_range_empty_text(const TimeRange *range, GPtrArray *inputs,
                            Timeline *timeline)
{
    static const char text[] = "no event lies in the time that was asked for";
    g_autofree char *first = NULL;
    g_autofree char *last = NULL;
    TimelineSpan span;

    if ((range->from.kind == TIME_POINT_NONE &&
         range->to.kind == TIME_POINT_NONE &&
         range->around.kind == TIME_POINT_NONE) ||
        (range->has_head && range->head == 0) ||
        (range->has_tail && range->tail == 0) ||
        !timeline_span(timeline, &span)) {
        return NULL;
    }
    if (has_ns(inputs)) {
        first = print_time(span.first_time);
        last = print_time(span.last_time);
    } else if (timeline_has_one_scale(timeline)) {
        first = g_strdup_printf("%" PRIu64 "t", span.first_line_ticks);
        last = g_strdup_printf("%" PRIu64 "t", span.last_line_ticks);
    } else {
        return g_strdup(text);
    }
    return g_strdup_printf("%s: the timeline goes from %s to %s", text, first,
                           last);
}
