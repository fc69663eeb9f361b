/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the conformance vectors: make_vectors DIR. Deterministic: keys from names (see acts.h),
 * fixed times and random bytes, so that running it again gives the same bytes. Each case is run
 * through its check before it is written: a positive must pass, a negative must fail with the
 * stated error. */
#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/ferry.h"
#include "protocol/jwrite.h"
#include "protocol/msg.h"
#include "protocol/seal.h"
#include "tests/support/acts.h"
#include "tests/vectors/check.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TS INT64_C(1760000000123)

static FILE *file;
static size_t n_cases;
static int failures;
static struct arena *ar;
static const char *dir;

static void topic(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s.json", dir, name);
    file = fopen(path, "wb");
    assert(file != NULL);
    n_cases = 0;
    (void)fputs("[\n", file);
}

static void topic_end(void)
{
    (void)fputs("\n]\n", file);
    int err = fclose(file);
    assert(err == 0);
}

static void put_pairs(struct jw *w, const char *name, const struct vpair *p, size_t n)
{
    jw_obj(w, name);
    for (size_t i = 0; i < n; i++) {
        jw_str(w, p[i].name, p[i].value);
    }
    jw_end_obj(w);
}

/* want: NULL for a positive, else the error's wire name. Frees the arguments. */
static void emit(struct vcase *v, const char *name, const char *in, size_t n, const char *want)
{
    struct buf b;
    struct jw w;
    v->in = span_of(in, n);
    int err = vcase_run(v);
    if (strcmp(err_name(err), want == NULL ? "ok" : want) != 0) {
        (void)fprintf(stderr, "%s %s: %s, not %s\n", v->check, name, err_name(err),
                      want == NULL ? "ok" : want);
        failures++;
    }
    buf_init(&b, (size_t)4 << 20);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_str(&w, "name", name);
    jw_str(&w, "check", v->check);
    char *hex = malloc(2 * n + 1);
    assert(hex != NULL);
    hex[hex_put(in, n, hex)] = '\0';
    bool plain = memchr(in, 0, n) == NULL && utf8_valid(in, n, NULL);
    if (plain) {
        jw_strn(&w, "in", in, n);
    } else {
        jw_str(&w, "in_hex", hex); /* what is not text cannot stand in JSON */
    }
    free(hex);
    put_pairs(&w, "args", v->arg, v->n_arg);
    if (want == NULL) {
        put_pairs(&w, "want", v->out, v->n_out);
    } else {
        jw_str(&w, "err", want);
    }
    jw_end_obj(&w);
    err = jw_done(&w);
    assert(err == 0);
    (void)fprintf(file, "%s%s", n_cases++ == 0 ? "" : ",\n", buf_str(&b));
    buf_done(&b);
    vcase_done(v);
}

static void simple(const char *check, const char *name, const char *in, const char *want)
{
    struct vcase v = {.check = check};
    emit(&v, name, in, strlen(in), want);
}

static void keyed(const char *check, const char *name, const char *in, const char *key,
                  const char *want)
{
    struct vcase v = {.check = check};
    vcase_arg_b64(&v, "key", tkey(key)->pub, SIGN_PUB_LEN);
    emit(&v, name, in, strlen(in), want);
}

static char *replaced(const char *s, const char *from, const char *to)
{
    const char *p = strstr(s, from);
    assert(p != NULL);
    return arena_printf(ar, "%.*s%s%s", (int)(p - s), s, to, p + strlen(from));
}

/* ---- topics ---- */

