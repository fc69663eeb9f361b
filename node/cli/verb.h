/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_CLI_VERB_H
#define SANJI_NODE_CLI_VERB_H

#include "node/app.h"
#include "node/text.h"
#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A verb of the command line. The same function runs in the command's own process (which then holds
 * the data folder's lock) and in the daemon that owns the folder (through its socket): it sees a
 * node, arguments and three streams, never stdio.
 *
 * Exit codes: 0 ok, 1 refused or found wrong, 2 usage, 75 peer not reachable now. */
enum { EXIT_OK = 0, EXIT_NO = 1, EXIT_USAGE = 2, EXIT_LATER = 75 };
/* run() may answer this instead: not finished, call again after v->wait_ms (a running exchange). */
enum { VERB_WAIT = -1 };

enum verb_where {
    VERB_NODE,  /* needs an opened node: in the daemon when one runs, else here */
    VERB_LOCAL, /* needs no opened node (init, join, help), always in the command's process */
    VERB_SERVE, /* becomes the daemon */
};
enum {
    VERB_INPUT = 1, /* takes a file or standard input: input() is called with chunks, then run() */
    VERB_INNER = 4, /* half of another verb: not in the list of verbs */
    VERB_READS = 2, /* changes nothing: allowed while the disk is full */
    VERB_ADDS = 8,  /* new records: those that wait for their signature need not have it before */
};

enum { FLAG_BOOL, FLAG_VALUE, FLAG_MUST /* a value that has to be given */ };
struct verb_flag {
    const char *name;  /* without "--" */
    const char *value; /* placeholder in help, NULL for FLAG_BOOL */
    int type;
};

struct verb;
struct verb_def {
    const char *name; /* one or two words */
    const char *args; /* as shown in help, "NODE [FILE]" */
    int min_args, max_args;
    enum verb_where where;
    unsigned bits;
    int (*run)(struct verb *v);
    int (*input)(struct verb *v, struct span chunk); /* VERB_INPUT: 0, or an exit code > 0 */
    struct verb_flag flags[12];
};
extern const struct verb_def verb_defs[];
extern const size_t verb_defs_n;

enum { VERB_ARGS = 64 };
struct verb {
    const struct verb_def *def;
    const char *group; /* "node" alone: no verb, but its help can be asked for */
    enum text_lang lang;
    const char *dir;      /* --data */
    const char *flag[16]; /* by position in def->flags; "" for a given FLAG_BOOL, NULL absent */
    int n_args;
    const char *arg[VERB_ARGS];
    struct app *app; /* VERB_NODE */
    bool in_daemon;
    int64_t wait_ms;
    int phase; /* for verbs that wait */
    int64_t until;
    void *data; /* the verb's own, freed by `drop` */
    void (*drop)(void *data);
    /* Streams. A failing out (client gone, pipe closed) makes the verb end early. */
    void *io;
    int (*out)(void *io, const void *p, size_t n);
    int (*err)(void *io, const void *p, size_t n);
};

/* Fills v from words (without the program's name). On misuse writes the sentence to `say` and
 * returns EXIT_USAGE; EXIT_OK when v is ready. `--help` sets *ret_help. Strings are borrowed. */
int verb_parse(struct verb *v, int argc, const char *const *argv, struct buf *say, bool *ret_help);
/* For the daemon: the same for a request of the socket, refusing verbs that are not VERB_NODE. */
void verb_done(struct verb *v);
const struct verb_def *verb_find(const char *a, const char *b, int *ret_words);

/* NULL when absent, "" for a given FLAG_BOOL. Asserts that the verb has this flag. */
const char *verb_flag(const struct verb *v, const char *name);
static inline bool verb_has(const struct verb *v, const char *name)
{
    return verb_flag(v, name) != NULL;
}

