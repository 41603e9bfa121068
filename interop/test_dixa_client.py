"""The published `dixa-api-client`, unmodified, against the real binary: every method for end users, and what belongs to it."""

import uuid

import pytest
from dixa.exceptions import DixaAPIError, DixaHTTPError
from requests.exceptions import HTTPError

from desk import NOT_FOUND, Desk, conversation, message, phone, select_definition, text_definition
from dixa_clients import dixa_client
from support import Server, address, eventually


@pytest.fixture
def dixa(desk):
    return dixa_client(desk.org.server, desk.token, max_retries=0)


@pytest.fixture
def users(dixa):
    return dixa.v1.EndUser


def whole():
    return {
        "displayName": "Alice Brown",
        "email": address("Alice.Brown"),
        "phoneNumber": phone(),
        "additionalEmails": [address("second"), address("third")],
        "additionalPhoneNumbers": [phone(), phone()],
        "firstName": "Alice",
        "lastName": "Brown",
        "middleNames": ["Éowyn", "Béa"],
        "avatarUrl": "https://pictures.example/alice.png",
        "externalId": "#12345678",
    }


EMPTY = {"additionalEmails": [], "additionalPhoneNumbers": [], "middleNames": [], "customAttributes": []}


def said(contact):
    """A contact without what the server adds, lists of a set in one order."""
    sets = ("additionalEmails", "additionalPhoneNumbers")
    return {
        name: sorted(value) if name in sets else value
        for name, value in contact.items()
        if name not in ("id", "createdAt", "customAttributes")
    }


def same(contact, fields):
    return said(contact) == said({**{k: v for k, v in EMPTY.items()}, **fields})


def refusal(call, *arguments):
    """The text of the client's error, and the status behind it."""
    with pytest.raises(DixaHTTPError) as caught:
        call(*arguments)
    assert isinstance(caught.value.__cause__, HTTPError)
    return caught.value.__cause__.response.status_code, str(caught.value)


# ---- One end user ------------------------------------------------------------------------------


def test_created_end_user_is_answered_whole_and_found_again(dixa, users):
    fields = whole()
    made = users.create(fields)
    assert dixa.seen[-1].status_code == 201
    uuid.UUID(made["id"])
    assert same(made, fields) and made["customAttributes"] == []
    assert users.get(made["id"]) == made


def test_members_come_in_the_order_of_the_examples(users):
    fields = whole()
    assert list(users.create(dict(reversed(fields.items())))) == ["id", "createdAt", *fields, "customAttributes"]


def test_end_user_of_whom_nothing_is_said_has_no_members_but_the_lists(users):
    made = users.create({})
    assert {name: value for name, value in made.items() if name not in ("id", "createdAt")} == EMPTY


def test_null_in_a_body_says_nothing(users):
    made = users.create({"displayName": "Ada", "email": None, "middleNames": None})
    assert same(made, {"displayName": "Ada"})
    assert same(
        users.patch(made["id"], {"displayName": None, "lastName": "L"}), {"displayName": "Ada", "lastName": "L"}
    )


def test_patch_changes_what_it_names_and_replaces_lists_whole(users):
    fields = whole()
    made = users.create(fields)
    change = {"lastName": "Green", "additionalEmails": [address("fourth")], "middleNames": []}
    patched = users.patch(made["id"], change)
    assert same(patched, {**fields, **change})
    assert patched["createdAt"] == made["createdAt"]
    assert users.get(made["id"]) == patched


def test_patch_with_what_is_there_already_succeeds(users):
    made = users.create(whole())
    assert users.patch(made["id"], {"email": made["email"], "phoneNumber": made["phoneNumber"]}) == made


