/*
 * ExitReason: the names of KVM's exit reasons.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/exit-reason.h"

#include <asm/svm.h>
#include <asm/vmx.h>
#include <glib.h>
#include <linux/kvm.h>
#include <string.h>

typedef struct ReasonName {
    uint32_t reason;
    const char *text;
} ReasonName;

/* What SVM_EXIT_REASONS uses of the exceptions' numbers. */
#define DB_VECTOR 1
#define BP_VECTOR 3
#define UD_VECTOR 6
#define NM_VECTOR 7
#define PF_VECTOR 14
#define AC_VECTOR 17
#define MC_VECTOR 18

static const ReasonName vmx_names[] = {VMX_EXIT_REASONS};
static const ReasonName svm_names[] = {SVM_EXIT_REASONS};

#define USER_EXIT(name)        \
    {                          \
        KVM_EXIT_##name, #name \
    }

static const ReasonName user_names[] = {
    USER_EXIT(UNKNOWN),
    USER_EXIT(EXCEPTION),
    USER_EXIT(IO),
    USER_EXIT(HYPERCALL),
    USER_EXIT(DEBUG),
    USER_EXIT(HLT),
    USER_EXIT(MMIO),
    USER_EXIT(SHUTDOWN),
    USER_EXIT(FAIL_ENTRY),
    USER_EXIT(INTR),
    USER_EXIT(SET_TPR),
    USER_EXIT(TPR_ACCESS),
    USER_EXIT(NMI),
    USER_EXIT(SYSTEM_EVENT),
    USER_EXIT(IOAPIC_EOI),
    USER_EXIT(HYPERV),
    USER_EXIT(X86_RDMSR),
    USER_EXIT(X86_WRMSR),
    USER_EXIT(DIRTY_RING_FULL),
    USER_EXIT(INTERNAL_ERROR),
    USER_EXIT(IRQ_WINDOW_OPEN),
};

static const char *find(const ReasonName *names, size_t n, uint32_t reason)
{
    for (size_t i = 0; i < n; i++) {
        if (names[i].reason == reason) {
            return names[i].text;
        }
    }
    return NULL;
}

uint32_t exit_reason_make(unsigned isa, uint32_t reason)
{
    /* VMX flags a failed entry in the high bits; the reason is below. */
    uint32_t plain = isa == EXIT_ISA_VMX ? reason & 0xffff : reason & 0xffffff;

    if ((isa == EXIT_ISA_VMX && plain == EXIT_REASON_EXTERNAL_INTERRUPT) ||
        (isa == EXIT_ISA_SVM && plain == SVM_EXIT_INTR)) {
        return EXIT_REASON_INTERRUPTED;
    }
    return (uint32_t)(isa & 0xff) << 24 | plain;
}

const char *exit_reason_text(uint32_t number)
{
    uint32_t reason = number & 0xffffff;
    const char *text = NULL;
    g_autofree char *plain = NULL;

    if (number == EXIT_REASON_INTERRUPTED) {
        return "INTERRUPT";
    }
    if (number >> 24 == EXIT_ISA_VMX) {
        text = find(vmx_names, G_N_ELEMENTS(vmx_names), reason);
    } else if (number >> 24 == EXIT_ISA_SVM) {
        text = find(svm_names, G_N_ELEMENTS(svm_names), reason);
    }
    plain =
        text ? g_ascii_strup(text, -1) : g_strdup_printf("reason 0x%x", reason);
    return g_intern_string(plain);
}

bool exit_reason_is_halt(uint32_t number)
{
    return number == exit_reason_make(EXIT_ISA_VMX, EXIT_REASON_HLT) ||
           number == exit_reason_make(EXIT_ISA_SVM, SVM_EXIT_HLT);
}

const char *user_exit_text(uint32_t reason)
{
    const char *text = find(user_names, G_N_ELEMENTS(user_names), reason);
    g_autofree char *plain = NULL;

    if (text) {
        return text;
    }
    plain = g_strdup_printf("reason %u", reason);
    return g_intern_string(plain);
}