static void names(void)
{
    static const char *const rows[][4] = {
        {"node_id", "a node id", "nabcdefg234567", NULL},
        {"node_id", "upper case", "nABCDEFG234567", "bad_member"},
        {"node_id", "too short", "nabcdefg23456", "bad_member"},
        {"node_id", "a key id", "kabcdefg234567", "bad_member"},
        {"node_id", "digit outside base32", "nabcdefg234561", "bad_member"},
        {"record_id", "a record id", "r01jbcd.x_y:z-1", NULL},
        {"record_id", "begins with a dash", "-a", "bad_member"},
        {"record_id", "empty", "", "bad_member"},
        {"kind", "a kind", "listing/1", NULL},
        {"kind", "major 0", "listing/0", "bad_member"},
        {"kind", "major 1000", "listing/1000", "bad_member"},
        {"kind", "no major", "listing", "bad_member"},
        {"audience", "fed", "fed", NULL},
        {"audience", "trust", "trust", NULL},
        {"audience", "self", "self", NULL},
        {"audience", "own", "own", NULL},
        {"audience", "sub", "sub:naaaaaaaaaaaaa", NULL},
        {"audience", "up", "up:naaaaaaaaaaaaa", NULL},
        {"audience", "two recipients", "to:naaaaaaaaaaaaa,nbaaaaaaaaaaaa", NULL},
        {"audience", "not sorted", "to:nbaaaaaaaaaaaa,naaaaaaaaaaaaa", "wrong_audience"},
        {"audience", "twice", "to:naaaaaaaaaaaaa,naaaaaaaaaaaaa", "wrong_audience"},
        {"audience", "nobody", "to:", "wrong_audience"},
        {"audience", "unknown", "all", "wrong_audience"},
    };
    topic("names");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vcase probe = {.check = rows[i][0], .in = span_of(rows[i][2], strlen(rows[i][2]))};
        const char *want = rows[i][3];
        if (want != NULL && strcmp(rows[i][0], "audience") == 0) {
            want = err_name(vcase_run(&probe)); /* which refusal is ids.c's to say */
            vcase_done(&probe);
            assert(strcmp(want, "ok") != 0);
        }
        simple(rows[i][0], rows[i][1], rows[i][2], want);
    }
    simple("key_of_seed", "key of the city", "sanji test key city", NULL);
    simple("key_of_seed", "key of street s1", "sanji test key s1", NULL);
    simple("node_of_text", "id of the city", "sanji test node city", NULL);
    simple("node_of_text", "id of street s1", "sanji test node s1", NULL);
    topic_end();
}

static void json(void)
{
    static const char *const rows[][3] = {
        {"empty object", "{}", NULL},
        {"every type", "{\"a\":[1,-2,0,true,false],\"b\":{\"c\":\"\xe8\xa1\x97\"}}", NULL},
        {"every escape", "{\"a\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\"}", NULL},
        {"15 digits", "{\"a\":999999999999999}", NULL},
        {"16 digits", "{\"a\":1000000000000000}", "bad_syntax"},
        {"array", "[]", "bad_syntax"},
        {"white space", "{ }", "bad_syntax"},
        {"newline behind", "{}\n", "bad_syntax"},
        {"two values", "{}{}", "bad_syntax"},
        {"fraction", "{\"a\":1.0}", "bad_syntax"},
        {"exponent", "{\"a\":1e2}", "bad_syntax"},
        {"minus zero", "{\"a\":-0}", "bad_syntax"},
        {"leading zero", "{\"a\":01}", "bad_syntax"},
        {"null", "{\"a\":null}", "bad_syntax"},
        {"name twice", "{\"a\":1,\"a\":2}", "bad_syntax"},
        {"upper case name", "{\"A\":1}", "bad_syntax"},
        {"escaped solidus", "{\"a\":\"\\/\"}", "bad_syntax"},
        {"escaped letter", "{\"a\":\"\\u0041\"}", "bad_syntax"},
        {"upper case hex", "{\"a\":\"\\u001F\"}", "bad_syntax"},
        {"escaped NUL", "{\"a\":\"\\u0000\"}", "bad_syntax"},
        {"trailing comma", "{\"a\":1,}", "bad_syntax"},
        {"overlong UTF-8", "{\"a\":\"\xc0\xaf\"}", "bad_encoding"},
        {"surrogate", "{\"a\":\"\xed\xa0\x80\"}", "bad_encoding"},
        {"byte order mark", "\xef\xbb\xbf{}", "bad_syntax"},
        {"16 levels", "{\"a\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}", NULL},
        {"17 levels", "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", "too_large"},
    };
    topic("json");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        simple("json", rows[i][0], rows[i][1], rows[i][2]);
    }
    topic_end();
}

static struct bundle_header header(enum bundle_type t, int64_t seq)
{
    struct bundle_header h = {.v = 1, .t = t, .by = tnode("s1"), .ep = 1, .seq = seq, .ts = TS};
    memset(h.g, 3, HASH_LEN);
    memset(h.en, 5, sizeof(h.en));
    memset(h.rv, 6, sizeof(h.rv));
    if (seq > 1) {
        memset(h.prev, 7, HASH_LEN);
    }
    (void)snprintf(h.aud, sizeof(h.aud), "fed");
    return h;
}

