/*
 * CtfStream: the packets of one CPU, appended to its file.
 *
 * Only one packet is kept, and no file is kept open, however many CPUs there
 * are.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CTF_STREAM_H
#define CTF_STREAM_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "output/output.h"

#define CTF_UUID_BYTES 16

typedef struct CtfStream CtfStream;

/*
 * files stays the caller's, name too; packet_bytes is about how large a
 * packet gets.
 */
CtfStream *ctf_stream_new(const OutputFiles *files, const char *name,
                          unsigned cpu, const uint8_t uuid[CTF_UUID_BYTES],
                          gsize packet_bytes);
void ctf_stream_free(CtfStream *stream);

/*
 * Starts an event, and ends the packet first if it is full.  What follows it
 * is appended to the buffer.  CTF wants times that never go back: one that
 * does is taken for the one before.  NULL by errno.
 */
GByteArray *ctf_stream_begin(CtfStream *stream, uint16_t event_id,
                             uint64_t time_ns);

/* So many events are missing before the next one.  False by errno. */
bool ctf_stream_lose(CtfStream *stream, uint64_t n_events);

/* Writes the packet in hand.  False by errno. */
bool ctf_stream_flush(CtfStream *stream);

/* Whatever pieces the file takes it in.  False by errno. */
bool ctf_write_all(int fd, const void *bytes, gsize size);

/* What the metadata says of packets and events' heads: TSDL. */
extern const char ctf_stream_metadata[];

#endif
