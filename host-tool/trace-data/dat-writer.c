/*
 * DatWriter: an ordinary version 6 trace.dat file from a machine's stream.
 *
 * Texts come from a guest: they are bounded and checked here, because the
 * programs that read trace.dat files check little.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/dat-writer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "trace-data/dat-options.h"

#define TSC_CLOCK "x86-tsc"
/* Of a name that is refused. */
#define MAX_SHOWN_NAME 256
#define BYTES_PER_MIB  1048576.0

/* Pages gathered for one write; two pieces for each stay below IOV_MAX. */
#define BATCH_PAGES 512
#define NO_PAGE     UINT32_MAX

/* What a kernel shows when the stream broke off before its text came. */
#define DEFAULT_HEADER_EVENT       \
    "# compressed entry header\n"  \
    "\ttype_len    :    5 bits\n"  \
    "\ttime_delta  :   27 bits\n"  \
    "\tarray       :   32 bits\n"  \
    "\n"                           \
    "\tpadding     : type == 29\n" \
    "\ttime_extend : type == 30\n" \
    "\ttime_stamp : type == 31\n"  \
    "\tdata max type_len  == 28\n"

typedef struct DatText {
    char *name;
    GByteArray *bytes; /* NULL once it was refused */
} DatText;

typedef struct DatSystem {
    char *name;
    GPtrArray *formats; /* of DatText, not owned */
} DatSystem;

/* Where a CPU's pages go, and those that wait to be written. */
typedef struct DatCpu {
    uint64_t next_offset_bytes;
    uint64_t end_offset_bytes;
    uint32_t first_pending;
    uint32_t last_pending;
} DatCpu;

typedef struct DatPending {
    const void *bytes;
    uint32_t size;
    uint32_t next;
} DatPending;

struct DatWriter {
    const Limits *limits;
    TraceHello hello;
    char *clock; /* cleaned */
    /* "KIND NAME" to DatText, owned */
    GHashTable *texts;
    GPtrArray *systems; /* of DatSystem, by first appearance */
    size_t text_bytes;
    guint event_count;
    guint refused_count;
    GString *stats;
    GPtrArray *notes;
    int fd;
    uint64_t file_bytes;
    DatCpu *cpus;
    uint32_t cpu_slots;
    DatPending pending[BATCH_PAGES];
    uint32_t pending_cpus[BATCH_PAGES];
    uint32_t pending_count;
    uint32_t pending_cpu_count;
    uint8_t *zeros; /* page_bytes */
};

static void dat_text_free(gpointer data)
{
    DatText *text = data;

    g_free(text->name);
    g_clear_pointer(&text->bytes, g_byte_array_unref);
    g_free(text);
}

static void dat_system_free(gpointer data)
{
    DatSystem *system = data;

    g_free(system->name);
    g_ptr_array_unref(system->formats);
    g_free(system);
}

/* A guest's string, harmless wherever it is shown. */
static char *clean_string(const char *string)
{
    char *clean = g_strdup(string);

    for (char *p = clean; *p; p++) {
        if (!g_ascii_isgraph(*p)) {
            *p = '_';
        }
    }
    return clean;
}

DatWriter *dat_writer_new(const TraceHello *hello, const Limits *limits)
{
    DatWriter *writer = g_new0(DatWriter, 1);

    writer->limits = limits;
    writer->hello = *hello;
    writer->clock = clean_string(hello->clock);
    g_strdelimit(writer->clock, "[]", '_');
    writer->texts =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, dat_text_free);
    writer->systems = g_ptr_array_new_with_free_func(dat_system_free);
    writer->stats = g_string_new(NULL);
    writer->notes = g_ptr_array_new_with_free_func(g_free);
    writer->fd = -1;
    writer->zeros = g_malloc0(hello->page_bytes);
    return writer;
}

