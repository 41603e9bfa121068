"""What was known of an anonymized contact is gone from every byte of what is stored, and its neighbours have lost nothing."""

import stores
from desk import Desk, conversation, message, text_definition
from test_erasure import jobs, traces, wait_for_jobs

NEIGHBOURS = 1_000

# Words that nobody else uses, one for each thing that is known.
FIELDS = {
    "displayName": "Thessalonike of Ostrołęka",
    "email": "thessalonike.p@quuxwick.example.com",
    "phoneNumber": "+447400917351",
    "additionalEmails": ["tessa.private@wuxquick.example.com"],
    "additionalPhoneNumbers": ["+447400153719"],
    "firstName": "Thessalonike",
    "lastName": "Przybyszewska",
    "middleNames": ["Xenokleia"],
    "externalId": "customer-qwtzk-77",
    "avatarUrl": "https://pictures.example/xyzzyvorka.png",
}
EARLIER = {"displayName": "Vrbtsklon", "email": "vrbtsklon@quuxwick.example.com", "phoneNumber": "+447400555191"}
NOTED, SUBJECT, SAID = "fears-spiders-plmqx", "about-the-divorce-wzrkv", "i-am-so-lonely-hhvtx"
LONG, FROM, CHATTED = "long-story-nnbgw", "from-elsewhere@grzmnl.example", "203.0.113.177"


def words(fields):
    return [word for value in fields.values() for word in (value if isinstance(value, list) else [value])]


def neighbour(number, place):
    return {
        "displayName": f"Neighbour {number} from {place}",
        "email": f"neighbour{number}@example.org",
        "additionalEmails": [f"neighbour{number}@{place}.example.org"],
        "externalId": f"n{number}",
        "firstName": "y" * (number % 200 + 1),
    }


def fill(desk):
    """Neighbours with conversations, and in their midst one of whom everything is known; its id, and the neighbours'."""
    definition = text_definition()
    desk.take_in(definition)
    ids, made = [], None
    for half in range(2):
        numbers = range(half * NEIGHBOURS // 2, (half + 1) * NEIGHBOURS // 2)
        items = [neighbour(number, "berlin") for number in numbers]
        outcomes = desk.data("POST", "/endusers/bulk", {"data": items}, status=201)
        ids += [outcome["data"]["id"] for outcome in outcomes]
        if half == 0:
            made = desk.create(**EARLIER)["id"]
            mail = {"from_email": FROM, "to_email": "desk@example.com", "integration_email": "desk@example.com"}
            mails = conversation(made, kind="Email", channel="Email", details={**mail, "subject": SUBJECT})
            chat = conversation(
                made, kind="Chat", channel="WidgetChat", details={"browser": {"name": "x", "ip_address": CHATTED}}
            )
            said = [message(mails["conversation_id"], content=f"{SAID} {n} " * 20) for n in range(300)]
            said += [message(chat["conversation_id"], content=f"{LONG} " * 3_000)]
            desk.take_in(mails, chat, *said)
    talks = [conversation(one) for one in ids]
    notes = [message(talk["conversation_id"], content="x" * (place % 700)) for place, talk in enumerate(talks)]
    desk.take_in(*talks, *notes)
    # Everything moves: rows grow, and are written over.
    for start in (0, NEIGHBOURS // 2):
        items = [{"id": ids[n], **neighbour(n, "łódź")} for n in range(start, start + NEIGHBOURS // 2)]
        assert all("data" in outcome for outcome in desk.data("PUT", "/endusers", {"data": items}))
    desk.data("PUT", f"/endusers/{made}", FIELDS)
    desk.data("PATCH", f"/endusers/{made}/custom-attributes", {definition["definition_id"]: NOTED})
    return made, ids


def test_no_byte_of_what_is_stored_holds_anything_of_an_anonymized_contact(start):
    running = start()
    org = running.create_org()
    with Desk(org) as desk:
        made, neighbours = fill(desk)
        known = [*words(FIELDS), NOTED, SUBJECT, SAID, LONG, FROM, CHATTED]
        # Where it is before: otherwise nothing is shown by its absence.
        assert {word for _, word in traces(running.data, known)} == set(known)
        known += words(EARLIER)
        asked = desk.data("PATCH", f"/endusers/{made}/anonymize", status=202)
        desk.processed(asked["id"], seconds=60)
        wait_for_jobs(org)
        assert jobs(org) == []
        assert traces(running.data, known) == set(), "while the server runs"
        running.kill()
        stores.wait_until_left(running.data)
        assert traces(running.data, known) == set(), "after it was killed"
        running.start()
        assert traces(running.data, known) == set(), "when it has started again"
    with Desk(org) as desk:
        assert desk.contact(made).keys() == {
            "id",
            "createdAt",
            "additionalEmails",
            "additionalPhoneNumbers",
            "middleNames",
            "customAttributes",
        }
        contacts = [contact for page in desk.pages(pageLimit=1_000) for contact in page["data"]]
        assert sorted(contact["id"] for contact in contacts) == sorted([made, *neighbours])
        one = next(contact for contact in contacts if contact.get("externalId") == "n7")
        assert one["displayName"] == "Neighbour 7 from łódź"
        assert desk.list(email="NEIGHBOUR7@example.org") == [one]
        (talk,) = desk.data("GET", f"/endusers/{one['id']}/conversations")
        assert talk["_type"] == "GenericConversation"
    assert running.command("check").returncode == 0
    org.close()
