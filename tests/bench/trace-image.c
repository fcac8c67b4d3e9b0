/*
 * TraceImage: a trace.dat file of either version.
 *
 * Written from trace-cmd.dat.v6(5) and trace-cmd.dat.v7(5), apart from the
 * project's own writer and reader, so that it can test them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define PAGES_PER_CHUNK 10 /* as trace-cmd */

/* Sections and options of version 7; options of version 6 have the same. */
enum {
    ID_DONE = 0,
    ID_BUFFER = 3,
    ID_TRACECLOCK = 4,
    ID_TRACEID = 11,
    ID_TIME_SHIFT = 12,
    ID_GUEST = 13,
    ID_TSC2NSEC = 14,
    ID_HEADER_INFO = 16,
    ID_FTRACE_EVENTS = 17,
    ID_EVENT_FORMATS = 18,
    ID_KALLSYMS = 19,
    ID_PRINTK = 20,
    ID_CMDLINES = 21,
    ID_BUFFER_TEXT = 22,
};

#define SECTION_COMPRESSED 1

/* A file in the making. */
typedef struct Output {
    const TraceImage *image;
    int fd;
    uint64_t offset;
    bool failed;
    uint64_t *cpu_offsets;
    uint64_t *cpu_sizes;
} Output;

static void put(GByteArray *to, const void *bytes, size_t size)
{
    g_byte_array_append(to, bytes, (guint)size);
}

static void put_u16(GByteArray *to, uint16_t value)
{
    put(to, &value, sizeof(value));
}

static void put_u32(GByteArray *to, uint32_t value)
{
    put(to, &value, sizeof(value));
}

static void put_u64(GByteArray *to, uint64_t value)
{
    put(to, &value, sizeof(value));
}

static void put_string(GByteArray *to, const char *string)
{
    put(to, string, strlen(string) + 1);
}

static void put_text(GByteArray *to, GBytes *text, size_t length_bytes)
{
    gsize size = 0;
    const void *bytes = text ? g_bytes_get_data(text, &size) : NULL;
    uint64_t length = size;

    put(to, &length, length_bytes);
    put(to, bytes, size);
}

static void put_header_info(GByteArray *to, const DatMetadata *metadata)
{
    put_string(to, "header_page");
    put_text(to, metadata->header_page, 8);
    put_string(to, "header_event");
    put_text(to, metadata->header_event, 8);
}

static uint32_t count_system(const DatMetadata *metadata, const char *system)
{
    uint32_t n = 0;

    for (guint i = 0; i < metadata->formats->len; i++) {
        const DatFormat *format = metadata->formats->pdata[i];

        n += strcmp(format->system, system) == 0;
    }
    return n;
}

static void put_formats(GByteArray *to, const DatMetadata *metadata,
                        const char *system)
{
    put_u32(to, count_system(metadata, system));
    for (guint i = 0; i < metadata->formats->len; i++) {
        const DatFormat *format = metadata->formats->pdata[i];

        if (strcmp(format->system, system) == 0) {
            put_text(to, format->text, 8);
        }
    }
}

static void put_event_systems(GByteArray *to, const DatMetadata *metadata)
{
    g_autoptr(GPtrArray) systems = g_ptr_array_new();

    for (guint i = 0; i < metadata->formats->len; i++) {
        const DatFormat *format = metadata->formats->pdata[i];

        if (strcmp(format->system, "ftrace") != 0 &&
            !g_ptr_array_find_with_equal_func(systems, format->system,
                                              g_str_equal, NULL)) {
            g_ptr_array_add(systems, format->system);
        }
    }
    put_u32(to, systems->len);
    for (guint i = 0; i < systems->len; i++) {
        put_string(to, systems->pdata[i]);
        put_formats(to, metadata, systems->pdata[i]);
    }
}

static void put_option(GByteArray *to, uint16_t id, const GByteArray *data)
{
    put_u16(to, id);
    put_u32(to, data->len);
    put(to, data->data, data->len);
}

static void put_clock(GByteArray *to, const DatFile *dat)
{
    g_autoptr(GByteArray) data = g_byte_array_new();
    g_autofree char *clock = g_strdup_printf("local [%s]", dat->clock);

    put_string(data, clock);
    put_option(to, ID_TRACECLOCK, data);
}

static void put_tsc2nsec(GByteArray *to, const DatOptions *options)
{
    g_autoptr(GByteArray) data = g_byte_array_new();

    put_u32(data, options->tsc_mult);
    put_u32(data, options->tsc_shift);
    put_u64(data, 0);
    put_option(to, ID_TSC2NSEC, data);
}

