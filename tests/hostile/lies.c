/*
 * Lies: streams that are wrong in one way each.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "lies.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#include "qga/trace-stream.h"

#define PAGE_BYTES  4096
#define PAGE_HEADER 16
#define SWITCH_ID   300
#define PRINT_ID    5
#define DRIBBLE_US  G_USEC_PER_SEC
/* What paths and markup in names would do, the tests look for. */
#define PATH   "../../../../../../../../../../var/tmp/lie-was-here"
#define ESCAPE "\033]0;owned\007\033[31m"
#define MARKUP "<script>owned()</script>"

#define HEADER_PAGE                                             \
    "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"  \
    "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n" \
    "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"  \
    "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n"
#define HEADER_EVENT                                           \
    "# compressed entry header\n\ttype_len    :    5 bits\n"   \
    "\ttime_delta  :   27 bits\n\tarray       :   32 bits\n\n" \
    "\tpadding     : type == 29\n\ttime_extend : type == 30\n" \
    "\ttime_stamp : type == 31\n\tdata max type_len  == 28\n"
#define COMMON                                                             \
    "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n" \
    "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n" \
    "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\t"    \
    "signed:0;\n"                                                          \
    "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
#define SWITCH_HEAD "name: sched_switch\nID: 300\nformat:\n" COMMON
#define SWITCH_FIELDS                                                \
    "\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;\n"  \
    "\tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;\n"      \
    "\tfield:int prev_prio;\toffset:28;\tsize:4;\tsigned:1;\n"       \
    "\tfield:long prev_state;\toffset:32;\tsize:8;\tsigned:1;\n"     \
    "\tfield:char next_comm[16];\toffset:40;\tsize:16;\tsigned:0;\n" \
    "\tfield:pid_t next_pid;\toffset:56;\tsize:4;\tsigned:1;\n"      \
    "\tfield:int next_prio;\toffset:60;\tsize:4;\tsigned:1;\n\n"
#define SWITCH_FORMAT                                                        \
    SWITCH_HEAD SWITCH_FIELDS                                                \
        "print fmt: \"prev_comm=%s prev_pid=%d prev_prio=%d prev_state=%ld " \
        "==> next_comm=%s next_pid=%d next_prio=%d\", REC->prev_comm, "      \
        "REC->prev_pid, REC->prev_prio, REC->prev_state, REC->next_comm, "   \
        "REC->next_pid, REC->next_prio\n"
#define PRINT_FORMAT                                             \
    "name: print\nID: 5\nformat:\n" COMMON                       \
    "\tfield:unsigned long ip;\toffset:8;\tsize:8;\tsigned:0;\n" \
    "\tfield:char buf[];\toffset:16;\tsize:0;\tsigned:0;\n\n"    \
    "print fmt: \"%ps: %s\", (void *)REC->ip, REC->buf\n"

/* --- frames --- */

static void put(GByteArray *stream, const void *bytes, gsize size)
{
    g_byte_array_append(stream, bytes, (guint)size);
}

/*
 * The sequence number is in no state of ours: it is what follows from the
 * frames that are there.
 */
static uint64_t count_frames(const GByteArray *stream)
{
    uint64_t count = 0;
    gsize at = 0;

    while (at + sizeof(TraceFrameHeader) <= stream->len) {
        TraceFrameHeader header;

        memcpy(&header, stream->data + at, sizeof(header));
        at += sizeof(header) + ((header.length_bytes + 7u) & ~7u);
        count++;
    }
    return count;
}

static TraceFrameHeader header_of(const GByteArray *stream, TraceFrameType type,
                                  uint32_t cpu, gsize size)
{
    return (TraceFrameHeader){
        .magic = TRACE_STREAM_MAGIC,
        .type = (uint16_t)type,
        .cpu = cpu,
        .length_bytes = (uint32_t)size,
        .sequence = count_frames(stream),
    };
}

static void put_padded(GByteArray *stream, const void *bytes, gsize size)
{
    static const guint8 zeros[8];

    put(stream, bytes, size);
    put(stream, zeros, -size % 8);
}

static void put_frame(GByteArray *stream, TraceFrameType type, uint32_t cpu,
                      const void *payload, gsize size)
{
    TraceFrameHeader header = header_of(stream, type, cpu, size);

    put(stream, &header, sizeof(header));
    put_padded(stream, payload, size);
}

static TraceHello true_hello(void)
{
    return (TraceHello){
        .version = TRACE_STREAM_VERSION,
        .page_bytes = PAGE_BYTES,
        .cpu_count = 1,
        .long_bytes = 8,
        .trace_id = UINT64_C(0x1122334455667788),
        .boot_id = "3b1d6f0e-0000-4000-8000-000000000000",
        .clock = "x86-tsc",
        .release = "6.1.0-liar",
        .hostname = "liar",
    };
}

static void put_hello_with(GByteArray *stream, const TraceHello *hello,
                           const TraceHelloCpu *cpus, guint count)
{
    g_autoptr(GByteArray) payload = g_byte_array_new();

    put(payload, hello, sizeof(*hello));
    put(payload, cpus, count * sizeof(*cpus));
    put_frame(stream, TRACE_FRAME_HELLO, TRACE_STREAM_NO_CPU, payload->data,
              payload->len);
}

static void put_hello(GByteArray *stream)
{
    TraceHello hello = true_hello();
    TraceHelloCpu cpu = {0, 0};

    put_hello_with(stream, &hello, &cpu, 1);
}

static void put_meta_bytes(GByteArray *stream, unsigned kind, const char *name,
                           gsize name_bytes, const void *text, gsize size)
{
    g_autoptr(GByteArray) payload = g_byte_array_new();
    TraceMeta meta = {.kind = (uint16_t)kind,
                      .name_bytes = (uint16_t)name_bytes};

    put(payload, &meta, sizeof(meta));
    put(payload, name, name_bytes);
    put(payload, text, size);
    put_frame(stream, TRACE_FRAME_META, TRACE_STREAM_NO_CPU, payload->data,
              payload->len);
}

static void put_meta(GByteArray *stream, unsigned kind, const char *name,
                     const char *text)
{
    put_meta_bytes(stream, kind, name, name ? strlen(name) + 1 : 0, text,
                   strlen(text));
}

static void put_headers(GByteArray *stream)
{
    put_meta(stream, TRACE_META_HEADER_PAGE, NULL, HEADER_PAGE);
    put_meta(stream, TRACE_META_HEADER_EVENT, NULL, HEADER_EVENT);
    put_meta(stream, TRACE_META_TRACE_CLOCK, NULL, "local [x86-tsc]\n");
}

