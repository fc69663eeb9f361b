/* SPDX-License-Identifier: Apache-2.0 */
/* What one synced record costs before anything is stored: bundle_parse and bundle_verify of a full
 * bundle, per item. Prints, asserts nothing about time: a number for people to compare. */
#include "protocol/bundle.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ITEMS = 500, ITEM_BYTES = 612, ROUNDS = 200 };

static double now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void make_item(struct buf *b, int i)
{
    struct item it = {.op = OP_PUT, .r = 1};
    struct buf d;
    buf_init(&d, LIM_ITEM_BYTES);
    (void)snprintf(it.id, sizeof(it.id), "r01jd%022d", i);
    (void)snprintf(it.k, sizeof(it.k), "listing/1");
    memset(it.z, i & 255, sizeof(it.z));
    (void)buf_printf(
        &d,
        "{\"title\":\"社区活动中心多功能厅第%d号\",\"kind\":\"venue\",\"area\":4500,"
        "\"lat\":312304160,\"lon\":1214737010,\"open\":true,\"tags\":[\"投影\",\"音响\","
        "\"无障碍\"],\"hours\":[{\"d\":1,\"from\":540,\"to\":1080},{\"d\":2,\"from\":540,"
        "\"to\":1080}],\"note\":\"",
        i);
    while (d.len < ITEM_BYTES - 110 - 2) {
        (void)buf_puts(&d, "可用于培训会议");
    }
    (void)buf_puts(&d, "\"}");
    it.d = span_of(d.data, d.len);
    if (item_write(&it, b) < 0) {
        abort();
    }
    buf_done(&d);
}

static struct span make_line(struct buf *line, struct sign_key *key)
{
    static struct bundle_header h = {.v = 1, .t = BUNDLE_DATA, .ep = 1, .seq = 1};
    static struct buf text[ITEMS];
    struct span items[ITEMS];
    uint8_t id[HASH_LEN];
    size_t total = 0;
    (void)snprintf(h.by.s, sizeof(h.by.s), "naaaaaaaaaaaaa");
    (void)snprintf(h.aud, sizeof(h.aud), "fed");
    for (int i = 0; i < ITEMS; i++) {
        buf_init(&text[i], LIM_ITEM_BYTES);
        make_item(&text[i], i);
        items[i] = span_of(text[i].data, text[i].len);
        total += text[i].len;
    }
    buf_init(line, LIM_BUNDLE_BYTES);
    if (bundle_write(&h, items, ITEMS, key, line, id) < 0) {
        abort();
    }
    for (int i = 0; i < ITEMS; i++) {
        buf_done(&text[i]);
    }
    (void)printf("%d items of %zu bytes, line of %zu bytes\n", ITEMS, total / ITEMS, line->len);
    return span_of(line->data, line->len);
}

int main(void)
{
    static const uint8_t seed[SIGN_SEED_LEN] = {1};
    static struct bundle b;
    struct sign_key *key = sign_key_new(seed);
    struct sign_pub *pub = NULL;
    struct arena *a = arena_new((size_t)4 * LIM_BUNDLE_BYTES);
    struct frame_ctx *fc = frame_ctx_new();
    struct buf line, frame, out;
    struct fault f;
    size_t used = 0;
    if (key == NULL || a == NULL || fc == NULL || sign_pub_new(sign_key_pub(key), &pub) < 0) {
        return 1;
    }
    struct span text = make_line(&line, key);
    double t0 = now_ns();
    for (int i = 0; i < ROUNDS; i++) {
        arena_reset(a);
        if (bundle_parse(text, a, &b, &f) < 0 || bundle_verify(&b, pub) < 0) {
            return 1;
        }
    }
    (void)printf("parse+verify: %.0f ns per item\n", (now_ns() - t0) / ROUNDS / ITEMS);
    t0 = now_ns();
    for (int i = 0; i < ROUNDS; i++) {
        for (size_t k = 0; k < ITEMS; k++) {
            struct item it;
            if (item_parse(b.item[k].text, &it, &f) < 0) {
                return 1;
            }
        }
    }
    (void)printf("item_parse:   %.0f ns per item\n", (now_ns() - t0) / ROUNDS / ITEMS);
    buf_init(&frame, LIM_MESSAGE_BYTES);
    buf_init(&out, LIM_BUNDLE_BYTES + 1);
    t0 = now_ns();
    if (frame_pack(fc, text, &frame) < 0) {
        return 1;
    }
    (void)printf("frame_pack:   %.0f ns per item, %zu bytes\n", (now_ns() - t0) / ITEMS, frame.len);
    t0 = now_ns();
    for (int i = 0; i < ROUNDS; i++) {
        if (frame_unpack(fc, span_of(frame.data, frame.len), &out, &used) < 0) {
            return 1;
        }
    }
    (void)printf("frame_unpack: %.0f ns per item\n", (now_ns() - t0) / ROUNDS / ITEMS);
    buf_done(&line);
    buf_done(&frame);
    buf_done(&out);
    frame_ctx_free(fc);
    arena_free(a);
    sign_pub_free(pub);
    sign_key_free(key);
    return 0;
}
