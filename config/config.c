/* SPDX-License-Identifier: Apache-2.0 */
/* Why this file exists: an operator edits the settings by hand, far away from whoever wrote them,
 * so every mistake must be named with its line and with what would be right, and all mistakes at
 * once. The table settings.def is the only place that knows a setting; this file interprets it. A
 * file with one mistake is refused as a whole: half of somebody's wishes is nobody's wish. */
#include "config/config.h"

#include "protocol/base/err.h"
#include "protocol/base/text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

const struct config_setting config_settings[] = {
#define X(type, name, def, lo, hi, choices, reload, zh, en)                                        \
    {#name, CONFIG_##type, offsetof(struct config, name), def, lo, hi, choices, reload, zh, en},
#include "config/settings.def"
#undef X
};
const size_t config_settings_n = sizeof config_settings / sizeof config_settings[0];

const struct config_setting *config_find(const char *name)
{
    for (size_t i = 0; i < config_settings_n; i++) {
        if (strcmp(config_settings[i].name, name) == 0) {
            return &config_settings[i];
        }
    }
    return NULL;
}

const char *config_wrong_name(enum config_wrong w)
{
    static const char *const names[CONFIG_WRONG_COUNT] = {
        [CONFIG_NO_EQUALS] = "no_equals", [CONFIG_UNKNOWN] = "unknown",
        [CONFIG_TWICE] = "twice",         [CONFIG_BAD_VALUE] = "bad_value",
        [CONFIG_NOT_TEXT] = "not_text",   [CONFIG_TOO_LONG] = "too_long",
    };
    return w < CONFIG_WRONG_COUNT ? names[w] : "unknown";
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_host_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-';
}

static bool port_ok(const char *s, size_t n)
{
    int64_t v = 0;
    return text_i64(s, n, 0, 65535, &v) == 0;
}

/* Length of a host at s (name, IPv4, [IPv6]), 0 when there is none. */
static size_t host_len(const char *s)
{
    size_t n = 0;
    if (s[0] == '[') {
        n = 1 + strspn(s + 1, "0123456789abcdefABCDEF:.");
        return n > 2 && s[n] == ']' ? n + 1 : 0;
    }
    while (is_host_char(s[n])) {
        n++;
    }
    return n <= 253 ? n : 0;
}

bool config_addr_ok(const char *s)
{
    size_t n = s[0] == '*' ? 1 : host_len(s);
    return n > 0 && s[n] == ':' && port_ok(s + n + 1, strlen(s + n + 1));
}

bool config_url_ok(const char *s)
{
    if (strncmp(s, "https://", 8) != 0) {
        return false;
    }
    s += 8;
    size_t n = host_len(s);
    if (n == 0) {
        return false;
    }
    s += n;
    if (*s == ':') {
        size_t p = strcspn(s + 1, "/");
        if (!port_ok(s + 1, p) || p == 0) {
            return false;
        }
        s += 1 + p;
    }
    if (*s != '\0' && *s != '/') {
        return false;
    }
    for (; *s != '\0'; s++) {
        if ((unsigned char)*s <= ' ' || (unsigned char)*s > '~' || *s == '?' || *s == '#' ||
            *s == '\\') {
            return false;
        }
    }
    return true;
}

static bool choice_ok(const char *choices, const char *v)
{
    size_t n = strlen(v);
    for (const char *p = choices; n > 0 && *p != '\0';) {
        size_t w = strcspn(p, " ");
        if (w == n && memcmp(p, v, n) == 0) {
            return true;
        }
        p += w;
        p += *p == ' ';
    }
    return false;
}

static const struct unit {
    const char *name;
    int64_t size;
} duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}},
  byte_units[] = {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}};

static void put_unit(char *out, size_t size, int64_t v, const struct unit *u, size_t n)
{
    size_t i = 0;
    while (i + 1 < n && (v == 0 || v % u[i].size != 0)) {
        i++;
    }
    snprintf(out, size, "%lld%s", (long long)(v / u[i].size), u[i].name);
}

