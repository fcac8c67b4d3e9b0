/*
 * DomainXml: what a libvirt domain's live description says of its channels.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DOMAIN_XML_H
#define DOMAIN_XML_H

#include <glib.h>

typedef struct DomainChannel {
    char *type;  /* of the host's end: "unix", "pty", ... */
    char *path;  /* of the host's end; NULL if it has none */
    char *alias; /* NULL if it has none */
} DomainChannel;

/*
 * The virtio channel named target_name.  NULL without an error when the
 * domain has none.
 */
DomainChannel *domain_xml_find_channel(const char *xml, const char *target_name,
                                       GError **error);
void domain_channel_free(DomainChannel *channel);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainChannel, domain_channel_free)

#endif