static void put_formats(GByteArray *stream)
{
    put_meta(stream, TRACE_META_EVENT_FORMAT, "ftrace/print", PRINT_FORMAT);
    put_meta(stream, TRACE_META_EVENT_FORMAT, "sched/sched_switch",
             SWITCH_FORMAT);
}

static void put_beginning(GByteArray *stream)
{
    put_hello(stream);
    put_headers(stream);
    put_formats(stream);
}

/* --- pages --- */

typedef struct Page {
    guint8 bytes[PAGE_BYTES];
    gsize size;
} Page;

typedef struct __attribute__((packed)) SwitchEvent {
    uint16_t id;
    uint8_t flags, preempt;
    int32_t pid;
    char prev_comm[16];
    int32_t prev_pid, prev_prio;
    int64_t prev_state;
    char next_comm[16];
    int32_t next_pid, next_prio;
} SwitchEvent;

static void page_init(Page *page, uint64_t ticks)
{
    memset(page, 0, sizeof(*page));
    memcpy(page->bytes, &ticks, 8);
    page->size = PAGE_HEADER;
}

static void page_add_word(Page *page, uint32_t word)
{
    memcpy(page->bytes + page->size, &word, 4);
    page->size += 4;
}

static void page_add_event(Page *page, unsigned delta, const void *event,
                           gsize size)
{
    page_add_word(page, (uint32_t)((size + 3) / 4) | delta << 5);
    memcpy(page->bytes + page->size, event, size);
    page->size += (size + 3) & ~(gsize)3;
}

static void put_page_with(GByteArray *stream, Page *page, uint64_t commit)
{
    memcpy(page->bytes + 8, &commit, 8);
    put_frame(stream, TRACE_FRAME_PAGE, 0, page->bytes, page->size);
}

static void put_page(GByteArray *stream, Page *page)
{
    put_page_with(stream, page, page->size - PAGE_HEADER);
}

static void add_switch(Page *page, const char *prev, const char *next)
{
    SwitchEvent event = {.id = SWITCH_ID,
                         .pid = 7,
                         .prev_pid = 7,
                         .prev_prio = 120,
                         .next_pid = 8,
                         .next_prio = 120};

    /* Not terminated where they are that long: that is one of the lies. */
    memcpy(event.prev_comm, prev, MIN(strlen(prev), 16));
    memcpy(event.next_comm, next, MIN(strlen(next), 16));
    page_add_event(page, 100, &event, sizeof(event));
}

static void add_print(Page *page, const char *text)
{
    struct __attribute__((packed)) {
        uint16_t id;
        uint8_t flags, preempt;
        int32_t pid;
        uint64_t ip;
        char text[80];
    } event = {.id = PRINT_ID, .pid = 7, .ip = UINT64_MAX};

    g_strlcpy(event.text, text, sizeof(event.text));
    page_add_event(page, 100, &event, sizeof(event));
}

static void put_true_page(GByteArray *stream)
{
    Page page;

    page_init(&page, __rdtsc());
    add_switch(&page, "honest", "other");
    add_switch(&page, "other", "honest");
    put_page(stream, &page);
}

/* --- ends --- */

static void put_end_with(GByteArray *stream, const TraceCpuStats *stats,
                         guint count)
{
    put_frame(stream, TRACE_FRAME_END, TRACE_STREAM_NO_CPU, stats,
              count * sizeof(*stats));
}

static uint64_t count_pages(const GByteArray *stream)
{
    uint64_t count = 0;
    gsize at = 0;

    while (at + sizeof(TraceFrameHeader) <= stream->len) {
        TraceFrameHeader header;

        memcpy(&header, stream->data + at, sizeof(header));
        at += sizeof(header) + ((header.length_bytes + 7u) & ~7u);
        count += header.type == TRACE_FRAME_PAGE;
    }
    return count;
}

static void put_end(GByteArray *stream)
{
    TraceCpuStats stats = {.read_events = 2, .pages = count_pages(stream)};

    put_end_with(stream, &stats, 1);
}

static void put_rest(GByteArray *stream)
{
    put_true_page(stream);
    put_end(stream);
}

static void tell_truth(GByteArray *stream)
{
    put_beginning(stream);
    put_rest(stream);
}

/* --- lies in a frame's header: after a page that is true --- */

static void put_bad_header(GByteArray *stream, const TraceFrameHeader *header,
                           const void *payload, gsize size)
{
    put(stream, header, sizeof(*header));
    put_padded(stream, payload, size);
}

#define HEADER_LIE(NAME, TYPE, CPU, CHANGE)                        \
    static void tell_##NAME(GByteArray *stream)                    \
    {                                                              \
        char payload[64] = "payload";                              \
        TraceFrameHeader header;                                   \
                                                                   \
        put_beginning(stream);                                     \
        put_true_page(stream);                                     \
        header = header_of(stream, TYPE, CPU, sizeof(payload));    \
        CHANGE;                                                    \
        put_bad_header(stream, &header, payload, sizeof(payload)); \
    }

HEADER_LIE(magic, TRACE_FRAME_PAGE, 0, header.magic ^= 1)
HEADER_LIE(type_0, 0, 0, )
HEADER_LIE(type_65535, 65535, 0, )
HEADER_LIE(flags, TRACE_FRAME_PAGE, 0, header.flags = 0x8000)
HEADER_LIE(sequence_ahead, TRACE_FRAME_PAGE, 0, header.sequence++)
HEADER_LIE(sequence_back, TRACE_FRAME_PAGE, 0, header.sequence = 0)
HEADER_LIE(length_4_gib, TRACE_FRAME_PAGE, 0, header.length_bytes = UINT32_MAX)
HEADER_LIE(length_over, TRACE_FRAME_PAGE, 0,
           header.length_bytes = TRACE_STREAM_MAX_PAYLOAD_BYTES + 1)
HEADER_LIE(length_beyond, TRACE_FRAME_PAGE, 0, header.length_bytes = 4096)
HEADER_LIE(cpu_unknown, TRACE_FRAME_PAGE, 1, )
HEADER_LIE(cpu_huge, TRACE_FRAME_PAGE, 0x7fffffff, )
HEADER_LIE(cpu_none, TRACE_FRAME_PAGE, TRACE_STREAM_NO_CPU, )
HEADER_LIE(meta_cpu, TRACE_FRAME_META, 0, )
HEADER_LIE(meta_short, TRACE_FRAME_META, TRACE_STREAM_NO_CPU,
           header.length_bytes = 4)
