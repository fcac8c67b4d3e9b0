/*
 * The table of all limits, and how they are read and listed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "limits/limits.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "qga/trace-stream.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)

/* Of the list: name, default, range, what it is. */
#define LINE "%-16s  %-9s  %-15s  %s\n"

#define RECORDS LIMIT_RECORDS
#define MAKES   LIMIT_MAKES
#define READS   LIMIT_READS
#define ALL     (LIMIT_MAKES | LIMIT_READS)

typedef enum LimitUnit {
    NUMBER,
    BYTES,
    SECONDS,
} LimitUnit;

typedef struct LimitRow {
    const char *name;
    LimitUnit unit;
    LimitUse uses;
    size_t offset; /* of its value in Limits */
    uint64_t fallback;
    uint64_t min;
    uint64_t max;
    const char *summary; /* of LIMIT_AUTO, it says what that is */
} LimitRow;

/*
 * ROW(name, member, unit, uses, default, min, max, summary)
 *
 * The wire format's own caps are the largest that its decoder can be told to
 * take.  How deep a print format may be is recursion, here and in
 * libtraceevent; the largest still fits a thread's stack.
 */
#define ROWS(ROW)                                                              \
    ROW("frame-size", frame_bytes, BYTES, MAKES,                               \
        TRACE_STREAM_MAX_PAYLOAD_BYTES, 4 * KIB,                               \
        TRACE_STREAM_MAX_PAYLOAD_BYTES, "one frame of a stream")               \
    ROW("page-size", page_bytes, BYTES, ALL, TRACE_STREAM_MAX_PAGE_BYTES,      \
        4 * KIB, TRACE_STREAM_MAX_PAGE_BYTES, "one page of a ring buffer")     \
    ROW("pages", pages, NUMBER, MAKES, 100000000, 1, 1000000000000,            \
        "pages of a machine")                                                  \
    ROW("cpus", cpus, NUMBER, ALL, TRACE_STREAM_MAX_CPUS, 1,                   \
        TRACE_STREAM_MAX_CPUS, "CPUs of a machine")                            \
    ROW("growth", growth, NUMBER, MAKES, 16, 1, 1000,                          \
        "size of a trace.dat file beyond 256M, in times of its stream's")      \
    ROW("systems", systems, NUMBER, ALL, 1024, 1, 4096,                        \
        "systems of events of a machine")                                      \
    ROW("events", events, NUMBER, ALL, 32768, 1, 65536,                        \
        "event formats of a machine")                                          \
    ROW("name-size", name_bytes, BYTES, ALL, 128, 16, 255,                     \
        "name of a system, or of an event")                                    \
    ROW("format-size", format_bytes, BYTES, ALL, 256 * KIB, KIB, 16 * MIB,     \
        "one event format")                                                    \
    ROW("format-fields", format_fields, NUMBER, ALL, 1000, 1, 10000,           \
        "fields of an event")                                                  \
    ROW("format-depth", format_depth, NUMBER, ALL, 32, 1, 64,                  \
        "parentheses in each other in a print format")                         \
    ROW("format-operators", format_operators, NUMBER, ALL, 500, 1, 2000,       \
        "operators in one argument of a print format")                         \
    ROW("kallsyms-size", kallsyms_bytes, BYTES, ALL, 64 * MIB, KIB, 256 * MIB, \
        "symbols of a kernel")                                                 \
    ROW("printk-size", printk_bytes, BYTES, ALL, 16 * MIB, KIB, 256 * MIB,     \
        "its strings for trace_printk()")                                      \
    ROW("cmdlines-size", cmdlines_bytes, BYTES, ALL, 16 * MIB, KIB, 256 * MIB, \
        "names of its tasks")                                                  \
    ROW("text-size", text_bytes, BYTES, MAKES, 96 * MIB, MIB, 256 * MIB,       \
        "all texts of a stream together")                                      \
    ROW("frame-rate", frames_per_s, NUMBER, RECORDS, 250000, 10000, 100000000, \
        "frames of a guest in a second, above which it has to wait")           \
    ROW("idle-time", idle_s, SECONDS, RECORDS, 20, 2, 86400,                   \
        "seconds of silence of a guest that records")                          \
    ROW("stop-time", stop_s, SECONDS, RECORDS, 90, 1, 86400,                   \
        "seconds that a guest may take to end when it is asked to")            \
    ROW("keep-free", keep_free_bytes, BYTES, MAKES, LIMIT_AUTO, 0, 1024 * TIB, \
        "left free on the disk (1G, or 5 % of a disk if that is less)")        \
    ROW("make-memory", make_memory_bytes, BYTES, MAKES, GIB, 16 * MIB,         \
        64 * TIB, "address space of a process that makes a file")              \
    ROW("memory", memory_bytes, BYTES, READS, 8 * GIB, MIB, 64 * TIB,          \
        "address space of the process that reads")                             \
    ROW("cpu-time", cpu_s, SECONDS, ALL, LIMIT_AUTO, 1, 1000000000,            \
        "seconds of its processor (60 and 1 for each 16M to make a file, "     \
        "600 and 1 for each 1M to read)")                                      \
    ROW("output", output_bytes, BYTES, READS, LIMIT_AUTO, 1, 1024 * TIB,       \
        "each file, or directory, that it writes (1G, and 64 times what is "   \
        "read)")