void dat_writer_free(DatWriter *writer)
{
    if (!writer) {
        return;
    }
    g_free(writer->clock);
    g_ptr_array_unref(writer->systems);
    g_hash_table_unref(writer->texts);
    g_string_free(writer->stats, TRUE);
    g_ptr_array_unref(writer->notes);
    g_free(writer->cpus);
    g_free(writer->zeros);
    g_free(writer);
}

uint64_t dat_writer_bytes(const DatWriter *writer)
{
    return writer->file_bytes;
}

const GPtrArray *dat_writer_notes(const DatWriter *writer)
{
    return writer->notes;
}

/* Texts */

static uint64_t text_limit_bytes(const Limits *limits, TraceMetaKind kind)
{
    switch (kind) {
    case TRACE_META_HEADER_PAGE:
    case TRACE_META_HEADER_EVENT:
        return DAT_MAX_HEADER_BYTES;
    case TRACE_META_EVENT_FORMAT:
        return limits->format_bytes;
    case TRACE_META_KALLSYMS:
        return limits->kallsyms_bytes;
    case TRACE_META_PRINTK_FORMATS:
        return limits->printk_bytes;
    case TRACE_META_CMDLINES:
        return limits->cmdlines_bytes;
    case TRACE_META_TRACE_CLOCK:
        return DAT_MAX_CLOCK_BYTES;
    case TRACE_META_FREEZE: /* no text */
        break;
    }
    return 0;
}

/* Why a text of more than text_limit_bytes() is left out. */
static const char *too_long_text(TraceMetaKind kind)
{
    switch (kind) {
    case TRACE_META_EVENT_FORMAT:
        return "it is " LIMIT_ABOVE("format-size");
    case TRACE_META_KALLSYMS:
        return "it is " LIMIT_ABOVE("kallsyms-size");
    case TRACE_META_PRINTK_FORMATS:
        return "it is " LIMIT_ABOVE("printk-size");
    case TRACE_META_CMDLINES:
        return "it is " LIMIT_ABOVE("cmdlines-size");
    default:
        return "it is longer than it can be";
    }
}

/* Hostile streams can have many: the first few are told, the rest counted. */
static void refuse(DatWriter *writer, const char *what, const char *why)
{
    g_autofree char *clean = clean_string(what);

    if (writer->refused_count++ < 3) {
        g_ptr_array_add(writer->notes,
                        g_strdup_printf("The text %.*s was left out: %s.",
                                        MAX_SHOWN_NAME, clean, why));
    }
}

static gboolean is_proper_name(const char *name, size_t size)
{
    if (size == 0) {
        return FALSE;
    }
    for (size_t i = 0; i < size; i++) {
        if (!g_ascii_isalnum(name[i]) && !strchr("_.-", name[i])) {
            return FALSE;
        }
    }
    return TRUE;
}

/* NULL if there are too many. */
static DatSystem *find_system(DatWriter *writer, const char *name, size_t size)
{
    for (guint i = 0; i < writer->systems->len; i++) {
        DatSystem *system = g_ptr_array_index(writer->systems, i);

        if (strncmp(system->name, name, size) == 0 && !system->name[size]) {
            return system;
        }
    }

    if (writer->systems->len == writer->limits->systems) {
        return NULL;
    }

    DatSystem *system = g_new0(DatSystem, 1);

    system->name = g_strndup(name, size);
    system->formats = g_ptr_array_new();
    g_ptr_array_add(writer->systems, system);
    return system;
}

/* Returns why it can't be, or NULL. */
static const char *add_event(DatWriter *writer, DatText *text)
{
    const char *slash = strchr(text->name, '/');

    if (!slash || !is_proper_name(text->name, (size_t)(slash - text->name)) ||
        !is_proper_name(slash + 1, strlen(slash + 1))) {
        return "it has no proper event name";
    }
    if ((size_t)(slash - text->name) > writer->limits->name_bytes ||
        strlen(slash + 1) > writer->limits->name_bytes) {
        return "its name is " LIMIT_ABOVE("name-size");
    }
    if (writer->event_count == writer->limits->events) {
        return "the number of events is " LIMIT_ABOVE("events");
    }

    DatSystem *system =
        find_system(writer, text->name, (size_t)(slash - text->name));

    if (!system) {
        return "the number of systems is " LIMIT_ABOVE("systems");
    }
    writer->event_count++;
    g_ptr_array_add(system->formats, text);
    return NULL;
}