static void put_number(char *out, size_t size, enum config_type type, int64_t v)
{
    if (type == CONFIG_DURATION) {
        put_unit(out, size, v, duration_units, 5);
    } else if (type == CONFIG_BYTES) {
        put_unit(out, size, v, byte_units, 4);
    } else {
        snprintf(out, size, "%lld", (long long)v);
    }
}

static void say_want(const struct config_setting *s, char want[160])
{
    char lo[32], hi[32];
    put_number(lo, sizeof lo, s->type, s->min);
    put_number(hi, sizeof hi, s->type, s->max);
    switch (s->type) {
    case CONFIG_INT:
    case CONFIG_DURATION:
    case CONFIG_BYTES:
        snprintf(want, 160, "%s .. %s", lo, hi);
        break;
    case CONFIG_BOOL:
        snprintf(want, 160, "yes | no");
        break;
    case CONFIG_ENUM:
        snprintf(want, 160, "%s", s->choices);
        break;
    case CONFIG_ADDR:
        snprintf(want, 160, "127.0.0.1:8080, [::1]:8080, *:8443");
        break;
    case CONFIG_URL:
        snprintf(want, 160, "https://host:port");
        break;
    case CONFIG_TEXT:
        snprintf(want, 160, "%s .. %s UTF-8", lo, hi);
        break;
    }
}

static int set_number(const struct config_setting *s, const char *v, int64_t *dst)
{
    int64_t x = 0;
    int r = s->type == CONFIG_DURATION ? text_duration_ms(v, &x)
            : s->type == CONFIG_BYTES  ? text_bytes(v, &x)
                                       : text_i64(v, strlen(v), s->min, s->max, &x);
    if (r < 0 || x < s->min || x > s->max) {
        return SANJI_E_CONFIG;
    }
    *dst = x;
    return 0;
}

static int set_bool(const char *v, bool *dst)
{
    if (choice_ok("yes true on 1", v)) {
        *dst = true;
        return 0;
    }
    if (choice_ok("no false off 0", v)) {
        *dst = false;
        return 0;
    }
    return SANJI_E_CONFIG;
}

static int set_text(const struct config_setting *s, const char *v, char *dst)
{
    size_t n = strlen(v);
    bool ok = n < CONFIG_TEXT_BYTES && utf8_valid(v, n, NULL) && !text_has_control(v, n, false);
    if (ok && s->type == CONFIG_ADDR) {
        ok = n == 0 || config_addr_ok(v);
    } else if (ok && s->type == CONFIG_URL) {
        ok = n == 0 || config_url_ok(v);
    } else if (ok && s->type == CONFIG_ENUM) {
        ok = choice_ok(s->choices, v);
    } else if (ok) {
        int64_t len = (int64_t)utf8_len(v, n);
        ok = len >= s->min && len <= s->max;
    }
    if (!ok) {
        return SANJI_E_CONFIG;
    }
    memset(dst, 0, CONFIG_TEXT_BYTES);
    memcpy(dst, v, n);
    return 0;
}

int config_set(struct config *c, const struct config_setting *s, const char *value, char want[160])
{
    char *dst = (char *)c + s->off;
    int r = 0;
    switch (s->type) {
    case CONFIG_INT:
    case CONFIG_DURATION:
    case CONFIG_BYTES: {
        int64_t v = 0;
        r = set_number(s, value, &v);
        if (r == 0) {
            memcpy(dst, &v, sizeof v);
        }
        break;
    }
    case CONFIG_BOOL: {
        bool v = false;
        r = set_bool(value, &v);
        if (r == 0) {
            memcpy(dst, &v, sizeof v);
        }
        break;
    }
    case CONFIG_TEXT:
    case CONFIG_ADDR:
    case CONFIG_URL:
    case CONFIG_ENUM:
        r = set_text(s, value, dst);
        break;
    }
    if (r < 0 && want != NULL) {
        say_want(s, want);
    }
    return r;
}

