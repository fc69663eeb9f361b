/* SPDX-License-Identifier: Apache-2.0 */
/* Every endpoint of the staff listener, once. tests/unit/test_api.c walks this table: a writing
 * route without a role, a limit or a form does not pass. */
#include "node/api/route.h"
#include "node/app_event.h"
#include "node/app_hook.h"
#include "node/app_import.h"

#define AT_MAX INT64_C(999999999999999) /* what the JSON gate lets through */

enum {
    BODY_SMALL = 4096,
    /* A record of 64 KiB in which every character is escaped. */
    BODY_RECORD = 6 * LIM_ITEM_BYTES + 4096,
    BODY_FILE = LIM_BLOB_PART / 3 * 4 + 4096,
    BODY_PART = IMPORT_PART / 3 * 4 + 4096, /* base64 */
};

/* clang-format off */
static const struct jspec spec_login[] = {
    JF_TEXT(struct body_login, login, 1, 64),
    JF_TEXT(struct body_login, password, 1, 512),
    JF_TEXT_OPT(struct body_login, code, 1, 16),
    JF_END,
};
static const struct jspec spec_password[] = {
    JF_TEXT(struct body_password, old, 1, 512),
    JF_TEXT(struct body_password, new, 1, 512),
    JF_END,
};
static const struct jspec spec_second[] = {
    JF_TEXT(struct body_second, password, 1, 512),
    JF_TEXT(struct body_second, secret, 32, 48),
    JF_TEXT(struct body_second, code, 1, 16),
    JF_END,
};
static const struct jspec spec_second_off[] = {
    JF_TEXT(struct body_second_off, password, 1, 512),
    JF_TEXT(struct body_second_off, code, 1, 16),
    JF_END,
};
static const struct jspec spec_record[] = {
    JF_TOKEN_OPT(struct body_record, id, 1, LIM_ID_BYTES),
    JF_TOKEN_OPT(struct body_record, audience, 2, 7),
    JF_INT_OPT(struct body_record, seen_r, 0, LIM_SEQ),
    JF_RAW(struct body_record, d),
    JF_END,
};
static const struct jspec spec_seen[] = {
    JF_INT(struct body_seen, seen_r, 1, LIM_SEQ),
    JF_END,
};
static const struct jspec spec_send[] = {
    JF_TOKEN(struct body_send, to, LIM_NODE_ID, LIM_NODE_ID),
    JF_RAW(struct body_send, d),
    JF_END,
};
static const struct jspec spec_event[] = {
    JF_RAW_OPT(struct body_event, d),
    JF_END,
};
static const struct jspec spec_draft[] = {
    JF_INT(struct body_draft, seen, 0, AT_MAX),
    JF_RAW(struct body_draft, draft),
    JF_END,
};
static const struct jspec spec_import_new[] = {
    JF_TOKEN(struct body_import_new, kind, 1, 40),
    JF_TEXT(struct body_import_new, name, 1, 200),
    JF_END,
};
static const struct jspec spec_import_part[] = {
    JF_INT(struct body_import_part, i, 0, IMPORT_BYTES / IMPORT_PART),
    JF_BLOB(struct body_import_part, data, 1, IMPORT_PART),
    JF_END,
};
static const struct jspec spec_upload_new[] = {
    JF_TEXT(struct body_upload_new, name, 1, 1020),
    JF_INT(struct body_upload_new, len, 0, AT_MAX),
    JF_TOKEN_OPT(struct body_upload_new, sha256, 43, 43),
    JF_END,
};
static const struct jspec spec_upload_part[] = {
    JF_INT(struct body_upload_part, at, 0, LIM_BLOB_BYTES),
    JF_BLOB(struct body_upload_part, data, 1, LIM_BLOB_PART),
    JF_END,
};
static const struct jspec spec_import_plan[] = {
    JF_RAW(struct body_import_plan, plan),
    JF_END,
};
static const struct jspec spec_occurrence[] = {
    JF_INT(struct body_occurrence, no, 0, 60),
    JF_END,
};
static const struct jspec spec_answer[] = {
    JF_TOKEN(struct body_answer, node, LIM_NODE_ID, LIM_NODE_ID),
    JF_TOKEN(struct body_answer, ask, 1, LIM_ID_BYTES),
    JF_INT(struct body_answer, no, 1, 60),
    JF_TOKEN(struct body_answer, say, 1, 16),
    JF_TOKEN_OPT(struct body_answer, reason, 1, 16),
    JF_TEXT_OPT(struct body_answer, note, 1, 800),
    JF_BOOL_OPT(struct body_answer, yes),
    JF_END,
};
static const struct jspec spec_token[] = {
    JF_TEXT(struct body_token, name, 1, 80),
    JF_TOKEN(struct body_token, role, 1, 16),
    JF_TOKEN_OPT(struct body_token, org, 1, LIM_ID_BYTES),
    JF_INT(struct body_token, days, 1, APP_TOKEN_DAYS),
    JF_TEXT(struct body_token, password, 1, 512),
    JF_END,
};
static const struct jspec spec_event_sign[] = {
    JF_TEXT(struct body_event_sign, org, 1, 480),
    JF_INT_OPT(struct body_event_sign, seats, 1, EVENT_SIGN_MAX),
    JF_TEXT_OPT(struct body_event_sign, note, 0, 800),
    JF_BOOL_OPT(struct body_event_sign, wait),
    JF_END,
};
static const struct jspec spec_attend[] = {
    JF_TOKEN(struct body_attend, node, LIM_NODE_ID, LIM_NODE_ID),
    JF_TEXT(struct body_attend, org, 1, 480),
    JF_TEXT(struct body_attend, name, 1, 160),
    JF_END,
};
static const struct jspec spec_code[] = {
    JF_TOKEN(struct body_code, code, 26, 26),
    JF_END,
};
static const struct jspec spec_rate[] = {
    JF_TOKEN(struct body_rate, code, 26, 26),
    JF_INT(struct body_rate, content, 1, 5),
    JF_INT(struct body_rate, teacher, 1, 5),
    JF_INT(struct body_rate, service, 1, 5),
    JF_INT(struct body_rate, use, 1, 5),
    JF_END,
};
static const struct jspec spec_hook[] = {
    JF_TEXT(struct body_hook, name, 1, 80),
    JF_TOKEN(struct body_hook, form, 1, 16),
    JF_TEXT(struct body_hook, url, 1, HOOK_URL),
    JF_TEXT_OPT(struct body_hook, secret, 1, 200),
    JF_TEXT_OPT(struct body_hook, events, 1, 200),
    JF_TEXT(struct body_hook, password, 1, 512),
    JF_END,
};
static const struct jspec spec_feed[] = {
    JF_TOKEN_OPT(struct body_feed, listing, 3, LIM_NODE_ID + 1 + LIM_ID_BYTES),
    JF_END,
};
static const struct jspec spec_none[] = {
    JF_END,
};

