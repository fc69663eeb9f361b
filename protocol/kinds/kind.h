/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_KINDS_KIND_H
#define SANJI_PROTOCOL_KINDS_KIND_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/bundle.h"
#include "protocol/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Record kinds are tables (PROTOCOL.md "Record kinds"). One file kinds/NAME.c each; validation,
 * command line, API, pages and export follow from the table, and labels lie in node/text/ under
 * kind.NAME and kind.NAME.FIELD. kinds.def lists them: adding a kind is one file and one line. */

enum kf_type {
    KF_TEXT, /* one line, min..max code points, no control characters */
    KF_LONG, /* text with newlines */
    KF_INT,  /* min..max */
    KF_BOOL,
    KF_ENUM,   /* one of `choices`, space separated */
    KF_DATE,   /* YYYY-MM-DD */
    KF_PERIOD, /* 2026, 2026-Q4, 2026-11 ... */
    KF_NODE,   /* node id */
    KF_AREA,   /* 2..12 digits, GB/T 2260 and statistics-bureau extensions */
    KF_REF,    /* record id, soft reference "owner/id" or "id" */
    KF_ENUMS,  /* array of choices, unique, min..max elements */
    KF_TEXTS,  /* array of lines, min..max elements, each at most 80 code points */
    KF_OBJ,    /* object or array, checked by the kind's own check */
    KF_B64,    /* base64url of min..max bytes, one spelling */
    KF_TIME,   /* YYYY-MM-DDTHH:MM in UTC+8 */
    KF_ROWS,   /* array of min..max objects, each with the members of `rows` */
    KF_FILES,  /* the same of attachments; what they are is said by kind_file_rows */
};

enum {
    KFF_REQ = 1,      /* required */
    KFF_TITLE = 2,    /* the line shown in lists; at most one per kind */
    KFF_SEARCH = 4,   /* goes into the search text */
    KFF_LIST = 8,     /* a list column */
    KFF_FILTER = 16,  /* offered as list filter; stored in record_key */
    KFF_STATE = 32,   /* the record's state, an ENUM; at most one */
    KFF_SINCE = 64,   /* a DATE put fills with today when absent, and keeps on update */
    KFF_AREA = 128,   /* the record's area; put fills it with the node's own when absent */
    KFF_P1 = 256,     /* personal: only in sealed content or in `own` */
    KFF_CARD = 512,   /* goes into the record's public card */
    KFF_CENTI = 1024, /* an INT in hundredths (money, areas): people read and type the whole unit */
    KFF_E7 = 2048,    /* the same with seven decimals: degrees */
    KFF_AUTO = 4096,  /* filled in by the node; what people give for it is not looked at */
    KFF_TO = 8192,    /* the NODE whom a record of the audience `to` is for */
    KFF_KEY = 16384,  /* two records that say the same here are probably the same thing */
    KFF_BY =
        1 << 20, /* AUTO; an ENUM: who wrote what stands in it. Its first word is this platform's
                    staff and not written, its second the organisation it is about */
};

/* What one element of a ROWS member holds. Its KFF_KEY member, if any, tells the rows apart;
 * with KFF_AUTO pages make it up. */
struct kind_rows {
    const struct kind_field *fields;
    size_t n;
};

struct kind_field {
    const char *name;
    enum kf_type type;
    int64_t min, max;
    unsigned flags;
    const char *choices; /* ENUM, ENUMS; REF: the kind it points to among own records, NULL: any */
    const struct kind_rows *rows; /* ROWS */
};

/* One edge of a kind's workflow: who may take a record from a state to another. Records of kinds
 * without edges change freely. A writer's rule: readers take what an owner says of its own. */
struct kind_step {
    const char *from;  /* a state; "": a new record */
    const char *to;    /* states, space separated */
    const char *roles; /* roles, space separated; NULL: all that write */
    const char *by;  /* only records whose BY member says so, and without a change of what it says;
                        NULL: whoever wrote them */
    const char *why; /* those of `to` that nobody is told without words in KIND_WHY; NULL: none */
};
#define KIND_WHY "reason"

enum kind_owner { KO_ANY, KO_TOP, KO_MACHINE /* written by the node itself, not by people */ };
enum kind_shape {
    KS_STATE,  /* put and wd */
    KS_EVENT,  /* ev only */
    KS_BOTH,   /* put, wd and ev */
    KS_SEALED, /* the inner form of sealed items, never on the wire by itself */
    KS_VIEW,   /* derived at every node, for export and pages; never on the wire */
};

/* What a record does to another one of this node when it comes into a state: the record that the
 * REF member `ref` names gets the values of the members `from` as its members `to`, one each,
 * separated by spaces. What the record does not say stays as it is there. */
struct kind_effect {
    const char *state, *ref, *from, *to;
    const char *was; /* an OBJ: what those members said before, but for personal ones; the node
                        writes it until the state is reached. NULL: none */
};

/* What the roles of a node's staff may do with records of a kind (PROTOCOL.md 17.2). Roles are
 * separated by spaces; "": nobody. */
