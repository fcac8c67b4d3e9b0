/*
 * Runs a program as on a kernel that lacks Landlock, or seccomp filters too:
 * the calls that would tell fail as they do there.
 *
 * Usage: without-walls landlock|both PROGRAM [ARG...]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static int refuse(scmp_filter_ctx filter, int both)
{
    const struct scmp_arg_cmp asks =
        SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)PR_GET_SECCOMP);
    int status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS),
                                  SCMP_SYS(landlock_create_ruleset), 0);

    if (status == 0 && both) {
        status = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EINVAL),
                                        SCMP_SYS(prctl), 1, &asks);
    }
    return status == 0 ? seccomp_load(filter) : status;
}

int main(int argc, char **argv)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    if (argc < 3 || !filter || refuse(filter, strcmp(argv[1], "both") == 0)) {
        fprintf(stderr, "without-walls: cannot take the walls away\n");
        return 125;
    }
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 126;
}