static void put_guest(GByteArray *to, const DatGuest *guest)
{
    g_autoptr(GByteArray) data = g_byte_array_new();

    put_string(data, guest->name);
    put_u64(data, guest->trace_id);
    put_u32(data, guest->threads->len);
    for (guint cpu = 0; cpu < guest->threads->len; cpu++) {
        put_u32(data, cpu);
        put_u32(data, (uint32_t)g_array_index(guest->threads, int32_t, cpu));
    }
    put_option(to, ID_GUEST, data);
}

static void put_samples(GByteArray *data, const GArray *samples)
{
    put_u32(data, samples->len);
    for (guint i = 0; i < samples->len; i++) {
        put_u64(data, g_array_index(samples, DatTimeShift, i).from_guest_ticks);
    }
    for (guint i = 0; i < samples->len; i++) {
        put_u64(data,
                (uint64_t)g_array_index(samples, DatTimeShift, i).offset_ticks);
    }
    for (guint i = 0; i < samples->len; i++) {
        uint64_t ratio = g_array_index(samples, DatTimeShift, i).ratio;

        put_u64(data, ratio ? ratio : 1);
    }
}

static void put_time_shift(GByteArray *to, const DatOptions *options)
{
    g_autoptr(GByteArray) data = g_byte_array_new();

    put_u64(data, options->peer_trace_id);
    put_u32(data, options->interpolates ? 1 : 0);
    put_u32(data, options->time_shifts->len);
    for (guint cpu = 0; cpu < options->time_shifts->len; cpu++) {
        put_samples(data, options->time_shifts->pdata[cpu]);
    }
    for (guint cpu = 0; cpu < options->time_shifts->len; cpu++) {
        const GArray *samples = options->time_shifts->pdata[cpu];

        for (guint i = 0; i < samples->len; i++) {
            put_u64(data, g_array_index(samples, DatTimeShift, i).frac_bits);
        }
    }
    put_option(to, ID_TIME_SHIFT, data);
}

/* Those that say when and where, in both versions. */
static void put_options(GByteArray *to, const DatFile *dat)
{
    const DatOptions *options = &dat->options;

    put_clock(to, dat);
    if (options->tsc_mult) {
        put_tsc2nsec(to, options);
    }
    if (options->trace_id) {
        g_autoptr(GByteArray) data = g_byte_array_new();

        put_u64(data, options->trace_id);
        put_option(to, ID_TRACEID, data);
    }
    for (guint i = 0; options->guests && i < options->guests->len; i++) {
        put_guest(to, options->guests->pdata[i]);
    }
    if (options->time_shifts) {
        put_time_shift(to, options);
    }
}

static void write_at(Output *out, uint64_t offset, const void *bytes,
                     size_t size)
{
    size_t done = 0;

    while (done < size && !out->failed) {
        ssize_t put_bytes = pwrite(out->fd, (const char *)bytes + done,
                                   size - done, (off_t)(offset + done));

        if (put_bytes <= 0) {
            out->failed = true;
        } else {
            done += (size_t)put_bytes;
        }
    }
}

static void write_on(Output *out, const void *bytes, size_t size)
{
    write_at(out, out->offset, bytes, size);
    out->offset += size;
}

static void align(Output *out)
{
    uint64_t page = out->image->dat->page_bytes;

    out->offset = (out->offset + page - 1) / page * page;
}

static GByteArray *pack(const char *compression, const void *bytes, size_t size)
{
    GByteArray *packed = g_byte_array_new();

    if (strcmp(compression, "zlib") == 0) {
        uLongf packed_bytes = compressBound(size);

        g_byte_array_set_size(packed, (guint)packed_bytes);
        compress2(packed->data, &packed_bytes, bytes, size, 6);
        g_byte_array_set_size(packed, (guint)packed_bytes);
    } else {
        size_t packed_bytes = ZSTD_compressBound(size);

        g_byte_array_set_size(packed, (guint)packed_bytes);
        packed_bytes =
            ZSTD_compress(packed->data, packed_bytes, bytes, size, 3);
        g_byte_array_set_size(packed, (guint)packed_bytes);
    }
    return packed;
}

static void write_chunk(Output *out, const uint8_t *bytes, size_t size)
{
    g_autoptr(GByteArray) packed = pack(out->image->compression, bytes, size);
    uint32_t sizes[2] = {packed->len, (uint32_t)size};

    write_on(out, sizes, sizeof(sizes));
    write_on(out, packed->data, packed->len);
}