static const char item1[] =
    "{\"id\":\"r1\",\"k\":\"notice/1\",\"op\":\"put\",\"r\":1,\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\","
    "\"d\":{\"title\":\"\xe9\x80\x9a\xe7\x9f\xa5\"}}";
static const char item2[] =
    "{\"id\":\"r2\",\"k\":\"notice/1\",\"op\":\"wd\",\"r\":2,\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\"}";

static const char *write_bundle(struct bundle_header *h, size_t n)
{
    struct span items[2] = {span_of(item1, strlen(item1)), span_of(item2, strlen(item2))};
    struct buf out;
    uint8_t id[HASH_LEN];
    buf_init(&out, LIM_BUNDLE_BYTES);
    int err = bundle_write(h, items, n, tkey("s1")->k, &out, id);
    if (err < 0) {
        (void)fprintf(stderr, "bundle: %s\n", err_name(err));
        failures++;
    }
    const char *s = arena_strdup(ar, buf_str(&out));
    buf_done(&out);
    return s;
}

static const char *reform(const char *line, bool header_only)
{
    static struct bundle b;
    const bool stub[2] = {true, false};
    struct buf out;
    buf_init(&out, LIM_BUNDLE_BYTES);
    int err = bundle_parse(span_of(line, strlen(line)), ar, &b, NULL);
    assert(err == 0);
    err = header_only ? bundle_write_header_only(&b, &out) : bundle_write_stubbed(&b, stub, &out);
    assert(err == 0);
    const char *s = arena_strdup(ar, buf_str(&out));
    buf_done(&out);
    return s;
}

static void envelope(void)
{
    topic("envelope");
    struct bundle_header h = header(BUNDLE_DATA, 1);
    const char *data = write_bundle(&h, 2);
    keyed("bundle", "data, first of its stream", data, "s1", NULL);
    keyed("bundle", "data with an erased item", reform(data, false), "s1", NULL);
    h = header(BUNDLE_BEAT, 9);
    h.has_live = true;
    h.live.c = 2;
    memset(h.live.s, 8, HASH_LEN);
    keyed("bundle", "beat", write_bundle(&h, 0), "s1", NULL);
    h = header(BUNDLE_KEY, 12);
    h.has_kf = true;
    h.kf = (struct keyframe){.from = 12, .to = 12, .covers = 11, .live = {.c = 1}};
    memset(h.kf.sha, 9, HASH_LEN);
    const char *key = write_bundle(&h, 1);
    keyed("bundle", "closing bundle of a keyframe", key, "s1", NULL);
    keyed("bundle", "the same header-only", reform(key, true), "s1", NULL);
    h = header(BUNDLE_EPOCH, 1);
    h.ep = 2;
    h.has_pe = true;
    h.pe = (struct prev_epoch){.ep = 1, .seq = 12, .ok = false};
    memset(h.pe.id, 1, HASH_LEN);
    h.n_merges = 1;
    memset(h.merges[0], 2, HASH_LEN);
    keyed("bundle", "first bundle of an epoch, with merges", write_bundle(&h, 0), "s1", NULL);
    keyed("bundle", "another's key", data, "s2", "bad_signature");
    keyed("bundle", "changed header", replaced(data, "1760000000123", "1760000000124"), "s1",
          "bad_signature");
    keyed("bundle", "changed item", replaced(data, "\\\"r\\\":2", "\\\"r\\\":3"), "s1", "bad_hash");
    keyed("bundle", "white space", replaced(data, ",\"s\":", ", \"s\":"), "s1", "bad_syntax");
    keyed("bundle", "newline behind", arena_printf(ar, "%s\n", data), "s1", "bad_syntax");
    keyed("bundle", "needless escape", replaced(data, "notice/1", "notice\\/1"), "s1",
          "bad_syntax");
    keyed("bundle", "data header-only",
          arena_printf(ar, "%.*s}", (int)(strstr(data, ",\"b\":") - data), data), "s1",
          "bad_member");
    topic_end();
}

