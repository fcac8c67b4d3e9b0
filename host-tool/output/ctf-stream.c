/*
 * CtfStream: the packets of one CPU, appended to its file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/ctf-stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Common Trace Format 1.8.3, section 5.1 */
#define CTF_MAGIC UINT32_C(0xc1fc1fc1)

#define BITS_PER_BYTE 8

/* Packed, as all of the metadata's types are aligned to bytes. */
typedef struct __attribute__((packed)) PacketHead {
    uint32_t magic;
    uint8_t uuid[CTF_UUID_BYTES];
    uint32_t stream_id;
    uint64_t timestamp_begin;
    uint64_t timestamp_end;
    uint64_t content_size; /* in bits, like the next */
    uint64_t packet_size;
    uint64_t packet_seq_num;
    uint64_t events_discarded; /* since the stream's beginning */
    uint32_t cpu_id;
} PacketHead;

typedef struct __attribute__((packed)) EventHead {
    uint16_t id;
    uint64_t timestamp;
} EventHead;

const char ctf_stream_metadata[] =
    "typealias integer { size = 8; align = 8; signed = false; } := u8;\n"
    "typealias integer { size = 16; align = 8; signed = false; } := u16;\n"
    "typealias integer { size = 32; align = 8; signed = false; } := u32;\n"
    "typealias integer { size = 64; align = 8; signed = false; } := u64;\n"
    "typealias integer { size = 8; align = 8; signed = true; } := s8;\n"
    "typealias integer { size = 16; align = 8; signed = true; } := s16;\n"
    "typealias integer { size = 32; align = 8; signed = true; } := s32;\n"
    "typealias integer { size = 64; align = 8; signed = true; } := s64;\n"
    "typealias integer { size = 64; align = 8; signed = false;\n"
    "    map = clock.host.value; } := host_time;\n\n"
    "stream {\n"
    "    id = 0;\n"
    "    packet.context := struct {\n"
    "        host_time timestamp_begin;\n"
    "        host_time timestamp_end;\n"
    "        u64 content_size;\n"
    "        u64 packet_size;\n"
    "        u64 packet_seq_num;\n"
    "        u64 events_discarded;\n"
    "        u32 cpu_id;\n"
    "    };\n"
    "    event.header := struct {\n"
    "        u16 id;\n"
    "        host_time timestamp;\n"
    "    };\n";

struct CtfStream {
    const OutputFiles *files;
    char *name;
    gsize packet_bytes;
    PacketHead head; /* of the packet in hand */
    GByteArray *packet;
    uint64_t last_time_ns;
};

CtfStream *ctf_stream_new(const OutputFiles *files, const char *name,
                          unsigned cpu, const uint8_t uuid[CTF_UUID_BYTES],
                          gsize packet_bytes)
{
    CtfStream *stream = g_new0(CtfStream, 1);

    stream->files = files;
    stream->name = g_strdup(name);
    stream->packet_bytes = packet_bytes;
    stream->head.magic = CTF_MAGIC;
    stream->head.cpu_id = cpu;
    memcpy(stream->head.uuid, uuid, CTF_UUID_BYTES);
    stream->packet = g_byte_array_new();
    return stream;
}

void ctf_stream_free(CtfStream *stream)
{
    if (stream) {
        g_byte_array_unref(stream->packet);
        g_free(stream->name);
        g_free(stream);
    }
}

bool ctf_write_all(int fd, const void *bytes, gsize size)
{
    const uint8_t *data = bytes;

    while (size > 0) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno != EINTR) {
            return false;
        }
        data += MAX(n, 0);
        size -= (gsize)MAX(n, 0);
    }
    return true;
}

bool ctf_stream_flush(CtfStream *stream)
{
    GByteArray *packet = stream->packet;
    bool ok;
    int fd;

    if (packet->len == 0) {
        return true;
    }
    stream->head.timestamp_end = stream->last_time_ns;
    stream->head.content_size = (uint64_t)packet->len * BITS_PER_BYTE;
    stream->head.packet_size = stream->head.content_size;
    memcpy(packet->data, &stream->head, sizeof(stream->head));
    fd = stream->files->create(stream->name, stream->files->data);
    if (fd < 0) {
        return false;
    }
    ok = ctf_write_all(fd, packet->data, packet->len);
    stream->head.packet_seq_num++;
    g_byte_array_set_size(packet, 0);
    return close(fd) == 0 && ok;
}

bool ctf_stream_lose(CtfStream *stream, uint64_t n_events)
{
    bool ok = ctf_stream_flush(stream);

    stream->head.events_discarded += n_events;
    return ok;
}

GByteArray *ctf_stream_begin(CtfStream *stream, uint16_t event_id,
                             uint64_t time_ns)
{
    GByteArray *packet = stream->packet;
    EventHead head = {.id = event_id};

    if (packet->len >= stream->packet_bytes && !ctf_stream_flush(stream)) {
        return NULL;
    }
    stream->last_time_ns = MAX(stream->last_time_ns, time_ns);
    head.timestamp = stream->last_time_ns;
    if (packet->len == 0) {
        stream->head.timestamp_begin = head.timestamp;
        g_byte_array_append(packet, (const guint8 *)&stream->head,
                            sizeof(stream->head));
    }
    g_byte_array_append(packet, (const guint8 *)&head, sizeof(head));
    return packet;
}
