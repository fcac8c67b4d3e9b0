/*
 * EventTable: a file's event types, and access to their fields.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/event-table.h"

#include <string.h>
#include <traceevent/event-parse.h>
#include <traceevent/trace-seq.h>

#include "trace-data/event-tep.h"

struct EventTable {
    gatomicrefcount refs;
    struct tep_handle *tep;
    struct tep_plugin_list *plugins;
    struct trace_seq seq; /* reused for every line */
    uint8_t *record;      /* RECORD_BYTES, zero behind the record in hand */
    size_t record_bytes;
    unsigned bad_formats;
    GHashTable *stack_ids; /* events whose text has lines of its own */
    GHashTable *guests;    /* vCPU thread id -> EventTable, not owned */
    EventType **types;     /* by event id, made when first asked for */
};

/*
 * The kvm plugin asks for symbols through a function with a fixed name and
 * without user data, so the tables must be found by their tep_handle.
 */
static GHashTable *tables_by_tep;

/* Called by plugin_kvm.so of libtraceevent, in place of its own. */
const char *tep_plugin_kvm_get_func(struct tep_event *event,
                                    struct tep_record *record,
                                    unsigned long long *val)
{
    EventTable *host = g_hash_table_lookup(tables_by_tep, event->tep);
    int pid = tep_data_pid(event->tep, record);
    EventTable *guest =
        host ? g_hash_table_lookup(host->guests, GINT_TO_POINTER(pid)) : NULL;
    const char *name = guest ? tep_find_function(guest->tep, *val) : NULL;

    if (name) {
        *val = tep_find_function_address(guest->tep, *val);
    }
    return name;
}

struct tep_handle *event_table_tep(const EventTable *table)
{
    return table->tep;
}

void event_table_set_guest(EventTable *host, int32_t vcpu_thread_id,
                           EventTable *guest)
{
    g_hash_table_insert(host->guests, GINT_TO_POINTER(vcpu_thread_id), guest);
}

/* Width to which trace-cmd report pads an event's name. */
#define NAME_WIDTH 20

/*
 * libtraceevent reads fields where the format says they are, without asking
 * how long the record is.  A __data_loc word addresses no more than this.
 */
#define RECORD_BYTES (2u << 16)

/* Every record starts with the event's id: struct trace_entry. */
#define COMMON_TYPE_BYTES 2
#define MAX_EVENT_IDS     65536

/* A GBytes as the mutable, NUL-terminated string that libtraceevent wants. */
static char *text_dup(GBytes *text)
{
    gsize size;
    const char *data = text ? g_bytes_get_data(text, &size) : NULL;

    return data ? g_strndup(data, size) : NULL;
}

static bool is_text(const char *text, gsize size)
{
    for (gsize i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c < 0x20 && c != '\t' && c != '\n') || c >= 0x7f) {
            return false;
        }
    }
    return true;
}

/*
 * libtraceevent 1.7 takes the token after the '[' of a field without asking
 * whether there is one (event_read_fields() in event-parse.c), and dies at
 * the text's end or at a character that no C text has.
 */
static bool format_is_sound(const char *text, gsize size)
{
    const char *print_fmt = g_strstr_len(text, (gssize)size, "\nprint fmt:");
    gsize fields_size = print_fmt ? (gsize)(print_fmt - text) : size;
    bool is_open = false;

    if (!is_text(text, size)) {
        return false;
    }
    for (gsize i = 0; i < fields_size; i++) {
        if (text[i] == '\n' && is_open) {
            return false;
        }
        is_open = text[i] == '[' || (is_open && text[i] != ']');
    }
    return !is_open;
}

static void parse_formats(EventTable *table, GPtrArray *formats)
{
    for (guint i = 0; formats && i < formats->len; i++) {
        const DatFormat *format = formats->pdata[i];
        gsize size;
        const char *text = g_bytes_get_data(format->text, &size);

        if (!format_is_sound(text, size) ||
            tep_parse_event(table->tep, text, size, format->system) != 0) {
            table->bad_formats++;
        }
    }
}

