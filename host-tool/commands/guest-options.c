/*
 * GuestOptions: how a command is told which guests it is about.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/guest-options.h"

#include <string.h>

#include "commands/commands.h"
#include "connection/guest-address.h"
#include "session/session-file.h"

#define DEFAULT_NAME "guest"
/* More names than this make no readable name of a directory. */
#define MAX_SESSION_NAME 80

struct GuestOptions {
    GPtrArray *addresses; /* of GuestAddress */
    char *uri;            /* of libvirt; NULL: its default */
};

GuestOptions *guest_options_new(void)
{
    GuestOptions *options = g_new0(GuestOptions, 1);

    options->addresses =
        g_ptr_array_new_with_free_func((GDestroyNotify)guest_address_free);
    return options;
}

void guest_options_free(GuestOptions *options)
{
    if (options) {
        g_ptr_array_unref(options->addresses);
        g_free(options->uri);
        g_free(options);
    }
}

static GuestAddress *begin_guest(GuestOptions *options)
{
    GuestAddress *address = guest_address_new();

    g_ptr_array_add(options->addresses, address);
    return address;
}

static GuestAddress *last_guest(GuestOptions *options)
{
    guint n = options->addresses->len;

    return n ? options->addresses->pdata[n - 1] : begin_guest(options);
}

static char **field_of(GuestAddress *address, const char *option)
{
    if (g_str_equal(option, "--domain") || g_str_equal(option, "-D")) {
        return &address->domain;
    }
    if (g_str_equal(option, "--qmp")) {
        return &address->qmp_path;
    }
    if (g_str_equal(option, "--qga")) {
        return &address->agent_path;
    }
    return g_str_equal(option, "--trace") ? &address->trace_path
                                          : &address->name;
}

/* A guest is either a domain or has sockets. */
static gboolean is_other_kind(GuestAddress *address, const char *option)
{
    char **field = field_of(address, option);
    gboolean has_sockets =
        address->qmp_path || address->agent_path || address->trace_path;

    return field == &address->domain
               ? has_sockets
               : field != &address->name && address->domain != NULL;
}

static gboolean on_option(const char *option, const char *value, gpointer data,
                          G_GNUC_UNUSED GError **error)
{
    GuestOptions *options = data;
    GuestAddress *address = last_guest(options);

    if (*field_of(address, option) || is_other_kind(address, option)) {
        address = begin_guest(options);
    }
    *field_of(address, option) = g_strdup(value);
    return TRUE;
}

void guest_options_add_to(GuestOptions *options, GOptionContext *context)
{
    const GOptionEntry entries[] = {
        {"domain", 'D', 0, G_OPTION_ARG_CALLBACK, on_option,
         "A domain of libvirt; may be given several times", "NAME"},
        {"connect", 0, 0, G_OPTION_ARG_STRING, &options->uri,
         "Where libvirt is (default: its own default)", "URI"},
        {"qmp", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, on_option,
         "A guest without libvirt: QEMU's monitor (-qmp "
         "unix:SOCKET,server=on,wait=off)",
         "SOCKET"},
        {"qga", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, on_option,
         "Its agent's channel, org.qemu.guest_agent.0", "SOCKET"},
        {"trace", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, on_option,
         "Its trace channel, org.qemu.trace.0 (default: plug one in)",
         "SOCKET"},
        {"name", 'n', 0, G_OPTION_ARG_CALLBACK, on_option,
         "The guest's name in the recording (default: the domain's, or "
         "\"" DEFAULT_NAME "\"); an option given again begins the next guest",
         "NAME"},
        {NULL},
    };
    /* Callbacks get their group's data, so the main group must be ours. */
    GOptionGroup *group = g_option_group_new(NULL, NULL, NULL, options, NULL);

    g_option_group_add_entries(group, entries);
    g_option_context_set_main_group(context, group);
}

static gboolean check_sockets(const GuestAddress *address, GError **error)
{
    const char *missing = !address->qmp_path     ? "--qmp"
                          : !address->agent_path ? "--qga"
                                                 : NULL;

    return address->domain || !missing ||
           command_throw_usage(
               error,
               "no guest is named: give --domain NAME, or --qmp and "
               "--qga with the sockets of its QEMU; '%s' is missing",
               missing);
}

static gboolean check_name(const GuestOptions *options, guint i, GError **error)
{
    const GuestAddress *address = options->addresses->pdata[i];

    if (!session_name_is_valid(address->name) ||
        g_str_equal(address->name, "host")) {
        return command_throw_usage(
            error,
            "--name needs a plain name of letters, digits and "
            "\"._-+@\" that is not 'host', not '%s'",
            address->name);
    }
    for (guint other = 0; other < i; other++) {
        const GuestAddress *known = options->addresses->pdata[other];

        if (g_str_equal(known->name, address->name)) {
            return command_throw_usage(
                error,
                "two guests are called '%s'; give each of them "
                "a --name of its own",
                address->name);
        }
    }
    return TRUE;
}

/* A domain's name may have characters that no file should have. */
static char *default_name(const GuestAddress *address)
{
    char *name;

    if (!address->domain || !*address->domain) {
        return g_strdup(DEFAULT_NAME);
    }
    name = g_strdup(address->domain);
    for (char *at = name; *at; at++) {
        if (!g_ascii_isalnum(*at) && !strchr("._-+@", *at)) {
            *at = '_';
        }
    }
    if (*name == '.' || *name == '-') {
        *name = '_';
    }
    return name;
}

GPtrArray *guest_options_addresses(GuestOptions *options, GError **error)
{
    last_guest(options);
    for (guint i = 0; i < options->addresses->len; i++) {
        GuestAddress *address = options->addresses->pdata[i];

        if (!address->name) {
            address->name = default_name(address);
        }
        if (address->domain) {
            address->uri = g_strdup(options->uri);
        }
        if (!check_sockets(address, error) || !check_name(options, i, error)) {
            return NULL;
        }
    }
    return options->addresses;
}

char *guest_options_session_name(const GuestOptions *options)
{
    GString *name = g_string_new(NULL);

    for (guint i = 0; i < options->addresses->len; i++) {
        const GuestAddress *address = options->addresses->pdata[i];

        if (i > 0 && name->len + strlen(address->name) > MAX_SESSION_NAME) {
            g_string_append_printf(name, "+%u-more",
                                   options->addresses->len - i);
            break;
        }
        g_string_append_printf(name, "%s%s", i ? "+" : "", address->name);
    }
    return g_string_free(name, FALSE);
}