HEADER_LIE(page_short, TRACE_FRAME_PAGE, 0, header.length_bytes = 8)
HEADER_LIE(loss_short, TRACE_FRAME_LOSS, 0, header.length_bytes = 8)
HEADER_LIE(end_short, TRACE_FRAME_END, TRACE_STREAM_NO_CPU,
           header.length_bytes = 0)

static void tell_padding(GByteArray *stream)
{
    put_beginning(stream);
    put_true_page(stream);
    put_meta(stream, 99, NULL, "x");
    stream->data[stream->len - 1] = 1;
}

static void tell_cut(GByteArray *stream)
{
    tell_truth(stream);
    g_byte_array_set_size(stream, stream->len - 30);
}

static void tell_no_end(GByteArray *stream)
{
    put_beginning(stream);
    put_true_page(stream);
}

static void tell_after_end(GByteArray *stream)
{
    tell_truth(stream);
    put_true_page(stream);
}

static void tell_two_ends(GByteArray *stream)
{
    tell_truth(stream);
    put_end(stream);
}

static void tell_before_hello(GByteArray *stream)
{
    put_true_page(stream);
    put_beginning(stream);
    put_rest(stream);
}

static void tell_two_hellos(GByteArray *stream)
{
    put_beginning(stream);
    put_true_page(stream);
    put_beginning(stream);
    put_rest(stream);
}

static void tell_nonsense(GByteArray *stream)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(4711);

    for (guint i = 0; i < 100000; i++) {
        guint32 word = g_rand_int(rand);

        put(stream, &word, sizeof(word));
    }
}

/* --- lies in HELLO --- */

#define HELLO_LIE(NAME, CHANGE)                       \
    static void tell_hello_##NAME(GByteArray *stream) \
    {                                                 \
        TraceHello hello = true_hello();              \
        TraceHelloCpu cpus[2] = {{0, 0}, {1, 1}};     \
        guint count = 1;                              \
                                                      \
        CHANGE;                                       \
        put_hello_with(stream, &hello, cpus, count);  \
        put_headers(stream);                          \
        put_formats(stream);                          \
        put_rest(stream);                             \
    }

HELLO_LIE(version, hello.version = 2)
HELLO_LIE(page_0, hello.page_bytes = 0)
HELLO_LIE(page_odd, hello.page_bytes = 4097)
HELLO_LIE(page_2_gib, hello.page_bytes = UINT32_C(1) << 31)
HELLO_LIE(page_largest, hello.page_bytes = TRACE_STREAM_MAX_PAGE_BYTES)
HELLO_LIE(no_cpus, hello.cpu_count = count = 0)
HELLO_LIE(cpus_65536, hello.cpu_count = 65536)
HELLO_LIE(cpus_missing, hello.cpu_count = 2)
HELLO_LIE(cpu_twice, hello.cpu_count = count = 2; cpus[1].cpu = 0)
HELLO_LIE(cpu_4096, cpus[0].cpu = 4096)
HELLO_LIE(long_3, hello.long_bytes = 3)
HELLO_LIE(trace_id, hello.trace_id = 0)
HELLO_LIE(trace_id_top, hello.trace_id = UINT64_C(1) << 63)
HELLO_LIE(boot_id, memset(hello.boot_id, 'x', sizeof(hello.boot_id)))
HELLO_LIE(hostname, memset(hello.hostname, 'x', sizeof(hello.hostname)))
HELLO_LIE(clock, g_strlcpy(hello.clock, "global", sizeof(hello.clock)))
HELLO_LIE(names,
          g_strlcpy(hello.hostname, ESCAPE MARKUP PATH, sizeof(hello.hostname));
          g_strlcpy(hello.release, ESCAPE MARKUP "\n", sizeof(hello.release)))

static void tell_hello_all_cpus(GByteArray *stream)
{
    TraceHello hello = true_hello();
    g_autofree TraceHelloCpu *cpus = g_new(TraceHelloCpu, 4096);
    g_autofree TraceCpuStats *stats = g_new0(TraceCpuStats, 4096);

    hello.cpu_count = TRACE_STREAM_MAX_CPUS;
    hello.page_bytes = TRACE_STREAM_MAX_PAGE_BYTES;
    for (guint i = 0; i < 4096; i++) {
        cpus[i] = (TraceHelloCpu){.cpu = i, .apic_id = 0};
        stats[i].cpu = i;
    }
    put_hello_with(stream, &hello, cpus, 4096);
    put_headers(stream);
    put_formats(stream);
    put_end_with(stream, stats, 4096);
}

/* --- lies in META --- */

#define META_LIE(NAME, PUT)                     \
    static void tell_##NAME(GByteArray *stream) \
    {                                           \
        put_beginning(stream);                  \
        PUT;                                    \
        put_rest(stream);                       \
    }

META_LIE(meta_kind, put_meta(stream, 65535, "x", "unknown kinds are ignored"))
/* The name is said to be longer than its frame. */
META_LIE(meta_name_long,
         put_frame(stream, TRACE_FRAME_META, TRACE_STREAM_NO_CPU,
                   "\3\0\377\377\0\0\0\0ab", 10))
META_LIE(meta_name_open,
         put_meta_bytes(stream, TRACE_META_EVENT_FORMAT, "abcd", 4, "text", 4))
META_LIE(name_path,
         put_meta(stream, TRACE_META_EVENT_FORMAT, PATH, SWITCH_FORMAT);
         put_meta(stream, TRACE_META_EVENT_FORMAT, "/var/tmp/lie-was-here",
                  SWITCH_FORMAT);
         put_meta(stream, TRACE_META_EVENT_FORMAT, "../lie-was-here",
                  SWITCH_FORMAT))
META_LIE(name_escape,
         put_meta(stream, TRACE_META_EVENT_FORMAT, ESCAPE "/" ESCAPE, "x"))
META_LIE(name_markup, put_meta(stream, TRACE_META_EVENT_FORMAT, "x/" MARKUP,
                               "name: " MARKUP "\nID: 301\nformat:\n" COMMON
                               "print fmt: \"\"\n"))
META_LIE(name_none,
         put_meta(stream, TRACE_META_EVENT_FORMAT, NULL, SWITCH_FORMAT);
         put_meta(stream, TRACE_META_EVENT_FORMAT, "", SWITCH_FORMAT);
         put_meta(stream, TRACE_META_EVENT_FORMAT, "/", SWITCH_FORMAT);
         put_meta(stream, TRACE_META_EVENT_FORMAT, "sched", SWITCH_FORMAT))