static void note_stack_events(EventTable *table)
{
    static const char *const names[] = {"kernel_stack", "user_stack"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        int id = event_table_find(table, "ftrace", names[i]);

        if (id != EVENT_ID_NONE) {
            g_hash_table_add(table->stack_ids, GINT_TO_POINTER(id));
        }
    }
}

EventTable *event_table_new(const DatFile *dat)
{
    const DatMetadata *metadata = &dat->metadata;
    EventTable *table = g_new0(EventTable, 1);
    g_autofree char *header_page = text_dup(metadata->header_page);
    g_autofree char *kallsyms = text_dup(metadata->kallsyms);
    g_autofree char *printk_formats = text_dup(metadata->printk_formats);
    g_autofree char *cmdlines = text_dup(metadata->cmdlines);

    g_atomic_ref_count_init(&table->refs);
    tep_set_loglevel(TEP_LOG_NONE);
    table->tep = tep_alloc();
    table->stack_ids = g_hash_table_new(NULL, NULL);
    table->guests = g_hash_table_new(NULL, NULL);
    if (!tables_by_tep) {
        tables_by_tep = g_hash_table_new(NULL, NULL);
    }
    g_hash_table_insert(tables_by_tep, table->tep, table);
    trace_seq_init(&table->seq);
    table->record = g_malloc0(RECORD_BYTES);
    table->types = g_new0(EventType *, MAX_EVENT_IDS);
    tep_set_long_size(table->tep, (int)dat->long_bytes);
    tep_set_page_size(table->tep, (int)dat->page_bytes);
    tep_set_cpus(table->tep, (int)dat->cpus->len);
    table->plugins = tep_load_plugins(table->tep);
    if (header_page) {
        tep_parse_header_page(table->tep, header_page, strlen(header_page),
                              (int)dat->long_bytes);
    }
    parse_formats(table, metadata->formats);
    if (kallsyms) {
        tep_parse_kallsyms(table->tep, kallsyms);
    }
    if (printk_formats) {
        tep_parse_printk_formats(table->tep, printk_formats);
    }
    if (cmdlines) {
        tep_parse_saved_cmdlines(table->tep, cmdlines);
    }
    note_stack_events(table);
    return table;
}

EventTable *event_table_ref(EventTable *table)
{
    g_atomic_ref_count_inc(&table->refs);
    return table;
}

void event_table_unref(EventTable *table)
{
    if (!table || !g_atomic_ref_count_dec(&table->refs)) {
        return;
    }
    trace_seq_destroy(&table->seq);
    g_hash_table_remove(tables_by_tep, table->tep);
    g_hash_table_unref(table->guests);
    tep_unload_plugins(table->plugins, table->tep);
    tep_free(table->tep);
    g_hash_table_unref(table->stack_ids);
    for (int i = 0; i < MAX_EVENT_IDS; i++) {
        event_type_free(table->types[i]);
    }
    g_free(table->types);
    g_free(table->record);
    g_free(table);
}

unsigned event_table_bad_formats(const EventTable *table)
{
    return table->bad_formats;
}

int event_table_find(const EventTable *table, const char *system,
                     const char *name)
{
    struct tep_event *event = tep_find_event_by_name(table->tep, system, name);

    return event ? event->id : EVENT_ID_NONE;
}

static EventField field_of(const struct tep_format_field *field)
{
    if (!field) {
        return (EventField){.offset_bytes = -1};
    }
    return (EventField){
        .offset_bytes = field->offset,
        .size_bytes = field->size,
        .is_signed = field->flags & TEP_FIELD_IS_SIGNED,
    };
}

EventField event_table_field(const EventTable *table, int event_id,
                             const char *field)
{
    struct tep_event *event = tep_find_event(table->tep, event_id);

    return field_of(event ? tep_find_any_field(event, field) : NULL);
}

EventField event_table_pid_field(const EventTable *table)
{
    struct tep_event *event = tep_get_first_event(table->tep);

    return field_of(event ? tep_find_common_field(event, "common_pid") : NULL);
}

