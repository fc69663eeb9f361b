/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_SUPPORT_DESK_H
#define SANJI_TESTS_SUPPORT_DESK_H

#include "node/api/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A real node in a temporary folder and one browser in front of it, without sockets. */
struct desk {
    char dir[64], key[96];
    struct app *app;
    struct api *api;
    struct api_reply rep;
    char cookie[256], csrf[64]; /* of whoever logged in last */
    struct api_request rq;      /* headers of the next request */
};
extern struct desk d;
extern const char right[]; /* everybody's password */

#define assert_said(part)                                                                          \
    do {                                                                                           \
        if (!said(part)) {                                                                         \
            fail_msg("\"%s\" not in %s", (part), text());                                          \
        }                                                                                          \
    } while (0)
#define assert_status(got, want)                                                                   \
    do {                                                                                           \
        int got_ = (got);                                                                          \
        if (got_ != (want)) {                                                                      \
            fail_msg("%d instead of %d: %s", got_, (want), text());                                \
        }                                                                                          \
    } while (0)

int desk_setup(void **state);
int desk_down(void **state);
void defaults(void);
/* One request with the headers in d.rq; the status. */
int send_request(const char *method, const char *target, const char *body);
/* The same with the headers of whoever is logged in. */
int ask(const char *method, const char *target, const char *body);
/* Header of the reply, or NULL. */
const char *header(const char *name);
const char *text(void);
bool said(const char *part);
/* Text of one member of the reply. */
void member(const char *name, char *out, size_t max);
int64_t member_int(const char *name);
/* The reply is one JSON value. */
void assert_json(void);
void add_user(const char *login, const char *role, bool one_time);
void keep_cookie(void);
void log_in(const char *login);
void user_in(const char *login, const char *role);

#define ON_A_NODE(fn) cmocka_unit_test_setup_teardown(fn, desk_setup, desk_down)

#endif
