/*
 * EventLine: one record as a line of text, in `trace-cmd report`'s layout.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/event-line.h"

#include <string.h>

#include "trace-data/event-printer.h"
#include "trace-data/event-table-private.h"

/* enum trace_flag_type of include/linux/trace_events.h. */
enum {
    FLAG_IRQS_OFF = 0x01,
    FLAG_IRQS_NOSUPPORT = 0x02,
    FLAG_NEED_RESCHED = 0x04,
    FLAG_HARDIRQ = 0x08,
    FLAG_SOFTIRQ = 0x10,
};

/* Deeper than kernels call; what a file claims beyond is not indented. */
#define MAX_CALLS 1024

/* Files may claim any number of CPUs. */
#define MAX_STACKS 4096

/* The functions that the plugin believes to be active on a CPU. */
typedef struct CallStack {
    const char *names[MAX_CALLS];
} CallStack;

/*
 * The plugin's memory of calls is one for all files, by CPU number: to print
 * what it prints, so is this.
 */
struct EventOrder {
    CallStack *stacks[MAX_STACKS];
    SymbolCache cache;
    bool learns_nothing;
};

struct EventScratch {
    SymbolCache cache;
    uint8_t *record; /* EVENT_RECORD_BYTES, zero behind the record in hand */
    size_t record_bytes;
    struct trace_seq seq;
};

EventOrder *event_order_new(void)
{
    return g_new0(EventOrder, 1);
}

void event_order_free(EventOrder *order)
{
    if (order) {
        for (size_t i = 0; i < MAX_STACKS; i++) {
            g_free(order->stacks[i]);
        }
        g_free(order);
    }
}

void event_order_learn_nothing(EventOrder *order)
{
    order->learns_nothing = true;
}

EventScratch *event_scratch_new(void)
{
    EventScratch *scratch = g_new0(EventScratch, 1);

    scratch->record = g_malloc0(EVENT_RECORD_BYTES);
    trace_seq_init(&scratch->seq);
    return scratch;
}

void event_scratch_free(EventScratch *scratch)
{
    if (scratch) {
        trace_seq_destroy(&scratch->seq);
        g_free(scratch->record);
        g_free(scratch);
    }
}

unsigned event_table_count_by_library(const EventTable *table)
{
    return table->n_by_library;
}

static const EventPrinter *make_printer(EventTable *table, int id)
{
    const struct tep_event *event;

    event_table_lock_library();
    event = tep_find_event(table->tep, id);
    event_table_unlock_library();
    if (event) {
        table->printers->pdata[id] = event_printer_new(table, event);
    }
    return table->printers->pdata[id];
}

static const EventPrinter *find_printer(EventTable *table, int id)
{
    if (id == EVENT_ID_NONE) {
        return NULL;
    }
    if (!table->printers) {
        table->printers =
            g_ptr_array_new_with_free_func((GDestroyNotify)event_printer_free);
        g_ptr_array_set_size(table->printers, EVENT_MAX_IDS);
    }
    return table->printers->pdata[id] ? table->printers->pdata[id]
                                      : make_printer(table, id);
}

static PrintContext context_of(const EventLine *line)
{
    return (PrintContext){.data = line->data, .size_bytes = line->size_bytes};
}

static void learn_tasks(const EventLine *line)
{
    const PrintContext context = context_of(line);

    for (unsigned i = 0; i < line->printer->n_tasks; i++) {
        const EventTask *task = &line->printer->tasks[i];
        int32_t pid = (int32_t)print_field_load(&context, &task->pid);
        uint32_t offset = MIN(task->comm.offset_bytes, line->size_bytes);
        uint32_t size = MIN(task->comm.size_bytes, line->size_bytes - offset);

        comm_table_learn(line->table->comms, pid,
                         (const char *)line->data + offset, size);
    }
}

/* add_and_get_index() of libtraceevent's plugin_function.c. */
static uint32_t indent_of(CallStack *stack, const char *parent,
                          const char *function)
{
    uint32_t i;

    for (i = 0; i + 1 < MAX_CALLS && stack->names[i]; i++) {
        if (stack->names[i] == parent || strcmp(stack->names[i], parent) == 0) {
            if (function) {
                stack->names[i + 1] = function;
            }
            return i;
        }
    }
    stack->names[0] = parent;
    if (function) {
        stack->names[1] = function;
    }
    return 0;
}

static void indent_function(EventOrder *order, EventLine *line)
{
    const PrintContext context = context_of(line);
    const Symbol *function, *parent;

    if (line->cpu >= MAX_STACKS) {
        return;
    }
    function =
        symbol_cache_find(&order->cache, line->table->symbols,
                          print_field_load(&context, &line->printer->function));
    parent =
        symbol_cache_find(&order->cache, line->table->symbols,
                          print_field_load(&context, &line->printer->parent));
    if (!parent) {
        return;
    }
    if (!order->stacks[line->cpu]) {
        order->stacks[line->cpu] = g_new0(CallStack, 1);
    }
    line->indent = indent_of(order->stacks[line->cpu], parent->name,
                             function ? function->name : NULL);
}

