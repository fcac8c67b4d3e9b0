/*
 * StreamDecoder: every check that the wire format asks for, in the order in
 * which a hostile stream could make use of its absence.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/stream-decode.h"

#include <string.h>

/* The format is little-endian, and so is every machine that runs x86 KVM. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "no byte swapping");
_Static_assert(TRACE_STREAM_MAX_PAYLOAD_BYTES % TRACE_STREAM_ALIGN_BYTES == 0,
               "STREAM_MAX_FRAME_BYTES includes the padding");

/* The smallest page that Linux has. */
#define MIN_PAGE_BYTES 4096
/* A sub-buffer starts with a u64 time and a long: ring_buffer.c,
 * buffer_data_page. */
#define PAGE_TIME_BYTES 8

void stream_decoder_init(StreamDecoder *decoder, const Limits *limits)
{
    memset(decoder, 0, sizeof(*decoder));
    decoder->limits = limits;
}

static bool cpu_is_known(const StreamDecoder *decoder, uint32_t cpu)
{
    return cpu < TRACE_STREAM_MAX_CPUS &&
           (decoder->known_cpus[cpu / 64] >> (cpu % 64) & 1);
}

static bool is_terminated(const char *string, size_t size)
{
    return memchr(string, '\0', size) != NULL;
}

static StreamStatus check_hello_strings(const TraceHello *hello)
{
    if (!is_terminated(hello->boot_id, sizeof(hello->boot_id)) ||
        !is_terminated(hello->clock, sizeof(hello->clock)) ||
        !is_terminated(hello->release, sizeof(hello->release)) ||
        !is_terminated(hello->hostname, sizeof(hello->hostname))) {
        return STREAM_BAD_STRING;
    }
    return STREAM_FRAME;
}

static StreamStatus check_hello_numbers(const TraceHello *hello,
                                        const Limits *limits)
{
    if (hello->version != TRACE_STREAM_VERSION) {
        return STREAM_BAD_VERSION;
    }
    if (hello->page_bytes < MIN_PAGE_BYTES ||
        hello->page_bytes > TRACE_STREAM_MAX_PAGE_BYTES ||
        (hello->page_bytes & (hello->page_bytes - 1)) != 0) {
        return STREAM_BAD_PAGE_SIZE;
    }
    if (hello->page_bytes > limits->page_bytes) {
        return STREAM_PAGE_TOO_LARGE;
    }
    if (hello->long_bytes != 4 && hello->long_bytes != 8) {
        return STREAM_BAD_LONG_SIZE;
    }
    /* The top bit is not kept: session.json's numbers are signed. */
    if ((hello->trace_id & INT64_MAX) == 0) {
        return STREAM_BAD_TRACE_ID;
    }
    if (hello->cpu_count == 0 || hello->cpu_count > TRACE_STREAM_MAX_CPUS) {
        return STREAM_BAD_CPU_COUNT;
    }
    if (hello->cpu_count > limits->cpus) {
        return STREAM_TOO_MANY_CPUS;
    }
    return STREAM_FRAME;
}

static StreamStatus decode_hello(StreamDecoder *decoder,
                                 const StreamFrame *frame)
{
    if (frame->length_bytes < sizeof(TraceHello)) {
        return STREAM_BAD_LENGTH;
    }

    TraceHello hello = stream_frame_hello(frame);
    StreamStatus status = check_hello_numbers(&hello, decoder->limits);

    if (status == STREAM_FRAME) {
        status = check_hello_strings(&hello);
    }
    if (status != STREAM_FRAME) {
        return status;
    }
    if (frame->length_bytes !=
        sizeof(hello) + hello.cpu_count * sizeof(TraceHelloCpu)) {
        return STREAM_BAD_LENGTH;
    }
    for (uint32_t i = 0; i < hello.cpu_count; i++) {
        uint32_t cpu = stream_frame_hello_cpu(frame, i).cpu;

        if (cpu >= TRACE_STREAM_MAX_CPUS || cpu_is_known(decoder, cpu)) {
            return STREAM_BAD_CPU;
        }
        decoder->known_cpus[cpu / 64] |= UINT64_C(1) << (cpu % 64);
    }
    decoder->page_bytes = hello.page_bytes;
    decoder->long_bytes = hello.long_bytes;
    decoder->cpu_count = hello.cpu_count;
    return STREAM_FRAME;
}

