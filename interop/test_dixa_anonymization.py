"""Anonymization in the second dialect: asked for at once, done by a job, visible from the one to the other."""

import re
import uuid

import pytest

import stores
from desk import NOBODY, NOT_FOUND, Desk, conversation, message, phone, select_definition, text_definition, told
from support import address

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\[GMT\]")
# What is left of a contact, beside its id and its time.
EMPTY = {"additionalEmails": [], "additionalPhoneNumbers": [], "middleNames": [], "customAttributes": []}


def check(request, kind, target, by):
    """What every request has, in its order."""
    members = ["id", "entityType", "_type", "initiatedAt", "targetEntityId", "requestedBy"]
    assert [name for name in request if name != "processedAt"] == members
    uuid.UUID(request["id"])
    assert (request["entityType"], request["_type"]) == (f"{kind}AnonymizationType", kind)
    assert (request["targetEntityId"], request["requestedBy"]) == (target, by)
    for name in ("initiatedAt", *(["processedAt"] if "processedAt" in request else [])):
        assert TIME.fullmatch(request[name]), request[name]


@pytest.fixture
def by(org):
    """The id under which the token acts."""
    return org.made["dixa_token_id"]


def test_request_is_shown_until_it_is_processed_and_after(desk, by):
    contact = desk.create(displayName="Ada")["id"]
    asked = desk.data("PATCH", f"/endusers/{contact}/anonymize", status=202)
    check(asked, "User", contact, by)
    done = desk.processed(asked["id"])
    check(done, "User", contact, by)
    assert done == {**asked, "processedAt": done["processedAt"]}
    assert done["processedAt"] >= done["initiatedAt"]
    # Whoever asks again is told of the first time.
    assert desk.data("PATCH", f"/endusers/{contact}/anonymize", status=202) == done
    assert desk.data("PATCH", f"/endusers/{contact}/anonymize?force=true", status=202) == done
    answer = desk.post("/anonymization", {"entityId": contact, "_type": "User"})
    assert (answer.status_code, answer.json()) == (200, {"data": done})


@pytest.mark.parametrize("state", ["Open", "Pending", "AwaitingPending"])
def test_conversation_that_is_not_closed_is_in_the_way_unless_it_is_forced(desk, by, state):
    made = desk.create(displayName="Ada", email=address())
    closed, talk = conversation(made["id"]), conversation(made["id"], state=state)
    desk.take_in(closed, talk)
    one, spoken = f"/endusers/{made['id']}/anonymize", f"/conversations/{talk['conversation_id']}/anonymize"
    for path in (one, f"{one}?force=false", spoken, f"{spoken}?force=false"):
        told(desk.patch(path), 409)
    for body in (
        {"entityId": made["id"], "_type": "User"},
        {"entityId": made["id"], "_type": "User", "forceAnonymization": False},
        {"entityId": str(talk["conversation_id"]), "_type": "Conversation"},
    ):
        told(desk.post("/anonymization", body), 409)
    assert desk.contact(made["id"]) == made
    asked = desk.data("PATCH", f"{one}?force=true", status=202)
    check(asked, "User", made["id"], by)
    desk.processed(asked["id"])
    found = desk.data("GET", f"/endusers/{made['id']}/conversations")
    assert [(talk["_type"], talk["state"]) for talk in found] == [("AnonymizedConversation", "Closed")] * 2
    assert desk.contact(made["id"]).keys() == {"id", "createdAt", *EMPTY}


def test_open_conversation_alone_is_anonymized_when_it_is_forced(desk, by):
    made = desk.create(displayName="Ada")
    talk, other = (conversation(made["id"], state="Open") for _ in range(2))
    desk.take_in(talk, other)
    asked = desk.data("PATCH", f"/conversations/{talk['conversation_id']}/anonymize?force=true", status=202)
    check(asked, "Conversation", str(talk["conversation_id"]), by)
    desk.processed(asked["id"])
    first, second = desk.data("GET", f"/endusers/{made['id']}/conversations")
    assert (first["_type"], first["state"]) == ("AnonymizedConversation", "Closed")
    assert (second["_type"], second["state"]) == ("GenericConversation", "Open")
    assert desk.contact(made["id"]) == made