/* Output. All return 0 or an error when nobody listens any more. */
int verb_out(struct verb *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int verb_put(struct verb *v, const void *p, size_t n);
int verb_say(struct verb *v, const struct buf *b);  /* b plus a newline to err */
int verb_text(struct verb *v, const struct buf *b); /* b plus a newline to out */
/* "sanji: <what>: <sentence>" to err; returns the exit code that fits the error. what may be NULL.
 */
int verb_fail(struct verb *v, int err, const char *what);
int verb_fail_fault(struct verb *v, int err, const struct fault *f, const char *what);
/* The same for something that failed on the disk at `path`: which place, why, what to do. */
int verb_place_failed(struct verb *v, int r, const struct fault *f, const char *path);
/* An option whose value is none of those allowed, and one that is missing: EXIT_USAGE. */
int verb_bad_value(struct verb *v, const char *name);
int verb_missing(struct verb *v, const char *name);
/* A sentence of node/text by key, with pairs as text_put, to err / out. Returns code. */
#define VERB_SAY(v, code, ...)                                                                     \
    do {                                                                                           \
        struct buf say_;                                                                           \
        buf_init(&say_, 65536);                                                                    \
        text_put(&say_, (v)->lang, __VA_ARGS__, NULL);                                             \
        (void)verb_say((v), &say_);                                                                \
        buf_done(&say_);                                                                           \
        if ((code) != 0) {                                                                         \
            return (code);                                                                         \
        }                                                                                          \
    } while (0)
#define VERB_TELL(v, ...)                                                                          \
    do {                                                                                           \
        struct buf say_;                                                                           \
        buf_init(&say_, 65536);                                                                    \
        text_put(&say_, (v)->lang, __VA_ARGS__, NULL);                                             \
        (void)verb_text((v), &say_);                                                               \
        buf_done(&say_);                                                                           \
    } while (0)
int verb_exit_of(int err);

/* Whole help, or of one verb. */
void verb_help(enum text_lang l, const struct verb_def *d, struct buf *out);
/* Is this the first word of verbs of two words ("node", "user")? Then its help: those verbs. */
bool verb_is_group(const char *word);
void verb_help_group(enum text_lang l, const char *word, struct buf *out);

/* The program: parses, decides where to run, runs. */
int cli_main(int argc, char **argv);

/* "OWNER/ID" or "ID"; owner is empty when not given. */
void verb_split_id(const char *s, char owner[LIM_NODE_ID + 2], const char **ret_id);

/* ---- the verbs, by file ---- */
int v_init(struct verb *v);
int v_invite(struct verb *v);
int v_join(struct verb *v);
int v_approve(struct verb *v);
int v_recover(struct verb *v);
int v_node_list(struct verb *v);
int v_node_show(struct verb *v);
int v_node_move(struct verb *v);
int v_node_rotate(struct verb *v);
int v_node_revoke(struct verb *v);
int v_node_believe(struct verb *v);
int v_node_close(struct verb *v);
int v_node_steward(struct verb *v);
/* --for NODE was refused: why, and what to do. */
int verb_for_failed(struct verb *v, int r, const char *node);
const char *verb_why(struct verb *v); /* --why, "other" when not given; NULL: no such reason */
int v_versions(struct verb *v);
int v_set_parent_url(struct verb *v);
int v_root_show(struct verb *v);
int v_root_new(struct verb *v);
int v_root_file(struct verb *v); /* change key hand-over adopt cut: the verb's second word */
int v_root_draft(struct verb *v);
int v_root_look(struct verb *v);
int v_root_sign(struct verb *v);
int v_root_publish(struct verb *v);
int v_put(struct verb *v);
int v_put_input(struct verb *v, struct span chunk);
struct span put_input_text(struct verb *v); /* referral send: what input() gathered */
int v_get(struct verb *v);
int v_list(struct verb *v);
int verb_list_filter(struct verb *v, struct store_filter *f);
int v_table_out(struct verb *v);
int v_table_give(struct verb *v);
/* What a verb of the node's half writes, into a new file of the command: whole or not at all. */
int verb_into_file(struct verb *v, const char *name, int argc, const char *const *argv);
int v_import(struct verb *v);
int v_import_take(struct verb *v);
int v_import_take_input(struct verb *v, struct span chunk);
int v_import_report(struct verb *v);
int v_import_undo(struct verb *v);
int v_withdraw(struct verb *v);
int v_ref_event(struct verb *v); /* send open accept ...: the event is the verb's second word */
int v_ref_list(struct verb *v);
int v_booking_ask(struct verb *v);
int v_booking_withdraw(struct verb *v);
int v_booking_answer(struct verb *v);
int v_booking_allot(struct verb *v);
int v_booking_recall(struct verb *v);
int v_booking_return(struct verb *v);
int v_booking_list(struct verb *v);
int v_booking_calendar(struct verb *v);
int v_event_sign(struct verb *v);
int v_event_show(struct verb *v);
int v_event_certificate(struct verb *v);
int v_ref_show(struct verb *v);
int v_export(struct verb *v);
int v_bundles(struct verb *v);
int v_rebuild(struct verb *v);
int v_verify(struct verb *v);
int verb_damaged(struct verb *v); /* why a node does not open (SANJI_E_CORRUPT), and the remedy */
int v_explain(struct verb *v);
int v_parked_list(struct verb *v);
int v_parked_retry(struct verb *v);
int v_parked_discard(struct verb *v);
int v_unsent_list(struct verb *v);
int v_unsent_retry(struct verb *v);
int v_unsent_discard(struct verb *v);
int v_status(struct verb *v);
void v_status_page(struct verb *v);
int v_doctor(struct verb *v);
int v_doctor_node(struct verb *v);
int v_stats(struct verb *v);
int v_user_add(struct verb *v);
int v_user_reset(struct verb *v);
int v_user_list(struct verb *v);
int v_duties(struct verb *v);
int v_todo(struct verb *v);
int v_user_org(struct verb *v);
int v_user_disable(struct verb *v);
int v_hook_add(struct verb *v);
int v_hook_list(struct verb *v);
int v_hook_test(struct verb *v);
int v_hook_drop(struct verb *v);
int v_token_add(struct verb *v);
int v_token_list(struct verb *v);
int v_token_revoke(struct verb *v);
int v_erase_find(struct verb *v);
int v_erase_request(struct verb *v);
int v_erase_confirm(struct verb *v);
int v_erase_drop(struct verb *v);
int v_erase_list(struct verb *v);
int v_erase_due(struct verb *v);
/* One line from the terminal, not shown where it is a password, or standard input as it is. */
int erase_client(struct verb *v, int argc, const char *const *argv);
int v_sync(struct verb *v);
int v_ferry_export(struct verb *v);
int v_ferry_import(struct verb *v);
int v_ferry_receipt(struct verb *v);
int v_ferry_give(struct verb *v);
int v_ferry_take(struct verb *v);
int v_ferry_take_input(struct verb *v, struct span chunk);
int v_serve(struct verb *v);
int v_kinds(struct verb *v);
int v_config(struct verb *v);
int v_backup(struct verb *v);
int v_restore(struct verb *v);
int v_recovery_new(struct verb *v);
/* The recovery code from the file --code names, or a line of standard input ("-", or no --code): it
 * never stands among the arguments, which everybody on the machine can see. EXIT_OK, or says why.
 */
int verb_read_code(struct verb *v, uint8_t ret[static RECOVERY_SECRET]);
/* --sheet: the code as a page to print, in both languages; EXIT_OK also when none was asked for. */
int verb_sheet(struct verb *v, const char *node, const char *code);
/* Tells a new node's recovery code, this once. */
void verb_recovery(struct verb *v, const char *code);

#endif
