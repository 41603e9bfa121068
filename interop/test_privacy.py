"""Nothing personal and nothing secret in logs, metrics or documents, whatever is called."""

import stores
from desk import Desk, conversation, message, text_definition
from postbox import files_to
from support import ORIGIN, Sdk, eventually

PERSONAL = {
    "first_name": "Thessalonike",
    "last_name": "Przybyszewska",
    "email": "thessalonike.p@example.com",
}


def test_logs_and_metrics_hold_no_address_name_key_token_or_value(start):
    running = start(env={"DENIZEN_LOG_FILTER": "trace"})
    org = running.create_org()
    admin = org.admin
    member = org.member(**PERSONAL, nonsensitive_user_variables={"diet": "vegetarian-42"})
    key = admin.post("/organization/api_key/", {"name": "key name 77", "duration": "P3D"}).json()
    secret = {"name": "card", "value": "4111-1111", "is_secret": True}
    calls = [
        admin.get("/user/", params={"email": PERSONAL["email"]}),
        admin.get("/user/search/", params={"query": PERSONAL["last_name"]}),
        admin.post("/user/", {**PERSONAL, "role_name": "DefaultUserRole"}),
        admin.post("/user/", {**PERSONAL, "email": "not an address of Thessalonike", "role_name": "x"}),
        admin.post(f"/user/{member.user_id}", {"additional_context": ["fears spiders"], "timezone": "Thessalonike/X"}),
        admin.post(f"/user/{member.user_id}", {"additional_context": ["fears spiders"]}),
        admin.post(f"/user/{member.user_id}/variable", {"upserts": [secret]}),
        admin.post("/user/signin", {"redirect_link": f"{ORIGIN}/in", "email": PERSONAL["email"]}),
        admin.post("/user/signin", {"redirect_link": "https://evil.example.com", "email": PERSONAL["email"]}),
        admin.http.get(f"/v1/{org.slug}/user/", headers={"Authorization": "Bearer stolen-token-123"}),
        admin.http.get(f"/v1/{org.slug}/user/{PERSONAL['email']}/user_model"),
        admin.http.get(f"/nothing/{PERSONAL['email']}?token=stolen-token-123"),
        member.delete(f"/user/{member.user_id}"),
        admin.get("/organization/api_key/"),
    ]
    assert {answer.status_code for answer in calls} == {200, 204, 401, 403, 404, 409, 422}
    with Sdk("sync", admin.settings()) as sdk:
        sdk.users.get_users()
    mails = eventually(lambda: files_to(running, PERSONAL["email"]), what="the magic link")
    assert admin.delete(f"/user/{member.user_id}").status_code == 200
    metrics = running.client().get("/metrics").text
    running.stop()

    log = running.log() + running.output() + metrics
    assert "/user/" in log, "the log says which operations were called"
    forbidden = {
        *PERSONAL.values(),
        org.admin_email,
        org.made["api_key"],
        key["api_key"],
        admin.token,
        member.token,
        "stolen-token-123",
        "vegetarian-42",
        "4111-1111",
        "fears spiders",
        "key name 77",
        *(word for mail in mails for word in mail.get_body(("plain",)).get_content().split() if running.url in word),
    }
    leaked = sorted(text for text in forbidden if text.lower() in log.lower())
    assert leaked == []
    org.close()


CONTACT = {
    "displayName": "Thessalonike of Ostrołęka",
    "email": "thessalonike.p@example.com",
    "phoneNumber": "+447400123987",
    "additionalEmails": ["tessa.private@example.com"],
    "additionalPhoneNumbers": ["+447400987123"],
    "firstName": "Thessalonike",
    "lastName": "Przybyszewska",
    "middleNames": ["Xenokleia"],
    "externalId": "customer-qwtzk-77",
    "avatarUrl": "https://pictures.example/thessalonike.png",
}


def test_logs_and_metrics_hold_nothing_of_contacts_and_no_access_token(start):
    running = start(env={"DENIZEN_LOG_FILTER": "trace"})
    org = running.create_org()
    with Desk(org) as desk:
        definition = text_definition()
        attributes = {definition["definition_id"]: "fears spiders"}
        made = desk.create(**CONTACT)
        one = f"/endusers/{made['id']}"
        browser = {"name": "Chrome 9", "ip_address": "203.0.113.77"}
        talk = conversation(made["id"], kind="Chat", channel="WidgetChat", details={"browser": browser})
        note = message(talk["conversation_id"], content="i-am-so-lonely-hhvtx", sender="Thessalonike herself")
        desk.take_in(definition, talk, note)
        calls = [
            desk.get("/endusers", params={"phone": CONTACT["phoneNumber"]}),
            desk.get("/endusers", params={"externalId": CONTACT["externalId"]}),
            desk.get("/endusers", params={"email": CONTACT["email"], "phone": CONTACT["phoneNumber"]}),
            desk.get("/endusers", params={"pageKey": "thessalonike.p@example.com"}),
            desk.post("/endusers", CONTACT),
            desk.post("/endusers", {"phoneNumber": "Thessalonike's number"}),
            desk.post("/endusers", {"displayName": ["Thessalonike"]}),
            desk.post("/endusers/bulk", {"data": [CONTACT, {"email": "thessalonike"}]}),
            desk.patch(one, {"lastName": "Przybyszewska-Łódzka"}),
            desk.put(one, CONTACT),
            desk.patch("/endusers", {"data": [{"id": made["id"], "firstName": "Thessalonike"}]}),
            desk.patch(f"{one}/custom-attributes", attributes),
            desk.patch(f"{one}/custom-attributes", {"Thessalonike": "fears spiders"}),
            desk.get(f"/endusers/{CONTACT['email']}"),
            desk.get(f"{one}/conversations"),
            desk.get(f"/{CONTACT['email']}?token=stolen-token-123"),
            desk.get("/endusers", headers={"Authorization": "stolen-token-123"}),
            desk.get("/endusers", headers={"Authorization": f"bearer {org.slug}.stolen-token-123"}),
        ]
        assert {answer.status_code for answer in calls} == {200, 201, 400, 401, 404}
        request = desk.data("PATCH", f"{one}/anonymize", status=202)
        desk.processed(request["id"])
    metrics = running.client().get("/metrics").text
    running.stop()

    log = running.log() + running.output() + metrics
    assert "/endusers" in log, "the log says which operations were called"
    words = [word for value in CONTACT.values() for word in (value if isinstance(value, list) else [value])]
    secret = org.made["dixa_token"].partition(".")[2]
    forbidden = {
        *words,
        *(word.removeprefix("+") for word in words),
        secret,
        "stolen-token-123",
        "fears spiders",
        "Łódzka",
        "203.0.113.77",
        "i-am-so-lonely-hhvtx",
        "Thessalonike",
    }
    leaked = sorted(text for text in forbidden if text.lower() in log.lower())
    assert leaked == []
    org.close()


def test_secrets_are_stored_as_hashes_only(start):
    running = start()
    org = running.create_org()
    secrets = [org.admin.token, org.made["api_key"], org.made["dixa_token"], org.made["dixa_token"].partition(".")[2]]
    running.stop()
    stored = list(stores.contents(running.data))
    assert any(org.admin_email.encode() in content for _, content in stored), "what is looked at holds the data"
    for name, content in stored:
        for secret in (text.encode() for text in secrets):
            # PostgreSQL writes the bytes of a binary column as hexadecimal digits.
            assert secret not in content and secret.hex().encode() not in content, name
    org.close()
