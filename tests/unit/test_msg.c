/* SPDX-License-Identifier: Apache-2.0 */
/* Do messages come back as they were sent, and does everything that is signed or summed cover every
 * member it should? */
#include "protocol/msg.h"

#include "protocol/base/enc.h"
#include "protocol/json_gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first */
#include <cmocka.h>

static const char node_a[] = "naaaaaaaaaaaaa";
static const char node_b[] = "nbbbbbbbbbbbbb";
static const char kid_a[] = "kaaaaaaaaaaaaa";

struct world {
    struct sign_key *key;
    struct sign_pub *pub;
    struct key_id kid;
    struct arena *a;
    struct buf b;
    struct fault f;
};

static int setup(void **state)
{
    static const uint8_t seed[SIGN_SEED_LEN] = {9};
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->key = sign_key_new(seed);
    assert_non_null(w->key);
    assert_int_equal(sign_pub_new(sign_key_pub(w->key), &w->pub), 0);
    key_id_of(sign_key_pub(w->key), &w->kid);
    w->a = arena_new((size_t)4 << 20);
    buf_init(&w->b, (size_t)2 << 20);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    sign_key_free(w->key);
    sign_pub_free(w->pub);
    arena_free(w->a);
    buf_done(&w->b);
    free(w);
    return 0;
}

/* Writes, reads back, writes again: the same text, and members a newer peer adds do no harm. */
static void round_trip(struct world *w, const struct jspec *spec, const void *src, void *back,
                       size_t n)
{
    struct jw jw;
    struct buf again;
    buf_reset(&w->b);
    jw_init(&jw, &w->b);
    jspec_write(&jw, NULL, spec, src);
    assert_int_equal(jw_done(&jw), 0);
    assert_int_equal(jspec_read(w->b.data, w->b.len, spec, back, n, w->a, &w->f), 0);
    buf_init(&again, 1 << 20);
    jw_init(&jw, &again);
    jspec_write(&jw, NULL, spec, back);
    assert_int_equal(jw_done(&jw), 0);
    assert_string_equal(buf_str(&again), buf_str(&w->b));
    w->b.len--;
    (void)buf_puts(&w->b, ",\"later_member\":{\"x\":1}}");
    assert_int_equal(jspec_read(w->b.data, w->b.len, spec, back, n, w->a, &w->f), 0);
    buf_done(&again);
}

static struct msg_session_open open_msg(void)
{
    struct msg_session_open o = {
        .v = 1, .node = node_a, .kid = kid_a, .lane = "down", .ver = "0.1.0"};
    memset(o.g, 1, sizeof(o.g));
    memset(o.inst, 2, sizeof(o.inst));
    memset(o.nonce, 3, sizeof(o.nonce));
    return o;
}

static struct msg_session_challenge challenge_msg(void)
{
    struct msg_session_challenge c = {.node = node_b};
    memset(c.nonce, 4, sizeof(c.nonce));
    memset(c.cid, 5, sizeof(c.cid));
    return c;
}

static void test_session_messages(void **state)
{
    struct world *w = *state;
    struct msg_session_open o = open_msg(), o2;
    round_trip(w, msg_session_open_spec, &o, &o2, sizeof(o2));
    assert_string_equal(o2.node, node_a);
    assert_string_equal(o2.kid, kid_a);
    assert_string_equal(o2.lane, "down");
    assert_string_equal(o2.ver, "0.1.0");
    assert_memory_equal(o2.g, o.g, sizeof(o.g));
    assert_memory_equal(o2.inst, o.inst, sizeof(o.inst));
    assert_memory_equal(o2.nonce, o.nonce, sizeof(o.nonce));
    struct msg_session_challenge c = challenge_msg(), c2;
    round_trip(w, msg_session_challenge_spec, &c, &c2, sizeof(c2));
    assert_string_equal(c2.node, node_b);
    assert_memory_equal(c2.cid, c.cid, sizeof(c.cid));
    assert_memory_equal(c2.nonce, c.nonce, sizeof(c.nonce));
    struct msg_session_proof p = {.has_ticket = true}, p2;
    round_trip(w, msg_session_proof_spec, &p, &p2, sizeof(p2));
    assert_true(p2.has_ticket); /* a ticket of zero bytes is a ticket */
    p.has_ticket = false;
    memset(p.s, 6, sizeof(p.s));
    round_trip(w, msg_session_proof_spec, &p, &p2, sizeof(p2));
    assert_false(p2.has_ticket);
    assert_memory_equal(p2.s, p.s, sizeof(p.s));
    struct msg_session_grant g = {.ttl = 900000, .now = 1700000000000, .ver = "0.2"}, g2;
    memset(g.token, 7, sizeof(g.token));
    memset(g.ticket, 8, sizeof(g.ticket));
    round_trip(w, msg_session_grant_spec, &g, &g2, sizeof(g2));
    assert_memory_equal(g2.token, g.token, sizeof(g.token));
    assert_memory_equal(g2.ticket, g.ticket, sizeof(g.ticket));
    assert_int_equal(g2.ttl, 900000);
    assert_int_equal(g2.now, 1700000000000);
}