static const char *kind_name(TraceMetaKind kind)
{
    switch (kind) {
    case TRACE_META_HEADER_PAGE:
        return "header_page";
    case TRACE_META_HEADER_EVENT:
        return "header_event";
    case TRACE_META_EVENT_FORMAT:
        return "";
    case TRACE_META_KALLSYMS:
        return "kallsyms";
    case TRACE_META_PRINTK_FORMATS:
        return "printk_formats";
    case TRACE_META_CMDLINES:
        return "saved_cmdlines";
    case TRACE_META_TRACE_CLOCK:
        return "trace_clock";
    case TRACE_META_FREEZE:
        break;
    }
    return NULL;
}

static void refuse_text(DatWriter *writer, DatText *text, const char *why)
{
    writer->text_bytes -= text->bytes->len;
    g_clear_pointer(&text->bytes, g_byte_array_unref);
    refuse(writer, text->name, why);
}

/* NULL when it was refused before. */
static DatText *find_text(DatWriter *writer, TraceMetaKind kind,
                          const char *name)
{
    DatText *text = g_hash_table_lookup(writer->texts, name);
    const char *why = NULL;

    if (text) {
        return text->bytes ? text : NULL;
    }
    /* Else the names alone could fill the memory. */
    if (g_hash_table_size(writer->texts) > 2 * writer->limits->events) {
        refuse(writer, name, "the number of events is " LIMIT_ABOVE("events"));
        return NULL;
    }
    text = g_new0(DatText, 1);
    text->name = g_strdup(name);
    text->bytes = g_byte_array_new();
    g_hash_table_insert(writer->texts, g_strdup(name), text);
    if (kind == TRACE_META_EVENT_FORMAT) {
        why = add_event(writer, text);
    }
    if (why) {
        refuse_text(writer, text, why);
        return NULL;
    }
    return text;
}

void dat_writer_add_text(DatWriter *writer, TraceMetaKind kind,
                         const char *name, const char *text_piece,
                         size_t text_bytes)
{
    const char *key = kind_name(kind);

    if (!key) {
        return;
    }
    /* Event names have a slash, so that no two kinds share a key. */
    if (kind == TRACE_META_EVENT_FORMAT) {
        key = name;
        if (!strchr(name, '/')) {
            refuse(writer, name, "it has no proper event name");
            return;
        }
        if (strlen(name) > 2 * writer->limits->name_bytes + 1) {
            refuse(writer, name, "its name is " LIMIT_ABOVE("name-size"));
            return;
        }
    }

    DatText *text = find_text(writer, kind, key);

    if (!text || text_bytes == 0) {
        return;
    }
    if (writer->text_bytes + text_bytes > writer->limits->text_bytes) {
        refuse_text(writer, text,
                    "all texts together are " LIMIT_ABOVE("text-size"));
    } else if (text->bytes->len + text_bytes >
               text_limit_bytes(writer->limits, kind)) {
        refuse_text(writer, text, too_long_text(kind));
    } else if (memchr(text_piece, '\0', text_bytes)) {
        refuse_text(writer, text, "it is not a text");
    } else {
        g_byte_array_append(text->bytes, (const guint8 *)text_piece,
                            (guint)text_bytes);
        writer->text_bytes += text_bytes;
    }
}

void dat_writer_add_stats(DatWriter *writer, const TraceCpuStats *stats)
{
    /* As the kernel prints per_cpu/cpuN/stats. */
    g_string_append_printf(writer->stats,
                           "CPU: %" PRIu32 "\nentries: %" PRIu64
                           "\noverrun: %" PRIu64 "\ncommit overrun: %" PRIu64
                           "\ndropped events: %" PRIu64
                           "\nread events: %" PRIu64 "\n\n",
                           stats->cpu, stats->unread_events,
                           stats->overrun_events, stats->commit_overrun_events,
                           stats->dropped_events, stats->read_events);
}

