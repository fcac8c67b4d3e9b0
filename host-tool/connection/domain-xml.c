/*
 * Finding a channel in a domain's description.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/domain-xml.h"

#include "connection/connection-error.h"

/* domain > devices > channel */
#define CHANNEL_DEPTH 3

typedef struct Search {
    const char *target_name;
    unsigned depth;
    gboolean is_in_devices;
    DomainChannel *current; /* NULL outside of a channel */
    gboolean is_wanted;     /* current is the one */
    DomainChannel *found;
} Search;

static const char *attribute(const char **names, const char **values,
                             const char *name)
{
    for (; *names; names++, values++) {
        if (g_str_equal(*names, name)) {
            return *values;
        }
    }
    return NULL;
}

static void take_child(Search *search, const char *element, const char **names,
                       const char **values)
{
    DomainChannel *channel = search->current;

    if (g_str_equal(element, "source")) {
        g_free(channel->path);
        channel->path = g_strdup(attribute(names, values, "path"));
    } else if (g_str_equal(element, "alias")) {
        g_free(channel->alias);
        channel->alias = g_strdup(attribute(names, values, "name"));
    } else if (g_str_equal(element, "target")) {
        search->is_wanted =
            g_strcmp0(attribute(names, values, "type"), "virtio") == 0 &&
            g_strcmp0(attribute(names, values, "name"), search->target_name) ==
                0;
    }
}

static void on_start(G_GNUC_UNUSED GMarkupParseContext *context,
                     const char *element, const char **names,
                     const char **values, gpointer data,
                     G_GNUC_UNUSED GError **error)
{
    Search *search = data;

    search->depth++;
    if (search->depth == CHANNEL_DEPTH - 1) {
        search->is_in_devices = g_str_equal(element, "devices");
    } else if (search->depth == CHANNEL_DEPTH && search->is_in_devices &&
               g_str_equal(element, "channel")) {
        search->current = g_new0(DomainChannel, 1);
        search->current->type = g_strdup(attribute(names, values, "type"));
        search->is_wanted = FALSE;
    } else if (search->current && search->depth == CHANNEL_DEPTH + 1) {
        take_child(search, element, names, values);
    }
}

static void on_end(G_GNUC_UNUSED GMarkupParseContext *context,
                   G_GNUC_UNUSED const char *element, gpointer data,
                   G_GNUC_UNUSED GError **error)
{
    Search *search = data;

    if (search->depth == CHANNEL_DEPTH && search->current) {
        if (search->is_wanted && !search->found) {
            search->found = g_steal_pointer(&search->current);
        }
        g_clear_pointer(&search->current, domain_channel_free);
    }
    search->depth--;
}

DomainChannel *domain_xml_find_channel(const char *xml, const char *target_name,
                                       GError **error)
{
    const GMarkupParser parser = {.start_element = on_start,
                                  .end_element = on_end};
    Search search = {.target_name = target_name};
    g_autoptr(GError) cause = NULL;
    GMarkupParseContext *context =
        g_markup_parse_context_new(&parser, 0, &search, NULL);
    gboolean ok = g_markup_parse_context_parse(context, xml, -1, &cause) &&
                  g_markup_parse_context_end_parse(context, &cause);

    g_markup_parse_context_free(context);
    g_clear_pointer(&search.current, domain_channel_free);
    if (!ok) {
        g_clear_pointer(&search.found, domain_channel_free);
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_PROTOCOL,
                    "libvirt's description of the domain cannot be read: %s",
                    cause->message);
    }
    return search.found;
}

void domain_channel_free(DomainChannel *channel)
{
    if (channel) {
        g_free(channel->type);
        g_free(channel->path);
        g_free(channel->alias);
        g_free(channel);
    }
}