static void test_error_and_replies(void **state)
{
    struct world *w = *state;
    struct msg_error e = {.err = "moved"}, e2;
    round_trip(w, msg_error_spec, &e, &e2, sizeof(e2));
    assert_string_equal(e2.err, "moved");
    assert_null(e2.member);
    assert_false(e2.has_act);
    e = (struct msg_error){
        .err = "quota", .member = "h", .want = "less", .retry = 5000, .has_act = true};
    e.act = span_of("{\"a\":\"{}\",\"co\":[]}", 18);
    round_trip(w, msg_error_spec, &e, &e2, sizeof(e2));
    assert_string_equal(e2.member, "h");
    assert_string_equal(e2.want, "less");
    assert_int_equal(e2.retry, 5000);
    assert_true(e2.has_act && span_eq(e2.act, e.act));
    struct msg_enrol_reply r = {.state = "act", .act = "{\"t\":\"node\"}", .retry = 1}, r2;
    round_trip(w, msg_enrol_reply_spec, &r, &r2, sizeof(r2));
    assert_string_equal(r2.state, "act");
    assert_string_equal(r2.act, r.act);
}

static void test_hello(void **state)
{
    struct world *w = *state;
    struct msg_hello h = {.v = 1,
                          .lines = 2,
                          .full = true,
                          .has_hd = true,
                          .max = 1048576,
                          .wait = 25000,
                          .credit = 5,
                          .retry = 6,
                          .need_full = true,
                          .more = true,
                          .ts = 7},
                     h2;
    const char *left[] = {"AAAAAAAAAAA", "AQAAAAAAAAA"};
    h.left = (struct jarr){left, 2};
    memset(h.rv, 9, sizeof(h.rv));
    round_trip(w, msg_hello_spec, &h, &h2, sizeof(h2));
    assert_memory_equal(h2.rv, h.rv, sizeof(h.rv));
    assert_true(h2.full && h2.has_hd && h2.need_full && h2.more);
    assert_int_equal(h2.lines, 2);
    assert_int_equal(h2.max, 1048576);
    assert_int_equal(h2.wait, 25000);
    assert_int_equal(h2.credit, 5);
    assert_int_equal(h2.retry, 6);
    assert_int_equal(h2.ts, 7);
    assert_int_equal(h2.left.n, 2);
    assert_string_equal(((const char *const *)h2.left.v)[1], left[1]);
    h = (struct msg_hello){.v = 1};
    round_trip(w, msg_hello_spec, &h, &h2, sizeof(h2));
    assert_false(h2.full || h2.has_hd || h2.need_full || h2.more);
    assert_int_equal(h2.wait, 0);
    static const char *const bad[] = {"\"wait\":25001", "\"wait\":-1", "\"max\":-1",
                                      "\"full\":1",     "\"hd\":\"\"", "\"lines\":0"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct jw jw;
        buf_reset(&w->b);
        jw_init(&jw, &w->b);
        jspec_write(&jw, NULL, msg_hello_spec, &h);
        assert_int_equal(jw_done(&jw), 0);
        w->b.len--;
        (void)buf_printf(&w->b, ",%s}", bad[i]);
        assert_true(jspec_read(w->b.data, w->b.len, msg_hello_spec, &h2, sizeof(h2), w->a, &w->f) <
                    0);
    }
}

/* ---- session preimage ----------------------------------------------------------------------- */

