/* SPDX-License-Identifier: Apache-2.0 */
#include "node/root_key.h"

#include "node/app_internal.h"
#include "protocol/base/enc.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char head[] = "sanji-root-key-1 ";

int root_key_write(const char *path, const uint8_t seed[static SIGN_SEED_LEN], const uint8_t *g)
{
    char line[256], s64[B64U_LEN(SIGN_SEED_LEN) + 1] = {0}, g64[B64U_LEN(HASH_LEN) + 1] = {0};
    b64u_put(seed, SIGN_SEED_LEN, s64);
    int n = snprintf(line, sizeof line, "%s%s\n", head, s64);
    if (g != NULL) {
        b64u_put(g, HASH_LEN, g64);
        n += snprintf(line + n, sizeof line - (size_t)n, "federation %s\n", g64);
    }
    int r = app__write_file(path, line, (size_t)n, true);
    if (r == 0 && (r = app__sync_folder_of(path)) < 0) { /* its public half must not be shown */
        (void)unlink(path);
    }
    mem_wipe(line, sizeof line);
    mem_wipe(s64, sizeof s64);
    return r;
}

int root_keys_read(struct span text, struct sign_key **ret, size_t max, size_t *ret_n)
{
    const size_t hn = sizeof head - 1;
    size_t at = 0;
    *ret_n = 0;
    while (at < text.n) {
        const char *line = (const char *)text.p + at;
        const char *nl = memchr(line, '\n', text.n - at);
        size_t len = nl != NULL ? (size_t)(nl - line) : text.n - at;
        uint8_t seed[SIGN_SEED_LEN];
        at += len + 1;
        if (len <= hn || memcmp(line, head, hn) != 0) {
            continue;
        }
        len -= line[len - 1] == '\r';
        if (*ret_n == max) {
            return SANJI_E_SIZE;
        }
        if (b64u_get(line + hn, len - hn, seed, sizeof seed) < 0) {
            return SANJI_E_ENCODING;
        }
        struct sign_key *k = sign_key_new(seed);
        mem_wipe(seed, sizeof seed);
        if (k == NULL) {
            return SANJI_E_NOMEM;
        }
        ret[(*ret_n)++] = k;
    }
    return 0;
}

void root_pub_text(const uint8_t pub[static SIGN_PUB_LEN], char ret[static ROOT_PUB_TEXT])
{
    struct key_id kid;
    key_id_of(pub, &kid);
    char s[B64U_LEN(SIGN_PUB_LEN) + 1] = {0};
    b64u_put(pub, SIGN_PUB_LEN, s);
    (void)snprintf(ret, ROOT_PUB_TEXT, "%s.%s", kid.s, s);
}

int root_pub_read(const char *s, size_t n, uint8_t ret[static SIGN_PUB_LEN])
{
    struct key_id kid;
    if (n != ROOT_PUB_TEXT - 1 || s[LIM_KID] != '.' ||
        b64u_get(s + LIM_KID + 1, n - LIM_KID - 1, ret, SIGN_PUB_LEN) < 0) {
        return SANJI_E_ENCODING;
    }
    key_id_of(ret, &kid);
    return memcmp(kid.s, s, LIM_KID) != 0 ? SANJI_E_HASH : sign_pub_check(ret);
}

int root_file_read(const char *path, size_t max, struct buf *out)
{
    return app__read_file(path, max, out);
}

int root_file_write(const char *path, struct span text, bool replace)
{
    char tmp[APP_PATH_BYTES];
    if (!replace) {
        return app__write_file(path, text.p, text.n, false);
    }
    int n = snprintf(tmp, sizeof tmp, "%s.tmp", path);
    if (n < 0 || (size_t)n >= sizeof tmp) {
        return SANJI_E_SIZE;
    }
    (void)unlink(tmp);
    int r = app__write_file(tmp, text.p, text.n, false);
    if (r == 0 && rename(tmp, path) != 0) {
        (void)unlink(tmp);
        r = SANJI_E_IO;
    }
    return r < 0 ? r : app__sync_folder_of(path); /* a stick is pulled out at once */
}
