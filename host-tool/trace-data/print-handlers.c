/*
 * PrintHandler: events whose text isn't their print format's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/print-handlers.h"

#include <string.h>
#include <traceevent/event-parse.h>

#include "trace-data/print-compile.h"

#define MAX_FIELDS 7

/* Exit reasons of SVM go up to 0x403, but for -1. */
#define N_REASONS 0x480
#define N_STATES  32

/* An instruction has no more bytes. */
#define MAX_INSTRUCTION_BYTES 15

/* tep_print_func_field() writes a function into 128 bytes. */
#define MAX_FUNCTION_BYTES 127

/* print_graph_duration() in libtracecmd: blanks up to here. */
#define DURATION_WIDTH   7
#define INDENT_OF_A_CALL 3
#define INDENT_OF_GRAPH  2
/* Depths come from the record. */
#define MAX_GRAPH_DEPTH 1000

typedef struct HandlerField {
    PrintField place;
    bool exists;
} HandlerField;

/* What the plugin calls an exit reason; NULL where it has no name. */
typedef struct ReasonNames {
    char *vmx[N_REASONS];
    char *svm[N_REASONS];
    char *svm_error; /* of reason -1 */
} ReasonNames;

typedef void (*RunHandler)(const PrintHandler *handler, PrintContext *context);

struct PrintHandler {
    RunHandler run;
    bool own;
    HandlerField fields[MAX_FIELDS];
    const PrintProgram *program;
    ReasonNames *reasons;
    char states[N_STATES]; /* letters of prev_state's bits; NUL: none */
};

/* The order in which a kind of event names its fields. */
enum {
    SWITCH_PREV_COMM,
    SWITCH_PREV_PID,
    SWITCH_PREV_PRIO,
    SWITCH_PREV_STATE,
    SWITCH_NEXT_COMM,
    SWITCH_NEXT_PID,
    SWITCH_NEXT_PRIO
};
enum { WAKEUP_COMM, WAKEUP_PID, WAKEUP_PRIO, WAKEUP_SUCCESS, WAKEUP_CPU };
enum { EXIT_REASON, EXIT_RIP, EXIT_ISA, EXIT_INFO1, EXIT_INFO2 };
enum { ENTRY_VCPU, ENTRY_RIP };
enum { INSN_RIP, INSN_CSBASE, INSN_LEN, INSN_FLAGS, INSN_FAILED, INSN_BYTES };
enum { TIMER_TIMER, TIMER_FUNCTION, TIMER_EXPIRES, TIMER_SOFT_EXPIRES };
enum { TIMER_NOW = TIMER_EXPIRES };
enum { FUNCTION_IP, FUNCTION_PARENT };
enum { REPEATS_COUNT = FUNCTION_PARENT + 1, REPEATS_TOP, REPEATS_BOTTOM };
enum { GRAPH_FUNC, GRAPH_DEPTH, GRAPH_CALLTIME, GRAPH_RETTIME, GRAPH_RETVAL };
enum { TLB_PAGES, TLB_REASON };
enum { STACK_CALLER };
enum { RAW_ID, RAW_BYTES };
enum { KMEM_CALL_SITE };
enum {
    FUTEX_UADDR,
    FUTEX_OP,
    FUTEX_VAL,
    FUTEX_UTIME,
    FUTEX_UADDR2,
    FUTEX_VAL3,
};

static uint64_t number(const PrintHandler *handler, PrintContext *context,
                       int field)
{
    return print_field_load(context, &handler->fields[field].place);
}

static inline __attribute__((always_inline)) void put(PrintContext *context,
                                                      const char *literal)
{
    print_text_literal(context->text, literal);
}

static void put_unsigned(PrintContext *context, uint64_t value)
{
    print_text_reserve(context->text, PRINT_TEXT_NUMBER);
    print_text_unsigned(context->text, value);
}

static void put_signed(PrintContext *context, int64_t value)
{
    print_text_reserve(context->text, PRINT_TEXT_NUMBER);
    print_text_signed(context->text, value);
}