static void test_session_preimage_bytes(void **state)
{
    struct world *w = *state;
    struct msg_session_open o = open_msg();
    struct msg_session_challenge c = challenge_msg();
    uint8_t spki[HASH_LEN], ticket[16];
    struct buf want;
    memset(spki, 10, sizeof(spki));
    memset(ticket, 11, sizeof(ticket));
    buf_init(&want, 4096);
    assert_int_equal(session_preimage(&o, &c, spki, ticket, &w->b), 0);
    (void)buf_puts(&want, "SJ1-session\n");
#define BE4(n) (void)buf_put(&want, "\0\0\0" n, 4)
#define FILL(v, n)                                                                                 \
    for (int i_ = 0; i_ < (n); i_++)                                                               \
    (void)buf_putc(&want, v)
    BE4("\x20");
    FILL(1, 32);
    BE4("\x01");
    BE4("\x0e");
    (void)buf_puts(&want, node_a);
    BE4("\x0e");
    (void)buf_puts(&want, kid_a);
    BE4("\x04");
    (void)buf_puts(&want, "down");
    BE4("\x10");
    FILL(2, 16);
    BE4("\x10");
    FILL(3, 16);
    BE4("\x10");
    FILL(4, 16);
    BE4("\x10");
    FILL(5, 16);
    BE4("\x0e");
    (void)buf_puts(&want, node_b);
    BE4("\x20");
    FILL(10, 32);
    BE4("\x10");
    FILL(11, 16);
    assert_int_equal(w->b.len, want.len);
    assert_memory_equal(w->b.data, want.data, want.len);
    buf_reset(&w->b);
    assert_int_equal(session_preimage(&o, &c, spki, NULL, &w->b), 0);
    assert_int_equal(w->b.len, want.len - 16);
    assert_memory_equal(w->b.data + w->b.len - 4, "\0\0\0\0", 4);
    buf_done(&want);
}

/* ---- have ----------------------------------------------------------------------------------- */

struct seen {
    size_t streams, epochs;
    uint8_t sum[HASH_LEN];
    char last_by[20], last_aud[300];
    int answer;
};

static int see(const char *by, const char *aud, const struct have_epoch *e, size_t n, void *arg)
{
    struct seen *s = arg;
    s->streams++;
    s->epochs += n;
    (void)snprintf(s->last_by, sizeof(s->last_by), "%s", by);
    (void)snprintf(s->last_aud, sizeof(s->last_aud), "%s", aud);
    for (size_t i = 0; i < n; i++) {
        have_digest_add(s->sum, by, aud, &e[i]);
    }
    return s->answer;
}

static int read_have(struct world *w, struct seen *s)
{
    return have_line_read(span_of(w->b.data, w->b.len), see, s, &w->f);
}

static void test_have_exact_text(void **state)
{
    struct world *w = *state;
    struct have_writer h;
    struct have_epoch e = {.ep = 1, .seq = 7};
    have_begin(&h, &w->b);
    have_add(&h, node_a, "fed", &e, 1);
    have_add(&h, node_b, "self", &e, 0);
    assert_int_equal(have_end(&h), 0);
    assert_string_equal(
        buf_str(&w->b),
        "{\"have\":[[\"naaaaaaaaaaaaa\",\"fed\",[[1,\"AAAAAAAAAAA\",7,\"AAAAAAAAAAA\"]]],"
        "[\"nbbbbbbbbbbbbb\",\"self\",[]]]}");
}

static void test_have_full_line(void **state)
{
    struct world *w = *state;
    struct have_writer h;
    struct have_epoch e[5];
    struct seen s = {0};
    uint8_t sum[HASH_LEN] = {0};
    have_begin(&h, &w->b);
    for (size_t i = 0; i < LIM_HAVE_PER_LINE; i++) {
        char by[16];
        (void)snprintf(by, sizeof(by), "naaaaaaaaaaa%c%c", (char)('a' + i / 16),
                       (char)('a' + i % 16));
        for (size_t k = 0; k < 5; k++) {
            e[k] = (struct have_epoch){.ep = (uint32_t)(k + 1), .seq = (int64_t)(i + 1)};
            memset(e[k].en, (int)i, sizeof(e[k].en));
            memset(e[k].id8, (int)k, sizeof(e[k].id8));
            have_digest_add(sum, by, "trust", &e[k]);
        }
        have_add(&h, by, "trust", e, 5);
    }
    assert_int_equal(have_end(&h), 0);
    assert_int_equal(read_have(w, &s), 0); /* far more than 4,096 values */
    assert_int_equal(s.streams, LIM_HAVE_PER_LINE);
    assert_int_equal(s.epochs, LIM_HAVE_PER_LINE * 5);
    assert_memory_equal(s.sum, sum, HASH_LEN);
    buf_reset(&w->b);
    have_begin(&h, &w->b);
    for (size_t i = 0; i <= LIM_HAVE_PER_LINE; i++) {
        have_add(&h, node_a, "fed", e, 1);
    }
    assert_int_equal(have_end(&h), SANJI_E_SIZE);
}

