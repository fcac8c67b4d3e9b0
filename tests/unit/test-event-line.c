/*
 * EventLine: the compiled text is libtraceevent's, byte for byte.
 *
 * Formats written for what they use, and all of this machine's kernel where
 * tracefs can be read; records that are plausible, random, short and hostile.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "trace-data/event-line.h"

#define TRACEFS_EVENTS "/sys/kernel/tracing/events"
#define MAX_RECORD     512
#define ROUNDS         12

#define COMMON                                                             \
    "format:\n"                                                            \
    "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n" \
    "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n" \
    "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;"      \
    "\tsigned:0;\n"                                                        \
    "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"

#define FIELD(type, name, offset, size, is_signed)               \
    "\tfield:" type " " name ";\toffset:" offset ";\tsize:" size \
    ";\tsigned:" is_signed ";\n"

#define EVENT(name, id, fields, text) \
    "name: " name "\nID: " id "\n" COMMON fields "\nprint fmt: " text "\n"

typedef struct Format {
    const char *system;
    const char *text;
} Format;

static const Format formats[] = {
    {"test",
     EVENT("numbers", "1000",
           FIELD("int", "i", "8", "4", "1") FIELD("u64", "q", "16", "8", "0")
               FIELD("short", "h", "24", "2", "1")
                   FIELD("unsigned char", "c", "26", "1", "0"),
           "\"i=%d %5d %-5d| %05d %u %x %#x %o %#o q=%llu %016llx %#018llx "
           "%lld h=%hd %hu c=%hhu %X %.3d 100%% odd=%c\", REC->i, REC->i, "
           "REC->i, REC->i, REC->i, REC->i, REC->i, REC->i, REC->i, REC->q, "
           "REC->q, REC->q, REC->q, REC->h, REC->h, REC->c, REC->q, REC->h, "
           "REC->c")},
    {"test",
     EVENT("expressions", "1001",
           FIELD("u32", "a", "8", "4", "0") FIELD("u32", "b", "12", "4", "0")
               FIELD("u8", "array[8]", "16", "8", "0"),
           "\"%d %d %u %x %d %d %s %d %d\", REC->a + REC->b * 3, REC->a ? "
           "REC->b : 7, (u8)REC->a, (REC->a << 4) | (REC->b & 0xf), "
           "REC->a > 5 && REC->b < 9, !REC->a || REC->b == 3, "
           "REC->a & 1 ? \"odd\" : \"even\", REC->a / 3, REC->array[2]")},
    {"test",
     EVENT("division", "1002",
           FIELD("u32", "a", "8", "4", "0") FIELD("u32", "b", "12", "4", "0"),
           "\"%u %u\", REC->a / REC->b, REC->a % REC->b")},
    {"test",
     EVENT("names", "1003",
           FIELD("u32", "a", "8", "4", "0") FIELD("int", "b", "12", "4", "1"),
           "\"%s %-12s| %s %s\", __print_flags(REC->a, \"|\", { 0x1, \"ONE\" "
           "}, { 0x2, \"TWO\" }, { 0x10, \"MANY\" }), "
           "__print_symbolic(REC->b, { 0, \"zero\" }, { 1, \"one\" }, { 1, "
           "\"again\" }, { 64, \"big\" }), __print_flags(REC->b, \"\", { 4, "
           "\"4\" }), __print_symbolic(REC->a, { 0, \"HI\" }, { -1, "
           "\"minus\" })")},
    {"test",
     EVENT("strings", "1004",
           FIELD("char", "fixed[8]", "8", "8", "0")
               FIELD("__data_loc char[]", "text", "16", "4", "0")
                   FIELD("__data_loc unsigned long[]", "mask", "20", "4", "0")
                       FIELD("__data_loc cpumask_t", "cpus", "24", "4", "0")
                           FIELD("u32", "n", "28", "4", "0"),
           "\"%s|%10s|%-10s|%.3s|%.*s|%s|%s\", REC->fixed, __get_str(text), "
           "__get_str(text), __get_str(text), REC->n & 7, __get_str(text), "
           "__get_bitmask(mask), __get_bitmask(cpus)")},
    {"test", EVENT("arrays", "1005",
                   FIELD("u8", "bytes[6]", "8", "6", "0")
                       FIELD("__data_loc u32[]", "words", "16", "4", "0")
                           FIELD("u32", "n", "20", "4", "0"),
                   "\"%s %s %s len=%d\", __print_hex(REC->bytes, 6), "
                   "__print_hex_str(REC->bytes, REC->n), "
                   "__print_array(__get_dynamic_array(words), REC->n, 4), "
                   "__get_dynamic_array_len(words)")},
    {"test", EVENT("addresses", "1006",
                   FIELD("void *", "p", "8", "8", "0")
                       FIELD("unsigned long", "ip", "16", "8", "0")
                           FIELD("__u8", "uuid[16]", "24", "16", "0")
                               FIELD("const char *", "string", "40", "8", "0"),
                   "\"%p %pS %ps %pU %pUL %s\", REC->p, (void *)REC->ip, (void "
                   "*)REC->ip, REC->uuid, REC->uuid, REC->string")},
    {"test",
     EVENT("rel", "1007", FIELD("__rel_loc char[]", "text", "8", "4", "0"),
           "\"rel=%s\", __get_rel_str(text)")},
    {"test", EVENT("lines", "1008", FIELD("char", "buf[]", "8", "0", "0"),
                   "\"one\\ntwo %s\\n\", REC->buf")},
    {"test", EVENT("broken", "1009", FIELD("int", "a", "8", "4", "1"),
                   "\"%d %d\", REC->a")},
    {"sched", EVENT("sched_switch", "1010",
                    FIELD("char", "prev_comm[16]", "8", "16",
                          "0") FIELD("pid_t", "prev_pid", "24", "4", "1")
                        FIELD("int", "prev_prio", "28", "4",
                              "1") FIELD("long", "prev_state", "32", "8", "1")
                            FIELD("char", "next_comm[16]", "40", "16", "0")
                                FIELD("pid_t", "next_pid", "56", "4", "1")
                                    FIELD("int", "next_prio", "60", "4", "1"),
                    "\"%s\", REC->prev_comm")},
    {"kvm", EVENT("kvm_exit", "1011",
                  FIELD("unsigned int", "exit_reason", "8", "4", "0")
                      FIELD("unsigned long", "guest_rip", "16", "8", "0")
                          FIELD("u32", "isa", "24", "4", "0")
                              FIELD("u64", "info1", "32", "8", "0")
                                  FIELD("u64", "info2", "40", "8", "0"),
                  "\"reason %u\", REC->exit_reason")},
    {"kvm", EVENT("kvm_emulate_insn", "1012",
                  FIELD("__u64", "rip", "8", "8", "0")
                      FIELD("__u32", "csbase", "16", "4", "0")
                          FIELD("__u8", "len", "20", "1", "0")
                              FIELD("__u8", "insn[15]", "21", "15", "0")
                                  FIELD("__u8", "flags", "36", "1", "0")
                                      FIELD("__u8", "failed", "37", "1", "0"),
                  "\"%x\", REC->csbase")},
    {"ftrace",
     EVENT("function", "1013",
           FIELD("unsigned long", "ip", "8", "8", "0")
               FIELD("unsigned long", "parent_ip", "16", "8", "0"),
           "\" %ps <-- %ps\", (void *)REC->ip, (void *)REC->parent_ip")},
    {"syscalls", EVENT("sys_enter_futex", "1014",
                       FIELD("u32 *", "uaddr", "8", "8", "0")
                           FIELD("int", "op", "16", "8", "0")
                               FIELD("u32", "val", "24", "8", "0")
                                   FIELD("void *", "utime", "32", "8", "0")
                                       FIELD("u32 *", "uaddr2", "40", "8", "0")
                                           FIELD("u32", "val3", "48", "8", "0"),
                       "\"uaddr: %lx op: %lx\", REC->uaddr, REC->op")},
};

static const char kallsyms[] = "ffffffff81000000 T first\n"
                               "ffffffff81000100 t second\n"
                               "ffffffff81000100 t alias\n"
                               "ffffffff81000200 T third\t[module]\n"
                               "0000000000000100 A per_cpu\n"
                               "ffffffff81000300 T last\n";

static const char kernel_strings[] = "0xffffffff82000000 : \"a string\\n\"\n"
                                     "malformed\n"
                                     "0x0000000000000040 : \"low\"\n";

static GBytes *static_bytes(const char *text)
{
    return g_bytes_new_static(text, strlen(text));
}

static void format_free(gpointer data)
{
    DatFormat *format = data;

    g_free(format->system);
    g_bytes_unref(format->text);
    g_free(format);
}

static void add_format(GPtrArray *list, const char *system, GBytes *text)
{
    DatFormat *format = g_new0(DatFormat, 1);

    format->system = g_strdup(system);
    format->text = text;
    g_ptr_array_add(list, format);
}

static EventTable *make_table(GPtrArray *list)
{
    static const char cmdlines[] = "7 worker\n8 other task\n";
    DatFile dat = {.page_bytes = 4096, .long_bytes = 8};
    EventTable *table;

    dat.cpus = g_array_new(FALSE, TRUE, sizeof(DatCpuData));
    dat.metadata.formats = list;
    dat.metadata.kallsyms = static_bytes(kallsyms);
    dat.metadata.printk_formats = static_bytes(kernel_strings);
    dat.metadata.cmdlines = static_bytes(cmdlines);
    table = event_table_new(&dat);
    g_array_unref(dat.cpus);
    g_bytes_unref(dat.metadata.kallsyms);
    g_bytes_unref(dat.metadata.printk_formats);
    g_bytes_unref(dat.metadata.cmdlines);
    g_ptr_array_unref(list);
    return table;
}

static EventTable *written_table(void)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(format_free);

    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        add_format(list, formats[i].system, static_bytes(formats[i].text));
    }
    return make_table(list);
}

static EventTable *kernel_table(void)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(format_free);
    g_autoptr(GDir) root = g_dir_open(TRACEFS_EVENTS, 0, NULL);
    const char *system, *name;

    while (root && (system = g_dir_read_name(root))) {
        g_autofree char *path = g_build_filename(TRACEFS_EVENTS, system, NULL);
        g_autoptr(GDir) events = g_dir_open(path, 0, NULL);

        while (events && (name = g_dir_read_name(events))) {
            g_autofree char *file =
                g_build_filename(path, name, "format", NULL);
            char *text;
            gsize size;

            if (g_file_get_contents(file, &text, &size, NULL)) {
                add_format(list, system, g_bytes_new_take(text, size));
            }
        }
    }
    if (list->len == 0) {
        g_ptr_array_unref(list);
        return NULL;
    }
    return make_table(list);
}

/* A record of the type; what it holds grows wilder with the round. */
static size_t make_record(GRand *random, const EventType *type, unsigned round,
                          uint8_t *record)
{
    size_t size = 8 + (size_t)g_rand_int_range(random, 0, MAX_RECORD - 8);
    uint16_t id = (uint16_t)type->id;
    int32_t pid = g_rand_int_range(random, 0, 12);

    for (size_t i = 0; i < MAX_RECORD; i++) {
        uint32_t value = g_rand_int(random);

        record[i] = round % 3 == 0   ? (uint8_t)(value >> 24 < 64 ? value : 0)
                    : round % 3 == 1 ? (uint8_t)(i % 8 < 4 ? value & 0x7f : 0)
                                     : (uint8_t)value;
    }
    memcpy(record, &id, sizeof(id));
    memcpy(record + 4, &pid, sizeof(pid));
    for (unsigned i = type->n_common; i < type->n_fields; i++) {
        const EventFieldType *field = &type->fields[i];
        size_t at = (size_t)field->where.offset_bytes;
        uint32_t word = (uint32_t)g_rand_int_range(random, 64, 300) |
                        (uint32_t)g_rand_int_range(random, 0, 24) << 16;

        if ((field->place == EVENT_PLACE_DATA_LOC ||
             field->place == EVENT_PLACE_REL_LOC) &&
            at + 4 <= MAX_RECORD && round % 5 != 0) {
            memcpy(record + at, &word, sizeof(word));
        }
    }
    return round < 4 ? MAX_RECORD : size;
}