void config_defaults(struct config *ret)
{
    memset(ret, 0, sizeof *ret);
    for (size_t i = 0; i < config_settings_n; i++) {
        int r = config_set(ret, &config_settings[i], config_settings[i].def, NULL);
        assert(r == 0);
        (void)r;
    }
}

/* Edit distance of two short names, for "did you mean"; longer ones are cut. */
static size_t distance(const char *a, const char *b)
{
    enum { MAX = 32 };
    size_t row[MAX + 1];
    size_t an = strnlen(a, MAX), bn = strnlen(b, MAX);
    for (size_t j = 0; j <= bn; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= an; i++) {
        size_t diag = row[0];
        row[0] = i;
        for (size_t j = 1; j <= bn; j++) {
            size_t best = diag + (a[i - 1] != b[j - 1]);
            diag = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            row[j] = best;
        }
    }
    return row[bn];
}

static const char *nearest(const char *name)
{
    const char *best = NULL;
    size_t d = 4; /* further away is no typing mistake */
    for (size_t i = 0; i < config_settings_n; i++) {
        size_t x = distance(name, config_settings[i].name);
        if (x < d) {
            d = x;
            best = config_settings[i].name;
        }
    }
    return best;
}

struct reading {
    struct config c;
    long *line_of; /* per setting, 0: not seen */
    long line;
    size_t problems;
    config_report_fn *report;
    void *arg;
};

static void problem(struct reading *rd, struct config_problem *p)
{
    p->line = rd->line;
    rd->problems++;
    if (rd->report != NULL) {
        rd->report(p, rd->arg);
    }
}