static void test_have_refusals(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *text;
        int want;
    } cases[] = {
        {"{\"have\":[]}", 0},
        {"{\"have\":[],\"later\":1}", 0},
        {"{}", SANJI_E_SPEC},
        {"{\"have\":{}}", SANJI_E_SPEC},
        {"{\"have\":[1]}", SANJI_E_SPEC},
        {"{\"have\":[[]]}", SANJI_E_SPEC},
        {"{\"have\":[[\"naaaaaaaaaaaaa\",\"fed\"]]}", SANJI_E_SPEC},
        {"{\"have\":[[\"naaaaaaaaaaaaa\",\"fed\",[],1]]}", SANJI_E_SPEC},
        {"{\"have\":[[\"naaaaaaaaaaaa\",\"fed\",[]]]}", SANJI_E_SPEC},
        {"{\"have\":[[\"naaaaaaaaaaaaa\",\"fad\",[]]]}", SANJI_E_SPEC},
        {"{\"have\":[[\"naaaaaaaaaaaaa\",\"fed\",{}]]}", SANJI_E_SPEC},
        {"{\"have\":[[\"naaaaaaaaaaaaa\",\"fed\",[[]]]]}", SANJI_E_SPEC},
        {"{\"have\":[[\"naaaaaaaaaaaaa\",\"fed\",[[1,\"AAAAAAAAAAA\",7,\"AAAAAAAAAAA\"]]]]}", 0},
        {"{\"have\":[[\"naaaaaaaaaaaaa\",\"fed\",[[1,\"AAAAAAAAAAA\",7,\"AAAAAAAAAAA\",1]]]]}",
         SANJI_E_SPEC},
        {"{\"have\":[[\"naaaaaaaaaaaaa\",\"fed\",[[0,\"AAAAAAAAAAA\",7,\"AAAAAAAAAAA\"]]]]}",
         SANJI_E_SPEC},
        {"{\"have\":[[\"naaaaaaaaaaaaa\",\"fed\",[[1000001,\"AAAAAAAAAAA\",7,\"AAAAAAAAAAA\"]]]]}",
         SANJI_E_SPEC},
        {"{\"have\":[[\"naaaaaaaaaaaaa\",\"fed\",[[1,\"AAAAAAAAAAA\",0,\"AAAAAAAAAAA\"]]]]}",
         SANJI_E_SPEC},
        {"{\"have\":[[\"naaaaaaaaaaaaa\",\"fed\",[[1,\"AAAAAAAAAAA\",1000000001,\"AAAAAAAAAAA\"]]]]"
         "}",
         SANJI_E_SPEC},
        {"{\"have\":[[\"naaaaaaaaaaaaa\",\"fed\",[[1,\"AAAAAAAAAAB\",1,\"AAAAAAAAAAA\"]]]]}",
         SANJI_E_SPEC},
        {"{\"have\":[[\"naaaaaaaaaaaaa\",\"fed\",[[1,\"AAAAAAAAAAA\",1,\"AAAAAAAAAA\"]]]]}",
         SANJI_E_SPEC},
        {"{\"have\":[}", SANJI_E_SYNTAX},
        {"", SANJI_E_SYNTAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct seen s = {0};
        buf_reset(&w->b);
        (void)buf_puts(&w->b, cases[i].text);
        assert_int_equal(read_have(w, &s), cases[i].want);
    }
    struct seen stop = {.answer = SANJI_E_FULL};
    buf_reset(&w->b);
    (void)buf_puts(&w->b,
                   "{\"have\":[[\"naaaaaaaaaaaaa\",\"fed\",[]],[\"nbbbbbbbbbbbbb\",\"fed\",[]]]}");
    assert_int_equal(read_have(w, &stop), SANJI_E_FULL);
    assert_int_equal(stop.streams, 1);
    buf_reset(&w->b); /* 257 streams of a foreign writer */
    (void)buf_puts(&w->b, "{\"have\":[");
    for (size_t i = 0; i <= LIM_HAVE_PER_LINE; i++) {
        (void)buf_printf(&w->b, "%s[\"naaaaaaaaaaaaa\",\"fed\",[]]", i == 0 ? "" : ",");
    }
    (void)buf_puts(&w->b, "]}");
    struct seen many = {0};
    assert_int_equal(read_have(w, &many), SANJI_E_SIZE);
}

