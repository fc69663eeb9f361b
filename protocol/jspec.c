/* SPDX-License-Identifier: Apache-2.0 */
/* One table per message reads and writes it, so that what a node accepts and what it emits cannot
 * drift apart, and every refusal names the member. cJSON stays behind json_gate and inside here:
 * its case-insensitive look-up and its printer are never used. */
#include "protocol/jspec.h"

#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/json_gate.h"
#include "protocol/limits.h"

#include <cjson/cJSON.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Reading: where we are (for the fault) and where pieces are allocated. */
struct rd {
    struct arena *a;
    struct fault *f;
    const char *member; /* innermost name, for the fault */
    char path[96];      /* "co[2]." before it */
};

static int refuse(struct rd *rd, int err, const char *want)
{
    char full[sizeof(rd->path) + LIM_NAME_BYTES + 1];
    (void)snprintf(full, sizeof(full), "%s%.*s", rd->path, LIM_NAME_BYTES, rd->member);
    return fault_set(rd->f, err, full, want);
}

static int refuse_range(struct rd *rd, const struct jspec *row, const char *unit)
{
    char want[80];
    if (row->min == row->max) {
        (void)snprintf(want, sizeof(want), "exactly %" PRId64 "%s", row->min, unit);
    } else {
        (void)snprintf(want, sizeof(want), "%" PRId64 " to %" PRId64 "%s", row->min, row->max,
                       unit);
    }
    return refuse(rd, SANJI_E_SPEC, want);
}

static bool in_range(const struct jspec *row, size_t n)
{
    return n <= INT64_MAX && (int64_t)n >= row->min && (int64_t)n <= row->max;
}

static int read_object(struct rd *rd, const cJSON *obj, const struct jspec *spec, uint8_t *dst);

/* ---- one value ----------------------------------------------------------------------------- */

static int read_text(struct rd *rd, const cJSON *v, const char **ret)
{
    if (!cJSON_IsString(v)) {
        return refuse(rd, SANJI_E_SPEC, "a text");
    }
    *ret = arena_strdup(rd->a, v->valuestring);
    return *ret != NULL ? 0 : refuse(rd, SANJI_E_NOMEM, NULL);
}

static bool is_token(const char *s)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a text that was read */
    for (; *s != 0; s++) {
        bool ok = (*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z') ||
                  (*s >= '-' && *s <= ':'); /* - . / 0-9 : stand in a row */
        if (!ok && *s != '_') {
            return false;
        }
    }
    return true;
}

static int read_bytes(struct rd *rd, const cJSON *v, const struct jspec *row, uint8_t *dst)
{
    if (!cJSON_IsString(v)) {
        return refuse(rd, SANJI_E_SPEC, "base64url text");
    }
    size_t n = strlen(v->valuestring);
    size_t want = (size_t)row->max;
    if (n != B64U_LEN(want)) {
        char text[64];
        (void)snprintf(text, sizeof(text), "%zu bytes as base64url", want);
        return refuse(rd, SANJI_E_SPEC, text);
    }
    return b64u_get(v->valuestring, n, dst, want) == 0
               ? 0
               : refuse(rd, SANJI_E_ENCODING, "base64url without padding");
}

static int read_blob(struct rd *rd, const cJSON *v, const struct jspec *row, struct span *ret)
{
    if (!cJSON_IsString(v)) {
        return refuse(rd, SANJI_E_SPEC, "base64url text");
    }
    size_t n = strlen(v->valuestring);
    size_t len = 0;
    uint8_t *p = arena_alloc(rd->a, n);
    if (p == NULL) {
        return refuse(rd, SANJI_E_NOMEM, NULL);
    }
    if (b64u_get_any(v->valuestring, n, p, n, &len) < 0) {
        return refuse(rd, SANJI_E_ENCODING, "base64url without padding");
    }
    if (!in_range(row, len)) {
        return refuse_range(rd, row, " bytes");
    }
    *ret = span_of(p, len);
    return 0;
}

/* The gate let pass only one spelling of everything, so printing gives back the bytes that came.
 * The depth is the gate's; the parameter makes that visible. */