static void put_hex(PrintContext *context, uint64_t value)
{
    print_text_reserve(context->text, PRINT_TEXT_NUMBER);
    print_text_hex(context->text, value);
}

/* A name and the pid behind it, as in "worker:7". */
static void put_task(const PrintHandler *handler, PrintContext *context,
                     int comm, int pid)
{
    const PrintField *place = &handler->fields[comm].place;

    if (handler->fields[comm].exists) {
        if (place->offset_bytes < context->size_bytes) {
            const char *name = (const char *)context->data;
            size_t room = MIN(place->size_bytes,
                              context->size_bytes - place->offset_bytes);

            name += place->offset_bytes;
            print_text_escape(context->text, name, strnlen(name, room));
        }
        print_text_char(context->text, ':');
    }
    put_unsigned(context, number(handler, context, pid));
}

static void put_state(const PrintHandler *handler, PrintContext *context)
{
    uint64_t state = number(handler, context, SWITCH_PREV_STATE);
    bool found = false;

    for (unsigned i = 0; i < N_STATES; i++) {
        if ((state >> i & 1) && handler->states[i]) {
            if (found) {
                print_text_char(context->text, '|');
            }
            found = true;
            print_text_char(context->text, handler->states[i]);
        }
    }
    if (!found) {
        print_text_char(context->text, 'R');
    }
}

static void run_switch(const PrintHandler *handler, PrintContext *context)
{
    put_task(handler, context, SWITCH_PREV_COMM, SWITCH_PREV_PID);
    put(context, " [");
    put_signed(context, (int32_t)number(handler, context, SWITCH_PREV_PRIO));
    put(context, "] ");
    put_state(handler, context);
    put(context, " ==> ");
    put_task(handler, context, SWITCH_NEXT_COMM, SWITCH_NEXT_PID);
    put(context, " [");
    put_signed(context, (int32_t)number(handler, context, SWITCH_NEXT_PRIO));
    put(context, "]");
}

static void run_wakeup(const PrintHandler *handler, PrintContext *context)
{
    uint64_t cpu;

    put_task(handler, context, WAKEUP_COMM, WAKEUP_PID);
    if (handler->fields[WAKEUP_PRIO].exists) {
        put(context, " [");
        put_unsigned(context, number(handler, context, WAKEUP_PRIO));
        put(context, "]");
    }
    if (handler->fields[WAKEUP_SUCCESS].exists) {
        put(context, " success=");
        put_unsigned(context, number(handler, context, WAKEUP_SUCCESS));
    }
    if (handler->fields[WAKEUP_CPU].exists) {
        cpu = number(handler, context, WAKEUP_CPU);
        put(context, cpu < 10 ? " CPU:00" : cpu < 100 ? " CPU:0" : " CPU:");
        put_unsigned(context, cpu);
    }
}

/* " name+0x12" of an address inside the guest, where it is known. */
static void put_guest_function(PrintContext *context, uint64_t rip)
{
    const SymbolTable *guest =
        g_hash_table_size(context->guest_symbols) > 0
            ? g_hash_table_lookup(context->guest_symbols,
                                  GINT_TO_POINTER(context->pid))
            : NULL;
    const Symbol *symbol =
        guest ? symbol_cache_find(context->cache, guest, rip) : NULL;

    if (!symbol) {
        return;
    }
    print_text_char(context->text, ' ');
    print_symbol_name(context, symbol);
    if (rip != symbol->address) {
        print_text_char(context->text, '+');
        print_prefixed_hex(context->text, rip - symbol->address);
    }
}

static void put_reason(const PrintHandler *handler, PrintContext *context)
{
    const ReasonNames *names = handler->reasons;
    uint64_t reason = number(handler, context, EXIT_REASON);
    uint64_t isa = handler->fields[EXIT_ISA].exists
                       ? number(handler, context, EXIT_ISA)
                       : 1;
    const char *name = NULL;

    put(context, "reason ");
    if (isa != 1 && isa != 2) {
        put(context, "UNKNOWN-ISA");
        return;
    }
    /* The plugin compares 32 bits. */
    if ((uint32_t)reason < N_REASONS) {
        name = isa == 1 ? names->vmx[(uint32_t)reason]
                        : names->svm[(uint32_t)reason];
    } else if ((uint32_t)reason == UINT32_MAX && isa == 2) {
        name = names->svm_error;
    }
    if (name) {
        put(context, name);
    } else {
        put(context, "UNKNOWN (");
        put_unsigned(context, reason);
        put(context, ")");
    }
}

