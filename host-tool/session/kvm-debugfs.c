/*
 * /sys/kernel/debug/kvm/PID-FD/vcpuN.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/kvm-debugfs.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#define DEBUGFS_KVM "/sys/kernel/debug/kvm"
/* A vCPU that runs a nested guest leaves it for each of its exits. */
#define MAX_TRIES 1000
#define TRY_US    200

char *kvm_debugfs_vcpu_dir(int32_t thread_id, uint32_t vcpu_id)
{
    g_autofree char *status = g_strdup_printf("/proc/%d/status", thread_id);
    g_autofree char *text = NULL;
    g_autofree char *pattern = NULL;
    glob_t found = {0};
    const char *line;
    char *dir = NULL;

    if (!g_file_get_contents(status, &text, NULL, NULL)) {
        return NULL;
    }
    /* The process is in the directory's name, the thread isn't. */
    line = strstr(text, "\nTgid:");
    if (!line) {
        return NULL;
    }
    pattern = g_strdup_printf(DEBUGFS_KVM "/%d-*/vcpu%u",
                              atoi(line + strlen("\nTgid:")), vcpu_id);
    if (glob(pattern, 0, NULL, &found) == 0) {
        dir = g_strdup(found.gl_pathv[0]);
    }
    globfree(&found);
    return dir;
}

static char *read_text(const char *dir, const char *file)
{
    g_autofree char *path = g_build_filename(dir, file, NULL);
    char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? g_strstrip(text)
                                                        : NULL;
}

gboolean kvm_debugfs_read(const char *dir, const char *file, uint64_t *number)
{
    g_autofree char *text = read_text(dir, file);

    return text &&
           g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, number, NULL);
}

typedef struct Nesting {
    uint64_t guest_mode; /* it runs a nested guest right now */
    uint64_t nested_run; /* how often it has */
} Nesting;

/* Kernels before 5.13 don't tell; all zero then. */
static Nesting read_nesting(const char *dir)
{
    Nesting nesting = {0};

    kvm_debugfs_read(dir, "guest_mode", &nesting.guest_mode);
    kvm_debugfs_read(dir, "nested_run", &nesting.nested_run);
    return nesting;
}

gboolean kvm_debugfs_read_offset(const char *dir, int64_t *offset_ticks)
{
    for (int i = 0; i < MAX_TRIES; i++) {
        Nesting before = read_nesting(dir);
        g_autofree char *text = read_text(dir, "tsc-offset");
        Nesting after = read_nesting(dir);

        if (!text || !g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64,
                                               offset_ticks, NULL)) {
            return FALSE;
        }
        if (!before.guest_mode && !after.guest_mode &&
            before.nested_run == after.nested_run) {
            return TRUE;
        }
        g_usleep(TRY_US);
    }
    return FALSE;
}
