/* SPDX-License-Identifier: Apache-2.0 */
/* Names decide who may write what, so each has one spelling only: two nodes that compare bytes must
 * never disagree about whether two names are the same. Everything here is a pure function of bytes;
 * random bits come from the caller. */
#include "protocol/ids.h"

#include "protocol/base/enc.h"

#include <string.h>

enum { ID_DIGITS = 13 }; /* 13 * 5 = 65 bits: no unused bits, so no second spelling */

static bool base32_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7');
}

static bool lettered_id_valid(char letter, const char *s, size_t n)
{
    if (n != 1 + ID_DIGITS || s[0] != letter) {
        return false;
    }
    for (size_t i = 1; i < n; i++) {
        if (!base32_digit(s[i])) {
            return false;
        }
    }
    return true;
}

/* The first 65 bits of src as 13 digits: bit 65 is the highest of the ninth byte. */
static void lettered_id_make(char letter, const uint8_t src[static 9], char out[static 15])
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    out[0] = letter;
    for (unsigned d = 0; d < ID_DIGITS; d++) {
        unsigned v = 0;
        for (unsigned bit = d * 5; bit < d * 5 + 5; bit++) {
            v = v << 1 | (src[bit / 8] >> (7 - bit % 8) & 1U);
        }
        out[1 + d] = digits[v];
    }
    out[1 + ID_DIGITS] = '\0';
}

bool node_id_valid(const char *s, size_t n)
{
    return lettered_id_valid('n', s, n);
}

int node_id_parse(const char *s, size_t n, struct node_id *ret)
{
    if (!node_id_valid(s, n)) {
        return SANJI_E_SPEC;
    }
    *ret = (struct node_id){0};
    memcpy(ret->s, s, n);
    return 0;
}

void node_id_make(const uint8_t rnd[static 9], struct node_id *ret)
{
    *ret = (struct node_id){0};
    lettered_id_make('n', rnd, ret->s);
}

int node_id_cmp(const struct node_id *a, const struct node_id *b)
{
    return strcmp(a->s, b->s);
}

void key_id_of(const uint8_t pub[static SIGN_PUB_LEN], struct key_id *ret)
{
    static const uint8_t prefix = 0x03;
    uint8_t h[HASH_LEN];
    hash_two(&prefix, 1, pub, SIGN_PUB_LEN, h);
    *ret = (struct key_id){0};
    lettered_id_make('k', h, ret->s);
}

bool key_id_valid(const char *s, size_t n)
{
    return lettered_id_valid('k', s, n);
}

static bool alnum(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool record_id_valid(const char *s, size_t n)
{
    if (n == 0 || n > LIM_ID_BYTES || !alnum(s[0])) {
        return false;
    }
    for (size_t i = 1; i < n; i++) {
        if (!alnum(s[i]) && s[i] != '.' && s[i] != '_' && s[i] != ':' && s[i] != '-') {
            return false;
        }
    }
    return true;
}

bool record_ref_parse(struct span s, struct record_ref *ret)
{
    const char *p = (const char *)s.p;
    const char *slash = s.n == 0 ? NULL : memchr(p, '/', s.n);
    size_t n = slash == NULL ? 0 : (size_t)(slash - p);
    const char *id = slash == NULL ? p : slash + 1;
    size_t id_n = slash == NULL ? s.n : s.n - n - 1;
    memset(ret, 0, sizeof(*ret));
    if ((slash != NULL && node_id_parse(p, n, &ret->owner) < 0) || !record_id_valid(id, id_n)) {
        return false;
    }
    memcpy(ret->id, id, id_n);
    return true;
}

void record_id_make(int64_t now_ms, const uint8_t rnd[static 10], char out[static 28])
{
    uint8_t b[16];
    for (size_t i = 0; i < 6; i++) {
        b[i] = (uint8_t)((uint64_t)now_ms >> (40 - 8 * i));
    }
    memcpy(b + 6, rnd, 10);
    out[0] = 'r';
    ord32_put128(b, out + 1);
    out[27] = '\0';
}

bool kind_name_valid(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && s[i] != '/') {
        bool lower = s[i] >= 'a' && s[i] <= 'z';
        bool later = (s[i] >= '0' && s[i] <= '9') || s[i] == '_';
        if (!lower && (i == 0 || !later)) {
            return false;
        }
        i++;
    }
    if (i == 0 || i > 31 || i == n) {
        return false;
    }
    size_t digits = n - i - 1;
    if (digits == 0 || digits > 3 || s[i + 1] == '0') {
        return false;
    }
    for (size_t k = i + 1; k < n; k++) {
        if (s[k] < '0' || s[k] > '9') {
            return false;
        }
    }
    return true;
}