def test_update_clears_what_it_does_not_name_but_for_attributes(desk, users):
    definition = text_definition()
    desk.take_in(definition)
    made = users.create(whole())
    users.patch_end_user_custom_attributes(made["id"], {definition["definition_id"]: "kept"})
    updated = users.update(made["id"], {"displayName": "A. Brown"})
    assert same(updated, {"displayName": "A. Brown"})
    assert [attribute["value"] for attribute in updated["customAttributes"]] == ["kept"]
    assert (updated["id"], updated["createdAt"]) == (made["id"], made["createdAt"])
    # What was cleared is free for others.
    other = users.create({"email": made["email"], "phoneNumber": made["additionalPhoneNumbers"][0]})
    assert users.get(made["id"]) == updated != other


# ---- Several end users -------------------------------------------------------------------------


def test_bulk_calls_answer_each_item_in_its_order(dixa, users):
    taken = users.create(whole())
    created = users.create_bulk(
        [{"displayName": "One"}, {"email": taken["email"]}, {"displayName": "Three"}, {"email": "no address"}]
    )
    assert dixa.seen[-1].status_code == 201
    assert [outcome["_type"] for outcome in created] == [
        "BulkActionSuccess",
        "BulkActionFailure",
        "BulkActionSuccess",
        "BulkActionFailure",
    ]
    assert [outcome["data"]["displayName"] for outcome in created[::2]] == ["One", "Three"]
    assert {outcome["error"]["_type"] for outcome in created[1::2]} == {"Validation"}
    one, three = created[0]["data"], created[2]["data"]

    nobody = str(uuid.uuid4())
    patched = users.patch_bulk(
        [
            {"id": one["id"], "firstName": "Uno"},
            {"id": nobody, "firstName": "Nemo"},
            {"id": three["id"]},
            {"id": three["id"], "phoneNumber": taken["phoneNumber"]},
        ]
    )
    assert dixa.seen[-1].status_code == 200
    assert patched[0] == {"data": {**one, "firstName": "Uno"}, "_type": "BulkActionSuccess"}
    kinds = [outcome["error"]["_type"] for outcome in patched[1:]]
    assert kinds == ["NotFound", "EmptyPatchSet", "Validation"]
    assert [outcome["error"]["id"] for outcome in patched[1:]] == [nobody, three["id"], three["id"]]

    updated = users.update_bulk(
        [
            {"id": one["id"], "displayName": "Uno"},
            {"id": nobody, "displayName": "Nemo"},
            {"id": three["id"], "displayName": "Tre", "email": taken["additionalEmails"][0].upper()},
        ]
    )
    assert dixa.seen[-1].status_code == 200
    assert same(updated[0]["data"], {"displayName": "Uno"})
    assert [outcome["error"]["_type"] for outcome in updated[1:]] == ["NotFound", "Validation"]
    assert users.get(three["id"]) == three, "what failed has changed nothing"


def test_a_thousand_end_users_are_created_patched_and_updated_in_one_call_each(users):
    made = users.create_bulk([{"displayName": f"Number {number}", "email": address()} for number in range(1_000)])
    assert [outcome["data"]["displayName"] for outcome in made] == [f"Number {number}" for number in range(1_000)]
    ids = [outcome["data"]["id"] for outcome in made]
    assert len(set(ids)) == 1_000
    patched = users.patch_bulk([{"id": one, "lastName": f"Last {place}"} for place, one in enumerate(ids)])
    assert [outcome["data"]["lastName"] for outcome in patched] == [f"Last {number}" for number in range(1_000)]
    updated = users.update_bulk([{"id": one, "displayName": "Same"} for one in ids])
    assert {outcome["_type"] for outcome in updated} == {"BulkActionSuccess"}
    assert "lastName" not in updated[-1]["data"]
    assert [user["id"] for user in users.list_({"pageLimit": 700})] == ids


# ---- Lists -------------------------------------------------------------------------------------


def test_list_follows_its_pages_to_the_end_in_the_order_of_creation(dixa, users):
    made = [users.create({"displayName": f"Number {number}"}) for number in range(9)]
    dixa.seen.clear()
    # The client sends the query again with every link.
    assert users.list_({"pageLimit": 2}) == made
    assert len(dixa.seen) == 5
    dixa.seen.clear()
    assert users.list_() == made
    assert len(dixa.seen) == 1 and "meta" not in dixa.seen[0].json()