void event_order_add(EventOrder *order, EventTable *table, EventLine *line)
{
    const PrintContext context = context_of(line);

    line->table = table;
    line->indent = 0;
    line->leaf = NULL;
    line->leaf_bytes = 0;
    line->printer =
        find_printer(table, event_record_id(line->data, line->size_bytes));
    line->comm =
        comm_table_find(table->comms,
                        (int32_t)print_field_load(&context, &table->pid_place));
    if (!line->printer || line->printer->role == EVENT_ROLE_NONE) {
        return;
    }
    if (line->printer->role == EVENT_ROLE_NAMES_TASKS) {
        if (!order->learns_nothing) {
            learn_tasks(line);
        }
    } else if (line->printer->role == EVENT_ROLE_FUNCTION) {
        indent_function(order, line);
    }
}

bool event_line_is_graph_entry(const EventLine *line)
{
    return line->printer && line->printer->role == EVENT_ROLE_GRAPH_ENTRY;
}

bool event_line_is_its_return(const EventLine *entry, const EventLine *next)
{
    const PrintContext first = context_of(entry);
    const PrintContext second = context_of(next);
    const PrintField *pid = &entry->table->pid_place;

    return next->printer && next->table == entry->table &&
           next->cpu == entry->cpu &&
           next->printer->role == EVENT_ROLE_GRAPH_RETURN &&
           print_field_load(&first, pid) == print_field_load(&second, pid) &&
           print_field_load(&first, &entry->printer->function) ==
               print_field_load(&second, &next->printer->function);
}

/* A short record, as a hostile guest makes it, must not show what is behind. */
static uint8_t *padded(EventScratch *scratch, const EventLine *line)
{
    size_t size = MIN(line->size_bytes, EVENT_RECORD_BYTES);

    memcpy(scratch->record, line->data, size);
    if (size < scratch->record_bytes) {
        memset(scratch->record + size, 0, scratch->record_bytes - size);
    }
    scratch->record_bytes = size;
    return scratch->record;
}

/*
 * What a guest wrote must not steer a terminal, nor look like a line of
 * another machine.  trace-cmd ends the text at a NUL.
 */
static void append_library_text(PrintText *text, const struct trace_seq *seq,
                                bool keep_newlines)
{
    size_t size = strnlen(seq->buffer, seq->len);

    if (size > 0 && seq->buffer[size - 1] == '\n') {
        size--;
    }
    if (!keep_newlines) {
        print_text_escape(text, seq->buffer, size);
        return;
    }
    for (size_t i = 0; i < size; i++) {
        if (seq->buffer[i] == '\n') {
            print_text_char(text, '\n');
        } else {
            print_text_escape(text, seq->buffer + i, 1);
        }
    }
}

static void print_by_library(const EventLine *line, EventScratch *scratch,
                             const char *what, PrintText *text)
{
    struct tep_record record = {
        .ts = line->time,
        .size = (int)MIN(line->size_bytes, EVENT_RECORD_BYTES),
        .data = padded(scratch, line),
        .cpu = (int)line->cpu,
    };

    trace_seq_reset(&scratch->seq);
    event_table_lock_library();
    tep_print_event(line->table->tep, &scratch->seq, &record, "%s", what);
    event_table_unlock_library();
    trace_seq_terminate(&scratch->seq);
    append_library_text(text, &scratch->seq, line->printer->keep_newlines);
}

/* "%16s-%-5d", or "%8.8s-%-5d" */
static void print_task(const EventLine *line, const EventTextStyle *style,
                       int32_t pid, PrintText *text)
{
    const CommName *comm = line->comm;
    const char *name = comm->text + comm->prefix_size;
    char plain[96];

    if (!style->latency && comm->pid == pid) {
        print_text_blocks(text, comm->text, comm->prefix_size);
        return;
    }
    g_snprintf(plain, sizeof(plain),
               style->latency ? "%8.*s-%-5d" : "%16.*s-%-5d",
               (int)MIN(comm->name_size, style->latency ? 8u : 64u), name, pid);
    print_text_escape(text, plain, strlen(plain));
}

static void print_cpu(const EventLine *line, const EventTextStyle *style,
                      PrintText *text)
{
    if (style->latency) {
        g_autofree char *cpu = g_strdup_printf(" %3u", line->cpu);

        print_text_literal(text, cpu);
        return;
    }
    print_text_reserve(text, PRINT_TEXT_NUMBER);
    *text->next++ = ' ';
    *text->next++ = '[';
    print_text_fixed(text, line->cpu,
                     MAX(3, print_text_count_digits(line->cpu)));
    *text->next++ = ']';
}

