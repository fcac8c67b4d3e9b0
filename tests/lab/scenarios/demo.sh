# SPDX-License-Identifier: GPL-2.0-or-later
#
# The demo: a KVM guest with two vCPUs runs a small periodic load; guest and
# host are recorded together with one command.

. "$LAB_LIB/product.sh"

lab_start_guest vm1
product_record vm1 -- lab-load 2
