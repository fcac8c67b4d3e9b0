/*
 * A directory for one test, with whatever files it needs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SCRATCH_DIR_H
#define SCRATCH_DIR_H

/* The caller gives it to scratch_dir_remove, which frees it too. */
char *scratch_dir_new(void);
void scratch_dir_remove(char *dir);

/* Writes @text to @dir/@file, making directories on the way. */
void scratch_dir_write(const char *dir, const char *file, const char *text);

#endif
