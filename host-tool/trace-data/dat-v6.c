/*
 * Version 6 of trace.dat: everything in a row, then a table of CPUs.
 *
 * trace-cmd.dat.v6(5), and what it leaves out from lib/trace-cmd/
 * trace-input.c of trace-cmd: a buffer instance is an option that points to
 * a table of its own, and the clock's name stands behind the first table.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/dat-layout.h"

#include <string.h>

#include "trace-data/dat-options.h"

#define MAX_OPTION_BYTES (16u << 20)
#define MAX_CLOCK_BYTES  4096
#define MAX_INSTANCES    256

#define TAG_BYTES     10 /* with the NUL */
#define TAG_OPTIONS   "options  "
#define TAG_FLYRECORD "flyrecord"
#define TAG_LATENCY   "latency  "

/* Searched at once for a tag. */
#define SEARCH_BYTES (1u << 20)

/* An instance, and where its table stands. */
typedef struct Instance {
    DatFile *dat;
    uint64_t offset;
} Instance;

/* What is gathered on the way through one file. */
typedef struct Layout {
    DatHeader *header;
    uint32_t n_cpus;
    GArray *instances; /* of Instance */
    bool clock_follows;
} Layout;

/* A problem instead of an error: reading goes on. */
static void note(DatFile *dat, GError **damage)
{
    const char *message = (*damage)->message;
    size_t path_bytes = strlen(dat->path) + strlen(": ");

    dat_file_problem(dat, "%s; what can be read is shown",
                     message + path_bytes);
    g_clear_error(damage);
}

static bool read_metadata(DatHeader *header, GError **error)
{
    return dat_header_read_pages(header, error) &&
           dat_header_read_ftrace_events(header, error) &&
           dat_header_read_event_systems(header, error) &&
           dat_header_read_kallsyms(header, error) &&
           dat_header_read_printk_formats(header, error) &&
           dat_header_read_cmdlines(header, error);
}

static bool is_tag(const char *bytes, const char *tag)
{
    return memcmp(bytes, tag, TAG_BYTES) == 0;
}

/* The first tag in a block, with room for a number before it. */
static const char *find_tag(const char *block, size_t size)
{
    for (size_t i = sizeof(uint32_t); i + TAG_BYTES <= size; i++) {
        if ((block[i] == 'o' || block[i] == 'f') &&
            (is_tag(block + i, TAG_OPTIONS) ||
             is_tag(block + i, TAG_FLYRECORD))) {
            return block + i;
        }
    }
    return NULL;
}

/*
 * Goes to the number of CPUs in front of the first tag from `from` on; the
 * way there in the ordinary manner is damaged.
 */
static bool search_table(DatHeader *header, uint64_t from)
{
    ByteReader *in = &header->bytes;
    g_autofree char *block = g_malloc(SEARCH_BYTES);

    in->offset = from;
    while (byte_reader_left(in) >= sizeof(uint32_t) + TAG_BYTES) {
        size_t size = (size_t)MIN(byte_reader_left(in), SEARCH_BYTES);
        const char *found;

        if (!byte_reader_take(in, block, size)) {
            return false;
        }
        found = find_tag(block, size);
        if (found) {
            in->offset -= size - (size_t)(found - block) + sizeof(uint32_t);
            return true;
        }
        /* The next block begins with what may be the start of a tag. */
        in->offset -= sizeof(uint32_t) + TAG_BYTES - 1;
    }
    return false;
}

static char *read_buffer_option(Layout *layout, GBytes *option)
{
    g_auto(ByteReader) in = {0};
    gsize size;
    const void *data = g_bytes_get_data(option, &size);
    Instance instance;
    char *name;

    byte_reader_init_bytes(&in, data, size);
    if (!byte_reader_take_u64(&in, &instance.offset)) {
        return g_strdup("option BUFFER is damaged");
    }
    name = byte_reader_take_string(&in, DAT_HEADER_MAX_NAME_BYTES);
    if (!name || layout->instances->len == MAX_INSTANCES) {
        g_free(name);
        return g_strdup("option BUFFER is damaged");
    }
    instance.dat = dat_file_add_instance(layout->header->dat, name);
    g_array_append_val(layout->instances, instance);
    return NULL;
}

static char *read_option(Layout *layout, DatFile *dat, uint16_t id,
                         GBytes *option)
{
    gsize size;
    const void *data = g_bytes_get_data(option, &size);

    switch (id) {
    case DAT_OPTION_BUFFER:
        return read_buffer_option(layout, option);
    case DAT_OPTION_CPUCOUNT:
        if (size < sizeof(layout->n_cpus)) {
            return g_strdup("option CPUCOUNT is damaged");
        }
        memcpy(&layout->n_cpus, data, sizeof(layout->n_cpus));
        return NULL;
    case DAT_OPTION_TRACECLOCK:
        layout->clock_follows = true;
        return dat_option_read(dat, id, option);
    default:
        return dat_option_read(dat, id, option);
    }
}

