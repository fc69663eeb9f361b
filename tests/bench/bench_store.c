/* SPDX-License-Identifier: Apache-2.0 */
/* What storing costs: CPU microseconds per record of record_put in bundles of 500, for new records
 * in the order of their ids, for random ids, for updates; then the search index. Not a test: read
 * ratios. usage: bench_store [RECORDS] */
#include "node/store/store.h"
#include "protocol/base/enc.h"
#include "protocol/base/err.h"
#include "protocol/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BUNDLE = 500 };

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void must(int r, const char *what)
{
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", what, err_name(r));
        exit(1);
    }
}

static const char content[] =
    "{\"kind\":\"space\",\"title\":\"望京街道共享会议室%06d\",\"detail\":"
    "\"工作日九点至十七点开放，可容纳四十人，"
    "配有投影、音响和无线网络，社会组织和居民团队可以免费预约使用，请提前三个工作日提出申请，"
    "周末开放时间以公告为准。场地位于社区服务中心二层，电梯直达，无障碍通道在北侧入口。\","
    "\"org\":\"望京街道社会组织服务中心\",\"area\":\"110105%03d\",\"address\":"
    "\"阜通东大街六号院三号楼二层\","
    "\"capacity\":40,\"fee\":\"free\",\"desk\":\"前台\",\"phone\":\"010-64700000\",\"state\":"
    "\"published\","
    "\"since\":\"2026-11-22\"}";

static void write_all(struct store *s, const char *what, int n, int64_t r, bool random_ids)
{
    const struct sync_store *p = store_port(s);
    struct stream_key key = {.by = {"naaaaaaaaaaaaa"}, .aud = "fed", .ep = 1};
    static int64_t no, seq;
    static uint8_t frame[60000];
    char text[2048];
    double t0 = cpu_us();
    if (no == 0) {
        must(p->stream_add(p->ctx, &key, &no), "stream");
    }
    for (int i = 0; i < n;) {
        must(p->begin(p->ctx), "begin");
        struct sync_bundle_row b = {.no = no,
                                    .seq = ++seq,
                                    .frame = span_of(frame, sizeof frame),
                                    .items = BUNDLE,
                                    .raw_bytes = 300000};
        for (size_t k = 0; k < sizeof frame; k += 8) {
            memcpy(frame + k, &k, sizeof k);
        }
        must(p->bundle_put(p->ctx, &b), "bundle");
        for (int k = 0; k < BUNDLE && i < n; k++, i++) {
            struct item it = {.k = "listing/1", .op = OP_PUT, .r = r};
            uint8_t leaf[HASH_LEN];
            unsigned name = (unsigned)i;
            if (random_ids) {
                name = (unsigned)i * 2654435761u;
            }
            snprintf(it.id, sizeof it.id, "r%026u%s", name, random_ids ? "x" : "");
            int len = snprintf(text, sizeof text, content, i, i % 1000);
            it.d = span_of(text, (size_t)len);
            hash_two(&r, sizeof r, it.id, strlen(it.id), leaf);
            struct sync_record rec = {.no = no,
                                      .seq = seq,
                                      .idx = k,
                                      .stream = &key,
                                      .owner = key.by.s,
                                      .item = &it,
                                      .kind = kind_find("listing"),
                                      .leaf = leaf,
                                      .ts = 1700000000000 + seq,
                                      .got = 1700000000000 + seq};
            must(p->record_put(p->ctx, &rec), "record");
        }
        must(p->bundle_applied(p->ctx, no, seq), "applied");
        must(p->commit(p->ctx), "commit");
    }
    printf("%-28s %6.1f us CPU per record\n", what, (cpu_us() - t0) / n);
}

static int count(const struct store_rec *r, void *arg)
{
    (void)r;
    ++*(int *)arg;
    return 0;
}

static void ask(struct store *s, const struct store_filter *f, const char *what)
{
    int n = 0;
    double t0 = cpu_us();
    for (int i = 0; i < 20; i++) {
        n = 0;
        must(store_record_list(s, f, count, &n), what);
    }
    printf("%-28s %6.0f us CPU, %d rows\n", what, (cpu_us() - t0) / 20, n);
}

int main(int argc, char **argv)
{
    int64_t n = 50000, left = 0;
    char dir[] = "/tmp/sanji-bench-XXXXXX", path[128];
    static const char *const files[] = {"sanji.db", "sanji.db-wal", "sanji.db-shm",
                                        "keys.db",  "keys.db-wal",  "keys.db-shm"};
    struct store *s = NULL;
    if (argc > 1) {
        must(text_i64(argv[1], strlen(argv[1]), BUNDLE, 10000000, &n), "RECORDS");
    }
    if (mkdtemp(dir) == NULL) {
        return 1;
    }
    must(store_open(dir, STORE_WRITE, &s), "open");
    write_all(s, "new, ids in order", (int)n, 1, false);
    write_all(s, "update", (int)n, 2, false);
    write_all(s, "new, random ids", (int)n, 1, true);
    double t0 = cpu_us();
    must(store_search_flush(s, INT64_MAX, &left), "flush");
    printf("%-28s %6.1f us CPU per record\n", "search index", (cpu_us() - t0) / (2 * (double)n));
    ask(s, &(struct store_filter){.kind = "listing"}, "list, newest 50");
    ask(s, &(struct store_filter){.kind = "listing", .area = "110105012"}, "list, one area");
    ask(s, &(struct store_filter){.owner = "naaaaaaaaaaaaa", .kind = "listing"}, "list, one owner");
    ask(s, &(struct store_filter){.text = "望京"}, "search, two characters");
    ask(s, &(struct store_filter){.text = "会议室000123"}, "search, rare word");
    t0 = cpu_us();
    store_close(s);
    must(store_open(dir, STORE_WRITE, &s), "open");
    printf("%-28s %6.0f us CPU\n", "close and open", cpu_us() - t0);
    store_close(s);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    return rmdir(dir) == 0 ? 0 : 1;
}
