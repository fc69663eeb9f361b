/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_BASE_TEXT_H
#define SANJI_PROTOCOL_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Well-formed UTF-8 by RFC 3629 (no surrogates, no overlong forms, at most U+10FFFF).
 * Returns true; on failure *ret_off (may be NULL) is the offset of the first bad byte. */
bool utf8_valid(const void *p, size_t n, size_t *ret_off);
/* Number of code points of well-formed UTF-8. */
size_t utf8_len(const void *p, size_t n);
/* Decodes one code point of well-formed UTF-8 at p, returns its length 1..4 (0 at n == 0). */
size_t utf8_next(const void *p, size_t n, uint32_t *ret_cp);
/* Appends one code point to out (at least 4 bytes); returns 1..4. */
size_t utf8_put(uint32_t cp, uint8_t out[static 4]);
/* True for C0, DEL, C1, and bidirectional override characters, which no stored text may hold
 * except newline and tab where multi_line is set. */
bool text_has_control(const char *s, size_t n, bool multi_line);

/* Strict decimal: whole string, no sign but '-', no leading zero, no space. 0 or SANJI_E_SYNTAX;
 * out of [min,max] is SANJI_E_SPEC. */
int text_i64(const char *s, size_t n, int64_t min, int64_t max, int64_t *ret);
/* "10s" "15m" "25h" "7d" "250ms", bare numbers are seconds; result in milliseconds. */
int text_duration_ms(const char *s, int64_t *ret_ms);
/* "4096" "64KiB" "1MiB" "2GiB" */
int text_bytes(const char *s, int64_t *ret_bytes);

/* Calendar dates, proleptic Gregorian, no time zone library: China is UTC+8 all year. */
int date_parse(const char *s, size_t n, int *ret_days); /* YYYY-MM-DD -> days since 1970-01-01 */
void date_write(int days, char out[static 11]);         /* with NUL */
int date_weekday(int days);                             /* 0 Monday .. 6 Sunday */
int date_of_ms(int64_t ms_utc);                         /* day number in UTC+8 */
/* YYYY-MM-DDTHH:MM <-> minutes since 1970-01-01T00:00, both in UTC+8 */
int minute_parse(const char *s, size_t n, int64_t *ret_min);
void minute_write(int64_t min, char out[static 17]); /* with NUL */
int64_t minute_of_ms(int64_t ms_utc);
void time_write(int64_t ms_utc, char out[static 32]); /* 2026-11-22T17:30:05.123+08:00 */
/* Period "2026", "2026-H1", "2026-Q4", "2026-11", "2026-W07", "2026-11-22" -> [first,last] day. */
int period_parse(const char *s, size_t n, int *ret_first, int *ret_last);

/* Versions such as 1.10.2: number by number, a missing one is 0, what follows the first other
 * character does not count. */
int version_cmp(const char *a, const char *b);

#endif