def test_filtered_list_follows_its_pages_though_the_client_repeats_the_filter(dixa, users):
    made = [users.create({"externalId": "#7 & more", "displayName": str(number)}) for number in range(7)]
    users.create({"externalId": "#8"})
    dixa.seen.clear()
    assert users.list_({"externalId": "#7 & more", "pageLimit": 2}) == made
    assert len(dixa.seen) == 4
    assert all(answer.url.count("externalId=") >= 1 for answer in dixa.seen[1:])


def test_filters_find_primary_and_additional_values(users):
    made, other = users.create(whole()), users.create(whole() | {"externalId": "other"})
    for email in (made["email"], made["email"].upper(), *made["additionalEmails"]):
        assert users.list_({"email": email}) == [made]
    spaced = made["phoneNumber"][:3] + " (" + made["phoneNumber"][3:6] + ") " + made["phoneNumber"][6:]
    for number in (made["phoneNumber"], spaced, *made["additionalPhoneNumbers"]):
        assert users.list_({"phone": number}) == [made]
    assert users.list_({"externalId": "#12345678"}) == [made]
    assert users.list_({"externalId": "other"}) == [other]


@pytest.mark.parametrize(
    "query",
    [{"email": "nobody@example.com"}, {"email": "x"}, {"phone": "+4930123456"}, {"phone": "x"}, {"externalId": "x"}],
)
def test_filter_that_finds_nobody_answers_an_empty_list(dixa, users, query):
    users.create(whole())
    assert users.list_(query) == []
    assert "meta" not in dixa.seen[-1].json()


def test_two_filters_are_one_too_many(users):
    assert refusal(users.list_, {"email": address(), "externalId": "x"}) == (
        400,
        "Invalid filters: Cannot provide more than one filter",
    )


# ---- Attributes --------------------------------------------------------------------------------


def test_attributes_are_patched_by_definition_and_listed(desk, dixa, users):
    text = text_definition(description="What it says")
    choice = select_definition({"red": {}, "blue": {"navy": {}, "sky": {}}})
    desk.take_in(text, choice)
    definitions = dixa.v1.CustomAttribute.list()
    types = {one["id"]: one["inputDefinition"]["_type"] for one in definitions}
    assert types == {text["definition_id"]: "Text", choice["definition_id"]: "Select"}
    made = users.create({"displayName": "Ada"})
    values = {text["definition_id"]: "gold", choice["definition_id"]: ["blue", "sky"]}
    noted = users.patch_end_user_custom_attributes(made["id"], values)
    assert {attribute["id"]: attribute["value"] for attribute in noted} == values
    by_id = {attribute["id"]: attribute for attribute in noted}
    assert by_id[text["definition_id"]] == {
        "id": text["definition_id"],
        "name": text["label"],
        "identifier": text["identifier"],
        "value": "gold",
    }
    assert users.get(made["id"])["customAttributes"] == noted == users.list_()[0]["customAttributes"]
    left = users.patch_end_user_custom_attributes(made["id"], {text["definition_id"]: None})
    assert [attribute["id"] for attribute in left] == [choice["definition_id"]]
    assert users.patch_end_user_custom_attributes(made["id"], {}) == left


def test_attributes_that_cannot_be_noted_are_refused_together(desk, users):
    text = text_definition()
    desk.take_in(text)
    made = users.create({})
    values = {text["definition_id"]: "fits", str(uuid.uuid4()): "does not"}
    status, told = refusal(users.patch_end_user_custom_attributes, made["id"], values)
    assert status == 400 and "Invalid input for patching" in told
    assert users.get(made["id"])["customAttributes"] == []


# ---- Conversations and anonymization -----------------------------------------------------------


def test_conversations_are_listed_over_their_pages(desk, dixa, users):
    made = users.create({"displayName": "Ada"})
    talks = [conversation(made["id"], kind="Chat", channel="WidgetChat") for _ in range(60)]
    desk.take_in(*talks)
    first = users.list_conversations(made["id"])
    # All that this client returns of a list.
    assert first["id"] == talks[0]["conversation_id"] and first["_type"] == "ChatConversation"
    assert len(dixa.seen[-2:]) == 2 and dixa.seen[-1].url.startswith(desk.org.server.url)
    ids = [one["id"] for answer in dixa.seen[-2:] for one in answer.json()["data"]]
    assert ids == [talk["conversation_id"] for talk in talks]


