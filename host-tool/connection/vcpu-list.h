/*
 * VcpuList: what every QEMU tells of its vCPUs, where it does not tell their
 * TSC offsets.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VCPU_LIST_H
#define VCPU_LIST_H

#include "connection/offset-query.h"

/*
 * A query whose readings have everything but the offsets: their source is
 * OFFSET_SOURCE_NONE_KVM or OFFSET_SOURCE_NONE_TCG.
 */
OffsetQuery *vcpu_list_query(GuestLink *link, GError **error);

#endif
