/*
 * LibvirtError: what libvirt says of its last failure, in our words.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/libvirt-error.h"

#include <libvirt/virterror.h>
#include <string.h>

#include "connection/json-read.h"

/* How libvirt begins what an agent said (qemuAgentCheckError). */
static const char agent_said[] =
    "internal error: unable to execute QEMU agent command '";

char *libvirt_error_message(void)
{
    const char *text = virGetLastErrorMessage();
    const char *said = g_str_has_prefix(text, agent_said)
                           ? strstr(text + strlen(agent_said), "': ")
                           : NULL;

    return json_printable(said ? said + strlen("': ") : text, 500);
}

static gboolean connection_is_lost(void)
{
    int code = virGetLastErrorCode();

    return code == VIR_ERR_RPC || code == VIR_ERR_SYSTEM_ERROR ||
           code == VIR_ERR_NO_CONNECT || code == VIR_ERR_INVALID_CONN;
}

ConnectionError libvirt_error_kind(void)
{
    const char *text = virGetLastErrorMessage();

    switch (virGetLastErrorCode()) {
    case VIR_ERR_AGENT_UNRESPONSIVE:
    case VIR_ERR_AGENT_UNSYNCED:
    case VIR_ERR_OPERATION_TIMEOUT:
        return CONNECTION_ERROR_TIMEOUT;
    case VIR_ERR_NO_DOMAIN:
    case VIR_ERR_OPERATION_INVALID:
        return CONNECTION_ERROR_CLOSED;
    default:
        return connection_is_lost() ? CONNECTION_ERROR_CLOSED
               : strstr(text, "has not been found")
                   ? CONNECTION_ERROR_NO_COMMAND
                   : CONNECTION_ERROR_REFUSED;
    }
}
