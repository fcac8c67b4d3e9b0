/*
 * The entry of a fuzz target where there is no fuzzer: it tries every file of
 * the corpus as it is, and then with random changes, always the same ones.
 *
 * Usage: fuzz-NAME [--runs N] FILE|DIRECTORY...
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz-file.h"

#define MAX_CHANGES 8

static void add_file(GPtrArray *inputs, const char *path)
{
    g_autoptr(GError) error = NULL;
    char *bytes;
    gsize size;

    if (!g_file_get_contents(path, &bytes, &size, &error)) {
        fprintf(stderr, "%s\n", error->message);
        exit(EXIT_FAILURE);
    }
    g_ptr_array_add(inputs, g_bytes_new_take(bytes, size));
}

static void add_path(GPtrArray *inputs, const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    if (!dir) {
        add_file(inputs, path);
        return;
    }
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(path, name, NULL);

        add_file(inputs, file);
    }
}

/* Values that sizes and counts go wrong at. */
static uint32_t odd_number(GRand *random)
{
    static const uint32_t numbers[] = {
        0,      1,          2,          0x7f,       0x80,       0xff,
        0x7fff, 0x8000,     0xffff,     0x10000,    0x7fffffff, 0x80000000,
        ~0u,    0xfffffff8, 0x00ffffff, 0x01000000,
    };

    return numbers[g_rand_int_range(random, 0, G_N_ELEMENTS(numbers))];
}

static void change(GRand *random, GByteArray *bytes)
{
    guint at = (guint)g_rand_int_range(random, 0, (gint32)bytes->len);
    guint length = (guint)g_rand_int_range(random, 1, 65);
    uint32_t number = odd_number(random);
    guint size = 1u << g_rand_int_range(random, 0, 3);

    switch (g_rand_int_range(random, 0, 5)) {
    case 0:
        bytes->data[at] ^= (guint8)(1u << g_rand_int_range(random, 0, 8));
        break;
    case 1:
        bytes->data[at] = (guint8)g_rand_int(random);
        break;
    case 2:
        memcpy(bytes->data + at, &number, MIN(size, bytes->len - at));
        break;
    case 3:
        g_byte_array_remove_range(bytes, at, MIN(length, bytes->len - at));
        break;
    default:
        /* A piece of it once more, at the end. */
        length = MIN(length, bytes->len - at);
        g_byte_array_set_size(bytes, bytes->len + length);
        memcpy(bytes->data + bytes->len - length, bytes->data + at, length);
    }
}

static void run_changed(GRand *random, GBytes *input)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    int n_changes = g_rand_int_range(random, 1, MAX_CHANGES + 1);
    gsize size;
    const guint8 *data = g_bytes_get_data(input, &size);
    g_autofree guint8 *exact = NULL;

    g_byte_array_append(bytes, data, (guint)size);
    for (int i = 0; i < n_changes && bytes->len > 0; i++) {
        change(random, bytes);
    }
    /* Its own block: whatever is read behind it is an error to find. */
    exact = g_memdup2(bytes->data, bytes->len);
    LLVMFuzzerTestOneInput(exact, bytes->len);
}

int main(int argc, char **argv)
{
    g_autoptr(GPtrArray) inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    GRand *random = g_rand_new_with_seed(1);
    int n_runs = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc) {
            n_runs = atoi(argv[++i]);
        } else {
            add_path(inputs, argv[i]);
        }
    }
    if (inputs->len == 0) {
        fprintf(stderr, "%s: there is no input\n", argv[0]);
        return EXIT_FAILURE;
    }
    for (guint i = 0; i < inputs->len; i++) {
        gsize size;
        const uint8_t *bytes = g_bytes_get_data(inputs->pdata[i], &size);

        LLVMFuzzerTestOneInput(bytes, size);
    }
    for (int i = 0; i < n_runs; i++) {
        run_changed(random, inputs->pdata[(guint)i % inputs->len]);
    }
    g_rand_free(random);
    printf("%u files, %d changed\n", inputs->len, n_runs);
    return EXIT_SUCCESS;
}
