/*
 * A file without a name that holds a fuzzer's bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fuzz-file.h"

#include <glib.h>
#include <sys/mman.h>
#include <unistd.h>

int fuzz_file(const uint8_t *bytes, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(pwrite(fd, bytes, size, 0), ==, (ssize_t)size);
    return fd;
}