struct kind_access {
    const char *read, *write;
    const char *personal; /* see members marked KFF_P1; the others get records without them */
    /* `member` stands for people of an organisation the platform supports. They read what is about
     * theirs: the records of which this REF member names it, or of which it is the id ("id").
     * NULL: they are like the others. */
    const char *org;        /* "": no record is about one, all of them read it alike */
    const char *org_states; /* ... and only in these states; NULL: in any */
    const char
        *org_if; /* "MEMBER WORD": ... and only where this ENUM member says so; NULL: always */
    /* Where `member` writes: what is about theirs, as above, before and after. These members are
     * the staff's to say, separated by spaces; NULL: none. */
    const char *desk;
};
enum kind_act { KACT_READ, KACT_WRITE, KACT_PERSONAL };
#define KIND_MEMBER "member" /* the role above */
#define KIND_BY_ORG "org"    /* what its people wrote: the second word of a BY member */

/* A record that is written at home and then sent (see `home`). The node fills in how often it was
 * sent, when first and last, and the day it was owed by. */
struct kind_filing {
    const char *sent, *no, *first, *last, *due;
};

/* A record that answers the questions of a template (form.h): the REF member that names the
 * template and the OBJ member with an answer to each question. In the states `partly` answers may
 * be missing. The node fills in `title` and `version`. */
struct kind_form {
    const char *template, *answers, *partly, *title, *version;
    const char *fill; /* an ENUM that says what the template's member of that name says */
};

/* How long a record with people in it is kept: so many days since it was changed last, in one of
 * these states (separated by spaces; NULL: in any). Then the node says that it is due to be erased,
 * and people decide. A referral counts from its end. */
struct kind_keep {
    int days;
    const char *states;
};

struct kind {
    const char *name;
    int major;
    enum kind_shape shape;
    enum kind_owner owner;
    const char *audience;  /* default: "fed", "sub" (own subtree), "up" (to the top), "own",
                              "to" (whom KFF_TO names) */
    const char *audiences; /* allowed types, space separated: "fed sub up" */
    const struct kind_field *fields;
    size_t n_fields;
    const struct kind_access *access;
    /* Meaning across fields, NULL for none. d has passed the field table. */
    int (*check)(struct span d, struct fault *f);
    bool in_export; /* appears in export-state */
    const struct kind_step *steps;
    size_t n_steps;
    const char *closed; /* states in which only who may take a step from them changes anything */
    const struct kind_effect *effect; /* NULL: none */
    /* What looks wrong and may be right (an early credit code): said, never refused. Fills f and
     * returns true. */
    bool (*doubt)(struct span d, struct fault *f);
    /* The kind of its public card: while the BOOL member `public` is true the node keeps a record
     * "ID.card" of that kind, with the members that are marked KFF_CARD. */
    const struct kind *card;
    /* States, space separated: in which a decision is due from whoever takes the step, within so
     * many working days; in which it is the writers' turn (again). */
    const char *decide, *redo;
    int decide_days;
    /* An organisation files one for each month, by this working day after its end; 0: not. */
    int file_days;
    const char *key;  /* members, space separated, that make its id (kind_key_id()); NULL: any id */
    const char *home; /* states in which it lies in `own`, wherever it goes later; NULL: none */
    /* Members, space separated, that stay what they are once the record has left its first state.
     */
    const char *fixed;
    const struct kind_filing *filing; /* NULL: none */
    const struct kind_form *form;     /* NULL: none */
    bool to_top;                      /* the audience `to` names the top as well */
    const struct kind_keep *keep;     /* NULL: for as long as anybody wants it */
};

extern const struct kind *const kinds[];
extern const size_t kinds_n;

/* By name alone ("listing") or name/major; NULL: unknown. */
const struct kind *kind_find(const char *name);
/* The whole check of an item's meaning: known kind and major and no unknown crit entry
 * (SANJI_E_VERSION), shape and op, audience type (SANJI_E_AUDIENCE), owner (SANJI_E_AUTHORITY),
 * field table and check() (SANJI_E_SPEC with f->member). `top`: the writer is the federation's top
 * node. The item's text has passed the gate and item_parse(). Allocates nothing. */
int kind_check_item(const struct item *it, enum aud_type aud, bool top, struct fault *f);
/* Only the content. */
int kind_check_content(const struct kind *k, struct span d, struct fault *f);
/* May a record that says `was` (empty: there is none) become d? 0, or SANJI_E_STATE with the
 * state's name and the states that are allowed in f, or a member that is `fixed`; SANJI_E_SPEC with
 * KIND_WHY when a step that asks for a reason has none. role NULL: whatever role; else
 * SANJI_E_FORBIDDEN when others than this one take the step. */
int kind_step_check(const struct kind *k, struct span was, struct span d, const char *role,
                    struct fault *f);
/* Does content d give a reason in words? 0, or SANJI_E_SPEC with KIND_WHY. */
int kind_why_check(struct span d, struct fault *f);
/* Does it lie at home, in `own`, because of its state? */
bool kind_at_home(const struct kind *k, struct span d);
/* Is it in the first state of its kind, where nobody has decided anything? */
bool kind_is_fresh(const struct kind *k, struct span d);
/* Does the record come into the state of the kind's effect? `was` as above. Then *ret_ref is the
 * record it touches. */
