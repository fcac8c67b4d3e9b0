/*
 * KvmDebugfs: what KVM's own files in debugfs say of a vCPU.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef KVM_DEBUGFS_H
#define KVM_DEBUGFS_H

#include <glib.h>
#include <stdint.h>

/*
 * The directory of the vCPU with that vcpu_id (its APIC id), the caller's;
 * NULL when debugfs is not mounted, or not for us, or has none.
 */
char *kvm_debugfs_vcpu_dir(int32_t thread_id, uint32_t vcpu_id);

gboolean kvm_debugfs_read(const char *dir, const char *file, uint64_t *number);

/*
 * The offset of the guest itself.  The file tsc-offset holds that of a nested
 * guest while the vCPU runs one (arch/x86/kvm/debugfs.c), so it is only
 * believed when guest_mode and nested_run show that it did not.  FALSE if
 * that never was so, and where there is no such file.
 */
gboolean kvm_debugfs_read_offset(const char *dir, int64_t *offset_ticks);

#endif
