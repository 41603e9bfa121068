"""The help desk's side: raw HTTP with an organization's access token, and records for what comes in by ingestion.

It must not know what any test asserts: a helper here asserts only that its own step worked.
"""

import itertools
import json
import secrets
import uuid

from support import eventually, unique

# An id of nobody.
NOBODY = "9deb936b-52e5-4c44-828d-4c8d48fe0c7e"
NOT_FOUND = "The requested resource could not be found"

_numbers = itertools.count(secrets.randbelow(10**6) * 1_000)


def phone():
    """A fresh number that even a national numbering plan allows: of the British mobile networks."""
    return f"+447400{secrets.randbelow(10**6):06}"


def phones(count):
    """Fresh numbers, all different."""
    start = secrets.randbelow(10**9)
    return [f"+99{start + number:011}" for number in range(count)]


def told(answer, status):
    """The text of an error, whose body has to be nothing but that."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    assert list(body) == ["message"] and isinstance(body["message"], str) and body["message"]
    return body["message"]


class Desk:
    """A caller of the dialect whose paths name no organization: the token does."""

    def __init__(self, org, token=None, prefix="/v1", server=None):
        self.org, self.prefix = org, prefix
        self.token = token or org.made["dixa_token"]
        self.http = (server or org.server).client(headers={"Authorization": self.token})

    def request(self, method, path, json=None, **options):
        return self.http.request(method, self.prefix + path, json=json, **options)

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, json=None, **options):
        return self.request("POST", path, json, **options)

    def put(self, path, json=None, **options):
        return self.request("PUT", path, json, **options)

    def patch(self, path, json=None, **options):
        return self.request("PATCH", path, json, **options)

    def data(self, method, path, json=None, status=200, **options):
        """What is in the envelope of an answer that succeeds."""
        answer = self.request(method, path, json, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()["data"]

    def create(self, **fields):
        return self.data("POST", "/endusers", fields, status=201)

    def contact(self, contact_id):
        return self.data("GET", f"/endusers/{contact_id}")

    def list(self, **params):
        return self.data("GET", "/endusers", params=params)

    def pages(self, path="/endusers", **params):
        """Every page of a list, as whole answers, by its links."""
        answer = self.get(path, params=params)
        while True:
            assert answer.status_code == 200, answer.text
            page = answer.json()
            yield page
            link = page.get("meta", {}).get("next")
            if link is None:
                return
            answer = self.http.get(link)

    def take_in(self, *records):
        """Has records ingested, all of which are taken in."""
        body = "".join(json.dumps(record) + "\n" for record in records)
        answer = self.org.admin.http.post(f"/admin/v1/{self.org.slug}/ingest", content=body.encode(), timeout=120)
        assert answer.status_code == 200, answer.text
        *lines, last = [json.loads(line) for line in answer.text.splitlines()]
        summary = last["summary"]
        assert summary["lines"] == len(records) and summary["refused"] == 0, lines
        return lines

    def processed(self, request_id, seconds=30):
        """Waits until an anonymization is done, and returns its last state."""

        def done():
            state = self.data("GET", f"/anonymization/request/{request_id}")
            return state if "processedAt" in state else None

        return eventually(done, seconds=seconds, what="the anonymization")

    def close(self):
        self.http.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def text_definition(entity="contact", **more):
    """The record of an attribute that takes a text."""
    return _definition(entity, {"type": "text", "placeholder": "Anything"}, more)


def select_definition(options, entity="contact", **more):
    """The record of an attribute that takes a choice; `options` nest as dictionaries of values do."""
    return _definition(entity, {"type": "select", "options": _options(options)}, more)


def _definition(entity, entry, more):
    identifier = unique("attribute").replace("-", "_")
    return {
        "type": "attribute_definition",
        "definition_id": str(uuid.uuid4()),
        "entity": entity,
        "identifier": identifier,
        "label": identifier.replace("_", " ").capitalize(),
        "input": entry,
        "is_required": False,
        "is_archived": False,
        "is_deactivated": False,
        "created_at": "2026-01-05T10:00:00.123Z",
        **more,
    }


def _options(tree):
    return [
        {
            "id": str(uuid.uuid4()),
            "label": value.capitalize(),
            "value": value,
            "is_deactivated": False,
            "order_index": place,
            "nested_options": _options(nested),
        }
        for place, (value, nested) in enumerate(tree.items())
    ]


def conversation(contact_id, kind="Generic", channel="PstnPhone", state="Closed", **more):
    """The record of a conversation of a contact."""
    return {
        "type": "contact_conversation",
        "conversation_id": next(_numbers),
        "contact_id": contact_id,
        "kind": kind,
        "channel": channel,
        "state": state,
        "created_at": "2026-01-05T10:00:00Z",
        **more,
    }


def message(conversation_id, content="Hello", **more):
    """The record of a message in a conversation."""
    return {
        "type": "contact_message",
        "message_id": str(uuid.uuid4()),
        "conversation_id": conversation_id,
        "sender": "contact",
        "content": content,
        "created_at": "2026-01-05T10:00:00Z",
        **more,
    }
