/*
 * PrintText: a growing buffer that lines are written into, without printf.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/print-text.h"

#define FIRST_BYTES 4096u

const char print_text_digit_pairs[200] =
    "0001020304050607080910111213141516171819"
    "2021222324252627282930313233343536373839"
    "4041424344454647484950515253545556575859"
    "6061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

const uint64_t print_text_powers[20] = {
    UINT64_C(1),
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
    UINT64_C(1000000000000000000),
    UINT64_C(10000000000000000000),
};

void print_text_clear(PrintText *text)
{
    g_free(text->start);
    *text = (PrintText)PRINT_TEXT_INIT;
}

char *print_text_keep(const char *bytes, size_t size)
{
    char *copy = g_malloc0(size + PRINT_TEXT_BLOCK);

    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

void print_text_grow(PrintText *text, size_t bytes)
{
    size_t size = print_text_size(text);
    size_t newline = text->newline ? (size_t)(text->newline - text->start) : 0;
    size_t room = MAX(FIRST_BYTES, 2 * size);

    while (room < size + bytes) {
        room *= 2;
    }
    text->start = g_realloc(text->start, room + PRINT_TEXT_SPILL);
    text->next = text->start + size;
    text->end = text->start + room;
    text->newline = newline ? text->start + newline : NULL;
}

void print_text_fill(PrintText *text, char c, size_t count)
{
    print_text_reserve(text, count);
    memset(text->next, c, count);
    text->next += count;
}

/*
 * Only ASCII is: the control characters of C1 steer a terminal, too, as bytes
 * or in UTF-8.
 */
static bool is_plain(unsigned char c)
{
    return c == '\t' || (c >= 0x20 && c < 0x7f);
}

static void escape_one(PrintText *text, unsigned char c)
{
    static const char digits[16] = "0123456789abcdef";

    print_text_reserve(text, 4);
    *text->next++ = '\\';
    if (c == '\n') {
        *text->next++ = 'n';
        text->newline = text->next;
    } else {
        *text->next++ = 'x';
        *text->next++ = digits[c >> 4];
        *text->next++ = digits[c & 15];
    }
}

/* Is one of eight bytes no plain one?  May say yes for a tab. */
static bool needs_care(uint64_t word)
{
    const uint64_t ones = UINT64_MAX / 255;
    uint64_t del = word ^ (ones * 0x7f);
    uint64_t below = word - ones * 0x20;
    uint64_t is_del = del - ones;

    return ((word | below | is_del) & (ones * 0x80)) != 0;
}

void print_text_escape(PrintText *text, const char *bytes, size_t size)
{
    size_t i = 0;

    print_text_reserve(text, size);
    while (i < size) {
        uint64_t word;

        if (size - i >= sizeof(word)) {
            memcpy(&word, bytes + i, sizeof(word));
            if (!needs_care(word)) {
                print_text_reserve(text, sizeof(word));
                memcpy(text->next, &word, sizeof(word));
                text->next += sizeof(word);
                i += sizeof(word);
                continue;
            }
        }
        if (is_plain((unsigned char)bytes[i])) {
            print_text_char(text, bytes[i]);
        } else {
            escape_one(text, (unsigned char)bytes[i]);
        }
        i++;
    }
}

void print_text_drop_newline(PrintText *text)
{
    if (text->newline && text->newline == text->next) {
        text->next -= text->next[-1] == '\n' ? 1 : strlen("\\n");
    }
    text->newline = NULL;
}
