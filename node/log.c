/* SPDX-License-Identifier: Apache-2.0
 * Why: an operator reads one stream of lines, whatever thread wrote them and whatever reads them
 * (journald, a file, a terminal). Formatting happens in a fixed buffer under one lock: logging must
 * still work when memory is short, and two threads must never mix their lines. The JSON form is
 * made from the logfmt form, so that callers write one format string and both stay the same. */
#include "node/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "protocol/base/text.h"

static struct {
    pthread_mutex_t lock;
    int level;
    int fd;
    bool json;
    char line[LOG_LINE_BYTES];
    char json_line[2 * LOG_LINE_BYTES];
} lg = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_INFO, .fd = STDERR_FILENO};

static const struct {
    int level;
    const char *name;
} level_names[] = {
    {LOG_ERR, "error"}, {LOG_WARNING, "warning"}, {LOG_NOTICE, "notice"},
    {LOG_INFO, "info"}, {LOG_DEBUG, "debug"},
};
enum { LEVEL_N = sizeof level_names / sizeof level_names[0] };

static const char *level_name(int level)
{
    for (size_t i = 0; i < LEVEL_N; i++) {
        if (level_names[i].level == level) {
            return level_names[i].name;
        }
    }
    return level < LOG_ERR ? "error" : "debug";
}

int log_level_by_name(const char *name)
{
    for (size_t i = 0; i < LEVEL_N; i++) {
        if (strcmp(level_names[i].name, name) == 0) {
            return level_names[i].level;
        }
    }
    return -1;
}

void log_set_json(bool on)
{
    pthread_mutex_lock(&lg.lock);
    lg.json = on;
    pthread_mutex_unlock(&lg.lock);
}

void log_set_level(int level)
{
    pthread_mutex_lock(&lg.lock);
    lg.level = level;
    pthread_mutex_unlock(&lg.lock);
}

int log_level(void)
{
    pthread_mutex_lock(&lg.lock);
    int level = lg.level;
    pthread_mutex_unlock(&lg.lock);
    return level;
}

void log_set_fd(int fd)
{
    pthread_mutex_lock(&lg.lock);
    lg.fd = fd;
    pthread_mutex_unlock(&lg.lock);
}

/* Control characters become '?', and so does everything beyond ASCII when it is not UTF-8. */
static void clean(char *s, size_t n)
{
    bool utf8 = utf8_valid(s, n, NULL);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8)) {
            s[i] = '?';
        }
    }
}

const char *log_quote(char buf[static LOG_QUOTE_BYTES], const char *s)
{
    size_t o = 0;
    buf[o++] = '"';
    for (; *s != '\0' && o + 3 < LOG_QUOTE_BYTES; s++) {
        if (*s == '"' || *s == '\\') {
            buf[o++] = '\\';
        }
        buf[o++] = *s;
    }
    while (*s != '\0' && o > 1 && ((unsigned char)buf[o - 1] & 0x80) != 0) {
        o--; /* cut before a multi-byte character, not inside it */
    }
    clean(buf, o);
    buf[o++] = '"';
    buf[o] = '\0';
    return buf;
}

struct out {
    char *p;
    size_t len, cap;
};

static void out_bytes(struct out *o, const char *s, size_t n)
{
    if (n > o->cap - o->len) {
        n = o->cap - o->len;
    }
    memcpy(o->p + o->len, s, n);
    o->len += n;
}

static void out_str(struct out *o, const char *s)
{
    out_bytes(o, s, strlen(s));
}

static void json_text(struct out *o, const char *s, size_t n)
{
    out_str(o, "\"");
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '"' || s[i] == '\\') {
            out_str(o, "\\");
        }
        out_bytes(o, s + i, 1);
    }
    out_str(o, "\"");
}

static bool plain_integer(const char *s, size_t n)
{
    int64_t v = 0;
    return text_i64(s, n, -999999999999999, 999999999999999, &v) == 0;
}