static void test_have_digest(void **state)
{
    (void)state;
    struct have_epoch e = {.ep = 1, .seq = 2}, changed;
    uint8_t base[HASH_LEN] = {0}, sum[HASH_LEN], zero[HASH_LEN] = {0}, want[HASH_LEN];
    struct buf pre;
    have_digest_add(base, node_a, "fed", &e);
    buf_init(&pre, 1000); /* from the definition */
    (void)buf_puts(&pre, "SJ1-have\n");
    (void)buf_put_lps(&pre, node_a);
    (void)buf_put_lps(&pre, "fed");
    (void)buf_put_u32be(&pre, 1);
    (void)buf_put(&pre, zero, 8);
    (void)buf_put_u64be(&pre, 2);
    (void)buf_put(&pre, zero, 8);
    hash_bytes(pre.data, pre.len, want);
    buf_done(&pre);
    assert_memory_equal(base, want, HASH_LEN);
    /* every part counts */
    for (int part = 0; part < 6; part++) {
        changed = e;
        changed.ep += part == 0;
        changed.en[7] = part == 1;
        changed.seq += part == 2;
        changed.id8[0] = part == 3;
        memset(sum, 0, sizeof(sum));
        have_digest_add(sum, part == 4 ? node_b : node_a, part == 5 ? "self" : "fed", &changed);
        assert_memory_not_equal(sum, base, HASH_LEN);
    }
    /* kept up to date = computed anew, in any order */
    memset(sum, 0, sizeof(sum));
    for (int i = 1; i <= 100; i++) {
        struct have_epoch x = {.ep = 1, .seq = i};
        have_digest_add(sum, node_b, "trust", &x);
        if (i > 1) {
            x.seq = i - 1;
            have_digest_sub(sum, node_b, "trust", &x);
        }
    }
    have_digest_add(sum, node_a, "fed", &e);
    memset(want, 0, sizeof(want));
    have_digest_add(want, node_a, "fed", &e);
    have_digest_add(want, node_b, "trust", &(struct have_epoch){.ep = 1, .seq = 100});
    assert_memory_equal(sum, want, HASH_LEN);
    have_digest_sub(sum, node_a, "fed", &e);
    have_digest_sub(sum, node_b, "trust", &(struct have_epoch){.ep = 1, .seq = 100});
    assert_memory_equal(sum, zero, HASH_LEN);
}

/* ---- invite --------------------------------------------------------------------------------- */

static void test_blob_messages(void **state)
{
    struct world *w = *state;
    static const char sha[] = "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg";
    struct msg_blob m = {.op = "put", .by = node_a, .sha = sha, .at = 524288, .len = 600000}, m2;
    round_trip(w, msg_blob_spec, &m, &m2, sizeof(m2));
    assert_string_equal(m2.op, "put");
    assert_string_equal(m2.sha, sha);
    assert_true(m2.at == 524288 && m2.len == 600000 && m2.err == NULL);
    m = (struct msg_blob){.op = "none", .by = node_a, .sha = sha, .err = "not_found"};
    round_trip(w, msg_blob_spec, &m, &m2, sizeof(m2));
    assert_string_equal(m2.err, "not_found");
    assert_true(m2.at == 0 && m2.len == 0);

    char text[MSG_FETCH_TEXT], back[MSG_SHA + 1];
    struct node_id by;
    int64_t at = -1;
    msg_fetch_write(node_a, sha, 20971520, text);
    assert_true(msg_fetch_read(text, &by, back, &at));
    assert_string_equal(by.s, node_a);
    assert_string_equal(back, sha);
    assert_int_equal(at, 20971520);
    static const char *const bad[] = {
        "",         " ",
        "%s",       "%s %s",
        "%s %s ",   "%s %s -1",
        "%s %s 1x", "%s %s 20971521",
        "%s  %s 1", "%s %s 999999999",
        "%s %s\t1", "x%s %s 1",
        "%s x%s 1", "../%s %s 1",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char line[256];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
        (void)snprintf(line, sizeof(line), bad[i], node_a, sha);
#pragma GCC diagnostic pop
        assert_false(msg_fetch_read(line, &by, back, &at));
    }
    (void)snprintf(text, sizeof(text), "%s %.42s/ 1", node_a, sha);
    assert_false(msg_fetch_read(text, &by, back, &at));
    assert_false(msg_sha_valid("n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgh")); /* stray bits */
}