/* The head; little-endian like the stream, see stream-decode.c */

static void put(GByteArray *head, const void *bytes, size_t size)
{
    g_byte_array_append(head, bytes, (guint)size);
}

static void put_u16(GByteArray *head, uint16_t value)
{
    put(head, &value, sizeof(value));
}

static void put_u32(GByteArray *head, uint32_t value)
{
    put(head, &value, sizeof(value));
}

static void put_u64(GByteArray *head, uint64_t value)
{
    put(head, &value, sizeof(value));
}

static void put_string(GByteArray *head, const char *string)
{
    put(head, string, strlen(string) + 1);
}

/* The text, or NULL when there is none that could be used. */
static GByteArray *get_text(DatWriter *writer, TraceMetaKind kind)
{
    DatText *text = g_hash_table_lookup(writer->texts, kind_name(kind));

    return text && text->bytes && text->bytes->len > 0 ? text->bytes : NULL;
}

static char *default_header_page(const TraceHello *hello)
{
    unsigned data = 8 + hello->long_bytes;

    return g_strdup_printf("\tfield: u64 timestamp;\toffset:0;\tsize:8;"
                           "\tsigned:0;\n"
                           "\tfield: local_t commit;\toffset:8;\tsize:%u;"
                           "\tsigned:1;\n"
                           "\tfield: int overwrite;\toffset:8;\tsize:1;"
                           "\tsigned:1;\n"
                           "\tfield: char data;\toffset:%u;\tsize:%u;"
                           "\tsigned:1;\n",
                           hello->long_bytes, data, hello->page_bytes - data);
}

static void put_header_text(DatWriter *writer, GByteArray *head,
                            TraceMetaKind kind, const char *default_text)
{
    GByteArray *text = get_text(writer, kind);

    put_string(head, kind_name(kind));
    if (text) {
        put_u64(head, text->len);
        put(head, text->data, text->len);
        return;
    }
    g_ptr_array_add(writer->notes,
                    g_strdup_printf("The stream has no %s: the usual one "
                                    "was put in its place.",
                                    kind_name(kind)));
    put_u64(head, strlen(default_text));
    put(head, default_text, strlen(default_text));
}

static guint count_formats(const DatSystem *system)
{
    guint count = 0;

    for (guint i = 0; i < system->formats->len; i++) {
        const DatText *text = g_ptr_array_index(system->formats, i);

        count += text->bytes && text->bytes->len > 0;
    }
    return count;
}

static void put_formats(GByteArray *head, const DatSystem *system)
{
    put_u32(head, system ? count_formats(system) : 0);
    for (guint i = 0; system && i < system->formats->len; i++) {
        const DatText *text = g_ptr_array_index(system->formats, i);

        if (text->bytes && text->bytes->len > 0) {
            put_u64(head, text->bytes->len);
            put(head, text->bytes->data, text->bytes->len);
        }
    }
}

static void put_events(DatWriter *writer, GByteArray *head)
{
    const DatSystem *ftrace = NULL;
    g_autoptr(GPtrArray) others = g_ptr_array_new();

    for (guint i = 0; i < writer->systems->len; i++) {
        DatSystem *system = g_ptr_array_index(writer->systems, i);

        if (g_str_equal(system->name, "ftrace")) {
            ftrace = system;
        } else if (count_formats(system) > 0) {
            g_ptr_array_add(others, system);
        }
    }
    put_formats(head, ftrace);
    put_u32(head, others->len);
    for (guint i = 0; i < others->len; i++) {
        const DatSystem *system = g_ptr_array_index(others, i);

        put_string(head, system->name);
        put_formats(head, system);
    }
    if (writer->event_count == 0) {
        g_ptr_array_add(writer->notes,
                        g_strdup("The stream has no event formats: its "
                                 "events cannot be named."));
    }
}

