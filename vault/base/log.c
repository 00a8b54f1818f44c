#include "vault/base/log.h"
#include "vault/base/clock.h"
#include "vault/base/internal.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A line fits in PIPE_BUF (4,096): a pipe takes it whole or not at all. */
enum { LOG_LINE = 4096, DETAIL_MAX = 512, ESCAPED_MAX = 6 };

static _Atomic int least_level = LOG_INFO;
static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long dropped; /* under sink_lock */

void log_set_level(log_level least)
{
    atomic_store(&least_level, (int)least);
}

/* ---- one line of JSON ---- */

static void put_text(writer *w, const char *text)
{
    put_bytes(w, bytes_of_text(text));
}

static void put_escaped_byte(writer *w, uint8_t c)
{
    char code[ESCAPED_MAX + 1];
    snprintf(code, sizeof code, "\\u%04x", c);
    put_text(w, code);
}

/* Control characters are escaped, bytes that are not UTF-8 become U+FFFD. */
static void put_json_string(writer *w, bytes text)
{
    put_u8(w, '"');
    while (text.len > 0) {
        uint8_t c = text.at[0];
        size_t len = utf8_sequence(text);
        if (c == '"' || c == '\\') put_u8(w, '\\');
        if (len == 0)
            put_text(w, "\\ufffd");
        else if (c < 0x20 || c == 0x7f)
            put_escaped_byte(w, c);
        else
            put_bytes(w, bytes_of(text.at, len));
        text = bytes_of(text.at + (len ? len : 1), text.len - (len ? len : 1));
    }
    put_u8(w, '"');
}

static void put_member(writer *w, const char *name, const char *value)
{
    put_text(w, w->len > 1 ? ",\"" : "\"");
    put_text(w, name);
    put_text(w, "\":");
    put_json_string(w, bytes_of_text(value));
}

static void put_head(writer *w, log_level level, const char *event)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char time[32];
    clock_format(time, clock_now_us());
    put_u8(w, '{');
    put_member(w, "time", time);
    put_member(w, "level", names[level]);
    put_member(w, "event", event);
}

/* ---- the sink: stderr, never waited for ---- */

/* A pipe is shared with whoever holds its other descriptors, so that O_NONBLOCK on ours would change theirs: a pipe is
 * opened once more for ourselves. -1 when it cannot be. */
static int own_pipe(const struct stat *about)
{
    static int fd = -1;
    static dev_t device;
    static ino_t inode;
    if (fd >= 0 && device == about->st_dev && inode == about->st_ino) return fd;
    if (fd >= 0) close(fd);
    device = about->st_dev;
    inode = about->st_ino;
    fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    return fd;
}

static ssize_t write_now(bytes line)
{
    struct stat about;
    if (fstat(STDERR_FILENO, &about) != 0) return -1;
    if (S_ISSOCK(about.st_mode)) return send(STDERR_FILENO, line.at, line.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    int fd = S_ISFIFO(about.st_mode) ? own_pipe(&about) : -1;
    if (fd >= 0) return write(fd, line.at, line.len);
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT)) return -1;
    return write(STDERR_FILENO, line.at, line.len);
}

static void put_tail(writer *w)
{
    if (dropped > 0) {
        char count[48];
        snprintf(count, sizeof count, ",\"dropped\":%lu", dropped);
        put_text(w, count);
    }
    put_text(w, "}\n");
}

static void emit(writer *w)
{
    pthread_mutex_lock(&sink_lock);
    put_tail(w);
    bool written = !w->overflow && write_now(writer_bytes(w)) == (ssize_t)w->len;
    dropped = written ? 0 : dropped + 1;
    pthread_mutex_unlock(&sink_lock);
}

void log_event(log_level level, const char *event, const char *format, ...)
{
    if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed)) return;
    char detail[DETAIL_MAX + 1], line[LOG_LINE];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    writer w = writer_over(line, sizeof line);
    put_head(&w, level, event);
    put_member(&w, "detail", detail);
    emit(&w);
}

void log_failure(log_level level, const char *event, const vault_error *err)
{
    if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed)) return;
    char line[LOG_LINE];
    writer w = writer_over(line, sizeof line);
    put_head(&w, level, event);
    put_member(&w, "detail", err->detail);
    put_member(&w, "code", vault_code_name(err->code));
    if (err->where) put_member(&w, "where", err->where);
    if (err->reason) put_member(&w, "reason", err->reason);
    if (err->field[0]) put_member(&w, "field", err->field);
    emit(&w);
}
