/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about one record and their answers: ours, and those asked of us. */
#include "node/api/route.h"
#include "node/app_question.h"

#include <string.h>

int h_questions(struct api_call *c)
{
    const char *owner = strcmp(c->param[0], "me") == 0 ? app_id(c->app) : c->param[0];
    if (!api_may_named(c, "question", KACT_READ)) {
        return SANJI_E_FORBIDDEN;
    }
    jw_obj(&c->w, NULL);
    int r = app_question_list(c->app, owner, c->param[1], "items", &c->w);
    jw_end_obj(&c->w);
    return r;
}