static const char *act_body(const struct hact *x)
{
    struct buf b;
    buf_init(&b, 2 * LIM_ITEM_BYTES);
    int err = act_body_write(x->a.text, x->a.co, x->a.n_co, &b);
    assert(err == 0);
    const char *s = arena_strdup(ar, buf_str(&b));
    buf_done(&b);
    return s;
}

static void one_act(struct hist *h, struct act a, const char *stream, bool by_root,
                    const char *signers, const char *key)
{
    struct hact *x = hist_say(h, &a, stream, by_root, signers);
    keyed("act", arena_printf(ar, "%s", act_type_name(a.type)), act_body(x), key, NULL);
    keyed("act", arena_printf(ar, "%s, not signed by s3", act_type_name(a.type)), act_body(x), "s3",
          "bad_signature");
    keyed("act", arena_printf(ar, "%s with an unknown member", act_type_name(a.type)),
          replaced(act_body(x), "\\\"ts\\\":", "\\\"zz\\\":1,\\\"ts\\\":"), key, "bad_member");
}

static void acts(void)
{
    struct hist h;
    topic("acts");
    hist_init(&h);
    one_act(&h, t_root("city", 1, 1, "root"), "city", true, "root", "root");
    one_act(&h, t_node("city", NULL, 20, true, "city"), "city", true, "root city", "city");
    one_act(&h, t_node("d1", "city", 30, true, "d1"), "city", false, "city d1", "d1");
    one_act(&h, t_node("d2", "city", 30, true, "d2"), "city", false, "city d2", "city");
    one_act(&h, t_node("s1", "d1", 40, false, "s1"), "d1", false, "d1 s1", "s1");
    struct act a = t_key("s1", "s1b", false);
    one_act(&h, a, "d1", false, "d1 s1 s1b", "s1b");
    a = t_cut("s1", "s1b");
    hist_head(&h, &a, "s1", 4, false);
    one_act(&h, a, "d1", false, "d1", "d1");
    one_act(&h, t_key("s1", "s1c", true), "d1", false, "d1 s1c city", "city");
    a = t_move("s1", "d2");
    hist_head(&h, &a, "d1", 0, true);
    one_act(&h, a, "city", false, "city", "city");
    a = (struct act){.type = ACT_STEWARD, .n = tnode("s1"), .st = tnode("d2")};
    one_act(&h, a, "d2", false, "d2", "d2");
    a = (struct act){.type = ACT_QUOTA, .n = tnode("s1"), .items = 1000, .bytes = 1000000};
    one_act(&h, a, "d2", false, "d2", "d2");
    a = (struct act){.type = ACT_FLOOR, .n = tnode("d2"), .minv = "0.2.0", .date = "2026-12-01"};
    one_act(&h, a, "d2", false, "d2", "d2");
    one_act(&h, t_info("s1", "\xe6\x96\xb0\xe5\x90\x8d"), "s1", false, "s1c", "s1c");
    one_act(&h, t_close("s1"), "d2", false, "d2", "d2");
    a = t_root("city", 2, 1, "root2");
    memcpy(a.prev, h.v[0].a.hash, HASH_LEN);
    one_act(&h, a, "city", true, "root root2", "root2");
    a = (struct act){.type = ACT_HANDOVER, .n = tnode("city"), .to = {1}};
    hist_head(&h, &a, "city", 0, true);
    one_act(&h, a, "city", true, "root2", "root2");
    a = (struct act){.type = ACT_ADOPT, .n = tnode("d9"), .up = tnode("city"), .lv = 30, .to = {2}};
    memset(a.prev, 2, HASH_LEN);
    one_act(&h, a, "city", true, "root2", "root2");
    const char *node = act_body(&h.v[4]);
    keyed("act", "unknown type", replaced(node, "\\\"t\\\":\\\"node", "\\\"t\\\":\\\"nods"), "d1",
          "needs_newer");
    keyed("act", "unknown type that says crit",
          replaced(replaced(node, "\\\"t\\\":\\\"node", "\\\"t\\\":\\\"nods"), "\\\"reg\\\":false",
                   "\\\"crit\\\":true"),
          "d1", "needs_newer");
    keyed("act", "known type that says crit",
          replaced(node, "\\\"reg\\\":false", "\\\"crit\\\":true"), "d1", "bad_member");
    keyed("act", "changed text", replaced(node, "\\\"lv\\\":40", "\\\"lv\\\":41"), "d1",
          "bad_signature");
    char weak[44] = {0}, strong[44] = {0};
    uint8_t zero[SIGN_PUB_LEN] = {0};
    (void)b64u_put(zero, 32, weak);
    (void)b64u_put(tkey("s1")->pub, 32, strong);
    keyed("act", "weak key", replaced(node, strong, weak), "d1", "weak_key");
    hist_done(&h);
    topic_end();
}

