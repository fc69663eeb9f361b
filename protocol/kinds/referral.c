/* SPDX-License-Identifier: Apache-2.0 */
/* What each step of a referral carries. Personal data stands here and nowhere else, and travels
 * only inside sealed items. A person is referred with consent or not at all: who consented, how,
 * when, to which data and for which purpose is part of the sealed content, so that the receiver can
 * show it. */
#include "protocol/kinds/referral.h"
#include "protocol/kinds/choices.h"
#include "protocol/kinds/internal.h"

#include "protocol/base/text.h"

/* Under this age consent is a guardian's; with a year of birth alone, doubt protects the child. */
enum { CONSENT_AGE = 14 };

/* clang-format off */
#define CH_REASON                                                                                  \
    "policy relief emotional ability support crisis rights integration community health "          \
    "environment incubation training funding venue party_building volunteers other"
#define CH_NOT                                                                                     \
    "client_refused lack_of_capacity other no_longer_needed unable_to_contact_client "             \
    "unable_to_contact_organization"

static const struct kind_field send_fields[] = {
    F_ENUM("subject_kind", "org person", KFF_REQ | KFF_LIST | KFF_FILTER),
    F_ENUM("reason", CH_REASON, KFF_REQ | KFF_LIST | KFF_FILTER),
    F_TEXT("title", 1, 120, KFF_REQ | KFF_TITLE | KFF_LIST | KFF_P1),
    F_LONG("detail", 0, 6000, KFF_P1),
    F_ENUM("urgency", "normal soon urgent", KFF_LIST | KFF_FILTER),
    F_DATE("expires", KFF_LIST),
    F_ENUMS("field", 0, 18, CH_FIELD, 0),
    F_TEXT("name", 0, 80, KFF_P1),
    F_INT("birth_year", 1900, 2100, KFF_P1),
    F_ENUM("sex", "0 1 2 9", KFF_P1),
    F_TEXT("contact", 0, 120, KFF_P1),
    F_TEXT("address", 0, 200, KFF_P1),
    F_AREA("area", 0),
    F_TEXT("org_code", 0, 40, 0),
    F_ENUMS("sensitive", 0, 6, "health religion identity finance whereabouts minor", KFF_P1),
    F_REF("listing", 0),
    F_REF("replaces", 0),
    F_TEXT("desk", 0, 80, 0),
    F_TEXT("phone", 0, 60, 0),
    F_OBJ("consent", KFF_P1),
};
static const struct kind_field consent_fields[] = {
    F_ENUM("by", "self guardian", KFF_REQ),
    F_ENUM("how", "written electronic recorded_oral", KFF_REQ),
    F_DATE("on", KFF_REQ),
    F_TEXT("text_version", 1, 40, KFF_REQ),
    F_ENUMS("scope", 1, 9, "name contact address situation health finance family identity other", KFF_REQ),
    F_TEXT("purpose", 1, 200, KFF_REQ),
    F_NODE("to", 0),
    F_TEXT("guardian", 0, 80, KFF_P1),
    F_BOOL("sensitive", 0),
    F_DATE("until", 0),
};
static const struct kind_field delivered_fields[] = {
    F_B64("leaf", 32, 32, KFF_REQ),
};
static const struct kind_field open_fields[] = {
    F_TEXT("role", 0, 40, 0),
};
static const struct kind_field ask_info_fields[] = {
    F_LONG("question", 1, 2000, KFF_REQ | KFF_P1),
};
static const struct kind_field give_info_fields[] = {
    F_LONG("answer", 1, 6000, KFF_REQ | KFF_P1),
    F_OBJ("consent", KFF_P1),
};
static const struct kind_field accept_fields[] = {
    F_TEXT("desk", 0, 80, 0),
    F_TEXT("phone", 0, 60, 0),
    F_DATE("planned", 0),
    F_LONG("note", 0, 2000, KFF_P1),
};
static const struct kind_field decline_fields[] = {
    F_ENUM("reason", "capacity not_eligible out_of_area out_of_scope incomplete duplicate unreachable other", KFF_REQ),
    F_NODE("suggest", 0),
    F_LONG("note", 0, 2000, KFF_P1),
};
static const struct kind_field schedule_fields[] = {
    F_DATE("date", KFF_REQ),
    F_TEXT("time", 0, 40, 0),
    F_TEXT("place", 0, 200, 0),
    F_LONG("note", 0, 2000, KFF_P1),
};
static const struct kind_field note_fields[] = {
    F_LONG("note", 0, 2000, KFF_P1),
};
static const struct kind_field appt_cancel_fields[] = {
    F_ENUM("by", "subject receiver other", 0),
    F_LONG("note", 0, 2000, KFF_P1),
};
static const struct kind_field serve_fields[] = {
    F_LONG("note", 1, 6000, KFF_REQ | KFF_P1),
    F_DATE("date", 0),
    F_INT("minutes", 0, 100000, 0),
};
static const struct kind_field outcome_fields[] = {
    F_ENUM("result", "success partial not", KFF_REQ),
    F_ENUM("reason", CH_NOT, 0),
    F_LONG("summary", 0, 6000, KFF_P1),
};
static const struct kind_field cancel_request_fields[] = {
    F_ENUM("reason", "consent_withdrawn no_longer_needed mistake moved other", KFF_REQ),
    F_LONG("note", 0, 2000, KFF_P1),
};
static const struct kind_field cancel_confirm_fields[] = {
    F_BOOL("auto", 0),
    F_LONG("note", 0, 2000, KFF_P1),
};
static const struct kind_field close_fields[] = {
    F_BOOL("told", 0),
    F_INT("satisfaction", 1, 5, 0),
    F_LONG("note", 0, 2000, KFF_P1),
};
static const struct kind_field void_fields[] = {
    F_ENUM("reason", "wrong_subject wrong_receiver duplicate mistake other", KFF_REQ),
    F_LONG("note", 0, 2000, KFF_P1),
};
static const struct kind_field erase_fields[] = {
    F_ENUM("why", "person retention law mistake", KFF_REQ),
};
static const struct kind_field reseal_fields[] = {
    F_INT("step", 1, 1000000000, KFF_REQ),
};
/* clang-format on */

