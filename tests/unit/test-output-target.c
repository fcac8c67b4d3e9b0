/*
 * OutputTarget: under its final name a file is complete or absent.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output/target.h"
#include "scratch-dir.h"

static unsigned count_entries(const char *dir)
{
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    unsigned n = 0;

    while (g_dir_read_name(entries)) {
        n++;
    }
    return n;
}

static void expect_content(const char *path, const char *expected)
{
    g_autofree char *content = NULL;

    g_assert_true(g_file_get_contents(path, &content, NULL, NULL));
    g_assert_cmpstr(content, ==, expected);
}

static OutputTarget *write_to(const char *path, const char *text)
{
    g_autoptr(GError) error = NULL;
    OutputTarget *target = output_target_file(path, &error);

    g_assert_no_error(error);
    fputs(text, output_target_stream(target));
    fflush(output_target_stream(target));
    return target;
}

static void finish(OutputTarget *target)
{
    g_autoptr(GError) error = NULL;

    output_target_finish(target, &error);
    g_assert_no_error(error);
    output_target_free(target);
}

static void test_new_file(void)
{
    char *dir = scratch_dir_new();
    g_autofree char *path = g_build_filename(dir, "report", NULL);
    OutputTarget *target = write_to(path, "all of it\n");
    mode_t mask = umask(0);
    struct stat status;

    umask(mask);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    finish(target);
    expect_content(path, "all of it\n");
    g_assert_cmpint(stat(path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0666 & ~mask);
    g_assert_cmpuint(count_entries(dir), ==, 1);
    scratch_dir_remove(dir);
}

static void test_unfinished_file(void)
{
    char *dir = scratch_dir_new();
    g_autofree char *path = g_build_filename(dir, "report", NULL);

    output_target_free(write_to(path, "half of"));
    g_assert_cmpuint(count_entries(dir), ==, 0);
    scratch_dir_remove(dir);
}

/* The old file stays until the new one is complete. */
static void test_replaced_file(void)
{
    char *dir = scratch_dir_new();
    g_autofree char *path = g_build_filename(dir, "report", NULL);
    g_autofree char *other = g_build_filename(dir, "link", NULL);
    OutputTarget *target;

    g_assert_true(g_file_set_contents(path, "old", -1, NULL));
    g_assert_cmpint(symlink("report", other), ==, 0);
    target = write_to(other, "new");
    expect_content(path, "old");
    finish(target);
    expect_content(path, "new");
    g_assert_true(g_file_test(other, G_FILE_TEST_IS_SYMLINK));
    output_target_free(write_to(path, "newer"));
    expect_content(path, "new");
    g_assert_cmpuint(count_entries(dir), ==, 2);
    scratch_dir_remove(dir);
}

/* A device must not become a file. */
static void test_device(void)
{
    struct stat status;

    finish(write_to("/dev/null", "text"));
    output_target_free(write_to("/dev/null", "text"));
    g_assert_cmpint(stat("/dev/null", &status), ==, 0);
    g_assert_true(S_ISCHR(status.st_mode));
}

static void test_no_space(void)
{
    g_autoptr(GError) error = NULL;
    OutputTarget *target = output_target_file("/dev/full", &error);

    g_assert_no_error(error);
    fputs("text", output_target_stream(target));
    g_assert_false(output_target_finish(target, &error));
    g_assert_nonnull(strstr(error->message, "/dev/full"));
    output_target_free(target);
}

static OutputTarget *fill_directory(const char *path)
{
    g_autoptr(GError) error = NULL;
    OutputTarget *target = output_target_directory(path, &error);
    static const char *const names[] = {"metadata", "host/stream",
                                        "host/other"};

    g_assert_no_error(error);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        int fd = output_target_create(names[i], target);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(write(fd, "x", 1), ==, 1);
        close(fd);
    }
    return target;
}

/* Names may come from a process that was taken over. */
static void test_bad_names(void)
{
    static const char *const names[] = {
        "",       ".",    "..",    "../x", "/x",   "x/",
        "x/../y", "x/.y", "a/b/c", "x y",  "x\ny", "\x1b",
    };
    char *dir = scratch_dir_new();
    g_autofree char *path = g_build_filename(dir, "trace", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(OutputTarget) target = output_target_directory(path, &error);
    g_autofree char *longer = g_strnfill(300, 'x');

    g_assert_no_error(error);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_assert_cmpint(output_target_create(names[i], target), ==, -1);
        g_assert_cmpint(errno, ==, EINVAL);
    }
    g_assert_cmpint(output_target_create(longer, target), ==, -1);
    g_clear_pointer(&target, output_target_free);
    g_assert_cmpuint(count_entries(dir), ==, 0);
    scratch_dir_remove(dir);
}

/* Each costs the disk something, even if it is empty. */
static void test_many_files(void)
{
    char *dir = scratch_dir_new();
    g_autofree char *path = g_build_filename(dir, "trace", NULL);
    g_autoptr(OutputTarget) target = fill_directory(path);

    g_assert_cmpuint(output_target_bytes(target), ==, 3);
    for (unsigned i = 3; i < OUTPUT_TARGET_MAX_FILES; i++) {
        int fd = output_target_create("host/stream", target);

        g_assert_cmpint(fd, >=, 0);
        close(fd);
    }
    g_assert_cmpint(output_target_create("host/more", target), ==, -1);
    g_assert_cmpint(errno, ==, EMFILE);
    g_clear_pointer(&target, output_target_free);
    g_assert_cmpuint(count_entries(dir), ==, 0);
    scratch_dir_remove(dir);
}

static void test_directory(void)
{
    char *dir = scratch_dir_new();
    g_autofree char *path = g_build_filename(dir, "trace/", NULL);
    g_autofree char *file = g_build_filename(path, "host", "stream", NULL);
    g_autoptr(GError) error = NULL;
    OutputTarget *target;

    output_target_free(fill_directory(path));
    g_assert_cmpuint(count_entries(dir), ==, 0);
    target = fill_directory(path);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    finish(target);
    g_assert_true(g_file_test(file, G_FILE_TEST_EXISTS));
    g_assert_cmpuint(count_entries(dir), ==, 1);
    /* Never into, nor instead of, what is there. */
    g_assert_null(output_target_directory(path, &error));
    g_assert_nonnull(strstr(error->message, "exists"));
    g_assert_cmpuint(count_entries(dir), ==, 1);
    scratch_dir_remove(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/output-target/new-file", test_new_file);
    g_test_add_func("/output-target/unfinished-file", test_unfinished_file);
    g_test_add_func("/output-target/replaced-file", test_replaced_file);
    g_test_add_func("/output-target/device", test_device);
    g_test_add_func("/output-target/no-space", test_no_space);
    g_test_add_func("/output-target/directory", test_directory);
    g_test_add_func("/output-target/bad-names", test_bad_names);
    g_test_add_func("/output-target/many-files", test_many_files);
    return g_test_run();
}
