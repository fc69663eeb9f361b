/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles that are kept beside the streams: own ones that wait to be published again ("again/"),
 * own ones that could not be ("unsent/", see branch.c), others' on their way to their writers
 * ("custody/"). Each name ends in ".../NO/SEQ/ID", so that a bundle itself says whether it is the
 * one that was put there. */
#include "sync/internal.h"

#include "protocol/base/enc.h"
#include "protocol/base/text.h"

#include <stdio.h>
#include <string.h>

static const char *const kept[] = {"again/", "custody/", "unsent/"};
static const char unsent[] = "unsent/again/";
enum { NAME_BYTES = 112 };

struct looking {
    struct sync *s;
    sync_aside_fn *fn;
    void *arg;
    const char *prefix; /* NULL: all of them, and names that are all but one of them */
    struct buf line;
    struct arena *a;
};

/* Is it the prefix but for one bit? */
static bool is_turned(const char *name, const char *prefix)
{
    int bits = 0;
    for (size_t i = 0; prefix[i] != '\0'; i++) {
        if (name[i] == '\0') {
            return false;
        }
        for (unsigned x = (uint8_t)name[i] ^ (uint8_t)prefix[i]; x != 0; x &= x - 1) {
            bits++;
        }
    }
    return bits == 1;
}

/* "t" and "d": trust streams wait by themselves, see branch.c. */
static bool form_fits(const char *name, size_t n, bool trust)
{
    static const char *const form[] = {"custody/", "again/d/", "unsent/again/d/",
                                       "custody/", "again/t/", "unsent/again/t/"};
    for (size_t i = trust ? 3 : 0; i < (trust ? 6 : 3); i++) {
        if (strlen(form[i]) == n && strncmp(name, form[i], n) == 0) {
            return true;
        }
    }
    return false;
}

/* What the name says of the bundle. */
static bool name_fits(struct sync *s, const char *name, const struct bundle *b)
{
    const char *part[3] = {NULL, NULL, NULL}, *at = name + strlen(name); /* NO, SEQ, ID */
    for (int i = 2; i >= 0; i--) {
        while (at > name && at[-1] != '/') {
            at--;
        }
        part[i] = at;
        at -= at > name;
    }
    uint8_t id[HASH_LEN];
    size_t n = strlen(part[2]), want = n == B64U_LEN(8) ? 8 : HASH_LEN;
    int64_t no = 0, seq = 0;
    if (!form_fits(name, (size_t)(part[0] - name), strcmp(b->hdr.aud, "trust") == 0)) {
        return false;
    }
    part[0] += strspn(part[0], "0"); /* some are padded, to be read in their order */
    part[1] += strspn(part[1], "0");
    if (text_i64(part[0], strcspn(part[0], "/"), 1, INT64_MAX, &no) < 0 ||
        text_i64(part[1], strcspn(part[1], "/"), 1, LIM_SEQ, &seq) < 0 ||
        b64u_get(part[2], n, id, want) < 0) {
        return false;
    }
    struct stream_key key;
    int idx = sync__by_no(s, no);
    return idx >= 0 && sync__key_of(&key, b->hdr.by.s, b->hdr.aud, b->hdr.ep, b->hdr.en) == 0 &&
           stream_key_cmp(&key, &s->streams[idx].row.key) == 0 && b->hdr.seq == seq &&
           memcmp(b->id, id, want) == 0;
}

static int one(const char *name, struct span value, void *arg)
{
    struct looking *k = arg;
    struct sync *s = k->s;
    struct bundle b;
    size_t used;
    bool is = k->prefix != NULL, turned = false;
    for (size_t i = 0; !is && i < sizeof(kept) / sizeof(kept[0]); i++) {
        is = strncmp(name, kept[i], strlen(kept[i])) == 0;
        turned = turned || is_turned(name, kept[i]);
    }
    if (!is && !turned) {
        return 0;
    }
    struct sync_aside x = {.name = name};
    arena_reset(k->a);
    buf_reset(&k->line);
    x.err = frame_unpack(s->fc, value, &k->line, &used);
    if (x.err == 0) {
        x.err = bundle_parse(span_of(k->line.data, k->line.len), k->a, &b, NULL);
    }
    if (x.err == SANJI_E_NOMEM) {
        return x.err;
    }
    if (x.err == 0) {
        x.err = !is || !name_fits(s, name, &b) ? SANJI_E_CORRUPT
                : !sync__is_signed(s, &b)      ? SANJI_E_SIGNATURE
                                               : 0;
    }
    x.b = x.err == 0 ? &b : NULL;
    return k->fn(&x, k->arg);
}

static int each(struct sync *s, const char *prefix, sync_aside_fn *fn, void *arg)
{
    struct looking k = {.s = s, .fn = fn, .arg = arg, .prefix = prefix, .a = arena_new(ARENA_MAX)};
    buf_init(&k.line, LIM_BUNDLE_BYTES + 64);
    int r = k.a == NULL ? SANJI_E_NOMEM
                        : s->st->kv_each(s->st->ctx, prefix == NULL ? "" : prefix, one, &k);
    arena_free(k.a);
    buf_done(&k.line);
    return r < 0 ? r : 0;
}

int sync_aside_each(struct sync *s, sync_aside_fn *fn, void *arg)
{
    return each(s, NULL, fn, arg);
}

/* ---- what could not be published again ---- */

struct unsent_look {
    sync_aside_fn *fn;
    void *arg;
};

static int one_unsent(const struct sync_aside *x, void *arg)
{
    const struct unsent_look *k = arg;
    struct sync_aside y = *x;
    y.name += sizeof(unsent) - 1;
    return k->fn(&y, k->arg);
}

int sync_unsent_each(struct sync *s, sync_aside_fn *fn, void *arg)
{
    struct unsent_look k = {fn, arg};
    return each(s, unsent, one_unsent, &k);
}

/* Takes it off the list; `again`: to be tried once more. */
static int unsent_end(struct sync *s, const char *name, bool again)
{
    char from[NAME_BYTES];
    struct buf v;
    if (strlen(name) + sizeof(unsent) > sizeof(from)) {
        return SANJI_E_NOT_FOUND;
    }
    (void)snprintf(from, sizeof(from), "%s%s", unsent, name);
    buf_init(&v, LIM_BUNDLE_BYTES + LIM_FRAME_OVERHEAD + 64);
    int r = s->st->kv_get(s->st->ctx, from, &v);
    if (r == 0) {
        r = sync__tx_begin(s);
    }
    if (r == 0) {
        if (again) { /* the name it waited under before */
            r = s->st->kv_put(s->st->ctx, from + strlen("unsent/"), span_of(v.data, v.len));
        }
        r = r < 0 ? r : s->st->kv_del(s->st->ctx, from);
        s->again = s->again || again;
        r = sync__tx_end(s, r);
    }
    buf_done(&v);
    return r;
}

int sync_unsent_again(struct sync *s, const char *name)
{
    return unsent_end(s, name, true);
}

int sync_unsent_drop(struct sync *s, const char *name)
{
    return unsent_end(s, name, false);
}
