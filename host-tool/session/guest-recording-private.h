/*
 * GuestRecording: what its own files know of each other.
 *
 * guest-prepare.c comes first, guest-recording.c starts it, guest-follow.c
 * looks what becomes of it, guest-end.c brings it to an end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GUEST_RECORDING_PRIVATE_H
#define GUEST_RECORDING_PRIVATE_H

#include "session/guest-recording.h"

/* Borrows from guest. */
GuestTracer guest_recording_tracer(const GuestRecording *guest);

/* Tells the guardian of what is in the guest by now. */
void guest_recording_tell_guardian(GuestRecording *guest);

/* What a recorder doesn't hear, it isn't told: nothing depends on it. */
void guest_recording_tell(GuestRecording *guest, TraceControlKind kind,
                          const char *text);

/* As guest_recording_query(), before there is a machine. */
gboolean guest_recording_take_query(GuestRecording *guest,
                                    OffsetFreshness freshness, GError **error);

#endif
