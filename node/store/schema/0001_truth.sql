-- SPDX-License-Identifier: Apache-2.0
-- Truth: what cannot be computed from anything else. Never dropped, only migrated forward.

-- Facts about this database itself.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY, -- views: fingerprint of views.sql; views_stale; search_upto
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Streams held (PROTOCOL.md section 7). AUTOINCREMENT: a number is never given twice.
CREATE TABLE stream (
    no      INTEGER PRIMARY KEY AUTOINCREMENT,         -- local number, used in bundle.pos
    by_node TEXT    NOT NULL CHECK (length(by_node) = 14), -- writer
    aud     TEXT    NOT NULL CHECK (length(aud) BETWEEN 2 AND 256), -- audience as written
    ep      INTEGER NOT NULL CHECK (ep BETWEEN 1 AND 1000000),      -- epoch
    en      BLOB    NOT NULL CHECK (length(en) = 8),   -- epoch nonce
    seq     INTEGER NOT NULL DEFAULT 0 CHECK (seq >= 0), -- head; 0: nothing yet
    id      BLOB    NOT NULL DEFAULT (zeroblob(32)) CHECK (length(id) = 32), -- id of the head
    first   INTEGER NOT NULL DEFAULT 0 CHECK (first >= 0), -- lowest seq held without a gap to the head
    frozen  INTEGER NOT NULL DEFAULT 0 CHECK (frozen IN (0, 1)), -- equivocation seen
    UNIQUE (by_node, aud, ep, en)
) STRICT;

-- Bundles as they travelled; relayed unchanged.
CREATE TABLE bundle (
    pos       INTEGER PRIMARY KEY CHECK (pos > 4294967296), -- stream.no << 32 | seq: walks are range scans
    id        BLOB    NOT NULL CHECK (length(id) = 32),
    ts        INTEGER NOT NULL,                     -- writer's clock, ms
    got       INTEGER NOT NULL,                     -- receipt, this node's clock, ms
    items     INTEGER NOT NULL CHECK (items BETWEEN 0 AND 1024),
    raw_bytes INTEGER NOT NULL CHECK (raw_bytes >= 0), -- size of the line
    type      INTEGER NOT NULL CHECK (type BETWEEN 0 AND 3), -- enum bundle_type
    frame     BLOB    NOT NULL CHECK (length(frame) > 0) -- zstd frame; last, so that headers read cheaply
) STRICT;

-- The other branch of a frozen stream, kept as proof (section 15.5).
CREATE TABLE fork_proof (
    no    INTEGER NOT NULL REFERENCES stream (no),
    held  BLOB    NOT NULL CHECK (length(held) = 32), -- id of the bundle held at that seq
    other BLOB    NOT NULL,                           -- the contradicting line
    PRIMARY KEY (no, held)
) STRICT, WITHOUT ROWID;

-- Small values by name: tickets, invites, counters.
CREATE TABLE kv (
    key   TEXT PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 200),
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Items that were stored but could not be applied.
CREATE TABLE parked (
    pos       INTEGER NOT NULL,               -- as bundle.pos
    idx       INTEGER NOT NULL CHECK (idx BETWEEN 0 AND 1023), -- position in the bundle
    reason    INTEGER NOT NULL CHECK (reason < 0), -- SANJI_E_*
    member    TEXT    NOT NULL,               -- member concerned, may be empty
    discarded INTEGER NOT NULL DEFAULT 0 CHECK (discarded IN (0, 1)), -- staff have put it away
    PRIMARY KEY (pos, idx)
) STRICT, WITHOUT ROWID;

-- Staff of this node. Local: never replicated.
CREATE TABLE user (
    login     TEXT PRIMARY KEY CHECK (length(login) BETWEEN 1 AND 64),
    name      TEXT    NOT NULL CHECK (length(name) <= 80),
    role      TEXT    NOT NULL CHECK (role IN ('admin', 'manager', 'clerk', 'reviewer', 'supervisor', 'member')),
    pass      TEXT    NOT NULL,           -- password hash with its parameters
    one_time  INTEGER NOT NULL CHECK (one_time IN (0, 1)), -- must be changed at the next login
    totp      BLOB    CHECK (totp IS NULL OR length(totp) BETWEEN 16 AND 64), -- second factor's secret
    totp_last INTEGER NOT NULL DEFAULT 0, -- last time step used: a code works once
    disabled  INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    fails     INTEGER NOT NULL DEFAULT 0, -- wrong passwords since the last right one
    until     INTEGER NOT NULL DEFAULT 0, -- no login before, ms
    created   INTEGER NOT NULL,
    changed   INTEGER NOT NULL            -- last change of the password, ms
) STRICT, WITHOUT ROWID;

-- Logged-in browsers. The token itself is never stored.
CREATE TABLE session (
    token   BLOB PRIMARY KEY CHECK (length(token) = 32), -- SHA-256 of the token
    login   TEXT    NOT NULL REFERENCES user (login) ON DELETE CASCADE,
    csrf    TEXT    NOT NULL,
    created INTEGER NOT NULL,
    seen    INTEGER NOT NULL, -- last request
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_login ON session (login);

-- Who did what at this node. Each row's chain covers the row before it.
CREATE TABLE audit (
    n      INTEGER PRIMARY KEY AUTOINCREMENT,
    ts     INTEGER NOT NULL,
    who    TEXT    NOT NULL, -- login, or the name of the process
    what   TEXT    NOT NULL, -- event code
    target TEXT    NOT NULL, -- id concerned, never a person's name
    result TEXT    NOT NULL, -- ok, or an error name
    detail TEXT    NOT NULL,
    chain  BLOB    NOT NULL CHECK (length(chain) = 32) -- SHA-256 over the last chain and this row
) STRICT;
