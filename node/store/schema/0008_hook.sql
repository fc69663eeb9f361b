-- SPDX-License-Identifier: Apache-2.0
-- Programs and group robots that are told what comes to wait here. Local: never replicated.
CREATE TABLE hook (
    n       INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    form    TEXT    NOT NULL CHECK (form IN ('plain', 'wecom', 'dingtalk')),
    url     TEXT    NOT NULL, -- a robot's holds its key: a secret
    secret  TEXT    NOT NULL, -- what messages are signed with; empty: not signed
    events  TEXT    NOT NULL, -- sources of the to-do list, separated by spaces; empty: all
    maker   TEXT    NOT NULL,
    created INTEGER NOT NULL,
    ok_at   INTEGER NOT NULL, -- when one got through last; 0: never
    fails   INTEGER NOT NULL, -- attempts since then
    failed  INTEGER NOT NULL, -- when the first of them was made; 0: none
    why     TEXT    NOT NULL  -- what was wrong with the last one
) STRICT;

-- Messages on their way, in order.
CREATE TABLE hook_queue (
    n     INTEGER PRIMARY KEY AUTOINCREMENT,
    hook  INTEGER NOT NULL REFERENCES hook (n) ON DELETE CASCADE,
    body  TEXT    NOT NULL,
    tries INTEGER NOT NULL,
    due   INTEGER NOT NULL -- not before
) STRICT;
CREATE INDEX hook_queue_due ON hook_queue (hook, n);

-- What waited when somebody was told last: told once, whoever restarts the program.
CREATE TABLE hook_seen (
    k BLOB PRIMARY KEY CHECK (length(k) = 32) -- SHA-256 of what it is
) STRICT, WITHOUT ROWID;