/* ---- audiences ----------------------------------------------------------------------------- */

/* clang-format off */
static const struct aud_form {
    const char *word; /* with the colon where nodes follow */
    size_t min, max;  /* nodes named */
} aud_forms[AUD_COUNT] = {
    [AUD_FED]   = {"fed",   0, 0},
    [AUD_TRUST] = {"trust", 0, 0},
    [AUD_SELF]  = {"self",  0, 0},
    [AUD_SUB]   = {"sub:",  1, 1},
    [AUD_UP]    = {"up:",   1, 1},
    [AUD_TO]    = {"to:",   1, LIM_RECIPIENTS},
    [AUD_OWN]   = {"own",   0, 0},
};
/* clang-format on */

static bool aud_nodes_sorted(const struct audience *a)
{
    for (size_t i = 1; i < a->n; i++) {
        if (node_id_cmp(&a->node[i - 1], &a->node[i]) >= 0) {
            return false;
        }
    }
    return true;
}

static int aud_parse_nodes(const char *s, size_t n, size_t max, struct audience *a)
{
    size_t i = 0;
    for (;;) {
        if (a->n == max || n - i < LIM_NODE_ID ||
            node_id_parse(s + i, LIM_NODE_ID, &a->node[a->n]) < 0) {
            return SANJI_E_SPEC;
        }
        a->n++;
        i += LIM_NODE_ID;
        if (i == n) {
            return aud_nodes_sorted(a) ? 0 : SANJI_E_SPEC;
        }
        if (s[i++] != ',') {
            return SANJI_E_SPEC;
        }
    }
}

int audience_parse(const char *s, size_t n, struct audience *ret)
{
    for (int t = 0; t < AUD_COUNT; t++) {
        const struct aud_form *form = &aud_forms[t];
        size_t len = strlen(form->word);
        if (n < len || memcmp(s, form->word, len) != 0) {
            continue;
        }
        struct audience a = {.type = (enum aud_type)t};
        if (form->max == 0 && n != len) {
            return SANJI_E_SPEC;
        }
        if (form->max > 0 && aud_parse_nodes(s + len, n - len, form->max, &a) < 0) {
            return SANJI_E_SPEC;
        }
        *ret = a;
        return 0;
    }
    return SANJI_E_SPEC;
}

int audience_write(const struct audience *a, char out[static LIM_AUD_BYTES + 1])
{
    if ((unsigned)a->type >= AUD_COUNT) {
        return SANJI_E_SPEC;
    }
    const struct aud_form *form = &aud_forms[a->type];
    if (a->n < form->min || a->n > form->max || !aud_nodes_sorted(a)) {
        return SANJI_E_SPEC;
    }
    for (size_t i = 0; i < a->n; i++) {
        if (!node_id_valid(a->node[i].s, strnlen(a->node[i].s, sizeof(a->node[i].s)))) {
            return SANJI_E_SPEC;
        }
    }
    size_t at = strlen(form->word);
    memcpy(out, form->word, at);
    for (size_t i = 0; i < a->n; i++) {
        if (i > 0) {
            out[at++] = ',';
        }
        memcpy(out + at, a->node[i].s, LIM_NODE_ID);
        at += LIM_NODE_ID;
    }
    out[at] = '\0';
    return 0;
}

int stream_key_cmp(const struct stream_key *a, const struct stream_key *b)
{
    int r = node_id_cmp(&a->by, &b->by);
    if (r == 0) {
        r = strcmp(a->aud, b->aud);
    }
    if (r == 0 && a->ep != b->ep) {
        r = a->ep < b->ep ? -1 : 1;
    }
    return r != 0 ? r : memcmp(a->en, b->en, sizeof(a->en));
}