typedef struct Printer {
    EventTable *table;
    EventOrder *order;
    EventScratch *scratch;
} Printer;

static char *print(Printer *printer, const EventTextStyle *style,
                   const uint8_t *record, size_t size)
{
    PrintText text = PRINT_TEXT_INIT;
    /* Its own block: whatever is read behind it is an error to find. */
    g_autofree uint8_t *copy = g_memdup2(record, size);
    EventLine line = {
        .data = copy,
        .size_bytes = (uint32_t)size,
        .cpu = 1,
        .time = UINT64_C(123456789012),
    };

    event_order_add(printer->order, printer->table, &line);
    event_line_print(&line, style, " insert", printer->scratch, &text);
    print_text_char(&text, '\0');
    return text.start;
}

/*
 * libtraceevent shows a text field as numbers for good once a record has held
 * what isn't text; we do so for that record.
 */
static bool is_known_difference(const char *own, const char *other)
{
    return strstr(own, "ARRAY[") || strstr(other, "ARRAY[");
}

/* funcgraph events are libtracecmd's; the plugin overflows on the other. */
static bool has_reference(const EventType *type)
{
    static const char *const without[] = {"funcgraph_entry", "funcgraph_exit",
                                          "kvm_emulate_insn", "function"};

    for (size_t i = 0; i < G_N_ELEMENTS(without); i++) {
        if (strcmp(type->name, without[i]) == 0) {
            return false;
        }
    }
    return true;
}