static int64_t year_of(struct span date)
{
    int64_t y = 0;
    if (date.n < 4 || text_i64((const char *)date.p, 4, 1, 9999, &y) < 0) {
        return 0;
    }
    return y;
}

static int no_consent(struct fault *f, const char *member, const char *want)
{
    return fault_set(f, SANJI_E_CONSENT, member, want);
}

static int check_consent(struct span consent, struct fault *f)
{
    struct fault inner = {0};
    int r = kind__check_fields(consent_fields, F_COUNT(consent_fields), consent, &inner);
    return r < 0 ? no_consent(f, inner.member, inner.want) : 0;
}

/* The gate of PIPL articles 23, 28 to 31: consent names scope and purpose; sensitive data needs its
 * own tick; a child's is the guardian's. */
static int check_person(struct span d, struct fault *f)
{
    struct span consent;
    struct span v;
    bool ticked = false;
    int64_t born = 0;
    if (!jcur_get(d, "consent", &consent)) {
        return no_consent(f, "consent", "a consent for every referral of a person");
    }
    int r = check_consent(consent, f);
    if (r < 0) {
        return r;
    }
    struct jcur c;
    struct span e;
    bool sensitive = jcur_get(d, "sensitive", &v) && jcur_array(&c, v) && jcur_element(&c, &e);
    if (sensitive && !(jcur_get(consent, "sensitive", &v) && jcur_bool(v, &ticked) && ticked)) {
        return no_consent(f, "sensitive", "a separate consent for sensitive data");
    }
    int64_t given = year_of(jcur_plain_of(consent, "on"));
    if (!jcur_get(d, "birth_year", &v) || !jcur_int(v, &born)) {
        return 0;
    }
    if (born > given) {
        return kind__wrong(f, "birth_year", "not after the consent");
    }
    if (given - born <= CONSENT_AGE && !span_eqs(jcur_plain_of(consent, "by"), "guardian")) {
        return no_consent(f, "by", "a guardian's consent under 14");
    }
    return 0;
}

