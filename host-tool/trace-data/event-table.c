/*
 * EventTable: a file's event types, and access to their fields.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/event-table.h"

#include <string.h>

#include "trace-data/event-plugins.h"
#include "trace-data/event-table-private.h"
#include "trace-data/event-tep.h"
#include "trace-data/format-check.h"
#include "trace-data/print-compile.h"

/*
 * The kvm plugin asks for symbols through a function with a fixed name and
 * without user data, so the tables must be found by their tep_handle.
 */
static GHashTable *tables_by_tep;

static GMutex library_mutex;

void event_table_lock_library(void)
{
    g_mutex_lock(&library_mutex);
}

void event_table_unlock_library(void)
{
    g_mutex_unlock(&library_mutex);
}

/* Called by plugin_kvm.so of libtraceevent, in place of its own. */
const char *tep_plugin_kvm_get_func(struct tep_event *event,
                                    struct tep_record *record,
                                    unsigned long long *val)
{
    EventTable *host = g_hash_table_lookup(tables_by_tep, event->tep);
    int pid = tep_data_pid(event->tep, record);
    const SymbolTable *guest =
        host ? g_hash_table_lookup(host->guest_symbols, GINT_TO_POINTER(pid))
             : NULL;
    const Symbol *symbol = guest ? symbol_table_find(guest, *val) : NULL;

    if (symbol) {
        *val = symbol->address;
    }
    return symbol ? symbol->name : NULL;
}

/* libtraceevent asks for symbols here, so that it needs none of its own. */
static char *resolve_function(void *data, unsigned long long *address,
                              G_GNUC_UNUSED char **module)
{
    const EventTable *table = data;
    const Symbol *symbol = symbol_table_find(table->symbols, *address);

    if (symbol) {
        *address = symbol->address;
    }
    return symbol ? (char *)symbol->name : NULL;
}

struct tep_handle *event_table_tep(const EventTable *table)
{
    return table->tep;
}

void event_table_set_guest(EventTable *host, int32_t vcpu_thread_id,
                           EventTable *guest)
{
    g_hash_table_insert(host->guest_symbols, GINT_TO_POINTER(vcpu_thread_id),
                        guest->symbols);
}

/* Every record starts with the event's id: struct trace_entry. */
#define COMMON_TYPE_BYTES 2

/* A GBytes as the mutable, NUL-terminated string that libtraceevent wants. */
static char *text_dup(GBytes *text)
{
    gsize size;
    const char *data = text ? g_bytes_get_data(text, &size) : NULL;

    return data ? g_strndup(data, size) : NULL;
}

/*
 * In place of a print format that libtraceevent must not see: a function that
 * it doesn't know, so that it marks the event as one it can't print.
 */
#define NO_PRINT "print fmt: \"%d\", unsound_print_format()\n"

static bool parse_format(EventTable *table, const DatFormat *format,
                         const Limits *limits)
{
    gsize size, print;
    const char *text = g_bytes_get_data(format->text, &size);
    g_autofree char *fields = NULL;

    switch (format_check(text, size, limits, &print)) {
    case FORMAT_BAD:
        return false;
    case FORMAT_BAD_PRINT:
        fields = g_strdup_printf("%.*s%s", (int)print, text, NO_PRINT);
        text = fields;
        size = strlen(fields);
        break;
    case FORMAT_SOUND:
        break;
    }
    return tep_parse_event(table->tep, text, size, format->system) == 0;
}

static void parse_formats(EventTable *table, const DatFile *dat)
{
    GPtrArray *formats = dat->metadata.formats;

    for (guint i = 0; formats && i < formats->len; i++) {
        table->bad_formats +=
            !parse_format(table, formats->pdata[i], dat_file_limits(dat));
    }
}

/* tep_register_print_string(): without the quotes and the newline's escape. */
static char *kernel_string(const char *text)
{
    g_autofree char *string = g_strdup(text[0] == '"' ? text + 1 : text);
    size_t size = strlen(string);
    PrintText escaped = PRINT_TEXT_INIT;
    char *kept;

    if (size > 0 && string[size - 1] == '"') {
        string[--size] = '\0';
        if (size >= 2 && strcmp(string + size - 2, "\\n") == 0) {
            string[size -= 2] = '\0';
        }
    }
    print_text_escape(&escaped, string, size);
    kept = g_strndup(escaped.start ? escaped.start : "",
                     print_text_size(&escaped));
    print_text_clear(&escaped);
    return kept;
}

