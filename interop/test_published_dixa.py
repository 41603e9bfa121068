"""Answers of the second dialect against the vendor's own document: every one of the session is compared as it comes by.

What is left to show here is that each known difference is one. Collected only when there is a document to compare with.
"""

import uuid

from conformance import watcher
from desk import Desk, conversation, message, text_definition
from published import KNOWN_DIFFERENCES


def test_every_known_difference_is_one(desk):
    definition = text_definition()
    contact = desk.create(displayName="Ada")
    talk, said = conversation(contact["id"], state="Open"), uuid.uuid4()
    desk.take_in(definition, talk, message(talk["conversation_id"], message_id=str(said)))
    desk.get("/custom-attributes")
    desk.get(f"/custom-attributes/{uuid.uuid4()}")
    user = {"entityId": contact["id"], "_type": "User"}
    assert desk.post("/anonymization", user).status_code == 409
    assert desk.post("/anonymization", {**user, "forceAnonymization": True}).status_code == 200
    desk.post("/anonymization", {**user, "entityId": str(uuid.uuid4())})
    with Desk(desk.org, token="nobody.nothing") as stranger:
        assert stranger.get("/endusers").status_code == 401
    assert set(KNOWN_DIFFERENCES) <= watcher.published.met