static struct msg_invite invite_msg(struct world *w)
{
    struct msg_invite in = {.v = 1,
                            .node = node_a,
                            .up = node_b,
                            .url = "https://city.example/",
                            .name = "\xe4\xb8\x9c\xe8\xa1\x97",
                            .area = "310101",
                            .lv = 40,
                            .exp = 1800000000000,
                            .auto_ok = true,
                            .head_by = node_b,
                            .head_ep = 1,
                            .head_seq = 12,
                            .kid = w->kid.s};
    memset(in.g, 1, sizeof(in.g));
    memset(in.tls, 2, sizeof(in.tls));
    memset(in.secret, 3, sizeof(in.secret));
    memset(in.head_id, 4, sizeof(in.head_id));
    return in;
}

static void test_invite_round_trip(void **state)
{
    struct world *w = *state;
    struct msg_invite in = invite_msg(w), back;
    assert_int_equal(invite_write(&in, w->key, &w->b), 0);
    assert_memory_equal(w->b.data, "sanji1-", 7);
    assert_int_equal(invite_read(buf_str(&w->b), w->b.len, w->a, &back, &w->f), 0);
    assert_int_equal(invite_verify(&back, w->pub), 0);
    assert_string_equal(back.node, in.node);
    assert_string_equal(back.up, in.up);
    assert_string_equal(back.url, in.url);
    assert_string_equal(back.name, in.name);
    assert_string_equal(back.area, in.area);
    assert_string_equal(back.kid, in.kid);
    assert_string_equal(back.head_by, in.head_by);
    assert_memory_equal(back.g, in.g, 32);
    assert_memory_equal(back.tls, in.tls, 32);
    assert_memory_equal(back.secret, in.secret, 16);
    assert_memory_equal(back.head_id, in.head_id, 32);
    assert_true(back.auto_ok && back.lv == 40 && back.exp == in.exp && back.head_seq == 12);
    in.kid = kid_a; /* of another key */
    assert_int_equal(invite_write(&in, w->key, &w->b), SANJI_E_SPEC);
}

static void test_invite_signature_covers_everything(void **state)
{
    struct world *w = *state;
    struct msg_invite in = invite_msg(w);
    assert_int_equal(invite_write(&in, w->key, &w->b), 0);
    for (int i = 0; i < 16; i++) {
        struct msg_invite x = in;
        x.g[31] ^= i == 0;
        x.node = i == 1 ? node_b : x.node;
        x.up = i == 2 ? node_a : x.up;
        x.url = i == 3 ? "https://evil.example/" : x.url;
        x.name = i == 4 ? "x" : x.name;
        x.area = i == 5 ? "310102" : x.area;
        x.tls[0] ^= i == 6;
        x.secret[0] ^= i == 7;
        x.lv += i == 8;
        x.exp += i == 9;
        x.auto_ok ^= i == 10;
        x.head_by = i == 11 ? node_a : x.head_by;
        x.head_ep += i == 12;
        x.head_seq += i == 13;
        x.head_id[5] ^= i == 14;
        x.s[0] ^= i == 15;
        assert_int_equal(invite_verify(&x, w->pub), SANJI_E_SIGNATURE);
    }
    assert_int_equal(invite_verify(&in, w->pub), 0);
}

static void test_invite_as_people_paste_it(void **state)
{
    struct world *w = *state;
    struct msg_invite in = invite_msg(w), back;
    struct buf pasted;
    assert_int_equal(invite_write(&in, w->key, &w->b), 0);
    buf_init(&pasted, 1 << 16);
    (void)buf_puts(&pasted, "\r\n  \t");
    for (size_t i = 0; i < w->b.len; i++) {
        (void)buf_putc(&pasted, (char)w->b.data[i]);
        if (i % 10 == 0) {
            (void)buf_puts(&pasted, i % 20 == 0 ? "\r\n" : " \t");
        }
    }
    (void)buf_puts(&pasted, "\n\n");
    assert_int_equal(invite_read(buf_str(&pasted), pasted.len, w->a, &back, &w->f), 0);
    assert_int_equal(invite_verify(&back, w->pub), 0);
    (void)buf_puts(&pasted, ".");
    assert_true(invite_read(buf_str(&pasted), pasted.len, w->a, &back, &w->f) < 0);
    buf_done(&pasted);
}

