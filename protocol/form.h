/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_FORM_H
#define SANJI_PROTOCOL_FORM_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Forms that are records themselves (PROTOCOL.md 17.7): a `form_template/1` holds questions, a
 * `form_entry/1` an answer to each of them. Pure. */

enum form_type { FQ_TEXT, FQ_LONG, FQ_INT, FQ_BOOL, FQ_DATE, FQ_CHOICE, FQ_CHOICES, FQ_TYPES };
/* Who fills it in; the first of them when it is not said. */
#define FORM_FILL "staff org"
/* Their names, space separated, in the order above: the choices of the member `type`. */
#define FORM_TYPES "text long int bool date choice choices"
enum {
    FORM_TEXT_MAX = 200,  /* code points of a `text` */
    FORM_LONG_MAX = 4000, /* ... of a `long` */
    FORM_NAME_MAX = 32,   /* bytes of a question's name */
    FORM_QUESTIONS = 60,
    FORM_CHOICES = 40,
};
#define FORM_INT_MAX INT64_C(999999999999)

/* Do the rows `questions` make sense beyond their table: names that can stand as members, choices
 * where they are chosen from? 0 or SANJI_E_SPEC with "questions.ROW.MEMBER" in f. */
int form_check_questions(struct span questions, struct fault *f);
/* Does every member of the object `answers` answer a question in its form; with `whole`, is every
 * required one answered? 0 or SANJI_E_SPEC with "answers.NAME" in f. `questions` has passed the
 * check above. */
int form_check_answers(struct span questions, struct span answers, bool whole, struct fault *f);

#endif