/*
 * Lines of "0xADDRESS : "STRING"".  libtraceevent 1.7 reads outside of lines
 * that have another form, so that it is told of each string by itself; and in
 * front of strings that are shorter than these, quotes included.
 */
#define MIN_LIBRARY_STRING 4

static void read_kernel_strings(EventTable *table, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        char *colon = strchr(*line, ':');
        uint64_t address;

        if (!colon || strlen(colon) < sizeof(": \"\"") - 1) {
            continue;
        }
        address = g_ascii_strtoull(*line, NULL, 16);
        if (strlen(colon + 2) >= MIN_LIBRARY_STRING) {
            tep_register_print_string(table->tep, colon + 2, address);
        }
        g_hash_table_insert(table->kernel_strings,
                            g_memdup2(&address, sizeof(address)),
                            kernel_string(colon + 2));
    }
}

static void place_common(EventTable *table, const char *name, PrintField *place)
{
    struct tep_event *event = tep_get_first_event(table->tep);

    if (event) {
        print_field_place(tep_find_common_field(event, name), place);
    }
}

static void place_common_fields(EventTable *table)
{
    struct tep_event *event = tep_get_first_event(table->tep);

    place_common(table, "common_pid", &table->pid_place);
    place_common(table, "common_flags", &table->flags_place);
    place_common(table, "common_preempt_count", &table->preempt_place);
    table->odd_flags =
        event && (tep_find_common_field(event, "common_lock_depth") ||
                  tep_find_common_field(event, "common_migrate_disable"));
}

static void load_plugins(EventTable *table)
{
    event_plugins_register(table->tep);
    if (!tables_by_tep) {
        tables_by_tep = g_hash_table_new(NULL, NULL);
    }
    g_hash_table_insert(tables_by_tep, table->tep, table);
    tep_set_function_resolver(table->tep, resolve_function, table);
}

EventTable *event_table_new(const DatFile *dat)
{
    const DatMetadata *metadata = &dat->metadata;
    EventTable *table = g_new0(EventTable, 1);
    g_autofree char *header_page = text_dup(metadata->header_page);
    g_autofree char *printk_formats = text_dup(metadata->printk_formats);
    g_autofree char *cmdlines = text_dup(metadata->cmdlines);

    g_atomic_ref_count_init(&table->refs);
    tep_set_loglevel(TEP_LOG_NONE);
    table->tep = tep_alloc();
    table->guest_symbols = g_hash_table_new(NULL, NULL);
    table->kernel_strings =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    table->types = g_new0(EventType *, EVENT_MAX_IDS);
    table->long_bytes = dat->long_bytes;
    table->symbols = symbol_table_new(metadata->kallsyms);
    table->comms = comm_table_new(cmdlines);
    table->saved_comms = comm_table_new(cmdlines);
    comm_table_settle(table->saved_comms);
    tep_set_long_size(table->tep, (int)dat->long_bytes);
    tep_set_page_size(table->tep, (int)dat->page_bytes);
    tep_set_cpus(table->tep, (int)dat->cpus->len);
    load_plugins(table);
    if (header_page) {
        tep_parse_header_page(table->tep, header_page, strlen(header_page),
                              (int)dat->long_bytes);
    }
    parse_formats(table, dat);
    if (printk_formats) {
        read_kernel_strings(table, printk_formats);
    }
    place_common_fields(table);
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
    for (int i = 0; i < EVENT_MAX_IDS; i++) {
        event_type_free(table->types[i]);
    }
    g_free(table->types);
    g_clear_pointer(&table->printers, g_ptr_array_unref);
    g_free(table->sample);
    g_hash_table_remove(tables_by_tep, table->tep);
    g_hash_table_unref(table->guest_symbols);
    g_hash_table_unref(table->kernel_strings);
    event_plugins_unregister(table->tep);
    tep_free(table->tep);
    symbol_table_free(table->symbols);
    comm_table_free(table->comms);
    comm_table_free(table->saved_comms);
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

    if (event_id < 0 || event_id >= EVENT_MAX_IDS) {
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
    const CommName *name = comm_table_find(table->saved_comms, pid);

    return name->text + name->prefix_size;
}

const char *event_table_function(const EventTable *table, uint64_t address)
{
    const Symbol *symbol = symbol_table_find(table->symbols, address);

    return symbol ? symbol->name : NULL;
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
