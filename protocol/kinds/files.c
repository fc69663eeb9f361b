/* SPDX-License-Identifier: Apache-2.0 */
/* Attachments of a record. Their names and types stand in its content, where they are signed,
 * erased and shown like everything else; hash and length stand in the item's `bl` as well, so that
 * a node can carry bytes of kinds it does not know. What `bl` says follows from the content, and an
 * item in which the two differ is refused. */
#include "protocol/kinds/internal.h"

#include "protocol/base/enc.h"
#include "protocol/jwrite.h"
#include "protocol/kinds/choices.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
static const struct kind_field fields[] = {
    F_TEXT("name", 1, 120, KFF_REQ | KFF_TITLE),
    F_ENUM("type", CH_FILE, KFF_REQ),
    F_INT("len", 1, LIM_BLOB_BYTES, KFF_REQ),
    F_B64("sha256", HASH_LEN, HASH_LEN, KFF_REQ | KFF_KEY),
};
/* clang-format on */
const struct kind_rows kind_file_rows = {fields, F_COUNT(fields)};

const struct kind_field *kind_files_field(const struct kind *k)
{
    for (size_t i = 0; i < k->n_fields; i++) {
        if (k->fields[i].type == KF_FILES) {
            return &k->fields[i];
        }
    }
    return NULL;
}

bool kind_files_begin(const struct kind *k, struct span d, struct jcur *c)
{
    const struct kind_field *fld = kind_files_field(k);
    struct span v;
    return fld != NULL && jcur_get(d, fld->name, &v) && jcur_array(c, v);
}

static void word(struct span row, const char *name, char *out, size_t size)
{
    struct span s = jcur_plain_of(row, name);
    (void)snprintf(out, size, "%.*s", s.n < size ? (int)s.n : 0, (const char *)s.p);
}

bool kind_files_next(struct jcur *c, struct kind_file *ret)
{
    struct span row, v;
    memset(ret, 0, sizeof *ret);
    if (!jcur_element(c, &row)) {
        return false;
    }
    (void)jcur_get(row, "name", &ret->name);
    word(row, "type", ret->type, sizeof ret->type);
    word(row, "sha256", ret->sha, sizeof ret->sha);
    if (!jcur_get(row, "len", &v) || !jcur_int(v, &ret->len)) {
        ret->len = 0;
    }
    return true;
}

bool kind_files_has(const struct kind *k, struct span d, const char *sha, struct kind_file *ret)
{
    struct jcur c;
    bool more = kind_files_begin(k, d, &c);
    while (more && kind_files_next(&c, ret)) {
        if (strcmp(ret->sha, sha) == 0) {
            return true;
        }
    }
    return false;
}

int kind_files_bl(const struct kind *k, struct span d, struct buf *out)
{
    struct jcur c;
    struct kind_file x;
    struct jw w;
    if (!kind_files_begin(k, d, &c)) {
        return 0;
    }
    size_t start = out->len;
    size_t n = 0;
    jw_init(&w, out);
    jw_arr(&w, NULL);
    for (; kind_files_next(&c, &x); n++) {
        jw_obj(&w, NULL);
        jw_str(&w, "sha256", x.sha);
        jw_int(&w, "len", x.len);
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    if (n == 0) {
        out->len = start;
    }
    return jw_done(&w);
}

bool kind__files_agree(const struct kind *k, const struct item *it)
{
    struct jcur c;
    struct jcur bl;
    struct kind_file x;
    struct span e;
    struct span v;
    bool more = it->op != OP_WITHDRAW && kind_files_begin(k, it->d, &c);
    if (it->bl.n == 0) {
        return !more || !kind_files_next(&c, &x);
    }
    if (!more || !jcur_array(&bl, it->bl)) {
        return false;
    }
    size_t n = 0;
    for (; jcur_element(&bl, &e); n++) {
        int64_t len = 0;
        if (!kind_files_next(&c, &x) || !span_eqs(jcur_plain_of(e, "sha256"), x.sha) ||
            !jcur_get(e, "len", &v) || !jcur_int(v, &len) || len != x.len) {
            return false;
        }
    }
    return n > 0 && !kind_files_next(&c, &x);
}