static void print_value(struct jw *w, const char *name, const cJSON *v, int depth)
{
    if (depth > LIM_DEPTH) {
        w->err = SANJI_E_BUG;
    } else if (cJSON_IsString(v)) {
        jw_str(w, name, v->valuestring);
    } else if (cJSON_IsNumber(v)) {
        jw_int(w, name, (int64_t)v->valuedouble);
    } else if (cJSON_IsBool(v)) {
        jw_bool(w, name, cJSON_IsTrue(v));
    } else {
        bool object = cJSON_IsObject(v);
        (object ? jw_obj : jw_arr)(w, name);
        const cJSON *c;
        cJSON_ArrayForEach(c, v)
        {
            print_value(w, object ? c->string : NULL, c, depth + 1);
        }
        (object ? jw_end_obj : jw_end_arr)(w);
    }
}

static int read_raw(struct rd *rd, const cJSON *v, struct span *ret)
{
    struct buf b;
    struct jw w;
    buf_init(&b, LIM_BUNDLE_BYTES);
    jw_init(&w, &b);
    print_value(&w, NULL, v, 0);
    int r = jw_done(&w);
    if (r == 0) {
        const uint8_t *p = arena_dup(rd->a, b.data, b.len);
        r = p == NULL ? SANJI_E_NOMEM : 0;
        *ret = span_of(p, r == 0 ? b.len : 0);
    }
    buf_done(&b);
    return r == 0 ? 0 : refuse(rd, r, NULL);
}

/* ---- arrays -------------------------------------------------------------------------------- */

static int read_array(struct rd *rd, const cJSON *v, const struct jspec *row, struct jarr *ret)
{
    if (!cJSON_IsArray(v)) {
        return refuse(rd, SANJI_E_SPEC, "a list");
    }
    size_t n = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, v)
    {
        n++;
    }
    if (!in_range(row, n)) {
        return refuse_range(rd, row, " elements");
    }
    /* The gate's limit on tokens keeps n small; the product cannot overflow. */
    uint8_t *p = n == 0 ? NULL : arena_alloc(rd->a, n * row->size);
    if (n > 0 && p == NULL) {
        return refuse(rd, SANJI_E_NOMEM, NULL);
    }
    char path[sizeof(rd->path)];
    memcpy(path, rd->path, sizeof(path));
    const char *member = rd->member;
    size_t i = 0;
    cJSON_ArrayForEach(c, v)
    {
        uint8_t *e = p + i * row->size;
        int r;
        (void)snprintf(rd->path, sizeof(rd->path), "%.30s%.*s[%zu]", path, LIM_NAME_BYTES, member,
                       i);
        rd->member = "";
        if (row->type == JF_T_TEXTS) {
            const char *text = NULL;
            r = read_text(rd, c, &text);
            memcpy(e, &text, sizeof(text));
        } else if (!cJSON_IsObject(c)) {
            r = refuse(rd, SANJI_E_SPEC, "an object");
        } else {
            size_t end = strlen(rd->path);
            (void)snprintf(rd->path + end, sizeof(rd->path) - end, ".");
            r = read_object(rd, c, row->sub, e);
        }
        if (r < 0) {
            return r;
        }
        i++;
    }
    memcpy(rd->path, path, sizeof(path));
    *ret = (struct jarr){.v = p, .n = n};
    return 0;
}

static int read_sub(struct rd *rd, const cJSON *v, const struct jspec *row, uint8_t *dst)
{
    if (!cJSON_IsObject(v)) {
        return refuse(rd, SANJI_E_SPEC, "an object");
    }
    char path[sizeof(rd->path)];
    memcpy(path, rd->path, sizeof(path));
    (void)snprintf(rd->path, sizeof(rd->path), "%.30s%.*s.", path, LIM_NAME_BYTES, rd->member);
    int r = read_object(rd, v, row->sub, dst);
    if (r == 0) {
        memcpy(rd->path, path, sizeof(path));
    }
    return r;
}

/* ---- members and objects ------------------------------------------------------------------- */

