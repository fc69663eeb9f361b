/* SPDX-License-Identifier: Apache-2.0 */
#include "node/worker.h"

#include "node/loop.h"
#include "protocol/base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct job {
    struct job *next;
    worker_fn fn;
    void *arg;
};
struct worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct job *first[WORK_PRIOS], *last[WORK_PRIOS];
    bool stopping, held[WORK_PRIOS];
    long long busy_since;
};

static struct job *take(struct worker *w)
{
    for (int p = 0; p < WORK_PRIOS; p++) {
        struct job *j = w->held[p] && !w->stopping ? NULL : w->first[p];
        if (j != NULL) {
            w->first[p] = j->next;
            if (j->next == NULL) {
                w->last[p] = NULL;
            }
            return j;
        }
    }
    return NULL;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        struct job *j = take(w);
        if (j == NULL && w->stopping) {
            break;
        }
        if (j == NULL) {
            pthread_cond_wait(&w->some, &w->lock);
            continue;
        }
        w->busy_since = loop_now_ms();
        pthread_mutex_unlock(&w->lock);
        j->fn(j->arg);
        free(j);
        pthread_mutex_lock(&w->lock);
        w->busy_since = 0;
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

int worker_new(struct worker **ret)
{
    struct worker *w = calloc(1, sizeof(*w));
    pthread_attr_t attr;
    if (w == NULL) {
        return SANJI_E_NOMEM;
    }
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->some, NULL);
    pthread_attr_init(&attr);
    /* The gates and parsers keep their tables on the stack; the rest is head-room. */
    pthread_attr_setstacksize(&attr, (size_t)2 << 20);
    int r = pthread_create(&w->thread, &attr, work, w);
    pthread_attr_destroy(&attr);
    if (r != 0) {
        pthread_cond_destroy(&w->some);
        pthread_mutex_destroy(&w->lock);
        free(w);
        return SANJI_E_NOMEM;
    }
    *ret = w;
    return 0;
}

void worker_hold(struct worker *w, enum worker_prio prio, bool held)
{
    pthread_mutex_lock(&w->lock);
    w->held[prio] = held;
    pthread_cond_signal(&w->some);
    pthread_mutex_unlock(&w->lock);
}

int worker_post(struct worker *w, enum worker_prio prio, worker_fn fn, void *arg)
{
    struct job *j = calloc(1, sizeof(*j));
    if (j == NULL) {
        return SANJI_E_NOMEM;
    }
    j->fn = fn;
    j->arg = arg;
    pthread_mutex_lock(&w->lock);
    bool refuse = w->stopping;
    if (!refuse) {
        if (w->last[prio] == NULL) {
            w->first[prio] = j;
        } else {
            w->last[prio]->next = j;
        }
        w->last[prio] = j;
        pthread_cond_signal(&w->some);
    }
    pthread_mutex_unlock(&w->lock);
    if (refuse) {
        free(j);
        return SANJI_E_BUSY;
    }
    return 0;
}

void worker_stop(struct worker *w)
{
    if (w == NULL) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->some);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->some);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

long long worker_busy_since(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    long long t = w->busy_since;
    pthread_mutex_unlock(&w->lock);
    return t;
}