@pytest.mark.parametrize("force", ["x", "1", "yes", ""])
def test_force_that_is_no_truth_value_names_its_parameter(desk, force):
    contact = desk.create(displayName="Ada")
    assert "query parameter force" in told(desk.patch(f"/endusers/{contact['id']}/anonymize?force={force}"), 400)
    assert desk.contact(contact["id"]) == contact


def test_all_of_a_contact_goes_and_others_keep_theirs(desk):
    text, choice = text_definition(), select_definition({"red": {}})
    desk.take_in(text, choice)
    fields = {
        "displayName": "Ada",
        "email": address(),
        "additionalEmails": [address()],
        "phoneNumber": phone(),
        "additionalPhoneNumbers": [phone()],
        "firstName": "A",
        "lastName": "L",
        "middleNames": ["B"],
        "externalId": "#1",
        "avatarUrl": "https://pictures.example/a.png",
    }
    before, made, after = desk.create(externalId="#1"), desk.create(**fields), desk.create(externalId="#1")
    values = {text["definition_id"]: "x", choice["definition_id"]: ["red"]}
    assert desk.patch(f"/endusers/{made['id']}/custom-attributes", values).status_code == 200
    desk.processed(desk.data("PATCH", f"/endusers/{made['id']}/anonymize", status=202)["id"])
    gone = {"id": made["id"], "createdAt": made["createdAt"], **EMPTY}
    assert desk.contact(made["id"]) == gone
    assert desk.list() == [before, gone, after]
    assert desk.list(externalId="#1") == [before, after]
    for query in (
        {"email": fields["email"]},
        {"email": fields["additionalEmails"][0]},
        {"phone": fields["phoneNumber"]},
    ):
        assert desk.list(**query) == []
    one = f"/endusers/{made['id']}"
    for method, path, body in (
        ("PATCH", one, {"firstName": "x"}),
        ("PUT", one, {"displayName": "x"}),
        ("PATCH", f"{one}/custom-attributes", values),
    ):
        assert told(desk.request(method, path, body), 404) == NOT_FOUND
    assert desk.contact(made["id"]) == gone
    # Addresses and numbers may be used again, by whomever.
    again = desk.create(**fields)
    assert again["id"] != made["id"] and desk.list(email=fields["email"]) == [again]


def test_anonymized_contact_does_not_come_back_by_ingestion(desk, org):
    made = desk.create(displayName="Ada", externalId="#back")
    desk.processed(desk.data("PATCH", f"/endusers/{made['id']}/anonymize", status=202)["id"])
    record = f'{{"type":"contact","contact_id":"{made["id"]}","display_name":"Back"}}\n'
    talk = f'{{"type":"contact_conversation","conversation_id":1,"contact_id":"{made["id"]}","kind":"Chat",'
    talk += '"channel":"WidgetChat","created_at":"2026-01-05T10:00:00Z"}\n'
    answer = org.admin.http.post(f"/admin/v1/{org.slug}/ingest", content=record + talk)
    assert answer.text.count('"result":"refused"') == 2, answer.text
    assert desk.contact(made["id"]) == {"id": made["id"], "createdAt": made["createdAt"], **EMPTY}
    assert desk.data("GET", f"/endusers/{made['id']}/conversations") == []


def test_message_is_anonymized_by_itself(desk, by):
    contact = desk.create(displayName="Ada")["id"]
    talk = conversation(contact, state="Open")
    note, other = message(talk["conversation_id"]), message(talk["conversation_id"])
    desk.take_in(talk, note, other)
    path = f"/conversations/{talk['conversation_id']}/messages/{note['message_id']}/anonymize"
    target = f"{talk['conversation_id']}_{note['message_id']}"
    asked = desk.data("PATCH", path, status=202)
    check(asked, "Message", target, by)
    done = desk.processed(asked["id"])
    assert desk.post("/anonymization", {"entityId": target, "_type": "Message"}).json() == {"data": done}
    assert desk.data("GET", f"/conversations/{talk['conversation_id']}")["_type"] == "GenericConversation"
    for wrong in (
        f"/conversations/{talk['conversation_id']}/messages/{NOBODY}/anonymize",
        f"/conversations/404/messages/{note['message_id']}/anonymize",
    ):
        assert told(desk.patch(wrong), 404) == NOT_FOUND
    assert "path parameter messageId" in told(
        desk.patch(f"/conversations/{talk['conversation_id']}/messages/x/anonymize"), 400
    )


