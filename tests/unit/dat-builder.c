/*
 * DatBuilder: small trace.dat files made of chosen events, for tests.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dat-builder.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define PAGE_BYTES   4096
#define HEADER_BYTES 16
/* RINGBUF_TYPE_DATA_TYPE_LEN_MAX */
#define MAX_RECORD_BYTES 112
#define MAX_DELTA        ((UINT64_C(1) << 27) - 1)

/* kernel/trace/ring_buffer.c */
#define MISSED_EVENTS (UINT32_C(1) << 31)
#define MISSED_STORED (UINT32_C(1) << 30)

/* struct trace_entry, then one 64-bit value */
typedef struct Record {
    uint16_t type;
    uint8_t flags;
    uint8_t preempt_count;
    int32_t pid;
    int64_t value;
} Record;

typedef struct BuiltCpu {
    GPtrArray *pages; /* of uint8_t[PAGE_BYTES] */
    uint32_t used_bytes;
    uint64_t last_ticks;
    int64_t missed_next; /* lost before the next page */
    int64_t missed_here; /* lost before the page in hand */
} BuiltCpu;

struct DatBuilder {
    uint32_t n_cpus;
    BuiltCpu *cpus;
    bool use_words;
    GHashTable *formats; /* name -> text: those that were added */
};

static const char header_page[] =
    "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
    "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
    "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
    "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n";

#define HEAD(name, id)                                                     \
    "name: " name "\nID: " id "\nformat:\n"                                \
    "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n" \
    "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n" \
    "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;"      \
    "\tsigned:0;\n"                                                        \
    "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"

#define FORMAT(name, id, type, field, text)                          \
    HEAD(name, id)                                                   \
    "\tfield:" type " " field ";\toffset:8;\tsize:8;\tsigned:1;\n\n" \
    "print fmt: \"" text "\", REC->" field "\n"

/* An event of up to three 64-bit fields. */
#define WORD(field, offset) \
    "\tfield:s64 " field ";\toffset:" offset ";\tsize:8;\tsigned:1;\n"
#define WORDS(name, id, first, more) \
    HEAD(name, id)                   \
    WORD(first, "8") more "\nprint fmt: \"%lld\", REC->" first "\n"
#define SECOND(field) WORD(field, "16")
#define THIRD(field)  WORD(field, "24")

typedef struct BuiltFormat {
    const char *name;
    const char *text;
} BuiltFormat;

static const BuiltFormat word_formats[] = {
    {"sched/sched_switch", WORDS("sched_switch", "105", "prev_pid",
                                 SECOND("prev_state") THIRD("next_pid"))},
    {"sched/sched_waking",
     WORDS("sched_waking", "106", "pid", SECOND("target_cpu"))},
    {"kvm/kvm_exit",
     WORDS("kvm_exit", "107", "vcpu_id", SECOND("exit_reason") THIRD("isa"))},
    {"irq_vectors/local_timer_entry",
     WORDS("local_timer_entry", "108", "vector", "")},
    {"irq_vectors/local_timer_exit",
     WORDS("local_timer_exit", "109", "vector", "")},
    {"msr/write_msr", WORDS("write_msr", "110", "msr", SECOND("val"))},
    {"kvm/kvm_inj_virq", WORDS("kvm_inj_virq", "111", "vector", "")},
    {"kvm/kvm_userspace_exit",
     WORDS("kvm_userspace_exit", "112", "reason", SECOND("errno"))},
    {"kvm/kvm_vcpu_wakeup",
     WORDS("kvm_vcpu_wakeup", "113", "ns", SECOND("waited"))},
    {"irq/softirq_entry", WORDS("softirq_entry", "117", "vec", "")},
    {"irq/softirq_exit", WORDS("softirq_exit", "118", "vec", "")},
    {"kvm/kvm_apic_accept_irq",
     WORDS("kvm_apic_accept_irq", "114", "apicid", SECOND("vec"))},
    {"kvm/kvm_write_tsc_offset",
     WORDS("kvm_write_tsc_offset", "115", "previous_tsc_offset",
           SECOND("next_tsc_offset"))},
    {"kvm/kvm_pio", WORDS("kvm_pio", "116", "rw", SECOND("port"))},
};

static const BuiltFormat formats[] = {
    {"kvm/kvm_entry",
     FORMAT("kvm_entry", "100", "s64", "vcpu_id", "vcpu %lld")},
    {"kvm/kvm_exit", FORMAT("kvm_exit", "101", "s64", "vcpu_id", "vcpu %lld")},
    {"kvm/kvm_write_tsc_offset", FORMAT("kvm_write_tsc_offset", "102", "s64",
                                        "next_tsc_offset", "next=%lld")},
    {"test/number", FORMAT("number", "103", "s64", "number", "number=%lld")},
    {"test/many",
     HEAD("many",
          "104") "\tfield:char name[8];\toffset:8;\tsize:8;\tsigned:0;\n"
                 "\tfield:short few[3];\toffset:16;\tsize:6;\tsigned:1;\n"
                 "\tfield:u8 byte;\toffset:22;\tsize:1;\tsigned:0;\n"
                 "\tfield:__data_loc char[] "
                 "text;\toffset:24;\tsize:4;\tsigned:0;\n"
                 "\tfield:__rel_loc char[] "
                 "near;\toffset:28;\tsize:4;\tsigned:0;\n"
                 "\tfield:__data_loc u32[] "
                 "list;\toffset:32;\tsize:4;\tsigned:0;\n"
                 "\tfield:u64 big;\toffset:40;\tsize:8;\tsigned:0;\n\n"
                 "print fmt: \"byte=%d\", REC->byte\n"},
};

