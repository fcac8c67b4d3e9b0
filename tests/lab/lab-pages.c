/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lab-pages: what it costs to bring pages of the kernel's ring buffer into a
 * virtio-serial port, by each way there is.
 *
 *     lab-pages WAY PORT ROUNDS EVENT-BYTES    in the guest; prints figures
 *     lab-pages sink SOCKET                    on the host: takes all
 *
 * WAY is read (as qga-trace does: into a buffer, behind a header each, and
 * write), gather (the same, but the buffer is spliced), splice (through a pipe,
 * a header before each page), bare-splice (without headers, which no stream
 * could do: the least that it can cost) or map (the mapped ring buffer of Linux
 * 6.10, into a buffer).  Each round fills one CPU's buffer with markers, events
 * of that size, and then times emptying it; a send is what the port is told of,
 * and so an exit to the hypervisor.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TRACING      "/sys/kernel/tracing"
#define INSTANCE     TRACING "/instances/lab-pages"
#define PAGE_BYTES   4096u
#define HEADER_BYTES 24u
#define CHUNK_BYTES  (64u << 10)
/* What virtio-console takes of one write(2). */
#define SEND_BYTES (32u << 10)
#define PIPE_BYTES (1u << 20)
#define BUFFER_KIB "4096"
#define FILL_BYTES (3u << 20)
/* What an event of trace_marker has beside its text. */
#define MARK_BYTES      (4u + 8u + 8u + sizeof("\n"))
#define MAX_EVENT_BYTES 1024u

/* As in linux/trace_mmap.h, which Debian 12 doesn't have. */
#define GET_READER _IO('R', 0x20)
typedef struct MapMeta {
    uint32_t meta_page_size;
    uint32_t meta_struct_len;
    uint32_t subbuf_size;
    uint32_t nr_subbufs;
    struct {
        uint64_t lost_events;
        uint32_t id;
        uint32_t read;
    } reader;
    uint64_t flags;
    uint64_t entries;
    uint64_t overrun;
    uint64_t read;
} MapMeta;

G_GNUC_NORETURN
static void die(const char *what)
{
    fprintf(stderr, "lab-pages: %s: %s\n", what, g_strerror(errno));
    exit(1);
}

static void put(const char *file, const char *text)
{
    int fd = open(file, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0) {
        die(file);
    }
    close(fd);
}

static guint64 spent_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return ts.tv_sec * G_GUINT64_CONSTANT(1000000000) + (guint64)ts.tv_nsec;
}

static void fill(int marker, size_t event_bytes)
{
    char text[MAX_EVENT_BYTES];

    memset(text, 'x', sizeof(text));
    for (size_t done = 0; done < FILL_BYTES; done += event_bytes) {
        if (write(marker, text, event_bytes - MARK_BYTES) < 0) {
            die("trace_marker");
        }
    }
}

typedef struct Drained {
    guint64 bytes; /* of pages */
    guint64 sends;
} Drained;

static void write_all(int port, const char *bytes, size_t size,
                      Drained *drained)
{
    drained->sends += (size + SEND_BYTES - 1) / SEND_BYTES;
    while (size > 0) {
        ssize_t n = write(port, bytes, size);

        if (n < 0) {
            die("the port");
        }
        bytes += n;
        size -= (size_t)n;
    }
}

typedef struct Staging {
    char bytes[CHUNK_BYTES];
    size_t size;
    int port;
    Drained drained;
} Staging;

static char *stage(Staging *staging)
{
    memset(staging->bytes + staging->size, 0, HEADER_BYTES);
    return staging->bytes + staging->size + HEADER_BYTES;
}

static void send_staged(Staging *staging)
{
    write_all(staging->port, staging->bytes, staging->size, &staging->drained);
    staging->size = 0;
}

