-- Rows as a denizen of schema version 5 wrote them. They never change: what it takes to read them is the newer
-- denizen's affair.

INSERT INTO environment (org_id, environment_id, name, is_active, created_at, updated_at)
VALUES (1, x'30303030303030303030303030303030', 'Production', 1, 1760000000000000, 1760000000000000);
INSERT INTO environment (org_id, environment_id, name, is_active, created_at, updated_at)
VALUES (1, x'31313131313131313131313131313131', 'Old', 0, 1760000000000000, 1760000000000000);

INSERT INTO bot (org_id, bot_id, environment_id, name, image_url, is_active, created_at, updated_at)
VALUES (1, x'32323232323232323232323232323232', x'30303030303030303030303030303030', 'Concierge', 'https://example.org/concierge.png', 1, 1760000000000000, 1760000000000000);
INSERT INTO bot (org_id, bot_id, environment_id, name, image_url, is_active, created_at, updated_at)
VALUES (1, x'33333333333333333333333333333333', x'30303030303030303030303030303030', 'Retired', NULL, 0, 1760000000000000, 1760000000000000);

INSERT INTO operator (position, org_id, user_id, email, email_key, name, name_key, company, company_key, is_admin, role,
    password_hash, credential_version, search_text, created_at, updated_at, image)
VALUES (25769803777, 1, x'22222222222222220000000000000005', 'Ada.L@example.org', 'ada.l@example.org', 'Ada Lovelace', 'ada lovelace',
    'Analytical Engines', 'analytical engines', 0, 'editor', '$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g', 3,
    CAST(x'616461206c6f76656c616365016164612e6c406578616d706c652e6f726701616e616c79746963616c20656e67696e6573' AS TEXT), 1760000000000000, 1760000000000000, NULL);

INSERT INTO directory_counter (org_id, directory, users, last_seq) VALUES (1, 2, 1, 1);

INSERT INTO user_search (rowid, grams) VALUES (25769803777, CAST(x'616461206461ee80a02061ee80a06c20ee80a06c6f206c6f76206f76652076656c20656c61206c616320616365206365ee80812065ee80816120ee8081616420616461206461ee80ae2061ee80ae6c20ee80ae6cee8180206cee81806520ee81806578206578612078616d20616d70206d706c20706c65206c65ee80ae2065ee80ae6f20ee80ae6f72206f7267207267ee80812067ee80816120ee8081616e20616e61206e616c20616c79206c79742079746920746963206963612063616c20616cee80a0206cee80a06520ee80a0656e20656e67206e67692067696e20696e65206e6573206573ee80822073ee8082ee808220' AS TEXT));

INSERT INTO operator_environment (org_id, user_id, environment_id) VALUES (1, x'22222222222222220000000000000005', x'30303030303030303030303030303030');
INSERT INTO operator_environment (org_id, user_id, environment_id) VALUES (1, x'22222222222222220000000000000005', x'31313131313131313131313131313131');

INSERT INTO operator_bot (org_id, user_id, bot_id) VALUES (1, x'22222222222222220000000000000005', x'32323232323232323232323232323232');
INSERT INTO operator_bot (org_id, user_id, bot_id) VALUES (1, x'22222222222222220000000000000005', x'33333333333333333333333333333333');

INSERT INTO operator_configuration (org_id, user_id, key, bot_id, value, updated_at)
VALUES (1, x'22222222222222220000000000000005', 'theme', x'', 'dark', 1760000000000000);
INSERT INTO operator_configuration (org_id, user_id, key, bot_id, value, updated_at)
VALUES (1, x'22222222222222220000000000000005', 'theme', x'32323232323232323232323232323232', 'light', 1760000000000000);

INSERT INTO operator_link (org_id, secret_hash, user_id, language, expires_at)
VALUES (1, x'3434343434343434343434343434343434343434343434343434343434343434', x'22222222222222220000000000000005', 'pt', 1760000001000000);

INSERT INTO operator_import (org_id, import_id, entries_done, created, failed, errors_bytes, begun_at, updated_at)
VALUES (1, x'35353535353535353535353535353535', 700, 650, 50, 4096, 1760000000000000, 1760000000000000);