static int read_string(struct rd *rd, const cJSON *v, const struct jspec *row, uint8_t *dst)
{
    const char *s = NULL;
    int r = read_text(rd, v, &s);
    if (r < 0) {
        return r;
    }
    if (row->type == JF_T_TOKEN && !is_token(s)) {
        return refuse(rd, SANJI_E_SPEC, "only A-Z a-z 0-9 . _ : / -");
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): read_text() set it */
    size_t n = strlen(s);
    if (!in_range(row, row->type == JF_T_TEXT ? utf8_len(s, n) : n)) {
        return refuse_range(rd, row, " characters");
    }
    memcpy(dst, &s, sizeof(s));
    return 0;
}

static int read_int(struct rd *rd, const cJSON *v, const struct jspec *row, uint8_t *dst)
{
    if (!cJSON_IsNumber(v)) {
        return refuse(rd, SANJI_E_SPEC, "an integer");
    }
    /* At most 15 digits passed the gate: the double holds them exactly. valueint would clamp. */
    int64_t n = (int64_t)v->valuedouble;
    if (n < row->min || n > row->max) {
        return refuse_range(rd, row, "");
    }
    memcpy(dst, &n, sizeof(n));
    return 0;
}

static int read_member(struct rd *rd, const cJSON *v, const struct jspec *row, uint8_t *base)
{
    uint8_t *dst = base + row->off;
    struct span sp = {0};
    struct jarr arr = {0};
    int r = SANJI_E_BUG;
    switch (row->type) {
    case JF_T_TEXT:
    case JF_T_TOKEN:
        r = read_string(rd, v, row, dst);
        break;
    case JF_T_INT:
        r = read_int(rd, v, row, dst);
        break;
    case JF_T_BOOL: {
        bool b = cJSON_IsTrue(v);
        r = cJSON_IsBool(v) ? 0 : refuse(rd, SANJI_E_SPEC, "true or false");
        memcpy(dst, &b, sizeof(b));
        break;
    }
    case JF_T_BYTES:
        r = read_bytes(rd, v, row, dst);
        break;
    case JF_T_BLOB:
    case JF_T_RAW:
        r = row->type == JF_T_BLOB ? read_blob(rd, v, row, &sp) : read_raw(rd, v, &sp);
        memcpy(dst, &sp, sizeof(sp));
        break;
    case JF_T_OBJ:
        r = read_sub(rd, v, row, dst);
        break;
    case JF_T_ARR:
    case JF_T_TEXTS:
        r = read_array(rd, v, row, &arr);
        memcpy(dst, &arr, sizeof(arr));
        break;
    case JF_T_END:
        break;
    }
    if (r == 0 && row->has_off != SIZE_MAX) {
        bool yes = true;
        memcpy(base + row->has_off, &yes, sizeof(yes));
    }
    return r;
}

static const cJSON *find_child(const cJSON *obj, const char *name)
{
    const cJSON *c;
    cJSON_ArrayForEach(c, obj)
    {
        if (strcmp(c->string, name) == 0) {
            return c;
        }
    }
    return NULL;
}

static const struct jspec *find_row(const struct jspec *spec, const char *name)
{
    for (; spec->type != JF_T_END; spec++) {
        if (strcmp(spec->name, name) == 0) {
            return spec;
        }
    }
    return spec;
}

static int read_object(struct rd *rd, const cJSON *obj, const struct jspec *spec, uint8_t *dst)
{
    const cJSON *c;
    cJSON_ArrayForEach(c, obj)
    {
        const struct jspec *row = find_row(spec, c->string);
        if (row->type == JF_T_END && !row->optional) {
            rd->member = c->string;
            return refuse(rd, SANJI_E_SPEC, "no such member");
        }
    }
    for (const struct jspec *row = spec; row->type != JF_T_END; row++) {
        rd->member = row->name;
        c = find_child(obj, row->name);
        int r = c != NULL       ? read_member(rd, c, row, dst)
                : row->optional ? 0
                                : refuse(rd, SANJI_E_SPEC, "a member that is missing");
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int jspec_read(const void *json, size_t n, const struct jspec *spec, void *dst, size_t dst_size,
               struct arena *a, struct fault *f)
{
    struct rd rd = {.a = a, .f = f, .member = ""};
    memset(dst, 0, dst_size);
    int r = json_gate(json, n, JSON_PROTOCOL, f);
    if (r < 0) {
        return r;
    }
    cJSON *root = cJSON_ParseWithLength(json, n);
    if (root == NULL) {
        return refuse(&rd, SANJI_E_NOMEM, NULL); /* the gate has excluded every other reason */
    }
    r = read_object(&rd, root, spec, dst);
    cJSON_Delete(root);
    if (r < 0) {
        memset(dst, 0, dst_size); /* half a message must not be used by mistake */
    }
    return r;
}

/* ---- writing ------------------------------------------------------------------------------- */

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0) {
            return false;
        }
    }
    return true;
}

