/* SPDX-License-Identifier: Apache-2.0 */
/* One number of one period, as its own platform counts it, with the signed bundles it rests on
 * (PROTOCOL.md 19). Totals are never written: whoever may read the cells adds them up. */
#include "protocol/kinds/internal.h"

#include "protocol/ids.h"
#include "protocol/limits.h"

#include <string.h>

/* clang-format off */
static const struct kind_field fields[] = {
    F_PERIOD("period", KFF_REQ | KFF_LIST | KFF_FILTER),
    F_TEXT("ind", 3, 40, KFF_REQ | KFF_TITLE | KFF_LIST | KFF_FILTER),
    F_INT("v", 0, 100000000000000, KFF_REQ | KFF_LIST),
    F_OBJ("by", 0),
    F_INT("n", 0, 1000000000, KFF_REQ),
    F_B64("sum", 32, 32, KFF_REQ),
    F_OBJ("cov", KFF_REQ),
    F_BOOL("locked", KFF_LIST | KFF_FILTER),
};
/* clang-format on */

enum { BY_MAX = 512, COV_MAX = 256 };

static const struct kind_field cov_fields[] = {
    F_TEXT("aud", 2, LIM_AUD_BYTES, 0), F_INT("ep", 1, LIM_EPOCH, 0), F_B64("en", 8, 8, 0),
    F_INT("seq", 1, LIM_SEQ, 0),        F_B64("id", 32, 32, KFF_REQ),
};

/* Dotted lower case. New indicators are welcome without a new version of this kind. */
static bool is_indicator(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.')) {
            return false;
        }
    }
    return s.n > 0;
}

/* [["<node>",count],...], sorted, adding up to v. */
static int check_by(struct span by, int64_t want, struct fault *f)
{
    struct jcur c;
    struct jcur pair;
    struct span e;
    struct span v[3];
    struct span node;
    struct span last = span_of(NULL, 0);
    int64_t sum = 0;
    size_t n = 0;
    if (!jcur_array(&c, by)) {
        return kind__wrong(f, "by", "a list");
    }
    for (; jcur_element(&c, &e); n++) {
        int64_t x = 0;
        if (!jcur_array(&pair, e) || !jcur_element(&pair, &v[0]) || !jcur_element(&pair, &v[1]) ||
            jcur_element(&pair, &v[2]) || !jcur_plain(v[0], &node) ||
            !node_id_valid((const char *)node.p, node.n) || !jcur_int(v[1], &x) || x < 1 ||
            x > want || n >= BY_MAX) {
            return kind__wrong(f, "by", "pairs of node and count");
        }
        if (n > 0 && memcmp(last.p, node.p, node.n) >= 0) {
            return kind__wrong(f, "by", "sorted by node, each once");
        }
        last = node;
        sum += x;
    }
    return sum == want ? 0 : kind__wrong(f, "by", "counts that add up to v");
}

/* A private stream is named by a bundle id alone. */
static int check_head(struct span head, struct fault *f)
{
    struct span v[4];
    struct audience a;
    int r = kind__check_fields(cov_fields, F_COUNT(cov_fields), head, f);
    if (r < 0) {
        return r;
    }
    bool aud = jcur_get(head, "aud", &v[0]);
    bool ep = jcur_get(head, "ep", &v[1]);
    bool en = jcur_get(head, "en", &v[2]);
    bool seq = jcur_get(head, "seq", &v[3]);
    if (aud != ep || aud != en || aud != seq) {
        return kind__wrong(f, "cov", "aud, ep, en, seq and id, or id alone");
    }
    struct span s = jcur_plain_of(head, "aud");
    if (aud && (audience_parse((const char *)s.p, s.n, &a) < 0 || audience_is_private(a.type))) {
        return kind__wrong(f, "cov", "a private stream by id alone");
    }
    return 0;
}

static int check(struct span d, struct fault *f)
{
    struct jcur c;
    struct span v;
    struct span e;
    int64_t value = 0;
    size_t n = 0;
    if (!is_indicator(jcur_plain_of(d, "ind"))) {
        return kind__wrong(f, "ind", "an indicator such as need.new");
    }
    if (jcur_get(d, "v", &v)) {
        (void)jcur_int(v, &value);
    }
    int r = jcur_get(d, "by", &v) ? check_by(v, value, f) : 0;
    if (r < 0) {
        return r;
    }
    if (!jcur_get(d, "cov", &v) || !jcur_array(&c, v)) {
        return kind__wrong(f, "cov", "a list");
    }
    for (; jcur_element(&c, &e); n++) {
        r = check_head(e, f);
        if (r < 0) {
            return r;
        }
    }
    return n <= COV_MAX ? 0 : kind__wrong(f, "cov", "at most 256 heads");
}

const struct kind kind_stat = {
    .name = "stat",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_MACHINE,
    .audience = "up",
    .audiences = "up",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_figures,
    .check = check,
    .in_export = true,
};