DatBuilder *dat_builder_new(uint32_t n_cpus)
{
    DatBuilder *builder = g_new0(DatBuilder, 1);

    builder->n_cpus = n_cpus;
    builder->formats =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    builder->cpus = g_new0(BuiltCpu, n_cpus);
    for (uint32_t i = 0; i < n_cpus; i++) {
        builder->cpus[i].pages = g_ptr_array_new_with_free_func(g_free);
        builder->cpus[i].used_bytes = PAGE_BYTES;
    }
    return builder;
}

void dat_builder_free(DatBuilder *builder)
{
    if (builder) {
        for (uint32_t i = 0; i < builder->n_cpus; i++) {
            g_ptr_array_unref(builder->cpus[i].pages);
        }
        g_free(builder->cpus);
        g_hash_table_unref(builder->formats);
        g_free(builder);
    }
}

void dat_builder_add_format(DatBuilder *builder, const char *name,
                            const char *text)
{
    g_hash_table_insert(builder->formats, g_strdup(name), g_strdup(text));
}

static uint8_t *last_page(BuiltCpu *cpu)
{
    return cpu->pages->pdata[cpu->pages->len - 1];
}

/* As ring_buffer_read_page() leaves it: flags, and the count after the data. */
static void set_commit(BuiltCpu *cpu)
{
    uint32_t commit = cpu->used_bytes - HEADER_BYTES;

    if (cpu->missed_here > 0) {
        memcpy(last_page(cpu) + cpu->used_bytes, &cpu->missed_here,
               sizeof(cpu->missed_here));
        commit |= MISSED_EVENTS | MISSED_STORED;
    } else if (cpu->missed_here < 0) {
        commit |= MISSED_EVENTS;
    }
    memcpy(last_page(cpu) + 8, &commit, sizeof(commit));
}

static void start_page(BuiltCpu *cpu, uint64_t ticks)
{
    uint8_t *page = g_malloc0(PAGE_BYTES);

    g_ptr_array_add(cpu->pages, page);
    memcpy(page, &ticks, sizeof(ticks));
    cpu->used_bytes = HEADER_BYTES;
    cpu->last_ticks = ticks;
    cpu->missed_here = cpu->missed_next;
    cpu->missed_next = 0;
}

void dat_builder_end_page(DatBuilder *builder, unsigned cpu_number,
                          int64_t missed_events)
{
    BuiltCpu *cpu = &builder->cpus[cpu_number];

    cpu->used_bytes = PAGE_BYTES;
    cpu->missed_next = missed_events;
}

static void append_word(BuiltCpu *cpu, uint32_t word)
{
    memcpy(last_page(cpu) + cpu->used_bytes, &word, sizeof(word));
    cpu->used_bytes += sizeof(word);
}

void dat_builder_add_record(DatBuilder *builder, unsigned cpu_number,
                            uint64_t ticks, const void *record,
                            uint32_t size_bytes)
{
    BuiltCpu *cpu = &builder->cpus[cpu_number];
    uint64_t delta;

    g_assert_cmpuint(size_bytes % 4, ==, 0);
    g_assert_cmpuint(size_bytes, <=, MAX_RECORD_BYTES);
    if (cpu->used_bytes + 8 + 4 + size_bytes + 8 > PAGE_BYTES) {
        start_page(cpu, ticks);
    }
    delta = ticks - cpu->last_ticks;
    if (delta > MAX_DELTA) {
        append_word(cpu, 30 | (uint32_t)(delta & MAX_DELTA) << 5);
        append_word(cpu, (uint32_t)(delta >> 27));
        delta = 0;
    }
    append_word(cpu, size_bytes / 4 | (uint32_t)delta << 5);
    memcpy(last_page(cpu) + cpu->used_bytes, record, size_bytes);
    cpu->used_bytes += size_bytes;
    cpu->last_ticks = ticks;
    set_commit(cpu);
}

void dat_builder_add(DatBuilder *builder, unsigned cpu_number, uint64_t ticks,
                     BuiltEvent event, int32_t pid, int64_t value)
{
    const Record record = {.type = (uint16_t)event, .pid = pid, .value = value};

    dat_builder_add_record(builder, cpu_number, ticks, &record, sizeof(record));
}