META_LIE(formats_twice, put_formats(stream); put_formats(stream))
META_LIE(format_zeros, put_meta_bytes(stream, TRACE_META_EVENT_FORMAT, "a/b", 4,
                                      "name: b\nID: 302\0\0\0format:\0\0", 26))
META_LIE(clock_local, put_meta(stream, TRACE_META_TRACE_CLOCK, NULL,
                               "[local] global x86-tsc\n"))
META_LIE(kallsyms,
         put_meta(stream, TRACE_META_KALLSYMS, NULL,
                  "zzz\nffffffffffffffff T " ESCAPE MARKUP "\n"
                  "0000000000000000\n \n\n"
                  "ffffffffffffffffffffffff T too_long\n-1 t minus\n"))
META_LIE(printk, put_meta(stream, TRACE_META_PRINTK_FORMATS, NULL,
                          "0xffffffffffffffff : \"%n%s%999999999d" ESCAPE
                          "\"\n0x1 :\n: \"\n"))
META_LIE(cmdlines, put_meta(stream, TRACE_META_CMDLINES, NULL,
                            "7 " ESCAPE "\n8 " MARKUP "\n-1 minus\n"
                            "99999999999999999999 huge\nx y\n\n7\n7 \n"))
META_LIE(header_page,
         put_meta(stream, TRACE_META_HEADER_PAGE, NULL, HEADER_PAGE))
META_LIE(freeze_cause, put_meta_bytes(stream, TRACE_META_FREEZE, NULL, 0,
                                      "\xff\xff\xff\xff\xff\xff\xff\xff"
                                      "\xff\xff\xff\xff\xff\xff\xff\xff"
                                      "\xff\xff\xff\xff\xff\xff\xff\xff",
                                      24))
META_LIE(freeze_short,
         put_meta_bytes(stream, TRACE_META_FREEZE, NULL, 0, "abc", 3))

static void put_repeated(GByteArray *stream, unsigned kind, const char *name,
                         const char *text, gsize total_bytes)
{
    gsize size = strlen(text);
    gsize n = MIN(total_bytes, 1000000) / size;
    g_autoptr(GString) piece = g_string_new(NULL);

    for (gsize i = 0; i < n; i++) {
        g_string_append_len(piece, text, (gssize)size);
    }
    for (gsize done = 0; done < total_bytes; done += piece->len) {
        put_meta(stream, kind, name, piece->str);
    }
}

META_LIE(kallsyms_endless,
         put_repeated(stream, TRACE_META_KALLSYMS, NULL,
                      "ffffffff81000000 T a_symbol\n", 80u << 20))
META_LIE(cmdlines_endless, put_repeated(stream, TRACE_META_CMDLINES, NULL,
                                        "12345 a_task\n", 20u << 20))
META_LIE(format_endless,
         put_repeated(stream, TRACE_META_EVENT_FORMAT, "sched/endless",
                      "field:int x;\n", 3u << 20))

static void tell_formats_endless(GByteArray *stream)
{
    put_hello(stream);
    put_headers(stream);
    /* Frames are counted anew for each of them, so these are made apart. */
    for (guint i = 0; i < 40000; i++) {
        g_autofree char *name = g_strdup_printf("s%u/e%u", i % 2000, i);
        g_autofree char *text =
            g_strdup_printf("name: e%u\nID: %u\nformat:\n" COMMON
                            "print fmt: \"\"\n",
                            i, 400 + i);
        TraceMeta meta = {.kind = TRACE_META_EVENT_FORMAT,
                          .name_bytes = (uint16_t)(strlen(name) + 1)};
        TraceFrameHeader header = {
            .magic = TRACE_STREAM_MAGIC,
            .type = TRACE_FRAME_META,
            .cpu = TRACE_STREAM_NO_CPU,
            .length_bytes =
                (uint32_t)(sizeof(meta) + meta.name_bytes + strlen(text)),
            .sequence = 4 + i,
        };

        put(stream, &header, sizeof(header));
        put(stream, &meta, sizeof(meta));
        put(stream, name, meta.name_bytes);
        put(stream, text, strlen(text));
        put(stream, "\0\0\0\0\0\0\0", -header.length_bytes % 8);
    }
    put_rest(stream);
}

/* A format whose print fmt or fields are wrong; the events still come. */
static void put_bomb(GByteArray *stream, const char *fields, const char *print)
{
    g_autofree char *text =
        g_strconcat(SWITCH_HEAD, fields, "print fmt: ", print, "\n", NULL);

    put_hello(stream);
    put_headers(stream);
    put_meta(stream, TRACE_META_EVENT_FORMAT, "ftrace/print", PRINT_FORMAT);
    put_meta(stream, TRACE_META_EVENT_FORMAT, "sched/sched_switch", text);
    put_rest(stream);
}

#define BOMB(NAME, FIELDS, PRINT)                    \
    static void tell_bomb_##NAME(GByteArray *stream) \
    {                                                \
        put_bomb(stream, FIELDS, PRINT);             \
    }

BOMB(percent_n, SWITCH_FIELDS, "\"%n%n%n\", REC->prev_pid")
BOMB(width, SWITCH_FIELDS, "\"%999999999d\", REC->prev_pid")
BOMB(precision, SWITCH_FIELDS, "\"%.999999999s\", REC->prev_comm")
BOMB(star, SWITCH_FIELDS,
     "\"%*d %.*s\", 0x7fffffff, REC->prev_pid, 0x7fffffff, REC->prev_comm")
BOMB(pointer, SWITCH_FIELDS,
     "\"%s %pS %pI6 %pM\", (char *)0x4141414141414141, "
     "REC->prev_state, REC->prev_state, 1")
BOMB(missing, SWITCH_FIELDS, "\"%s %s %d %d\", REC->nothing, REC->prev_comm")
BOMB(divide, SWITCH_FIELDS,
     "\"%d %d\", REC->prev_pid / 0, REC->prev_pid % (REC->next_pid - 8)")
BOMB(shift, SWITCH_FIELDS, "\"%d %d\", 1 << REC->prev_prio, 1 << 0x7fffffff")
BOMB(escapes, SWITCH_FIELDS, "\"" ESCAPE MARKUP " %s\", \"" ESCAPE "\"")
BOMB(array_huge,
     "\tfield:char prev_comm[2147483647];\toffset:8;\tsize:2147483647;\t"
     "signed:0;\n",
     "\"%s\", REC->prev_comm")
