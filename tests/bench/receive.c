/* SPDX-License-Identifier: Apache-2.0 */
/* What one received record costs a relay, from the stored frame to the committed view: the frames
 * of a street's listings go through sync_accept_frame() into the real database. The input is the
 * same in every run (fixed seeds, fixed clock), so that instructions can be counted: insn.sh. Not a
 * test.
 *
 *   receive [RECORDS [PER_BUNDLE [PER_COMMIT]]]     prints CPU microseconds per record */
#include "node/store/store.h"
#include "protocol/act.h"
#include "protocol/base/enc.h"
#include "protocol/base/err.h"
#include "protocol/base/text.h"
#include "protocol/seal.h"
#include "sync/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void must(int r, const char *what)
{
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", what, err_name(r));
        exit(1);
    }
}

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* ---- the same numbers in every run ---- */

static uint64_t rng = 20261122;

static uint64_t rnd(void)
{
    uint64_t z = (rng += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static void rnd_bytes(void *out, size_t n)
{
    uint8_t *p = out;
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)rnd();
    }
}

#define PICK(list) (list)[rnd() % (sizeof(list) / sizeof((list)[0]))]

static const char *const streets[] = {"文东",   "建新",   "智远",   "龙洞", "舜华路", "泉城路",
                                      "千佛山", "大明湖", "解放路", "燕山", "姚家",   "东关",
                                      "趵突泉", "四里村", "兴隆",   "党家", "北园",   "药山"};
static const char *const rooms[] = {"多功能厅",   "会议室",     "培训教室", "路演厅", "共享办公区",
                                    "心理咨询室", "儿童活动室", "书画室",   "录播室", "社区客厅"};
static const char *const orgs[] = {"善治", "益路同行", "仁爱", "春晖", "邻里守望",
                                   "微尘", "同心",     "星火", "晨曦", "温馨家园"};
static const char *const words[] = {
    "紧邻公交站和地铁口", "周边可免费停车",     "周末可预约公益活动", "使用前请提前三天提交申请",
    "可提供茶水和桌签",   "用后请恢复桌椅原位", "配有专职管理员",     "适合三十人以内小组活动",
    "夜间九点后不开放",   "节假日需另行协商"};
static const char *const things[] = {"投影仪",   "音响", "白板",   "空调",   "无线网络",
                                     "直播设备", "钢琴", "打印机", "电子屏", "电梯"};

static void content(struct buf *d)
{
    const char *street = PICK(streets), *org = PICK(orgs);
    buf_reset(d);
    buf_printf(d, "{\"kind\":\"venue\",\"title\":\"%s%s%s%u号\",\"detail\":\"%s，%s，%s。\"",
               street, org, PICK(rooms), (unsigned)(rnd() % 40 + 1), PICK(words), PICK(words),
               PICK(words));
    buf_printf(d, ",\"org\":\"%s社会工作服务中心\",\"area\":\"370102%03u\"", org,
               (unsigned)(rnd() % 20 + 1));
    buf_printf(d, ",\"address\":\"济南市历下区%s街道%u号%u楼%u室\"", street,
               (unsigned)(rnd() % 300 + 1), (unsigned)(rnd() % 9 + 1),
               (unsigned)(rnd() % 20 + 101));
    buf_printf(d, ",\"lat\":%u,\"lng\":%u,\"capacity\":%u,\"size_dm2\":%u,\"fee\":\"paid\"",
               365000000u + (unsigned)(rnd() % 4000000), 1168000000u + (unsigned)(rnd() % 5000000),
               (unsigned)(rnd() % 180 + 10), (unsigned)(rnd() % 40000 + 2000));
    buf_printf(d, ",\"price\":%u,\"hours\":\"08:30-%u:00\",\"equipment\":[\"%s\",\"%s\"]",
               (unsigned)(rnd() % 20 * 1000), (unsigned)(rnd() % 4 + 17), things[rnd() % 5],
               things[rnd() % 5 + 5]);
    buf_printf(d, ",\"tags\":[\"培训\",\"助老\"],\"desk\":\"一楼服务台\",\"phone\":\"0531-%08u\"",
               (unsigned)(rnd() % 100000000));
    buf_puts(d, ",\"state\":\"published\",\"as_of\":\"2026-11-22\",\"since\":\"2026-11-22\"}");
    must(d->err, "content");
}

/* ---- a federation of one writer ---- */

