/* SPDX-License-Identifier: Apache-2.0 */
/* Is this JSON a record of its kind, and how is it written? Pure: a whole file is judged before the
 * first record of it is stored, in the command's own process. */
#include "node/app_internal.h"
#include "node/tidy.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/json_gate.h"
#include "protocol/jwrite.h"

#include <assert.h>
#include <string.h>

enum { PUT_FIELDS = 64 }; /* more than any kind has */

static int take_plain(struct span json, const char *name, char *out, size_t size, struct fault *f)
{
    struct span v, s;
    if (!jcur_get(json, name, &v)) {
        return 0;
    }
    if (!jcur_plain(v, &s) || s.n == 0 || s.n >= size) {
        return fault_set(f, SANJI_E_SPEC, name, NULL);
    }
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return 0;
}

/* Members in the order of the kind's table, then whatever else there is (refused later by name). */
static int ordered(const struct kind *k, struct span json, bool own_id, bool own_aud,
                   struct buf *out)
{
    struct span value[PUT_FIELDS] = {0}, name, v;
    struct jcur c;
    struct jw w;
    size_t at = 0, unknown = 0;
    assert(k->n_fields <= PUT_FIELDS);
    if (!jcur_object(&c, json)) {
        return SANJI_E_SYNTAX;
    }
    while (jcur_member(&c, &name, &v)) {
        size_t i = kind_field_index(k, name, at);
        if (i < k->n_fields) {
            value[i] = v;
            at = i + 1;
        } else {
            unknown++;
        }
    }
    jw_init(&w, out);
    jw_obj(&w, NULL);
    for (size_t i = 0; i < k->n_fields; i++) {
        if (value[i].n > 0) {
            jw_raw(&w, k->fields[i].name, value[i].p, value[i].n);
        }
    }
    for (bool ok = unknown > 0 && jcur_object(&c, json); ok && jcur_member(&c, &name, &v);) {
        char s[LIM_NAME_BYTES + 1] = {0};
        if (kind_field_index(k, name, 0) < k->n_fields || (!own_id && span_eqs(name, "id")) ||
            (!own_aud && span_eqs(name, "audience"))) {
            continue;
        }
        if (name.n <= LIM_NAME_BYTES) {
            memcpy(s, name.p, name.n);
            jw_raw(&w, s, v.p, v.n);
        }
    }
    jw_end_obj(&w);
    return jw_done(&w);
}

bool app__word_in(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; *p != '\0';) {
        size_t w = strcspn(p, " ");
        if (w == n && memcmp(p, word, n) == 0) {
            return true;
        }
        p += w;
        p += *p == ' ';
    }
    return false;
}

static int check_members(const struct kind *k, struct span json, struct buf *d, char *ret_id,
                         char *ret_aud, struct fault *f)
{
    bool own_id = kind_field_find(k, "id") != NULL,
         own_aud = kind_field_find(k, "audience") != NULL;
    int r = json_gate(json.p, json.n, JSON_PROTOCOL, f);
    if (r == 0 && !own_id) {
        r = take_plain(json, "id", ret_id, LIM_ID_BYTES + 1, f);
        if (r == 0 && ret_id[0] != '\0' && !record_id_valid(ret_id, strlen(ret_id))) {
            r = fault_set(f, SANJI_E_SPEC, "id", "[A-Za-z0-9][A-Za-z0-9._:-]{0,63}");
        }
    }
    if (r == 0 && !own_aud) {
        r = take_plain(json, "audience", ret_aud, 8, f);
        if (r < 0 || (ret_aud[0] != '\0' && (!app__word_in("fed sub up own", ret_aud) ||
                                             !app__word_in(k->audiences, ret_aud)))) {
            r = fault_set(f, SANJI_E_AUDIENCE, "audience", k->audiences);
        }
    }
    if (r == 0) {
        r = ordered(k, json, own_id, own_aud, d);
    }
    if (r == 0 && d->len > LIM_ITEM_BYTES - 512) {
        r = fault_set(f, SANJI_E_SIZE, "", "64 KiB");
    }
    return r == 0 ? kind_check_content(k, span_of(d->data, d->len), f) : r;
}

int app_put_check(const struct kind *k, struct span json, struct buf *ret_d,
                  char ret_id[static LIM_ID_BYTES + 1], char ret_aud[static 8], struct fault *f)
{
    struct buf tidy, d;
    struct fault none = {0};
    f = f != NULL ? f : &none;
    ret_id[0] = '\0';
    ret_aud[0] = '\0';
    if (json.n > LIM_ITEM_BYTES * 4) {
        return fault_set(f, SANJI_E_SIZE, "", "64 KiB");
    }
    buf_init(&tidy, LIM_ITEM_BYTES * 5);
    buf_init(&d, LIM_ITEM_BYTES * 5);
    int r = tidy_json(json, &tidy, f);
    if (r == 0 && (tidy.len == 0 || tidy.data[0] != '{')) {
        r = fault_set(f, SANJI_E_SYNTAX, "", "one JSON object per record");
    }
    if (r == 0) {
        r = check_members(k, span_of(tidy.data, tidy.len), &d, ret_id, ret_aud, f);
    }
    if (r == 0 && ret_d != NULL) {
        r = buf_put(ret_d, d.data, d.len);
    }
    buf_done(&tidy);
    buf_done(&d);
    return r;
}
