"""What was known of an anonymized contact is gone from every byte of what is stored, and its neighbours keep theirs.

Also when the server is killed amid the work.
"""

import json
import time
import uuid

import stores
from desk import Desk, conversation, message, text_definition
from test_erasure import jobs, traces, wait_for_jobs

NEIGHBOURS = 2_000
# So many that the server can be killed while it erases them.
MESSAGES = 10_000

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
NOTED = "fears-spiders-plmqx"
TALKS = {
    "topic": "divorce-hhvtx",
    "agent": str(uuid.uuid4()),
    "queue": str(uuid.uuid4()),
    "browser": "lynx-nnbgw",
    "version": "7.1-ccdrp",
    "address": "203.0.113.177",
    "page": "https://shop.example/ttwlq",
    "language": "tlh-ffkbz",
    "subject": "about-the-divorce-wzrkv",
    "from": "from-elsewhere@grzmnl.example",
    "to": "to-somewhere@ddpwv.example",
    "integration": "by-the-way@kkzlh.example",
    "number": "number-xxgtp",
    "twitter": "twitter-mmjdr",
}
SENDER, SAID, LONG = "sender-ppnlk", "i-am-so-lonely-jjkqz", "long-story-ggkfm"
# What was written over before.
EARLIER = {"displayName": "Vrbtsklon", "email": "vrbtsklon@quuxwick.example.com", "phoneNumber": "+447400555191"}
EARLIER_TALK, EARLIER_SAID = "was-asked-first-llgnr", "was-said-first-rrgxm"
# Of one who stays, and of whose conversations some goes.
GOES = ["gone-subject-ssvbt", "gone-topic-ffhrd", "gone-message-zzkwp", "gone-words-ccmqv", "gone-sender-nnwgb"]
STAYS = ["Stayingbert", "kept-subject-ttrxl", "kept-message-ddlzh"]


def words(fields):
    return [word for value in fields.values() for word in (value if isinstance(value, list) else [value])]


KNOWN = [*words(FIELDS), NOTED, *TALKS.values(), SENDER, SAID, LONG]


def neighbour(number, place):
    return {
        "displayName": f"Neighbour {number} from {place}",
        "email": f"neighbour{number}@example.org",
        "additionalEmails": [f"neighbour{number}@{place}.example.org"],
        "externalId": f"n{number}",
        "firstName": "y" * (number % 200 + 1),
    }


def mails(subject, sender="a@example.org", to="b@example.org", integration="c@example.org"):
    """What a conversation by mail has of its own."""
    details = {"from_email": sender, "to_email": to, "integration_email": integration, "subject": subject}
    return {"kind": "Email", "channel": "Email", "details": details}


