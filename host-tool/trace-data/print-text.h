/*
 * PrintText: a growing buffer that lines are written into, without printf.
 *
 * The writers of numbers are inline, as most of a report is numbers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PRINT_TEXT_H
#define PRINT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <glib.h>

/* Writers may spill this many bytes behind what they wrote. */
#define PRINT_TEXT_SPILL 32
/* No number needs more: 64 bits in octal, a sign and a prefix. */
#define PRINT_TEXT_NUMBER 32

typedef struct PrintText {
    char *start;
    char *next;    /* where to write */
    char *end;     /* behind the room that print_text_reserve() promises */
    char *newline; /* behind a newline that may have to go again */
} PrintText;

/* An empty text; print_text_clear() frees what it came to hold. */
#define PRINT_TEXT_INIT \
    {                   \
        0               \
    }
void print_text_clear(PrintText *text);

static inline size_t print_text_size(const PrintText *text)
{
    return (size_t)(text->next - text->start);
}

/* Makes room for bytes and the spill; text->next may move. */
void print_text_grow(PrintText *text, size_t bytes);

static inline void print_text_reserve(PrintText *text, size_t bytes)
{
    if (G_UNLIKELY((size_t)(text->end - text->next) < bytes)) {
        print_text_grow(text, bytes);
    }
}

/* As it is: the caller knows that it holds no control characters. */
static inline void print_text_append(PrintText *text, const char *bytes,
                                     size_t size)
{
    if (size == 0) {
        return; /* bytes may be NULL */
    }
    print_text_reserve(text, size);
    memcpy(text->next, bytes, size);
    text->next += size;
}

/*
 * The same for a source that can be read up to PRINT_TEXT_BLOCK bytes behind
 * its end: short texts are the rule, and blocks faster than memcpy().
 */
#define PRINT_TEXT_BLOCK 16

static inline void print_text_blocks(PrintText *text, const char *bytes,
                                     size_t size)
{
    char *to;

    print_text_reserve(text, size);
    to = text->next;
    text->next += size;
    for (size_t done = 0; done < size; done += PRINT_TEXT_BLOCK) {
        memcpy(to + done, bytes + done, PRINT_TEXT_BLOCK);
    }
}

/* A copy with such an end. */
char *print_text_keep(const char *bytes, size_t size);

static inline __attribute__((always_inline)) void
print_text_literal(PrintText *text, const char *string)
{
    print_text_append(text, string, strlen(string));
}

static inline void print_text_char(PrintText *text, char c)
{
    print_text_reserve(text, 1);
    *text->next++ = c;
}

void print_text_fill(PrintText *text, char c, size_t count);

/*
 * Bytes that a guest chose: what is neither printable ASCII nor a tabulator
 * becomes \xNN, a newline \n, so that it steers no terminal and starts no line.  A newline
 * that turns out to be the line's last character is taken back by
 * print_text_drop_newline().
 */
void print_text_escape(PrintText *text, const char *bytes, size_t size);
void print_text_drop_newline(PrintText *text);

extern const char print_text_digit_pairs[200];
extern const uint64_t print_text_powers[20]; /* of ten */

static inline unsigned print_text_count_digits(uint64_t value)
{
    /* 1233 / 4096 is about log10(2). */
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    unsigned digits = bits * 1233 >> 12;

    return digits + (value >= print_text_powers[digits] || digits == 0);
}

/* Writes the last count digits of value behind text->next. */
static inline void print_text_fixed(PrintText *text, uint64_t value,
                                    unsigned count)
{
    char *end = text->next + count;

    text->next = end;
    for (; count >= 2; count -= 2, value /= 100) {
        end -= 2;
        memcpy(end, print_text_digit_pairs + value % 100 * 2, 2);
    }
    if (count) {
        *--end = (char)('0' + value % 10);
    }
}

/* Needs PRINT_TEXT_NUMBER bytes of room, like the others. */
static inline void print_text_unsigned(PrintText *text, uint64_t value)
{
    print_text_fixed(text, value, print_text_count_digits(value));
}

static inline void print_text_signed(PrintText *text, int64_t value)
{
    if (value < 0) {
        *text->next++ = '-';
        print_text_unsigned(text, -(uint64_t)value);
    } else {
        print_text_unsigned(text, (uint64_t)value);
    }
}

static inline void print_text_hex(PrintText *text, uint64_t value)
{
    static const char digits[16] = "0123456789abcdef";
    unsigned count = value ? (67 - (unsigned)__builtin_clzll(value)) / 4 : 1;

    for (unsigned i = count; i-- > 0; value >>= 4) {
        text->next[i] = digits[value & 15];
    }
    text->next += count;
}

#endif