static void write_packed_cpu(Output *out, uint32_t cpu)
{
    const TraceImage *image = out->image;
    size_t page_bytes = image->dat->page_bytes;
    g_autofree uint8_t *chunk = g_malloc(PAGES_PER_CHUNK * page_bytes);
    uint64_t start = out->offset;
    uint32_t n_chunks = 0;
    size_t n = 0;

    out->offset += sizeof(n_chunks);
    while (image->next_page(image->data, cpu, chunk + n * page_bytes)) {
        if (++n == PAGES_PER_CHUNK) {
            write_chunk(out, chunk, n * page_bytes);
            n_chunks++;
            n = 0;
        }
    }
    if (n > 0) {
        write_chunk(out, chunk, n * page_bytes);
        n_chunks++;
    }
    write_at(out, start, &n_chunks, sizeof(n_chunks));
    out->cpu_offsets[cpu] = start;
    /* trace-cmd doesn't count the number of chunks. */
    out->cpu_sizes[cpu] = out->offset - start - sizeof(n_chunks);
}

static void write_plain_cpu(Output *out, uint32_t cpu)
{
    const TraceImage *image = out->image;
    size_t page_bytes = image->dat->page_bytes;
    size_t max_pages = MAX(1, (1u << 20) / page_bytes);
    g_autofree uint8_t *pages = g_malloc(max_pages * page_bytes);
    size_t n = 0;

    out->cpu_offsets[cpu] = out->offset;
    while (image->next_page(image->data, cpu, pages + n * page_bytes)) {
        if (++n == max_pages) {
            write_on(out, pages, n * page_bytes);
            n = 0;
        }
    }
    write_on(out, pages, n * page_bytes);
    out->cpu_sizes[cpu] = out->offset - out->cpu_offsets[cpu];
}

static void write_cpus(Output *out)
{
    for (uint32_t cpu = 0; cpu < out->image->n_cpus; cpu++) {
        align(out);
        if (out->image->compression) {
            write_packed_cpu(out, cpu);
        } else {
            write_plain_cpu(out, cpu);
        }
    }
}

static void put_start(GByteArray *to, const TraceImage *image)
{
    static const uint8_t magic[] = {0x17, 0x08, 0x44};

    put(to, magic, sizeof(magic));
    put(to, "tracing", 7);
    put_string(to, image->version == 6 ? "6" : "7");
    put(to, "\0\x08", 2); /* little-endian, 8 bytes a long */
    put_u32(to, image->dat->page_bytes);
}

static GByteArray *v6_head(const Output *out)
{
    const TraceImage *image = out->image;
    const DatMetadata *metadata = &image->dat->metadata;
    g_autofree char *clock = g_strdup_printf("[%s]", image->dat->clock);
    GByteArray *head = g_byte_array_new();

    put_start(head, image);
    put_header_info(head, metadata);
    put_formats(head, metadata, "ftrace");
    put_event_systems(head, metadata);
    put_text(head, metadata->kallsyms, 4);
    put_text(head, metadata->printk_formats, 4);
    put_text(head, metadata->cmdlines, 8);
    put_u32(head, image->n_cpus);
    put_string(head, "options  ");
    put_options(head, image->dat);
    put_u16(head, ID_DONE);
    if (image->text) {
        put_string(head, "latency  ");
        put(head, image->text, strlen(image->text));
        return head;
    }
    put_string(head, "flyrecord");
    for (uint32_t cpu = 0; cpu < image->n_cpus; cpu++) {
        put_u64(head, out->cpu_offsets[cpu]);
        put_u64(head, out->cpu_sizes[cpu]);
    }
    put_u64(head, strlen(clock));
    put(head, clock, strlen(clock));
    return head;
}

/* The head's length is known, but for the places of what follows it. */
static void write_v6(Output *out)
{
    g_autoptr(GByteArray) sketch = v6_head(out);
    g_autoptr(GByteArray) head = NULL;

    out->offset = sketch->len;
    if (!out->image->text) {
        write_cpus(out);
    }
    head = v6_head(out);
    write_at(out, 0, head->data, head->len);
}

static void write_section_header(Output *out, uint64_t offset, uint16_t id,
                                 bool is_packed, uint64_t size)
{
    g_autoptr(GByteArray) header = g_byte_array_new();

    put_u16(header, id);
    put_u16(header, is_packed ? SECTION_COMPRESSED : 0);
    put_u32(header, 0); /* no description */
    put_u64(header, size);
    write_at(out, offset, header->data, header->len);
}

#define SECTION_HEADER_BYTES 16