#define NO_BODY        0, NULL, 0
#define BODY(max, s)   (max), spec_##s, sizeof(struct body_##s)

const struct api_route api_routes[] = {
    {"GET",  "/healthz",                     WHO_ANYONE, TX_NONE,  NO_BODY, true, h_health},
    {"GET",  "/metrics",                     WHO_LOCAL,  TX_NONE,  NO_BODY, false, h_metrics},
    {"GET",  "/api/certificate",             WHO_ANYONE, TX_NONE,  NO_BODY, false, h_certificate},
    {"GET",  "/api/certificate/sanji.crt",   WHO_ANYONE, TX_NONE,  NO_BODY, false, h_certificate_file},
    {"GET",  "/api/openapi.json",            WHO_READ,   TX_NONE,  NO_BODY, false, h_openapi},
    {"GET",  "/api/me",                      WHO_SELF,   TX_NONE,  NO_BODY, false, h_me},
    {"POST", "/api/login",                   WHO_ANYONE, TX_STAFF, BODY(BODY_SMALL, login), false, h_login},
    {"POST", "/api/logout",                  WHO_SELF,   TX_STAFF, BODY(BODY_SMALL, none), false, h_logout},
    {"POST", "/api/password",                WHO_SELF,   TX_STAFF, BODY(BODY_SMALL, password), false, h_password},
    {"GET",  "/api/second/new",              WHO_SELF,   TX_NONE,  NO_BODY, false, h_second_new},
    {"POST", "/api/second",                  WHO_SELF,   TX_STAFF, BODY(BODY_SMALL, second), false, h_second_set},
    {"POST", "/api/second/off",              WHO_SELF,   TX_STAFF, BODY(BODY_SMALL, second_off), false, h_second_off},
    {"GET",  "/api/status",                  WHO_READ,   TX_NONE,  NO_BODY, false, h_status},
    {"GET",  "/api/kinds",                   WHO_READ,   TX_NONE,  NO_BODY, false, h_kinds},
    {"GET",  "/api/records",                 WHO_READ,   TX_NONE,  NO_BODY, false, h_records},
    {"GET",  "/api/records/export",          WHO_READ,   TX_NONE,  NO_BODY, false, h_export},
    {"GET",  "/api/records/:/:/:",           WHO_READ,   TX_NONE,  NO_BODY, false, h_record},
    {"POST", "/api/records/:",               WHO_FILE,   TX_APP,   BODY(BODY_RECORD, record), false, h_record_put},
    {"POST", "/api/records/:/:/withdraw",    WHO_FILE,   TX_APP,   BODY(BODY_SMALL, seen), false, h_record_withdraw},
    {"GET",  "/api/drafts",                  WHO_FILE,   TX_NONE,  NO_BODY, false, h_drafts},
    {"GET",  "/api/drafts/:",                WHO_FILE,   TX_NONE,  NO_BODY, false, h_draft},
    {"POST", "/api/drafts/:",                WHO_FILE,   TX_DRAFT, BODY(BODY_RECORD, draft), false, h_draft_put},
    {"POST", "/api/drafts/:/drop",           WHO_FILE,   TX_DRAFT, BODY(BODY_SMALL, none), false, h_draft_drop},
    {"GET",  "/api/imports",                 WHO_WRITE,  TX_NONE,  NO_BODY, false, h_imports},
    {"GET",  "/api/imports/:",               WHO_WRITE,  TX_NONE,  NO_BODY, false, h_import},
    {"GET",  "/api/imports/:/bad",           WHO_WRITE,  TX_NONE,  NO_BODY, false, h_import_bad},
    {"POST", "/api/imports",                 WHO_WRITE,  TX_APP,   BODY(BODY_SMALL, import_new), false, h_import_new},
    {"POST", "/api/imports/:/part",          WHO_WRITE,  TX_APP,   BODY(BODY_PART, import_part), false, h_import_part},
    {"POST", "/api/imports/:/read",          WHO_WRITE,  TX_APP,   BODY(BODY_SMALL, none), false, h_import_read},
    {"POST", "/api/imports/:/plan",          WHO_WRITE,  TX_APP,   BODY(BODY_RECORD, import_plan), false, h_import_plan},
    {"POST", "/api/imports/:/start",         WHO_WRITE,  TX_APP,   BODY(BODY_SMALL, none), false, h_import_start},
    {"POST", "/api/imports/:/undo",          WHO_WRITE,  TX_APP,   BODY(BODY_SMALL, none), false, h_import_undo},
    {"POST", "/api/imports/:/drop",          WHO_WRITE,  TX_APP,   BODY(BODY_SMALL, none), false, h_import_drop},
    {"GET",  "/api/uploads",                 WHO_FILE,   TX_NONE,  NO_BODY, false, h_uploads},
    {"GET",  "/api/uploads/:",               WHO_FILE,   TX_NONE,  NO_BODY, false, h_upload},
    {"POST", "/api/uploads",                 WHO_FILE,   TX_APP,   BODY(BODY_SMALL, upload_new), false, h_upload_new},
    {"POST", "/api/uploads/:/part",          WHO_FILE,   TX_APP,   BODY(BODY_FILE, upload_part), false, h_upload_part},
    {"POST", "/api/uploads/:/finish",        WHO_FILE,   TX_APP,   BODY(BODY_SMALL, none), false, h_upload_finish},
    {"POST", "/api/uploads/:/drop",          WHO_FILE,   TX_APP,   BODY(BODY_SMALL, none), false, h_upload_drop},
    {"GET",  "/api/files/:/:/:",             WHO_READ,   TX_NONE,  NO_BODY, false, h_files},
    {"GET",  "/api/files/:/:/:/:",           WHO_READ,   TX_NONE,  NO_BODY, false, h_file},
    {"POST", "/api/files/:/:/:/:/fetch",     WHO_READ,   TX_APP,   BODY(BODY_SMALL, none), false, h_file_fetch},
    {"GET",  "/api/referrals",               WHO_CASES,  TX_NONE,  NO_BODY, false, h_referrals},
    {"GET",  "/api/referrals/:",             WHO_CASES,  TX_NONE,  NO_BODY, false, h_referral},
    {"POST", "/api/referrals",               WHO_WRITE,  TX_APP,   BODY(BODY_RECORD, send), false, h_referral_send},
    {"POST", "/api/referrals/:/:",           WHO_WRITE,  TX_APP,   BODY(BODY_RECORD, event), false, h_referral_event},
    {"GET",  "/api/todo",                    WHO_READ,   TX_NONE,  NO_BODY, false, h_todo},
    {"GET",  "/api/duties",                  WHO_READ,   TX_NONE,  NO_BODY, false, h_duties},
    {"GET",  "/api/bookings",                WHO_CASES,  TX_NONE,  NO_BODY, false, h_bookings},
    {"GET",  "/api/bookings/calendar/:/:",   WHO_READ,   TX_NONE,  NO_BODY, false, h_booking_calendar},
    {"POST", "/api/bookings",                WHO_WRITE,  TX_APP,   BODY(BODY_RECORD, event), false, h_booking_ask},
    {"POST", "/api/bookings/allotments/:/:/return", WHO_WRITE, TX_APP, BODY(BODY_SMALL, none), false, h_allotment_return},
    {"POST", "/api/bookings/answer",         WHO_WRITE,  TX_APP,   BODY(BODY_SMALL, answer), false, h_booking_answer},
    {"POST", "/api/bookings/:/withdraw",     WHO_WRITE,  TX_APP,   BODY(BODY_SMALL, occurrence), false, h_booking_withdraw},
    {"GET",  "/api/bookings/allotments",     WHO_CASES,  TX_NONE,  NO_BODY, false, h_allotments},
    {"POST", "/api/bookings/allotments",     WHO_WRITE,  TX_APP,   BODY(BODY_RECORD, event), false, h_allotment_new},
    {"POST", "/api/bookings/allotments/:/recall", WHO_WRITE, TX_APP, BODY(BODY_SMALL, none), false, h_allotment_recall},
    {"GET",  "/api/events/:/:",              WHO_READ,   TX_NONE,  NO_BODY, false, h_event},
    {"POST", "/api/events/:/:/sign",         WHO_WRITE,  TX_APP,   BODY(BODY_SMALL, event_sign), false, h_event_sign},
    {"GET",  "/api/door/:",                  WHO_WRITE,  TX_NONE,  NO_BODY, false, h_event_code},
    {"POST", "/api/events/:/attend",         WHO_WRITE,  TX_APP,   BODY(BODY_SMALL, attend), false, h_event_attend},
    {"GET",  "/api/door/:/:",                WHO_ANYONE, TX_NONE,  NO_BODY, false, h_door},
    {"POST", "/api/door/:/:",                WHO_ANYONE, TX_GUEST, BODY(BODY_SMALL, attend), false, h_door_enter},
    {"POST", "/api/attended",                WHO_ANYONE, TX_DRAFT, BODY(BODY_SMALL, code), false, h_attended},
    {"POST", "/api/attended/rate",           WHO_ANYONE, TX_GUEST, BODY(BODY_SMALL, rate), false, h_attended_rate},
    {"GET",  "/api/certificates/:",          WHO_ANYONE, TX_NONE,  NO_BODY, false, h_event_certificate},
    {"GET",  "/api/consulting/:",            WHO_READ,   TX_NONE,  NO_BODY, false, h_consulting},
    {"GET",  "/api/questions/:/:",           WHO_CASES,  TX_NONE,  NO_BODY, false, h_questions},
    {"GET",  "/api/nodes",                   WHO_READ,   TX_NONE,  NO_BODY, false, h_nodes},
    {"GET",  "/api/stats",                   WHO_READ,   TX_NONE,  NO_BODY, false, h_stats},
    {"GET",  "/api/stats/cell",              WHO_READ,   TX_NONE,  NO_BODY, false, h_stats_cell},
    {"GET",  "/api/areas",                   WHO_READ,   TX_NONE,  NO_BODY, false, h_areas},
    {"GET",  "/hsds/",                          WHO_READ,   TX_NONE,  NO_BODY, false, h_hsds},
    {"GET",  "/hsds/services",                  WHO_READ,   TX_NONE,  NO_BODY, false, h_hsds_services},
    {"GET",  "/hsds/services/:",                WHO_READ,   TX_NONE,  NO_BODY, false, h_hsds_service},
    {"GET",  "/hsds/organizations",             WHO_READ,   TX_NONE,  NO_BODY, false, h_hsds_organizations},
    {"GET",  "/hsds/organizations/:",           WHO_READ,   TX_NONE,  NO_BODY, false, h_hsds_organization},
    {"GET",  "/hsds/service_at_locations",      WHO_READ,   TX_NONE,  NO_BODY, false, h_hsds_places},
    {"GET",  "/hsds/service_at_locations/:",    WHO_READ,   TX_NONE,  NO_BODY, false, h_hsds_place},
    {"GET",  "/hsds/taxonomies",                WHO_READ,   TX_NONE,  NO_BODY, false, h_hsds_taxonomies},
    {"GET",  "/hsds/taxonomies/:",              WHO_READ,   TX_NONE,  NO_BODY, false, h_hsds_taxonomy},
    {"GET",  "/hsds/taxonomy_terms",            WHO_READ,   TX_NONE,  NO_BODY, false, h_hsds_terms},
    {"GET",  "/hsds/taxonomy_terms/:",          WHO_READ,   TX_NONE,  NO_BODY, false, h_hsds_term},
    {"GET",  "/api/audit",                   WHO_AUDIT, TX_NONE,  NO_BODY, false, h_audit},
    {"GET",  "/api/tokens",                  WHO_ADMIN,  TX_NONE,  NO_BODY, false, h_tokens},
    {"POST", "/api/tokens",                  WHO_ADMIN,  TX_STAFF, BODY(BODY_SMALL, token), false, h_token_new},
    {"POST", "/api/tokens/:/revoke",         WHO_ADMIN,  TX_STAFF, BODY(BODY_SMALL, none), false, h_token_drop},
    {"GET",  "/api/feeds",                   WHO_READ,   TX_NONE,  NO_BODY, false, h_feeds},
    {"POST", "/api/feeds",                   WHO_READ,   TX_STAFF, BODY(BODY_SMALL, feed), false, h_feed_new},
    {"POST", "/api/feeds/:/revoke",          WHO_READ,   TX_STAFF, BODY(BODY_SMALL, none), false, h_feed_drop},
    {"GET",  "/calendar/:",                  WHO_ANYONE, TX_NONE,  NO_BODY, false, h_feed},
    {"GET",  "/api/hooks",                   WHO_ADMIN,  TX_NONE,  NO_BODY, false, h_hooks},
    {"POST", "/api/hooks",                   WHO_ADMIN,  TX_STAFF, BODY(BODY_SMALL, hook), false, h_hook_new},
    {"POST", "/api/hooks/:/test",            WHO_ADMIN,  TX_STAFF, BODY(BODY_SMALL, none), false, h_hook_test},
    {"POST", "/api/hooks/:/drop",            WHO_ADMIN,  TX_STAFF, BODY(BODY_SMALL, none), false, h_hook_drop},
    {"POST", "/api/sync",                    WHO_WRITE,  TX_APP,   BODY(BODY_SMALL, none), false, h_sync},
};
/* clang-format on */
const size_t api_routes_n = sizeof(api_routes) / sizeof(api_routes[0]);
