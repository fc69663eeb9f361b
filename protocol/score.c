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

static bool read_lists(struct span v, struct score *ret)
{
    struct jcur c;
    struct span e;
    int item = 0;
    bool ok = jcur_array(&c, v);
    for (; ok && jcur_element(&c, &e); item++) {
        ok = item < SCORE_ITEMS && read_item(e, ret, item);
    }
    return ok && item == SCORE_ITEMS;
}

bool score_read(struct span d, struct score *ret, struct score *ret_shown)
{
    struct span v;
    memset(ret, 0, sizeof *ret);
    memset(ret_shown, 0, sizeof *ret_shown);
    if (!jcur_get(d, "n", &v) || !jcur_int(v, &ret->n) || !jcur_get(d, "counts", &v) ||
        !read_lists(v, ret)) {
        return false;
    }
    ret_shown->n = ret->n - ret->n % SCORE_SHOWN;
    if (!jcur_get(d, "shown", &v)) { /* written before there was such a member, or too few */
        *ret_shown = ret_shown->n == ret->n ? *ret : (struct score){0};
        return true;
    }
    bool ok = ret_shown->n > 0 && read_lists(v, ret_shown);
    for (int i = 0; i < SCORE_ITEMS * SCORE_MARKS; i++) {
        int item = i / SCORE_MARKS, mark = i % SCORE_MARKS;
        ok = ok && ret_shown->v[item][mark] <= ret->v[item][mark];
    }
    return ok;
}

static void write_lists(struct jw *w, const char *name, const struct score *s)
{
    jw_arr(w, name);
    for (int i = 0; i < SCORE_ITEMS; i++) {
        jw_arr(w, NULL);
        for (int j = 0; j < SCORE_MARKS; j++) {
            jw_int(w, NULL, s->v[i][j]);
        }
        jw_end_arr(w);
    }
    jw_end_arr(w);
}

void score_write(struct jw *w, const struct score *s, const struct score *shown)
{
    jw_int(w, "n", s->n);
    write_lists(w, "counts", s);
    if (shown->n > 0) {
        write_lists(w, "shown", shown);
    }
}

void score_add(struct score *s, struct score *shown, const int64_t mark[static SCORE_ITEMS])
{
    s->n++;
    for (int i = 0; i < SCORE_ITEMS; i++) {
        s->v[i][mark[i] - 1]++;
    }
    if (s->n % SCORE_SHOWN == 0) {
        *shown = *s;
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
