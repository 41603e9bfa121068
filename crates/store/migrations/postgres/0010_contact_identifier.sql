-- Each check of this key reads a page of contact_pkey. Contacts that are made at the same time lie in the same few pages, so
-- of two SERIALIZABLE transactions that made contacts one was undone. See docs/decisions/0012-identifiers-without-a-foreign-key.md.
ALTER TABLE contact_identifier DROP CONSTRAINT contact_identifier_org_id_user_id_fkey;