static void sealed_case(const char *name, const char *d, const char *me, const char *step,
                        const char *want)
{
    struct vcase v = {.check = "sealed"};
    uint8_t g[HASH_LEN];
    memset(g, 3, sizeof(g));
    vcase_arg_b64(&v, "g", g, HASH_LEN);
    vcase_arg(&v, "by", tnode("s1").s);
    vcase_arg(&v, "id", "thread-1");
    vcase_arg(&v, "step", step);
    vcase_arg(&v, "me", tnode(me).s);
    vcase_arg_b64(&v, "seal_seed", tkey(me)->seal_seed, SEAL_SEED_LEN);
    emit(&v, name, d, strlen(d), want);
}

static void sealed(void)
{
    static const char plain[] = "{\"k\":\"referral/1\",\"who\":\"i\",\"ev\":\"cancel_request\","
                                "\"seen\":2,\"on\":\"2026-11-22\",\"d\":{}}";
    struct seal_ctx c = {.by = tnode("s1"), .id = "thread-1", .step = 3, .n_to = 2};
    uint8_t cek[32], rnd[96];
    struct buf out;
    topic("sealed");
    memset(c.g, 3, HASH_LEN);
    memset(cek, 11, sizeof(cek));
    for (size_t i = 0; i < sizeof(rnd); i++) {
        rnd[i] = (uint8_t)i;
    }
    struct node_id a = tnode("s1"), b = tnode("s3");
    bool first = node_id_cmp(&a, &b) < 0;
    c.to[first ? 0 : 1].n = a;
    c.to[first ? 1 : 0].n = b;
    memcpy(c.to[first ? 0 : 1].pub, tkey("s1")->seal, SEAL_PUB_LEN);
    memcpy(c.to[first ? 1 : 0].pub, tkey("s3")->seal, SEAL_PUB_LEN);
    buf_init(&out, LIM_ITEM_BYTES);
    int err = seal_write(&c, cek, span_of(plain, strlen(plain)), rnd, &out);
    assert(err == 0);
    const char *d = arena_strdup(ar, buf_str(&out));
    buf_done(&out);
    sealed_case("for the recipient", d, "s3", "3", NULL);
    sealed_case("for the writer", d, "s1", "3", NULL);
    sealed_case("not for a third", d, "s2", "3", "cannot_open");
    sealed_case("not at another step", d, "s3", "4", "cannot_open");
    sealed_case("changed salt", replaced(d, "\"salt\":\"Q", "\"salt\":\"R"), "s3", "3",
                "cannot_open");
    sealed_case("another suite", replaced(d, "\"st\":1", "\"st\":2"), "s3", "3", "needs_newer");
    topic_end();
}

static const char *spec_text(const struct jspec *spec, const void *src)
{
    struct buf b;
    struct jw w;
    buf_init(&b, LIM_ITEM_BYTES);
    jw_init(&w, &b);
    jspec_write(&w, NULL, spec, src);
    int err = jw_done(&w);
    assert(err == 0);
    const char *s = arena_strdup(ar, buf_str(&b));
    buf_done(&b);
    return s;
}

static void session_case(const char *name, const struct msg_session_open *o,
                         const struct msg_session_challenge *c, bool ticket, bool forge)
{
    struct vcase v = {.check = "session"};
    struct msg_session_proof p = {.has_ticket = ticket};
    struct buf pre;
    uint8_t spki[HASH_LEN];
    memset(spki, 4, sizeof(spki));
    memset(p.cid, 2, sizeof(p.cid));
    memset(p.ticket, ticket ? 9 : 0, sizeof(p.ticket));
    buf_init(&pre, 4096);
    int err = session_preimage(o, c, spki, ticket ? p.ticket : NULL, &pre);
    assert(err == 0);
    err = sign_raw(tkey("s1")->k, pre.data, pre.len, p.s);
    assert(err == 0);
    buf_done(&pre);
    p.has_ticket = forge ? !ticket : ticket;
    vcase_arg(&v, "open", spec_text(msg_session_open_spec, o));
    vcase_arg(&v, "challenge", spec_text(msg_session_challenge_spec, c));
    vcase_arg_b64(&v, "spki", spki, HASH_LEN);
    vcase_arg_b64(&v, "key", tkey("s1")->pub, SIGN_PUB_LEN);
    const char *in = spec_text(msg_session_proof_spec, &p);
    emit(&v, name, in, strlen(in), forge ? "bad_signature" : NULL);
}