static bool is_present(const struct jspec *row, const uint8_t *src)
{
    const uint8_t *p = src + row->off;
    struct jarr arr;
    struct span sp;
    const char *s;
    if (!row->optional) {
        return true;
    }
    if (row->has_off != SIZE_MAX) {
        return !all_zero(src + row->has_off, sizeof(bool));
    }
    switch (row->type) {
    case JF_T_TEXT:
    case JF_T_TOKEN:
        memcpy(&s, p, sizeof(s));
        return s != NULL;
    case JF_T_INT:
        return !all_zero(p, sizeof(int64_t));
    case JF_T_BOOL:
        return !all_zero(p, sizeof(bool));
    case JF_T_BYTES:
        return !all_zero(p, (size_t)row->max);
    case JF_T_BLOB:
    case JF_T_RAW:
        memcpy(&sp, p, sizeof(sp));
        return sp.p != NULL;
    case JF_T_ARR:
    case JF_T_TEXTS:
        memcpy(&arr, p, sizeof(arr));
        return arr.n > 0;
    case JF_T_OBJ:
        return !all_zero(p, row->size);
    case JF_T_END:
        break;
    }
    return false;
}

static void write_array(struct jw *w, const struct jspec *row, const uint8_t *p)
{
    struct jarr arr;
    memcpy(&arr, p, sizeof(arr));
    jw_arr(w, row->name);
    for (size_t i = 0; i < arr.n && w->err == 0; i++) {
        const uint8_t *e = (const uint8_t *)arr.v + i * row->size;
        if (row->type == JF_T_ARR) {
            jspec_write(w, NULL, row->sub, e);
        } else {
            const char *s;
            memcpy(&s, e, sizeof(s));
            jw_str(w, NULL, s);
        }
    }
    jw_end_arr(w);
}

static void write_member(struct jw *w, const struct jspec *row, const uint8_t *p)
{
    union {
        const char *s;
        int64_t i;
        struct span sp;
    } v;
    switch (row->type) {
    case JF_T_TEXT:
    case JF_T_TOKEN:
        memcpy(&v.s, p, sizeof(v.s));
        jw_str(w, row->name, v.s);
        break;
    case JF_T_INT:
        memcpy(&v.i, p, sizeof(v.i));
        jw_int(w, row->name, v.i);
        break;
    case JF_T_BOOL:
        jw_bool(w, row->name, !all_zero(p, sizeof(bool)));
        break;
    case JF_T_BYTES:
        jw_b64(w, row->name, p, (size_t)row->max);
        break;
    case JF_T_BLOB:
        memcpy(&v.sp, p, sizeof(v.sp));
        jw_b64(w, row->name, v.sp.p, v.sp.n);
        break;
    case JF_T_RAW:
        memcpy(&v.sp, p, sizeof(v.sp));
        jw_raw(w, row->name, v.sp.p, v.sp.n);
        break;
    case JF_T_OBJ:
        jspec_write(w, row->name, row->sub, p);
        break;
    case JF_T_ARR:
    case JF_T_TEXTS:
        write_array(w, row, p);
        break;
    case JF_T_END:
        break;
    }
}

/* The nesting is the tables', and jwrite refuses depth beyond its own limit. */
void jspec_write(struct jw *w, const char *name, const struct jspec *spec, const void *src)
{
    jw_obj(w, name);
    for (; spec->type != JF_T_END && w->err == 0; spec++) {
        if (is_present(spec, src)) {
            write_member(w, spec, (const uint8_t *)src + spec->off);
        }
    }
    jw_end_obj(w);
}
