/*
 * RingPage: the little that a recorder must know of a sub-buffer's bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "ring-page.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "trace-error.h"
#include "trace-stream.h"

/* The commit word: size, and two flags that the reader's copy may carry. */
#define COMMIT_SIZE_MASK     ((1u << 27) - 1)
#define COMMIT_MISSED_STORED (1u << 30)

/* struct ring_buffer_event: type_len:5, time_delta:27, array[]. */
#define EVENT_TYPE_MASK        31u
#define EVENT_TYPE_DATA_MAX    28u
#define EVENT_TYPE_PADDING     29u
#define EVENT_TYPE_TIME_EXTEND 30u
#define EVENT_HEADER_BYTES     4u

static bool find_field(const char *text, const char *name, guint *offset_bytes,
                       guint *size_bytes)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree char *suffix = g_strdup_printf(" %s", name);

    for (guint i = 0; lines[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(lines[i], ";", -1);

        if (g_strv_length(parts) >= 3 && g_str_has_suffix(parts[0], suffix) &&
            sscanf(parts[1], " offset:%u", offset_bytes) == 1 &&
            sscanf(parts[2], " size:%u", size_bytes) == 1) {
            return true;
        }
    }
    return false;
}

bool ring_page_parse_layout(const char *text, RingPageLayout *layout,
                            GError **error)
{
    guint data_bytes;

    if (!find_field(text, "commit", &layout->commit_offset_bytes,
                    &layout->commit_bytes) ||
        !find_field(text, "data", &layout->data_offset_bytes, &data_bytes)) {
        return trace_throw(error, "the kernel's events/header_page lacks the "
                                  "field \"commit\" or \"data\": this kernel's "
                                  "ring buffer is not understood");
    }
    if (data_bytes > TRACE_STREAM_MAX_PAGE_BYTES ||
        layout->data_offset_bytes > 64 ||
        data_bytes + layout->data_offset_bytes > TRACE_STREAM_MAX_PAGE_BYTES ||
        (layout->commit_bytes != 4 && layout->commit_bytes != 8) ||
        layout->commit_offset_bytes + layout->commit_bytes >
            layout->data_offset_bytes) {
        return trace_throw(error, "the kernel's events/header_page describes "
                                  "an impossible sub-buffer");
    }
    layout->page_bytes = layout->data_offset_bytes + data_bytes;
    return true;
}

static uint32_t load_u32(const void *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

/* The flags are in the low 32 bits of the word on every kernel. */
static uint32_t load_commit(const RingPageLayout *layout, const void *page)
{
    return load_u32((const char *)page + layout->commit_offset_bytes);
}

guint ring_page_used_bytes(const RingPageLayout *layout, const void *page)
{
    uint32_t commit = load_commit(layout, page);
    guint used_bytes = layout->data_offset_bytes + (commit & COMMIT_SIZE_MASK);

    if (commit & COMMIT_MISSED_STORED) {
        used_bytes += layout->commit_bytes;
    }
    return MIN(used_bytes, layout->page_bytes);
}

guint ring_page_count_events(const RingPageLayout *layout, const void *page,
                             guint used_bytes)
{
    const char *bytes = page;
    guint64 at = layout->data_offset_bytes;
    guint64 end = at + (load_commit(layout, page) & COMMIT_SIZE_MASK);
    guint count = 0;

    end = MIN(end, used_bytes);
    while (at + EVENT_HEADER_BYTES <= end) {
        uint32_t header = load_u32(bytes + at);
        uint32_t type = header & EVENT_TYPE_MASK;
        bool has_length = type == 0 || type == EVENT_TYPE_PADDING;

        if (has_length && at + 2 * EVENT_HEADER_BYTES > end) {
            break;
        }
        if (type <= EVENT_TYPE_DATA_MAX) {
            count++;
        }
        at += EVENT_HEADER_BYTES;
        if (has_length) {
            at += load_u32(bytes + at);
        } else if (type >= EVENT_TYPE_TIME_EXTEND) {
            at += 4;
        } else {
            at += 4 * type;
        }
    }
    return count;
}