static StreamStatus decode_meta(StreamFrame *frame)
{
    TraceMeta meta;

    if (frame->length_bytes < sizeof(meta)) {
        return STREAM_BAD_LENGTH;
    }
    memcpy(&meta, frame->payload, sizeof(meta));

    uint32_t rest_bytes = frame->length_bytes - sizeof(meta);
    const char *rest = (const char *)frame->payload + sizeof(meta);

    if (meta.name_bytes > rest_bytes) {
        return STREAM_BAD_LENGTH;
    }
    /* The NUL is the last byte of the name, and the only one. */
    if (meta.name_bytes > 0 &&
        strnlen(rest, meta.name_bytes) != meta.name_bytes - 1u) {
        return STREAM_BAD_STRING;
    }
    frame->meta_kind = meta.kind;
    frame->meta_name = meta.name_bytes > 0 ? rest : "";
    frame->meta_text = rest + meta.name_bytes;
    frame->meta_text_bytes = rest_bytes - meta.name_bytes;
    return STREAM_FRAME;
}

static StreamStatus decode_page(const StreamDecoder *decoder,
                                const StreamFrame *frame)
{
    if (!cpu_is_known(decoder, frame->cpu)) {
        return STREAM_BAD_CPU;
    }
    if (frame->length_bytes < PAGE_TIME_BYTES + decoder->long_bytes ||
        frame->length_bytes > decoder->page_bytes) {
        return STREAM_BAD_LENGTH;
    }
    return STREAM_FRAME;
}

static StreamStatus decode_loss(const StreamDecoder *decoder,
                                const StreamFrame *frame)
{
    if (frame->length_bytes != sizeof(TraceCpuStats)) {
        return STREAM_BAD_LENGTH;
    }
    if (!cpu_is_known(decoder, frame->cpu) ||
        stream_frame_stats(frame, 0).cpu != frame->cpu) {
        return STREAM_BAD_CPU;
    }
    return STREAM_FRAME;
}

static StreamStatus decode_end(StreamDecoder *decoder, const StreamFrame *frame)
{
    uint64_t seen[TRACE_STREAM_MAX_CPUS / 64] = {0};

    if (frame->length_bytes != decoder->cpu_count * sizeof(TraceCpuStats)) {
        return STREAM_BAD_LENGTH;
    }
    for (uint32_t i = 0; i < decoder->cpu_count; i++) {
        uint32_t cpu = stream_frame_stats(frame, i).cpu;

        if (!cpu_is_known(decoder, cpu) || (seen[cpu / 64] >> cpu % 64 & 1)) {
            return STREAM_BAD_CPU;
        }
        seen[cpu / 64] |= UINT64_C(1) << (cpu % 64);
    }
    decoder->ended = true;
    return STREAM_FRAME;
}

/* What can be told from the header alone, before its payload has come. */
static StreamStatus check_header(const StreamDecoder *decoder,
                                 const TraceFrameHeader *header)
{
    if (header->magic != TRACE_STREAM_MAGIC) {
        return STREAM_BAD_MAGIC;
    }
    if (header->type < TRACE_FRAME_HELLO || header->type > TRACE_FRAME_END) {
        return STREAM_BAD_TYPE;
    }
    if (header->flags != 0) {
        return STREAM_BAD_FLAGS;
    }
    if (header->length_bytes > TRACE_STREAM_MAX_PAYLOAD_BYTES) {
        return STREAM_BAD_LENGTH;
    }
    if (header->length_bytes > decoder->limits->frame_bytes) {
        return STREAM_FRAME_TOO_LARGE;
    }
    if (header->sequence != decoder->next_sequence) {
        return STREAM_BAD_SEQUENCE;
    }
    if (decoder->cpu_count == 0 && header->type != TRACE_FRAME_HELLO) {
        return STREAM_NO_HELLO;
    }
    if (decoder->cpu_count != 0 && header->type == TRACE_FRAME_HELLO) {
        return STREAM_SECOND_HELLO;
    }
    if (header->type != TRACE_FRAME_PAGE && header->type != TRACE_FRAME_LOSS &&
        header->cpu != TRACE_STREAM_NO_CPU) {
        return STREAM_BAD_CPU;
    }
    return STREAM_FRAME;
}

