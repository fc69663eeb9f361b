/* SPDX-License-Identifier: Apache-2.0 */
#include "node/totp.h"

#include "protocol/base/enc.h"
#include "protocol/base/err.h"
#include "protocol/suite.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

enum { SHA1_LEN = 20, AROUND = 1 };

int totp_code(struct span secret, int64_t step, char ret[static TOTP_DIGITS + 1])
{
    uint8_t msg[8], mac[SHA1_LEN];
    unsigned n = sizeof mac;
    for (int i = 0; i < 8; i++) {
        msg[i] = (uint8_t)((uint64_t)step >> (56 - 8 * i));
    }
    if (HMAC(EVP_sha1(), secret.p, (int)secret.n, msg, sizeof msg, mac, &n) == NULL ||
        n != SHA1_LEN) {
        return SANJI_E_BUG;
    }
    const uint8_t *p = mac + (mac[SHA1_LEN - 1] & 15); /* RFC 4226 section 5.3 */
    uint32_t v = (uint32_t)(p[0] & 127) << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    (void)snprintf(ret, TOTP_DIGITS + 1, "%06u", (unsigned)(v % 1000000));
    mem_wipe(mac, sizeof mac);
    return 0;
}

bool totp_check(struct span secret, const char *code, int64_t now_ms, int64_t last,
                int64_t *ret_step)
{
    int64_t now = now_ms / (TOTP_STEP_S * 1000);
    bool ok = false;
    if (strlen(code) != TOTP_DIGITS || secret.n == 0) {
        return false;
    }
    for (int64_t step = now - AROUND; step <= now + AROUND; step++) {
        char want[TOTP_DIGITS + 1];
        if (totp_code(secret, step, want) < 0) {
            return false;
        }
        if (mem_equal_ct(want, code, TOTP_DIGITS) && step > last && !ok) {
            ok = true;
            *ret_step = step;
        }
    }
    return ok;
}

void totp_base32(const uint8_t secret[static TOTP_SECRET], char ret[static TOTP_BASE32 + 1])
{
    size_t n = b32_put(secret, TOTP_SECRET, ret);
    ret[n] = '\0';
    for (char *p = ret; *p != '\0'; p++) { /* authenticators show capitals */
        *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
    }
}

int totp_from_base32(const char *text, uint8_t ret[static TOTP_SECRET])
{
    char s[TOTP_BASE32];
    size_t n = 0;
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == ' ') {
            continue;
        }
        if (n == sizeof s) {
            return SANJI_E_SPEC;
        }
        s[n++] = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
    }
    int r = b32_get(s, n, ret, TOTP_SECRET);
    mem_wipe(s, sizeof s);
    return r < 0 ? SANJI_E_SPEC : 0;
}

static void put_encoded(struct buf *out, const char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-._~", c) != NULL;
        buf_printf(out, plain ? "%c" : "%%%02X", c);
    }
}

int totp_uri(const char *base32, const char *issuer, const char *login, struct buf *out)
{
    buf_puts(out, "otpauth://totp/");
    put_encoded(out, issuer);
    buf_puts(out, ":");
    put_encoded(out, login);
    buf_printf(out, "?secret=%s&issuer=", base32);
    put_encoded(out, issuer);
    return out->err;
}
