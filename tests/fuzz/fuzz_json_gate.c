/* SPDX-License-Identifier: Apache-2.0 */
/* Is the gate stricter than the parser behind it? Whatever passes generic mode must be read by
 * cJSON, and nothing but white space may stand behind what it has read. What passes protocol mode
 * must pass generic mode, be read to its last byte, and print back to the same bytes through
 * jwrite. Against a second parser: gate_against_node.mjs. */
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
    int protocol = json_gate(p, n, JSON_PROTOCOL, NULL);
    must(generic == 0 || protocol < 0);
    if (generic < 0) {
        return 0;
    }
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts((const char *)p, n, &end, 0);
    must(root != NULL);
    size_t read = (size_t)(end - (const char *)p);
    for (size_t i = read; i < n; i++) {
        must(p[i] == ' ' || p[i] == '\n' || p[i] == '\r' || p[i] == '\t');
    }
    if (protocol < 0) {
        cJSON_Delete(root);
        return 0;
    }
    must(read == n);
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
