/*
 * Version 7 of trace.dat: sections that options point to.
 *
 * trace-cmd.dat.v7(5) and lib/trace-cmd/trace-input.c of trace-cmd.  Where the
 * chain of options is broken, all sections are looked at in the order in
 * which they stand: each says how long it is.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/dat-layout.h"

#include <string.h>
#include <gio/gio.h>

#include "trace-data/chunk-index.h"
#include "trace-data/dat-options.h"

#define MAX_OPTION_SECTIONS 1024
#define MAX_INSTANCES       256
#define SECTION_OPTIONS     0
#define SECTION_COMPRESSED  1

#define SECTION_HEADER_BYTES 16

typedef struct Section {
    uint16_t id;
    uint16_t flags;
    uint64_t data_offset; /* behind the section's header */
    uint64_t size_bytes;
} Section;

/* What is gathered on the way through one file. */
typedef struct Layout {
    DatHeader *header;
    Compression *compression;
    uint64_t sections_offset; /* of the first one */
    uint64_t next_options;    /* 0: none follows */
    GArray *known;            /* of uint64_t: where options and buffers that
                                 were read stand */
    guint n_buffers;
    bool has_recovered; /* one of them without its option, which was said */
} Layout;

static bool is_known(const Layout *layout, uint64_t offset)
{
    for (guint i = 0; i < layout->known->len; i++) {
        if (g_array_index(layout->known, uint64_t, i) == offset) {
            return true;
        }
    }
    return false;
}

/* The parts of the header that options point to. */
static const struct {
    uint16_t id;
    const char *name;
    bool (*read)(DatHeader *header, GError **error);
} parts[] = {
    {DAT_OPTION_HEADER_INFO, "the header info", dat_header_read_pages},
    {DAT_OPTION_FTRACE_EVENTS, "the ftrace events",
     dat_header_read_ftrace_events},
    {DAT_OPTION_EVENT_FORMATS, "the event formats",
     dat_header_read_event_systems},
    {DAT_OPTION_KALLSYMS, "kallsyms", dat_header_read_kallsyms},
    {DAT_OPTION_PRINTK, "printk formats", dat_header_read_printk_formats},
    {DAT_OPTION_CMDLINES, "command lines", dat_header_read_cmdlines},
};

/* A problem instead of an error: reading goes on. */
static void note(const Layout *layout, GError *damage)
{
    DatFile *dat = layout->header->dat;

    dat_file_problem(dat, "%s; what can be read is shown",
                     damage->message + strlen(dat->path) + strlen(": "));
}

static bool read_section_header(Layout *layout, uint64_t offset,
                                Section *section)
{
    ByteReader *in = &layout->header->bytes;
    uint32_t description;

    if (offset < layout->sections_offset || offset > in->end) {
        return false;
    }
    in->offset = offset;
    if (!byte_reader_take_u16(in, &section->id) ||
        !byte_reader_take_u16(in, &section->flags) ||
        !byte_reader_take_u32(in, &description) ||
        !byte_reader_take_u64(in, &section->size_bytes)) {
        return false;
    }
    section->data_offset = in->offset;
    return true;
}

/* The section's content, expanded; NULL and an error where it can't be had. */
static GBytes *section_bytes(Layout *layout, const Section *section,
                             GError **error)
{
    DatHeader *header = layout->header;
    ByteReader *in = &header->bytes;
    uint32_t packed_bytes, bytes;
    g_autoptr(GBytes) packed = NULL;
    g_autofree char *content = NULL;

    in->offset = section->data_offset;
    if (!byte_reader_take_u32(in, &packed_bytes) ||
        !byte_reader_take_u32(in, &bytes) ||
        bytes > DAT_HEADER_MAX_TEXT_BYTES) {
        dat_header_damaged(header, error, "a compressed block");
        return NULL;
    }
    packed = byte_reader_take_bytes(in, packed_bytes);
    content = packed ? g_try_malloc(bytes + 1) : NULL;
    if (!content ||
        !compression_expand(layout->compression, g_bytes_get_data(packed, NULL),
                            packed_bytes, content, bytes)) {
        dat_header_damaged(header, error,
                           "a compressed block of %u bytes that can't be "
                           "expanded",
                           packed_bytes);
        return NULL;
    }
    content[bytes] = '\0';
    return g_bytes_new_take(g_steal_pointer(&content), bytes);
}

typedef bool (*ReadFunc)(DatHeader *header, gpointer data, GError **error);

