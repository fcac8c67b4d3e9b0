/*
 * EventPlugins: libtraceevent's plugins, which print some events better.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/event-plugins.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <traceevent/event-parse.h>

/* A plugin's entries; either may be NULL. */
typedef struct Plugin {
    tep_plugin_load_func load;
    tep_plugin_unload_func unload;
} Plugin;

/* Code is the process's: it is loaded once and stays. */
static GArray *plugins; /* of Plugin */

static bool is_roots(const char *path, mode_t type)
{
    struct stat status;

    return lstat(path, &status) == 0 && (status.st_mode & S_IFMT) == type &&
           status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* And all above it, where another could be put in its place. */
static bool is_roots_dir(const char *dir)
{
    g_autofree char *path = g_strdup(dir);

    while (is_roots(path, S_IFDIR) && path[1]) {
        char *parent = g_path_get_dirname(path);

        g_free(path);
        path = parent;
    }
    return path[0] == '/' && !path[1] && is_roots(path, S_IFDIR);
}

GPtrArray *event_plugins_find(const char *dir)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    char *real = realpath(dir, NULL);
    g_autoptr(GDir) entries =
        real && is_roots(dir, S_IFDIR) && is_roots_dir(real)
            ? g_dir_open(dir, 0, NULL)
            : NULL;
    const char *name;

    while (entries && (name = g_dir_read_name(entries))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);

        if (g_str_has_suffix(name, ".so") && is_roots(path, S_IFREG)) {
            g_ptr_array_add(paths, g_steal_pointer(&path));
        }
    }
    free(real);
    return paths;
}

static void load_all(GArray *list)
{
    g_autoptr(GPtrArray) paths = event_plugins_find(PLUGIN_DIR);

    for (guint i = 0; i < paths->len; i++) {
        void *handle = dlopen(paths->pdata[i], RTLD_NOW | RTLD_GLOBAL);
        Plugin plugin;

        if (!handle) {
            continue; /* the events are shown without it */
        }
        plugin.load =
            (tep_plugin_load_func)dlsym(handle, TEP_PLUGIN_LOADER_NAME);
        plugin.unload =
            (tep_plugin_unload_func)dlsym(handle, TEP_PLUGIN_UNLOADER_NAME);
        g_array_append_val(list, plugin);
    }
}

void event_plugins_load(void)
{
    if (g_once_init_enter(&plugins)) {
        GArray *list = g_array_new(FALSE, FALSE, sizeof(Plugin));

        load_all(list);
        g_once_init_leave(&plugins, list);
    }
}

void event_plugins_register(struct tep_handle *tep)
{
    event_plugins_load();
    for (guint i = 0; i < plugins->len; i++) {
        const Plugin *plugin = &g_array_index(plugins, Plugin, i);

        if (plugin->load) {
            plugin->load(tep);
        }
    }
}

void event_plugins_unregister(struct tep_handle *tep)
{
    for (guint i = 0; i < plugins->len; i++) {
        const Plugin *plugin = &g_array_index(plugins, Plugin, i);

        if (plugin->unload) {
            plugin->unload(tep);
        }
    }
}
