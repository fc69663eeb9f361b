/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_HOOK_H
#define SANJI_NODE_APP_HOOK_H

#include "node/app.h"
#include "node/store/hook.h"

/* Other programs are told what comes to wait here: what makes an entry of the to-do list makes a
 * message. It says what and how many, and where to look; nothing of what stands in a record.
 * Messages wait in a queue until they have been taken (node/hooks.c sends them), some of them
 * twice: each has an id. */
enum {
    HOOKS_MAX = 16,
    HOOK_QUEUE = 200, /* messages of one hook; the oldest go */
    HOOK_TRIES = 16,  /* then a message goes */
    HOOK_DEAD = 5,    /* attempts without one that got through, and `doctor` says so */
    HOOK_SECRET = 64,
    HOOK_URL = 1000,
};

struct app_hook {
    const char *name, *form, *url, *secret, *events, *maker;
};
/* secret "": one is made for the form `plain`, and given in ret_secret, this once; a robot's own
 * (DingTalk) is given by whoever made the robot. In a transaction of its own, with a row in the
 * audit log, unless one is open. */
int app_hook_add(struct app *a, const struct app_hook *h, char ret_secret[static HOOK_SECRET],
                 int64_t *ret_n, struct fault *f);
int app_hook_drop(struct app *a, int64_t n);
/* A message that says nothing, to try it. */
int app_hook_test(struct app *a, int64_t n);
/* https anywhere, http to this machine; what may not be reached is refused by name where it stands
 * in the address, and when connecting where a name leads there. */
int app_hook_url(const struct config *c, const char *url, struct fault *f);
bool app_hook_is_local(const char *url);

/* What has come to wait since the last time goes into the queue. */
/* What hooks may be limited to: sources of the to-do list, separated by spaces. */
enum { HOOK_EVENTS = 160 };
const char *app_hook_events(char out[static HOOK_EVENTS]);
int app_hook_look(struct app *a);

/* A message that is due, made ready to be sent at this moment. */
struct app_hook_job {
    int64_t n, hook;
    char form[12];
    bool local;      /* to this machine, over http or https */
    struct buf base; /* "https://host:port" */
    struct buf path; /* the rest of the address */
    struct buf body;
    char time[24], sign[80]; /* headers of the form `plain` */
};
typedef void app_hook_job_fn(struct app_hook_job *j, void *arg); /* j becomes fn's */
/* busy: hooks whose message is on its way. */
int app_hook_due(struct app *a, const int64_t *busy, size_t n_busy, app_hook_job_fn *fn, void *arg);
void app_hook_job_free(struct app_hook_job *j);
/* why NULL: it was taken. Else it comes again, later and later. */
int app_hook_done(struct app *a, int64_t n, int64_t hook, const char *why);
/* Has a robot taken it? It answers 200 and says in the body what it did. */
bool app_hook_taken(const char *form, int status, struct span body);

#endif
