-- Rows as a denizen of schema version 1 wrote them. They never change: what it takes to read them is the newer
-- denizen's affair.

INSERT INTO organization (org_uuid, slug, cluster, parent_org_id, created_at)
VALUES (x'03030303030303030303030303030303', 'acme', 'main', NULL, 1760000000000000);

INSERT INTO organization_profile (org_id, name, title, main_description, sub_description, onboarding, user_dimensions,
    default_preferences, verify_at_creation, unverified_sign_in, allowed_origins, updated_at)
VALUES (1, 'Acme', '', '', '', '[]', '[]', NULL, 1, 0, '["https://app.example.com"]', 1760000000000000);

INSERT INTO role (org_id, role_id, name, description, frontend_view, grants, is_super, created_at, updated_at)
VALUES (1, x'070707070707070707070707', 'Agent', '', 'client', '[]', 0, 1760000000000000, 1760000000000000);

INSERT INTO directory_counter (org_id, directory, users, last_seq) VALUES (1, 0, 1, 1);

INSERT INTO users (org_id, directory, user_id, position, email, email_key, first_name, last_name, first_key, last_key,
    search_text, role_id, is_verified, preferences, open_variables, secret_variables, additional_context, created_api_key,
    created_at, updated_at)
VALUES (1, 0, x'00000000000000010000000000000000', 17179869185, 'Ada@example.com', 'ada@example.com', 'Ada', 'Lovelace', 'ada', 'lovelace',
    'ada lovelace' || char(1) || 'ada@example.com', x'070707070707070707070707', 1, '{}', '{}', '{}', '[]', 1,
    1760000000000000, 1760000000000000);

-- The windows of "ada lovelace", a control character, "ada@example.com"; other ASCII characters than letters and
-- digits are private ones of Unicode.
INSERT INTO user_search (rowid, grams) VALUES (17179869185, CAST(x'616461206461ee80a02061ee80a06c20ee80a06c6f206c6f76206f76652076656c20656c61206c616320616365206365ee80812065ee80816120ee8081616420616461206461ee81802061ee81806520ee81806578206578612078616d20616d70206d706c20706c65206c65ee80ae2065ee80ae6320ee80ae636f20636f6d206f6dee8082206dee8082ee808220' AS TEXT));

INSERT INTO api_key (org_id, key_id, record_id, name, secret_hash, role_id, creator_org_id, creator_user_id, created_at,
    updated_at, expires_at)
VALUES (1, x'05050505050505050505050505050505', x'060606060606060606060606', 'a key', x'0808080808080808080808080808080808080808080808080808080808080808', x'070707070707070707070707', 1, x'00000000000000010000000000000000', 1760000000000000, 1760000000000000,
    1790000000000000);

INSERT INTO link (org_id, secret_hash, user_id, purpose, redirect, expires_at)
VALUES (1, x'0909090909090909090909090909090909090909090909090909090909090909', x'00000000000000010000000000000000', 'verify',
    'https://app.example.com', 1790000000000000);

INSERT INTO job (org_id, job_id, kind, user_id, payload, state, attempts, run_at, lease_until, created_at, updated_at)
VALUES (1, x'040404040404040404040404', 'mail', x'00000000000000010000000000000000', '{}', 'waiting', 0, 1760000000000000, 0, 1760000000000000,
    1760000000000000);

INSERT INTO user_tombstone (org_id, user_id, directory, deleted_at) VALUES (1, x'02020202020202020202020202020202', 0, 1760000000000000);