static void compare_type(Printer *printer, GRand *random, const EventType *type,
                         const EventTextStyle *style)
{
    EventTextStyle reference = *style;
    uint8_t record[MAX_RECORD];

    reference.by_library = true;
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t size = make_record(random, type, round, record);
        g_autofree char *own = print(printer, style, record, size);
        g_autofree char *other = NULL;

        if (!has_reference(type)) {
            continue;
        }
        other = print(printer, &reference, record, size);
        if (!is_known_difference(own, other)) {
            g_assert_cmpstr(own, ==, other);
        }
    }
}

static void compare_table(EventTable *table, const EventTextStyle *style)
{
    Printer printer = {table, event_order_new(), event_scratch_new()};
    GRand *random = g_rand_new_with_seed(1);
    unsigned n = 0;

    for (int id = 0; id < 65536; id++) {
        const EventType *type = event_table_type(table, id);

        if (type) {
            compare_type(&printer, random, type, style);
            n++;
        }
    }
    g_assert_cmpuint(n, >=, G_N_ELEMENTS(formats));
    g_test_message("%u event types, %u of them by libtraceevent", n,
                   event_table_count_by_library(table));
    g_rand_free(random);
    event_order_free(printer.order);
    event_scratch_free(printer.scratch);
    event_table_unref(table);
}