static void session(void)
{
    struct node_id s1 = tnode("s1"), d1 = tnode("d1");
    struct msg_session_open o = {.v = 1, .node = s1.s, .kid = tkey("s1")->kid.s, .lane = "up"};
    struct msg_session_challenge c = {.node = d1.s};
    o.ver = "0.1.0";
    memset(o.g, 3, HASH_LEN);
    memset(o.inst, 7, sizeof(o.inst));
    memset(o.nonce, 1, sizeof(o.nonce));
    memset(c.nonce, 8, sizeof(c.nonce));
    memset(c.cid, 2, sizeof(c.cid));
    topic("session");
    session_case("first session of a lane", &o, &c, false, false);
    session_case("with the last ticket", &o, &c, true, false);
    session_case("ticket left out after signing", &o, &c, true, true);
    o.lane = "down";
    session_case("lane down", &o, &c, false, false);
    topic_end();
}

static void exchange(void)
{
    struct msg_hello h = {.v = 1, .lines = 1, .full = true, .has_hd = true, .max = 1048576};
    struct have_writer w;
    struct buf b;
    topic("exchange");
    memset(h.g, 3, HASH_LEN);
    memset(h.rv, 6, sizeof(h.rv));
    buf_init(&b, LIM_ITEM_BYTES);
    struct have_epoch e[2] = {{.ep = 1, .seq = 12}, {.ep = 2, .seq = 3}};
    memset(e[0].en, 5, 8);
    memset(e[1].en, 6, 8);
    memset(e[0].id8, 1, 8);
    memset(e[1].id8, 2, 8);
    have_begin(&w, &b);
    have_add(&w, tnode("s1").s, "fed", e, 2);
    have_add(&w, tnode("d1").s, "trust", e, 1);
    int err = have_end(&w);
    assert(err == 0);
    const char *line = arena_strdup(ar, buf_str(&b));
    buf_done(&b);
    have_digest_add(h.hd, tnode("s1").s, "fed", &e[0]);
    have_digest_add(h.hd, tnode("s1").s, "fed", &e[1]);
    have_digest_add(h.hd, tnode("d1").s, "trust", &e[0]);
    h.wait = 25000;
    h.ts = TS;
    const char *hello = spec_text(msg_hello_spec, &h);
    simple("hello", "hello of a child", hello, NULL);
    char wanted[MSG_FETCH_TEXT];
    const char *can[] = {MSG_CAN_FILES}, *fetch[] = {wanted};
    msg_fetch_write(tnode("s1").s, "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg", 524288, wanted);
    struct msg_hello wants = h;
    wants.can = (struct jarr){can, 1};
    wants.fetch = (struct jarr){fetch, 1};
    simple("hello", "an attachment is wanted", spec_text(msg_hello_spec, &wants), NULL);
    simple("hello", "too long a wait", replaced(hello, "25000", "25001"), "bad_member");
    simple("have", "three streams", line, NULL);
    simple("have", "sequence 0", replaced(line, ",12,", ",0,"), "bad_member");
    topic_end();
}

