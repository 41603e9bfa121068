"""The vendor's own document of the second dialect, when DENIZEN_PUBLISHED_SCHEMAS names the folder that holds it.

Answers are compared with it as they come by, over the whole session. What is known to differ is listed here with its
reason, and anything else fails. Two things are read into the document that its prose and examples say and its schemas do
not: alternatives are told apart by a member `_type` with the name of the alternative, and there are no other members
than those that are listed.
"""

import json
import os
import re
from pathlib import Path

from conformance import Document

# Name → (operation or None for any, pattern of all that may be said of an answer, why).
KNOWN_DIFFERENCES = {
    "who calls and how often": (
        None,
        r"status (401|403|429) is not documented",
        "Listed for three operations at most, though every operation has credentials and a rate.",
    ),
    "time with the name of a zone": (
        r".*[Aa]nonym.*|getCustom-attributes.*",
        r"\$\.data(\[\d+\])?\.(initiatedAt|processedAt|createdAt|updatedAt): "
        r"'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\[GMT\]' is not a 'date-time'",
        "Every published example has the zone behind the time, which no date-time has.",
    ),
    "type of entity as a word": (
        r".*[Aa]nonym.*",
        r"\$\.data\.entityType: '(User|Conversation|Message)AnonymizationType' is not valid under any of the given schemas",
        "Every published example is a text, where the schema says one of several empty objects.",
    ),
    "what is not there": (
        r"postAnonymization|getCustom-attributesCustomattributeid",
        r"status 404 is not documented",
        "Neither operation lists what it answers for an id that leads nowhere.",
    ),
    "conversations that are not closed": (
        "postAnonymization",
        r"status 409 is not documented",
        "Listed for the operations that took its place.",
    ),
}


class Published:
    """The document, and which of the known differences were met."""

    def __init__(self, document):
        self.document = Document(_with_its_prose(document), bodies_listed=False, error={"message": str})
        self.met = set()

    @classmethod
    def from_environment(cls):
        folder = os.environ.get("DENIZEN_PUBLISHED_SCHEMAS")
        return cls(json.loads((Path(folder) / "dixa.json").read_text())) if folder else None

    def problems(self, method, path, status, content_type, body):
        """What is wrong with an answer beyond the known differences, as a list of sentences."""
        # Published under `/beta` only; the pages of each operation say `/v1`.
        path = re.sub("^/+v1/", "/beta/", path)
        found = self.document.find(method, path)
        operation = found[1]["operationId"] if found else ""
        wrong = []
        for problem in self.document.problems(method, path, status, content_type, body):
            names = [
                name
                for name, (operations, pattern, _) in KNOWN_DIFFERENCES.items()
                if re.fullmatch(operations or ".*", operation) and re.fullmatch(pattern, problem)
            ]
            self.met.update(names)
            if not names:
                wrong.append(f"published {operation}: {problem}")
        return wrong


def _with_its_prose(document):
    schemas = document["components"]["schemas"]
    for schema in list(schemas.values()):
        for place in schema.get("oneOf", []):
            if "$ref" in place:
                name = place["$ref"].rpartition("/")[2]
                # Names are made unique with digits, and with the names of type arguments.
                word = re.sub(r"(\d+|_.*)$", "", name)
                schemas[name].setdefault("properties", {})["_type"] = {"const": word}
                schemas[name]["required"] = sorted({*schemas[name].get("required", []), "_type"})
    for schema in schemas.values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return document
