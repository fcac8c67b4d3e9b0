/*
 * The GError domain of everything in connection/.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/connection-error.h"

G_DEFINE_QUARK(connection - error - quark, connection_error)
