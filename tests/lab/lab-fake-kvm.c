/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lab-fake-kvm: a library to preload into QEMU, which makes KVM seem older,
 * newer or better equipped than the lab's.
 *
 * LAB_FAKE_KVM is a list of words:
 *
 *   no-offset       no attribute KVM_VCPU_TSC_OFFSET: before Linux 5.16
 *   scaling=F       KVM_CAP_TSC_CONTROL: TSCs are scaled in hardware, with a
 *                   ratio of F fraction bits
 *   no-scaling      no KVM_CAP_TSC_CONTROL
 *   khz=N           the frequency that KVM says the vCPUs have
 *   ratio=N         the vCPUs' TSC is scaled by N >> F
 *   scale-attribute the attribute KVM_VCPU_TSC_SCALE, which tells the ratio
 *   no-vm-khz       KVM_GET_TSC_KHZ of the VM fails: before Linux 5.18
 *   skew=N          the TSC that KVM reads is N ticks beside what it says
 *
 * What the hardware does to the guest stays as it is; only what QEMU sees of
 * it changes. The offset is always the real one.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <x86intrin.h>

#define MSR_IA32_TSC            0x10
#define FAKE_KVM_VCPU_TSC_SCALE 1

typedef int IoctlFunction(int fd, unsigned long request, void *argument);

static IoctlFunction *real_ioctl;

/* Value of "WORD=N" in LAB_FAKE_KVM; *value stays where it isn't there. */
static bool has_word(const char *word, uint64_t *value)
{
    const char *words = getenv("LAB_FAKE_KVM");
    size_t len = strlen(word);

    while (words && *words) {
        words += strspn(words, " ");
        if (strncmp(words, word, len) == 0 && strchr("= ", words[len])) {
            if (value && words[len] == '=') {
                *value = strtoull(words + len + 1, NULL, 0);
            }
            return true;
        }
        words += strcspn(words, " ");
    }
    return false;
}

static int fail(int number)
{
    errno = number;
    return -1;
}

/* The TSC of a vCPU as KVM reads it: __kvm_scale_tsc() and the offset. */
static int read_tsc(int fd, uint64_t *tsc)
{
    uint64_t offset, ratio = 0, frac_bits = 0, skew = 0;
    struct kvm_device_attr attr = {
        .group = KVM_VCPU_TSC_CTRL,
        .attr = KVM_VCPU_TSC_OFFSET,
        .addr = (uintptr_t)&offset,
    };

    if (real_ioctl(fd, KVM_GET_DEVICE_ATTR, &attr)) {
        return -1;
    }
    *tsc = __rdtsc();
    if (has_word("ratio", &ratio) && has_word("scaling", &frac_bits)) {
        *tsc = (unsigned __int128)*tsc * ratio >> frac_bits;
    }
    has_word("skew", &skew);
    *tsc += offset + skew;
    return 1;
}

static int get_scale(const struct kvm_device_attr *attr)
{
    uint64_t *scale = (uint64_t *)(uintptr_t)attr->addr;

    scale[0] = scale[1] = 0;
    has_word("ratio", &scale[0]);
    has_word("scaling", &scale[1]);
    return 0;
}

static int tsc_attribute(int fd, unsigned long request, void *argument)
{
    const struct kvm_device_attr *attr = argument;

    if (attr->group == KVM_VCPU_TSC_CTRL && attr->attr == KVM_VCPU_TSC_OFFSET &&
        has_word("no-offset", NULL)) {
        return fail(ENXIO);
    }
    if (attr->group == KVM_VCPU_TSC_CTRL &&
        attr->attr == FAKE_KVM_VCPU_TSC_SCALE &&
        has_word("scale-attribute", NULL)) {
        return request == KVM_GET_DEVICE_ATTR ? get_scale(attr) : 0;
    }
    return real_ioctl(fd, request, argument);
}

static bool is_vcpu(int fd)
{
    static const char vcpu[] = "anon_inode:kvm-vcpu:";
    char path[64], target[64] = "";

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return readlink(path, target, sizeof(target) - 1) > 0 &&
           strncmp(target, vcpu, strlen(vcpu)) == 0;
}

static int get_khz(int fd, void *argument)
{
    uint64_t khz;

    if (!is_vcpu(fd)) {
        return has_word("no-vm-khz", NULL)
                   ? fail(ENOTTY)
                   : real_ioctl(fd, KVM_GET_TSC_KHZ, argument);
    }
    return has_word("khz", &khz) ? (int)khz
                                 : real_ioctl(fd, KVM_GET_TSC_KHZ, argument);
}

static bool is_faked_msr(const struct kvm_msrs *msrs)
{
    return msrs->nmsrs == 1 && msrs->entries[0].index == MSR_IA32_TSC &&
           (has_word("ratio", NULL) || has_word("skew", NULL));
}

static int fake_ioctl(int fd, unsigned long request, void *argument)
{
    switch (request) {
    case KVM_HAS_DEVICE_ATTR:
    case KVM_GET_DEVICE_ATTR:
        return tsc_attribute(fd, request, argument);
    case KVM_CHECK_EXTENSION:
        if ((uintptr_t)argument == KVM_CAP_TSC_CONTROL &&
            (has_word("scaling", NULL) || has_word("no-scaling", NULL))) {
            return has_word("scaling", NULL);
        }
        break;
    case KVM_SET_TSC_KHZ:
        if (has_word("scaling", NULL)) {
            return 0;
        }
        break;
    case KVM_GET_TSC_KHZ:
        return get_khz(fd, argument);
    case KVM_GET_MSRS:
        if (is_faked_msr(argument)) {
            struct kvm_msrs *msrs = argument;

            return read_tsc(fd, (uint64_t *)&msrs->entries[0].data);
        }
        break;
    }
    return real_ioctl(fd, request, argument);
}

/* The declaration of the C library, whose place this takes. */
int ioctl(int fd, unsigned long request, ...)
{
    void *argument;
    va_list args;

    va_start(args, request);
    argument = va_arg(args, void *);
    va_end(args);
    if (!real_ioctl) {
        real_ioctl = (IoctlFunction *)dlsym(RTLD_NEXT, "ioctl");
    }
    return fake_ioctl(fd, request, argument);
}
