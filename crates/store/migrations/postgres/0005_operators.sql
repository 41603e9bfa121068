-- The operators of an organization: the staff who build and run its bots, what they may reach, and how they sign in.
-- An operator is a user of the directory `operators` (2); its id stands in columns named user_id, as a member's does.

-- Where bots live. What is not active is as if it were not there, and comes back with all that refers to it.
CREATE TABLE environment (
    org_id         BIGINT NOT NULL,
    environment_id BYTEA NOT NULL CHECK (length(environment_id) = 16),
    name           TEXT NOT NULL,
    is_active      SMALLINT NOT NULL CHECK (is_active IN (0, 1)),
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    PRIMARY KEY (org_id, environment_id)
);

CREATE TABLE bot (
    org_id         BIGINT NOT NULL,
    bot_id         BYTEA NOT NULL CHECK (length(bot_id) = 16),
    environment_id BYTEA NOT NULL,
    name           TEXT NOT NULL,
    image_url      TEXT,
    is_active      SMALLINT NOT NULL CHECK (is_active IN (0, 1)),
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    PRIMARY KEY (org_id, bot_id),
    FOREIGN KEY (org_id, environment_id) REFERENCES environment (org_id, environment_id)
);

CREATE INDEX bot_by_environment ON bot (org_id, environment_id, bot_id);

-- Keys are folded and are what is sorted by and compared. An administrator reaches everything and has no role; of the others
-- the role is the same wherever they reach. credential_version rises with every change of the password: what was signed
-- before is good for nothing then.
-- position is taken from the sequence of users, whose search index operators share.
CREATE TABLE operator (
    org_id             BIGINT NOT NULL,
    user_id            BYTEA NOT NULL CHECK (length(user_id) = 16),
    position           BIGINT NOT NULL,
    email              TEXT NOT NULL,
    email_key          TEXT COLLATE "C" NOT NULL,
    name               TEXT COLLATE "C" NOT NULL,
    name_key           TEXT COLLATE "C" NOT NULL,
    company            TEXT,
    company_key        TEXT COLLATE "C" NOT NULL, -- empty where there is no company
    is_admin           SMALLINT NOT NULL CHECK (is_admin IN (0, 1)),
    role               TEXT COLLATE "C" CHECK (role IN ('supervisor', 'editor', 'viewer')),
    password_hash      TEXT, -- in PHC form; NULL until a password is set
    credential_version BIGINT NOT NULL,
    search_text        TEXT COLLATE "C" NOT NULL,
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL,
    image              TEXT,
    PRIMARY KEY (org_id, user_id),
    CHECK ((role IS NULL) = (is_admin = 1))
);

CREATE UNIQUE INDEX operator_by_position ON operator (org_id, position);
-- The orders of lists: each index has all that walking to a page needs.
CREATE UNIQUE INDEX operator_by_email ON operator (org_id, email_key) INCLUDE (user_id);
CREATE INDEX operator_by_creation ON operator (org_id, created_at, user_id);
CREATE INDEX operator_by_name ON operator (org_id, name_key, name, user_id);
CREATE INDEX operator_by_company ON operator (org_id, company_key, user_id);
CREATE INDEX operator_by_admin ON operator (org_id, is_admin, user_id);

-- What an operator who is no administrator reaches.
CREATE TABLE operator_environment (
    org_id         BIGINT NOT NULL,
    user_id        BYTEA NOT NULL,
    environment_id BYTEA NOT NULL,
    PRIMARY KEY (org_id, user_id, environment_id),
    FOREIGN KEY (org_id, user_id) REFERENCES operator (org_id, user_id),
    FOREIGN KEY (org_id, environment_id) REFERENCES environment (org_id, environment_id)
);

CREATE INDEX operator_environment_by_environment ON operator_environment (org_id, environment_id);

