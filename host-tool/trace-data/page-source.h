/*
 * PageSource: the sub-buffers of one CPU of a file, by number.
 *
 * Hides how a file stores them, and holds no more of them in memory than one
 * window.  Pages are numbered from 0 in the order of recording.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PAGE_SOURCE_H
#define PAGE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

#include "trace-data/dat-file.h"
#include "trace-data/page-walk.h"

typedef struct PageSource PageSource;

/* Memory that pages stand in; goes when nobody holds it any more. */
typedef struct PageBuffer PageBuffer;

/* One of the caller's own, to be filled. */
PageBuffer *page_buffer_new(size_t size_bytes, uint8_t **bytes);
void page_buffer_unref(PageBuffer *buffer);
/* How large it is. */
size_t page_buffer_bytes(const PageBuffer *buffer);

/* dat stays the caller's and must outlive the source. */
PageSource *page_source_new(DatFile *dat, unsigned cpu);
void page_source_free(PageSource *source);

/* How many pages there are. */
uint64_t page_source_count(PageSource *source);

/*
 * The bytes of a page, with zeros for what the file lacks at its end.  They
 * stay until another page is asked for.  NULL behind the last page, and where
 * the file can't be read, which is reported once through dat's problems.
 */
const uint8_t *page_source_page(PageSource *source, uint64_t number);

/*
 * What the page that was asked for last stands in, so that it stays as long as
 * the caller wants; NULL if there was none.  To be unreferenced.
 */
PageBuffer *page_source_hold(PageSource *source);

/*
 * The same of a page that is held in memory beside the one in hand, at its
 * place behind it, and stays as long; NULL when it isn't.
 */
const uint8_t *page_source_held(PageSource *source, uint64_t number);

/*
 * Look at another page while the one in hand stays.  peek reads its header
 * only; copy the dat's page_bytes bytes.  False behind the last page, and
 * where the page can't be one.
 */
bool page_source_peek(PageSource *source, uint64_t number, PageHeader *header);
bool page_source_copy(PageSource *source, uint64_t number, uint8_t *page);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PageSource, page_source_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PageBuffer, page_buffer_unref)

#endif