/* Calls read on the section's content, wherever that is. */
static bool read_content(Layout *layout, const Section *section,
                         const char *name, ReadFunc read, gpointer data,
                         GError **error)
{
    DatHeader *header = layout->header;
    DatHeader content = {.dat = header->dat, .part = name};
    g_autoptr(GBytes) bytes = NULL;
    gsize size;
    bool done;

    if (section->flags & SECTION_COMPRESSED) {
        const void *memory;

        bytes = section_bytes(layout, section, error);
        if (!bytes) {
            return false;
        }
        memory = g_bytes_get_data(bytes, &size);
        byte_reader_init_bytes(&content.bytes, memory, size);
    } else {
        uint64_t room = header->bytes.end - section->data_offset;

        byte_reader_init_file(
            &content.bytes, header->dat->fd, section->data_offset,
            section->data_offset + MIN(section->size_bytes, room));
    }
    done = read(&content, data, error);
    byte_reader_clear(&content.bytes);
    return done;
}

static bool read_part_content(DatHeader *header, gpointer data, GError **error)
{
    const size_t *part = data;

    return parts[*part].read(header, error);
}

/* One of the header's parts; damage there costs only what it told. */
static void read_part(Layout *layout, size_t part, uint64_t offset)
{
    g_autoptr(GError) damage = NULL;
    Section section;

    if (!read_section_header(layout, offset, &section) ||
        section.id != parts[part].id) {
        dat_header_damaged(layout->header, &damage, "no section of %s",
                           parts[part].name);
    } else if (read_content(layout, &section, parts[part].name,
                            read_part_content, &part, &damage)) {
        return;
    }
    note(layout, damage);
}

/* trace-cmd's size of compressed data is that without the chunks' count. */
static void count_in(DatCpuData *data, uint64_t file_bytes)
{
    uint64_t count_bytes = sizeof(uint32_t);

    if (data->offset_bytes <= file_bytes &&
        data->size_bytes <= file_bytes - data->offset_bytes) {
        data->size_bytes = MIN(data->size_bytes + count_bytes,
                               file_bytes - data->offset_bytes);
    }
}

static bool read_buffer_cpus(ByteReader *in, DatFile *dat, uint64_t file_bytes)
{
    uint32_t page_bytes, n_cpus;

    if (!byte_reader_take_u32(in, &page_bytes) ||
        !byte_reader_take_u32(in, &n_cpus)) {
        return false;
    }
    if (n_cpus > dat_file_limits(dat)->cpus) {
        dat_file_problem(dat, "%u CPUs, " LIMIT_ABOVE("cpus"), n_cpus);
        return false;
    }
    if (page_bytes > dat_file_limits(dat)->page_bytes) {
        dat_file_problem(dat, "a page size of %u, " LIMIT_ABOVE("page-size"),
                         page_bytes);
        return false;
    }
    if (page_bytes >= 512 && (page_bytes & (page_bytes - 1)) == 0) {
        dat->page_bytes = MAX(dat->page_bytes, page_bytes);
    }
    for (uint32_t i = 0; i < n_cpus; i++) {
        uint32_t cpu;
        DatCpuData data;

        if (!byte_reader_take_u32(in, &cpu) ||
            !byte_reader_take_u64(in, &data.offset_bytes) ||
            !byte_reader_take_u64(in, &data.size_bytes) ||
            cpu >= dat_file_limits(dat)->cpus) {
            return false;
        }
        if (dat->compression) {
            count_in(&data, file_bytes);
        }
        dat_file_set_cpu(dat, cpu, data, file_bytes);
    }
    return true;
}

/* The buffer's own section says whether its data is compressed. */
static bool read_buffer_section(Layout *layout, DatFile *dat, uint64_t offset)
{
    Section section;

    if (!read_section_header(layout, offset, &section)) {
        return false;
    }
    g_array_append_val(layout->known, offset);
    if (section.flags & SECTION_COMPRESSED) {
        dat->compression = compression_ref(layout->compression);
    }
    if (dat->is_text) {
        dat->text.offset_bytes = section.data_offset;
        dat->text.size_bytes =
            MIN(section.size_bytes,
                layout->header->bytes.end - section.data_offset);
    }
    return true;
}