static void test_invite_every_wrong_character(void **state)
{
    struct world *w = *state;
    struct msg_invite in = invite_msg(w), back;
    assert_int_equal(invite_write(&in, w->key, &w->b), 0);
    for (size_t i = 0; i < w->b.len; i++) {
        uint8_t was = w->b.data[i];
        static const char put[] = "aZ5-_=";
        for (size_t k = 0; k < sizeof(put) - 1; k++) {
            if ((uint8_t)put[k] == was) {
                continue;
            }
            w->b.data[i] = (uint8_t)put[k];
            arena_reset(w->a);
            assert_true(invite_read(buf_str(&w->b), w->b.len, w->a, &back, &w->f) < 0);
        }
        w->b.data[i] = was;
    }
    for (size_t n = 0; n < w->b.len; n++) { /* and every lost end */
        arena_reset(w->a);
        assert_true(invite_read(buf_str(&w->b), n, w->a, &back, &w->f) < 0);
    }
    uint8_t *sum = w->b.data + w->b.len - 8;
    sum[0] = sum[0] == 'a' ? 'b' : 'a';
    assert_int_equal(invite_read(buf_str(&w->b), w->b.len, w->a, &back, &w->f), SANJI_E_HASH);
}

/* With a right sum, the text still has to be an invite. */
static void test_invite_wrong_members(void **state)
{
    struct world *w = *state;
    static const char *const changes[][2] = {
        {"\"v\":1", "\"v\":2"},
        {"naaaaaaaaaaaaa", "naaaaaaaaaaaaA"},
        {"\"lv\":40", "\"lv\":0"},
        {"\"auto\":true", "\"auto\":1"},
        {"\"head_seq\":12", "\"head_seq\":0"},
        {"\"kid\":\"k", "\"kid\":\"n"},
        {"\"up\":\"n", "\"up\":\"m"},
        {"\"head_by\":\"n", "\"head_by\":\"x"},
        {"{\"v\"", "{ \"v\""},
    };
    struct msg_invite in = invite_msg(w), back;
    assert_int_equal(invite_write(&in, w->key, &w->b), 0);
    char json[4096] = {0};
    size_t n = 0;
    assert_int_equal(b64u_get_any(buf_str(&w->b) + 7, w->b.len - 7 - 9, json, sizeof(json) - 1, &n),
                     0);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct buf text, line;
        char sum[8], b64[8192];
        uint8_t h[HASH_LEN];
        const char *at = strstr(json, changes[i][0]);
        assert_non_null(at);
        buf_init(&text, 8192);
        buf_init(&line, 8192);
        (void)buf_printf(&text, "%.*s%s%s", (int)(at - json), json, changes[i][1],
                         at + strlen(changes[i][0]));
        hash_bytes(text.data, text.len, h);
        (void)b32_put(h, 5, sum);
        size_t bn = b64u_put(text.data, text.len, b64);
        (void)buf_printf(&line, "sanji1-%.*s-%.8s", (int)bn, b64, sum);
        int r = invite_read(buf_str(&line), line.len, w->a, &back, &w->f);
        assert_true(r == SANJI_E_SPEC || r == SANJI_E_SYNTAX);
        buf_done(&text);
        buf_done(&line);
    }
}

/* ---- enrolment ------------------------------------------------------------------------------ */

static struct msg_enrol enrol_msg(struct world *w)
{
    struct msg_enrol e = {.v = 1, .node = node_a, .url = "https://d.example", .ver = "0.1"};
    memset(e.g, 1, sizeof(e.g));
    memcpy(e.sig, sign_key_pub(w->key), sizeof(e.sig));
    memset(e.seal, 2, sizeof(e.seal));
    memset(e.tls, 3, sizeof(e.tls));
    memset(e.inst, 4, sizeof(e.inst));
    return e;
}

