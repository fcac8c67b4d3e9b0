/*
 * ByteReader: numbers, strings and blocks taken one after the other.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/byte-reader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_BYTES (64u << 10)

void byte_reader_init_file(ByteReader *reader, int fd, uint64_t offset,
                           uint64_t end)
{
    *reader = (ByteReader){.fd = fd, .offset = offset, .end = end};
}

void byte_reader_init_bytes(ByteReader *reader, const void *bytes, size_t size)
{
    *reader = (ByteReader){
        .fd = -1,
        .end = size,
        .bytes = bytes,
        .bytes_size = size,
    };
}

void byte_reader_clear(ByteReader *reader)
{
    g_clear_pointer(&reader->buffer, g_free);
}

uint64_t byte_reader_left(const ByteReader *reader)
{
    return reader->offset < reader->end ? reader->end - reader->offset : 0;
}

static bool read_file(int fd, uint64_t offset, void *to, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t got =
            pread(fd, (char *)to + done, size - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

static bool is_buffered(const ByteReader *reader, size_t size)
{
    return reader->bytes && reader->offset >= reader->bytes_offset &&
           reader->offset + size <= reader->bytes_offset + reader->bytes_size;
}

static bool fill(ByteReader *reader)
{
    size_t size = (size_t)MIN(byte_reader_left(reader), BUFFER_BYTES);

    if (!reader->buffer) {
        reader->buffer = g_malloc(BUFFER_BYTES);
    }
    reader->bytes = NULL;
    if (!read_file(reader->fd, reader->offset, reader->buffer, size)) {
        return false;
    }
    reader->bytes = reader->buffer;
    reader->bytes_offset = reader->offset;
    reader->bytes_size = size;
    return true;
}

bool byte_reader_take(ByteReader *reader, void *to, size_t size)
{
    if (size == 0) {
        return true;
    }
    if (size > byte_reader_left(reader)) {
        return false;
    }
    if (size > BUFFER_BYTES && reader->fd >= 0) {
        if (!read_file(reader->fd, reader->offset, to, size)) {
            return false;
        }
    } else {
        if (!is_buffered(reader, size) && !fill(reader)) {
            return false;
        }
        memcpy(to, reader->bytes + (reader->offset - reader->bytes_offset),
               size);
    }
    reader->offset += size;
    return true;
}

bool byte_reader_take_u16(ByteReader *reader, uint16_t *value)
{
    return byte_reader_take(reader, value, sizeof(*value));
}

bool byte_reader_take_u32(ByteReader *reader, uint32_t *value)
{
    return byte_reader_take(reader, value, sizeof(*value));
}

bool byte_reader_take_u64(ByteReader *reader, uint64_t *value)
{
    return byte_reader_take(reader, value, sizeof(*value));
}

bool byte_reader_skip(ByteReader *reader, uint64_t size)
{
    if (size > byte_reader_left(reader)) {
        return false;
    }
    reader->offset += size;
    return true;
}

char *byte_reader_take_string(ByteReader *reader, size_t max_bytes)
{
    g_autoptr(GString) string = g_string_new(NULL);
    uint64_t start = reader->offset;
    char c;

    while (string->len < max_bytes && byte_reader_take(reader, &c, 1)) {
        if (c == '\0') {
            return g_string_free(g_steal_pointer(&string), FALSE);
        }
        g_string_append_c(string, c);
    }
    reader->offset = start;
    return NULL;
}

GBytes *byte_reader_take_bytes(ByteReader *reader, uint64_t size)
{
    g_autofree char *bytes = NULL;

    if (size > byte_reader_left(reader)) {
        return NULL;
    }
    bytes = g_malloc(size + 1);
    if (!byte_reader_take(reader, bytes, size)) {
        return NULL;
    }
    bytes[size] = '\0';
    return g_bytes_new_take(g_steal_pointer(&bytes), size);
}
