-- Rows as a denizen of schema version 5 wrote them. They never change: what it takes to read them is the newer
-- denizen's affair.

INSERT INTO environment (org_id, environment_id, name, is_active, created_at, updated_at)
VALUES (1, '\x30303030303030303030303030303030', 'Production', 1, 1760000000000000, 1760000000000000);
INSERT INTO environment (org_id, environment_id, name, is_active, created_at, updated_at)
VALUES (1, '\x31313131313131313131313131313131', 'Old', 0, 1760000000000000, 1760000000000000);

INSERT INTO bot (org_id, bot_id, environment_id, name, image_url, is_active, created_at, updated_at)
VALUES (1, '\x32323232323232323232323232323232', '\x30303030303030303030303030303030', 'Concierge', 'https://example.org/concierge.png', 1, 1760000000000000, 1760000000000000);
INSERT INTO bot (org_id, bot_id, environment_id, name, image_url, is_active, created_at, updated_at)
VALUES (1, '\x33333333333333333333333333333333', '\x30303030303030303030303030303030', 'Retired', NULL, 0, 1760000000000000, 1760000000000000);

INSERT INTO operator (org_id, position, user_id, email, email_key, name, name_key, company, company_key, is_admin, role,
    password_hash, credential_version, search_text, created_at, updated_at, image)
VALUES (1, nextval('user_position'), '\x22222222222222220000000000000005', 'Ada.L@example.org', 'ada.l@example.org', 'Ada Lovelace', 'ada lovelace',
    'Analytical Engines', 'analytical engines', 0, 'editor', '$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g', 3,
    convert_from('\x616461206c6f76656c616365016164612e6c406578616d706c652e6f726701616e616c79746963616c20656e67696e6573', 'UTF8'), 1760000000000000, 1760000000000000, NULL);

INSERT INTO directory_counter (org_id, directory, slot, users) VALUES (1, 2, 0, 1);

INSERT INTO user_search (org_id, position, windows) SELECT org_id, position, array_to_tsvector(ARRAY[
    'bXtt0dyzVU', 'bXtt0k18H_', 'bXtt0kCgKF', 'bXtt4M6Kfl', 'bXtt4_UeSY', 'bXtt4_hjsD', 'bXtt4_x_RN', 'bXttDPLyzp',
    'bXttDPmrIT', 'bXttHgF6Rq', 'bXttHgLnYp', 'bXttHgOVLO', 'bXttHgPaC6', 'bXttHgdqqu', 'bXttHgnn6i', 'bXttT18sSK',
    'bXttUAkC4W', 'bXttUL2e4x', 'bXtta3H_cN', 'bXttcdVbG2', 'bXttcdvigq', 'bXttfMKagY', 'bXttfMUYys', 'bXttj62auy',
    'bXttpmtYZj', 'bXttpmtYxV', 'bXttqY20y4', 'bXttqY3HEG', 'bXttqYDpLO', 'bXttqYQ0cw', 'bXttqYQ0ma', 'bXttqY_4q7',
    'bXttqYfDh7', 'bXttqYp35d', 'bXttsUZR3G', 'bXttsh8oFp', 'bXttshSjnc', 'bXttsx23gp', 'bXttsx5GSx', 'bXttsxAhP5',
    'bXttsxBI_m', 'bXttsxPT1F', 'bXttsxWu3e', 'bXttue5rk9', 'bXttue5rpr', 'bXttvF3q.b', 'bXttvFYCoW', 'bXttzp7Qnm'
]) FROM operator;

INSERT INTO operator_environment (org_id, user_id, environment_id) VALUES (1, '\x22222222222222220000000000000005', '\x30303030303030303030303030303030');
INSERT INTO operator_environment (org_id, user_id, environment_id) VALUES (1, '\x22222222222222220000000000000005', '\x31313131313131313131313131313131');

INSERT INTO operator_bot (org_id, user_id, bot_id) VALUES (1, '\x22222222222222220000000000000005', '\x32323232323232323232323232323232');
INSERT INTO operator_bot (org_id, user_id, bot_id) VALUES (1, '\x22222222222222220000000000000005', '\x33333333333333333333333333333333');

INSERT INTO operator_configuration (org_id, user_id, key, bot_id, value, updated_at)
VALUES (1, '\x22222222222222220000000000000005', 'theme', '\x', 'dark', 1760000000000000);
INSERT INTO operator_configuration (org_id, user_id, key, bot_id, value, updated_at)
VALUES (1, '\x22222222222222220000000000000005', 'theme', '\x32323232323232323232323232323232', 'light', 1760000000000000);

INSERT INTO operator_link (org_id, secret_hash, user_id, language, expires_at)
VALUES (1, '\x3434343434343434343434343434343434343434343434343434343434343434', '\x22222222222222220000000000000005', 'pt', 1760000001000000);

INSERT INTO operator_import (org_id, import_id, entries_done, created, failed, errors_bytes, begun_at, updated_at)
VALUES (1, '\x35353535353535353535353535353535', 700, 650, 50, 4096, 1760000000000000, 1760000000000000);