static void test_enrol_round_trip(void **state)
{
    struct world *w = *state;
    static const uint8_t secret[16] = {1, 2, 3}, other[16] = {1, 2, 4};
    struct msg_enrol e = enrol_msg(w), back;
    struct span q;
    uint8_t mac[HASH_LEN];
    for (int pop = 0; pop < 2; pop++) {
        e.has_pop = pop == 1;
        memset(e.pop, pop, sizeof(e.pop));
        buf_reset(&w->b);
        assert_int_equal(enrol_write(&e, secret, w->key, &w->b), 0);
        assert_int_equal(enrol_read(span_of(w->b.data, w->b.len), w->a, &back, &q, mac, &w->f), 0);
        assert_true(enrol_mac_ok(q, secret, mac));
        assert_false(enrol_mac_ok(q, other, mac));
        mac[31] ^= 1;
        assert_false(enrol_mac_ok(q, secret, mac));
        assert_string_equal(back.node, e.node);
        assert_string_equal(back.url, e.url);
        assert_memory_equal(back.sig, e.sig, 32);
        assert_memory_equal(back.seal, e.seal, 32);
        assert_memory_equal(back.tls, e.tls, 32);
        assert_memory_equal(back.inst, e.inst, 16);
        assert_int_equal(back.has_pop, e.has_pop);
        assert_memory_equal(back.pop, e.pop, 64);
    }
    uint8_t want[HASH_LEN]; /* the mac from its definition */
    struct buf pre;
    buf_init(&pre, 8192);
    (void)buf_puts(&pre, "SJ1-enrol\n");
    (void)buf_put(&pre, q.p, q.n);
    hmac_bytes(secret, 16, pre.data, pre.len, want);
    mac[31] ^= 1;
    assert_memory_equal(mac, want, HASH_LEN);
    buf_done(&pre);
}

static void test_enrol_refusals(void **state)
{
    struct world *w = *state;
    static const uint8_t secret[16] = {1};
    struct msg_enrol e = enrol_msg(w), back;
    struct span q;
    uint8_t mac[HASH_LEN];
    e.sig[0] ^= 1; /* another key than the one that signs */
    assert_int_equal(enrol_write(&e, secret, w->key, &w->b), SANJI_E_SPEC);
    e = enrol_msg(w);
    assert_int_equal(enrol_write(&e, secret, w->key, &w->b), 0);
    char *seal = strstr((char *)w->b.data, "AgICAgIC");
    assert_non_null(seal);
    seal[0] = 'B';
    assert_int_equal(enrol_read(span_of(w->b.data, w->b.len), w->a, &back, &q, mac, &w->f),
                     SANJI_E_SIGNATURE);
    seal[0] = 'A';
    for (size_t n = 0; n < w->b.len; n += 7) {
        assert_true(enrol_read(span_of(w->b.data, n), w->a, &back, &q, mac, &w->f) < 0);
    }
    /* a weak key: the neutral element signs anything */
    char *sig = strstr((char *)w->b.data, "sig\\\":\\\"");
    assert_non_null(sig);
    memset(sig + 8, 'A', 43);
    sig[9] = 'Q';
    assert_int_equal(enrol_read(span_of(w->b.data, w->b.len), w->a, &back, &q, mac, &w->f),
                     SANJI_E_WEAK_KEY);
}

static void test_enrol_digits(void **state)
{
    struct world *w = *state;
    struct msg_enrol e = enrol_msg(w), x;
    static const uint8_t secret[16] = {1}, other[16] = {2};
    char base[7], d[7];
    uint8_t h[HASH_LEN];
    struct buf pre;
    enrol_digits(&e, secret, base);
    assert_int_equal(strspn(base, "0123456789"), 6);
    assert_int_equal(base[6], 0);
    buf_init(&pre, 1000);
    (void)buf_puts(&pre, "SJ1-digits\n");
    (void)buf_put_lp(&pre, secret, 16);
    (void)buf_put_lps(&pre, node_a);
    (void)buf_put_lp(&pre, e.sig, 32);
    (void)buf_put_lp(&pre, e.seal, 32);
    (void)buf_put_lp(&pre, e.tls, 32);
    hash_bytes(pre.data, pre.len, h);
    buf_done(&pre);
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) {
        v = v << 8 | h[i];
    }
    (void)snprintf(d, sizeof(d), "%06u", (unsigned)(v % 1000000));
    assert_string_equal(base, d);
    for (int i = 0; i < 5; i++) {
        x = e;
        x.sig[0] ^= i == 0;
        x.seal[0] ^= i == 1;
        x.tls[0] ^= i == 2;
        x.node = i == 3 ? node_b : x.node;
        enrol_digits(&x, i == 4 ? other : secret, d);
        assert_string_not_equal(base, d);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_session_messages),
        T(test_error_and_replies),
        T(test_hello),
        T(test_blob_messages),
        T(test_session_preimage_bytes),
        T(test_have_exact_text),
        T(test_have_full_line),
        T(test_have_refusals),
        T(test_have_digest),
        T(test_invite_round_trip),
        T(test_invite_signature_covers_everything),
        T(test_invite_as_people_paste_it),
        T(test_invite_every_wrong_character),
        T(test_invite_wrong_members),
        T(test_enrol_round_trip),
        T(test_enrol_refusals),
        T(test_enrol_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