/* offset, name, clock, and of events the page size and the CPUs' places */
static char *read_buffer(Layout *layout, uint16_t id, GBytes *option)
{
    DatFile *dat = layout->header->dat;
    ByteReader in;
    gsize size;
    const void *bytes = g_bytes_get_data(option, &size);
    g_autofree char *name = NULL;
    g_autofree char *clock = NULL;
    uint64_t offset;

    byte_reader_init_bytes(&in, bytes, size);
    if (layout->n_buffers++ == MAX_INSTANCES ||
        !byte_reader_take_u64(&in, &offset)) {
        return g_strdup("option BUFFER is damaged");
    }
    name = byte_reader_take_string(&in, DAT_HEADER_MAX_NAME_BYTES);
    clock =
        name ? byte_reader_take_string(&in, DAT_HEADER_MAX_NAME_BYTES) : NULL;
    if (!clock) {
        return g_strdup("option BUFFER is damaged");
    }
    if (name[0] != '\0') {
        dat = dat_file_add_instance(dat, g_steal_pointer(&name));
    }
    g_free(dat->clock);
    dat->clock = g_steal_pointer(&clock);
    dat->is_text = id == DAT_OPTION_BUFFER_TEXT;
    if (!read_buffer_section(layout, dat, offset)) {
        return g_strdup("option BUFFER points behind the file's end");
    }
    if (!dat->is_text &&
        !read_buffer_cpus(&in, dat, layout->header->bytes.end)) {
        return g_strdup("option BUFFER is damaged");
    }
    return NULL;
}

/* How many buffers the file says that it has, whole or not. */
static bool is_buffer(uint16_t id)
{
    return id == DAT_OPTION_BUFFER || id == DAT_OPTION_BUFFER_TEXT;
}

static char *read_option(Layout *layout, uint16_t id, GBytes *option)
{
    gsize size;
    const void *data = g_bytes_get_data(option, &size);
    uint64_t offset;

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (parts[i].id != id) {
            continue;
        }
        if (size < sizeof(offset)) {
            return g_strdup_printf("the option of %s is damaged",
                                   parts[i].name);
        }
        memcpy(&offset, data, sizeof(offset));
        read_part(layout, i, offset);
        return NULL;
    }
    return is_buffer(id) ? read_buffer(layout, id, option)
                         : dat_option_read(layout->header->dat, id, option);
}

/* One section of options; the last one tells where the next is. */
static bool read_options(DatHeader *header, gpointer data, GError **error)
{
    Layout *layout = data;

    for (;;) {
        uint16_t id;
        uint32_t size;
        g_autoptr(GBytes) option = NULL;
        g_autofree char *problem = NULL;

        if (!dat_header_take(header, &id, sizeof(id), "an option", error) ||
            !dat_header_take(header, &size, sizeof(size), "an option", error)) {
            return false;
        }
        option = byte_reader_take_bytes(&header->bytes, size);
        if (!option) {
            return dat_header_damaged(header, error, "an option of %u bytes",
                                      size);
        }
        if (id == DAT_OPTION_DONE) {
            if (size >= sizeof(uint64_t)) {
                memcpy(&layout->next_options, g_bytes_get_data(option, NULL),
                       sizeof(uint64_t));
            }
            return true;
        }
        problem = read_option(layout, id, option);
        if (problem) {
            dat_file_problem(header->dat, "%s; it is ignored", problem);
        }
    }
}

/* Follows the chain of options; false and an error where it breaks. */
static bool read_chain(Layout *layout, uint64_t offset, GError **error)
{
    while (offset != 0) {
        Section section;

        if (layout->known->len >= MAX_OPTION_SECTIONS ||
            is_known(layout, offset) ||
            !read_section_header(layout, offset, &section) ||
            section.id != SECTION_OPTIONS) {
            return dat_header_damaged(layout->header, error,
                                      "no section of options");
        }
        g_array_append_val(layout->known, offset);
        layout->next_options = 0;
        if (!read_content(layout, &section, "the options", read_options, layout,
                          error)) {
            return false;
        }
        offset = layout->next_options;
    }
    return true;
}

/* A buffer that no option tells of: the first one is the top-level one's. */
static DatFile *lost_buffer(Layout *layout)
{
    DatFile *dat = layout->header->dat;
    DatFile *instance;

    if (layout->n_buffers++ == 0) {
        return dat;
    }
    instance = dat_file_add_instance(
        dat, g_strdup_printf("buffer-%u", layout->n_buffers - 1));
    g_free(instance->clock);
    instance->clock = g_strdup(dat->clock);
    return instance;
}

static uint64_t align(uint64_t offset, uint64_t page_bytes)
{
    return (offset + page_bytes - 1) / page_bytes * page_bytes;
}

/* Where the chunks of a CPU end, as far as they go. */
static uint64_t end_of_chunks(Layout *layout, uint64_t offset, uint64_t end)
{
    ByteReader *in = &layout->header->bytes;
    uint32_t n_chunks, packed_bytes, bytes;

    in->offset = offset;
    if (!byte_reader_take_u32(in, &n_chunks)) {
        return offset;
    }
    for (uint32_t i = 0; i < n_chunks && in->offset < end; i++) {
        if (!byte_reader_take_u32(in, &packed_bytes) ||
            !byte_reader_take_u32(in, &bytes) || packed_bytes == 0 ||
            bytes == 0 || bytes > CHUNK_MAX_BYTES ||
            !byte_reader_skip(in, packed_bytes)) {
            return i == 0 ? offset : end;
        }
    }
    return MIN(in->offset, end);
}

