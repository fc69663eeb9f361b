/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verbs: names, arguments and flags in one place. Help, parsing and the daemon's
 * socket read it; sentences lie in node/text under verb.NAME and flag.NAME. */
#include "node/cli/verb.h"

#include <string.h>

/* clang-format off */
#define B(name)         {name, NULL, FLAG_BOOL}
#define V(name, value)  {name, value, FLAG_VALUE}
#define M(name, value)  {name, value, FLAG_MUST}
#define DATA            M("data", "DIR")
#define JSON            B("json")

const struct verb_def verb_defs[] = {
    {"init", "", 0, 0, VERB_LOCAL, 0, v_init, NULL,
     {DATA, M("name", "NAME"), M("tier", "city|district|street"), M("area", "CODE"), V("root-key", "FILE"),
      V("sheet", "FILE"),
      V("staff", "ADDR:PORT"), V("sync", "ADDR:PORT"), V("url", "URL"), JSON}},
    {"invite", "", 0, 0, VERB_NODE, 0, v_invite, NULL,
     {DATA, V("name", "NAME"), V("tier", "district|street"), V("area", "CODE"), V("recover", "NODE"), V("ttl", "7d"),
      B("auto-approve"), B("qr"), B("ferry"), JSON}},
    {"join", "INVITE|-", 1, VERB_ARGS - 1, VERB_LOCAL, 0, v_join, NULL,
     {DATA, V("staff", "ADDR:PORT"), V("sync", "ADDR:PORT"), V("url", "URL"), V("sheet", "FILE"), B("no-wait"), V("wait", "10m"),
      V("ferry", "FOLDER|FILE"), JSON}},
    {"recover", "INVITE|-", 1, VERB_ARGS - 1, VERB_LOCAL, 0, v_recover, NULL,
     {DATA, M("code", "FILE|-"), V("staff", "ADDR:PORT"), V("sync", "ADDR:PORT"), V("url", "URL"), B("no-wait"),
      V("wait", "10m"), JSON}},
    {"approve", "NODE", 1, 1, VERB_NODE, VERB_INPUT, v_approve, v_put_input, {DATA, V("root-key", "FILE"), V("key", "KEY"), JSON}},
    {"node list", "", 0, 0, VERB_NODE, VERB_READS, v_node_list, NULL, {DATA, JSON}},
    {"node show", "NODE", 1, 1, VERB_NODE, VERB_READS, v_node_show, NULL, {DATA, JSON}},
    {"node move", "NODE", 1, 1, VERB_NODE, 0, v_node_move, NULL, {DATA, M("to", "NODE"), V("history", "all|now")}},
    {"node rotate-key", "", 0, 0, VERB_NODE, VERB_INPUT, v_node_rotate, v_put_input,
     {DATA, V("root-key", "FILE"), V("wait", "1m"), JSON}},
    {"node revoke", "NODE", 1, 1, VERB_NODE, 0, v_node_revoke, NULL,
     {DATA, V("why", "lost|stolen|left|fork|other"), V("kid", "KEY")}},
    {"node close", "NODE", 1, 1, VERB_NODE, 0, v_node_close, NULL,
     {DATA, V("why", "lost|stolen|left|fork|other")}},
    {"node steward", "NODE STEWARD", 2, 2, VERB_NODE, 0, v_node_steward, NULL, {DATA}},
    {"node believe", "NODE", 1, 1, VERB_NODE, 0, v_node_believe, NULL, {DATA}},
    {"root show", "", 0, 0, VERB_NODE, VERB_READS, v_root_show, NULL, {DATA, JSON}},
    {"root new", "FILE", 1, 1, VERB_LOCAL, 0, v_root_new, NULL, {JSON}},
    {"root change", "FILE", 1, 1, VERB_LOCAL, 0, v_root_file, NULL, {DATA, M("keys", "KEY,..."), M("k", "K"), JSON}},
    {"root hand-over", "FILE", 1, 1, VERB_LOCAL, 0, v_root_file, NULL, {DATA, M("to", "FEDERATION"), JSON}},
    {"root adopt", "HANDOVER FILE", 2, 2, VERB_LOCAL, 0, v_root_file, NULL,
     {DATA, V("under", "NODE"), V("tier", "city|district|street"), JSON}},
    {"root key", "FILE", 1, 1, VERB_LOCAL, 0, v_root_file, NULL, {DATA, JSON}},
    {"root cut", "FILE", 1, 1, VERB_LOCAL, 0, v_root_file, NULL,
     {DATA, M("kid", "KEY"), V("why", "lost|stolen|left|fork|other"), JSON}},
    {"root draft", "WHAT", 1, 1, VERB_NODE, VERB_READS | VERB_INPUT | VERB_INNER, v_root_draft, v_put_input,
     {DATA, V("keys", "KEY,..."), V("k", "K"), V("to", "FEDERATION"), V("under", "NODE"),
      V("tier", "city|district|street"), V("kid", "KEY"), V("why", "lost|stolen|left|fork|other")}},
    {"root look", "FILE", 1, 1, VERB_LOCAL, VERB_READS, v_root_look, NULL, {JSON}},
    {"root sign", "FILE", 1, 1, VERB_LOCAL, 0, v_root_sign, NULL, {M("key", "KEYFILE"), M("code", "CODE"), JSON}},
    {"root publish", "FILE", 1, 1, VERB_NODE, VERB_INPUT, v_root_publish, v_put_input, {DATA, JSON}},
    {"serve", "", 0, 0, VERB_SERVE, 0, v_serve, NULL, {DATA}},
    {"status", "", 0, 0, VERB_NODE, VERB_READS, v_status, NULL, {DATA, JSON}},
    {"doctor node", "", 0, 0, VERB_NODE, VERB_READS | VERB_INNER, v_doctor_node, NULL, {DATA, JSON}},
    {"doctor", "", 0, 0, VERB_LOCAL, VERB_READS, v_doctor, NULL, {DATA, JSON}},
    {"sync", "", 0, 0, VERB_NODE, 0, v_sync, NULL, {DATA, V("wait", "2m"), JSON}},
    {"put", "KIND [FILE|-]", 1, 2, VERB_NODE, VERB_INPUT | VERB_ADDS, v_put, v_put_input,
     {DATA, B("stream"), V("audience", "fed|sub|up"), B("dry-run"), V("checked", "RECORDS"), V("for", "NODE"), JSON}},
    {"get", "[OWNER/]ID", 1, 1, VERB_NODE, VERB_READS, v_get, NULL, {DATA, JSON}},
    {"list", "KIND", 1, 1, VERB_NODE, VERB_READS, v_list, NULL,
     {DATA, V("owner", "NODE"), V("area", "CODE"), V("state", "STATE"), V("search", "TEXT"), V("limit", "N"), JSON}},
    {"export give", "KIND", 1, 1, VERB_NODE, VERB_READS | VERB_INNER, v_table_give, NULL,
     {DATA, B("xlsx"), B("names"), V("owner", "NODE"), V("area", "CODE"), V("state", "STATE"), V("search", "TEXT")}},
    {"export", "KIND FILE|-", 2, 2, VERB_LOCAL, VERB_READS, v_table_out, NULL,
     {DATA, B("csv"), B("xlsx"), B("names"), V("owner", "NODE"), V("area", "CODE"), V("state", "STATE"), V("search", "TEXT")}},
    {"import take", "KIND", 1, 1, VERB_NODE, VERB_INPUT | VERB_INNER, v_import_take, v_import_take_input,
     {DATA, M("name", "FILE"), V("doubles", "skip|update|new"), V("audience", "fed|sub|up"), B("dry-run"), B("keep")}},
    {"import report", "N", 1, 1, VERB_NODE, VERB_INNER, v_import_report, NULL, {DATA}},
    {"import undo", "N", 1, 1, VERB_NODE, 0, v_import_undo, NULL, {DATA}},
    {"import", "KIND FILE|-", 2, 2, VERB_LOCAL, 0, v_import, NULL,
     {DATA, B("dry-run"), V("report", "FILE"), V("doubles", "skip|update|new"), V("audience", "fed|sub|up"), JSON}},
    {"withdraw", "ID...", 1, VERB_ARGS - 1, VERB_NODE, 0, v_withdraw, NULL, {DATA, V("for", "NODE"), JSON}},
    {"referral send", "[FILE|-]", 0, 1, VERB_NODE, VERB_INPUT, v_ref_event, v_put_input,
     {DATA, M("to", "NODE"), V("d", "OBJECT"), JSON}},
    {"referral open", "ID", 1, 1, VERB_NODE, 0, v_ref_event, NULL, {DATA, V("d", "OBJECT"), JSON}},
    {"referral ask-info", "ID", 1, 1, VERB_NODE, 0, v_ref_event, NULL, {DATA, V("d", "OBJECT"), JSON}},
    {"referral give-info", "ID", 1, 1, VERB_NODE, 0, v_ref_event, NULL, {DATA, V("d", "OBJECT"), JSON}},
    {"referral accept", "ID", 1, 1, VERB_NODE, 0, v_ref_event, NULL, {DATA, V("d", "OBJECT"), JSON}},
    {"referral decline", "ID", 1, 1, VERB_NODE, 0, v_ref_event, NULL, {DATA, V("d", "OBJECT"), JSON}},
    {"referral schedule", "ID", 1, 1, VERB_NODE, 0, v_ref_event, NULL, {DATA, V("d", "OBJECT"), JSON}},
    {"referral reschedule", "ID", 1, 1, VERB_NODE, 0, v_ref_event, NULL, {DATA, V("d", "OBJECT"), JSON}},
    {"referral no-show", "ID", 1, 1, VERB_NODE, 0, v_ref_event, NULL, {DATA, V("d", "OBJECT"), JSON}},
    {"referral appt-cancel", "ID", 1, 1, VERB_NODE, 0, v_ref_event, NULL, {DATA, V("d", "OBJECT"), JSON}},
    {"referral serve", "ID", 1, 1, VERB_NODE, 0, v_ref_event, NULL, {DATA, V("d", "OBJECT"), JSON}},
    {"referral outcome", "ID", 1, 1, VERB_NODE, 0, v_ref_event, NULL, {DATA, V("d", "OBJECT"), JSON}},
    {"referral cancel", "ID", 1, 1, VERB_NODE, 0, v_ref_event, NULL, {DATA, V("d", "OBJECT"), JSON}},
    {"referral confirm-cancel", "ID", 1, 1, VERB_NODE, 0, v_ref_event, NULL, {DATA, V("d", "OBJECT"), JSON}},
    {"referral close", "ID", 1, 1, VERB_NODE, 0, v_ref_event, NULL, {DATA, V("d", "OBJECT"), JSON}},
    {"referral void", "ID", 1, 1, VERB_NODE, 0, v_ref_event, NULL, {DATA, V("d", "OBJECT"), JSON}},
    {"referral list", "", 0, 0, VERB_NODE, VERB_READS, v_ref_list, NULL, {DATA, V("limit", "N"), JSON}},
    {"referral show", "ID", 1, 1, VERB_NODE, VERB_READS, v_ref_show, NULL, {DATA, JSON}},
    {"booking ask", "[FILE|-]", 0, 1, VERB_NODE, VERB_INPUT, v_booking_ask, v_put_input, {DATA, JSON}},
    {"booking withdraw", "ASK[.NO]", 1, 1, VERB_NODE, 0, v_booking_withdraw, NULL, {DATA, JSON}},
    {"booking answer", "[NODE/]ASK.NO", 1, 1, VERB_NODE, 0, v_booking_answer, NULL,
     {DATA, M("say", "confirm|hold|reject|waitlist|cancel|keep|check_in|complete|no_show"), V("reason", "REASON"),
      V("note", "TEXT"), B("yes"), JSON}},
    {"booking allot", "[FILE|-]", 0, 1, VERB_NODE, VERB_INPUT, v_booking_allot, v_put_input, {DATA, JSON}},
    {"booking recall", "ALLOTMENT", 1, 1, VERB_NODE, 0, v_booking_recall, NULL, {DATA, JSON}},
    {"booking list", "", 0, 0, VERB_NODE, VERB_READS, v_booking_list, NULL, {DATA, B("here"), B("all"), JSON}},
    {"booking calendar", "[OWNER/]LISTING", 1, 1, VERB_NODE, VERB_READS, v_booking_calendar, NULL,
     {DATA, V("from", "DATE"), V("days", "N")}},
    {"event sign", "[OWNER/]EVENT", 1, 1, VERB_NODE, 0, v_event_sign, NULL,
     {DATA, M("org", "NAME"), V("seats", "N"), B("wait")}},
    {"event show", "[OWNER/]EVENT", 1, 1, VERB_NODE, VERB_READS, v_event_show, NULL, {DATA}},
    {"event certificate", "NUMBER", 1, 1, VERB_NODE, VERB_READS, v_event_certificate, NULL, {DATA}},
    {"export-state", "", 0, 0, VERB_NODE, VERB_READS, v_export, NULL, {DATA, V("audience", "fed"), V("kind", "KIND")}},
    {"bundles", "", 0, 0, VERB_NODE, VERB_READS, v_bundles, NULL, {DATA, V("stream", "NODE[/AUDIENCE[/EPOCH]]")}},
    {"rebuild", "", 0, 0, VERB_NODE, 0, v_rebuild, NULL, {DATA, JSON}},
    {"verify", "", 0, 0, VERB_NODE, VERB_READS, v_verify, NULL, {DATA, B("heal"), V("wait", "1m"), JSON}},
    {"explain", "[OWNER/]ID", 1, 1, VERB_NODE, VERB_READS, v_explain, NULL, {DATA, JSON}},
    {"parked list", "", 0, 0, VERB_NODE, VERB_READS, v_parked_list, NULL, {DATA, B("all"), JSON}},
    {"parked retry", "", 0, 0, VERB_NODE, 0, v_parked_retry, NULL, {DATA, JSON}},
    {"parked discard", "BUNDLE INDEX", 2, 2, VERB_NODE, 0, v_parked_discard, NULL, {DATA, JSON}},
    {"unsent list", "", 0, 0, VERB_NODE, VERB_READS, v_unsent_list, NULL, {DATA, JSON}},
    {"unsent retry", "NAME", 1, 1, VERB_NODE, 0, v_unsent_retry, NULL, {DATA, JSON}},
    {"unsent discard", "NAME", 1, 1, VERB_NODE, 0, v_unsent_discard, NULL, {DATA, JSON}},
    {"versions", "", 0, 0, VERB_NODE, 0, v_versions, NULL, {DATA, V("done", "ID"), JSON}},
    {"stats", "", 0, 0, VERB_NODE, VERB_READS, v_stats, NULL, {DATA, M("period", "P"), V("of", "NODE"), B("csv"), B("recount"), JSON}},
    {"todo", "", 0, 0, VERB_NODE, VERB_READS, v_todo, NULL, {DATA, V("login", "LOGIN"), JSON}},
    {"duties", "", 0, 0, VERB_NODE, VERB_READS, v_duties, NULL, {DATA, B("below"), V("periods", "N"), JSON}},
    {"user add", "LOGIN", 1, 1, VERB_NODE, 0, v_user_add, NULL,
     {DATA, V("name", "NAME"), V("role", "admin|manager|clerk|reviewer|supervisor|member"), V("org", "ID"), JSON}},
    {"user reset", "LOGIN", 1, 1, VERB_NODE, 0, v_user_reset, NULL, {DATA, JSON}},
    {"user org", "LOGIN", 1, 1, VERB_NODE, 0, v_user_org, NULL, {DATA, V("org", "ID"), JSON}},
    {"user disable", "LOGIN", 1, 1, VERB_NODE, 0, v_user_disable, NULL, {DATA, B("undo"), JSON}},
    {"user list", "", 0, 0, VERB_NODE, VERB_READS, v_user_list, NULL, {DATA, JSON}},
    {"token add", "", 0, 0, VERB_NODE, 0, v_token_add, NULL,
     {DATA, M("name", "NAME"), M("role", "admin|manager|clerk|reviewer|supervisor|member"), V("org", "ID"), V("valid", "DAYS"), JSON}},
    {"token list", "", 0, 0, VERB_NODE, VERB_READS, v_token_list, NULL, {DATA, JSON}},
    {"token revoke", "N", 1, 1, VERB_NODE, 0, v_token_revoke, NULL, {DATA, JSON}},
    {"erase find", "", 0, 0, VERB_NODE, VERB_INPUT | VERB_READS, v_erase_find, v_put_input, {DATA, JSON}},
    {"erase request", "ID", 1, 1, VERB_NODE, VERB_INPUT, v_erase_request, v_put_input,
     {DATA, M("why", "person|mistake|law"), M("as", "LOGIN"), JSON}},
    {"erase confirm", "N", 1, 1, VERB_NODE, VERB_INPUT, v_erase_confirm, v_put_input, {DATA, M("as", "LOGIN"), JSON}},
    {"erase drop", "N", 1, 1, VERB_NODE, VERB_INPUT, v_erase_drop, v_put_input, {DATA, M("as", "LOGIN"), JSON}},
    {"erase list", "", 0, 0, VERB_NODE, VERB_READS, v_erase_list, NULL, {DATA, JSON}},
    {"ferry export", "FOLDER|FILE", 1, 1, VERB_LOCAL, 0, v_ferry_export, NULL,
     {DATA, V("to", "NODE|parent"), B("seal"), B("full"), B("trust"), V("part-size", "BYTES"), JSON}},
    {"ferry import", "FOLDER|FILE...", 1, VERB_ARGS - 1, VERB_LOCAL, 0, v_ferry_import, NULL, {DATA, JSON}},
    {"ferry receipt", "FOLDER|FILE", 1, 1, VERB_LOCAL, 0, v_ferry_receipt, NULL,
     {DATA, M("to", "NODE|parent"), JSON}},
    {"ferry give", "", 0, 0, VERB_NODE, VERB_READS | VERB_INNER, v_ferry_give, NULL,
     {DATA, V("to", "NODE|parent"), B("seal"), B("full"), B("trust"), V("part-size", "BYTES"), B("receipt")}},
    {"ferry take", "", 0, 0, VERB_NODE, VERB_INPUT | VERB_INNER, v_ferry_take, v_ferry_take_input, {DATA}},
    {"set-parent-url", "URL", 1, 1, VERB_NODE, 0, v_set_parent_url, NULL, {DATA}},
    {"backup", "", 0, 0, VERB_NODE, VERB_READS, v_backup, NULL, {DATA, V("to", "DIR"), JSON}},
    {"restore", "FILE", 1, 1, VERB_LOCAL, 0, v_restore, NULL, {DATA, V("code", "FILE|-"), JSON}},
    {"recovery new", "", 0, 0, VERB_NODE, 0, v_recovery_new, NULL, {DATA, V("sheet", "FILE"), JSON}},
    {"kinds", "[KIND]", 0, 1, VERB_LOCAL, VERB_READS, v_kinds, NULL, {JSON}},
    {"config", "[FILE]", 0, 1, VERB_LOCAL, VERB_READS, v_config, NULL, {V("data", "DIR")}},
};
/* clang-format on */
const size_t verb_defs_n = sizeof verb_defs / sizeof verb_defs[0];

const struct verb_def *verb_find(const char *a, const char *b, int *ret_words)
{
    size_t an = strlen(a);
    for (size_t i = 0; i < verb_defs_n; i++) {
        const char *name = verb_defs[i].name;
        const char *space = strchr(name, ' ');
        if (space == NULL ? strcmp(name, a) == 0
                          : b != NULL && (size_t)(space - name) == an && memcmp(name, a, an) == 0 &&
                                strcmp(space + 1, b) == 0) {
            *ret_words = space == NULL ? 1 : 2;
            return &verb_defs[i];
        }
    }
    return NULL;
}
