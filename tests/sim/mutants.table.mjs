// SPDX-License-Identifier: Apache-2.0
// Defects somebody might really write, each a place and what would stand there. `by`: the tests to ask
// first. A change of the product that touches one of these places changes the line here as well.

// Asked about every defect that the named tests let pass.
export const everywhere = ['bundle', 'msg', 'act', 'roster', 'seal', 'kinds', 'flow_referral', 'stats', 'vectors', 'sync', 'sync_wrong', 'sync_checks', 'sync_derive', 'sync_erase', 'db', 'keys', 'store_mem', 'store_sqlite', 'sim.regress', 'sim'];

const m = (name, file, old, neu, ...by) => ({ name, file, old, new: neu, by });
export const mutants = [
  // the chain
  m('skip-prev', 'protocol/bundle.c', 'return memcmp(b->hdr.prev, have->id, HASH_LEN) == 0 ? HEAD_NEXT : HEAD_CHAIN;', 'return HEAD_NEXT;', 'bundle'),
  m('skip-prev-of-the-first', 'protocol/bundle_header.c', '} else if (h->seq == 1 && memcmp(h->prev, zero, sizeof(zero)) != 0) {', '} else if (h->seq == 0 && memcmp(h->prev, zero, sizeof(zero)) != 0) {', 'bundle'),
  m('gap-one-off', 'protocol/bundle.c', 'if (b->hdr.seq > have->seq + 1) {', 'if (b->hdr.seq > have->seq + 2) {', 'bundle'),
  m('begin-anywhere', 'sync/accept.c', 'if (!sync__key_starts(st, b)) {\n            return SANJI_E_GAP;', 'if (!sync__key_starts(st, b) && have.seq > 0) {\n            return SANJI_E_GAP;', 'sync_wrong', 'sim'),
  m('epoch-jump', 'sync/accept.c', 'if (b->hdr.ep > known + 1 && !is_free) {', 'if (b->hdr.ep > known + 1000000 && !is_free) {', 'sync_wrong', 'sim'),
  m('epoch-without-mark', 'sync/accept.c', 'if (b->hdr.seq == 1 && b->hdr.ep > 1 && b->hdr.t != BUNDLE_EPOCH) {', 'if (b->hdr.seq == 1 && b->hdr.ep > 2 && b->hdr.t != BUNDLE_EPOCH) {', 'sync_wrong', 'sim'),
  // damage
  m('last-copy-goes', 'sync/derive.c', 'return r < 0 || !is_self ? r : sync_spares_back(s, &kept);', 'return kept < 0 || !is_self ? r : r;', 'app_unproven'),
  // several pasts
  m('passed-over-is-gone', 'sync/keyframe_take.c', 'int r = ret->due ? sync__custody_passed(s, idx, b) : 0;', 'int r = 0;', 'sync_branches'),
  m('left-is-taken', 'sync/custody_send.c', 'return c->with == p && !c->left;', 'return c->with == p;', 'sync_custody'),
  m('shares-are-one', 'sync/custody.c', 'w->bytes < share(s)', 's->custody.by[0].bytes < share(s)', 'sync_custody'),
  m('writer-says-all-again', 'sync/custody_send.c', 'if (r < 0 || known) {', 'if (r < 0) {', 'sync_branches'),
  m('keyframe-names-nothing', 'sync/write.c', '        sync__late_name(s, &h);\n', '', 'sync_branches'),
  m('login-given-up-counts', 'sync/session.c', '(same && x->until <= c->until);', '(same && x == c);', 'sync_checks'),
  m('cut-key-freezes', 'sync/diverge.c', '*ret = r == 0 && memcmp(id, limit->id, HASH_LEN) == 0;', '*ret = false;', 'sync_restore'),
  m('any-cut-thaws', 'sync/derive.c', 'bool any = r < 0 || is_void;', 'bool any = r < 0 || is_void || n != NULL;', 'sync_restore'),
  // signatures and hashes
  m('skip-signature', 'protocol/bundle.c', 'return verify_raw(key, s.p, s.n, b->sig);', 'return key != NULL && s.n > 0 ? 0 : SANJI_E_SIGNATURE;', 'bundle'),
  m('skip-item-root', 'protocol/bundle.c', 'if (memcmp(root, b->hdr.root, HASH_LEN) != 0) {', 'if (false) {', 'bundle'),
  m('weak-key', 'protocol/suite_v1.c', 'if (memcmp(y, small_order_y[i], sizeof(y)) == 0) {', 'if (i > sizeof(y)) {', 'suite'),
  m('skip-session-proof', 'sync/session.c', 'r = verify_raw(k->pub, pre.data, pre.len, pr->s);', 'r = k == NULL ? SANJI_E_SIGNATURE : 0;', 'sync_wrong'),
  m('skip-enrol-mac', 'sync/enrol.c', 'if (!enrol_mac_ok(q, row->secret, mac)) {', 'if (false) {', 'sync_wrong'),
  m('pop-by-file-unread', 'protocol/invite.c', 'r = r < 0 ? r : verify_raw(pub, pre.data, pre.len, e->pop);', '', 'sync_ferry_join'),
  m('asks-another-parent', 'sync/enrol.c', 'if (r == 0 && x.e.up != NULL && strcmp(x.e.up, s->self.id.s) != 0) {', 'if (false) {', 'sync_ferry_join'),
  m('key-by-file-for-anybody', 'sync/ferry_request.c', "return own || asked ? 0 : fault_set(f, SANJI_E_AUDIENCE, \"by\", \"a file for this node\");", 'return own || asked || true ? 0 : fault_set(f, SANJI_E_AUDIENCE, "by", "");', 'sync_ferry_key'),
  m('approved-file-forgotten', 'sync/enrol.c', 'int r = is_whole(&e, row) ? take_whole(s, &e, row, &act) : row_write(s, node, row);', 'int r = row_write(s, node, row);', 'sync_ferry_join'),
  m('trust-and-the-rest', 'sync/ferry_out.c', 'if ((!o->trust || st->aud.type == AUD_TRUST) && upto[i] < st->row.seq &&', 'if (upto[i] < st->row.seq &&', 'sync_revoke'),
  m('other-federation', 'sync/accept.c', 'if (!roster_knows_g(s->roster, b->hdr.g)) {', 'if (false) {', 'sync_checks'),
  // authority
  m('old-roster', 'sync/accept.c', 's->roster_dirty = s->roster_dirty || into == s->roster;', 's->roster_dirty = s->roster_dirty;', 'sync'),
  m('no-possession', 'protocol/roster_rules.c', 'if (!signed_by(r, e, &e->sig_kid, e->a->sig)) {', 'if (false) {', 'roster'),
  m('quorum-of-one', 'protocol/roster_rules.c', 'return n >= root->k;', 'return n >= 1;', 'roster'),
  m('revoked-consents', 'protocol/roster_rules.c', 'if (!k->pub.cut && signed_by(', 'if (signed_by(', 'roster'),
  m('beyond-the-cut', 'protocol/roster_rules.c', 'if (!k->pub.ended || covered(', 'if (true || covered(', 'roster', 'sync_checks'),
  m('last-act-uncovered', 'protocol/roster_rules.c', 'e->at.seq <= h[i].seq &&', 'e->at.seq < h[i].seq &&', 'roster'),
  m('anybody-registers', 'protocol/roster_rules.c', 'if (!r->subj[e->author].reg && !(self', 'if (false && !(self', 'roster'),
  m('key-twice', 'protocol/roster_rules.c', 'return roster__find_key(r, e->a->sig) == NULL ? yes : no(SANJI_E_EXISTS, RNONE);', 'return yes;', 'roster'),
  m('ended-key-signs', 'protocol/roster_query.c', 'b->hdr.seq, b->id, ret) ? 0 : SANJI_E_REVOKED;', 'b->hdr.seq, b->id, ret) ? 0 : 0;', 'roster', 'sync_checks'),
  m('revoked-child-served', 'sync/server.c', 'p->parting = n == NULL || n->state != NODE_ACTIVE;', 'p->parting = n == NULL;', 'sync_revoke', 'sync_checks'),
  // who may hold what
  m('forget-scope-at-relay', 'sync/stream.c', 'return roster_entitled(s->roster, st->row.key.by.s, &st->aud, p->id.s);', 'return st->aud.n < 1000;', 'sync', 'sim'),
  m('keep-what-was-not-meant', 'sync/accept.c', 'roster_entitled(s->roster, b->hdr.by.s, &st->aud, s->self.id.s) || was_entitled(s, st, b)) {', 'true || was_entitled(s, st, b)) {', 'sync_wrong', 'sim'),
  m('write-anywhere', 'sync/accept.c', 'int r = roster_may_write(s->roster, b->hdr.by.s, &st->aud);', 'int r = 0;', 'sync_wrong', 'sim'),
  m('self-to-all', 'protocol/roster_query.c', '        return r->subj[w].up == p;\n', '        return p != RNONE;\n', 'roster', 'sync'),
  // store, acknowledge
  m('acknowledge-before-commit', 'sync/engine.c', '        r = s->st->commit(s->st->ctx);\n        if (r == 0) {', '        r = s->st->commit(s->st->ctx);\n        if (r <= 0) {\n            r = 0;', 'sim'),
  m('no-reload-after-rollback', 'sync/engine.c', '    int r2 = sync_reload(s);\n    return r2 < 0 ? r2 : r;', '    return r;', 'sim'),
  m('drop-on-duplicate', 'sync/message.c', 'if (acc.err == 0 || acc.err == SANJI_E_OLD) {', 'if (acc.err == SANJI_E_OLD) {\n            break;\n        }\n        if (acc.err == 0) {', 'sync', 'sim'),
  m('duplicate-unacknowledged', 'sync/message.c', 'if (acc.err == 0 || acc.err == SANJI_E_OLD) {', 'if (acc.err == 0) {', 'sync_checks'),
  m('waiting-forgotten', 'sync/message.c', 'p->waiting = true;', 'p->waiting = false;', 'sync', 'sim'),
  m('quota-without-end', 'sync/message.c', 'return !p->is_parent && (p->quota_items >= items || p->quota_bytes >= bytes);', 'return false;', 'sync_wrong'),
  m('inflate-without-end', 'sync/message.c', 'while (rest.n > 0 && r == 0 && inflated <= LIM_INFLATE_BYTES) {', 'while (rest.n > 0 && r == 0) {', 'sync_checks'),
  // forks
  m('no-freeze', 'sync/accept.c', '    r = sync__erase_proof(s, b, st->row.no, held);\n', '    r = 0;\n', 'sync_wrong', 'sim'),
  m('anybody-freezes', 'sync/accept.c', 'return r; /* only a validly signed other history is evidence */', 'r = 0; /* only a validly signed other history is evidence */', 'sync_wrong', 'sim'),
  m('frozen-goes-on', 'sync/accept.c', '    if (st->row.frozen) {\n        return SANJI_E_FORK;\n    }\n    struct head', '    struct head', 'sync_wrong', 'sim'),
  m('clone-believed', 'sync/session.c', '            return sync__session_clone(s, c->node);\n', '            went_back = true;\n', 'sync_checks'),
  // erasure
  m('item-after-its-act', 'sync/accept.c', 'int r = sync__erase_incoming(s, key, &kept, &frame, &line, &packed);', 'int r = 0;', 'sync_erase'),
  m('older-form-lost', 'sync/erase_scrub.c', 'r == 0 && c->bared && i >= 0', 'r == 0 && !c->bared && i >= 0', 'sync_erase'),
  m('stub-believed', 'sync/apply.c', 'return fault_set(f, SANJI_E_WITHHELD, "x", "an erase act");', 'return 0;', 'sync_erase'),
  m('act-not-said-again', 'sync/erase_own.c', 'if (!sync__erase_unsaid(s) ||', 'if (sync__erase_unsaid(s) ||', 'sync_erase'),
  m('digest-keeps-the-erased', 'node/store/erase.c', '    if (r == 0 && wd == 0) {\n        live_sub', '    if (r == 0 && wd != 0) {\n        live_sub', 'store_sqlite'),
  // views
  m('withdraw-beats-put', 'node/store/view.c', 'const int64_t x[] = {a->r, b->wd, a->ep, a->seq, a->idx};\n    const int64_t y[] = {b->r, a->wd, b->ep, b->seq, b->idx};', 'const int64_t x[] = {a->r, a->wd, a->ep, a->seq, a->idx};\n    const int64_t y[] = {b->r, b->wd, b->ep, b->seq, b->idx};', 'store_sqlite'),
  m('two-forms-show', 'node/store/view.c', 'if (r == 0 && wins && h.has_other) {', 'if (false) {', 'store_sqlite'),
  m('digest-keeps-the-old', 'node/store/view.c', 'if (h->has_same && h->same.wd == 0) {', 'if (h->has_same && h->same.wd != 0) {', 'store_sqlite'),
  m('thread-of-many', 'sync/apply.c', '        to.n != 1) {', '        to.n < 1) {', 'sync_checks'),
  m('content-unchecked', 'sync/apply.c', '    r = kind_check_item(&it, ap->aud, ap->top, f);\n', '    r = 0;\n', 'sync_wrong', 'sim'),
  m('receiver-cancels', 'protocol/flow_referral.c', 'EDGE(CANCEL_REQUESTED, CANCEL_CONFIRM, R, CANCELLED)', 'EDGE(CANCEL_REQUESTED, CANCEL_CONFIRM, I, CANCELLED)', 'flow_referral'),
  m('hidden-form-still-counts', 'node/store/view.c', 'int r = store__count_row(s, owner, n, -1);\n    if (r < 0) {\n        return r;\n    }\n    q_begin(&q, &s->db, Q_REC_VIS);', 'int r = owner == NULL;\n    if (r < 0) {\n        return r;\n    }\n    q_begin(&q, &s->db, Q_REC_VIS);', 'store_more'),
  m('day-after-the-period', 'protocol/stats.c', 'return day <= last && (', 'return day <= last + 1 && (', 'stats'),
  m('trust-after-data', 'sync/peer.c', 'return aud == AUD_TRUST ? RANK_TRUST : aud == AUD_TO ? RANK_LETTER : RANK_REST;', 'return aud == AUD_TRUST ? RANK_REST : aud == AUD_TO ? RANK_LETTER : RANK_TRUST;', 'sync_revoke'),
  m('one-root-key-counts-twice', 'protocol/ceremony.c', 'n += !twice && act_signed_by', 'n += act_signed_by', 'ceremony'),
  m('ceremony-in-any-spelling', 'protocol/ceremony.c', 'if (r == 0 && !span_eq(t, span_of(again.data, again.len))) {', 'if (false) {', 'ceremony'),
  m('figures-follow-the-present-place', 'protocol/roster_query.c', 'up = ms < f->move->ts ? f->up : up;', 'up = ms < 0 ? f->up : up;', 'roster'),
  // attachments
  m('file-for-anybody', 'sync/fetch.c', 'w->ok = w->to == NULL || roster_entitled(w->s->roster, w->by, &a, w->to);', 'w->ok = true;', 'sync_fetch'),
  m('file-of-own-filing', 'sync/fetch.c', 'a.type == AUD_OWN || (w->is', '(w->is', 'sync_fetch'),
  m('file-from-anybody', 'sync/fetch_talk.c', 'return f != NULL && !f->over && sync__fetch_via(s, k) == p ? f : NULL;', 'return p != NULL && f != NULL && !f->over ? f : NULL;', 'sync_fetch'),
  m('torn-part-blamed', 'sync/fetch.c', 'if (r == SANJI_E_HASH && !f->whole_run) {', 'if (r == SANJI_E_HASH && f->len < 0) {', 'sync_fetch'),
  m('old-neighbour-asked', 'sync/fetch_talk.c', 'if (s->files == NULL || s->parent == NULL || !s->parent->can_files) {', 'if (s->files == NULL || s->parent == NULL) {', 'sync_fetch'),
  m('copies-outlive-attachments', 'node/app_backup_files.c', '} else if (drop) {', '} else if (drop && part) {', 'backup'),
  // the disk
  m('no-fsync', 'node/store/db.c', 'PRAGMA synchronous=FULL;', 'PRAGMA synchronous=OFF;', 'power.cuts'),
  m('fsync-now-and-then', 'node/store/db.c', 'PRAGMA synchronous=FULL;', 'PRAGMA synchronous=NORMAL;', 'power.cuts'),
  m('backup-not-synced', 'node/store/db.c', '        r = sync_file_and_folder(path);', '        r = 0;', 'power.cuts'),
  m('goes-on-after-eio', 'node/store/db.c', '        db->broken = true;', '        db->broken = false;', 'db'),
  m('upgrade-in-pieces', 'node/store/migrate.c', '    int r = db_exec(db, "BEGIN IMMEDIATE");\n    if (r < 0) {\n        return r;\n    }\n    r = db_exec(db, (const char *)m->sql);', '    int r = db_exec(db, (const char *)m->sql);\n    if (r < 0) {\n        return r;\n    }\n    r = db_exec(db, "BEGIN IMMEDIATE");', 'power.cuts'),
  m('birth-not-marked', 'node/app.c', 'if (r == 0 && app__birth_unfinished(dir) && (f == NULL || !f->born)) {', 'if (false) {', 'power.kills'),
  m('waiting-records-forgotten', 'node/app.c', 'r = app__outbox_load(a);', 'r = a->outbox_n > 0 ? SANJI_E_BUG : 0;', 'app_outbox', 'power.cuts'),
  m('guard-not-loaded', 'node/app.c', 'return r == 0 ? app__guard_load(a) : r;', 'return r;', 'app_putback'),
];
