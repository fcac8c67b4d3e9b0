/*
 * ConnectionError: what can go wrong between us and QEMU or a guest's agent.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CONNECTION_ERROR_H
#define CONNECTION_ERROR_H

#include <glib.h>

#define CONNECTION_ERROR connection_error_quark()

typedef enum ConnectionError {
    CONNECTION_ERROR_CONNECT,    /* nobody is there */
    CONNECTION_ERROR_CLOSED,     /* the peer went away */
    CONNECTION_ERROR_TIMEOUT,    /* no answer in time, or none to be expected */
    CONNECTION_ERROR_PROTOCOL,   /* the peer sent what makes no sense */
    CONNECTION_ERROR_NO_COMMAND, /* unknown to the peer, or disabled there */
    CONNECTION_ERROR_REFUSED,    /* the peer answered with an error */
    CONNECTION_ERROR_NO_GUEST,   /* there is no such guest */
    CONNECTION_ERROR_BUSY,       /* another recording has it */
} ConnectionError;

GQuark connection_error_quark(void);

#endif
