/*
 * EventPrinter: how the records of one event type become text.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/event-printer.h"

#include <string.h>

#include "trace-data/event-table-private.h"
#include "trace-data/print-compile.h"

/* Width to which trace-cmd report pads an event's name. */
#define NAME_WIDTH 20

/* Records made up to compare by, and what lies behind their fields. */
#define N_SAMPLES         8
#define SAMPLE_TAIL_BYTES 24

static bool is_event(const struct tep_event *event, const char *system,
                     const char *name)
{
    return strcmp(event->system, system) == 0 && strcmp(event->name, name) == 0;
}

static bool place(const struct tep_event *event, const char *name,
                  PrintField *field)
{
    return print_field_place(tep_find_field((struct tep_event *)event, name),
                             field);
}

static void add_task(EventPrinter *printer, const char *comm, const char *pid)
{
    EventTask *task = &printer->tasks[printer->n_tasks];

    if (place(printer->event, comm, &task->comm) &&
        place(printer->event, pid, &task->pid)) {
        printer->n_tasks++;
    }
}

/* Roles are those of libtraceevent's plugins: none without them. */
static void find_role(EventPrinter *printer)
{
    const struct tep_event *event = printer->event;

    if (is_event(event, "sched", "sched_switch") && event->handler) {
        printer->role = EVENT_ROLE_NAMES_TASKS;
        add_task(printer, "prev_comm", "prev_pid");
        add_task(printer, "next_comm", "next_pid");
    } else if ((is_event(event, "sched", "sched_wakeup") ||
                is_event(event, "sched", "sched_wakeup_new")) &&
               event->handler) {
        printer->role = EVENT_ROLE_NAMES_TASKS;
        add_task(printer, "comm", "pid");
    } else if ((is_event(event, "ftrace", "function") ||
                is_event(event, "ftrace", "func_repeats")) &&
               event->handler && place(event, "ip", &printer->function) &&
               place(event, "parent_ip", &printer->parent)) {
        printer->role = EVENT_ROLE_FUNCTION;
    } else if (is_event(event, "ftrace", "funcgraph_entry") &&
               place(event, "func", &printer->function)) {
        printer->role = EVENT_ROLE_GRAPH_ENTRY;
    } else if (is_event(event, "ftrace", "funcgraph_exit") &&
               place(event, "func", &printer->function)) {
        printer->role = EVENT_ROLE_GRAPH_RETURN;
    }
}

static void make_title(EventPrinter *printer)
{
    const char *name = printer->event->name;
    g_autofree char *title =
        g_strdup_printf(" %s: %*s", name,
                        MAX(0, NAME_WIDTH - (int)strlen(name)), "");
    PrintText escaped = PRINT_TEXT_INIT;

    print_text_escape(&escaped, title, strlen(title));
    printer->title_size = (unsigned)print_text_size(&escaped);
    printer->title = print_text_keep(escaped.start, printer->title_size);
    print_text_clear(&escaped);
}

static char *print_by_library(gpointer data, const struct tep_event *event,
                              const uint8_t *record, size_t size_bytes)
{
    EventTable *table = data;
    uint16_t id = (uint16_t)event->id;
    struct tep_record tep_record = {.size = (int)size_bytes};
    struct trace_seq seq;
    char *text;

    if (!table->sample) {
        table->sample = g_malloc0(EVENT_RECORD_BYTES);
    }
    memcpy(table->sample, record, size_bytes);
    memcpy(table->sample, &id, sizeof(id));
    tep_record.data = table->sample;
    trace_seq_init(&seq);
    tep_print_event(table->tep, &seq, &tep_record, "%s", TEP_PRINT_INFO);
    trace_seq_terminate(&seq);
    text = g_strdup(seq.buffer);
    trace_seq_destroy(&seq);
    memset(table->sample, 0, size_bytes);
    return text;
}

static size_t fields_end(const struct tep_event *event)
{
    size_t end = 0;

    for (const struct tep_format_field *field = event->format.fields; field;
         field = field->next) {
        PrintField at;

        if (print_field_place(field, &at)) {
            end = MAX(end, (size_t)at.offset_bytes + at.size_bytes);
        }
    }
    return end;
}

/* Small numbers, large ones, negative ones; and a text behind the fields. */
static void fill_sample(uint8_t *record, size_t fields_bytes, unsigned sample,
                        uint16_t id)
{
    static const char tail[SAMPLE_TAIL_BYTES] = "sample\0of\0a\0text\n";
    uint32_t random = sample * 2654435761u + 12345;

    for (size_t i = 0; i < fields_bytes; i++) {
        random = random * 1664525 + 1013904223;
        record[i] = sample == 0             ? 0
                    : sample == 1           ? (uint8_t)(i % 4 == 0)
                    : sample == 2           ? UINT8_MAX
                    : random >> 28 > sample ? 0
                                            : (uint8_t)(random >> 16);
    }
    memcpy(record + fields_bytes, tail, sizeof(tail));
    memcpy(record, &id, sizeof(id));
}

