-- SPDX-License-Identifier: Apache-2.0
-- Views: everything here can be computed again from the bundles, what is counted (protocol/stats.h
-- with the answers to bookings) among it. Running this text drops and
-- recreates them; a change of it makes an existing database rebuild at its next start. No CHECK with
-- IN of three values or more: SQLite builds a temporary table for it at every single insert. What
-- this node alone holds is copied into `spare` (spare.sql) before.
DROP TABLE IF EXISTS search;
DROP TABLE IF EXISTS stat_count;
DROP TABLE IF EXISTS ref_event;
DROP TABLE IF EXISTS ref_thread;
DROP TABLE IF EXISTS blob_ref;
DROP TABLE IF EXISTS event;
DROP TABLE IF EXISTS record;
DROP TABLE IF EXISTS lane;

-- What one node says to one audience, over all epochs: the unit of the live digest (section 15.3).
CREATE TABLE lane (
    no      INTEGER PRIMARY KEY,
    by_node TEXT    NOT NULL,
    aud     TEXT    NOT NULL,
    c       INTEGER NOT NULL CHECK (c >= 0),        -- number of live leaves
    s       BLOB    NOT NULL CHECK (length(s) = 32), -- their sum modulo 2^256
    items   INTEGER NOT NULL, -- taken since the newest keyframe, live ones included
    k_ep    INTEGER NOT NULL, -- that keyframe: epoch, stream, first and last seq of its run; 0: none
    k_no    INTEGER NOT NULL,
    k_from  INTEGER NOT NULL,
    k_to    INTEGER NOT NULL,
    steward INTEGER NOT NULL, -- 1: some items were written for other nodes
    chk     INTEGER NOT NULL, -- sum of the seven above modulo 65521: nothing else shows a turned bit in them
    UNIQUE (by_node, aud)
) STRICT;

-- State records: newest form of (owner, id) in each lane. n grows with every change of content, so
-- that rows above the search index's mark are exactly those it has not seen.
CREATE TABLE record (
    n     INTEGER PRIMARY KEY,
    owner TEXT    NOT NULL CHECK (length(owner) = 14),
    id    TEXT    NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    lane  INTEGER NOT NULL, -- lane.no
    vis   INTEGER NOT NULL CHECK (vis BETWEEN 0 AND 2), -- 1: the state; 2: the state, withdrawn; 0: superseded by another lane
    r     INTEGER NOT NULL, -- revision
    wd    INTEGER NOT NULL CHECK (wd IN (0, 1)), -- withdrawn
    kind  TEXT    NOT NULL, -- name without major
    major INTEGER NOT NULL,
    ep    INTEGER NOT NULL, -- position: epoch, stream, seq, index in the bundle
    no    INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    idx   INTEGER NOT NULL,
    ts    INTEGER NOT NULL, -- shown as its time when this form was first seen: the writer's clock, or got where that cannot be
    got   INTEGER NOT NULL, -- receipt of that
    leaf  BLOB    NOT NULL CHECK (length(leaf) = 32),
    area  TEXT    NOT NULL, -- these four: by the kind's table, may be empty
    state TEXT    NOT NULL,
    since TEXT    NOT NULL,
    title TEXT    NOT NULL,
    chk   INTEGER NOT NULL, -- (ts + got) modulo 65521: after a keyframe the clocks stand nowhere else
    d     TEXT    NOT NULL  -- content, exact bytes; empty when withdrawn
) STRICT;
CREATE UNIQUE INDEX record_name ON record (owner, id, lane);
CREATE INDEX record_time ON record (kind, ts) WHERE vis = 1;
CREATE INDEX record_state ON record (kind, state, ts) WHERE vis = 1;
CREATE INDEX record_area ON record (kind, area, ts) WHERE vis = 1;

