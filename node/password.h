/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_PASSWORD_H
#define SANJI_NODE_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

/* Passwords of staff: yescrypt through libcrypt, self-describing "$y$..." strings. A hash or a
 * check takes some tens of milliseconds and 32 MiB; callers limit how often it may be asked for. */
enum { PASSWORD_HASH_BYTES = 384, PASSWORD_MIN = 8, PASSWORD_MAX = 128, PASSWORD_ONE_TIME = 15 };

/* 0, SANJI_E_IO (no random bytes), SANJI_E_NOMEM, SANJI_E_BUG (libcrypt without yescrypt). */
int password_hash(const char *password, char ret[static PASSWORD_HASH_BYTES]);
/* hash NULL or unusable: false, after the same time as a real check. */
bool password_check(const char *password, const char *hash);
/* 0, or SANJI_E_SPEC: not UTF-8, fewer than 8 or more than 128 code points, one of the most common
 * ones, one repeated character, or the login. *ret_want (may be NULL) says what would be right. */
int password_policy(const char *password, const char *login, const char **ret_want);
/* A first password for somebody to type once: "xxxx-xxxx-xxxx" of 60 random bits, without
 * characters that look alike. 0 or SANJI_E_IO. */
int password_one_time(char ret[static PASSWORD_ONE_TIME]);

#endif
