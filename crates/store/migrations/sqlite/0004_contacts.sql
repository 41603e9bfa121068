-- The contacts of a help desk: who they are, what was said with them, and what is to be forgotten of it.
-- A contact is a user of the directory `contacts` (1); its id stands in columns named user_id, as a member's does.
-- Lists and maps that are empty are NULL. Anonymizing sets to NULL what is personal, and anonymized_at to the time.

-- A token with which a program calls without signing anybody in; only the hash of the secret is kept. The token acts in
-- its own name: token_id is the id of the actor.
CREATE TABLE access_token (
    org_id      INTEGER NOT NULL,
    token_id    BLOB NOT NULL CHECK (length(token_id) = 16),
    name        TEXT,
    secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
    role_id     BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER,
    PRIMARY KEY (org_id, token_id),
    UNIQUE (org_id, secret_hash),
    FOREIGN KEY (org_id, role_id) REFERENCES role (org_id, role_id)
) STRICT, WITHOUT ROWID;

-- Exception: position is the row's place on disk, packed as that of users, whose search index it shares.
CREATE TABLE contact (
    position          INTEGER PRIMARY KEY,
    org_id            INTEGER NOT NULL,
    user_id           BLOB NOT NULL CHECK (length(user_id) = 16),
    display_name      TEXT,
    first_name        TEXT,
    last_name         TEXT,
    middle_names      TEXT,
    email             TEXT,
    additional_emails TEXT,
    phone             TEXT,
    additional_phones TEXT,
    external_id       TEXT,
    avatar_url        TEXT,
    attributes        TEXT, -- by the id of their definition
    search_text       TEXT, -- the names, as the search index holds them
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    anonymized_at     INTEGER
) STRICT;

-- A contact by id.
CREATE UNIQUE INDEX contact_by_id ON contact (org_id, user_id);
-- The order of lists, and what a page goes on from.
CREATE INDEX contact_by_creation ON contact (org_id, created_at, user_id);
-- An external id may belong to several contacts.
CREATE INDEX contact_by_external_id ON contact (org_id, external_id, created_at, user_id) WHERE external_id IS NOT NULL;

