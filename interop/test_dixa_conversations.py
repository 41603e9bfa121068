"""Conversations of the second dialect: every variant, as it was taken in."""

import uuid

import pytest

from desk import NOBODY, conversation, text_definition

AGENT, QUEUE = "0e4d0ead-dc69-470a-9b3a-e7eb16a56453", "cd87b232-64c8-4ad5-b81a-6f9233352d97"

BROWSER = {
    "name": "Chrome 9",
    "version": "91.0.4472.114",
    "ip_address": "127.0.0.1",
    "originating_url": "https://shop.example/",
}
BROWSER_SHOWN = {
    "name": "Chrome 9",
    "version": "91.0.4472.114",
    "ipAddress": "127.0.0.1",
    "originatingUrl": "https://shop.example/",
}

# Kind → channel, details as they come in, and as they are shown.
VARIANTS = {
    "Chat": ("WidgetChat", {"browser": BROWSER, "language": "en"}, {"browserInfo": BROWSER_SHOWN, "language": "en"}),
    "Messenger": (
        "Messenger",
        {"browser": {"name": "Safari"}, "language": "de"},
        {"browserInfo": {"name": "Safari"}, "language": "de"},
    ),
    "ContactForm": (
        "ContactForm",
        {
            "from_email": "a@b.de",
            "to_email": "c@d.de",
            "integration_email": "e@f.de",
            "language": "en",
            "subject": "Help",
        },
        {"fromEmail": "a@b.de", "toEmail": "c@d.de", "integrationEmail": "e@f.de", "language": "en", "subject": "Help"},
    ),
    "Email": (
        "Email",
        {
            "from_email": "a@b.de",
            "to_email": "c@d.de",
            "integration_email": "e@f.de",
            "language": "en",
            "subject": "Help",
        },
        {"toEmail": "c@d.de", "fromEmail": "a@b.de", "integrationEmail": "e@f.de", "language": "en", "subject": "Help"},
    ),
    "Generic": (
        "Callback",
        {"from_contact_point_id": "here", "to_contact_point_id": "there"},
        {"fromContactPointId": "here", "toContactPointId": "there"},
    ),
    "Sms": (
        "Sms",
        {"from_number": "+4930123456", "to_number": "+4930123457"},
        {"fromNumber": "+4930123456", "toNumber": "+4930123457"},
    ),
    "Twitter": (
        "Twitter",
        {"twitter_type": "DirectMessage", "contact_point_twitter_id": "1", "end_user_twitter_id": "2"},
        {"conversationType": "DirectMessage", "contactPointTwitterId": "1", "endUserTwitterId": "2"},
    ),
    "FacebookMessenger": ("FacebookMessenger", {}, {}),
    "PstnPhone": ("Voicemail", {}, {}),
    "WhatsApp": ("WhatsApp", {}, {}),
}

# Beyond what a floating point number counts, and the largest there is.
LARGE = [2**53 + 1, 2**63 - 1]


def whole(contact, kind, number):
    """A record with everything that a conversation can have, and how it is shown."""
    channel, details, shown = VARIANTS[kind]
    record = conversation(
        contact,
        conversation_id=number,
        kind=kind,
        channel=channel,
        direction="Internal",
        state="Pending",
        state_changed_at="2020-12-16T09:41:43.5Z",
        assignment={"agent_id": AGENT, "assigned_at": "2020-12-16T11:00:34Z"},
        queue={"id": QUEUE, "queued_at": "2020-12-16T10:40:40Z"},
        link={"parent_id": 2**53 + 3, "kind": "SideConversation"},
        transport_expires_at="2021-12-16T09:41:43Z",
        details=details,
        created_at="2020-12-16T09:41:43Z",
    )
    return record, {
        "id": number,
        "requesterId": contact,
        "channel": channel,
        "createdAt": "2020-12-16T09:41:43Z",
        "direction": "Internal",
        "state": "Pending",
        "stateUpdatedAt": "2020-12-16T09:41:43Z",
        "assignment": {"agentId": AGENT, "assignedAt": "2020-12-16T11:00:34Z"},
        "queue": {"id": QUEUE, "queuedAt": "2020-12-16T10:40:40Z"},
        **shown,
        "link": {"parentId": 2**53 + 3, "_type": "SideConversation"},
        "transportExpiresAt": "2021-12-16T09:41:43Z",
        "_type": f"{kind}Conversation",
    }


@pytest.mark.parametrize("kind", VARIANTS)
def test_conversation_is_shown_with_all_that_its_variant_has(desk, kind):
    contact = desk.create(displayName="Ada")["id"]
    record, expected = whole(contact, kind, LARGE[0])
    definition = text_definition("conversation")
    desk.take_in(definition, record)
    path = f"/conversations/{LARGE[0]}"
    (listed,) = desk.data("GET", f"/endusers/{contact}/conversations")
    assert listed == expected, "without attributes, of which the vendor's list has none"
    assert desk.data("GET", path) == {**expected, "customAttributes": []}
    attributes = desk.data("PATCH", f"{path}/custom-attributes", {definition["definition_id"]: "x"})
    assert desk.data("GET", path) == {**expected, "customAttributes": attributes}
    assert desk.data("GET", f"/endusers/{contact}/conversations") == [expected]


