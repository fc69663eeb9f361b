/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes that are not fresh, as sentences of status and doctor: whose records, what is the matter
 * since when, and the neighbour who would have to send. */
#include "node/cli/table.h"

#include "protocol/base/text.h"

#include <stdio.h>
#include <string.h>

enum { MOST = 8 }; /* on one page; the rest is counted */

static const char *name_of(const struct verb *v, const struct node_id *id)
{
    const struct roster_node *n = roster_node(app_roster(v->app), id->s);
    return n != NULL && n->name[0] != '\0' ? n->name : id->s[0] != '\0' ? id->s : "?";
}

static void news_words(const struct verb *v, const struct sync_news *n, struct buf *out)
{
    char key[32], since[32] = "-", missing[24];
    snprintf(key, sizeof key, "news.%s%s", app_news_word(n->state),
             n->state == SYNC_NEWS_DIVERGED && n->word ? ".word" : "");
    snprintf(missing, sizeof missing, "%lld", (long long)n->missing);
    if (n->since > 0) {
        time_write(n->since, since);
        since[16] = '\0'; /* to the minute */
    }
    text_put(out, v->lang, key, "by", name_of(v, &n->key.by), "via", name_of(v, &n->via), "since",
             since, "n", missing, "aud", n->key.aud, NULL);
}

struct page {
    struct verb *v;
    int64_t n;
};

static int on_page(const struct sync_news *n, void *arg)
{
    struct page *x = arg;
    struct buf b;
    if (x->n++ >= MOST) {
        return 0;
    }
    buf_init(&b, 4096);
    news_words(x->v, n, &b);
    (void)page_line(x->v, "status.l.news", buf_str(&b));
    buf_done(&b);
    return 0;
}

void put_news(struct verb *v)
{
    struct app_news sum;
    struct page x = {.v = v};
    struct buf b;
    char n[24];
    if (app_news(v->app, &sum, on_page, &x) < 0 || x.n <= MOST) {
        return;
    }
    buf_init(&b, 4096);
    snprintf(n, sizeof n, "%lld", (long long)(x.n - MOST));
    text_put(&b, v->lang, "news.more", "n", n, NULL);
    (void)page_line(v, "status.l.news", buf_str(&b));
    buf_done(&b);
}

struct worst { /* of each state the first lane, for doctor */
    const struct verb *v;
    bool have[SYNC_NEWS_KEPT_BACK + 1];
    struct buf text[SYNC_NEWS_KEPT_BACK + 1];
};

static int on_worst(const struct sync_news *n, void *arg)
{
    struct worst *x = arg;
    if (!x->have[n->state]) {
        x->have[n->state] = true;
        news_words(x->v, n, &x->text[n->state]);
    }
    return 0;
}

int look_news(struct verb *v)
{
    struct app_news sum;
    struct worst x = {.v = v};
    int bad = 0, any = 0;
    for (size_t i = 0; i <= SYNC_NEWS_KEPT_BACK; i++) {
        buf_init(&x.text[i], 4096);
    }
    int r = app_news(v->app, &sum, on_worst, &x);
    for (size_t i = SYNC_NEWS_SILENT; r == 0 && i <= SYNC_NEWS_KEPT_BACK; i++) {
        char check[32];
        if (!x.have[i]) {
            continue;
        }
        any++;
        if (sum.lanes[i] > 1) {
            buf_printf(&x.text[i], " (+%lld)", (long long)(sum.lanes[i] - 1));
        }
        snprintf(check, sizeof check, "news_%s", app_news_word((enum sync_news_state)i));
        /* A station that is shut for a holiday is silent, too. */
        bad |= say_check(v, i == SYNC_NEWS_SILENT ? CHECK_NOTE : CHECK_WRONG, check,
                         buf_str(&x.text[i]));
    }
    if (r == 0 && any == 0) {
        char n[24];
        snprintf(n, sizeof n, "%lld", (long long)sum.lanes[SYNC_NEWS_FRESH]);
        bad |= say_check(v, CHECK_FINE, "news", n);
    }
    for (size_t i = 0; i <= SYNC_NEWS_KEPT_BACK; i++) {
        buf_done(&x.text[i]);
    }
    return bad;
}
