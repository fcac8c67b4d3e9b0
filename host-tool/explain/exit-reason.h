/*
 * ExitReason: the names of KVM's exit reasons, as its tracepoints know them.
 *
 * Linux's own tables, asm/vmx.h, asm/svm.h and linux/kvm.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef EXIT_REASON_H
#define EXIT_REASON_H

#include <stdbool.h>
#include <stdint.h>

/* kvm_exit's isa (KVM_ISA_VMX, KVM_ISA_SVM in arch/x86/kvm/trace.h). */
#define EXIT_ISA_VMX 1u
#define EXIT_ISA_SVM 2u

/* Either vendor's exit for an interrupt of the host; also before the kvm_exit
 * event that says so. */
#define EXIT_REASON_INTERRUPTED UINT32_C(0x00ffffff)

/* One number for a vendor's reason. */
uint32_t exit_reason_make(unsigned isa, uint32_t reason);

/* "HLT", "MSR_WRITE"; "reason 0x123" where there is no name. */
const char *exit_reason_text(uint32_t number);

/* The guest asked to sleep (HLT). */
bool exit_reason_is_halt(uint32_t number);

/* Linux's KVM_EXIT_*, without the prefix; "reason 77" without a name. */
const char *user_exit_text(uint32_t reason);

#endif