-- Every address and number of every contact, primary or additional, each of which only one contact can have. The key is
-- what is compared; the spelling stands with the contact.
CREATE TABLE contact_identifier (
    org_id  INTEGER NOT NULL,
    kind    TEXT NOT NULL CHECK (kind IN ('email', 'phone')),
    key     TEXT NOT NULL,
    user_id BLOB NOT NULL,
    PRIMARY KEY (org_id, kind, key),
    FOREIGN KEY (org_id, user_id) REFERENCES contact (org_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX contact_identifier_by_user ON contact_identifier (org_id, user_id);

-- What can be noted of contacts or conversations. input says whether that is a text, or a choice of which options.
-- updated_at is the time of the last change where the definition comes from.
CREATE TABLE attribute_definition (
    org_id         INTEGER NOT NULL,
    definition_id  BLOB NOT NULL CHECK (length(definition_id) = 16),
    entity         TEXT NOT NULL CHECK (entity IN ('contact', 'conversation')),
    identifier     TEXT NOT NULL,
    label          TEXT NOT NULL,
    description    TEXT,
    input          TEXT NOT NULL,
    is_required    INTEGER NOT NULL CHECK (is_required IN (0, 1)),
    is_archived    INTEGER NOT NULL CHECK (is_archived IN (0, 1)),
    is_deactivated INTEGER NOT NULL CHECK (is_deactivated IN (0, 1)),
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER,
    PRIMARY KEY (org_id, definition_id)
) STRICT, WITHOUT ROWID;

-- A conversation of a contact with the help desk. details depends on the kind.
CREATE TABLE contact_conversation (
    org_id               INTEGER NOT NULL,
    conversation_id      INTEGER NOT NULL,
    user_id              BLOB NOT NULL,
    kind                 TEXT NOT NULL,
    channel              TEXT NOT NULL,
    direction            TEXT,
    state                TEXT,
    state_changed_at     INTEGER,
    assignment           TEXT,
    queue                TEXT,
    parent_id            INTEGER,
    link_kind            TEXT,
    transport_expires_at INTEGER,
    details              TEXT,
    attributes           TEXT, -- by the id of their definition
    digest               BLOB CHECK (length(digest) = 16),
    created_at           INTEGER NOT NULL,
    updated_at           INTEGER NOT NULL,
    anonymized_at        INTEGER,
    PRIMARY KEY (org_id, conversation_id),
    FOREIGN KEY (org_id, user_id) REFERENCES contact (org_id, user_id)
) STRICT;

CREATE INDEX contact_conversation_by_user ON contact_conversation (org_id, user_id, conversation_id);

CREATE TABLE contact_message (
    org_id          INTEGER NOT NULL,
    message_id      BLOB NOT NULL CHECK (length(message_id) = 16),
    conversation_id INTEGER NOT NULL,
    user_id         BLOB NOT NULL, -- whose conversation it is
    sender          TEXT,
    content         TEXT,
    digest          BLOB CHECK (length(digest) = 16),
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    anonymized_at   INTEGER,
    PRIMARY KEY (org_id, message_id),
    FOREIGN KEY (org_id, conversation_id) REFERENCES contact_conversation (org_id, conversation_id)
) STRICT;

CREATE INDEX contact_message_by_conversation ON contact_message (org_id, conversation_id, message_id);
CREATE INDEX contact_message_by_user ON contact_message (org_id, user_id);

-- What is to be made anonymous, and when it was. target is the id of the contact, of the conversation, or of both
-- conversation and message; a thing is asked for once.
CREATE TABLE anonymization_request (
    org_id       INTEGER NOT NULL,
    request_id   BLOB NOT NULL CHECK (length(request_id) = 16),
    entity       TEXT NOT NULL CHECK (entity IN ('contact', 'conversation', 'message')),
    target       TEXT NOT NULL,
    requested_by BLOB NOT NULL CHECK (length(requested_by) = 16),
    initiated_at INTEGER NOT NULL,
    processed_at INTEGER,
    PRIMARY KEY (org_id, request_id),
    UNIQUE (org_id, entity, target)
) STRICT, WITHOUT ROWID;

-- Pages of the search index that are an eighth as large as they are by themselves. To take one word of one user out, the
-- page is read through in which it stands, and short lists are from their beginning: with contacts by the thousand in one
-- call this is what costs, 2 to 4 times less so (measured with 20,000 and 200,000 contacts), and searches take as long.
INSERT INTO user_search (user_search, rank) VALUES ('pgsz', 512);

-- The permissions on contacts, for the administrators of the organizations that are there already.
UPDATE role SET grants = json_insert(grants,
    '$[#]', json('{"permission_name":"Directory:ReadContact","action":"Allow","conditions":{"org_id":{"type":"Equals","value":"{self_org_id}"}}}'),
    '$[#]', json('{"permission_name":"Directory:WriteContact","action":"Allow","conditions":{"org_id":{"type":"Equals","value":"{self_org_id}"}}}'),
    '$[#]', json('{"permission_name":"Directory:AnonymizeContact","action":"Allow","conditions":{"org_id":{"type":"Equals","value":"{self_org_id}"}}}'))
WHERE name IN ('DefaultAdministratorRole', 'DefaultAmigoAdministratorRole');
UPDATE role SET grants = json_insert(grants,
    '$[#]', json('{"permission_name":"Directory:ReadContact","action":"Allow","conditions":{}}'),
    '$[#]', json('{"permission_name":"Directory:WriteContact","action":"Allow","conditions":{}}'),
    '$[#]', json('{"permission_name":"Directory:AnonymizeContact","action":"Allow","conditions":{}}'))
WHERE is_super = 1;
