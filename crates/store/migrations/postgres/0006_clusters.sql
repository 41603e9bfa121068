-- One installation over several databases: which there are, which one this is, and how an organization moves between them.

-- Control store: the clusters beside `main`, in which the control store itself lies. It stands outside the walls.
-- Exception: a cluster serves many organizations.
CREATE TABLE cluster (
    name        TEXT   COLLATE "C" PRIMARY KEY,
    url         TEXT   NOT NULL, -- holds no password; may name a file that does
    replica_url TEXT,
    placed_by   TEXT,            -- org_ids of those whose callers may place organizations here, a list; NULL: everybody's
    created_at  BIGINT NOT NULL
);

-- Which installation, and which of its clusters, this database is: a database that was mistaken for another is refused.
-- Exception: of the database itself.
CREATE TABLE belonging (
    only_row     BIGINT PRIMARY KEY CHECK (only_row = 1),
    installation BYTEA  NOT NULL CHECK (length(installation) = 16),
    cluster      TEXT   NOT NULL
);

-- Organizations whose rows in this database must not be written, except by whoever shut them out. See src/gate.rs.
-- It stands outside the walls: the look for due jobs, over all organizations, leaves these out.
CREATE TABLE organization_gate (
    org_id BIGINT PRIMARY KEY,
    state  TEXT   NOT NULL CHECK (state IN ('draining', 'closed', 'moved', 'deleted')),
    owner  BYTEA  CHECK (length(owner) = 16), -- who holds it
    until  BIGINT                             -- when the owner, unless it is heard of, is taken for dead
);

-- Control store: the moves that are under way.
CREATE TABLE organization_move (
    org_id   BIGINT PRIMARY KEY REFERENCES organization (org_id),
    source   TEXT   NOT NULL,
    target   TEXT   NOT NULL,
    owner    BYTEA  NOT NULL CHECK (length(owner) = 16),
    begun_at BIGINT NOT NULL
);

-- Every write begins with it, holding this table; see src/postgres/session.rs.
CREATE FUNCTION denizen_admit(organization BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM organization_gate WHERE org_id = organization AND state <> 'draining') THEN
        RAISE EXCEPTION 'the organization is shut' USING ERRCODE = 'DZ001';
    END IF;
END
$$;