static void staged(Staging *staging)
{
    staging->size += HEADER_BYTES + PAGE_BYTES;
    staging->drained.bytes += PAGE_BYTES;
    if (staging->size + HEADER_BYTES + PAGE_BYTES > CHUNK_BYTES) {
        send_staged(staging);
    }
}

static Staging *new_staging(int port)
{
    static Staging staging;

    staging.port = port;
    staging.drained = (Drained){0};
    return &staging;
}

static Drained drain_by_read(int pages, int port)
{
    Staging *staging = new_staging(port);

    while (read(pages, stage(staging), PAGE_BYTES) > 0) {
        staged(staging);
    }
    send_staged(staging);
    return staging->drained;
}

static void splice_all(int from, int to, size_t size, Drained *drained)
{
    while (size > 0) {
        ssize_t n = splice(from, NULL, to, NULL, size, 0);

        if (n <= 0) {
            die("splice to the port");
        }
        size -= (size_t)n;
        drained->sends++;
    }
}

/* The staging memory itself, in one send; the driver copies it as well. */
static void splice_staged(char *staged_bytes, size_t size, int port,
                          const int pipe_fds[2], Drained *drained)
{
    struct iovec part = {staged_bytes, size};

    if (size > 0 && vmsplice(pipe_fds[1], &part, 1, 0) != (ssize_t)size) {
        die("vmsplice to the pipe");
    }
    splice_all(pipe_fds[0], port, size, drained);
}

static Drained drain_by_gather(int pages, int port, const int pipe_fds[2])
{
    static char staging[PIPE_BYTES / 2] __attribute__((aligned(PAGE_BYTES)));
    Drained drained = {0};
    size_t size = 0;
    ssize_t got;

    do {
        memset(staging + size, 0, HEADER_BYTES);
        got = read(pages, staging + size + HEADER_BYTES, PAGE_BYTES);
        if (got > 0) {
            size += HEADER_BYTES + PAGE_BYTES;
            drained.bytes += PAGE_BYTES;
        }
        if (got <= 0 || size + HEADER_BYTES + PAGE_BYTES > PIPE_BYTES / 2) {
            splice_staged(staging, size, port, pipe_fds, &drained);
            size = 0;
        }
    } while (got > 0);
    return drained;
}

/* As many pages as the pipe may hold at once. */
static Drained drain_by_bare_splice(int pages, int port, const int pipe_fds[2])
{
    Drained drained = {0};
    ssize_t got;

    while ((got = splice(pages, NULL, pipe_fds[1], NULL, PIPE_BYTES / 2,
                         SPLICE_F_NONBLOCK)) > 0) {
        drained.bytes += (guint64)got;
        splice_all(pipe_fds[0], port, (size_t)got, &drained);
    }
    return drained;
}

/* The header is written first: that there is no page shows too late. */
static Drained drain_by_splice(int pages, int port, const int pipe_fds[2])
{
    static const char header[HEADER_BYTES];
    Drained drained = {0};
    size_t held = 0;
    ssize_t got;

    do {
        if (write(pipe_fds[1], header, sizeof(header)) < 0) {
            die("the pipe");
        }
        got = splice(pages, NULL, pipe_fds[1], NULL, PAGE_BYTES,
                     SPLICE_F_NONBLOCK);
        held += sizeof(header) + (got > 0 ? PAGE_BYTES : 0);
        drained.bytes += got > 0 ? PAGE_BYTES : 0;
        if (got <= 0 || held >= PIPE_BYTES / 4) {
            splice_all(pipe_fds[0], port, held, &drained);
            held = 0;
        }
    } while (got > 0);
    return drained;
}

/* Of the file that is open, once: the mapping stays for all rounds. */
static const MapMeta *map_pages(int pages, const char **data)
{
    static MapMeta *meta;
    static char *mapped;

    if (!meta) {
        meta = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, pages, 0);
        if (meta == MAP_FAILED) {
            die("mmap of trace_pipe_raw");
        }
        mapped = mmap(NULL, (size_t)meta->subbuf_size * meta->nr_subbufs,
                      PROT_READ, MAP_SHARED, pages, meta->meta_page_size);
        if (mapped == MAP_FAILED) {
            die("mmap of the sub-buffers");
        }
    }
    *data = mapped;
    return meta;
}