@pytest.mark.parametrize("kind", VARIANTS)
def test_conversation_of_which_little_is_known_has_no_other_members(desk, kind):
    contact = desk.create()["id"]
    channel, details, shown = VARIANTS[kind]
    required = {
        "ContactForm": ["from_email"],
        "Email": ["from_email", "to_email", "integration_email"],
        "Twitter": ["twitter_type"],
    }
    names = {
        "from_email": "fromEmail",
        "to_email": "toEmail",
        "integration_email": "integrationEmail",
        "twitter_type": "conversationType",
    }
    needed = required.get(kind, [])
    record = {
        "type": "contact_conversation",
        "conversation_id": 1,
        "contact_id": contact,
        "kind": kind,
        "channel": channel,
        "details": {name: details[name] for name in needed},
        "created_at": "2020-12-16T09:41:43Z",
    }
    desk.take_in(record)
    expected = {
        "id": 1,
        "requesterId": contact,
        "channel": channel,
        "createdAt": "2020-12-16T09:41:43Z",
        **{names[name]: shown[names[name]] for name in needed},
        "_type": f"{kind}Conversation",
    }
    assert desk.data("GET", f"/endusers/{contact}/conversations") == [expected]
    assert desk.data("GET", "/conversations/1") == {**expected, "customAttributes": []}


@pytest.mark.parametrize("kind", VARIANTS)
def test_anonymized_conversation_keeps_what_tells_nothing_of_anybody(desk, kind):
    contact = desk.create()["id"]
    record, before = whole(contact, kind, LARGE[1])
    desk.take_in({**record, "state": "Closed"})
    path = f"/conversations/{LARGE[1]}"
    request = desk.data("PATCH", f"{path}/anonymize", status=202)
    assert request["targetEntityId"] == str(LARGE[1])
    desk.processed(request["id"])
    found = desk.data("GET", path)
    kept = ("id", "requesterId", "channel", "createdAt", "direction", "stateUpdatedAt", "link", "transportExpiresAt")
    assert found.pop("anonymizedAt").endswith("Z")
    assert found == {
        **{name: before[name] for name in kept},
        "state": "Closed",
        "customAttributes": [],
        "_type": "AnonymizedConversation",
    }


def test_every_channel_direction_state_link_and_id_is_shown_as_it_came(desk):
    contact = desk.create()["id"]
    channels = [
        "WhatsApp",
        "Voicemail",
        "WidgetChat",
        "FacebookMessenger",
        "Twitter",
        "Email",
        "ContactForm",
        "Callback",
        "PstnPhone",
        "Sms",
        "Messenger",
    ]
    directions = ["Inbound", "Outbound", "Internal"]
    states = ["AwaitingPending", "Closed", "Open", "Pending"]
    links = ["EmailForward", "FollowUp", "SideConversation"]
    records, expected = [], []
    for place, channel in enumerate(channels):
        number = 2**62 + place
        link = links[place % 3]
        direction, state = directions[place % 3], states[place % 4]
        records.append(
            conversation(
                contact,
                conversation_id=number,
                channel=channel,
                direction=direction,
                state=state,
                link={"parent_id": 2**63 - 1, "kind": link},
            )
        )
        expected.append((number, channel, direction, state, {"parentId": 2**63 - 1, "_type": link}))
    desk.take_in(*records)
    found = desk.data("GET", f"/endusers/{contact}/conversations")
    assert [(one["id"], one["channel"], one["direction"], one["state"], one["link"]) for one in found] == expected
    # As digits, not as text and not rounded.
    text = desk.get(f"/endusers/{contact}/conversations").text
    assert f'"id":{2**62}' in text.replace(" ", "") and f'"parentId":{2**63 - 1}' in text.replace(" ", "")


def test_conversation_is_found_by_the_external_id_of_its_contact(desk):
    made = desk.create(externalId="#77")
    record = conversation(None, contact_external_id="#77")
    del record["contact_id"]
    desk.take_in(record)
    (found,) = desk.data("GET", f"/endusers/{made['id']}/conversations")
    assert (found["id"], found["requesterId"]) == (record["conversation_id"], made["id"])


def test_conversations_are_those_of_their_contact_only(desk):
    one, other = desk.create()["id"], desk.create()["id"]
    talks = [conversation(one), conversation(other), conversation(one)]
    desk.take_in(*talks)
    ids = lambda contact: [found["id"] for found in desk.data("GET", f"/endusers/{contact}/conversations")]
    assert ids(one) == [talks[0]["conversation_id"], talks[2]["conversation_id"]]
    assert ids(other) == [talks[1]["conversation_id"]]
    assert desk.get(f"/endusers/{NOBODY}/conversations").status_code == 404
    assert desk.get(f"/endusers/{uuid.uuid4()}/conversations").status_code == 404