static void run_exit(const PrintHandler *handler, PrintContext *context)
{
    uint64_t rip = number(handler, context, EXIT_RIP);

    put_reason(handler, context);
    put(context, " rip ");
    print_prefixed_hex(context->text, rip);
    put_guest_function(context, rip);
    if (handler->fields[EXIT_INFO1].exists &&
        handler->fields[EXIT_INFO2].exists) {
        put(context, " info ");
        put_hex(context, number(handler, context, EXIT_INFO1));
        print_text_char(context->text, ' ');
        put_hex(context, number(handler, context, EXIT_INFO2));
    }
}

static void run_entry(const PrintHandler *handler, PrintContext *context)
{
    uint64_t rip = number(handler, context, ENTRY_RIP);

    put(context, " vcpu ");
    put_unsigned(context, (uint32_t)number(handler, context, ENTRY_VCPU));
    put(context, " rip ");
    print_prefixed_hex(context->text, rip);
    put_guest_function(context, rip);
}

static void put_instruction(const PrintHandler *handler, PrintContext *context)
{
    const PrintField *place = &handler->fields[INSN_BYTES].place;
    uint64_t count = number(handler, context, INSN_LEN);

    count = MIN(count, MIN(MAX_INSTRUCTION_BYTES, place->size_bytes));
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = place->offset_bytes + i;
        uint8_t byte = at < context->size_bytes ? context->data[at] : 0;

        if (i > 0) {
            print_text_char(context->text, ' ');
        }
        if (byte < 0x10) {
            print_text_char(context->text, '0');
        }
        put_hex(context, byte);
    }
}

/* The plugin trusts the record's length: it overflows with that of another. */
static void run_emulate(const PrintHandler *handler, PrintContext *context)
{
    uint64_t rip = number(handler, context, INSN_RIP);

    put_hex(context, number(handler, context, INSN_CSBASE));
    print_text_char(context->text, ':');
    put_hex(context, rip);
    put_guest_function(context, rip);
    put(context, ": ");
    put_instruction(handler, context);
    if (number(handler, context, INSN_FAILED)) {
        put(context, " FAIL");
    }
}

/* "name/0x0", with the distance the wrong way round, as in libtraceevent. */
static void put_timer_function(const PrintHandler *handler,
                               PrintContext *context)
{
    uint64_t address = number(handler, context, TIMER_FUNCTION);
    const Symbol *symbol =
        symbol_cache_find(context->cache, context->symbols, address);
    size_t before, size;

    if (!handler->fields[TIMER_FUNCTION].exists) {
        return;
    }
    put(context, " function=");
    if (!symbol) {
        g_autofree char *number =
            g_strdup_printf("0x%08" G_GINT64_MODIFIER "x", address);

        put(context, number);
        return;
    }
    before = print_text_size(context->text);
    print_symbol_name(context, symbol);
    print_text_char(context->text, '/');
    print_prefixed_hex(context->text, symbol->address - address);
    size = print_text_size(context->text) - before;
    context->text->next -= size - MIN(size, MAX_FUNCTION_BYTES);
}

static void put_timer(const PrintHandler *handler, PrintContext *context)
{
    put(context, "hrtimer=");
    print_prefixed_hex(context->text, number(handler, context, TIMER_TIMER));
}

static void run_timer_expire(const PrintHandler *handler, PrintContext *context)
{
    put_timer(handler, context);
    put(context, " now=");
    put_unsigned(context, number(handler, context, TIMER_NOW));
    put_timer_function(handler, context);
}

static void run_timer_start(const PrintHandler *handler, PrintContext *context)
{
    put_timer(handler, context);
    put_timer_function(handler, context);
    put(context, " expires=");
    put_unsigned(context, number(handler, context, TIMER_EXPIRES));
    put(context, " softexpires=");
    put_unsigned(context, number(handler, context, TIMER_SOFT_EXPIRES));
}