BOMB(offset_huge,
     "\tfield:char prev_comm[16];\toffset:4294967295;\tsize:16;\tsigned:0;\n",
     "\"%s\", REC->prev_comm")
BOMB(offset_negative,
     "\tfield:char prev_comm[16];\toffset:-8;\tsize:-1;\tsigned:0;\n",
     "\"%s\", REC->prev_comm")
BOMB(data_loc,
     "\tfield:__data_loc char[] prev_comm;\toffset:28;\tsize:4;\tsigned:0;\n"
     "\tfield:__data_loc u8[] next_comm;\toffset:8;\tsize:4;\tsigned:0;\n",
     "\"%s %s\", __get_str(prev_comm), __print_hex(__get_dynamic_array("
     "next_comm), 0x7fffffff)")
BOMB(print_array, SWITCH_FIELDS,
     "\"%s\", __print_array(REC->prev_comm, 0x7fffffff, 1)")
BOMB(symbolic, SWITCH_FIELDS,
     "\"%s\", __print_symbolic(REC->prev_pid, { 7, \"" ESCAPE "\" }, { 0x")
BOMB(quote, SWITCH_FIELDS, "\"never closed")
BOMB(nothing, "", "")
BOMB(unknown_function, SWITCH_FIELDS, "\"%s\", system(\"touch " PATH "\")")

static void tell_bomb_nested(GByteArray *stream)
{
    g_autofree char *open = g_strnfill(100000, '(');
    g_autofree char *close = g_strnfill(100000, ')');
    g_autofree char *print =
        g_strconcat("\"%d\", ", open, "REC->prev_pid", close, NULL);

    put_bomb(stream, SWITCH_FIELDS, print);
}

static void tell_bomb_unary(GByteArray *stream)
{
    g_autofree char *minuses = g_strnfill(200000, '-');
    g_autofree char *print =
        g_strconcat("\"%d\", ", minuses, "REC->prev_pid", NULL);

    put_bomb(stream, SWITCH_FIELDS, print);
}

/* Each call leaves the operators in front of it open. */
static void tell_bomb_calls(GByteArray *stream)
{
    g_autofree char *minuses = g_strnfill(900, '!');
    g_autoptr(GString) print = g_string_new("\"%s\"");

    for (guint i = 0; i < 200; i++) {
        g_string_append_printf(print, ", %s__print_hex(REC->prev_comm",
                               minuses);
    }
    put_bomb(stream, SWITCH_FIELDS, print->str);
}

static void tell_bomb_ternary(GByteArray *stream)
{
    g_autoptr(GString) print = g_string_new("\"%d\", ");

    for (guint i = 0; i < 20000; i++) {
        g_string_append(print, "REC->prev_pid ? 1 : ");
    }
    g_string_append(print, "0");
    put_bomb(stream, SWITCH_FIELDS, print->str);
}

static void tell_bomb_arguments(GByteArray *stream)
{
    g_autoptr(GString) print = g_string_new("\"");

    for (guint i = 0; i < 5000; i++) {
        g_string_append(print, "%s");
    }
    g_string_append(print, "\"");
    for (guint i = 0; i < 5000; i++) {
        g_string_append(print, ", REC->prev_comm");
    }
    put_bomb(stream, SWITCH_FIELDS, print->str);
}

static void tell_bomb_fields(GByteArray *stream)
{
    g_autoptr(GString) fields = g_string_new(NULL);

    for (guint i = 0; i < 3000; i++) {
        g_string_append_printf(fields,
                               "\tfield:int f%u;\toffset:8;\tsize:4;\t"
                               "signed:1;\n",
                               i);
    }
    put_bomb(stream, fields->str, "\"%d\", REC->f2999");
}

#define HEADER_PAGE_LIE(NAME, TEXT)                           \
    static void tell_header_page_##NAME(GByteArray *stream)   \
    {                                                         \
        put_hello(stream);                                    \
        put_meta(stream, TRACE_META_HEADER_PAGE, NULL, TEXT); \
        put_formats(stream);                                  \
        put_rest(stream);                                     \
    }

HEADER_PAGE_LIE(offsets,
                "\tfield: u64 timestamp;\toffset:4294967288;\tsize:8;\t"
                "signed:0;\n\tfield: local_t commit;\toffset:2147483648;\t"
                "size:8;\tsigned:1;\n\tfield: char data;\toffset:4096;\t"
                "size:4294967295;\tsigned:1;\n")
HEADER_PAGE_LIE(sizes,
                "\tfield: u64 timestamp;\toffset:0;\tsize:0;\tsigned:0;\n"
                "\tfield: local_t commit;\toffset:0;\tsize:16;\tsigned:1;\n"
                "\tfield: char data;\toffset:0;\tsize:0;\tsigned:1;\n")
HEADER_PAGE_LIE(nonsense, "x\n\n\tfield:\n")

/* --- lies in pages --- */

#define PAGE_LIE(NAME, FILL)                         \
    static void tell_page_##NAME(GByteArray *stream) \
    {                                                \
        Page page;                                   \
                                                     \
        put_beginning(stream);                       \
        put_true_page(stream);                       \
        page_init(&page, __rdtsc());                 \
        FILL;                                        \
        put_rest(stream);                            \
    }

PAGE_LIE(commit_huge, add_switch(&page, "a", "b");
         put_page_with(stream, &page, UINT64_MAX))
PAGE_LIE(commit_over, add_switch(&page, "a", "b");
         put_page_with(stream, &page, 4081))
PAGE_LIE(commit_odd, add_switch(&page, "a", "b");
         put_page_with(stream, &page, 3))
PAGE_LIE(commit_none, add_switch(&page, "a", "b");
         put_page_with(stream, &page, 0))
PAGE_LIE(missed, add_switch(&page, "a", "b");
         put_page_with(stream, &page,
                       (page.size - PAGE_HEADER) | 1u << 31 | 1u << 30))
PAGE_LIE(event_length, page_add_word(&page, 0);
         page_add_word(&page, UINT32_MAX); add_switch(&page, "a", "b");
         put_page(stream, &page))
PAGE_LIE(event_empty, page_add_word(&page, 0); page_add_word(&page, 0);
         page_add_word(&page, 0); page_add_word(&page, 4);
         put_page(stream, &page))
PAGE_LIE(event_beyond, page_add_word(&page, 28); put_page(stream, &page))
PAGE_LIE(event_short, page_add_word(&page, 1); page_add_word(&page, SWITCH_ID);
         put_page(stream, &page))