bool kind_effect_due(const struct kind *k, struct span was, struct span d, struct span *ret_ref);
/* Appends content `of` of the record touched, of kind ok, as it is with the effect of d. */
int kind_effect_write(const struct kind *k, struct span d, const struct kind *ok, struct span of,
                      struct buf *out);
/* Writes member `was`: what the record touched, `of` of kind ok, says where d would change it. */
struct jw;
void kind_effect_was(const struct kind *k, struct span d, const struct kind *ok, struct span of,
                     struct jw *w);
/* Does this role take a step out of the state that d is in? */
bool kind_takes_step(const struct kind *k, struct span d, const char *role);
/* Appends content d with one member replaced or added, in the order of the kind's table. */
int kind_member_set(const struct kind *k, struct span d, const char *name, struct span value,
                    struct buf *out);
/* Does the content ask for a public card? */
bool kind_wants_card(const struct kind *k, struct span d);
/* Appends the card's content. */
int kind_card_write(const struct kind *k, struct span d, struct buf *out);
/* Appends title / search text (title and every SEARCH field, separated by newlines); unescaped. */
int kind_title(const struct kind *k, struct span d, struct buf *out);
int kind_search_text(const struct kind *k, struct span d, struct buf *out);
/* Value of the STATE / SINCE / AREA field, or of any field, as plain text; empty when absent. */
int kind_field_text(const struct kind *k, struct span d, unsigned flag, struct buf *out);
/* The first field with this flag; NULL: none. */
const struct kind_field *kind_field_with(const struct kind *k, unsigned flag);
/* May somebody with this role? */
bool kind_may(const struct kind *k, const char *role, enum kind_act act);
/* Has the kind members that not everybody who reads it may see? */
bool kind_has_personal(const struct kind *k);
/* Is the record about that organisation, and one that is shown to its people? */
bool kind_is_about(const struct kind *k, const char *org, const char *id, struct span d);
/* May somebody of that organisation write d over `was` (empty: there is none)? 0, or
 * SANJI_E_FORBIDDEN with the member. */
int kind_org_may(const struct kind *k, const char *org, const char *id, struct span was,
                 struct span d, struct fault *f);
/* Did an organisation write what stands in d? (The BY member.) */
bool kind_by_org(const struct kind *k, struct span d);
/* Was it the organisation's, and is it still when somebody of the staff writes d? */
bool kind_org_keeps(const struct kind *k, struct span was, struct span d);
/* Do both say the same but for their state and what the staff alone say of it? */
bool kind_same_words(const struct kind *k, struct span was, struct span d);
/* Appends content d without the personal members. */
int kind_impersonal_write(const struct kind *k, struct span d, struct buf *out);
/* The id that content d of a kind with a key has. SANJI_E_SPEC: a member is missing. */
int kind_key_id(const struct kind *k, struct span d, char out[static LIM_ID_BYTES + 1]);
/* files.c: attachments (PROTOCOL.md 24). The FILES member of a kind; NULL: it takes none. */
const struct kind_field *kind_files_field(const struct kind *k);
/* One entry of it, gated and checked. */
struct kind_file {
    struct span name; /* the JSON string with its quotes */
    char type[8];
    char sha[44]; /* base64url */
    int64_t len;
};
struct jcur;
/* Begins a walk over the attachments of content d; false: there are none. */
bool kind_files_begin(const struct kind *k, struct span d, struct jcur *c);
bool kind_files_next(struct jcur *c, struct kind_file *ret);
/* Is there one with this hash? */
bool kind_files_has(const struct kind *k, struct span d, const char *sha, struct kind_file *ret);
/* Appends the item's member `bl` that follows from content d: nothing when there are none. */
int kind_files_bl(const struct kind *k, struct span d, struct buf *out);
/* One field by name; NULL: none. */
const struct kind_field *kind_field_find(const struct kind *k, const char *name);
/* Decimals of an INT as people read it: 0, 2 or 7. */
int kind_field_digits(const struct kind_field *fld);
/* The open list (CH_LISTS) a field chooses from; NULL: its words are all there are. */
const char *kind_open_list(const struct kind_field *fld);
/* The same of its name, as kind_open_list() gives it; NULL: there is none. */
const char *kind_list_named(struct span name);
/* A word of an open list: a small letter, then small letters, digits and _, at most 32. */
bool kind_word_valid(struct span word);
/* Is it one of the field's own words? */
bool kind_word_known(const struct kind_field *fld, struct span word);
/* Its index, n_fields when there is none. Members mostly come in the order of the table: the search
 * begins at FROM (at most n_fields), where the last one ended. */
size_t kind_field_index(const struct kind *k, struct span name, size_t from);
/* Appends one field's value as plain text: numbers in decimal, arrays one element a line. */
int kind_value_text(const struct kind_field *fld, struct span d, struct buf *out);
/* JSON description of one kind (an object) or, k NULL, of all (an array), for pages and --help. */
int kind_describe(const struct kind *k, struct buf *out);

#endif