def test_client_cannot_list_conversations_of_who_has_none(users):
    made = users.create({})
    with pytest.raises(IndexError):
        users.list_conversations(made["id"])


def test_one_conversation_is_got_with_its_attributes(desk, dixa):
    made = dixa.v1.EndUser.create({"displayName": "Ada"})
    definition = text_definition("conversation")
    talk = conversation(made["id"], kind="Sms", channel="Sms", details={"from_number": phone()})
    desk.take_in(definition, talk)
    path = f"{desk.org.server.url}/v1/conversations/{talk['conversation_id']}/custom-attributes"
    # The client's own method for it expects an object where the vendor answers a list.
    dixa.client.patch(path, {definition["definition_id"]: "noted"}, list)
    found = dixa.v1.Conversation.get(str(talk["conversation_id"]))
    assert found["_type"] == "SmsConversation" and found["requesterId"] == made["id"]
    assert [attribute["value"] for attribute in found["customAttributes"]] == ["noted"]


def test_anonymized_end_user_is_empty_and_conversations_are_anonymized(desk, dixa, users):
    fields = whole()
    made = users.create(fields)
    talk = conversation(
        made["id"],
        kind="Email",
        channel="Email",
        details={
            "from_email": fields["email"],
            "to_email": "desk@example.com",
            "integration_email": "desk@example.com",
            "subject": "Private",
        },
    )
    desk.take_in(talk, message(talk["conversation_id"]))
    request = users.anonymize(made["id"])
    assert dixa.seen[-1].status_code == 202 and dixa.seen[-1].request.body is None
    assert (request["_type"], request["targetEntityId"]) == ("User", made["id"])
    done = desk.processed(request["id"])
    assert {**request, "processedAt": done["processedAt"]} == done
    assert users.get(made["id"]) == {"id": made["id"], "createdAt": made["createdAt"], **EMPTY}
    assert users.list_conversations(made["id"])["_type"] == "AnonymizedConversation"
    assert refusal(users.patch, made["id"], {"firstName": "Back"}) == (404, NOT_FOUND)
    assert refusal(users.update, made["id"], {"displayName": "Back"}) == (404, NOT_FOUND)
    # The same request, however often it is asked for.
    assert users.anonymize(made["id"])["id"] == request["id"]
    assert same(users.create(fields), fields)


def test_open_conversation_keeps_its_end_user_from_anonymization(desk, users):
    made = users.create(whole())
    desk.take_in(conversation(made["id"], state="Open"))
    status, told = refusal(users.anonymize, made["id"])
    assert status == 409 and told
    assert users.get(made["id"]) == made


def test_conversation_and_message_are_anonymized(desk, dixa):
    made = dixa.v1.EndUser.create({"displayName": "Ada"})
    talk = conversation(made["id"], kind="Chat", channel="WidgetChat", details={"language": "eng"})
    note = message(talk["conversation_id"])
    desk.take_in(talk, note)
    one = dixa.v1.Conversation.anonymize_message(str(talk["conversation_id"]), note["message_id"])
    assert (one["_type"], one["targetEntityId"]) == ("Message", f"{talk['conversation_id']}_{note['message_id']}")
    desk.processed(one["id"])
    other = dixa.v1.Conversation.anonymize(str(talk["conversation_id"]))
    assert (other["_type"], other["targetEntityId"]) == ("Conversation", str(talk["conversation_id"]))
    desk.processed(other["id"])
    found = dixa.v1.Conversation.get(str(talk["conversation_id"]))
    assert found["_type"] == "AnonymizedConversation" and "anonymizedAt" in found


# ---- Errors ------------------------------------------------------------------------------------