static int check_send(struct span d, struct fault *f)
{
    static const char *const personal[] = {"birth_year", "sex", "sensitive", "consent"};
    struct span v;
    if (span_eqs(jcur_plain_of(d, "subject_kind"), "person")) {
        return check_person(d, f);
    }
    for (size_t i = 0; i < F_COUNT(personal); i++) {
        if (jcur_get(d, personal[i], &v)) {
            return kind__wrong(f, personal[i], "only for a person");
        }
    }
    return 0;
}

static int check_give_info(struct span d, struct fault *f)
{
    struct span consent;
    return jcur_get(d, "consent", &consent) ? check_consent(consent, f) : 0;
}

static int check_outcome(struct span d, struct fault *f)
{
    struct span v;
    bool is_not = span_eqs(jcur_plain_of(d, "result"), "not");
    bool reason = jcur_get(d, "reason", &v);
    if (is_not && !reason) {
        return kind__wrong(f, "reason", "a reason when the result is not");
    }
    if (reason && span_eqs(jcur_plain_of(d, "result"), "success")) {
        return kind__wrong(f, "reason", "no reason when the result is success");
    }
    return 0;
}

static const struct kind_keep keep = {.days = 90};

#define REFERRAL(sym, tab, chk)                                                                    \
    {                                                                                              \
        .name = sym, .major = 1, .shape = KS_SEALED, .owner = KO_ANY, .audience = "to",            \
        .audiences = "", .fields = tab, .n_fields = F_COUNT(tab), .check = chk,                    \
        .access = &access_case, .keep = &keep,                                                     \
    }

const struct kind kind_referral = REFERRAL("referral", send_fields, check_send);
const struct kind kind_consent = REFERRAL("referral.consent", consent_fields, NULL);

const struct kind referral_content[RE_COUNT] = {
    [RE_SEND] = REFERRAL("referral.send", send_fields, check_send),
    [RE_DELIVERED] = REFERRAL("referral.delivered", delivered_fields, NULL),
    [RE_OPEN] = REFERRAL("referral.open", open_fields, NULL),
    [RE_ASK_INFO] = REFERRAL("referral.ask_info", ask_info_fields, NULL),
    [RE_GIVE_INFO] = REFERRAL("referral.give_info", give_info_fields, check_give_info),
    [RE_ACCEPT] = REFERRAL("referral.accept", accept_fields, NULL),
    [RE_DECLINE] = REFERRAL("referral.decline", decline_fields, NULL),
    [RE_SCHEDULE] = REFERRAL("referral.schedule", schedule_fields, NULL),
    [RE_RESCHEDULE] = REFERRAL("referral.reschedule", schedule_fields, NULL),
    [RE_NO_SHOW] = REFERRAL("referral.no_show", note_fields, NULL),
    [RE_APPT_CANCEL] = REFERRAL("referral.appt_cancel", appt_cancel_fields, NULL),
    [RE_SERVE] = REFERRAL("referral.serve", serve_fields, NULL),
    [RE_OUTCOME] = REFERRAL("referral.outcome", outcome_fields, check_outcome),
    [RE_CANCEL_REQUEST] = REFERRAL("referral.cancel_request", cancel_request_fields, NULL),
    [RE_CANCEL_CONFIRM] = REFERRAL("referral.cancel_confirm", cancel_confirm_fields, NULL),
    [RE_CLOSE] = REFERRAL("referral.close", close_fields, NULL),
    [RE_REOPEN] = REFERRAL("referral.reopen", send_fields, check_send),
    [RE_VOID] = REFERRAL("referral.void", void_fields, NULL),
    [RE_ERASE] = REFERRAL("referral.erase", erase_fields, NULL),
    [RE_RESEAL] = REFERRAL("referral.reseal", reseal_fields, NULL),
};
