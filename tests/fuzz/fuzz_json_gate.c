/* SPDX-License-Identifier: Apache-2.0 */
/* Is the gate stricter than the parser behind it? Whatever passes protocol mode must be read by
 * cJSON to its last byte, must print back to the same bytes through jwrite, and must pass generic
 * mode. */
#include "protocol/base/buf.h"
#include "protocol/json_gate.h"
#include "protocol/jwrite.h"
#include "protocol/limits.h"

#include <cjson/cJSON.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void print_tree(struct jw *w, const char *name, const cJSON *v, int depth)
{
    must(depth <= LIM_DEPTH);
    if (cJSON_IsString(v)) {
        jw_str(w, name, v->valuestring);
    } else if (cJSON_IsNumber(v)) {
        jw_int(w, name, (int64_t)v->valuedouble);
    } else if (cJSON_IsBool(v)) {
        jw_bool(w, name, cJSON_IsTrue(v));
    } else {
        bool object = cJSON_IsObject(v);
        must(object || cJSON_IsArray(v));
        (object ? jw_obj : jw_arr)(w, name);
        for (const cJSON *c = v->child; c != NULL; c = c->next) {
            print_tree(w, object ? c->string : NULL, c, depth + 1);
        }
        (object ? jw_end_obj : jw_end_arr)(w);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct fault f = {0};
    int generic = json_gate(p, n, JSON_GENERIC, &f);
    must(generic == 0 || (f.off >= 0 && (size_t)f.off <= n && f.line >= 1 && f.want[0] != 0));
    if (json_gate(p, n, JSON_PROTOCOL, NULL) < 0) {
        return 0;
    }
    must(generic == 0);
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts((const char *)p, n, &end, 0);
    must(root != NULL && end == (const char *)p + n);
    struct buf b;
    struct jw w;
    buf_init(&b, n);
    jw_init(&w, &b);
    print_tree(&w, NULL, root, 0);
    must(jw_done(&w) == 0 && b.len == n && memcmp(b.data, p, n) == 0);
    buf_done(&b);
    cJSON_Delete(root);
    return 0;
}