#define AS_DEFAULT(name, member, unit, uses, fallback, min, max, summary) \
    .member = (fallback),

const Limits limits_default = {ROWS(AS_DEFAULT)};

#define AS_ROW(name, member, unit, uses, fallback, min, max, summary) \
    {name,       (unit), (uses), offsetof(Limits, member),            \
     (fallback), (min),  (max),  (summary)},

static const LimitRow rows[] = {ROWS(AS_ROW)};

/* Those who record make files, too. */
static gboolean has(const LimitRow *row, LimitUse use)
{
    return row->uses & (use & LIMIT_RECORDS ? use | LIMIT_MAKES : use);
}

static const LimitRow *find_row(LimitUse use, const char *name, size_t size)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (has(&rows[i], use) && strncmp(rows[i].name, name, size) == 0 &&
            !rows[i].name[size]) {
            return &rows[i];
        }
    }
    return NULL;
}

gboolean limits_parse_bytes(const char *text, uint64_t *bytes)
{
    static const char units[] = "KMGT";
    char *end;
    guint64 number = g_ascii_strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, g_ascii_toupper(*end)) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;

    if (!g_ascii_isdigit(*text) || (*end && (!unit || end[1])) ||
        number > ((guint64)G_MAXINT64 >> shift)) {
        return FALSE;
    }
    *bytes = number << shift;
    return TRUE;
}

static gboolean parse(const LimitRow *row, const char *text, uint64_t *value)
{
    guint64 number;

    if (row->unit == BYTES) {
        return limits_parse_bytes(text, value) && *value >= row->min &&
               *value <= row->max;
    }
    if (!g_ascii_string_to_unsigned(text, 10, row->min, row->max, &number,
                                    NULL)) {
        return FALSE;
    }
    *value = number;
    return TRUE;
}

/* As it is typed; the caller's. */
static char *describe(LimitUnit unit, uint64_t value)
{
    static const char units[] = "KMGT";
    int n = 0;

    if (value == LIMIT_AUTO) {
        return g_strdup("auto");
    }
    while (unit == BYTES && value > 0 && value % KIB == 0 &&
           n < (int)strlen(units)) {
        value /= KIB;
        n++;
    }
    return n ? g_strdup_printf("%" PRIu64 "%c", value, units[n - 1])
             : g_strdup_printf("%" PRIu64, value);
}

static const char *unit_name(LimitUnit unit)
{
    switch (unit) {
    case BYTES:
        return "bytes";
    case SECONDS:
        return "seconds";
    case NUMBER:
        break;
    }
    return "a number";
}

gboolean limits_set(Limits *limits, LimitUse use, const char *assignment,
                    GError **error)
{
    const char *equals = strchr(assignment, '=');
    size_t name_size = equals ? (size_t)(equals - assignment) : 0;
    const LimitRow *row = find_row(use, assignment, name_size);
    uint64_t value;

    if (!row) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "'%s' sets no limit of this command; '--limit help' lists "
                    "those that it has",
                    assignment);
        return FALSE;
    }
    if (!parse(row, equals + 1, &value)) {
        g_autofree char *min = describe(row->unit, row->min);
        g_autofree char *max = describe(row->unit, row->max);

        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "the limit %s is %s from %s to %s, not '%s'", row->name,
                    unit_name(row->unit), min, max, equals + 1);
        return FALSE;
    }
    *(uint64_t *)((char *)limits + row->offset) = value;
    return TRUE;
}

char *limits_list(LimitUse use)
{
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, LINE, "NAME", "DEFAULT", "RANGE", "WHAT");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const LimitRow *row = &rows[i];
        g_autofree char *fallback = describe(row->unit, row->fallback);
        g_autofree char *min = describe(row->unit, row->min);
        g_autofree char *max = describe(row->unit, row->max);
        g_autofree char *range = g_strdup_printf("%s-%s", min, max);

        if (has(row, use)) {
            g_string_append_printf(text, LINE, row->name, fallback, range,
                                   row->summary);
        }
    }
    return g_string_free(text, FALSE);
}