struct writer {
    uint8_t sign_seed[SIGN_SEED_LEN], root_seed[SIGN_SEED_LEN];
    uint8_t seal_seed[1][SEAL_SEED_LEN];
    struct sync_self self;
    struct store *store;
    struct sync *sync;
    struct sync_tick t;
};

static void tick(struct sync_tick *t)
{
    t->now_ms += 1000;
    t->mono_ms += 1000;
    rnd_bytes(t->rnd, sizeof t->rnd);
}

static void body(struct act *a, const struct sign_key *k1, const struct sign_key *k2,
                 struct buf *text, struct buf *ret)
{
    struct act_co co[2];
    buf_reset(text);
    must(act_write(a, text), "act");
    struct span t = span_of(text->data, text->len);
    must(act_sign(t, k1, &co[0]), "sign");
    if (k2 != NULL) {
        must(act_sign(t, k2, &co[1]), "sign");
    }
    must(act_body_write(t, co, k2 != NULL ? 2 : 1, ret), "act");
}

static void genesis(struct writer *w)
{
    struct buf text, root, top;
    uint8_t nine[9];
    rnd_bytes(w->sign_seed, sizeof w->sign_seed);
    rnd_bytes(w->root_seed, sizeof w->root_seed);
    rnd_bytes(w->seal_seed, sizeof w->seal_seed);
    rnd_bytes(nine, sizeof nine);
    struct sign_key *rk = sign_key_new(w->root_seed), *nk = sign_key_new(w->sign_seed);
    buf_init(&text, LIM_ITEM_BYTES);
    buf_init(&root, LIM_ITEM_BYTES);
    buf_init(&top, LIM_ITEM_BYTES);
    node_id_make(nine, &w->self.id);
    w->t.now_ms = 1795305600000;
    struct act a = {.type = ACT_ROOT, .n = w->self.id, .ts = w->t.now_ms, .ver = 1, .k = 1};
    a.n_keys = 1;
    memcpy(a.keys[0], sign_key_pub(rk), SIGN_PUB_LEN);
    body(&a, rk, NULL, &text, &root);
    act_hash(span_of(text.data, text.len), w->self.g);
    struct act n = {.type = ACT_NODE, .n = w->self.id, .ts = w->t.now_ms, .lv = 40};
    n.has_g = n.has_sig = n.has_seal = n.has_tls = n.has_inst = n.reg = true;
    n.name = "街道";
    n.area = "370102";
    memcpy(n.g, w->self.g, HASH_LEN);
    memcpy(n.after, w->self.g, HASH_LEN);
    memcpy(n.sig, sign_key_pub(nk), SIGN_PUB_LEN);
    must(seal_pub_of(w->seal_seed[0], n.seal), "seal");
    body(&n, rk, nk, &text, &top);
    w->self.sign_seed = w->sign_seed;
    w->self.seal_seeds = (const uint8_t(*)[SEAL_SEED_LEN])w->seal_seed;
    w->self.n_seal_seeds = 1;
    must(store_open("", STORE_SCRATCH, &w->store), "store");
    must(sync_new(&w->self, store_port(w->store), &w->sync), "sync");
    tick(&w->t);
    must(sync_genesis(w->sync, &w->t, span_of(root.data, root.len), span_of(top.data, top.len)),
         "genesis");
    buf_done(&text);
    buf_done(&root);
    buf_done(&top);
    sign_key_free(rk);
    sign_key_free(nk);
}

/* Item texts of n records, made before anything is counted. */
static struct span *make_items(size_t n, struct buf *text)
{
    struct span *v = calloc(n, sizeof *v);
    size_t *end = calloc(n + 1, sizeof *end);
    struct buf d;
    buf_init(&d, LIM_ITEM_BYTES);
    if (v == NULL || end == NULL) {
        exit(1);
    }
    for (size_t i = 0; i < n; i++) {
        struct item it = {.k = "listing/1", .op = OP_PUT, .r = 1};
        char id[28];
        uint8_t ten[10];
        rnd_bytes(ten, sizeof ten);
        record_id_make(1795305600000 + (int64_t)i, ten, id);
        snprintf(it.id, sizeof it.id, "%s", id);
        rnd_bytes(it.z, sizeof it.z);
        content(&d);
        it.d = span_of(d.data, d.len);
        must(item_write(&it, text), "item");
        end[i + 1] = text->len;
    }
    for (size_t i = 0; i < n; i++) {
        v[i] = span_of(text->data + end[i], end[i + 1] - end[i]);
    }
    free(end);
    buf_done(&d);
    return v;
}