static void run_tlb_flush(const PrintHandler *handler, PrintContext *context)
{
    static const char *const reasons[] = {
        "flush on task switch",
        "remote shootdown",
        "local shootdown",
        "local mm shootdown",
    };
    uint64_t reason = number(handler, context, TLB_REASON);

    put(context, "pages=");
    put_signed(context, (int64_t)number(handler, context, TLB_PAGES));
    put(context, " reason=");
    if (reason < G_N_ELEMENTS(reasons)) {
        put(context, reasons[reason]);
    }
    put(context, " (");
    put_signed(context, (int64_t)reason);
    put(context, ")");
}

static void run_kmem(const PrintHandler *handler, PrintContext *context)
{
    uint64_t address = number(handler, context, KMEM_CALL_SITE);
    const Symbol *symbol =
        symbol_cache_find(context->cache, context->symbols, address);

    if (symbol) {
        print_text_char(context->text, '(');
        print_symbol_name(context, symbol);
        print_text_char(context->text, '+');
        print_prefixed_hex(context->text,
                           (uint32_t)(address - symbol->address));
        put(context, ") ");
    }
    print_program_run(handler->program, context);
}

/* How an operation shows its arguments: as a hexadecimal number, as another
 * one, by this name, or not at all. */
typedef struct FutexOperation {
    const char *name;
    const char *val;
    const char *utime;
    bool has_uaddr2;
    bool has_val3;
} FutexOperation;

#define FUTEX_HEX   " val=0x"
#define FUTEX_COUNT " val="
#define FUTEX_TIME  " utime=0x"
#define FUTEX_VAL2  " val2="

/* By number: include/uapi/linux/futex.h, plugin_futex.c of libtraceevent. */
static const FutexOperation futex_operations[] = {
    {"FUTEX_WAIT", FUTEX_HEX, FUTEX_TIME, false, false},
    {"FUTEX_WAKE", FUTEX_COUNT, NULL, false, false},
    {"FUTEX_FD", FUTEX_COUNT, NULL, false, false},
    {"FUTEX_REQUEUE", FUTEX_COUNT, FUTEX_VAL2, true, false},
    {"FUTEX_CMP_REQUEUE", FUTEX_COUNT, FUTEX_VAL2, true, true},
    {"FUTEX_WAKE_OP", FUTEX_COUNT, FUTEX_VAL2, true, true},
    {"FUTEX_LOCK_PI", NULL, FUTEX_TIME, false, false},
    {"FUTEX_UNLOCK_PI", NULL, NULL, false, false},
    {"FUTEX_TRYLOCK_PI", NULL, NULL, false, false},
    {"FUTEX_WAIT_BITSET", FUTEX_HEX, FUTEX_TIME, false, true},
    {"FUTEX_WAKE_BITSET", FUTEX_COUNT, NULL, false, true},
    {"FUTEX_WAIT_REQUEUE_PI", FUTEX_HEX, FUTEX_TIME, true, true},
    {"FUTEX_CMP_REQUEUE_PI", FUTEX_COUNT, FUTEX_VAL2, true, true},
};

#define FUTEX_PRIVATE  UINT64_C(128)
#define FUTEX_REALTIME UINT64_C(256)

/* "%08llx" */
static void put_hex8(PrintContext *context, uint64_t value)
{
    for (unsigned bits = 28; bits > 0 && value >> bits == 0; bits -= 4) {
        print_text_char(context->text, '0');
    }
    put_hex(context, value);
}

/* label ends with 0x where the number is hexadecimal. */
static void put_labelled(PrintContext *context, const char *label,
                         uint64_t value)
{
    print_text_literal(context->text, label);
    if (g_str_has_suffix(label, "0x")) {
        put_hex8(context, value);
    } else {
        put_unsigned(context, value);
    }
}

