/* SPDX-License-Identifier: Apache-2.0 */
#include "node/ical.h"

#include "protocol/base/text.h"

#include <stdio.h>
#include <string.h>

enum { LINE = 75, TEXT_BYTES = 65536, CHINA_MIN = 480 };

/* A content line; a longer one goes on in the next, which begins with a space. Never inside a
 * character. */
static void put_line(struct buf *out, const char *name, const char *value)
{
    size_t used = strlen(name) + 1;
    buf_printf(out, "%s:", name);
    for (const char *p = value; *p != '\0';) {
        uint32_t cp = 0;
        size_t n = utf8_next((const uint8_t *)p, strlen(p), &cp);
        n = n == 0 ? 1 : n;
        if (used + n > LINE) {
            buf_puts(out, "\r\n ");
            used = 1;
        }
        buf_put(out, p, n);
        used += n;
        p += n;
    }
    buf_puts(out, "\r\n");
}

/* A TEXT: what means something to the format is escaped, control characters are left out. */
static void put_text(struct buf *out, const char *name, const char *text)
{
    struct buf b;
    if (text[0] == '\0') {
        return;
    }
    buf_init(&b, TEXT_BYTES);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\n') {
            buf_puts(&b, "\\n");
        } else if (strchr("\\;,", *p) != NULL) {
            buf_printf(&b, "\\%c", *p);
        } else if ((unsigned char)*p >= ' ' && *p != 0x7f) {
            buf_putc(&b, *p);
        }
    }
    put_line(out, name, b.err == 0 ? buf_str(&b) : "");
    buf_done(&b);
}

/* 20261130T013000Z */
static void put_time(struct buf *out, const char *name, int64_t utc_min, int sec)
{
    char m[17], t[24];
    minute_write(utc_min, m); /* 2026-11-30T01:30, whatever the zone */
    snprintf(t, sizeof t, "%.4s%.2s%.2sT%.2s%.2s%02dZ", m, m + 5, m + 8, m + 11, m + 14, sec);
    put_line(out, name, t);
}

void ical_begin(struct buf *out, const char *name)
{
    put_line(out, "BEGIN", "VCALENDAR");
    put_line(out, "VERSION", "2.0");
    put_line(out, "PRODID", "-//Sanji//Bookings//ZH");
    put_line(out, "CALSCALE", "GREGORIAN");
    put_line(out, "METHOD", "PUBLISH");
    put_text(out, "X-WR-CALNAME", name);
    put_line(out, "REFRESH-INTERVAL;VALUE=DURATION", "PT15M");
    put_line(out, "X-PUBLISHED-TTL", "PT15M");
}

void ical_event(struct buf *out, const struct ical_event *e, int64_t now_ms)
{
    put_line(out, "BEGIN", "VEVENT");
    put_text(out, "UID", e->uid);
    put_time(out, "DTSTAMP", now_ms / 60000, (int)(now_ms / 1000 % 60));
    put_time(out, "DTSTART", e->from - CHINA_MIN, 0);
    put_time(out, "DTEND", e->to - CHINA_MIN, 0);
    put_text(out, "SUMMARY", e->summary);
    put_text(out, "DESCRIPTION", e->detail);
    put_text(out, "LOCATION", e->place);
    put_line(out, "STATUS", e->status == ICAL_CONFIRMED ? "CONFIRMED" : "TENTATIVE");
    put_line(out, "END", "VEVENT");
}

void ical_end(struct buf *out)
{
    put_line(out, "END", "VCALENDAR");
}
