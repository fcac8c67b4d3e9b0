/*
 * ByteReader: numbers, strings and blocks taken one after the other from a
 * range of a file or from memory.
 *
 * Little-endian.  Nothing outside the range is ever touched, whatever sizes
 * the bytes themselves claim.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BYTE_READER_H
#define BYTE_READER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct ByteReader {
    int fd;          /* -1: memory */
    uint64_t offset; /* of the next byte, in the file or the memory */
    uint64_t end;    /* of the range */

    uint8_t *buffer; /* what was read ahead, or NULL */
    const uint8_t *bytes;
    uint64_t bytes_offset; /* of bytes, in the file or the memory */
    size_t bytes_size;
} ByteReader;

/* fd, and bytes, must stay while the reader is used. */
void byte_reader_init_file(ByteReader *reader, int fd, uint64_t offset,
                           uint64_t end);
void byte_reader_init_bytes(ByteReader *reader, const void *bytes, size_t size);
void byte_reader_clear(ByteReader *reader);

uint64_t byte_reader_left(const ByteReader *reader);

/* Each is false, and takes nothing, where the range has fewer bytes. */
bool byte_reader_take(ByteReader *reader, void *to, size_t size);
bool byte_reader_take_u16(ByteReader *reader, uint16_t *value);
bool byte_reader_take_u32(ByteReader *reader, uint32_t *value);
bool byte_reader_take_u64(ByteReader *reader, uint64_t *value);
bool byte_reader_skip(ByteReader *reader, uint64_t size);

/*
 * A string with its NUL, or NULL if none ends within max_bytes; the caller's.
 */
char *byte_reader_take_string(ByteReader *reader, size_t max_bytes);

/* A block, with a NUL behind it that is not part of it; NULL as above. */
GBytes *byte_reader_take_bytes(ByteReader *reader, uint64_t size);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ByteReader, byte_reader_clear)

#endif