static void put_text_u32(DatWriter *writer, GByteArray *head,
                         TraceMetaKind kind)
{
    GByteArray *text = get_text(writer, kind);

    put_u32(head, text ? text->len : 0);
    if (text) {
        put(head, text->data, text->len);
    }
}

/* "PID COMM", or pid -1. */
static int parse_cmdline(const char *line, const char **comm)
{
    char *end;
    guint64 pid = g_ascii_strtoull(line, &end, 10);

    if (!g_ascii_isdigit(line[0]) || *end != ' ' || !end[1] || pid > G_MAXINT) {
        return -1;
    }
    *comm = end + 1;
    return (int)pid;
}

static gint compare_ints(gconstpointer a, gconstpointer b)
{
    return GPOINTER_TO_INT(a) - GPOINTER_TO_INT(b);
}

/* Readers take either one of two lines for a PID, so there must be one. */
static GHashTable *last_cmdlines(GByteArray *text)
{
    GHashTable *comms = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    g_autofree char *string = g_strndup((const char *)text->data, text->len);

    for (char *line = string, *next; line && *line; line = next) {
        const char *comm;
        int pid;

        next = strchr(line, '\n');
        if (next) {
            *next++ = '\0';
        }
        pid = parse_cmdline(line, &comm);
        if (pid >= 0) {
            char *clean = g_strndup(comm, 63);

            for (char *p = clean; *p; p++) {
                if (g_ascii_iscntrl(*p)) {
                    *p = '?';
                }
            }
            g_hash_table_replace(comms, GINT_TO_POINTER(pid), clean);
        }
    }
    return comms;
}

static void put_cmdlines(DatWriter *writer, GByteArray *head)
{
    GByteArray *text = get_text(writer, TRACE_META_CMDLINES);
    g_autoptr(GString) lines = g_string_new(NULL);

    if (text) {
        g_autoptr(GHashTable) comms = last_cmdlines(text);
        GList *pids = g_list_sort(g_hash_table_get_keys(comms), compare_ints);

        for (GList *pid = pids; pid; pid = pid->next) {
            g_string_append_printf(lines, "%d %s\n", GPOINTER_TO_INT(pid->data),
                                   (char *)g_hash_table_lookup(comms,
                                                               pid->data));
        }
        g_list_free(pids);
    }
    put_u64(head, lines->len);
    put(head, lines->str, lines->len);
}

static void put_option(GByteArray *head, uint16_t id, const void *bytes,
                       size_t size)
{
    put_u16(head, id);
    put_u32(head, (uint32_t)size);
    put(head, bytes, size);
}

/* With its NUL: some readers take these for C strings. */
static void put_string_option(GByteArray *head, uint16_t id, const char *string)
{
    put_option(head, id, string, strlen(string) + 1);
}

static void put_clock_option(DatWriter *writer, GByteArray *head)
{
    GByteArray *text = get_text(writer, TRACE_META_TRACE_CLOCK);
    g_autofree char *chosen = g_strdup_printf("[%s]", writer->clock);
    g_autofree char *clocks =
        text ? g_strndup((const char *)text->data, text->len) : NULL;
    gboolean plain = clocks != NULL;

    for (char *p = clocks; p && *p; p++) {
        plain = plain && (g_ascii_isprint(*p) || *p == '\n');
    }
    /* The stream's text is used only if it says what its HELLO says. */
    if (plain && strchr(clocks, '[') == strstr(clocks, chosen)) {
        put_string_option(head, DAT_OPTION_TRACECLOCK, clocks);
    } else {
        put_string_option(head, DAT_OPTION_TRACECLOCK, chosen);
    }
}