static StreamStatus decode_payload(StreamDecoder *decoder, StreamFrame *frame)
{
    switch (frame->type) {
    case TRACE_FRAME_HELLO:
        return decode_hello(decoder, frame);
    case TRACE_FRAME_META:
        return decode_meta(frame);
    case TRACE_FRAME_PAGE:
        return decode_page(decoder, frame);
    case TRACE_FRAME_LOSS:
        return decode_loss(decoder, frame);
    case TRACE_FRAME_END:
        return decode_end(decoder, frame);
    }
    return STREAM_BAD_TYPE;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static StreamStatus need_more(StreamDecoder *decoder, size_t need_bytes)
{
    decoder->need_bytes = need_bytes;
    return STREAM_NEED_MORE;
}

StreamStatus stream_decode(StreamDecoder *decoder, const uint8_t *bytes,
                           size_t size, StreamFrame *frame, size_t *used)
{
    TraceFrameHeader header;
    StreamStatus status;

    *used = 0;
    decoder->need_bytes = 0;
    if (decoder->ended) {
        return size == 0 ? STREAM_END : STREAM_AFTER_END;
    }
    if (size < sizeof(header)) {
        return need_more(decoder, sizeof(header));
    }
    memcpy(&header, bytes, sizeof(header));
    status = check_header(decoder, &header);
    if (status != STREAM_FRAME) {
        return status;
    }

    size_t payload_end = sizeof(header) + header.length_bytes;
    size_t frame_end = (payload_end + TRACE_STREAM_ALIGN_BYTES - 1) &
                       ~(size_t)(TRACE_STREAM_ALIGN_BYTES - 1);

    if (size < frame_end) {
        return need_more(decoder, frame_end);
    }
    if (!is_zero(bytes + payload_end, frame_end - payload_end)) {
        return STREAM_BAD_PADDING;
    }
    *frame = (StreamFrame){
        .type = header.type,
        .cpu = header.cpu,
        .payload = bytes + sizeof(header),
        .length_bytes = header.length_bytes,
        .meta_name = "",
        .meta_text = "",
    };
    status = decode_payload(decoder, frame);
    if (status == STREAM_FRAME) {
        decoder->next_sequence++;
        *used = frame_end;
    }
    return status;
}

TraceHello stream_frame_hello(const StreamFrame *hello)
{
    TraceHello copy;

    memcpy(&copy, hello->payload, sizeof(copy));
    return copy;
}

TraceHelloCpu stream_frame_hello_cpu(const StreamFrame *hello, uint32_t index)
{
    TraceHelloCpu copy;

    memcpy(&copy, hello->payload + sizeof(TraceHello) + index * sizeof(copy),
           sizeof(copy));
    return copy;
}

TraceCpuStats stream_frame_stats(const StreamFrame *frame, uint32_t index)
{
    TraceCpuStats copy;

    memcpy(&copy, frame->payload + index * sizeof(copy), sizeof(copy));
    return copy;
}

const char *stream_status_text(StreamStatus status)
{
    switch (status) {
    case STREAM_FRAME:
        return "a frame is complete";
    case STREAM_NEED_MORE:
        return "a frame is incomplete";
    case STREAM_END:
        return "the stream has ended";
    case STREAM_BAD_MAGIC:
        return "a frame has no valid magic number";
    case STREAM_BAD_TYPE:
        return "a frame has an unknown type";
    case STREAM_BAD_FLAGS:
        return "a frame has unknown flags";
    case STREAM_BAD_LENGTH:
        return "a frame has an impossible length";
    case STREAM_BAD_PADDING:
        return "a frame is padded with bytes that are not zero";
    case STREAM_BAD_SEQUENCE:
        return "a frame is out of sequence";
    case STREAM_BAD_VERSION:
        return "the stream has an unknown version";
    case STREAM_BAD_PAGE_SIZE:
        return "the stream has an impossible page size";
    case STREAM_BAD_LONG_SIZE:
        return "the stream has an impossible size of long";
    case STREAM_BAD_TRACE_ID:
        return "the stream has no trace id";
    case STREAM_BAD_STRING:
        return "a string in a frame is not terminated";
    case STREAM_BAD_CPU_COUNT:
        return "the stream has an impossible number of CPUs";
    case STREAM_BAD_CPU:
        return "a frame names an impossible CPU";
    case STREAM_NO_HELLO:
        return "the stream does not start with a HELLO frame";
    case STREAM_SECOND_HELLO:
        return "a second HELLO frame follows the first";
    case STREAM_AFTER_END:
        return "bytes follow the END frame";
    case STREAM_FRAME_TOO_LARGE:
        return "a frame is " LIMIT_ABOVE("frame-size");
    case STREAM_PAGE_TOO_LARGE:
        return "the pages are " LIMIT_ABOVE("page-size");
    case STREAM_TOO_MANY_CPUS:
        return "the number of CPUs is " LIMIT_ABOVE("cpus");
    }
    return "the stream is damaged";
}
