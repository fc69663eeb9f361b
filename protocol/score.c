/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/score.h"

#include "protocol/jcur.h"

#include <string.h>

const char *const score_item[SCORE_ITEMS] = {"content", "teacher", "service", "use"};

static bool read_item(struct span e, struct score *ret, int item)
{
    struct jcur c;
    struct span x;
    int64_t sum = 0;
    int n = 0;
    bool ok = jcur_array(&c, e);
    while (ok && jcur_element(&c, &x)) {
        int64_t v = -1;
        ok = n < SCORE_MARKS && jcur_int(x, &v) && v >= 0 && v <= SCORE_N_MAX;
        if (ok) {
            ret->v[item][n++] = v;
            sum += v;
        }
    }
    return ok && n == SCORE_MARKS && sum == ret->n;
}

bool score_read(struct span d, struct score *ret)
{
    struct jcur c;
    struct span v;
    struct span e;
    int item = 0;
    memset(ret, 0, sizeof *ret);
    if (!jcur_get(d, "n", &v) || !jcur_int(v, &ret->n) || !jcur_get(d, "counts", &v) ||
        !jcur_array(&c, v)) {
        return false;
    }
    for (; jcur_element(&c, &e); item++) {
        if (item == SCORE_ITEMS || !read_item(e, ret, item)) {
            return false;
        }
    }
    return item == SCORE_ITEMS;
}

void score_write(struct jw *w, const struct score *s)
{
    jw_arr(w, "counts");
    for (int i = 0; i < SCORE_ITEMS; i++) {
        jw_arr(w, NULL);
        for (int j = 0; j < SCORE_MARKS; j++) {
            jw_int(w, NULL, s->v[i][j]);
        }
        jw_end_arr(w);
    }
    jw_end_arr(w);
}

void score_add(struct score *s, const int64_t mark[static SCORE_ITEMS])
{
    s->n++;
    for (int i = 0; i < SCORE_ITEMS; i++) {
        s->v[i][mark[i] - 1]++;
    }
}

int64_t score_mean(const struct score *s, int item)
{
    int64_t sum = 0;
    for (int j = 0; j < SCORE_MARKS; j++) {
        sum += s->v[item][j] * (j + 1);
    }
    return s->n > 0 ? (sum * 100 + s->n / 2) / s->n : 0;
}