/* Nobody writes any more: the same page again says that it was the last. */
static Drained drain_by_map(int pages, int port)
{
    Staging *staging = new_staging(port);
    const char *data;
    const MapMeta *meta = map_pages(pages, &data);
    uint32_t last = UINT32_MAX;

    for (;;) {
        if (ioctl(pages, GET_READER) < 0) {
            die("TRACE_MMAP_IOCTL_GET_READER");
        }
        if (meta->reader.id == last) {
            break;
        }
        last = meta->reader.id;
        memcpy(stage(staging), data + (size_t)last * meta->subbuf_size,
               PAGE_BYTES);
        staged(staging);
    }
    send_staged(staging);
    return staging->drained;
}

static void prepare(void)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(0, &set);
    sched_setaffinity(0, sizeof(set), &set);
    if (mkdir(INSTANCE, 0700) < 0 && errno != EEXIST) {
        die(INSTANCE);
    }
    put(INSTANCE "/tracing_on", "0");
    put(INSTANCE "/buffer_size_kb", BUFFER_KIB);
}

static int measure(const char *way, const char *port_name, int rounds,
                   size_t event_bytes)
{
    int port, pages, marker, pipe_fds[2];

    prepare();
    port = open(port_name, O_WRONLY | O_CLOEXEC);
    pages = open(INSTANCE "/per_cpu/cpu0/trace_pipe_raw",
                 O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    marker = open(INSTANCE "/trace_marker", O_WRONLY | O_CLOEXEC);
    if (port < 0 || pages < 0 || marker < 0 || pipe(pipe_fds) < 0) {
        die(port_name);
    }
    fcntl(pipe_fds[1], F_SETPIPE_SZ, PIPE_BYTES);
    for (int i = 0; i < rounds; i++) {
        guint64 before_ns;
        Drained drained;

        put(INSTANCE "/trace", "0");
        put(INSTANCE "/tracing_on", "1");
        fill(marker, event_bytes);
        put(INSTANCE "/tracing_on", "0");
        before_ns = spent_ns();
        if (g_str_equal(way, "read")) {
            drained = drain_by_read(pages, port);
        } else if (g_str_equal(way, "gather")) {
            drained = drain_by_gather(pages, port, pipe_fds);
        } else if (g_str_equal(way, "splice")) {
            drained = drain_by_splice(pages, port, pipe_fds);
        } else if (g_str_equal(way, "bare-splice")) {
            drained = drain_by_bare_splice(pages, port, pipe_fds);
        } else {
            drained = drain_by_map(pages, port);
        }
        printf("way=%s bytes=%" G_GUINT64_FORMAT " spent_ns=%" G_GUINT64_FORMAT
               " sends=%" G_GUINT64_FORMAT "\n",
               way, drained.bytes, spent_ns() - before_ns, drained.sends);
    }
    return 0;
}

static int sink(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_autofree char *buffer = g_malloc(1 << 18);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        die(path);
    }
    while (read(fd, buffer, 1 << 18) > 0) {
        /* all that comes */
    }
    return 0;
}

int main(int argc, char **argv)
{
    size_t event_bytes;

    if (argc == 3 && g_str_equal(argv[1], "sink")) {
        return sink(argv[2]);
    }
    event_bytes = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;
    if (event_bytes <= MARK_BYTES || event_bytes > MAX_EVENT_BYTES) {
        fprintf(stderr, "usage: lab-pages read|gather|splice|bare-splice|map "
                        "PORT ROUNDS EVENT-BYTES\n"
                        "       lab-pages sink SOCKET\n");
        return 2;
    }
    return measure(argv[1], argv[2], atoi(argv[3]), event_bytes);
}
