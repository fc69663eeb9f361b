/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_CONFIG_CONFIG_H
#define SANJI_CONFIG_CONFIG_H

#include "protocol/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The settings of a node (settings.def): `name = value` lines with # comments, made to be edited by
 * hand. Reading reports every problem, not only the first, each with line, name and what would be
 * right; a file with problems changes nothing. Pure: the caller reads the file and words the
 * report. */

enum { CONFIG_TEXT_BYTES = 256, CONFIG_FILE_BYTES = 65536 };

enum config_type {
    CONFIG_INT,
    CONFIG_BOOL,
    CONFIG_TEXT,
    CONFIG_DURATION,
    CONFIG_BYTES,
    CONFIG_ADDR,
    CONFIG_URL,
    CONFIG_ENUM
};

/* clang-format off */
#define CONFIG_MEMBER_INT(n)      int64_t n;
#define CONFIG_MEMBER_BOOL(n)     bool n;
#define CONFIG_MEMBER_TEXT(n)     char n[CONFIG_TEXT_BYTES];
#define CONFIG_MEMBER_DURATION(n) int64_t n;
#define CONFIG_MEMBER_BYTES(n)    int64_t n;
#define CONFIG_MEMBER_ADDR(n)     char n[CONFIG_TEXT_BYTES];
#define CONFIG_MEMBER_URL(n)      char n[CONFIG_TEXT_BYTES];
#define CONFIG_MEMBER_ENUM(n)     char n[CONFIG_TEXT_BYTES];
struct config {
#define X(type, name, def, lo, hi, choices, reload, zh, en) CONFIG_MEMBER_##type(name)
#include "config/settings.def"
#undef X
};
/* clang-format on */

struct config_setting {
    const char *name;
    enum config_type type;
    size_t off;
    const char *def;
    int64_t min, max;
    const char *choices; /* ENUM, space separated */
    bool reloadable;
    const char *zh, *en;
};
extern const struct config_setting config_settings[];
extern const size_t config_settings_n;
const struct config_setting *config_find(const char *name);

enum config_wrong {
    CONFIG_NO_EQUALS, /* not `name = value` */
    CONFIG_UNKNOWN,   /* near names the most similar setting, or NULL */
    CONFIG_TWICE,     /* first_line tells where before */
    CONFIG_BAD_VALUE, /* want says what would be right */
    CONFIG_NOT_TEXT,  /* not UTF-8, or control characters */
    CONFIG_TOO_LONG,
    CONFIG_WRONG_COUNT
};
struct config_problem {
    enum config_wrong wrong;
    long line, first_line;
    char name[64]; /* as written, cut; printable ASCII only */
    const char *near;
    char want[160]; /* range or choices, language neutral */
};
/* Stable name of a problem for message keys: "unknown", "twice" ... */
const char *config_wrong_name(enum config_wrong w);
typedef void config_report_fn(const struct config_problem *p, void *arg);

void config_defaults(struct config *ret);
/* Defaults, overlaid by text. 0, or SANJI_E_CONFIG after every problem was reported (ret
 * untouched). report may be NULL. */
int config_parse(const char *text, size_t n, struct config *ret, config_report_fn *report,
                 void *arg);
/* One value. 0 or SANJI_E_CONFIG; want (may be NULL) receives what would be right. */
int config_set(struct config *c, const struct config_setting *s, const char *value, char want[160]);
/* Value as it would be written in the file. */
int config_value(const struct config *c, const struct config_setting *s, struct buf *out);
/* The whole file with help above each setting; a setting at its default is commented out. */
int config_print(const struct config *c, bool zh, struct buf *out);
/* Calls fn for every setting that differs; s->reloadable tells whether it needs a restart. */
void config_diff(const struct config *a, const struct config *b,
                 void (*fn)(const struct config_setting *s, void *arg), void *arg);
/* "127.0.0.1:80", "[::1]:80", "*:443", "localhost:0": the form of an address to listen on. */
bool config_addr_ok(const char *s);
/* http(s)://host[:port][/path], no user, no query, no fragment. */
bool config_url_ok(const char *s);

#endif