__attribute__((noinline)) static void write_records(struct writer *w, const struct span *item,
                                                    size_t n, size_t per_bundle)
{
    for (size_t i = 0; i < n; i += per_bundle) {
        tick(&w->t);
        must(sync_write(w->sync, &w->t, "fed", item + i, n - i < per_bundle ? n - i : per_bundle,
                        false, NULL),
             "write");
    }
}

/* ---- the receiver ---- */

struct frames {
    struct buf all;
    size_t end[65536];
    size_t n;
};

static int keep(const struct sync_stream_row *st, const struct sync_bundle_row *row, void *arg)
{
    struct frames *f = arg;
    (void)st;
    if (f->n + 1 >= sizeof f->end / sizeof f->end[0]) {
        return SANJI_E_SIZE;
    }
    int r = buf_put(&f->all, row->frame.p, row->frame.n);
    f->end[++f->n] = f->all.len;
    return r;
}

__attribute__((noinline)) static void receive_frames(struct sync *s, struct store *st,
                                                     const struct frames *f, size_t from,
                                                     size_t per_commit)
{
    struct sync_tick t = {.now_ms = 1795305700000};
    for (size_t i = from; i < f->n;) {
        must(store_begin(st), "begin");
        for (size_t k = 0; k < per_commit && i < f->n; k++, i++) {
            struct sync_accept acc;
            tick(&t);
            sync_accept_frame(s, &t, span_of(f->all.data + f->end[i], f->end[i + 1] - f->end[i]),
                              &acc);
            must(acc.err, "accept");
        }
        must(store_commit(st), "commit");
    }
}

static size_t number(int argc, char **argv, int i, size_t otherwise)
{
    int64_t v = 0;
    if (argc <= i) {
        return otherwise;
    }
    must(text_i64(argv[i], strlen(argv[i]), 1, 10000000, &v), "argument");
    return (size_t)v;
}

int main(int argc, char **argv)
{
    static struct writer w;
    static struct frames f;
    static const char *const files[] = {"sanji.db", "sanji.db-wal", "sanji.db-shm",
                                        "keys.db",  "keys.db-wal",  "keys.db-shm"};
    size_t n = number(argc, argv, 1, 5000), per = number(argc, argv, 2, 500);
    size_t per_commit = number(argc, argv, 3, 3);
    char dir[] = "/tmp/sanji-receive-XXXXXX", path[128];
    struct buf text;
    struct store *st = NULL;
    struct sync *s = NULL;
    buf_init(&text, (size_t)1 << 31);
    buf_init(&f.all, (size_t)1 << 31);
    if (mkdtemp(dir) == NULL) {
        return 1;
    }
    genesis(&w);
    struct span *item = make_items(n, &text);
    double t0 = cpu_us();
    write_records(&w, item, n, per);
    double t1 = cpu_us();
    must(store_bundle_walk(w.store, 0, keep, &f), "walk");
    must(store_open(dir, STORE_WRITE, &st), "open");
    must(sync_new(&w.self, store_port(st), &s), "sync"); /* set back to nothing: gets all anew */
    struct frames trust = f; /* whose keys these are comes first and is not counted */
    trust.n = 1;
    receive_frames(s, st, &trust, 0, 1);
    double t2 = cpu_us();
    receive_frames(s, st, &f, 1, per_commit);
    double t3 = cpu_us();
    struct store_totals tot;
    must(store_totals(st, &tot), "totals");
    if (tot.records != (int64_t)n || tot.parked != 0) {
        fprintf(stderr, "%lld records, %lld parked\n", (long long)tot.records,
                (long long)tot.parked);
        return 1;
    }
    printf("%zu records of %zu bytes, %zu a bundle, %zu bundles a commit, %.0f B a record on the "
           "wire\n",
           n, text.len / n, per, per_commit, (double)f.all.len / (double)n);
    printf("write   %6.2f us CPU per record\nreceive %6.2f us CPU per record\n",
           (t1 - t0) / (double)n, (t3 - t2) / (double)n);
    sync_free(s);
    sync_free(w.sync);
    store_close(st);
    store_close(w.store);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    free(item);
    buf_done(&text);
    buf_done(&f.all);
    return rmdir(dir) == 0 ? 0 : 1;
}