static void invite(void)
{
    struct node_id n = tnode("s1"), d = tnode("d1");
    struct msg_invite in = {.v = 1, .node = n.s, .up = d.s, .url = "https://127.0.0.1:8443"};
    struct vcase bad = {.check = "invite"};
    struct buf b;
    topic("invite");
    in.name = "\xe8\xa1\x97\xe9\x81\x93";
    in.area = "370102001";
    in.lv = 40;
    in.exp = TS;
    in.head_by = d.s;
    in.head_ep = 1;
    in.head_seq = 2;
    in.kid = tkey("d1")->kid.s;
    memset(in.g, 3, HASH_LEN);
    memset(in.tls, 4, HASH_LEN);
    memset(in.secret, 5, sizeof(in.secret));
    memset(in.head_id, 6, HASH_LEN);
    buf_init(&b, LIM_ITEM_BYTES);
    int err = invite_write(&in, tkey("d1")->k, &b);
    assert(err == 0);
    const char *line = arena_strdup(ar, buf_str(&b));
    buf_done(&b);
    keyed("invite", "an invite", line, "d1", NULL);
    keyed("invite", "another issuer's key", line, "d2", "bad_signature");
    vcase_arg_b64(&bad, "key", tkey("d1")->pub, SIGN_PUB_LEN);
    char *x = arena_strdup(ar, line);
    x[strlen(x) - 1] = x[strlen(x) - 1] == 'a' ? 'b' : 'a';
    struct vcase probe = {.check = "invite", .in = span_of(x, strlen(x))};
    const char *want = err_name(vcase_run(&probe));
    vcase_done(&probe);
    emit(&bad, "wrong check characters", x, strlen(x), want);
    topic_end();
}

static void enrol_case(const char *name, const char *body, int secret, const char *want)
{
    struct vcase v = {.check = "enrol"};
    uint8_t s[16];
    memset(s, secret, sizeof(s));
    vcase_arg_b64(&v, "secret", s, sizeof(s));
    emit(&v, name, body, strlen(body), want);
}

static void file_case(const char *name, const char *body, const char *called, const char *lv,
                      const char *want)
{
    struct vcase v = {.check = "enrol_file"};
    uint8_t s[16];
    memset(s, 5, sizeof(s));
    vcase_arg_b64(&v, "secret", s, sizeof(s));
    vcase_arg(&v, "name", called);
    vcase_arg(&v, "area", "370102001");
    vcase_arg(&v, "lv", lv);
    emit(&v, name, body, strlen(body), want);
}

static void enrol_file(struct msg_enrol e, const uint8_t secret[static 16])
{
    static const char called[] = "\xe8\xa1\x97\xe9\x81\x93";
    struct node_id d = tnode("d1");
    struct enrol_place p = {
        .g = e.g, .up = &d, .name = called, .area = "370102001", .lv = 40, .ts = TS};
    struct act_co co;
    struct buf act, b;
    buf_init(&act, LIM_ITEM_BYTES);
    buf_init(&b, LIM_ITEM_BYTES);
    e.up = d.s;
    e.ts = TS;
    int err = enrol_act(&e, &p, &act);
    err = err < 0 ? err : act_sign(span_of(act.data, act.len), tkey("s1")->k, &co);
    memcpy(e.pop, co.s, SIG_LEN);
    e.has_pop = true;
    err = err < 0 ? err : enrol_write(&e, secret, tkey("s1")->k, &b);
    assert(err == 0);
    const char *body = arena_strdup(ar, buf_str(&b));
    file_case("a request by file", body, called, "40", NULL);
    file_case("invited under another name", body, "x", "40", "bad_signature");
    file_case("invited as a registrar", body, called, "30", "bad_signature");
    e.ts = 0;
    buf_reset(&b);
    err = enrol_write(&e, secret, tkey("s1")->k, &b);
    assert(err == 0);
    file_case("without the time of its act", buf_str(&b), called, "40", "bad_member");
    buf_done(&act);
    buf_done(&b);
}

static void enrol(void)
{
    struct node_id n = tnode("s1");
    struct msg_enrol e = {.v = 1, .node = n.s, .ver = "0.1.0"};
    uint8_t secret[16];
    struct buf b;
    topic("enrol");
    memset(e.g, 3, HASH_LEN);
    memcpy(e.sig, tkey("s1")->pub, SIGN_PUB_LEN);
    memcpy(e.seal, tkey("s1")->seal, SEAL_PUB_LEN);
    memcpy(e.tls, tkey("s1")->tls, HASH_LEN);
    memset(e.inst, 7, sizeof(e.inst));
    memset(secret, 5, sizeof(secret));
    buf_init(&b, LIM_ITEM_BYTES);
    int err = enrol_write(&e, secret, tkey("s1")->k, &b);
    assert(err == 0);
    const char *body = arena_strdup(ar, buf_str(&b));
    buf_done(&b);
    enrol_case("a request", body, 5, NULL);
    enrol_case("another secret", body, 6, "bad_signature");
    enrol_case("changed key", replaced(body, "0.1.0", "0.1.1"), 5, "bad_signature");
    enrol_file(e, secret);
    topic_end();
}

