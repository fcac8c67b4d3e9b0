/*
 * make_dat(): files in a session directory, and what the machine learns.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "session/make-dat.h"
#include "stream-builder.h"

typedef struct Fixture {
    char *dir;
    SessionMachine machine;
} Fixture;

static char *path_of(const Fixture *fixture, const char *name)
{
    return g_build_filename(fixture->dir, name, NULL);
}

static void put_file(const Fixture *fixture, const char *name,
                     const void *bytes, size_t size)
{
    g_autofree char *path = path_of(fixture, name);

    g_assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
}

static gboolean has_file(const Fixture *fixture, const char *name)
{
    g_autofree char *path = path_of(fixture, name);

    return g_file_test(path, G_FILE_TEST_EXISTS | G_FILE_TEST_IS_SYMLINK);
}

static void put_stream(const Fixture *fixture, size_t cut_bytes)
{
    g_autoptr(StreamBuilder) builder = stream_builder_new_whole();

    put_file(fixture, "vm.stream", builder->bytes->data,
             builder->bytes->len - cut_bytes);
}

static void set_up(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    fixture->dir = g_dir_make_tmp("make-dat-XXXXXX", NULL);
    g_assert_nonnull(fixture->dir);
    fixture->machine = (SessionMachine){
        .role = SESSION_GUEST,
        .name = g_strdup("vm"),
        .stream_file = g_strdup("vm.stream"),
        .cpus = g_array_new(FALSE, FALSE, sizeof(SessionCpu)),
        .notes = g_ptr_array_new_with_free_func(g_free),
    };
}

static void tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    GDir *dir = g_dir_open(fixture->dir, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = path_of(fixture, name);

        g_unlink(path);
    }
    g_dir_close(dir);
    g_rmdir(fixture->dir);
    g_free(fixture->dir);
    g_free(fixture->machine.name);
    g_free(fixture->machine.stream_file);
    g_free(fixture->machine.dat_file);
    g_array_unref(fixture->machine.cpus);
    g_ptr_array_unref(fixture->machine.notes);
}

static guint count_notes(const Fixture *fixture, const char *needle)
{
    guint count = 0;

    for (guint i = 0; i < fixture->machine.notes->len; i++) {
        const char *text = g_ptr_array_index(fixture->machine.notes, i);

        count += strstr(text, needle) != NULL;
    }
    return count;
}

static void test_whole(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) hello_cpus = NULL;
    DatOptions options = {0};
    const SessionCpu *cpu;

    put_stream(fixture, 0);
    g_assert_true(make_dat(fixture->dir, &fixture->machine, &options,
                           &limits_default, &hello_cpus, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(fixture->machine.dat_file, ==, "vm.dat");
    g_assert_true(has_file(fixture, "vm.dat"));
    g_assert_false(has_file(fixture, "vm.dat.tmp"));
    g_assert_true(fixture->machine.ended);
    g_assert_cmpuint(fixture->machine.trace_id, ==, BUILDER_TRACE_ID);
    g_assert_cmpuint(hello_cpus->len, ==, 2);
    g_assert_cmpuint(g_array_index(hello_cpus, TraceHelloCpu, 1).apic_id, ==,
                     6);
    g_assert_cmpuint(fixture->machine.cpus->len, ==, 2);
    cpu = &g_array_index(fixture->machine.cpus, SessionCpu, 1);
    g_assert_cmpuint(cpu->cpu, ==, 3);
    g_assert_cmpuint(cpu->overrun_events, ==, 203);
    g_assert_cmpuint(cpu->pages, ==, 3);
}

static void test_cut(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    DatOptions options = {0};

    put_stream(fixture, 5);
    for (guint i = 0; i < 2; i++) {
        g_assert_true(make_dat(fixture->dir, &fixture->machine, &options,
                               &limits_default, NULL, &error));
        g_assert_no_error(error);
    }
    g_assert_false(fixture->machine.ended);
    g_assert_cmpuint(fixture->machine.cpus->len, ==, 2);
    g_assert_cmpuint(count_notes(fixture, "breaks off"), ==, 1);
    g_assert_true(has_file(fixture, "vm.dat"));
}

static void test_no_hello(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) hello_cpus = NULL;
    DatOptions options = {0};

    put_file(fixture, "vm.stream", "not a stream, but long enough for it", 36);
    put_file(fixture, "vm.dat", "old", 3);
    g_assert_false(make_dat(fixture->dir, &fixture->machine, &options,
                            &limits_default, &hello_cpus, &error));
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, "vm.stream: The stream cannot be"));
    g_assert_null(hello_cpus);
    g_assert_true(has_file(fixture, "vm.dat"));
    g_assert_false(has_file(fixture, "vm.dat.tmp"));
    g_assert_null(fixture->machine.dat_file);
    g_clear_error(&error);
    put_file(fixture, "vm.stream", "", 0);
    g_assert_false(make_dat_peek(fixture->dir, &fixture->machine,
                                 &limits_default, &hello_cpus, &error));
    g_assert_nonnull(strstr(error->message, "is empty"));
}

static void test_peek(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) hello_cpus = NULL;

    put_stream(fixture, 0);
    g_assert_true(make_dat_peek(fixture->dir, &fixture->machine,
                                &limits_default, &hello_cpus, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(fixture->machine.trace_id, ==, BUILDER_TRACE_ID);
    g_assert_cmpuint(hello_cpus->len, ==, 2);
    g_assert_false(has_file(fixture, "vm.dat"));
    g_assert_cmpuint(fixture->machine.notes->len, ==, 0);
}

/* Links and names that lead elsewhere are not followed. */
static void test_elsewhere(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const names[] = {
        "link.stream", "none.stream", "../vm.stream", ".", "", NULL};
    g_autofree char *link_path = path_of(fixture, "link.stream");
    g_autofree char *tmp_path = path_of(fixture, "vm.dat.tmp");
    g_autofree char *victim_path = path_of(fixture, "victim");
    g_autofree char *victim = NULL;
    g_autoptr(GError) error = NULL;
    DatOptions options = {0};

    put_stream(fixture, 0);
    put_file(fixture, "victim", "safe", 4);
    g_assert_cmpint(symlink("vm.stream", link_path), ==, 0);
    for (guint i = 0; names[i]; i++) {
        g_free(fixture->machine.stream_file);
        fixture->machine.stream_file = g_strdup(names[i]);
        g_assert_false(make_dat(fixture->dir, &fixture->machine, &options,
                                &limits_default, NULL, &error));
        g_test_message("%s", error->message);
        g_clear_error(&error);
    }
    g_assert_false(has_file(fixture, "vm.dat"));

    g_free(fixture->machine.stream_file);
    fixture->machine.stream_file = g_strdup("vm.stream");
    g_assert_cmpint(symlink("victim", tmp_path), ==, 0);
    g_assert_true(make_dat(fixture->dir, &fixture->machine, &options,
                           &limits_default, NULL, &error));
    g_assert_true(g_file_get_contents(victim_path, &victim, NULL, NULL));
    g_assert_cmpstr(victim, ==, "safe");
}

#define ADD(name, func) \
    g_test_add("/make-dat/" name, Fixture, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("whole", test_whole);
    ADD("cut", test_cut);
    ADD("no-hello", test_no_hello);
    ADD("peek", test_peek);
    ADD("elsewhere", test_elsewhere);
    return g_test_run();
}