static void put_guest_option(GByteArray *head, const DatGuest *guest)
{
    g_autoptr(GByteArray) option = g_byte_array_new();
    guint count = guest->threads ? guest->threads->len : 0;

    put_string(option, guest->name);
    put_u64(option, guest->trace_id);
    put_u32(option, count);
    for (guint i = 0; i < count; i++) {
        put_u32(option, i);
        put_u32(option, (uint32_t)g_array_index(guest->threads, int32_t, i));
    }
    put_option(head, DAT_OPTION_GUEST, option->data, option->len);
}

static gint compare_shifts(gconstpointer a, gconstpointer b)
{
    const DatTimeShift *first = a;
    const DatTimeShift *second = b;

    return (first->from_guest_ticks > second->from_guest_ticks) -
           (first->from_guest_ticks < second->from_guest_ticks);
}

/*
 * trace-cmd always applies the first of two samples, and the last but one
 * past the end of more: so the last one is given twice.  It sorts by time.
 */
static GArray *time_shift_samples(const GArray *shifts)
{
    GArray *samples = g_array_new(FALSE, FALSE, sizeof(DatTimeShift));
    DatTimeShift none = {0};

    if (!shifts || shifts->len == 0) {
        g_array_append_val(samples, none);
        return samples;
    }
    g_array_append_vals(samples, shifts->data, shifts->len);
    if (samples->len > 1) {
        g_array_sort(samples, compare_shifts);

        DatTimeShift last =
            g_array_index(samples, DatTimeShift, samples->len - 1);

        last.from_guest_ticks++;
        g_array_append_val(samples, last);
    }
    return samples;
}

/* One array after the other, not one record after the other. */
static void put_time_shift_cpu(GByteArray *option, const GArray *samples)
{
    put_u32(option, samples->len);
    for (guint i = 0; i < samples->len; i++) {
        put_u64(option,
                g_array_index(samples, DatTimeShift, i).from_guest_ticks);
    }
    for (guint i = 0; i < samples->len; i++) {
        put_u64(option,
                (uint64_t)g_array_index(samples, DatTimeShift, i).offset_ticks);
    }
    for (guint i = 0; i < samples->len; i++) {
        put_u64(option, 1); /* scaling */
    }
}

static void put_time_shift_option(GByteArray *head, const DatOptions *options)
{
    g_autoptr(GByteArray) option = g_byte_array_new();
    g_autoptr(GByteArray) fractions = g_byte_array_new();

    put_u64(option, options->peer_trace_id);
    put_u32(option, 0); /* flags: don't interpolate */
    put_u32(option, options->time_shifts->len);
    for (guint i = 0; i < options->time_shifts->len; i++) {
        g_autoptr(GArray) samples =
            time_shift_samples(g_ptr_array_index(options->time_shifts, i));

        put_time_shift_cpu(option, samples);
        for (guint j = 0; j < samples->len; j++) {
            put_u64(fractions, 0);
        }
    }
    /* Not in the man page, but trace-cmd reads and writes it. */
    put(option, fractions->data, fractions->len);
    put_option(head, DAT_OPTION_TIME_SHIFT, option->data, option->len);
}

/* The options that put the file on the session's time line. */
static void put_time_options(DatWriter *writer, GByteArray *head,
                             const DatOptions *options)
{
    if (!g_str_equal(writer->hello.clock, TSC_CLOCK)) {
        g_ptr_array_add(
            writer->notes,
            g_strdup_printf("The stream's clock is %s, not " TSC_CLOCK
                            ": it cannot be synchronised.",
                            writer->clock));
        return;
    }
    if (options->tsc_mult != 0) {
        g_autoptr(GByteArray) option = g_byte_array_new();

        put_u32(option, options->tsc_mult);
        put_u32(option, options->tsc_shift);
        put_u64(option, 0); /* offset */
        put_option(head, DAT_OPTION_TSC2NSEC, option->data, option->len);
    }
    if (options->time_shifts && options->time_shifts->len > 0) {
        put_time_shift_option(head, options);
    }
}