void dat_builder_add_words(DatBuilder *builder, unsigned cpu, uint64_t ticks,
                           BuiltEvent event, int32_t pid, const int64_t *words,
                           unsigned n_words)
{
    uint8_t bytes[MAX_RECORD_BYTES] = {0};
    const Record head = {.type = (uint16_t)event, .pid = pid};
    size_t head_bytes = offsetof(Record, value);

    memcpy(bytes, &head, head_bytes);
    memcpy(bytes + head_bytes, words, n_words * sizeof(*words));
    dat_builder_add_record(builder, cpu, ticks, bytes,
                           (uint32_t)(head_bytes + n_words * sizeof(*words)));
}

void dat_builder_use_words(DatBuilder *builder)
{
    builder->use_words = true;
}

static void add_formats(const DatBuilder *builder, DatWriter *writer,
                        const BuiltFormat *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!g_hash_table_contains(builder->formats, list[i].name)) {
            dat_writer_add_text(writer, TRACE_META_EVENT_FORMAT, list[i].name,
                                list[i].text, strlen(list[i].text));
        }
    }
}

static void add_own_formats(const DatBuilder *builder, DatWriter *writer)
{
    GHashTableIter iter;
    gpointer name, text;

    g_hash_table_iter_init(&iter, builder->formats);
    while (g_hash_table_iter_next(&iter, &name, &text)) {
        dat_writer_add_text(writer, TRACE_META_EVENT_FORMAT, name, text,
                            strlen(text));
    }
}

static void add_texts(const DatBuilder *builder, DatWriter *writer)
{
    static const char clock[] = "local global [x86-tsc]\n";
    static const char cmdlines[] = "7 worker\n";

    dat_writer_add_text(writer, TRACE_META_HEADER_PAGE, NULL, header_page,
                        strlen(header_page));
    dat_writer_add_text(writer, TRACE_META_TRACE_CLOCK, NULL, clock,
                        strlen(clock));
    dat_writer_add_text(writer, TRACE_META_CMDLINES, NULL, cmdlines,
                        strlen(cmdlines));
    if (builder->use_words) {
        /* kvm_entry is the same in both. */
        add_formats(builder, writer, formats, 1);
        add_formats(builder, writer, word_formats, G_N_ELEMENTS(word_formats));
    } else {
        add_formats(builder, writer, formats, G_N_ELEMENTS(formats));
    }
    add_own_formats(builder, writer);
}

static void write_pages(DatBuilder *builder, DatWriter *writer)
{
    g_autoptr(GError) error = NULL;

    for (uint32_t i = 0; i < builder->n_cpus; i++) {
        for (guint n = 0; n < builder->cpus[i].pages->len; n++) {
            dat_writer_add_page(writer, i, builder->cpus[i].pages->pdata[n],
                                PAGE_BYTES, &error);
            g_assert_no_error(error);
        }
    }
    dat_writer_flush(writer, &error);
    g_assert_no_error(error);
}

/* A loss after the last event is told by an empty page. */
static void end_losses(DatBuilder *builder)
{
    for (uint32_t i = 0; i < builder->n_cpus; i++) {
        BuiltCpu *cpu = &builder->cpus[i];

        if (cpu->missed_next != 0) {
            start_page(cpu, cpu->last_ticks);
            set_commit(cpu);
        }
    }
}

char *dat_builder_write(DatBuilder *builder, const char *name,
                        const DatOptions *options)
{
    TraceHello hello = {
        .version = TRACE_STREAM_VERSION,
        .page_bytes = PAGE_BYTES,
        .cpu_count = builder->n_cpus,
        .long_bytes = 8,
        .trace_id = options->trace_id,
        .clock = "x86-tsc",
        .release = "6.1.0-built",
        .hostname = "built",
    };
    g_autoptr(DatWriter) writer = dat_writer_new(&hello, &limits_default);
    g_autofree uint64_t *pages = g_new0(uint64_t, builder->n_cpus);
    g_autofree char *dir = g_dir_make_tmp("dat-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autoptr(GError) error = NULL;
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

    g_assert_cmpint(fd, >=, 0);
    end_losses(builder);
    for (uint32_t i = 0; i < builder->n_cpus; i++) {
        pages[i] = builder->cpus[i].pages->len;
    }
    add_texts(builder, writer);
    dat_writer_start(writer, fd, options, pages, builder->n_cpus, &error);
    g_assert_no_error(error);
    write_pages(builder, writer);
    close(fd);
    return g_steal_pointer(&path);
}

void dat_builder_forget(const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);

    g_unlink(path);
    g_rmdir(dir);
}

TimelineInput *dat_builder_open(DatBuilder *builder, const char *name,
                                const DatOptions *options)
{
    g_autofree char *path = dat_builder_write(builder, name, options);
    g_autoptr(GError) error = NULL;
    TimelineInput *input = timeline_input_open(path, name, &error);

    g_assert_no_error(error);
    dat_builder_forget(path);
    return input;
}