def test_values_of_another_end_user_are_refused_by_name(users):
    made = users.create(whole())
    for fields, token in (
        ({"email": made["email"].title()}, "EmailExists"),
        ({"additionalEmails": [made["email"]]}, "EmailExists"),
        ({"email": made["additionalEmails"][0]}, "EmailExists"),
        ({"phoneNumber": made["additionalPhoneNumbers"][1]}, "PhoneNumberExists"),
        ({"additionalPhoneNumbers": [made["phoneNumber"]]}, "PhoneNumberExists"),
    ):
        assert refusal(users.create, fields) == (400, f"Create EndUser [id:None] failed with [errors:{token}]")
    other = users.create({})
    status, told = refusal(users.patch, other["id"], {"phoneNumber": made["phoneNumber"]})
    assert status == 400 and "PhoneNumberExists" in told
    status, told = refusal(users.update, other["id"], {"displayName": "x", "email": made["email"]})
    assert status == 400 and "EmailExists" in told
    assert users.get(other["id"]) == other


@pytest.mark.parametrize(
    "call",
    [
        lambda users, nobody: users.get(nobody),
        lambda users, nobody: users.patch(nobody, {"firstName": "x"}),
        lambda users, nobody: users.update(nobody, {"displayName": "x"}),
        lambda users, nobody: users.anonymize(nobody),
        lambda users, nobody: users.patch_end_user_custom_attributes(nobody, {}),
        lambda users, nobody: users.list_conversations(nobody),
    ],
    ids=["get", "patch", "update", "anonymize", "patch_end_user_custom_attributes", "list_conversations"],
)
def test_unknown_end_user_is_not_found(users, call):
    assert refusal(call, users, str(uuid.uuid4())) == (404, NOT_FOUND)


def test_id_that_is_no_uuid_names_the_path_parameter(users):
    for call in (users.get, users.anonymize, users.list_conversations):
        status, told = refusal(call, "bulk")
        assert status == 400 and "path parameter userId" in told


def test_empty_patch_says_so(users):
    made = users.create({})
    for body in ({}, {"firstName": None}):
        status, told = refusal(users.patch, made["id"], body)
        assert status == 400 and "EmptyPatchSet" in told


def test_update_without_a_name_is_refused(users):
    made = users.create(whole())
    assert refusal(users.update, made["id"], {"email": address()})[0] == 400
    assert refusal(users.update_bulk, [{"id": made["id"]}])[0] == 400
    assert users.get(made["id"]) == made


@pytest.mark.parametrize("token", ["nonsense", "", "Bearer", "a.b", "org.0123456789"])
def test_token_of_nobody_is_unauthorized(server, token):
    stranger = dixa_client(server, token, max_retries=0)
    assert refusal(stranger.v1.EndUser.list_) == (401, "Unauthorized")


# ---- Rate limits -------------------------------------------------------------------------------


def test_client_waits_when_it_is_told_to_and_finishes_its_work(tmp_path):
    with Server(tmp_path / "data", rate_limits=True) as running:
        org = running.create_org()
        # Its delay grows from nothing, by up to a second each time.
        patient = dixa_client(running, org.made["dixa_token"], retry_delay=0, max_retries=8)
        made = [patient.v1.EndUser.create({"displayName": str(number)}) for number in range(25)]
        statuses = [answer.status_code for answer in patient.seen]
        assert statuses.count(201) == 25 and set(statuses) == {201, 429}
        refused = next(answer for answer in patient.seen if answer.status_code == 429)
        assert refused.json() == {"message": "Too Many Requests"} and int(refused.headers["Retry-After"]) >= 1
        with Desk(org) as desk:
            found = eventually(lambda: desk.get("/endusers").json().get("data"), what="an answer within the limit")
        assert [one["id"] for one in found] == [one["id"] for one in made], "a refused call has done nothing"

        hasty = dixa_client(running, org.made["dixa_token"], max_retries=0)
        with pytest.raises(DixaAPIError, match="Max retries reached"):
            for _ in range(50):
                hasty.v1.EndUser.list_()
        org.close()