/* One `key=value` of a cleaned logfmt text; returns what is left. */
static const char *json_pair(struct out *o, const char *s)
{
    size_t k = strcspn(s, "= ");
    if (k == 0 || s[k] != '=') {
        size_t n = k == 0 ? 1 : k;
        out_str(o, ",\"text\":");
        json_text(o, s, n);
        return s + n;
    }
    out_str(o, ",");
    json_text(o, s, k);
    out_str(o, ":");
    s += k + 1;
    if (*s == '"') { /* written by log_quote: its escapes are JSON's */
        size_t n = 1;
        while (s[n] != '\0' && s[n] != '"') {
            n += s[n] == '\\' && s[n + 1] != '\0' ? 2 : 1;
        }
        out_bytes(o, s, n);
        out_str(o, "\"");
        return s + n + (s[n] == '"' ? 1 : 0);
    }
    size_t n = strcspn(s, " ");
    if (plain_integer(s, n)) {
        out_bytes(o, s, n);
    } else {
        json_text(o, s, n);
    }
    return s + n;
}

static int64_t wall_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t mono_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static size_t to_json(int level, const char *event, const char *text)
{
    /* Room for the end of the object is kept back, so that a cut line is still one object. */
    struct out o = {lg.json_line, 0, sizeof lg.json_line - 4};
    char when[32];
    time_write(wall_ms(), when);
    out_str(&o, "{\"time\":\"");
    out_str(&o, when);
    out_str(&o, "\",\"level\":\"");
    out_str(&o, level_name(level));
    out_str(&o, "\",\"event\":");
    json_text(&o, event, strlen(event));
    while (*text != '\0') {
        text += strspn(text, " ");
        if (*text == '\0' || o.cap - o.len < strlen(text) * 2 + 16) {
            break;
        }
        text = json_pair(&o, text);
    }
    out_str(&o, "}\n");
    return o.len;
}

static void write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR) {
            continue;
        }
        if (w <= 0) {
            return; /* nowhere left to complain */
        }
        p += w;
        n -= (size_t)w;
    }
}

__attribute__((format(printf, 4, 0))) static void
emit(int level, const char *event, unsigned dropped, const char *fmt, va_list ap)
{
    int head =
        snprintf(lg.line, sizeof lg.line, "<%d>%s event=%s ", level, level_name(level), event);
    size_t at = head < 0 ? 0 : (size_t)head;
    if (at > sizeof lg.line / 2) {
        return; /* an event name of 2 KiB is nobody's */
    }
    size_t room = sizeof lg.line - at - 32;
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): every caller has called va_start */
    int r = vsnprintf(lg.line + at, room, fmt, ap);
    size_t n = r < 0 ? 0 : (size_t)r < room ? (size_t)r : room - 1;
    if (dropped > 0) {
        int d = snprintf(lg.line + at + n, 32, " dropped=%u", dropped);
        n += d < 0 ? 0 : (size_t)d;
    }
    clean(lg.line + at, n);
    lg.line[at + n] = '\0';
    if (lg.json) {
        size_t len = to_json(level, event, lg.line + at);
        write_all(lg.fd, lg.json_line, len);
        return;
    }
    n += at;
    while (n > 0 && lg.line[n - 1] == ' ') {
        n--;
    }
    lg.line[n++] = '\n';
    write_all(lg.fd, lg.line, n);
}

void log_event(int level, const char *event, const char *fmt, ...)
{
    pthread_mutex_lock(&lg.lock);
    if (level <= lg.level && lg.fd >= 0) {
        va_list ap;
        va_start(ap, fmt);
        emit(level, event, 0, fmt, ap);
        va_end(ap);
    }
    pthread_mutex_unlock(&lg.lock);
}

void log_event_limited(struct log_limit *lim, int64_t every_ms, int level, const char *event,
                       const char *fmt, ...)
{
    pthread_mutex_lock(&lg.lock);
    if (level <= lg.level && lg.fd >= 0) {
        int64_t now = mono_ms();
        if (now < lim->next_ms) {
            lim->dropped++;
        } else {
            va_list ap;
            va_start(ap, fmt);
            emit(level, event, lim->dropped, fmt, ap);
            va_end(ap);
            lim->next_ms = now + every_ms;
            lim->dropped = 0;
        }
    }
    pthread_mutex_unlock(&lg.lock);
}
