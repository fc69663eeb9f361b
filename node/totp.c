/* SPDX-License-Identifier: Apache-2.0 */
#include "node/totp.h"

#include "protocol/base/err.h"
#include "protocol/suite.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

enum { SHA1_LEN = 20, AROUND = 1 };
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

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
    for (int i = 0; i < TOTP_BASE32; i++) {
        int bit = i * 5;
        unsigned two =
            (unsigned)secret[bit / 8] << 8 | (bit / 8 + 1 < TOTP_SECRET ? secret[bit / 8 + 1] : 0U);
        ret[i] = alphabet[two >> (11 - bit % 8) & 31];
    }
    ret[TOTP_BASE32] = '\0';
}

int totp_from_base32(const char *text, uint8_t ret[static TOTP_SECRET])
{
    int n = 0;
    memset(ret, 0, TOTP_SECRET);
    for (const char *p = text; *p != '\0'; p++) {
        char c = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
        const char *at = strchr(alphabet, c);
        if (c == ' ') {
            continue;
        }
        if (at == NULL || n == TOTP_BASE32) {
            return SANJI_E_SPEC;
        }
        unsigned v = (unsigned)(at - alphabet) << (11 - n * 5 % 8);
        ret[n * 5 / 8] |= (uint8_t)(v >> 8);
        if (n * 5 / 8 + 1 < TOTP_SECRET) {
            ret[n * 5 / 8 + 1] |= (uint8_t)v;
        }
        n++;
    }
    return n == TOTP_BASE32 ? 0 : SANJI_E_SPEC;
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
