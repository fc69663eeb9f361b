/* SPDX-License-Identifier: Apache-2.0 */
/* Why yescrypt: it is in every Debian, costs an attacker memory as well as time, and its string
 * carries its own parameters, so that the cost can rise later without a migration. An unknown login
 * is checked against a throw-away hash of the same cost: the time tells nothing. */
#include "node/password.h"

#include "node/app.h"
#include "protocol/base/err.h"
#include "protocol/base/text.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

enum { COST = 6 }; /* about 60 ms and 32 MiB on the smallest machine we support */

int password_hash(const char *password, char ret[static PASSWORD_HASH_BYTES])
{
    char rnd[32], setting[CRYPT_GENSALT_OUTPUT_SIZE];
    ret[0] = '\0';
    if (app_random(rnd, sizeof rnd) < 0) {
        return SANJI_E_IO;
    }
    if (crypt_gensalt_rn("$y$", COST, rnd, (int)sizeof rnd, setting, (int)sizeof setting) == NULL) {
        return SANJI_E_BUG;
    }
    struct crypt_data *cd = calloc(1, sizeof *cd);
    if (cd == NULL) {
        return SANJI_E_NOMEM;
    }
    const char *h = crypt_r(password, setting, cd);
    size_t n = h == NULL || h[0] == '*' ? 0 : strlen(h);
    int r = n == 0 || n >= PASSWORD_HASH_BYTES ? SANJI_E_NOMEM : 0;
    if (r == 0) {
        memcpy(ret, h, n + 1);
    }
    mem_wipe(cd, sizeof *cd);
    free(cd);
    return r;
}

static bool check(const char *password, const char *hash)
{
    struct crypt_data *cd = calloc(1, sizeof *cd);
    if (cd == NULL) {
        return false;
    }
    const char *h = crypt_r(password, hash, cd);
    size_t n = strlen(hash);
    bool same = h != NULL && h[0] != '*' && n > 0 && strlen(h) == n && mem_equal_ct(h, hash, n);
    mem_wipe(cd, sizeof *cd);
    free(cd);
    return same;
}

bool password_check(const char *password, const char *hash)
{
    char none[PASSWORD_HASH_BYTES];
    if (hash != NULL && strncmp(hash, "$y$", 3) == 0) {
        return check(password, hash);
    }
    (void)password_hash(password, none); /* costs what a check costs */
    return false;
}

/* The head of every published list, eight characters or more (shorter ones are refused anyway). */
static const char *const common[] = {
    "12345678",   "123456789",  "1234567890", "password",     "password1",  "password123",
    "passw0rd",   "p@ssw0rd",   "qwertyui",   "qwertyuiop",   "qwerty123",  "1qaz2wsx",
    "1q2w3e4r",   "1q2w3e4r5t", "11111111",   "00000000",     "88888888",   "66666666",
    "87654321",   "987654321",  "0987654321", "123123123",    "12341234",   "11223344",
    "12344321",   "123454321",  "123321123",  "112233445566", "abcd1234",   "abc12345",
    "abc123456",  "a1234567",   "a12345678",  "a123456789",   "aa123456",   "qq123456",
    "wang1234",   "woaini1314", "woaini520",  "5201314520",   "52013140",   "iloveyou",
    "iloveyou1",  "sunshine",   "princess",   "football",     "baseball",   "welcome1",
    "welcome123", "admin123",   "admin1234",  "admin888",     "admin12345", "administrator",
    "root1234",   "letmein1",   "changeme",   "changeme123",  "trustno1",   "superman",
    "asdfghjkl",  "asdf1234",   "zxcvbnm1",   "zaq12wsx",     "q1w2e3r4",   "qazwsxedc",
    "1qazxsw2",   "147258369",  "159357456",  "147852369",    "741852963",  "789456123",
    "135792468",  "123qweasd",  "qweasdzxc",  "qwe12345",     "test1234",   "sanji123",
    "sanji1234",  "sanji12345", "shegong123", "shehui123",    "20082008",   "20262026",
};

static bool is_common(const char *p)
{
    char low[32];
    size_t n = strlen(p);
    if (n >= sizeof low) {
        return false;
    }
    for (size_t i = 0; i <= n; i++) {
        low[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i];
    }
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++) {
        if (strcmp(low, common[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool one_character(const char *p, size_t n)
{
    uint32_t first = 0, c = 0;
    size_t len = utf8_next(p, n, &first);
    for (size_t i = len; i < n; i += utf8_next(p + i, n - i, &c)) {
        if (memcmp(p + i, p, len < n - i ? len : n - i) != 0) {
            return false;
        }
    }
    return true;
}

int password_policy(const char *password, const char *login, const char **ret_want)
{
    const char *want = NULL;
    size_t n = strlen(password);
    if (!utf8_valid(password, n, NULL) || utf8_len(password, n) < PASSWORD_MIN ||
        utf8_len(password, n) > PASSWORD_MAX) {
        want = "8 .. 128 characters";
    } else if (is_common(password) || one_character(password, n) ||
               (login != NULL && strcmp(password, login) == 0)) {
        want = "not a common password";
    }
    if (ret_want != NULL) {
        *ret_want = want;
    }
    return want == NULL ? 0 : SANJI_E_SPEC;
}

int password_one_time(char ret[static PASSWORD_ONE_TIME])
{
    static const char letters[33] = "abcdefghijkmnpqrstuvwxyz23456789";
    uint8_t rnd[12];
    size_t at = 0;
    if (app_random(rnd, sizeof rnd) < 0) {
        return SANJI_E_IO;
    }
    for (size_t i = 0; i < sizeof rnd; i++) {
        if (i > 0 && i % 4 == 0) {
            ret[at++] = '-';
        }
        ret[at++] = letters[rnd[i] & 31];
    }
    ret[at] = '\0';
    mem_wipe(rnd, sizeof rnd);
    return 0;
}
