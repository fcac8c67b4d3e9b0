/*
 * A vCPU's TSC scaling: from the frequencies and, where they differ, from
 * KVM's directory in debugfs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/tsc-scaling.h"

#include <cpuid.h>
#include <string.h>

#include "session/kvm-debugfs.h"

#define TOLERANCE_FILE        "/sys/module/kvm/parameters/tsc_tolerance_ppm"
#define DEFAULT_TOLERANCE_PPM 250
#define VMX_FRAC_BITS         48
#define SVM_FRAC_BITS         32

/* adjust_tsc_khz() in arch/x86/kvm/x86.c. */
static uint64_t adjust_khz(uint32_t khz, int32_t ppm)
{
    return (uint64_t)khz * (uint64_t)(1000000 + ppm) / 1000000;
}

gboolean tsc_scaling_is_within(uint32_t guest_khz, uint32_t host_khz,
                               uint32_t tolerance_ppm)
{
    int32_t ppm = MIN(tolerance_ppm, 1000000);

    return guest_khz >= adjust_khz(host_khz, -ppm) &&
           guest_khz <= adjust_khz(host_khz, ppm);
}

static gboolean read_number(const char *path, uint64_t *number)
{
    g_autofree char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) &&
           g_ascii_string_to_unsigned(g_strstrip(text), 10, 0, G_MAXUINT64,
                                      number, NULL);
}

static uint32_t tolerance_ppm(void)
{
    uint64_t ppm = DEFAULT_TOLERANCE_PPM;

    read_number(TOLERANCE_FILE, &ppm);
    return MIN(ppm, 1000000);
}

/* FALSE if debugfs doesn't tell. */
static gboolean read_debugfs(const char *dir, TscScaling *scaling)
{
    uint64_t ratio, bits;

    if (!kvm_debugfs_read(dir, "tsc-scaling-ratio", &ratio) ||
        !kvm_debugfs_read(dir, "tsc-scaling-ratio-frac-bits", &bits) ||
        bits > 63 || ratio == 0) {
        return FALSE;
    }
    if (ratio == UINT64_C(1) << bits) {
        return TRUE;
    }
    *scaling = (TscScaling){TSC_SCALING_EXACT, ratio, bits};
    return TRUE;
}

static uint32_t vendor_frac_bits(void)
{
    unsigned max, b = 0, c = 0, d = 0;
    char vendor[13] = "";

    if (__get_cpuid(0, &max, &b, &c, &d)) {
        memcpy(vendor, &b, 4);
        memcpy(vendor + 4, &d, 4);
        memcpy(vendor + 8, &c, 4);
    }
    return strcmp(vendor, "GenuineIntel") == 0 ? VMX_FRAC_BITS : SVM_FRAC_BITS;
}

TscScaling tsc_scaling_find(uint32_t guest_khz, uint32_t host_khz,
                            int32_t thread_id, uint32_t vcpu_id)
{
    TscScaling scaling = {TSC_SCALING_NONE, 1, 0};
    g_autofree char *dir = NULL;

    if (guest_khz == 0 || host_khz == 0) {
        /* A QEMU that tells no frequency: KVM's own number is all there is. */
        dir = kvm_debugfs_vcpu_dir(thread_id, vcpu_id);
        if (dir) {
            read_debugfs(dir, &scaling);
        }
        return scaling;
    }
    if (tsc_scaling_is_within(guest_khz, host_khz, tolerance_ppm())) {
        return scaling;
    }
    dir = kvm_debugfs_vcpu_dir(thread_id, vcpu_id);
    if (dir && read_debugfs(dir, &scaling)) {
        return scaling;
    }
    /* The directory is there and the files aren't: no hardware scaling. */
    if (dir) {
        scaling.kind = TSC_SCALING_UNKNOWN;
        return scaling;
    }
    scaling.kind = TSC_SCALING_COMPUTED;
    scaling.frac_bits = vendor_frac_bits();
    scaling.ratio = clock_map_kvm_ratio(scaling.frac_bits, guest_khz, host_khz);
    return scaling;
}
