/* SPDX-License-Identifier: Apache-2.0 */
/* What a writer with a valid key may put into an item: any text that passes the gate. Whatever it
 * means, it is taken or refused with a name, and what is taken can be shown, searched and counted.
 */
#include "protocol/calendar.h"
#include "protocol/json_gate.h"
#include "protocol/kinds/kind.h"
#include "protocol/kinds/referral.h"
#include "protocol/stats.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void check_refusal(int r, const struct fault *f)
{
    must(r == 0 || (r < 0 && f->err == r && f->want[0] != '\0'));
    must(memchr(f->member, '\0', sizeof(f->member)) != NULL);
}

/* Everything a node does with content it has accepted. */
static void use(const struct kind *k, struct span d)
{
    static const unsigned flag[] = {KFF_TITLE, KFF_STATE, KFF_SINCE, KFF_AREA};
    struct stat_fact facts[STAT_FACTS_MAX];
    uint8_t leaf[HASH_LEN];
    struct buf b;
    buf_init(&b, 1U << 20);
    must(kind_title(k, d, &b) == 0);
    must(kind_search_text(k, d, &b) == 0);
    for (size_t i = 0; i < sizeof(flag) / sizeof(flag[0]); i++) {
        must(kind_field_text(k, d, flag[i], &b) == 0);
    }
    for (size_t i = 0; i < k->n_fields; i++) {
        must(kind_value_text(&k->fields[i], d, &b) == 0);
    }
    must(b.len == 0 || memchr(b.data, '\0', b.len) == NULL);
    leaf_of(d, leaf);
    must(stat_facts_record(k->name, d, leaf, facts) <= STAT_FACTS_MAX);
    buf_done(&b);
}

static void as_content(const struct kind *k, struct span d)
{
    static struct stat_cell cell;
    static struct calendar cal;
    struct fault f = {0};
    int r = kind_check_content(k, d, &f);
    check_refusal(r, &f);
    if (r < 0) {
        return;
    }
    use(k, d);
    must(strcmp(k->name, "stat") != 0 || stat_cell_read(d, &cell, &f) == 0);
    if (strcmp(k->name, "workday") == 0) {
        calendar_init(&cal);
        must(calendar_add(&cal, d, &f) == 0);
    }
}

static void as_item(struct span text)
{
    struct item it;
    struct fault f = {0};
    int r = item_parse(text, &it, &f);
    check_refusal(r, &f);
    for (unsigned aud = 0; r == 0 && aud < AUD_COUNT; aud++) {
        for (int top = 0; top < 2; top++) {
            f = (struct fault){0};
            int c = kind_check_item(&it, (enum aud_type)aud, top == 1, &f);
            check_refusal(c, &f);
            if (c == 0 && it.op != OP_WITHDRAW) {
                use(kind_find(it.k), it.d);
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct span d = span_of(p, n);
    if (n > LIM_ITEM_BYTES || json_gate(p, n, JSON_PROTOCOL, NULL) < 0) {
        return 0;
    }
    as_item(d);
    for (size_t i = 0; i < kinds_n; i++) {
        as_content(kinds[i], d);
    }
    for (unsigned e = 0; e < RE_COUNT; e++) {
        as_content(&referral_content[e], d);
    }
    return 0;
}