PAGE_LIE(event_unknown, page_add_word(&page, 2); page_add_word(&page, 65535);
         page_add_word(&page, 0); put_page(stream, &page))
PAGE_LIE(padding, page_add_word(&page, 29 | 1 << 5);
         page_add_word(&page, UINT32_MAX); add_switch(&page, "a", "b");
         put_page(stream, &page))
PAGE_LIE(
    extends, for (int i = 0; i < 500; i++) {
        page_add_word(&page, 30 | (UINT32_MAX << 5));
        page_add_word(&page, UINT32_MAX);
    } put_page(stream, &page))
PAGE_LIE(
    stamps, for (int i = 0; i < 500; i++) {
        page_add_word(&page, 31 | (uint32_t)i << 5);
        page_add_word(&page, UINT32_MAX - (uint32_t)i * 7919);
    } put_page(stream, &page))
PAGE_LIE(time_0, page_init(&page, 0); add_switch(&page, "a", "b");
         put_page(stream, &page))
PAGE_LIE(time_last, page_init(&page, UINT64_MAX - 50);
         add_switch(&page, "a", "b"); put_page(stream, &page))
PAGE_LIE(
    backwards, for (unsigned i = 0; i < 50; i++) {
        page_init(&page, __rdtsc() - i * UINT64_C(1000000000));
        add_switch(&page, "a", "b");
        put_page(stream, &page);
    })
PAGE_LIE(comm_escape, add_switch(&page, ESCAPE, "\033[2J\033[H\nroot#");
         put_page(stream, &page))
PAGE_LIE(comm_markup, add_switch(&page, "<b onload=x>&", "</script><x");
         put_page(stream, &page))
PAGE_LIE(comm_open, add_switch(&page, "0123456789abcdef", "ABCDEF0123456789");
         put_page(stream, &page))
PAGE_LIE(comm_path, add_switch(&page, "../../../../x", "/etc/passwd");
         put_page(stream, &page))
PAGE_LIE(print_text, add_print(&page, ESCAPE MARKUP "\n\n  host: fake line\n");
         put_page(stream, &page))
PAGE_LIE(zeros, page.size = PAGE_BYTES; put_page_with(stream, &page, 4080))
PAGE_LIE(ones, memset(page.bytes, 0xff, PAGE_BYTES); page.size = PAGE_BYTES;
         put_page_with(stream, &page, UINT64_MAX))

static void tell_page_noise(GByteArray *stream)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(17);
    uint64_t sequence;

    put_beginning(stream);
    sequence = count_frames(stream);
    for (unsigned i = 0; i < 500; i++) {
        Page page;
        TraceFrameHeader header = {.magic = TRACE_STREAM_MAGIC,
                                   .type = TRACE_FRAME_PAGE,
                                   .length_bytes = PAGE_BYTES,
                                   .sequence = sequence + i};

        page_init(&page, __rdtsc());
        for (gsize at = 8; at < PAGE_BYTES; at += 4) {
            guint32 word = g_rand_int(rand);

            memcpy(page.bytes + at, &word, 4);
        }
        put(stream, &header, sizeof(header));
        put(stream, page.bytes, PAGE_BYTES);
    }
    put_rest(stream);
}

/* --- lies in LOSS and END --- */

static void tell_loss_cpu(GByteArray *stream)
{
    TraceCpuStats stats = {.cpu = 3};

    put_beginning(stream);
    put_frame(stream, TRACE_FRAME_LOSS, 0, &stats, sizeof(stats));
    put_rest(stream);
}

static void tell_loss_wraps(GByteArray *stream)
{
    TraceCpuStats stats = {.read_events = UINT64_MAX,
                           .overrun_events = UINT64_MAX,
                           .commit_overrun_events = UINT64_MAX,
                           .dropped_events = UINT64_MAX,
                           .unread_events = UINT64_MAX,
                           .pages = UINT64_MAX};

    put_beginning(stream);
    for (int i = 0; i < 100; i++) {
        put_frame(stream, TRACE_FRAME_LOSS, 0, &stats, sizeof(stats));
    }
    put_true_page(stream);
    stats.pages = 1;
    put_end_with(stream, &stats, 1);
}

static void tell_end_pages(GByteArray *stream)
{
    TraceCpuStats stats = {.read_events = 2, .pages = 1000};

    put_beginning(stream);
    put_true_page(stream);
    put_end_with(stream, &stats, 1);
}

static void tell_end_cpu(GByteArray *stream)
{
    TraceCpuStats stats = {.cpu = 9, .pages = 1};

    put_beginning(stream);
    put_true_page(stream);
    put_end_with(stream, &stats, 1);
}

static void tell_end_at_once(GByteArray *stream)
{
    put_hello(stream);
    put_end(stream);
}

static void tell_nothing(GByteArray *stream)
{
    g_byte_array_set_size(stream, 0);
}

static void tell_flood(GByteArray *stream)
{
    Page page;

    put_beginning(stream);
    page_init(&page, __rdtsc());
    for (int i = 0; i < 50; i++) {
        add_switch(&page, "flood", "more");
    }
    page.size = PAGE_BYTES;
    put_page(stream, &page);
}

/* A small page that counts as a large one in the file that is made of it. */
static void tell_inflation(GByteArray *stream)
{
    TraceHello hello = true_hello();
    TraceHelloCpu cpu = {0, 0};
    uint64_t sequence = 1;

    hello.page_bytes = TRACE_STREAM_MAX_PAGE_BYTES;
    put_hello_with(stream, &hello, &cpu, 1);
    for (unsigned i = 0; i < 100000; i++) {
        TraceFrameHeader header = {.magic = TRACE_STREAM_MAGIC,
                                   .type = TRACE_FRAME_PAGE,
                                   .length_bytes = PAGE_HEADER,
                                   .sequence = sequence++};
        uint64_t page[2] = {i, 0};

        put(stream, &header, sizeof(header));
        put(stream, page, sizeof(page));
    }
}

#define DAMAGED(WHY) "damaged at byte [0-9]+ \\(" WHY
#define REFUSED(WHY) "from its first frame on \\(" WHY
#define CUT          "breaks off at byte|cut short"

