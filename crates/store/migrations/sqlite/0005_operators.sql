-- The operators of an organization: the staff who build and run its bots, what they may reach, and how they sign in.
-- An operator is a user of the directory `operators` (2); its id stands in columns named user_id, as a member's does.

-- Where bots live. What is not active is as if it were not there, and comes back with all that refers to it.
CREATE TABLE environment (
    org_id         INTEGER NOT NULL,
    environment_id BLOB NOT NULL CHECK (length(environment_id) = 16),
    name           TEXT NOT NULL,
    is_active      INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    PRIMARY KEY (org_id, environment_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE bot (
    org_id         INTEGER NOT NULL,
    bot_id         BLOB NOT NULL CHECK (length(bot_id) = 16),
    environment_id BLOB NOT NULL,
    name           TEXT NOT NULL,
    image_url      TEXT,
    is_active      INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    PRIMARY KEY (org_id, bot_id),
    FOREIGN KEY (org_id, environment_id) REFERENCES environment (org_id, environment_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX bot_by_environment ON bot (org_id, environment_id, bot_id);

-- Keys are folded and are what is sorted by and compared. An administrator reaches everything and has no role; of the others
-- the role is the same wherever they reach. credential_version rises with every change of the password: what was signed
-- before is good for nothing then.
-- Exception: position is the row's place on disk, packed as that of users, whose search index it shares.
CREATE TABLE operator (
    position           INTEGER PRIMARY KEY,
    org_id             INTEGER NOT NULL,
    user_id            BLOB NOT NULL CHECK (length(user_id) = 16),
    email              TEXT NOT NULL,
    email_key          TEXT NOT NULL,
    name               TEXT NOT NULL,
    name_key           TEXT NOT NULL,
    company            TEXT,
    company_key        TEXT NOT NULL, -- empty where there is no company
    is_admin           INTEGER NOT NULL CHECK (is_admin IN (0, 1)),
    role               TEXT CHECK (role IN ('supervisor', 'editor', 'viewer')),
    password_hash      TEXT, -- in PHC form; NULL until a password is set
    credential_version INTEGER NOT NULL,
    search_text        TEXT NOT NULL,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    image              TEXT,
    CHECK ((role IS NULL) = (is_admin = 1))
) STRICT;

CREATE UNIQUE INDEX operator_by_id ON operator (org_id, user_id);
CREATE UNIQUE INDEX operator_by_email ON operator (org_id, email_key);
-- The orders of lists.
CREATE INDEX operator_by_creation ON operator (org_id, created_at, user_id);
CREATE INDEX operator_by_name ON operator (org_id, name_key, name, user_id);
CREATE INDEX operator_by_company ON operator (org_id, company_key, user_id);
CREATE INDEX operator_by_admin ON operator (org_id, is_admin, user_id);

-- What an operator who is no administrator reaches.
CREATE TABLE operator_environment (
    org_id         INTEGER NOT NULL,
    user_id        BLOB NOT NULL,
    environment_id BLOB NOT NULL,
    PRIMARY KEY (org_id, user_id, environment_id),
    FOREIGN KEY (org_id, user_id) REFERENCES operator (org_id, user_id),
    FOREIGN KEY (org_id, environment_id) REFERENCES environment (org_id, environment_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX operator_environment_by_environment ON operator_environment (org_id, environment_id);

CREATE TABLE operator_bot (
    org_id  INTEGER NOT NULL,
    user_id BLOB NOT NULL,
    bot_id  BLOB NOT NULL,
    PRIMARY KEY (org_id, user_id, bot_id),
    FOREIGN KEY (org_id, user_id) REFERENCES operator (org_id, user_id),
    FOREIGN KEY (org_id, bot_id) REFERENCES bot (org_id, bot_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX operator_bot_by_bot ON operator_bot (org_id, bot_id);

-- Values that programs keep for an operator; bot_id is empty where a value holds for no bot in particular.
CREATE TABLE operator_configuration (
    org_id     INTEGER NOT NULL,
    user_id    BLOB NOT NULL,
    key        TEXT NOT NULL,
    bot_id     BLOB NOT NULL CHECK (length(bot_id) IN (0, 16)),
    value      TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, user_id, key, bot_id),
    FOREIGN KEY (org_id, user_id) REFERENCES operator (org_id, user_id)
) STRICT, WITHOUT ROWID;

-- Links that were mailed, with which an operator sets a password; only the hash of the secret is kept.
CREATE TABLE operator_link (
    org_id      INTEGER NOT NULL,
    secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
    user_id     BLOB NOT NULL,
    language    TEXT NOT NULL,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (org_id, user_id, secret_hash),
    FOREIGN KEY (org_id, user_id) REFERENCES operator (org_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX operator_link_by_secret ON operator_link (org_id, secret_hash);

-- How far the import of a file is, so that it goes on there when it was cut off. import_id is made from the file's content.
-- errors_bytes is how long the file of errors was when entries_done entries were done.
CREATE TABLE operator_import (
    org_id       INTEGER NOT NULL,
    import_id    BLOB NOT NULL CHECK (length(import_id) = 16),
    entries_done INTEGER NOT NULL,
    created      INTEGER NOT NULL,
    failed       INTEGER NOT NULL,
    errors_bytes INTEGER NOT NULL,
    begun_at     INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (org_id, import_id)
) STRICT, WITHOUT ROWID;

-- A key signs tokens of one algorithm, from a time on at which every process has read it. Until it is retired it verifies.
ALTER TABLE signing_key ADD COLUMN algorithm TEXT NOT NULL DEFAULT 'EdDSA' CHECK (algorithm IN ('EdDSA', 'ES256'));
ALTER TABLE signing_key ADD COLUMN signs_from INTEGER NOT NULL DEFAULT 0;

-- The permissions on operators, for the administrators of the organizations that are there already.
UPDATE role SET grants = json_insert(grants,
    '$[#]', json('{"permission_name":"Directory:ReadOperator","action":"Allow","conditions":{"org_id":{"type":"Equals","value":"{self_org_id}"}}}'),
    '$[#]', json('{"permission_name":"Directory:WriteOperator","action":"Allow","conditions":{"org_id":{"type":"Equals","value":"{self_org_id}"}}}'))
WHERE name IN ('DefaultAdministratorRole', 'DefaultAmigoAdministratorRole');
UPDATE role SET grants = json_insert(grants,
    '$[#]', json('{"permission_name":"Directory:ReadOperator","action":"Allow","conditions":{}}'),
    '$[#]', json('{"permission_name":"Directory:WriteOperator","action":"Allow","conditions":{}}'))
WHERE is_super = 1;