const EventType *event_table_type(EventTable *table, int event_id)
{
    EventType *type, *made;
    struct tep_event *event;

    if (event_id < 0 || event_id >= MAX_EVENT_IDS) {
        return NULL;
    }
    type = g_atomic_pointer_get(&table->types[event_id]);
    if (type) {
        return type;
    }
    event = tep_find_event(table->tep, event_id);
    if (!event) {
        return NULL;
    }
    made = event_type_new(event);
    if (g_atomic_pointer_compare_and_exchange(&table->types[event_id], NULL,
                                              made)) {
        return made;
    }
    event_type_free(made); /* another thread was faster */
    return g_atomic_pointer_get(&table->types[event_id]);
}

const char *event_table_comm(const EventTable *table, int32_t pid)
{
    return tep_data_comm_from_pid(table->tep, pid);
}

int event_record_id(const uint8_t *data, size_t size_bytes)
{
    uint16_t id;

    if (size_bytes < COMMON_TYPE_BYTES) {
        return EVENT_ID_NONE;
    }
    memcpy(&id, data, sizeof(id));
    return id;
}

/*
 * What a guest wrote must not steer a terminal, nor look like a line of
 * another machine.
 */
static void append_escaped(GString *line, const char *text, size_t size,
                           bool keep_newlines)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '\t' || (c == '\n' && keep_newlines) ||
            (c >= 0x20 && c != 0x7f)) {
            g_string_append_c(line, (char)c);
        } else if (c == '\n') {
            g_string_append(line, "\\n");
        } else {
            g_string_append_printf(line, "\\x%02x", c);
        }
    }
}

static const char *time_format(const EventTextStyle *style)
{
    if (!style->has_ns) {
        return " %12d:";
    }
    return style->full_ns ? " %9.1d:" : " %6.1000d:";
}

static void append_name(struct trace_seq *seq, const struct tep_event *event,
                        const char *insert)
{
    trace_seq_printf(seq, "%s %s: %*s", insert, event->name,
                     MAX(0, NAME_WIDTH - (int)strlen(event->name)), "");
}

/* A short record, as a hostile guest makes it, must not show what is behind. */
static uint8_t *padded(EventTable *table, const uint8_t *data,
                       size_t size_bytes)
{
    size_t size = MIN(size_bytes, RECORD_BYTES);

    memcpy(table->record, data, size);
    if (size < table->record_bytes) {
        memset(table->record + size, 0, table->record_bytes - size);
    }
    table->record_bytes = size;
    return table->record;
}

void event_table_print(EventTable *table, GString *line,
                       const EventTextStyle *style, const char *insert,
                       unsigned cpu, uint64_t time, const uint8_t *data,
                       size_t size_bytes)
{
    struct trace_seq *seq = &table->seq;
    struct tep_record record = {
        .ts = time,
        .size = (int)MIN(size_bytes, RECORD_BYTES),
        .data = padded(table, data, size_bytes),
        .cpu = (int)cpu,
    };
    int id = event_record_id(data, size_bytes);
    struct tep_event *event =
        id == EVENT_ID_NONE ? NULL : tep_find_event(table->tep, id);
    size_t size;

    if (!event) {
        g_string_append_printf(line, "[%03u] unknown event %d of %zu bytes",
                               cpu, id, size_bytes);
        return;
    }
    trace_seq_reset(seq);
    tep_print_event(table->tep, seq, &record, "%16s-%-5d [%03d]",
                    TEP_PRINT_COMM, TEP_PRINT_PID, TEP_PRINT_CPU);
    tep_print_event(table->tep, seq, &record, " %s", TEP_PRINT_LATENCY);
    tep_print_event(table->tep, seq, &record, time_format(style),
                    TEP_PRINT_TIME);
    append_name(seq, event, insert);
    tep_print_event(table->tep, seq, &record, "%s", TEP_PRINT_INFO);
    trace_seq_terminate(seq);
    size = seq->len;
    if (size > 0 && seq->buffer[size - 1] == '\n') {
        size--;
    }
    append_escaped(line, seq->buffer, size,
                   g_hash_table_contains(table->stack_ids,
                                         GINT_TO_POINTER(id)));
}