static const EventTextStyle plain = {.has_ns = true};
static const EventTextStyle raw = {.has_ns = true,
                                   .full_ns = true,
                                   .raw = true};

static void test_written(void)
{
    compare_table(written_table(), &plain);
    compare_table(written_table(), &raw);
}

static void test_kernel(void)
{
    EventTable *table = kernel_table();

    if (!table) {
        g_test_skip("the kernel's formats cannot be read: mount tracefs, and "
                    "be root");
        return;
    }
    compare_table(table, &plain);
    compare_table(kernel_table(), &raw);
}

/* All of the written formats but the broken one are compiled. */
static void test_coverage(void)
{
    EventTable *table = written_table();
    Printer printer = {table, event_order_new(), event_scratch_new()};
    uint8_t record[MAX_RECORD] = {0};

    for (uint16_t id = 1000; id < 1000 + G_N_ELEMENTS(formats); id++) {
        g_autofree char *text = NULL;

        memcpy(record, &id, sizeof(id));
        text = print(&printer, &plain, record, sizeof(record));
        g_assert_cmpuint(event_table_count_by_library(table), ==, 0);
    }
    event_order_free(printer.order);
    event_scratch_free(printer.scratch);
    event_table_unref(table);
}

static char *print_one(EventTable *table, const EventTextStyle *style,
                       const uint8_t *record, size_t size)
{
    Printer printer = {table, event_order_new(), event_scratch_new()};
    char *text = print(&printer, style, record, size);

    event_order_free(printer.order);
    event_scratch_free(printer.scratch);
    event_table_unref(table);
    return text;
}

#define RECORD(id, ...)                                          \
    {                                                            \
        (id) & 0xff, (id) >> 8, 1, 0x12, 7, 0, 0, 0, __VA_ARGS__ \
    }

