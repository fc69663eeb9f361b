/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_JSPEC_H
#define SANJI_PROTOCOL_JSPEC_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/jwrite.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Tables that say how a JSON object and a C struct correspond: one table reads and writes.
 * cJSON is known to jspec.c and jtree.c only. Texts and arrays are allocated from the arena and
 * live as long as it does. Unknown members are refused (SANJI_E_SPEC, named in the fault) unless
 * the table ends with JF_END_OPEN, for messages that newer peers may extend. */
enum jf_type {
    JF_T_END,
    JF_T_TEXT,  /* const char *            min..max code points */
    JF_T_TOKEN, /* const char *            ASCII [A-Za-z0-9._:/-], min..max bytes */
    JF_T_INT,   /* int64_t                 min..max */
    JF_T_BOOL,  /* bool */
    JF_T_BYTES, /* uint8_t[max]            base64url of exactly max bytes */
    JF_T_BLOB,  /* struct span             base64url, min..max bytes */
    JF_T_RAW,   /* struct span             any JSON value, its text re-printed by us */
    JF_T_OBJ,   /* struct of sub table     nested object */
    JF_T_ARR,   /* struct jarr             array of sub-table objects, min..max elements */
    JF_T_TEXTS, /* struct jarr of const char *    array of texts, min..max elements */
};

struct jarr {
    void *v; /* elements, n of the element size */
    size_t n;
};

struct jspec {
    const char *name;
    enum jf_type type;
    bool optional; /* absent: NULL / 0 / false / zero bytes; see has_off */
    size_t off;
    int64_t min, max;
    const struct jspec *sub; /* OBJ, ARR */
    size_t size;             /* element size for ARR; for OBJ the member's size */
    size_t has_off;          /* offset of a bool that says "was present"; SIZE_MAX: none */
};

/* clang-format off */
#define JF_CHK_(S, m, T) (_Generic(&((S *)0)->m, T *: offsetof(S, m)))
#define JF_TEXT(S, m, lo, hi)      {#m, JF_T_TEXT, false, JF_CHK_(S, m, const char *), lo, hi, NULL, 0, SIZE_MAX}
#define JF_TEXT_OPT(S, m, lo, hi)  {#m, JF_T_TEXT, true,  JF_CHK_(S, m, const char *), lo, hi, NULL, 0, SIZE_MAX}
#define JF_TOKEN(S, m, lo, hi)     {#m, JF_T_TOKEN, false, JF_CHK_(S, m, const char *), lo, hi, NULL, 0, SIZE_MAX}
#define JF_TOKEN_OPT(S, m, lo, hi) {#m, JF_T_TOKEN, true, JF_CHK_(S, m, const char *), lo, hi, NULL, 0, SIZE_MAX}
#define JF_INT(S, m, lo, hi)       {#m, JF_T_INT, false, JF_CHK_(S, m, int64_t), lo, hi, NULL, 0, SIZE_MAX}
#define JF_INT_OPT(S, m, lo, hi)   {#m, JF_T_INT, true,  JF_CHK_(S, m, int64_t), lo, hi, NULL, 0, SIZE_MAX}
#define JF_BOOL(S, m)              {#m, JF_T_BOOL, false, JF_CHK_(S, m, bool), 0, 1, NULL, 0, SIZE_MAX}
#define JF_BOOL_OPT(S, m)          {#m, JF_T_BOOL, true, JF_CHK_(S, m, bool), 0, 1, NULL, 0, SIZE_MAX}
#define JF_BYTES(S, m)             {#m, JF_T_BYTES, false, offsetof(S, m), 0, sizeof(((S *)0)->m), NULL, 0, SIZE_MAX}
#define JF_BYTES_OPT(S, m, has)    {#m, JF_T_BYTES, true, offsetof(S, m), 0, sizeof(((S *)0)->m), NULL, 0, JF_CHK_(S, has, bool)}
#define JF_BLOB(S, m, lo, hi)      {#m, JF_T_BLOB, false, JF_CHK_(S, m, struct span), lo, hi, NULL, 0, SIZE_MAX}
#define JF_RAW(S, m)               {#m, JF_T_RAW, false, JF_CHK_(S, m, struct span), 0, 0, NULL, 0, SIZE_MAX}
#define JF_RAW_OPT(S, m)           {#m, JF_T_RAW, true, JF_CHK_(S, m, struct span), 0, 0, NULL, 0, SIZE_MAX}
#define JF_OBJ(S, m, subspec)      {#m, JF_T_OBJ, false, offsetof(S, m), 0, 0, subspec, sizeof(((S *)0)->m), SIZE_MAX}
#define JF_OBJ_OPT(S, m, subspec, has) {#m, JF_T_OBJ, true, offsetof(S, m), 0, 0, subspec, sizeof(((S *)0)->m), JF_CHK_(S, has, bool)}
#define JF_ARR(S, m, lo, hi, subspec, T)     {#m, JF_T_ARR, false, JF_CHK_(S, m, struct jarr), lo, hi, subspec, sizeof(T), SIZE_MAX}
#define JF_ARR_OPT(S, m, lo, hi, subspec, T) {#m, JF_T_ARR, true, JF_CHK_(S, m, struct jarr), lo, hi, subspec, sizeof(T), SIZE_MAX}
#define JF_TEXTS_OPT(S, m, lo, hi) {#m, JF_T_TEXTS, true, JF_CHK_(S, m, struct jarr), lo, hi, NULL, sizeof(char *), SIZE_MAX}
#define JF_END                     {NULL, JF_T_END, false, 0, 0, 0, NULL, 0, SIZE_MAX}
#define JF_END_OPEN                {NULL, JF_T_END, true, 0, 0, 0, NULL, 0, SIZE_MAX}
/* clang-format on */

/* Runs json_gate (protocol mode), parses, fills dst (zeroed first). Absent optional arrays have
 * n == 0. 0 or SANJI_E_SYNTAX, _ENCODING, _SPEC, _SIZE, _NOMEM with the fault filled. */
int jspec_read(const void *json, size_t n, const struct jspec *spec, void *dst, size_t dst_size,
               struct arena *a, struct fault *f);
/* Writes an object in table order, optional members only when present (non-NULL, non-zero, true,
 * or has flag set). name as in jw_obj. */
void jspec_write(struct jw *w, const char *name, const struct jspec *spec, const void *src);

#endif