static void run_futex(const PrintHandler *handler, PrintContext *context)
{
    uint64_t op = number(handler, context, FUTEX_OP);
    uint64_t command = op & ~(FUTEX_PRIVATE | FUTEX_REALTIME);
    const FutexOperation *operation = &futex_operations[0];

    if (command >= G_N_ELEMENTS(futex_operations)) {
        print_program_run(handler->program, context);
        return;
    }
    operation += command;
    put(context, "op=");
    print_text_literal(context->text, operation->name);
    if (op & FUTEX_PRIVATE) {
        put(context, "|FUTEX_PRIVATE_FLAG");
    }
    if (op & FUTEX_REALTIME) {
        put(context, "|FUTEX_CLOCK_REALTIME");
    }
    put_labelled(context, " uaddr=0x", number(handler, context, FUTEX_UADDR));
    if (operation->val) {
        put_labelled(context, operation->val,
                     number(handler, context, FUTEX_VAL));
    }
    if (operation->utime) {
        put_labelled(context, operation->utime,
                     number(handler, context, FUTEX_UTIME));
    }
    if (operation->has_uaddr2) {
        put_labelled(context, " uaddr2=0x",
                     number(handler, context, FUTEX_UADDR2));
    }
    if (operation->has_val3) {
        put_labelled(context, " val3=0x", number(handler, context, FUTEX_VAL3));
    }
}

static void put_function(PrintContext *context, uint64_t address)
{
    const Symbol *symbol =
        symbol_cache_find(context->cache, context->symbols, address);

    if (symbol) {
        print_symbol_name(context, symbol);
    } else {
        print_prefixed_hex(context->text, address);
    }
}

static void run_function(const PrintHandler *handler, PrintContext *context)
{
    print_text_fill(context->text, ' ',
                    (size_t)context->indent * INDENT_OF_A_CALL);
    put_function(context, number(handler, context, FUNCTION_IP));
}

static void run_repeats(const PrintHandler *handler, PrintContext *context)
{
    uint64_t before = number(handler, context, REPEATS_TOP) << 32 |
                      number(handler, context, REPEATS_BOTTOM);

    run_function(handler, context);
    put(context, " (count: ");
    put_signed(context, (int64_t)number(handler, context, REPEATS_COUNT));
    put(context, "  last_ts: ");
    print_time(context->text, context->time_kind, context->time - before);
    put(context, ")");
}

static void run_stack(const PrintHandler *handler, PrintContext *context)
{
    PrintField caller = {
        .offset_bytes = handler->fields[STACK_CALLER].place.offset_bytes,
        .size_bytes = context->long_bytes,
    };

    put(context, "<stack trace >");
    for (; caller.offset_bytes < context->size_bytes;
         caller.offset_bytes += caller.size_bytes) {
        uint64_t address = print_field_load(context, &caller);
        const Symbol *symbol;

        if ((caller.size_bytes == 8 && address == UINT64_MAX) ||
            (uint32_t)address == UINT32_MAX) {
            break;
        }
        put(context, "\n=> ");
        symbol = symbol_cache_find(context->cache, context->symbols, address);
        if (symbol) {
            print_symbol_name(context, symbol);
            put(context, " (");
            put_hex(context, address);
            put(context, ")");
        } else {
            put_hex(context, address);
        }
    }
}

static void run_raw_data(const PrintHandler *handler, PrintContext *context)
{
    uint64_t at = handler->fields[RAW_BYTES].place.offset_bytes;

    put(context, "# ");
    put_hex(context, number(handler, context, RAW_ID));
    for (; at < context->size_bytes; at++) {
        put(context, context->data[at] < 0x10 ? " 0" : " ");
        put_hex(context, context->data[at]);
    }
}