static void ferry(void)
{
    struct node_id d = tnode("d1"), s = tnode("s1");
    struct ferry_manifest m = {.v = 1, .by = d.s, .to = s.s, .no = 7, .ts = TS, .part = 1};
    struct ferry_receipt r = {.v = 1, .by = s.s, .to = d.s, .no = 7, .ts = TS, .lines = 1};
    struct buf b;
    topic("ferry");
    m.parts = 1;
    m.lines = 1;
    m.count = 2;
    memset(m.g, 3, HASH_LEN);
    memset(r.g, 3, HASH_LEN);
    memset(m.sha, 9, HASH_LEN);
    buf_init(&b, LIM_ITEM_BYTES);
    int err = ferry_manifest_write(&m, tkey("d1")->k, &b);
    assert(err == 0);
    const char *line = arena_strdup(ar, buf_str(&b));
    keyed("manifest", "manifest", line, "d1", NULL);
    keyed("manifest", "manifest under another key", line, "d2", "bad_signature");
    keyed("manifest", "changed count", replaced(line, "\\\"count\\\":2", "\\\"count\\\":3"), "d1",
          "bad_signature");
    buf_reset(&b);
    err = ferry_receipt_write(&r, tkey("s1")->k, &b);
    assert(err == 0);
    keyed("receipt", "receipt", buf_str(&b), "s1", NULL);
    keyed("receipt", "receipt under another key", buf_str(&b), "s2", "bad_signature");
    buf_done(&b);
    topic_end();
}

static void item_case(const char *name, const char *aud, bool top, const char *in, const char *want)
{
    struct vcase v = {.check = "item"};
    vcase_arg(&v, "aud", aud);
    if (top) {
        vcase_arg(&v, "top", "true");
    }
    emit(&v, name, in, strlen(in), want);
}

static const char *item_text(const char *id, const char *kind, const char *op, const char *d)
{
    return arena_printf(ar,
                        "{\"id\":\"%s\",\"k\":\"%s\",\"op\":\"%s\",\"r\":1,"
                        "\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"d\":%s}",
                        id, kind, op, d);
}

static void items(void)
{
    static const char b32x[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    char sig[87] = {0};
    memset(sig, 'A', 86);
    topic("items");
    const char *d = arena_printf(ar, "{\"leaves\":[\"%s\"],\"why\":\"person\"}", b32x);
    const char *erase = item_text("e1", "erase/1", "ev", d);
    item_case("erase", "fed", false, erase, NULL);
    item_case("erase for no known reason", "fed", false, replaced(erase, "person", "whim"),
              "bad_member");
    d = arena_printf(ar, "{\"a\":{\"h\":\"{}\",\"s\":\"%s\"},\"b\":{\"h\":\"{ }\",\"s\":\"%s\"}}",
                     sig, sig);
    const char *proof = item_text("p1", "proof/1", "ev", d);
    item_case("proof", "fed", false, proof, NULL);
    item_case("proof of nothing", "fed", false, replaced(proof, "{ }", "{}"), "bad_member");
    d = arena_printf(ar,
                     "{\"day\":\"2026-11-22\",\"h\":[[\"%s\",\"fed\",1,12,\"AQEBAQEBAQE\"]],"
                     "\"page\":1,\"pages\":1}",
                     tnode("s1").s);
    const char *heads = item_text("heads", "heads/1", "put", d);
    item_case("heads", "fed", true, heads, NULL);
    item_case("heads of a private stream", "fed", true, replaced(heads, "\"fed\",1", "\"self\",1"),
              "bad_member");
    item_case("unknown kind", "fed", false, item_text("x", "future/9", "put", "{}"), "needs_newer");
    topic_end();
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fputs("usage: make_vectors DIR\n", stderr);
        return 2;
    }
    dir = argv[1];
    ar = arena_new((size_t)256 << 20);
    assert(ar != NULL);
    names();
    json();
    envelope();
    acts();
    sealed();
    session();
    exchange();
    invite();
    enrol();
    ferry();
    items();
    arena_free(ar);
    tkey_done();
    return failures == 0 ? 0 : 1;
}