/* Where a CPU's pages end: the next one's begin earlier in time. */
static uint64_t end_of_pages(Layout *layout, uint64_t offset, uint64_t end)
{
    ByteReader *in = &layout->header->bytes;
    uint32_t page_bytes = layout->header->dat->page_bytes;
    uint64_t last_ticks = 0, ticks;

    while (offset < end) {
        in->offset = offset;
        if (!byte_reader_take_u64(in, &ticks) || ticks < last_ticks) {
            break;
        }
        last_ticks = ticks;
        offset += page_bytes;
    }
    return MIN(offset, end);
}

/* Finds the CPUs' data of a buffer whose option is lost. */
static void recover_buffer(Layout *layout, const Section *section)
{
    DatFile *dat = lost_buffer(layout);
    uint64_t file_bytes = layout->header->bytes.end;
    uint64_t room = file_bytes - section->data_offset;
    uint64_t end = section->data_offset + MIN(section->size_bytes, room);
    uint64_t offset = align(section->data_offset, dat->page_bytes);

    if (section->flags & SECTION_COMPRESSED) {
        dat->compression = compression_ref(layout->compression);
    }
    while (offset < end && dat->cpus->len < dat_file_limits(dat)->cpus) {
        uint64_t next = dat->compression ? end_of_chunks(layout, offset, end)
                                         : end_of_pages(layout, offset, end);
        DatCpuData data = {offset, next - offset};

        if (next == offset) {
            break;
        }
        dat_file_set_cpu(dat, dat->cpus->len, data, file_bytes);
        offset = align(next, dat->page_bytes);
    }
    dat_file_problem(dat,
                     "the table of CPUs is missing or damaged; their data was "
                     "found, but CPUs without any may not be counted");
    layout->has_recovered = true;
}

/*
 * All sections as they stand, for a file whose chain of options is broken:
 * options that nothing led to, then buffers that none of them tells of.
 */
static void walk_sections(Layout *layout, uint16_t wanted)
{
    DatHeader *header = layout->header;
    uint64_t offset = layout->sections_offset;
    Section section;

    while (read_section_header(layout, offset, &section)) {
        g_autoptr(GError) damage = NULL;

        if (section.id == wanted && !is_known(layout, offset)) {
            g_array_append_val(layout->known, offset);
            if (layout->known->len > MAX_OPTION_SECTIONS) {
                return;
            }
            if (wanted == SECTION_OPTIONS) {
                read_content(layout, &section, "the options", read_options,
                             layout, &damage);
            } else {
                recover_buffer(layout, &section);
            }
        }
        if (section.size_bytes > header->bytes.end - section.data_offset) {
            return;
        }
        offset = section.data_offset + section.size_bytes;
    }
}

static Compression *read_compression(DatHeader *header, GError **error)
{
    g_autofree char *name =
        dat_header_take_name(header, "the compression's name", error);
    g_autofree char *version =
        name ? dat_header_take_name(header, "the compression's version", error)
             : NULL;
    Compression *compression;

    if (!version) {
        return NULL;
    }
    compression = compression_new(name);
    if (!compression) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                    "%s: is compressed with '%.32s', and only none, zlib and "
                    "zstd are read; make another one with 'trace-cmd convert "
                    "--compression none'",
                    header->dat->path, name);
    }
    return compression;
}

bool dat_v7_read(DatHeader *header, GError **error)
{
    Layout layout = {.header = header};
    g_autoptr(Compression) compression = read_compression(header, error);
    g_autoptr(GArray) known = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    g_autoptr(GError) damage = NULL;
    uint64_t options;

    layout.compression = compression;
    if (!compression || !dat_header_take(header, &options, sizeof(options),
                                         "the options' place", error)) {
        return false;
    }
    layout.sections_offset = header->bytes.offset;
    layout.known = known;
    if (read_chain(&layout, options, &damage)) {
        if (layout.n_buffers > 0) {
            return true;
        }
        dat_header_damaged(header, &damage, "no option BUFFER");
    }
    walk_sections(&layout, SECTION_OPTIONS);
    walk_sections(&layout, DAT_OPTION_BUFFER);
    if (layout.n_buffers == 0) {
        g_propagate_error(error, g_steal_pointer(&damage));
        return false;
    }
    if (!layout.has_recovered) {
        note(&layout, damage);
    }
    return true;
}