static void print_own(const EventPrinter *printer, PrintContext *context)
{
    if (printer->handler) {
        print_handler_run(printer->handler, context);
    } else {
        print_program_run(printer->program, context);
    }
    print_text_drop_newline(context->text);
}

static void escape_reference(PrintText *text, const char *reference,
                             bool keep_newlines)
{
    size_t size = strlen(reference);

    if (size > 0 && reference[size - 1] == '\n') {
        size--;
    }
    for (size_t i = 0; i < size; i++) {
        if (reference[i] == '\n' && keep_newlines) {
            print_text_char(text, '\n');
        } else {
            print_text_escape(text, reference + i, 1);
        }
    }
}

static bool sample_agrees(EventPrinter *printer, EventTable *table,
                          const uint8_t *record, size_t size_bytes,
                          SymbolCache *cache)
{
    PrintText own = PRINT_TEXT_INIT;
    PrintText other = PRINT_TEXT_INIT;
    PrintContext context = {
        .text = &own,
        .data = record,
        .size_bytes = (uint32_t)size_bytes,
        .long_bytes = table->long_bytes,
        .symbols = table->symbols,
        .cache = cache,
        .kernel_strings = table->kernel_strings,
        .guest_symbols = table->guest_symbols,
    };
    bool agrees = true;

    context.pid = (int32_t)print_field_load(&context, &table->pid_place);
    print_own(printer, &context);
    if (!context.hostile) {
        g_autofree char *reference =
            print_by_library(table, printer->event, record, size_bytes);

        escape_reference(&other, reference, printer->keep_newlines);
        agrees = print_text_size(&own) == print_text_size(&other) &&
                 (print_text_size(&own) == 0 ||
                  memcmp(own.start, other.start, print_text_size(&own)) == 0);
    }
    print_text_clear(&own);
    print_text_clear(&other);
    return agrees;
}

static bool agrees_with_library(EventPrinter *printer, EventTable *table)
{
    size_t fields_bytes = fields_end(printer->event);
    size_t size_bytes = fields_bytes + SAMPLE_TAIL_BYTES;
    g_autofree uint8_t *record = g_malloc0(size_bytes);
    g_autofree SymbolCache *cache = g_new0(SymbolCache, 1);

    for (unsigned sample = 0; sample < N_SAMPLES; sample++) {
        fill_sample(record, fields_bytes, sample, (uint16_t)printer->event->id);
        if (!sample_agrees(printer, table, record, size_bytes, cache)) {
            return false;
        }
    }
    return true;
}

static void compile(EventPrinter *printer, EventTable *table)
{
    const struct tep_event *event = printer->event;
    const PrintCompiler compiler = {
        .memory = printer->memory,
        .symbols = table->symbols,
        .long_bytes = table->long_bytes,
        .keep_newlines = printer->keep_newlines,
    };
    bool failed = event->flags & TEP_EVENT_FL_FAILED;
    bool dynamic = event->flags & TEP_EVENT_FL_ISBPRINT;
    bool own = false;
    PrintCoverage coverage = PRINT_BY_LIBRARY;

    printer->fields = print_compile_fields(&compiler, event, "", true);
    if (!failed && !dynamic) {
        printer->program = print_compile_format(&compiler, event, &coverage);
    }
    if (event->handler || printer->role == EVENT_ROLE_GRAPH_ENTRY ||
        printer->role == EVENT_ROLE_GRAPH_RETURN) {
        printer->handler =
            print_handler_new(event, printer->program, print_by_library, table);
        own = printer->handler && print_handler_is_own(printer->handler);
        if (!printer->handler) {
            printer->program = NULL;
            coverage = PRINT_BY_LIBRARY;
        }
    }
    if ((printer->program || printer->handler) && !own &&
        !agrees_with_library(printer, table)) {
        g_clear_pointer(&printer->handler, print_handler_free);
        printer->program = NULL;
        coverage = PRINT_BY_LIBRARY;
    }
    if (!printer->program && !printer->handler) {
        printer->by_library =
            (event->handler || !failed) && coverage == PRINT_BY_LIBRARY;
        printer->unsafe_by_library = coverage == PRINT_UNSAFE;
        printer->program =
            print_compile_fields(&compiler, event, "[FAILED TO PARSE]", false);
    }
}

EventPrinter *event_printer_new(EventTable *table,
                                const struct tep_event *event)
{
    EventPrinter *printer = g_new0(EventPrinter, 1);

    printer->event = event;
    printer->memory = g_ptr_array_new_with_free_func(g_free);
    printer->keep_newlines = is_event(event, "ftrace", "kernel_stack") ||
                             is_event(event, "ftrace", "user_stack");
    make_title(printer);
    find_role(printer);
    event_table_lock_library();
    compile(printer, table);
    event_table_unlock_library();
    table->n_by_library += printer->by_library;
    return printer;
}

void event_printer_free(EventPrinter *printer)
{
    if (printer) {
        print_handler_free(printer->handler);
        g_ptr_array_unref(printer->memory);
        g_free(printer->title);
        g_free(printer);
    }
}