static void test_hostile(void)
{
    static const uint8_t division[16] = RECORD(1002, 1);
    static const uint8_t count[24] =
        RECORD(1005, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255);
    static const uint8_t instruction[40] =
        RECORD(1012, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 255, 0x90);
    static const uint8_t escape[] = RECORD(1008, 'a', 27, '[', '\n', 'b');
    /* Control characters of C1: as UTF-8, and as they are. */
    static const uint8_t c1[] =
        RECORD(1008, 'p', 'l', 'a', 'i', 'n', 0xc2, 0x9b, '3', '1', 'm', ' ',
               't', 'o', 0x9b, 'b', 'e');
    g_autofree char *text = NULL;

    text = print_one(written_table(), &plain, division, sizeof(division));
    g_assert_nonnull(strstr(text, "0 0"));
    g_free(text);
    text = print_one(written_table(), &plain, count, sizeof(count));
    g_assert_nonnull(strstr(text, "01 02 03 04 05 06 "));
    g_free(text);
    text = print_one(written_table(), &plain, instruction, sizeof(instruction));
    g_assert_nonnull(strstr(text, "2:1: 90 00 00"));
    g_free(text);
    text = print_one(written_table(), &plain, escape, sizeof(escape));
    g_assert_true(g_str_has_suffix(text, "one\\ntwo a\\x1b[\\nb"));
    g_free(text);
    text = print_one(written_table(), &plain, c1, sizeof(c1));
    g_assert_true(
        g_str_has_suffix(text, "one\\ntwo plain\\xc2\\x9b31m to\\x9bbe"));
}

static void test_styles(void)
{
    static const uint8_t record[32] = RECORD(1009, 5);
    EventTextStyle style = {.has_ns = true};
    g_autofree char *text = NULL;

    text = print_one(written_table(), &style, record, sizeof(record));
    g_assert_true(g_str_has_prefix(
        text, "          worker-7     [001] d..21   123.456789: insert "
              "broken:               [FAILED TO PARSE] a=5"));
    g_free(text);
    style.no_flags = true;
    style.full_ns = true;
    text = print_one(written_table(), &style, record, sizeof(record));
    g_assert_true(g_str_has_prefix(
        text, "          worker-7     [001]   123.456789012: insert"));
    g_free(text);
    style = (EventTextStyle){.latency = true};
    text = print_one(written_table(), &style, record, sizeof(record));
    g_assert_true(
        g_str_has_prefix(text, "  worker-7       1d..21 123456789012: insert"));
}

static void add(EventOrder *order, EventTable *table, EventLine *line,
                uint8_t *record, uint64_t ip, uint64_t parent)
{
    const uint16_t id = 1013;

    memset(record, 0, 24);
    memcpy(record, &id, sizeof(id));
    memcpy(record + 8, &ip, sizeof(ip));
    memcpy(record + 16, &parent, sizeof(parent));
    *line = (EventLine){.data = record, .size_bytes = 24};
    event_order_add(order, table, line);
}

/* Of a format that libtraceevent 1.7 would die of the fields are shown. */
static void test_bad_format(void)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(format_free);
    static const uint8_t flags[12] = RECORD(1000, 5);
    static const uint8_t symbols[12] = RECORD(1001, 6);
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;

    add_format(list, "test",
               static_bytes(EVENT("flags", "1000",
                                  FIELD("u32", "a", "8", "4", "0"),
                                  "\"%s\", __print_flags(REC->b, \"|\", { 1, "
                                  "\"ONE\" })")));
    add_format(list, "test",
               static_bytes(EVENT("symbols", "1001",
                                  FIELD("u32", "a", "8", "4", "0"),
                                  "\"%s\", __print_symbolic(REC->, { 1, "
                                  "\"ONE\" })")));
    first = print_one(make_table(g_ptr_array_ref(list)), &plain, flags,
                      sizeof(flags));
    second = print_one(make_table(list), &plain, symbols, sizeof(symbols));
    g_assert_nonnull(strstr(first, "flags:                [FAILED TO PARSE] "
                                   "a=5"));
    g_assert_nonnull(strstr(second, "[FAILED TO PARSE] a=6"));
}

/* What is no format at all leaves its event unknown. */
static void test_no_format(void)
{
    static const char *const texts[] = {
        "",
        "name: x\n",
        "name: x\nID: 1000\nformat:\n\tfield:u32 a[;\toffset:8;\tsize:4;"
        "\tsigned:0;\n\nprint fmt: \"x\"\n",
        "name: x\nID: 1000\nformat:\n\tfield:u32 a;\toffset:8;\tsize:-4;"
        "\tsigned:0;\n\nprint fmt: \"x\"\n",
    };
    GPtrArray *list = g_ptr_array_new_with_free_func(format_free);
    EventTable *table;

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        add_format(list, "test", static_bytes(texts[i]));
    }
    table = make_table(list);
    g_assert_cmpuint(event_table_bad_formats(table), ==, G_N_ELEMENTS(texts));
    event_table_unref(table);
}

