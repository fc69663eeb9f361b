/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_TEXT_H
#define SANJI_NODE_TEXT_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"

#include <stdbool.h>

/* Every sentence a user reads: node/text/zh-CN.json and en.json, embedded. C holds keys only. A
 * sentence holds {name} placeholders, filled from name/value pairs. */
enum text_lang { TEXT_EN, TEXT_ZH, TEXT_LANGS };

/* Which language: `flag` ("zh", "zh-CN", "en", "auto" or NULL) first, then the first non-empty of
 * LC_ALL, LC_MESSAGES, LANG as strings (no locale need be installed). What begins with "zh" is
 * Chinese; C, POSIX, unset and everything else is English. -1 for an unknown flag. */
int text_pick(const char *flag, const char *lc_all, const char *lc_messages, const char *lang);
int text_pick_env(const char *flag);
const char *text_lang_name(enum text_lang l); /* "en", "zh-CN" */

/* The sentence, static storage; the key itself when there is none (a test forbids that). */
const char *text_get(enum text_lang l, const char *key);
bool text_has(enum text_lang l, const char *key);
/* Names of kinds, fields and choices ("kind.org.name") and the words of tables ("word.yes"), which
 * the pages' files hold: tables with a heading need them here too. NULL when there is none. */
const char *text_label(enum text_lang l, const char *key);
/* Appends the sentence with {name} replaced. Pairs of const char * (name, value), then NULL. */
void text_put(struct buf *out, enum text_lang l, const char *key, ...) __attribute__((sentinel));
/* Sentence of a negative SANJI_E_*: what it means and what to do. */
const char *text_error(enum text_lang l, int err);
/* What a fault wanted instead, in words where there are some; else as it is. */
const char *text_want(enum text_lang l, const char *want);
/* What, where (member, line) and remedy of a fault, one line without newline. */
void text_fault(struct buf *out, enum text_lang l, int err, const struct fault *f);
/* For tests: walks all keys of a language. */
void text_each(enum text_lang l, void (*fn)(const char *key, const char *sentence, void *arg),
               void *arg);

#endif