static bool read_options(Layout *layout, DatFile *dat, GError **error)
{
    DatHeader *header = layout->header;

    for (;;) {
        uint16_t id;
        uint32_t size;
        g_autoptr(GBytes) option = NULL;
        g_autofree char *problem = NULL;

        if (!dat_header_take(header, &id, sizeof(id), "the options", error)) {
            return false;
        }
        if (id == DAT_OPTION_DONE) {
            return true;
        }
        if (!dat_header_take(header, &size, sizeof(size), "an option", error)) {
            return false;
        }
        if (size <= MAX_OPTION_BYTES) {
            option = byte_reader_take_bytes(&header->bytes, size);
        }
        if (!option) {
            return dat_header_damaged(header, error, "an option of %u bytes",
                                      size);
        }
        problem = read_option(layout, dat, id, option);
        if (problem) {
            dat_file_problem(dat, "%s; it is ignored", problem);
        }
    }
}

static bool read_cpus(Layout *layout, DatFile *dat, GError **error)
{
    DatHeader *header = layout->header;

    if (layout->n_cpus > dat_file_limits(dat)->cpus) {
        return dat_header_damaged(header, error,
                                  "%u CPUs, " LIMIT_ABOVE("cpus"),
                                  layout->n_cpus);
    }
    for (uint32_t cpu = 0; cpu < layout->n_cpus; cpu++) {
        DatCpuData data;

        if (!dat_header_take(header, &data.offset_bytes, sizeof(uint64_t),
                             "the table of CPUs", error) ||
            !dat_header_take(header, &data.size_bytes, sizeof(uint64_t),
                             "the table of CPUs", error)) {
            return false;
        }
        dat_file_set_cpu(dat, cpu, data, header->bytes.end);
    }
    return true;
}

/* Options, if there are, and the kind of data. */
static bool read_tags(Layout *layout, DatFile *dat, char tag[TAG_BYTES],
                      GError **error)
{
    DatHeader *header = layout->header;
    uint64_t start;

    if (!dat_header_take(header, tag, TAG_BYTES, "the kind of data", error)) {
        return false;
    }
    if (!is_tag(tag, TAG_OPTIONS)) {
        return true;
    }
    start = header->bytes.offset;
    if (read_options(layout, dat, error) &&
        dat_header_take(header, tag, TAG_BYTES, "the kind of data", error) &&
        (is_tag(tag, TAG_FLYRECORD) || is_tag(tag, TAG_LATENCY))) {
        return true;
    }
    if (!*error) {
        dat_header_damaged(header, error, "no table of CPUs");
    }
    if (!search_table(header, start)) {
        return false;
    }
    note(dat, error);
    return byte_reader_skip(&header->bytes, sizeof(uint32_t)) &&
           byte_reader_take(&header->bytes, tag, TAG_BYTES);
}

/* A buffer from its tags on. */
static bool read_buffer(Layout *layout, DatFile *dat, GError **error)
{
    DatHeader *header = layout->header;
    char tag[TAG_BYTES];

    if (!read_tags(layout, dat, tag, error)) {
        return false;
    }
    if (is_tag(tag, TAG_LATENCY)) {
        dat->is_text = true;
        dat->text.offset_bytes = header->bytes.offset;
        dat->text.size_bytes = byte_reader_left(&header->bytes);
        return true;
    }
    if (!is_tag(tag, TAG_FLYRECORD)) {
        return dat_header_damaged(header, error, "no table of %u CPUs",
                                  layout->n_cpus);
    }
    return read_cpus(layout, dat, error);
}

/* Not in the man page: the option says so, the text stands here. */
static void read_clock(Layout *layout)
{
    DatFile *dat = layout->header->dat;
    ByteReader *in = &layout->header->bytes;
    uint64_t size;
    g_autoptr(GBytes) text = NULL;

    if (byte_reader_take_u64(in, &size) && size > 0 &&
        size <= MAX_CLOCK_BYTES) {
        text = byte_reader_take_bytes(in, size);
    }
    if (text) {
        g_free(dat_option_read(dat, DAT_OPTION_TRACECLOCK, text));
    }
}

static void read_instances(Layout *layout)
{
    uint32_t n_cpus = layout->n_cpus;
    DatHeader *header = layout->header;

    for (guint i = 0; i < layout->instances->len; i++) {
        Instance *instance = &g_array_index(layout->instances, Instance, i);
        g_autoptr(GError) damage = NULL;

        layout->n_cpus = n_cpus;
        header->bytes.offset = instance->offset;
        if (!read_buffer(layout, instance->dat, &damage)) {
            note(header->dat, &damage);
        }
        g_free(instance->dat->clock);
        instance->dat->clock = g_strdup(header->dat->clock);
        instance->dat->page_bytes = header->dat->page_bytes;
    }
}

bool dat_v6_read(DatHeader *header, GError **error)
{
    g_autoptr(GArray) instances = g_array_new(FALSE, FALSE, sizeof(Instance));
    Layout layout = {.header = header, .instances = instances};
    g_autoptr(GError) damage = NULL;
    uint64_t start = header->bytes.offset;

    if (!read_metadata(header, &damage)) {
        if (!search_table(header, start)) {
            g_propagate_error(error, g_steal_pointer(&damage));
            return false;
        }
        note(header->dat, &damage);
    }
    if (!dat_header_take(header, &layout.n_cpus, sizeof(layout.n_cpus),
                         "the number of CPUs", error)) {
        return false;
    }
    if (!read_buffer(&layout, header->dat, &damage)) {
        if (header->dat->cpus->len == 0) {
            g_propagate_error(error, g_steal_pointer(&damage));
            return false;
        }
        note(header->dat, &damage);
    } else if (layout.clock_follows && !header->dat->is_text) {
        read_clock(&layout);
    }
    read_instances(&layout);
    return true;
}
