/*
 * A file without a name that holds a fuzzer's bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FUZZ_FILE_H
#define FUZZ_FILE_H

#include <stddef.h>
#include <stdint.h>

/* The entry that libFuzzer, AFL++ and fuzz-main.c know. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* The caller's; ends the program when there is none to be had. */
int fuzz_file(const uint8_t *bytes, size_t size);

#endif
