/*
 * TraceInstance: a tracefs instance of our own, and its files.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-instance.h"

#include <errno.h>
#include <fcntl.h>
#include <tracefs.h>
#include <unistd.h>

#include "trace-error.h"

/* An instance stays busy while a process that was killed is still exiting. */
#define REMOVE_TRIES    50
#define REMOVE_RETRY_US 20000

struct TraceInstance {
    struct tracefs_instance *handle;
    char *dir;
};

const char *trace_instance_tracing_dir(GError **error)
{
    /* The string is the library's. */
    const char *dir = tracefs_tracing_dir();

    if (!dir && geteuid() != 0) {
        trace_throw(error, "cannot use tracefs: run this as root");
    } else if (!dir) {
        trace_throw(error, "no tracefs at /sys/kernel/tracing, and it "
                           "cannot be mounted: the kernel needs "
                           "CONFIG_TRACING");
    }
    return dir;
}

/* Removing an instance also disables its events and its tracer. */
static bool remove_dir(const char *dir, GError **error)
{
    for (int i = 0; rmdir(dir) < 0; i++) {
        if (errno == ENOENT) {
            break;
        }
        if (errno != EBUSY || i == REMOVE_TRIES) {
            return trace_throw(error,
                               "cannot remove the tracefs instance %s: %s", dir,
                               g_strerror(errno));
        }
        g_usleep(REMOVE_RETRY_US);
    }
    return true;
}

TraceInstance *trace_instance_new(const char *name, GError **error)
{
    const char *tracing_dir = trace_instance_tracing_dir(error);
    struct tracefs_instance *handle;
    TraceInstance *instance;

    if (!tracing_dir) {
        return NULL;
    }
    if (tracefs_instance_exists(name)) {
        trace_throw(error,
                    "the tracefs instance \"%s\" exists already: another "
                    "recording uses it",
                    name);
        return NULL;
    }
    handle = tracefs_instance_create(name);
    if (!handle) {
        trace_throw(error,
                    "cannot create the tracefs instance \"%s\" in "
                    "%s/instances: %s%s",
                    name, tracing_dir, g_strerror(errno),
                    geteuid() != 0 ? "; run this as root" : "");
        return NULL;
    }
    instance = g_new0(TraceInstance, 1);
    instance->handle = handle;
    /* Not tracefs_instance_get_dir's, which we would have to free its way. */
    instance->dir = g_build_filename(tracing_dir, "instances", name, NULL);
    return instance;
}

void trace_instance_free(TraceInstance *instance)
{
    g_autoptr(GError) error = NULL;

    if (!instance) {
        return;
    }
    tracefs_instance_free(instance->handle);
    if (!remove_dir(instance->dir, &error)) {
        g_warning("%s", error->message);
    }
    g_free(instance->dir);
    g_free(instance);
}

const char *trace_instance_dir(const TraceInstance *instance)
{
    return instance->dir;
}

char *trace_instance_read(const TraceInstance *instance, const char *file)
{
    /* The library's memory is malloc's, and so is GLib's. */
    return tracefs_instance_file_read(instance ? instance->handle : NULL, file,
                                      NULL);
}

bool trace_instance_lists(const TraceInstance *instance, const char *file,
                          const char *word)
{
    g_autofree char *text = trace_instance_read(instance, file);
    g_auto(GStrv) words = text ? g_strsplit_set(text, " []\n", -1) : NULL;

    return words && g_strv_contains((const char *const *)words, word);
}

bool trace_instance_write(const TraceInstance *instance, const char *file,
                          const char *text)
{
    return tracefs_instance_file_write(instance->handle, file, text) >= 0;
}

bool trace_instance_append(const TraceInstance *instance, const char *file,
                           const char *text)
{
    return tracefs_instance_file_append(instance->handle, file, text) >= 0;
}

bool trace_instance_set(const TraceInstance *instance, const char *file,
                        const char *text, GError **error)
{
    return trace_instance_write(instance, file, text) ||
           trace_throw(error, "cannot write \"%s\" to %s/%s: %s", text,
                       instance->dir, file, g_strerror(errno));
}

int trace_instance_open(const TraceInstance *instance, const char *file,
                        int flags, GError **error)
{
    g_autofree char *path = g_build_filename(instance->dir, file, NULL);
    int fd = open(path, flags | O_CLOEXEC);

    if (fd < 0) {
        trace_throw(error, "cannot open %s: %s", path, g_strerror(errno));
    }
    return fd;
}

char *trace_instance_find_dir(const char *name, GError **error)
{
    const char *tracing_dir = trace_instance_tracing_dir(error);

    return tracing_dir ? g_build_filename(tracing_dir, "instances", name, NULL)
                       : NULL;
}

bool trace_instance_remove_stale(const char *name, GError **error)
{
    g_autofree char *dir = trace_instance_find_dir(name, error);

    return dir &&
           (!g_file_test(dir, G_FILE_TEST_IS_DIR) || remove_dir(dir, error));
}