static void print_level(PrintText *text, unsigned level)
{
    *text->next++ = level ? "0123456789abcdef"[level] : '.';
}

/* data_latency_format() of libtraceevent. */
static void print_flags(const EventLine *line, unsigned flags,
                        EventScratch *scratch, PrintText *text)
{
    const PrintContext context = context_of(line);
    unsigned preempt =
        (uint8_t)print_field_load(&context, &line->table->preempt_place);
    bool hard = flags & FLAG_HARDIRQ;
    bool soft = flags & FLAG_SOFTIRQ;

    if (line->table->odd_flags) {
        print_by_library(line, scratch, TEP_PRINT_LATENCY, text);
        return;
    }
    print_text_reserve(text, 8);
    *text->next++ = flags & FLAG_IRQS_OFF         ? 'd'
                    : flags & FLAG_IRQS_NOSUPPORT ? 'X'
                                                  : '.';
    *text->next++ = flags & FLAG_NEED_RESCHED ? 'N' : '.';
    *text->next++ = hard && soft ? 'H' : hard ? 'h' : soft ? 's' : '.';
    print_level(text, preempt & 0xf);
    print_level(text, preempt >> 4);
}

/* Versions differ in where flags are shown, and as what. */
static void print_flags_column(const EventLine *line,
                               const EventTextStyle *style,
                               EventScratch *scratch, PrintText *text)
{
    const PrintContext context = context_of(line);
    unsigned flags =
        (unsigned)print_field_load(&context, &line->table->flags_place);

    if (style->no_flags && !style->latency) {
        return;
    }
    if (style->raw) {
        print_text_literal(text, "-");
        print_prefixed_hex(text, flags);
        return;
    }
    if (!style->latency) {
        print_text_char(text, ' ');
    }
    print_flags(line, flags, scratch, text);
}

static PrintTimeKind time_kind(const EventTextStyle *style)
{
    return !style->has_ns   ? PRINT_TIME_TICKS
           : style->full_ns ? PRINT_TIME_NANOSECONDS
                            : PRINT_TIME_MICROSECONDS;
}

static void print_information(const EventLine *line,
                              const EventTextStyle *style, int32_t pid,
                              EventScratch *scratch, PrintText *text)
{
    const EventPrinter *printer = line->printer;
    size_t before = print_text_size(text);
    PrintContext context = {
        .text = text,
        .data = line->data,
        .size_bytes = MIN(line->size_bytes, EVENT_RECORD_BYTES),
        .long_bytes = line->table->long_bytes,
        .symbols = line->table->symbols,
        .cache = &scratch->cache,
        .kernel_strings = line->table->kernel_strings,
        .guest_symbols = line->table->guest_symbols,
        .pid = pid,
        .time = line->time,
        .time_kind = time_kind(style),
        .indent = line->indent,
        .leaf = line->leaf,
        .leaf_bytes = line->leaf_bytes,
    };

    text->newline = NULL;
    if (style->raw) {
        print_program_run(printer->fields, &context);
    } else if (printer->by_library) {
        print_by_library(line, scratch, TEP_PRINT_INFO, text);
    } else if (printer->handler) {
        print_handler_run(printer->handler, &context);
    } else {
        print_program_run(printer->program, &context);
    }
    print_text_drop_newline(text);
    /* Only what was understood can be shown to be harmless. */
    if (style->by_library && !context.hostile && !printer->unsafe_by_library) {
        text->next = text->start + before;
        print_by_library(line, scratch,
                         style->raw ? TEP_PRINT_INFO_RAW : TEP_PRINT_INFO,
                         text);
    }
}

static void print_unknown(const EventLine *line, PrintText *text)
{
    g_autofree char *plain =
        g_strdup_printf("[%03u] unknown event %d of %u bytes", line->cpu,
                        event_record_id(line->data, line->size_bytes),
                        line->size_bytes);

    print_text_literal(text, plain);
}

void event_line_print(const EventLine *line, const EventTextStyle *style,
                      const char *insert, EventScratch *scratch,
                      PrintText *text)
{
    const PrintContext context = context_of(line);
    int32_t pid;

    if (!line->printer) {
        print_unknown(line, text);
        return;
    }
    pid = (int32_t)print_field_load(&context, &line->table->pid_place);
    print_task(line, style, pid, text);
    print_cpu(line, style, text);
    print_flags_column(line, style, scratch, text);
    if (style->has_ns || !style->no_flags) {
        print_text_char(text, ' ');
    }
    print_time(text, time_kind(style), line->time);
    print_text_char(text, ':');
    print_text_literal(text, insert);
    print_text_blocks(text, line->printer->title, line->printer->title_size);
    print_information(line, style, pid, scratch, text);
}