const Lie lies[] = {
    {"truth", "", LIE_ENDS, tell_truth},
    {"magic", DAMAGED("a frame has no valid magic"), LIE_ENDS, tell_magic},
    {"type-0", DAMAGED("a frame has an unknown type"), LIE_ENDS, tell_type_0},
    {"type-65535", DAMAGED("a frame has an unknown type"), LIE_ENDS,
     tell_type_65535},
    {"flags", DAMAGED("a frame has unknown flags"), LIE_ENDS, tell_flags},
    {"sequence-ahead", DAMAGED("a frame is out of sequence"), LIE_ENDS,
     tell_sequence_ahead},
    {"sequence-back", DAMAGED("a frame is out of sequence"), LIE_ENDS,
     tell_sequence_back},
    {"length-4-gib", DAMAGED("a frame has an impossible length"), LIE_ENDS,
     tell_length_4_gib},
    {"length-over", DAMAGED("a frame has an impossible length"), LIE_ENDS,
     tell_length_over},
    {"length-beyond", CUT, LIE_ENDS, tell_length_beyond},
    {"cpu-unknown", DAMAGED("a frame names an impossible CPU"), LIE_ENDS,
     tell_cpu_unknown},
    {"cpu-huge", DAMAGED("a frame names an impossible CPU"), LIE_ENDS,
     tell_cpu_huge},
    {"cpu-none", DAMAGED("a frame names an impossible CPU"), LIE_ENDS,
     tell_cpu_none},
    {"meta-cpu", DAMAGED("a frame names an impossible CPU"), LIE_ENDS,
     tell_meta_cpu},
    {"meta-short", DAMAGED("a frame (has an impossible length|is padded)"),
     LIE_ENDS, tell_meta_short},
    {"page-short", DAMAGED("a frame has an impossible length"), LIE_ENDS,
     tell_page_short},
    {"loss-short", DAMAGED("a frame has an impossible length"), LIE_ENDS,
     tell_loss_short},
    {"end-short", DAMAGED("a frame has an impossible length"), LIE_ENDS,
     tell_end_short},
    {"padding", DAMAGED("a frame is padded"), LIE_ENDS, tell_padding},
    {"cut", CUT, LIE_ENDS, tell_cut},
    {"no-end", CUT, LIE_ENDS, tell_no_end},
    {"after-end", DAMAGED("bytes follow the END"), LIE_ENDS, tell_after_end},
    {"two-ends", DAMAGED("bytes follow the END"), LIE_ENDS, tell_two_ends},
    {"before-hello", REFUSED("the stream does not start with a HELLO"),
     LIE_ENDS, tell_before_hello},
    {"two-hellos", DAMAGED("a second HELLO"), LIE_ENDS, tell_two_hellos},
    {"nonsense", REFUSED("a frame has no valid magic"), LIE_ENDS,
     tell_nonsense},
    {"nothing", "The stream is empty", LIE_SILENT, tell_nothing},
    {"hello-version", REFUSED("the stream has an unknown version"), LIE_ENDS,
     tell_hello_version},
    {"hello-page-0", REFUSED("the stream has an impossible page size"),
     LIE_ENDS, tell_hello_page_0},
    {"hello-page-odd", REFUSED("the stream has an impossible page size"),
     LIE_ENDS, tell_hello_page_odd},
    {"hello-page-2-gib", REFUSED("the stream has an impossible page size"),
     LIE_ENDS, tell_hello_page_2_gib},
    {"hello-page-largest", "", LIE_ENDS, tell_hello_page_largest},
    {"hello-no-cpus", REFUSED("the stream has an impossible number"), LIE_ENDS,
     tell_hello_no_cpus},
    {"hello-cpus-65536", REFUSED("the stream has an impossible number"),
     LIE_ENDS, tell_hello_cpus_65536},
    {"hello-cpus-missing", REFUSED("a frame has an impossible length"),
     LIE_ENDS, tell_hello_cpus_missing},
    {"hello-cpu-twice", REFUSED("a frame names an impossible CPU"), LIE_ENDS,
     tell_hello_cpu_twice},
    {"hello-cpu-4096", REFUSED("a frame names an impossible CPU"), LIE_ENDS,
     tell_hello_cpu_4096},
    {"hello-all-cpus", "", LIE_ENDS, tell_hello_all_cpus},
    {"hello-long-3", REFUSED("the stream has an impossible size of long"),
     LIE_ENDS, tell_hello_long_3},
    {"hello-trace-id", REFUSED("the stream has no trace id"), LIE_ENDS,
     tell_hello_trace_id},
    {"hello-trace-id-top", REFUSED("the stream has no trace id"), LIE_ENDS,
     tell_hello_trace_id_top},
    {"hello-boot-id", REFUSED("a string in a frame is not terminated"),
     LIE_ENDS, tell_hello_boot_id},
    {"hello-hostname", REFUSED("a string in a frame is not terminated"),
     LIE_ENDS, tell_hello_hostname},
    {"hello-clock", "", LIE_ENDS, tell_hello_clock},
    {"hello-names", "", LIE_ENDS, tell_hello_names},
    {"meta-kind", "", LIE_ENDS, tell_meta_kind},
    {"meta-name-long", DAMAGED("a frame has an impossible length"), LIE_ENDS,
     tell_meta_name_long},
    {"meta-name-open", DAMAGED("a string in a frame is not terminated"),
     LIE_ENDS, tell_meta_name_open},
    {"name-path", "", LIE_ENDS, tell_name_path},
    {"name-escape", "", LIE_ENDS, tell_name_escape},
    {"name-markup", "", LIE_ENDS, tell_name_markup},
    {"name-none", "", LIE_ENDS, tell_name_none},
    {"formats-twice", "", LIE_ENDS, tell_formats_twice},
    {"formats-endless", "", LIE_ENDS, tell_formats_endless},
    {"format-endless", "", LIE_ENDS, tell_format_endless},
    {"format-zeros", "", LIE_ENDS, tell_format_zeros},
    {"clock-local", "", LIE_ENDS, tell_clock_local},
    {"kallsyms", "", LIE_ENDS, tell_kallsyms},
    {"kallsyms-endless", "", LIE_ENDS, tell_kallsyms_endless},
    {"printk", "", LIE_ENDS, tell_printk},
    {"cmdlines", "", LIE_ENDS, tell_cmdlines},
    {"cmdlines-endless", "", LIE_ENDS, tell_cmdlines_endless},
    {"header-page", "", LIE_ENDS, tell_header_page},
    {"header-page-offsets", "", LIE_ENDS, tell_header_page_offsets},
    {"header-page-sizes", "", LIE_ENDS, tell_header_page_sizes},
    {"header-page-nonsense", "", LIE_ENDS, tell_header_page_nonsense},
    {"freeze-cause", "", LIE_ENDS, tell_freeze_cause},
    {"freeze-short", "", LIE_ENDS, tell_freeze_short},
    {"bomb-nested", "", LIE_ENDS, tell_bomb_nested},
    {"bomb-unary", "", LIE_ENDS, tell_bomb_unary},
    {"bomb-calls", "", LIE_ENDS, tell_bomb_calls},
    {"bomb-ternary", "", LIE_ENDS, tell_bomb_ternary},
    {"bomb-arguments", "", LIE_ENDS, tell_bomb_arguments},
    {"bomb-fields", "", LIE_ENDS, tell_bomb_fields},
    {"bomb-percent-n", "", LIE_ENDS, tell_bomb_percent_n},
    {"bomb-width", "", LIE_ENDS, tell_bomb_width},
    {"bomb-precision", "", LIE_ENDS, tell_bomb_precision},
    {"bomb-star", "", LIE_ENDS, tell_bomb_star},
    {"bomb-pointer", "", LIE_ENDS, tell_bomb_pointer},
    {"bomb-missing", "", LIE_ENDS, tell_bomb_missing},
    {"bomb-divide", "", LIE_ENDS, tell_bomb_divide},
    {"bomb-shift", "", LIE_ENDS, tell_bomb_shift},
    {"bomb-escapes", "", LIE_ENDS, tell_bomb_escapes},
    {"bomb-array-huge", "", LIE_ENDS, tell_bomb_array_huge},
    {"bomb-offset-huge", "", LIE_ENDS, tell_bomb_offset_huge},
    {"bomb-offset-negative", "", LIE_ENDS, tell_bomb_offset_negative},
    {"bomb-data-loc", "", LIE_ENDS, tell_bomb_data_loc},
    {"bomb-print-array", "", LIE_ENDS, tell_bomb_print_array},
    {"bomb-symbolic", "", LIE_ENDS, tell_bomb_symbolic},
    {"bomb-quote", "", LIE_ENDS, tell_bomb_quote},
    {"bomb-nothing", "", LIE_ENDS, tell_bomb_nothing},
    {"bomb-unknown-function", "", LIE_ENDS, tell_bomb_unknown_function},
    {"page-commit-huge", "", LIE_ENDS, tell_page_commit_huge},
    {"page-commit-over", "", LIE_ENDS, tell_page_commit_over},
    {"page-commit-odd", "", LIE_ENDS, tell_page_commit_odd},
    {"page-commit-none", "", LIE_ENDS, tell_page_commit_none},
    {"page-missed", "", LIE_ENDS, tell_page_missed},
    {"page-event-length", "", LIE_ENDS, tell_page_event_length},
    {"page-event-empty", "", LIE_ENDS, tell_page_event_empty},
    {"page-event-beyond", "", LIE_ENDS, tell_page_event_beyond},
    {"page-event-short", "", LIE_ENDS, tell_page_event_short},
    {"page-event-unknown", "", LIE_ENDS, tell_page_event_unknown},
    {"page-padding", "", LIE_ENDS, tell_page_padding},
    {"page-extends", "", LIE_ENDS, tell_page_extends},
    {"page-stamps", "", LIE_ENDS, tell_page_stamps},
    {"page-time-0", "", LIE_ENDS, tell_page_time_0},
    {"page-time-last", "", LIE_ENDS, tell_page_time_last},
    {"page-backwards", "", LIE_ENDS, tell_page_backwards},
    {"page-comm-escape", "", LIE_ENDS, tell_page_comm_escape},
    {"page-comm-markup", "", LIE_ENDS, tell_page_comm_markup},
    {"page-comm-open", "", LIE_ENDS, tell_page_comm_open},
    {"page-comm-path", "", LIE_ENDS, tell_page_comm_path},
    {"page-print-text", "", LIE_ENDS, tell_page_print_text},
    {"page-zeros", "", LIE_ENDS, tell_page_zeros},
    {"page-ones", "", LIE_ENDS, tell_page_ones},
    {"page-noise", "", LIE_ENDS, tell_page_noise},
    {"inflation", CUT "|far more than its size", LIE_ENDS, tell_inflation},
    {"loss-cpu", DAMAGED("a frame names an impossible CPU"), LIE_ENDS,
     tell_loss_cpu},
    {"loss-wraps", "", LIE_ENDS, tell_loss_wraps},
    {"end-pages", "says that it sent 1000 pages of CPU 0, but 1 came", LIE_ENDS,
     tell_end_pages},
    {"end-cpu", DAMAGED("a frame names an impossible CPU"), LIE_ENDS,
     tell_end_cpu},
    {"end-at-once", "", LIE_ENDS, tell_end_at_once},
    {"silence", CUT, LIE_SILENT, tell_no_end},
    {"dribble", "", LIE_DRIBBLE, tell_truth},
    {"flood", CUT, LIE_FLOODS, tell_flood},
    {NULL, NULL, LIE_ENDS, NULL},
};