/* Each operation shows other arguments. */
static void test_futex(void)
{
    EventTable *table = written_table();
    Printer printer = {table, event_order_new(), event_scratch_new()};
    const EventTextStyle reference = {.has_ns = true, .by_library = true};

    for (uint64_t op = 0; op < 0x200; op++) {
        uint64_t record[7] = {1014, 0xabc, op & 0x18f, 5, 0x123456789, 7, 8};
        g_autofree char *own =
            print(&printer, &plain, (uint8_t *)record, sizeof(record));
        g_autofree char *other =
            print(&printer, &reference, (uint8_t *)record, sizeof(record));

        g_assert_cmpstr(own, ==, other);
    }
    event_order_free(printer.order);
    event_scratch_free(printer.scratch);
    event_table_unref(table);
}

/* A function stands further in than the one that called it. */
static void test_calls(void)
{
    const uint64_t first = UINT64_C(0xffffffff81000004);
    const uint64_t second = UINT64_C(0xffffffff81000104);
    const uint64_t third = UINT64_C(0xffffffff81000204);
    EventTable *table = written_table();
    EventOrder *order = event_order_new();
    uint8_t record[24];
    EventLine line;

    add(order, table, &line, record, second, first);
    g_assert_cmpuint(line.indent, ==, 0);
    add(order, table, &line, record, third, second);
    g_assert_cmpuint(line.indent, ==, 1);
    add(order, table, &line, record, second, first);
    g_assert_cmpuint(line.indent, ==, 0);
    event_order_free(order);
    event_table_unref(table);
}

/* A task has the name that was known when the event happened. */
static void test_names(void)
{
    uint8_t record[64] =
        RECORD(1010, 'o', 'l', 'd', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 99);
    static const int32_t pid = 99;
    EventTable *table = written_table();
    Printer printer = {table, event_order_new(), event_scratch_new()};
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    memcpy(record + 4, &pid, sizeof(pid));
    before = print(&printer, &plain, record, sizeof(record));
    memcpy(record + 8, "new", 3);
    after = print(&printer, &plain, record, sizeof(record));
    g_assert_true(g_str_has_prefix(before, "           <...>-99 "));
    g_assert_nonnull(strstr(before, "old:99 [0] R ==> "));
    g_assert_true(g_str_has_prefix(after, "             old-99 "));
    g_assert_nonnull(strstr(after, "new:99 [0] R ==> "));
    event_order_free(printer.order);
    event_scratch_free(printer.scratch);
    event_table_unref(table);
}

/* As with trace-cmd's -R. */
static void test_no_names(void)
{
    uint8_t record[64] = RECORD(1010, 'o', 'l', 'd');
    static const int32_t pid = 99;
    EventTable *table = written_table();
    Printer printer = {table, event_order_new(), event_scratch_new()};
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    event_order_learn_nothing(printer.order);
    memcpy(record + 4, &pid, sizeof(pid));
    before = print(&printer, &raw, record, sizeof(record));
    after = print(&printer, &raw, record, sizeof(record));
    g_assert_true(g_str_has_prefix(after, "           <...>-99 "));
    g_assert_cmpstr(after, ==, before);
    event_order_free(printer.order);
    event_scratch_free(printer.scratch);
    event_table_unref(table);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/event-line/written-formats", test_written);
    g_test_add_func("/event-line/kernel-formats", test_kernel);
    g_test_add_func("/event-line/coverage", test_coverage);
    g_test_add_func("/event-line/hostile", test_hostile);
    g_test_add_func("/event-line/styles", test_styles);
    g_test_add_func("/event-line/bad-format", test_bad_format);
    g_test_add_func("/event-line/no-format", test_no_format);
    g_test_add_func("/event-line/futex", test_futex);
    g_test_add_func("/event-line/calls", test_calls);
    g_test_add_func("/event-line/names", test_names);
    g_test_add_func("/event-line/no-names", test_no_names);
    return g_test_run();
}