-- Attachments that records name, superseded forms too. Rows of record go and are renumbered in many
-- places: triggers follow them. The text they look for cannot stand inside a JSON string.
CREATE TABLE blob_ref (
    sha TEXT    NOT NULL,
    n   INTEGER NOT NULL, -- record.n
    len INTEGER NOT NULL,
    PRIMARY KEY (sha, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_ref_n ON blob_ref (n);
CREATE TRIGGER record_files_out AFTER DELETE ON record WHEN instr(old.d, '"files":[{') > 0 BEGIN
    DELETE FROM blob_ref WHERE n = old.n;
END;
CREATE TRIGGER record_files_move AFTER UPDATE OF n ON record WHEN instr(new.d, '"files":[{') > 0 BEGIN
    UPDATE blob_ref SET n = new.n WHERE n = old.n;
END;

-- Events, named (owner, id, r); one row per lane and text that carries the name, at its lowest place.
CREATE TABLE event (
    n     INTEGER PRIMARY KEY,
    owner TEXT    NOT NULL CHECK (length(owner) = 14),
    id    TEXT    NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    r     INTEGER NOT NULL,
    vis   INTEGER NOT NULL CHECK (vis BETWEEN 0 AND 1), -- 0: another text holds the name, this one is parked
    lane  INTEGER NOT NULL,
    kind  TEXT    NOT NULL,
    major INTEGER NOT NULL,
    ep    INTEGER NOT NULL,
    no    INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    idx   INTEGER NOT NULL,
    ts    INTEGER NOT NULL,
    got   INTEGER NOT NULL,
    leaf  BLOB    NOT NULL CHECK (length(leaf) = 32),
    key   INTEGER NOT NULL, -- 1: the place is in a keyframe
    chk   INTEGER NOT NULL, -- as in record
    d     TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_name ON event (owner, id, r, vis, lane, leaf);
CREATE INDEX event_lost ON event (owner, id, r) WHERE vis = 0;
CREATE INDEX event_time ON event (kind, ts);

-- Referrals this node takes part in: the fold of their events (section 18).
CREATE TABLE ref_thread (
    n       INTEGER PRIMARY KEY,
    init    TEXT    NOT NULL CHECK (length(init) = 14), -- node that began it; (init, id) is its name
    id      TEXT    NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    peer    TEXT    NOT NULL CHECK (length(peer) = 14), -- the other party, seen from here
    state   INTEGER NOT NULL, -- enum ref_state
    cancel  INTEGER NOT NULL, -- a cancellation waits for an answer
    success INTEGER NOT NULL,
    ignored INTEGER NOT NULL, -- events that were not allowed where they stand
    events  INTEGER NOT NULL,
    opened  INTEGER NOT NULL, -- writer's clock of the earliest event
    changed INTEGER NOT NULL, -- of the newest
    since   INTEGER NOT NULL, -- of the one that led to the present state
    chk     INTEGER NOT NULL, -- sum of these three modulo 65521
    UNIQUE (id, init)
) STRICT;
CREATE INDEX ref_thread_time ON ref_thread (changed);

-- Their opened events.
CREATE TABLE ref_event (
    thread INTEGER NOT NULL REFERENCES ref_thread (n),
    who    INTEGER NOT NULL, -- enum ref_party
    step   INTEGER NOT NULL, -- writer's own number
    seen   INTEGER NOT NULL, -- highest step of the other party the writer knew
    ev     INTEGER NOT NULL, -- enum ref_event
    by_node TEXT   NOT NULL,
    peer   TEXT    NOT NULL, -- the other party, seen from here
    vis    INTEGER NOT NULL CHECK (vis BETWEEN 0 AND 1), -- 0: does not count (section 18.1)
    day    TEXT    NOT NULL, -- business date
    ep     INTEGER NOT NULL,
    no     INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    idx    INTEGER NOT NULL,
    ts     INTEGER NOT NULL,
    got    INTEGER NOT NULL,
    leaf   BLOB    NOT NULL CHECK (length(leaf) = 32),
    key    INTEGER NOT NULL, -- as in event
    chk    INTEGER NOT NULL, -- as in record
    d      TEXT    NOT NULL, -- opened content
    PRIMARY KEY (thread, who, step, by_node, leaf)
) STRICT, WITHOUT ROWID;

-- What the statistics of this node rest on (section 19): its own visible records and the referrals it
-- takes part in, as they stand. A stock's months are told apart by the day since which a thing stands.
CREATE TABLE stat_count (
    cell      TEXT    NOT NULL, -- <indicator>:<YYYY-MM>
    with_node TEXT    NOT NULL, -- referrals: the other party; else empty
    no        INTEGER NOT NULL, -- the stream that holds the inputs
    n         INTEGER NOT NULL CHECK (n > 0),
    sum       BLOB    NOT NULL CHECK (length(sum) = 32), -- of their leaves, modulo 2^256
    PRIMARY KEY (cell, with_node, no)
) STRICT, WITHOUT ROWID;

-- Words and overlapping pairs of Chinese characters of each visible record; rowid is record.n.
-- Rows of superseded content stay until the index is made again: n is never reused.
CREATE VIRTUAL TABLE search USING fts5 (
    t, content = '', columnsize = 0, detail = none, tokenize = 'unicode61 remove_diacritics 2'
);