/* Writes a section and adds the option that points to it. */
static void write_part(Output *out, GByteArray *options, uint16_t id,
                       const GByteArray *content)
{
    uint64_t start = out->offset;
    g_autoptr(GByteArray) place = g_byte_array_new();

    out->offset += SECTION_HEADER_BYTES;
    if (out->image->compression) {
        write_chunk(out, content->data, content->len);
    } else {
        write_on(out, content->data, content->len);
    }
    write_section_header(out, start, id, out->image->compression != NULL,
                         out->offset - start - SECTION_HEADER_BYTES);
    put_u64(place, start);
    put_option(options, id, place);
}

static void write_parts(Output *out, GByteArray *options)
{
    const DatMetadata *metadata = &out->image->dat->metadata;
    GByteArray *parts[6];

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        parts[i] = g_byte_array_new();
    }
    put_header_info(parts[0], metadata);
    put_formats(parts[1], metadata, "ftrace");
    put_event_systems(parts[2], metadata);
    put_text(parts[3], metadata->kallsyms, 4);
    put_text(parts[4], metadata->printk_formats, 4);
    put_text(parts[5], metadata->cmdlines, 8);
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        write_part(out, options, (uint16_t)(ID_HEADER_INFO + i), parts[i]);
        g_byte_array_unref(parts[i]);
    }
}

/* One chunk for each 100 bytes, so that there are several. */
static void write_text(Output *out)
{
    const char *text = out->image->text;
    size_t size = strlen(text);
    uint32_t n_chunks = (uint32_t)((size + 99) / 100);

    if (!out->image->compression) {
        write_on(out, text, size);
        return;
    }
    write_on(out, &n_chunks, sizeof(n_chunks));
    for (size_t at = 0; at < size; at += 100) {
        write_chunk(out, (const uint8_t *)text + at, MIN(100, size - at));
    }
}

static void write_buffer(Output *out, GByteArray *options)
{
    const TraceImage *image = out->image;
    uint64_t start = out->offset;
    uint16_t id = image->text ? ID_BUFFER_TEXT : ID_BUFFER;
    g_autoptr(GByteArray) data = g_byte_array_new();

    out->offset += SECTION_HEADER_BYTES;
    if (image->text) {
        write_text(out);
    } else {
        write_cpus(out);
    }
    write_section_header(out, start, id, image->compression != NULL,
                         out->offset - start - SECTION_HEADER_BYTES);
    put_u64(data, start);
    put_string(data, "");
    put_string(data, image->dat->clock);
    if (image->text) {
        put_option(options, id, data);
        return;
    }
    put_u32(data, image->dat->page_bytes);
    put_u32(data, image->n_cpus);
    for (uint32_t cpu = 0; cpu < image->n_cpus; cpu++) {
        put_u32(data, cpu);
        put_u64(data, out->cpu_offsets[cpu]);
        put_u64(data, out->cpu_sizes[cpu]);
    }
    put_option(options, ID_BUFFER, data);
}

static void write_v7(Output *out)
{
    g_autoptr(GByteArray) start = g_byte_array_new();
    g_autoptr(GByteArray) options = g_byte_array_new();
    g_autoptr(GByteArray) done = g_byte_array_new();
    const char *compression = out->image->compression;
    uint64_t section;
    uint64_t first_options;

    put_start(start, out->image);
    put_string(start, compression ? compression : "none");
    put_string(start, compression ? "1" : "");
    first_options = start->len;
    put_u64(start, 0);
    write_on(out, start->data, start->len);
    write_parts(out, options);
    put_options(options, out->image->dat);
    write_buffer(out, options);
    put_u64(done, 0);
    put_option(options, ID_DONE, done);
    section = out->offset;
    out->offset += SECTION_HEADER_BYTES;
    if (compression) {
        write_chunk(out, options->data, options->len);
    } else {
        write_on(out, options->data, options->len);
    }
    write_section_header(out, section, ID_DONE, compression != NULL,
                         out->offset - section - SECTION_HEADER_BYTES);
    write_at(out, first_options, &section, sizeof(section));
}

bool trace_image_write(const TraceImage *image, const char *path,
                       GError **error)
{
    Output out = {
        .image = image,
        .fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644),
        .cpu_offsets = g_new0(uint64_t, image->n_cpus),
        .cpu_sizes = g_new0(uint64_t, image->n_cpus),
    };

    out.failed = out.fd < 0;
    if (!out.failed && image->version == 6) {
        write_v6(&out);
    } else if (!out.failed) {
        write_v7(&out);
    }
    if (out.failed) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "%s: cannot write: %s", path, g_strerror(errno));
    }
    if (out.fd >= 0) {
        close(out.fd);
    }
    g_free(out.cpu_offsets);
    g_free(out.cpu_sizes);
    return !out.failed;
}
