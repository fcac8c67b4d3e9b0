/*
 * RingPage: the little that a recorder must know of a sub-buffer's bytes.
 *
 * Layout and flags: kernel/trace/ring_buffer.c, struct buffer_data_page,
 * RB_MISSED_EVENTS, RB_MISSED_STORED, ring_buffer_read_page();
 * include/linux/ring_buffer.h, struct ring_buffer_event.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RING_PAGE_H
#define RING_PAGE_H

#include <glib.h>
#include <stdbool.h>

typedef struct RingPageLayout {
    guint page_bytes;          /* of one sub-buffer, header included */
    guint data_offset_bytes;   /* where the events start */
    guint commit_offset_bytes; /* the header's word with their size */
    guint commit_bytes;        /* sizeof(long) of the kernel */
} RingPageLayout;

/* @text: the contents of events/header_page. */
bool ring_page_parse_layout(const char *text, RingPageLayout *layout,
                            GError **error);

/*
 * Bytes up to the last that means something: header, events, and the count of
 * missed events that may follow them.  The rest of the page is zero.
 */
guint ring_page_used_bytes(const RingPageLayout *layout, const void *page);

/* Events in the first @used_bytes of @page, as the kernel counts them. */
guint ring_page_count_events(const RingPageLayout *layout, const void *page,
                             guint used_bytes);

#endif