const Lie *lie_find(const char *name)
{
    for (const Lie *lie = lies; lie->name; lie++) {
        if (g_str_equal(lie->name, name)) {
            return lie;
        }
    }
    return NULL;
}

GByteArray *lie_stream(const Lie *lie)
{
    GByteArray *stream = g_byte_array_new();

    lie->tell(stream);
    return stream;
}

/* --- telling --- */

static bool say(int fd, const guint8 *bytes, gsize size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);

        if (n < 0 && errno == EAGAIN) {
            struct pollfd out = {.fd = fd, .events = POLLOUT};

            poll(&out, 1, -1);
            continue;
        }
        if (n < 0 && errno != EINTR) {
            return false;
        }
        if (n > 0) {
            bytes += n;
            size -= (gsize)n;
        }
    }
    return true;
}

static void flood(int fd, const GByteArray *stream)
{
    gsize frame_bytes = sizeof(TraceFrameHeader) + PAGE_BYTES;
    guint8 *frame = stream->data + stream->len - frame_bytes;
    TraceFrameHeader header;

    memcpy(&header, frame, sizeof(header));
    do {
        header.sequence++;
        memcpy(frame, &header, sizeof(header));
    } while (say(fd, frame, frame_bytes));
}

void lie_tell(const Lie *lie, int fd)
{
    g_autoptr(GByteArray) stream = lie_stream(lie);

    if (lie->end == LIE_DRIBBLE) {
        for (guint i = 0; i < stream->len && say(fd, stream->data + i, 1);
             i++) {
            g_usleep(DRIBBLE_US);
        }
    } else if (say(fd, stream->data, stream->len) && lie->end == LIE_FLOODS) {
        flood(fd, stream);
    }
}