CREATE TABLE operator_bot (
    org_id  BIGINT NOT NULL,
    user_id BYTEA NOT NULL,
    bot_id  BYTEA NOT NULL,
    PRIMARY KEY (org_id, user_id, bot_id),
    FOREIGN KEY (org_id, user_id) REFERENCES operator (org_id, user_id),
    FOREIGN KEY (org_id, bot_id) REFERENCES bot (org_id, bot_id)
);

CREATE INDEX operator_bot_by_bot ON operator_bot (org_id, bot_id);

-- Values that programs keep for an operator; bot_id is empty where a value holds for no bot in particular.
CREATE TABLE operator_configuration (
    org_id     BIGINT NOT NULL,
    user_id    BYTEA NOT NULL,
    key        TEXT COLLATE "C" NOT NULL,
    bot_id     BYTEA NOT NULL CHECK (length(bot_id) IN (0, 16)),
    value      TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, user_id, key, bot_id),
    FOREIGN KEY (org_id, user_id) REFERENCES operator (org_id, user_id)
);

-- Links that were mailed, with which an operator sets a password; only the hash of the secret is kept.
CREATE TABLE operator_link (
    org_id      BIGINT NOT NULL,
    secret_hash BYTEA NOT NULL CHECK (length(secret_hash) = 32),
    user_id     BYTEA NOT NULL,
    language    TEXT NOT NULL,
    expires_at  BIGINT NOT NULL,
    PRIMARY KEY (org_id, user_id, secret_hash),
    FOREIGN KEY (org_id, user_id) REFERENCES operator (org_id, user_id)
);

CREATE UNIQUE INDEX operator_link_by_secret ON operator_link (org_id, secret_hash);

-- How far the import of a file is, so that it goes on there when it was cut off. import_id is made from the file's content.
-- errors_bytes is how long the file of errors was when entries_done entries were done.
CREATE TABLE operator_import (
    org_id       BIGINT NOT NULL,
    import_id    BYTEA NOT NULL CHECK (length(import_id) = 16),
    entries_done BIGINT NOT NULL,
    created      BIGINT NOT NULL,
    failed       BIGINT NOT NULL,
    errors_bytes BIGINT NOT NULL,
    begun_at     BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    PRIMARY KEY (org_id, import_id)
);

-- A key signs tokens of one algorithm, from a time on at which every process has read it. Until it is retired it verifies.
ALTER TABLE signing_key ADD COLUMN algorithm TEXT NOT NULL DEFAULT 'EdDSA' CHECK (algorithm IN ('EdDSA', 'ES256'));
ALTER TABLE signing_key ADD COLUMN signs_from BIGINT NOT NULL DEFAULT 0;

-- The walls; see 0001.
ALTER TABLE environment ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE bot ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE operator ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE operator_environment ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE operator_bot ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE operator_configuration ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE operator_link ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE operator_import ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY wall ON environment USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON bot USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON operator USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON operator_environment USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON operator_bot USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON operator_configuration USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON operator_link USING (org_id = current_setting('denizen.org_id', true)::bigint);
CREATE POLICY wall ON operator_import USING (org_id = current_setting('denizen.org_id', true)::bigint);

-- The permissions on operators, for the administrators of the organizations that are there already; see 0003.
ALTER TABLE role NO FORCE ROW LEVEL SECURITY;
UPDATE role SET grants = CAST(CAST(grants AS JSONB) ||
    '[{"permission_name":"Directory:ReadOperator","action":"Allow","conditions":{"org_id":{"type":"Equals","value":"{self_org_id}"}}},
     {"permission_name":"Directory:WriteOperator","action":"Allow","conditions":{"org_id":{"type":"Equals","value":"{self_org_id}"}}}]' AS TEXT)
WHERE name IN ('DefaultAdministratorRole', 'DefaultAmigoAdministratorRole');
UPDATE role SET grants = CAST(CAST(grants AS JSONB) ||
    '[{"permission_name":"Directory:ReadOperator","action":"Allow","conditions":{}},
     {"permission_name":"Directory:WriteOperator","action":"Allow","conditions":{}}]' AS TEXT)
WHERE is_super;
ALTER TABLE role FORCE ROW LEVEL SECURITY;