def test_message_of_another_conversation_is_not_found_in_this_one(desk):
    contact = desk.create()["id"]
    one, other = conversation(contact), conversation(contact)
    note = message(one["conversation_id"])
    desk.take_in(one, other, note)
    path = f"/conversations/{other['conversation_id']}/messages/{note['message_id']}/anonymize"
    assert told(desk.patch(path), 404) == NOT_FOUND


@pytest.mark.parametrize("name", ["_type", "entityType"])
def test_deprecated_operation_takes_the_kind_by_either_name(desk, by, name):
    contact = desk.create(displayName="Ada")["id"]
    talk = conversation(contact)
    note = message(talk["conversation_id"])
    desk.take_in(talk, note)
    for kind, target in (
        ("Message", f"{talk['conversation_id']}_{note['message_id']}"),
        ("Conversation", str(talk["conversation_id"])),
        ("User", contact),
    ):
        word = kind if name == "_type" else f"{kind}AnonymizationType"
        answer = desk.post("/anonymization", {"entityId": target, name: word})
        assert answer.status_code == 200, answer.text
        check(answer.json()["data"], kind, target, by)
        desk.processed(answer.json()["data"]["id"])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"_type": "User"},
        {"entityId": NOBODY},
        {"entityId": NOBODY, "_type": "Agent"},
        {"entityId": NOBODY, "_type": "user"},
        {"entityId": NOBODY, "_type": None},
        {"entityId": "1", "_type": "User"},
        {"entityId": NOBODY, "_type": "Conversation"},
        {"entityId": 1, "_type": "Conversation"},
        {"entityId": "1.5", "_type": "Conversation"},
        {"entityId": NOBODY, "_type": "Message"},
        {"entityId": "1_x", "_type": "Message"},
        {"entityId": f"x_{NOBODY}", "_type": "Message"},
        {"entityId": NOBODY, "_type": "User", "forceAnonymization": "true"},
    ],
)
def test_deprecated_operation_refuses_what_does_not_fit(desk, body):
    assert told(desk.post("/anonymization", body), 400).startswith("Invalid value for: body")


@pytest.mark.parametrize(
    "body",
    [
        {"entityId": NOBODY, "_type": "User"},
        {"entityId": "404", "_type": "Conversation"},
        {"entityId": f"404_{NOBODY}", "_type": "Message"},
    ],
)
def test_deprecated_operation_does_not_find_what_is_not_there(desk, body):
    assert told(desk.post("/anonymization", body), 404) == NOT_FOUND


def test_requests_are_handled_in_their_order_and_survive_a_crash(start):
    running = start()
    org = running.create_org()
    with Desk(org) as desk:
        made = [desk.create(displayName=str(number), email=address()) for number in range(20)]
        desk.take_in(*[conversation(one["id"]) for one in made for _ in range(3)])
        requests = [desk.data("PATCH", f"/endusers/{one['id']}/anonymize", status=202)["id"] for one in made]
    running.kill()
    stores.wait_until_left(running.data)
    running.start()
    with Desk(org) as desk:
        # What a process that is dead had begun is left to it until its lease ends.
        for request_id in requests:
            desk.processed(request_id, seconds=60)
        for one in made:
            assert desk.contact(one["id"]) == {"id": one["id"], "createdAt": one["createdAt"], **EMPTY}
            kinds = {talk["_type"] for talk in desk.data("GET", f"/endusers/{one['id']}/conversations")}
            assert kinds == {"AnonymizedConversation"}
    assert running.command("check").returncode == 0
    org.close()