static void put_duration(PrintContext *context, uint64_t duration_ns)
{
    static const struct {
        uint64_t above_ns;
        const char *mark;
    } marks[] = {
        {UINT64_C(1000000000), "$ "},
        {UINT64_C(1000000), "# "},
        {UINT64_C(100000), "! "},
        {UINT64_C(10000), "+ "},
        {0, "  "},
    };
    unsigned digits = print_text_count_digits(duration_ns / 1000);
    unsigned width = digits;
    size_t i = 0;

    while (marks[i].above_ns && duration_ns <= marks[i].above_ns) {
        i++;
    }
    put(context, duration_ns == UINT64_MAX ? "  " : marks[i].mark);
    put_unsigned(context, duration_ns / 1000);
    if (digits < DURATION_WIDTH) {
        print_text_char(context->text, '.');
        print_text_reserve(context->text, PRINT_TEXT_NUMBER);
        print_text_fixed(context->text, duration_ns % 1000, 3);
        width += 4;
    }
    put(context, " us ");
    if (width < DURATION_WIDTH) {
        print_text_fill(context->text, ' ', DURATION_WIDTH - width);
    }
    put(context, "|  ");
}

static void put_graph_indent(const PrintHandler *handler, PrintContext *context)
{
    uint32_t depth = (uint32_t)number(handler, context, GRAPH_DEPTH);

    if (depth <= MAX_GRAPH_DEPTH) {
        print_text_fill(context->text, ' ', (size_t)depth * INDENT_OF_GRAPH);
    }
}

/* Error codes in decimal, the rest in hexadecimal: trace-cmd 3.3 and later. */
static void put_return_value(const PrintHandler *handler, PrintContext *context)
{
    uint64_t value = number(handler, context, GRAPH_RETVAL);

    if (!handler->fields[GRAPH_RETVAL].exists) {
        return;
    }
    put(context, " (ret=");
    if (value >= (uint64_t)-4095) {
        put_signed(context, (int64_t)value);
    } else {
        print_prefixed_hex(context->text, value);
    }
    put(context, ")");
}

static void put_graph_function(const PrintHandler *handler,
                               PrintContext *context, const char *end)
{
    uint64_t address = number(handler, context, GRAPH_FUNC);
    const Symbol *symbol =
        symbol_cache_find(context->cache, context->symbols, address);

    if (symbol) {
        print_symbol_name(context, symbol);
    } else {
        put_hex(context, address);
    }
    put(context, end);
}

static void run_graph_return(const PrintHandler *handler, PrintContext *context)
{
    put_duration(context, number(handler, context, GRAPH_RETTIME) -
                              number(handler, context, GRAPH_CALLTIME));
    put_graph_indent(handler, context);
    put(context, "}");
    put_return_value(handler, context);
}

/* handler->fields are the entry's but for the times and the value returned,
 * which are the return's. */
static void run_graph_entry(const PrintHandler *handler, PrintContext *context)
{
    PrintContext leaf = *context;

    if (!context->leaf) {
        put(context, "             |  ");
        put_graph_indent(handler, context);
        put_graph_function(handler, context, "() {");
        return;
    }
    leaf.data = context->leaf;
    leaf.size_bytes = context->leaf_bytes;
    put_duration(context, number(handler, &leaf, GRAPH_RETTIME) -
                              number(handler, &leaf, GRAPH_CALLTIME));
    put_graph_indent(handler, context);
    put_graph_function(handler, context, "();");
    put_return_value(handler, &leaf);
}

/* A field by its names, "a|b"; a ? in front: it need not be there. */
static bool find_field(const struct tep_event *event, const char *names,
                       HandlerField *found)
{
    bool optional = names[0] == '?';
    g_auto(GStrv) list = g_strsplit(optional ? names + 1 : names, "|", -1);
    struct tep_format_field *field = NULL;
    bool is_number;

    for (char **name = list; *name && !field; name++) {
        field = tep_find_field((struct tep_event *)event, *name);
    }
    if (!field) {
        return optional;
    }
    is_number = field->size == 1 || field->size == 2 || field->size == 4 ||
                field->size == 8;
    found->exists = true;
    return print_field_place(field, &found->place) &&
           (is_number || (field->flags & TEP_FIELD_IS_ARRAY)) &&
           !(field->flags & TEP_FIELD_IS_DYNAMIC);
}

typedef struct HandlerKind {
    const char *system;
    const char *event;
    RunHandler run;
    bool own;
    const char *fields[MAX_FIELDS];
} HandlerKind;