static void take_setting(struct reading *rd, const char *name, const char *value)
{
    struct config_problem p = {0};
    /* The name is echoed, so only what cannot disturb a terminal. */
    for (size_t i = 0; name[i] != '\0' && i + 1 < sizeof p.name; i++) {
        p.name[i] = name[i] > ' ' && name[i] <= '~' ? name[i] : '?';
    }
    const struct config_setting *s = config_find(name);
    if (s == NULL) {
        p.wrong = CONFIG_UNKNOWN;
        p.near = nearest(name);
        problem(rd, &p);
        return;
    }
    size_t i = (size_t)(s - config_settings);
    if (rd->line_of[i] != 0) {
        p.wrong = CONFIG_TWICE;
        p.first_line = rd->line_of[i];
        problem(rd, &p);
        return;
    }
    rd->line_of[i] = rd->line;
    if (config_set(&rd->c, s, value, p.want) < 0) {
        p.wrong = CONFIG_BAD_VALUE;
        problem(rd, &p);
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts blanks at both ends; s[n] is writable. */
static char *trim(char *s, size_t n)
{
    while (n > 0 && is_blank(s[n - 1])) {
        n--;
    }
    s[n] = '\0';
    while (is_blank(*s)) {
        s++;
    }
    return s;
}

static void take_line(struct reading *rd, const char *p, size_t n)
{
    char line[1024];
    struct config_problem pr = {0};
    if (n >= sizeof line) {
        pr.wrong = CONFIG_TOO_LONG;
        problem(rd, &pr);
        return;
    }
    memcpy(line, p, n);
    char *s = trim(line, n);
    if (*s == '\0' || *s == '#') {
        return;
    }
    size_t len = strlen(s);
    if (!utf8_valid(p, n, NULL) || memchr(p, '\0', n) != NULL || text_has_control(s, len, true)) {
        pr.wrong = CONFIG_NOT_TEXT;
        problem(rd, &pr);
        return;
    }
    char *eq = strchr(s, '=');
    if (eq == NULL || eq == s) {
        pr.wrong = CONFIG_NO_EQUALS;
        problem(rd, &pr);
        return;
    }
    char *value = trim(eq + 1, strlen(eq + 1));
    char *hash = strstr(value, " #"); /* a comment behind the value; "#" inside a value stays */
    if (hash != NULL) {
        value = trim(value, (size_t)(hash - value));
    } else if (value[0] == '#') {
        value[0] = '\0';
    }
    take_setting(rd, trim(s, (size_t)(eq - s)), value);
}

int config_parse(const char *text, size_t n, struct config *ret, config_report_fn *report,
                 void *arg)
{
    long line_of[sizeof config_settings / sizeof config_settings[0]] = {0};
    struct reading rd = {.line_of = line_of, .report = report, .arg = arg};
    config_defaults(&rd.c);
    if (n > CONFIG_FILE_BYTES) {
        struct config_problem p = {.wrong = CONFIG_TOO_LONG};
        problem(&rd, &p);
        return SANJI_E_CONFIG;
    }
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* editors on Windows write it unasked */
        text += 3;
        n -= 3;
    }
    while (n > 0) {
        const char *nl = memchr(text, '\n', n);
        size_t len = nl != NULL ? (size_t)(nl - text) : n;
        rd.line++;
        take_line(&rd, text, len);
        len += nl != NULL;
        text += len;
        n -= len;
    }
    if (rd.problems > 0) {
        return SANJI_E_CONFIG;
    }
    *ret = rd.c;
    return 0;
}

int config_value(const struct config *c, const struct config_setting *s, struct buf *out)
{
    const char *src = (const char *)c + s->off;
    char num[40];
    int64_t v = 0;
    bool b = false;
    switch (s->type) {
    case CONFIG_INT:
    case CONFIG_DURATION:
    case CONFIG_BYTES:
        memcpy(&v, src, sizeof v);
        put_number(num, sizeof num, s->type, v);
        return buf_puts(out, num);
    case CONFIG_BOOL:
        memcpy(&b, src, sizeof b);
        return buf_puts(out, b ? "yes" : "no");
    case CONFIG_TEXT:
    case CONFIG_ADDR:
    case CONFIG_URL:
    case CONFIG_ENUM:
        break;
    }
    return buf_puts(out, src);
}

static bool same(const struct config *a, const struct config *b, const struct config_setting *s)
{
    size_t n = s->type == CONFIG_BOOL ? sizeof(bool) : sizeof(int64_t);
    if (s->type == CONFIG_TEXT || s->type == CONFIG_ADDR || s->type == CONFIG_URL ||
        s->type == CONFIG_ENUM) {
        n = CONFIG_TEXT_BYTES;
    }
    return memcmp((const char *)a + s->off, (const char *)b + s->off, n) == 0;
}

int config_print(const struct config *c, bool zh, struct buf *out)
{
    struct config def;
    config_defaults(&def);
    buf_puts(out,
             zh ? "# 三级节点设置。每行“名称 = 值”，# 之后为注释；去掉行首 # 即可改用自己的值。\n"
                  "# 时长写作 500ms 30s 15m 12h 7d，大小写作 64KiB 1MiB 2GiB。\n"
                : "# Settings of a Sanji node. Lines are `name = value`; # begins a comment; "
                  "remove the # in\n"
                  "# front of a line to use your own value. Durations: 500ms 30s 15m 12h 7d. "
                  "Sizes: 64KiB 1MiB 2GiB.\n");
    for (size_t i = 0; i < config_settings_n; i++) {
        const struct config_setting *s = &config_settings[i];
        char want[160];
        say_want(s, want);
        buf_printf(out, "\n# %s\n# (%s%s)\n", zh ? s->zh : s->en, want,
                   s->reloadable ? ""
                   : zh          ? "；改后需重启"
                                 : "; restart needed");
        buf_printf(out, "%s%s = ", same(c, &def, s) ? "# " : "", s->name);
        config_value(c, s, out);
        buf_putc(out, '\n');
    }
    return out->err;
}

void config_diff(const struct config *a, const struct config *b,
                 void (*fn)(const struct config_setting *s, void *arg), void *arg)
{
    for (size_t i = 0; i < config_settings_n; i++) {
        if (!same(a, b, &config_settings[i])) {
            fn(&config_settings[i], arg);
        }
    }
}
