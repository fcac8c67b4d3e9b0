/*
 * GuestFile: a file of a guest whose agent need not be honest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "connection/connection-error.h"
#include "connection/guest-file.h"

/* A link whose agent answers each read with the same piece. */
typedef struct FakeLink {
    GuestLink link;
    const char *piece;
    unsigned n_reads;
    unsigned n_closed;
} FakeLink;

static json_object *execute(GuestLink *link, const char *command,
                            json_object *arguments,
                            G_GNUC_UNUSED unsigned timeout_ms,
                            G_GNUC_UNUSED GError **error)
{
    FakeLink *fake = (FakeLink *)link;

    json_object_put(arguments);
    if (g_str_equal(command, "guest-file-open")) {
        return json_object_new_int(1);
    }
    if (g_str_equal(command, "guest-file-read")) {
        json_object *answer = json_object_new_object();

        fake->n_reads++;
        json_object_object_add(answer, "buf-b64",
                               json_object_new_string(fake->piece));
        return answer;
    }
    fake->n_closed += g_str_equal(command, "guest-file-close");
    return json_object_new_object();
}

static const GuestLinkOps ops = {.agent_execute = execute};

/* How much was stored, or -1 with an error. */
static gint64 read_file(FakeLink *fake, uint64_t max_bytes, GError **error)
{
    g_autoptr(Agent) agent = NULL;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    uint64_t bytes = 0;
    gboolean ok;

    fake->link.ops = &ops;
    agent = agent_new(&fake->link, NULL);
    g_assert_nonnull(agent);
    ok = guest_file_read(agent, "/file", fd, max_bytes, &bytes, error);
    close(fd);
    g_assert_cmpuint(fake->n_closed, ==, 1);
    return ok ? (gint64)bytes : -1;
}

/* Whoever sends a byte at a time must not be asked for each of 8 GiB. */
static void test_short_pieces(void)
{
    FakeLink fake = {.piece = "eA=="};
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(read_file(&fake, G_MAXINT64, &error), ==, 1);
    g_assert_no_error(error);
    g_assert_cmpuint(fake.n_reads, ==, 1);
}

static void test_whole_pieces(void)
{
    g_autofree guchar *bytes = g_malloc0(256 << 10);
    g_autofree char *piece = g_base64_encode(bytes, 256 << 10);
    FakeLink fake = {.piece = piece};
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(read_file(&fake, 3 * (256 << 10), &error), ==,
                    3 * (256 << 10));
    g_assert_no_error(error);
    g_assert_cmpuint(fake.n_reads, ==, 3);
}

static void test_long_piece(void)
{
    FakeLink fake = {.piece = "eHh4eHh4"};
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(read_file(&fake, 5, &error), ==, -1);
    g_assert_error(error, CONNECTION_ERROR, CONNECTION_ERROR_PROTOCOL);
}

static void test_no_piece(void)
{
    FakeLink fake = {.piece = ""};
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(read_file(&fake, 5, &error), ==, 0);
    g_assert_no_error(error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/guest-file/short-pieces", test_short_pieces);
    g_test_add_func("/guest-file/whole-pieces", test_whole_pieces);
    g_test_add_func("/guest-file/long-piece", test_long_piece);
    g_test_add_func("/guest-file/no-piece", test_no_piece);
    return g_test_run();
}
