-- SPDX-License-Identifier: Apache-2.0
-- Copies of this node's own records while views are made anew: where the bundle of one is damaged
-- and nobody else holds it, this is the last there is. Filled and emptied with the derivation it
-- serves; after a change of the views' text it waits for the first start that succeeds. It is no view
-- and must outlive them: a change of these columns is a migration.
CREATE TABLE IF NOT EXISTS spare (
    by_node TEXT    NOT NULL,
    aud     TEXT    NOT NULL,
    owner   TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    wd      INTEGER NOT NULL,
    r       INTEGER NOT NULL,
    kind    TEXT    NOT NULL,
    major   INTEGER NOT NULL,
    ep      INTEGER NOT NULL,
    no      INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    idx     INTEGER NOT NULL,
    ts      INTEGER NOT NULL,
    got     INTEGER NOT NULL,
    leaf    BLOB    NOT NULL,
    d       TEXT    NOT NULL
) STRICT;