static void put_options(DatWriter *writer, GByteArray *head,
                        const DatOptions *options)
{
    /* Below 2^63, as session.json has them. */
    uint64_t trace_id =
        (options->trace_id ? options->trace_id : writer->hello.trace_id) &
        INT64_MAX;
    g_autofree char *hostname = clean_string(writer->hello.hostname);
    g_autofree char *release = clean_string(writer->hello.release);
    g_autofree char *uname = g_strdup_printf("Linux %s %s", hostname, release);

    put(head, "options  ", 10);
    put_time_options(writer, head, options);
    put_clock_option(writer, head);
    put_string_option(head, DAT_OPTION_UNAME, uname);
    put_string_option(head, DAT_OPTION_VERSION,
                      "qemu-trace-merge " PROJECT_VERSION);
    put_option(head, DAT_OPTION_TRACEID, &trace_id, sizeof(trace_id));
    for (guint i = 0; options->guests && i < options->guests->len; i++) {
        put_guest_option(head, g_ptr_array_index(options->guests, i));
    }
    if (writer->stats->len > 0) {
        put_string_option(head, DAT_OPTION_CPUSTAT, writer->stats->str);
    }
    put_u16(head, DAT_OPTION_DONE);
}

/* The table of CPU data, what follows it, and the gap up to the first page. */
static void put_cpu_table(DatWriter *writer, GByteArray *head,
                          const uint64_t *pages)
{
    g_autofree char *clock = g_strdup_printf("[%s]", writer->clock);
    uint64_t page_bytes = writer->hello.page_bytes;
    uint64_t head_bytes =
        head->len + writer->cpu_slots * 16u + 8 + strlen(clock);
    uint64_t offset = (head_bytes + page_bytes - 1) & ~(page_bytes - 1);
    uint64_t gap_bytes = offset - head_bytes;

    writer->cpus = g_new0(DatCpu, writer->cpu_slots);
    for (uint32_t i = 0; i < writer->cpu_slots; i++) {
        DatCpu *cpu = &writer->cpus[i];

        put_u64(head, offset);
        put_u64(head, pages[i] * page_bytes);
        cpu->next_offset_bytes = offset;
        offset += pages[i] * page_bytes;
        cpu->end_offset_bytes = offset;
        cpu->first_pending = NO_PAGE;
    }
    writer->file_bytes = offset;
    put_u64(head, strlen(clock));
    put(head, clock, strlen(clock));
    put(head, writer->zeros, gap_bytes);
}

static GByteArray *make_head(DatWriter *writer, const DatOptions *options,
                             const uint64_t *pages)
{
    GByteArray *head = g_byte_array_new();
    g_autofree char *header_page = default_header_page(&writer->hello);

    put(head, "\x17\x08\x44tracing6", 12);
    put(head, "\0", 1); /* little-endian */
    put(head, &(uint8_t){(uint8_t)writer->hello.long_bytes}, 1);
    put_u32(head, writer->hello.page_bytes);
    put_header_text(writer, head, TRACE_META_HEADER_PAGE, header_page);
    put_header_text(writer, head, TRACE_META_HEADER_EVENT,
                    DEFAULT_HEADER_EVENT);
    put_events(writer, head);
    put_text_u32(writer, head, TRACE_META_KALLSYMS);
    put_text_u32(writer, head, TRACE_META_PRINTK_FORMATS);
    put_cmdlines(writer, head);
    put_u32(head, writer->cpu_slots);
    put_options(writer, head, options);
    put(head, "flyrecord", 10);
    put_cpu_table(writer, head, pages);
    return head;
}

/* Writing */

static gboolean throw_write(GError **error)
{
    int code = errno;

    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(code),
                "Cannot write the trace.dat file: %s; free some space and "
                "make it again from the stream.",
                strerror(code));
    return FALSE;
}

