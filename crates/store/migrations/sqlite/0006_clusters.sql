-- One installation over several databases: which there are, which one this is, and how an organization moves between them.

-- Control store: the clusters beside `main`, in which the control store itself lies.
-- Exception: a cluster serves many organizations.
CREATE TABLE cluster (
    name        TEXT    PRIMARY KEY,
    url         TEXT    NOT NULL, -- holds no password; may name a file that does
    replica_url TEXT,
    placed_by   TEXT,             -- org_ids of those whose callers may place organizations here, a list; NULL: everybody's
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which installation, and which of its clusters, this database is: a database that was mistaken for another is refused.
-- Exception: of the database itself.
CREATE TABLE belonging (
    only_row     INTEGER PRIMARY KEY CHECK (only_row = 1),
    installation BLOB    NOT NULL CHECK (length(installation) = 16),
    cluster      TEXT    NOT NULL
) STRICT;

-- Organizations whose rows in this database must not be written, except by whoever shut them out. See src/gate.rs.
CREATE TABLE organization_gate (
    org_id INTEGER PRIMARY KEY,
    state  TEXT    NOT NULL CHECK (state IN ('draining', 'closed', 'moved', 'deleted')),
    owner  BLOB    CHECK (length(owner) = 16), -- who holds it
    until  INTEGER                             -- when the owner, unless it is heard of, is taken for dead
) STRICT;

-- Control store: the moves that are under way.
CREATE TABLE organization_move (
    org_id   INTEGER PRIMARY KEY REFERENCES organization (org_id),
    source   TEXT    NOT NULL,
    target   TEXT    NOT NULL,
    owner    BLOB    NOT NULL CHECK (length(owner) = 16),
    begun_at INTEGER NOT NULL
) STRICT;