static const HandlerKind kinds[] = {
    {"sched",
     "sched_switch",
     run_switch,
     false,
     {"?prev_comm", "prev_pid", "prev_prio", "prev_state", "?next_comm",
      "next_pid", "next_prio"}},
    {"sched",
     "sched_wakeup",
     run_wakeup,
     false,
     {"?comm", "pid", "prio", "?success", "?target_cpu"}},
    {"sched",
     "sched_wakeup_new",
     run_wakeup,
     false,
     {"?comm", "pid", "prio", "?success", "?target_cpu"}},
    {"kvm",
     "kvm_exit",
     run_exit,
     false,
     {"exit_reason", "guest_rip", "?isa", "?info1", "?info2"}},
    {"kvm", "kvm_entry", run_entry, false, {"vcpu_id", "rip"}},
    {"kvm",
     "kvm_emulate_insn",
     run_emulate,
     true,
     {"rip", "csbase", "len", "flags", "failed", "insn"}},
    {"timer",
     "hrtimer_expire_entry",
     run_timer_expire,
     false,
     {"timer|hrtimer", "?function", "now"}},
    {"timer",
     "hrtimer_start",
     run_timer_start,
     false,
     {"timer|hrtimer", "?function", "expires", "softexpires"}},
    {"tlb", "tlb_flush", run_tlb_flush, false, {"pages", "reason"}},
    {"kmem", "kfree", run_kmem, false, {"call_site"}},
    {"kmem", "kmalloc", run_kmem, false, {"call_site"}},
    {"kmem", "kmalloc_node", run_kmem, false, {"call_site"}},
    {"kmem", "kmem_cache_alloc", run_kmem, false, {"call_site"}},
    {"kmem", "kmem_cache_alloc_node", run_kmem, false, {"call_site"}},
    {"kmem", "kmem_cache_free", run_kmem, false, {"call_site"}},
    {"syscalls",
     "sys_enter_futex",
     run_futex,
     false,
     {"uaddr", "op", "val", "utime", "uaddr2", "val3"}},
    {"ftrace", "function", run_function, true, {"ip", "parent_ip"}},
    {"ftrace",
     "func_repeats",
     run_repeats,
     true,
     {"ip", "parent_ip", "count", "top_delta_ts", "bottom_delta_ts"}},
    {"ftrace", "kernel_stack", run_stack, true, {"caller"}},
    {"ftrace", "raw_data", run_raw_data, true, {"id", "buf"}},
    {"ftrace", "funcgraph_entry", run_graph_entry, true, {"func", "depth"}},
    {"ftrace",
     "funcgraph_exit",
     run_graph_return,
     true,
     {"func", "depth", "calltime", "rettime", "?retval"}},
};

static const HandlerKind *find_kind(const struct tep_event *event)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(event->system, kinds[i].system) == 0 &&
            strcmp(event->name, kinds[i].event) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

static bool find_fields(PrintHandler *handler, const struct tep_event *event,
                        const HandlerKind *kind)
{
    for (int i = 0; i < MAX_FIELDS && kind->fields[i]; i++) {
        if (!find_field(event, kind->fields[i], &handler->fields[i])) {
            return false;
        }
    }
    return true;
}

/* The times of a leaf are its return's. */
static bool find_leaf_fields(PrintHandler *handler,
                             const struct tep_event *event)
{
    struct tep_event *other =
        tep_find_event_by_name(event->tep, "ftrace", "funcgraph_exit");

    return other &&
           find_field(other, "calltime", &handler->fields[GRAPH_CALLTIME]) &&
           find_field(other, "rettime", &handler->fields[GRAPH_RETTIME]) &&
           find_field(other, "?retval", &handler->fields[GRAPH_RETVAL]);
}

static void store(uint8_t *record, const PrintField *place, uint64_t value)
{
    memcpy(record + place->offset_bytes, &value,
           MIN(sizeof(value), place->size_bytes));
}

static size_t fields_end(const PrintHandler *handler)
{
    size_t end = 0;

    for (int i = 0; i < MAX_FIELDS; i++) {
        const PrintField *place = &handler->fields[i].place;

        end = MAX(end, (size_t)place->offset_bytes + place->size_bytes);
    }
    return end;
}