static gboolean write_all(int fd, struct iovec *pieces, int count,
                          uint64_t offset_bytes, GError **error)
{
    while (count > 0) {
        ssize_t written = pwritev(fd, pieces, count, (off_t)offset_bytes);

        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            errno = written < 0 ? errno : ENOSPC;
            return throw_write(error);
        }
        offset_bytes += (uint64_t)written;
        while (count > 0 && (size_t)written >= pieces->iov_len) {
            written -= (ssize_t)pieces->iov_len;
            pieces++;
            count--;
        }
        if (count > 0) {
            pieces->iov_base = (uint8_t *)pieces->iov_base + written;
            pieces->iov_len -= (size_t)written;
        }
    }
    return TRUE;
}

static gboolean throw_too_large(const DatWriter *writer, GError **error)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC,
                "its trace.dat file needs %.1f MiB, but the disk has %.1f MiB "
                "more than is to stay free: make room, or lower --limit "
                "keep-free, and run 'qemu-trace-merge recover'",
                (double)writer->file_bytes / BYTES_PER_MIB,
                (double)writer->limits->output_bytes / BYTES_PER_MIB);
    return FALSE;
}

gboolean dat_writer_start(DatWriter *writer, int fd, const DatOptions *options,
                          const uint64_t *pages, uint32_t cpu_slots,
                          GError **error)
{
    writer->fd = fd;
    writer->cpu_slots = cpu_slots;

    g_autoptr(GByteArray) head = make_head(writer, options, pages);
    struct iovec piece = {head->data, head->len};

    if (writer->refused_count > 3) {
        g_ptr_array_add(writer->notes,
                        g_strdup_printf("%u more texts were left out.",
                                        writer->refused_count - 3));
    }
    if (writer->file_bytes > writer->limits->output_bytes) {
        return throw_too_large(writer, error);
    }
    return write_all(fd, &piece, 1, 0, error);
}

static gboolean flush_cpu(DatWriter *writer, DatCpu *cpu, GError **error)
{
    struct iovec pieces[2 * BATCH_PAGES];
    uint64_t offset_bytes = cpu->next_offset_bytes;
    int count = 0;

    for (uint32_t i = cpu->first_pending; i != NO_PAGE;
         i = writer->pending[i].next) {
        const DatPending *page = &writer->pending[i];
        uint32_t rest_bytes = writer->hello.page_bytes - page->size;

        pieces[count++] = (struct iovec){(void *)page->bytes, page->size};
        if (rest_bytes > 0) {
            pieces[count++] = (struct iovec){writer->zeros, rest_bytes};
        }
        cpu->next_offset_bytes += writer->hello.page_bytes;
    }
    cpu->first_pending = NO_PAGE;
    if (cpu->next_offset_bytes > cpu->end_offset_bytes) {
        g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                            "A CPU has more pages than were counted: the "
                            "stream changed while it was read; try again.");
        return FALSE;
    }
    return write_all(writer->fd, pieces, count, offset_bytes, error);
}

gboolean dat_writer_flush(DatWriter *writer, GError **error)
{
    for (uint32_t i = 0; i < writer->pending_cpu_count; i++) {
        DatCpu *cpu = &writer->cpus[writer->pending_cpus[i]];

        if (!flush_cpu(writer, cpu, error)) {
            return FALSE;
        }
    }
    writer->pending_count = 0;
    writer->pending_cpu_count = 0;
    return TRUE;
}

gboolean dat_writer_add_page(DatWriter *writer, uint32_t cpu_number,
                             const void *page, uint32_t size, GError **error)
{
    if (writer->pending_count == BATCH_PAGES &&
        !dat_writer_flush(writer, error)) {
        return FALSE;
    }
    g_assert(cpu_number < writer->cpu_slots);
    g_assert(size <= writer->hello.page_bytes);

    DatCpu *cpu = &writer->cpus[cpu_number];
    uint32_t index = writer->pending_count++;

    writer->pending[index] = (DatPending){page, size, NO_PAGE};
    if (cpu->first_pending == NO_PAGE) {
        cpu->first_pending = index;
        writer->pending_cpus[writer->pending_cpu_count++] = cpu_number;
    } else {
        writer->pending[cpu->last_pending].next = index;
    }
    cpu->last_pending = index;
    return TRUE;
}