def fill(desk):
    """Neighbours with conversations; in their midst one of whom everything is known, and one who keeps some of it."""
    definition, topic = text_definition(), text_definition(entity="conversation")
    desk.take_in(definition, topic)
    ids, made, other = [], None, None
    for half in range(2):
        numbers = range(half * NEIGHBOURS // 2, (half + 1) * NEIGHBOURS // 2)
        items = [neighbour(number, "berlin") for number in numbers]
        outcomes = desk.data("POST", "/endusers/bulk", {"data": items}, status=201)
        ids += [outcome["data"]["id"] for outcome in outcomes]
        if half == 0:
            made, other = desk.create(**EARLIER)["id"], desk.create(displayName=STAYS[0])["id"]
            chat = conversation(made, kind="Chat", channel="WidgetChat", details={"language": EARLIER_TALK})
            first = message(chat["conversation_id"], content=EARLIER_SAID)
            desk.take_in(chat, first)
    talks = [conversation(one, **mails("s" * (place % 250))) for place, one in enumerate(ids)]
    notes = [message(talk["conversation_id"], content="x" * (place % 700)) for place, talk in enumerate(talks)]
    desk.take_in(*talks, *notes)
    # Everything moves: rows grow, and are written over.
    for start in (0, NEIGHBOURS // 2):
        items = [{"id": ids[n], **neighbour(n, "łódź")} for n in range(start, start + NEIGHBOURS // 2)]
        assert all("data" in outcome for outcome in desk.data("PUT", "/endusers", {"data": items}))
    desk.data("PUT", f"/endusers/{made}", FIELDS)
    desk.data("PATCH", f"/endusers/{made}/custom-attributes", {definition["definition_id"]: NOTED})
    held = talk(desk, made, chat, first, topic["definition_id"])
    for place, one in enumerate(talks):
        one["details"]["subject"] = "t" * ((place * 7) % 250)
        notes[place]["content"] = "z" * ((place * 7) % 700)
    desk.take_in(*talks, *notes)

    noted = {"attributes": {topic["definition_id"]: GOES[1]}}
    goes, stays = conversation(other, **mails(GOES[0]), **noted), conversation(other, **mails(STAYS[1]))
    redacted = message(stays["conversation_id"], content=GOES[3], sender=GOES[4])
    said = [message(goes["conversation_id"], content=GOES[2]), message(stays["conversation_id"], content=STAYS[2])]
    desk.take_in(goes, stays, redacted, *said)
    known = {"made": made, "ids": ids, "held": held, "other": other, "goes": goes, "stays": stays}
    return known | {"redacted": redacted, "gone": said[0]}


def talk(desk, made, chat, first, topic):
    """Conversations of every kind that has something of its own; their numbers, in their order."""
    browser = {"name": TALKS["browser"], "version": TALKS["version"], "ip_address": TALKS["address"]}
    chat |= {
        "state": "Open",
        "details": {"language": TALKS["language"], "browser": {**browser, "originating_url": TALKS["page"]}},
        "attributes": {topic: TALKS["topic"]},
        "assignment": {"agent_id": TALKS["agent"], "assigned_at": "2026-01-05T10:00:00Z"},
        "queue": {"id": TALKS["queue"]},
    }
    first["content"] = f"{LONG} " * 3_000
    mail = mails(TALKS["subject"], TALKS["from"], TALKS["to"], TALKS["integration"])
    twitter = {"twitter_type": "Tweet", "end_user_twitter_id": TALKS["twitter"]}
    held = [
        chat,
        conversation(made, **mail),
        conversation(made, kind="Sms", channel="Sms", details={"from_number": TALKS["number"]}),
        conversation(made, kind="Twitter", channel="Twitter", details=twitter),
    ]
    numbers = [one["conversation_id"] for one in held]
    desk.take_in(*held, first)
    said = (f"{SAID} {n} " * (n % 9 + 1) for n in range(MESSAGES))
    desk.take_in(*(message(numbers[n % 4], content=content, sender=SENDER) for n, content in enumerate(said)))
    return sorted(numbers)


def report(org, made):
    """How far the anonymization is, as the operator sees it, and whether that is a proof."""
    shown = org.server.command("user", "erased", "--org", org.slug, made, "--json", check=False)
    return shown.returncode == 0, json.loads(shown.stdout)


def messages_left(org, made):
    return next(of["rows"] for of in report(org, made)[1]["rows"] if of["table"] == "contact_message")


def anonymize(desk, known):
    """A conversation, a message, and the contact, of whom one conversation is open."""
    goes, redacted = known["goes"]["conversation_id"], known["redacted"]
    message_path = f"/conversations/{redacted['conversation_id']}/messages/{redacted['message_id']}"
    one = f"/endusers/{known['made']}/anonymize"
    assert desk.patch(one).status_code == 409
    paths = [f"/conversations/{goes}/anonymize", f"{message_path}/anonymize", f"{one}?force=true"]
    return [desk.data("PATCH", path, status=202)["id"] for path in paths]


def test_no_byte_of_what_is_stored_holds_anything_of_an_anonymized_contact(start):
    running = start()
    org = running.create_org()
    with Desk(org) as desk:
        known = fill(desk)
        made = known["made"]
        # Where it is before: otherwise nothing is shown by its absence.
        everything = [*KNOWN, *GOES, *STAYS]
        assert {word for _, word in traces(running.data, everything)} == set(everything)
        with stores.counting(running.data, "contact_message", org.slug) as count:
            all_there = count()
            asked = anonymize(desk, known)
            # As soon as the first go: there is not much time where the database lies in memory.
            end = time.monotonic() + 30
            while count() > all_there - MESSAGES // 20:
                assert time.monotonic() < end, "no message has gone"
            running.kill()
    stores.wait_until_left(running.data)
    is_proof, left = report(org, made)
    assert not is_proof and left["erased_at"] is not None and not left["exists"], left
    assert messages_left(org, made) > 0, "it was to be killed amid its work"

    running.start()
    # Another worker takes the job when the lease of the one that was killed has run out.
    wait_for_jobs(org)
    assert jobs(org) == []
    with Desk(org) as desk:
        for request_id in asked:
            desk.processed(request_id)
    gone = [*KNOWN, *words(EARLIER), EARLIER_TALK, EARLIER_SAID, *GOES]
    assert traces(running.data, gone) == set(), "while the server runs"
    running.kill()
    stores.wait_until_left(running.data)
    assert traces(running.data, gone) == set(), "after it was killed"
    running.start()
    assert traces(running.data, gone) == set(), "when it has started again"
    assert report(org, made)[0], report(org, made)
    with Desk(org) as desk:
        shows_what_stays(desk, known)
    assert running.command("check").returncode == 0
    org.close()


def shows_what_stays(desk, known):
    made, other = known["made"], known["other"]
    lists = ("additionalEmails", "additionalPhoneNumbers", "middleNames", "customAttributes")
    assert desk.contact(made).keys() == {"id", "createdAt", *lists}
    held = desk.data("GET", f"/endusers/{made}/conversations")
    assert [(talk["id"], talk["_type"]) for talk in held] == [
        (number, "AnonymizedConversation") for number in known["held"]
    ]
    assert {word for _, word in traces(desk.org.server.data, STAYS)} == set(STAYS)
    goes, stays = (known[name]["conversation_id"] for name in ("goes", "stays"))
    assert desk.data("GET", f"/conversations/{goes}")["_type"] == "AnonymizedConversation"
    assert desk.data("GET", f"/conversations/{stays}")["subject"] == STAYS[1]
    # Nor does a message come again under its id, in whichever conversation.
    again = [{**known[name], "conversation_id": stays} for name in ("gone", "redacted")]
    body = "".join(json.dumps(record) + "\n" for record in again)
    answer = desk.org.admin.http.post(f"/admin/v1/{desk.org.slug}/ingest", content=body.encode())
    assert answer.text.count('"result":"refused"') == 2, answer.text
    contacts = [contact for page in desk.pages(pageLimit=1_000) for contact in page["data"]]
    assert sorted(contact["id"] for contact in contacts) == sorted([made, other, *known["ids"]])
    one = next(contact for contact in contacts if contact.get("externalId") == "n7")
    assert one["displayName"] == "Neighbour 7 from łódź"
    assert desk.list(email="NEIGHBOUR7@example.org") == [one]
    (talk,) = desk.data("GET", f"/endusers/{one['id']}/conversations")
    assert (talk["_type"], talk["subject"]) == ("EmailConversation", "t" * 49)