/* What the library writes between two texts about a field of this value. */
static char *ask(const PrintHandler *handler, const struct tep_event *event,
                 PrintByLibrary by_library, gpointer data, uint8_t *record,
                 const char *before, const char *after)
{
    g_autofree char *line =
        by_library(data, event, record, fields_end(handler));
    char *start = strstr(line, before);
    char *end;

    if (!start) {
        return NULL;
    }
    start += strlen(before);
    end = strstr(start, after);
    return end ? g_strndup(start, (gsize)(end - start)) : NULL;
}

static char *ask_reason(const PrintHandler *handler,
                        const struct tep_event *event,
                        PrintByLibrary by_library, gpointer data,
                        uint8_t *record, uint32_t isa, uint32_t reason)
{
    char *name;

    store(record, &handler->fields[EXIT_REASON].place, reason);
    if (handler->fields[EXIT_ISA].exists) {
        store(record, &handler->fields[EXIT_ISA].place, isa);
    }
    name = ask(handler, event, by_library, data, record, "reason ", " rip");
    if (name && g_str_has_prefix(name, "UNKNOWN")) {
        g_clear_pointer(&name, g_free);
    }
    return name;
}

static void ask_reasons(PrintHandler *handler, const struct tep_event *event,
                        PrintByLibrary by_library, gpointer data)
{
    g_autofree uint8_t *record = g_malloc0(PRINT_MAX_FIELD_END);
    ReasonNames *names = g_new0(ReasonNames, 1);

    for (uint32_t i = 0; i < N_REASONS; i++) {
        names->vmx[i] =
            ask_reason(handler, event, by_library, data, record, 1, i);
        if (handler->fields[EXIT_ISA].exists) {
            names->svm[i] =
                ask_reason(handler, event, by_library, data, record, 2, i);
        }
    }
    if (handler->fields[EXIT_ISA].exists) {
        names->svm_error =
            ask_reason(handler, event, by_library, data, record, 2, UINT32_MAX);
    }
    handler->reasons = names;
}

static void ask_states(PrintHandler *handler, const struct tep_event *event,
                       PrintByLibrary by_library, gpointer data)
{
    g_autofree uint8_t *record = g_malloc0(PRINT_MAX_FIELD_END);

    for (unsigned i = 0; i < N_STATES; i++) {
        g_autofree char *state = NULL;

        store(record, &handler->fields[SWITCH_PREV_STATE].place,
              UINT64_C(1) << i);
        state = ask(handler, event, by_library, data, record, "[0] ", " ==> ");
        if (state && strlen(state) == 1 && state[0] != 'R') {
            handler->states[i] = state[0];
        }
    }
}

PrintHandler *print_handler_new(const struct tep_event *event,
                                const PrintProgram *program,
                                PrintByLibrary by_library, gpointer data)
{
    const HandlerKind *kind = find_kind(event);
    PrintHandler *handler;

    if (!kind ||
        ((kind->run == run_kmem || kind->run == run_futex) && !program)) {
        return NULL;
    }
    handler = g_new0(PrintHandler, 1);
    handler->run = kind->run;
    handler->own = kind->own;
    handler->program = program;
    if (!find_fields(handler, event, kind) ||
        (kind->run == run_graph_entry && !find_leaf_fields(handler, event))) {
        g_free(handler);
        return NULL;
    }
    if (kind->run == run_exit) {
        ask_reasons(handler, event, by_library, data);
    } else if (kind->run == run_switch) {
        ask_states(handler, event, by_library, data);
    }
    return handler;
}

void print_handler_free(PrintHandler *handler)
{
    if (!handler) {
        return;
    }
    for (size_t i = 0; handler->reasons && i < N_REASONS; i++) {
        g_free(handler->reasons->vmx[i]);
        g_free(handler->reasons->svm[i]);
    }
    if (handler->reasons) {
        g_free(handler->reasons->svm_error);
    }
    g_free(handler->reasons);
    g_free(handler);
}

void print_handler_run(const PrintHandler *handler, PrintContext *context)
{
    handler->run(handler, context);
}

bool print_handler_is_own(const PrintHandler *handler)
{
    return handler->own;
}
