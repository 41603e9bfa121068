"""Custom attributes of the second dialect: definitions as they are shown, and what may be noted under them."""

import copy

import pytest

from desk import NOBODY, conversation, select_definition, text_definition, told

COLOURS = {"red": {}, "blue": {"navy": {"dark": {}}, "sky": {}}, "green": {}}
REFUSED = "Invalid input for patching"


def noted(attributes):
    return {attribute["id"]: attribute["value"] for attribute in attributes}


class Thing:
    """Something that attributes are noted of: a contact, or a conversation."""

    def __init__(self, desk, entity):
        self.desk, self.entity = desk, entity
        contact = desk.create(displayName="Ada")
        if entity == "contact":
            self.path = f"/endusers/{contact['id']}"
        else:
            talk = conversation(contact["id"])
            desk.take_in(talk)
            self.path = f"/conversations/{talk['conversation_id']}"

    def patch(self, changes):
        return self.desk.patch(f"{self.path}/custom-attributes", changes)

    def note(self, changes):
        answer = self.patch(changes)
        assert answer.status_code == 200, answer.text
        return noted(answer.json()["data"])

    def refuse(self, changes):
        text = told(self.patch(changes), 400)
        assert REFUSED in text, text
        return text

    def noted(self):
        return noted(self.desk.data("GET", self.path)["customAttributes"])


@pytest.fixture(params=["contact", "conversation"])
def thing(request, desk):
    return Thing(desk, request.param)


# ---- Definitions -------------------------------------------------------------------------------


def test_definitions_are_shown_with_every_member_in_both_time_formats_of_their_examples(desk):
    text = text_definition(description="What it is for")
    choice = select_definition(
        COLOURS,
        "conversation",
        is_required=True,
        is_deactivated=True,
        updated_at="2026-01-06T11:22:33.456789Z",
        created_at="2026-01-05T10:00:01Z",
    )
    bare = text_definition(is_archived=True, input={"type": "text"}, created_at="2026-01-05T10:00:02.2Z")
    desk.take_in(text, choice, bare)

    def options(nested):
        return [
            {
                "id": option["id"],
                "label": option["label"],
                "value": option["value"],
                "nestedOptions": options(option["nested_options"]),
                "isDeactivated": False,
                "orderIndex": option["order_index"],
            }
            for option in nested
        ]

    expected = [
        {
            "id": text["definition_id"],
            "entityType": "Contact",
            "identifier": text["identifier"],
            "label": text["label"],
            "inputDefinition": {"placeholder": "Anything", "_type": "Text"},
            "description": "What it is for",
            "createdAt": "2026-01-05T10:00:00.123Z[GMT]",
            "isRequired": False,
            "isArchived": False,
            "isDeactivated": False,
        },
        {
            "id": choice["definition_id"],
            "entityType": "Conversation",
            "identifier": choice["identifier"],
            "label": choice["label"],
            "inputDefinition": {"options": options(choice["input"]["options"]), "_type": "Select"},
            "createdAt": "2026-01-05T10:00:01.000Z[GMT]",
            "updatedAt": "2026-01-06T11:22:33.456Z[GMT]",
            "isRequired": True,
            "isArchived": False,
            "isDeactivated": True,
        },
        {
            "id": bare["definition_id"],
            "entityType": "Contact",
            "identifier": bare["identifier"],
            "label": bare["label"],
            "inputDefinition": {"_type": "Text"},
            "createdAt": "2026-01-05T10:00:02.200Z[GMT]",
            "isRequired": False,
            "isArchived": True,
            "isDeactivated": False,
        },
    ]
    assert desk.get("/custom-attributes").json() == {"data": expected}
    for one in expected:
        assert desk.get(f"/custom-attributes/{one['id']}").json() == {"data": one}


def test_organization_without_definitions_lists_none(desk):
    assert desk.get("/custom-attributes").json() == {"data": []}
    assert desk.get("/custom-attributes?pageLimit=x&pageKey=y").json() == {"data": []}, "there are no pages"


# ---- What is noted -----------------------------------------------------------------------------


def test_patch_notes_changes_and_removes_and_answers_all_that_is_left(thing):
    one, two = text_definition(thing.entity), text_definition(thing.entity)
    choice = select_definition(COLOURS, thing.entity)
    thing.desk.take_in(one, two, choice)
    first, second, third = (definition["definition_id"] for definition in (one, two, choice))
    assert thing.note({first: "a"}) == {first: "a"}
    assert thing.note({second: "b", third: ["red"]}) == {first: "a", second: "b", third: ["red"]}
    assert thing.note({first: "c", second: None}) == {first: "c", third: ["red"]}
    assert thing.note({second: None}) == {first: "c", third: ["red"]}, "what is not there can be removed"
    assert thing.note({}) == {first: "c", third: ["red"]}
    assert thing.noted() == {first: "c", third: ["red"]}
    assert thing.note({first.upper(): "d", third: []}) == {first: "d"}, "choosing nothing is noting nothing"


def test_attribute_has_label_and_identifier_of_its_definition_as_they_are_now(thing):
    definition = text_definition(thing.entity)
    thing.desk.take_in(definition)
    (attribute,) = thing.patch({definition["definition_id"]: "x"}).json()["data"]
    expected = {
        "id": definition["definition_id"],
        "name": definition["label"],
        "identifier": definition["identifier"],
        "value": "x",
    }
    assert attribute == expected and list(attribute) == list(expected)
    thing.desk.take_in({**definition, "label": "Another", "updated_at": "2026-02-01T00:00:00Z"})
    (attribute,) = thing.desk.data("GET", thing.path)["customAttributes"]
    assert attribute == {**expected, "name": "Another"}


@pytest.mark.parametrize(
    "path", [["red"], ["blue"], ["blue", "navy"], ["blue", "navy", "dark"], ["blue", "sky"], ["red", "green"]]
)
def test_choice_is_a_path_through_the_options_or_several_of_one_level(thing, path):
    choice = select_definition(COLOURS, thing.entity)
    thing.desk.take_in(choice)
    assert thing.note({choice["definition_id"]: path}) == {choice["definition_id"]: path}


@pytest.mark.parametrize(
    "value", [["pink"], ["Red"], ["navy"], ["red", "navy"], ["navy", "blue"], ["dark"], [""], "red", ["red", "pink"]]
)
def test_what_is_no_choice_is_refused(thing, value):
    choice = select_definition(COLOURS, thing.entity)
    thing.desk.take_in(choice)
    thing.note({choice["definition_id"]: ["green"]})
    thing.refuse({choice["definition_id"]: value})
    assert thing.noted() == {choice["definition_id"]: ["green"]}


def test_list_is_no_text(thing):
    definition = text_definition(thing.entity)
    thing.desk.take_in(definition)
    for value in (["x"], []):
        thing.refuse({definition["definition_id"]: value})
    assert thing.noted() == {}


def test_unknown_foreign_and_archived_definitions_are_refused_and_nothing_else_is_noted(thing):
    other = "conversation" if thing.entity == "contact" else "contact"
    good, foreign = text_definition(thing.entity), text_definition(other)
    archived = text_definition(thing.entity, is_archived=True)
    thing.desk.take_in(good, foreign, archived)
    for bad in (NOBODY, foreign["definition_id"], archived["definition_id"]):
        thing.refuse({good["definition_id"]: "x", bad: "y"})
        assert thing.noted() == {}


def test_definition_that_is_archived_later_is_shown_no_more(thing):
    definition = text_definition(thing.entity)
    thing.desk.take_in(definition)
    thing.note({definition["definition_id"]: "x"})
    thing.desk.take_in({**definition, "is_archived": True})
    assert thing.noted() == {} == thing.note({})
    thing.desk.take_in(definition)
    assert thing.noted() == {definition["definition_id"]: "x"}, "it was not lost"


def test_what_is_deactivated_keeps_what_was_noted_and_takes_nothing_new(thing):
    choice = select_definition(COLOURS, thing.entity)
    thing.desk.take_in(choice)
    one = choice["definition_id"]
    thing.note({one: ["red"]})
    without_red = copy.deepcopy(choice)
    without_red["input"]["options"][0]["is_deactivated"] = True
    thing.desk.take_in(without_red)
    assert thing.noted() == {one: ["red"]} == thing.note({one: ["red"]})
    thing.note({one: ["green"]})
    thing.refuse({one: ["red"]})
    thing.desk.take_in({**choice, "is_deactivated": True})
    assert thing.note({one: ["green"]}) == {one: ["green"]}
    thing.refuse({one: ["blue"]})
    assert thing.note({one: None}) == {}
    thing.refuse({one: ["green"]})


def test_required_attribute_is_not_taken_away(thing):
    text, choice = text_definition(thing.entity), select_definition(COLOURS, thing.entity)
    thing.desk.take_in({**text, "is_required": True}, {**choice, "is_required": True})
    first, second = text["definition_id"], choice["definition_id"]
    thing.note({first: "x", second: ["red"]})
    for change in ({first: None}, {second: None}, {second: []}):
        thing.refuse(change)
    assert thing.noted() == {first: "x", second: ["red"]}


@pytest.mark.parametrize(
    "body", [{"x": "y"}, {NOBODY + "x": "y"}, {NOBODY: 1}, {NOBODY: {}}, {NOBODY: [1]}, [], "x", None]
)
def test_body_that_is_no_map_of_ids_is_an_invalid_body(thing, body):
    answer = thing.desk.http.request(
        "PATCH", f"/v1{thing.path}/custom-attributes", json=body, headers={"Content-Type": "application/json"}
    )
    assert told(answer, 400).startswith("Invalid value for: body")


def test_nothing_is_noted_of_what_is_not_there(desk):
    for path in (f"/endusers/{NOBODY}/custom-attributes", "/conversations/404/custom-attributes"):
        assert told(desk.patch(path, {}), 404) == "The requested resource could not be found"


def test_attributes_are_shown_in_every_answer_about_an_end_user(desk):
    definition = text_definition()
    desk.take_in(definition)
    made = desk.create(displayName="Ada")
    one = f"/endusers/{made['id']}"
    expected = desk.data("PATCH", f"{one}/custom-attributes", {definition["definition_id"]: "x"})
    assert [attribute["value"] for attribute in expected] == ["x"]
    answers = [
        desk.contact(made["id"]),
        desk.list()[0],
        desk.data("PATCH", one, {"firstName": "A"}),
        desk.data("PUT", one, {"displayName": "B"}),
        desk.data("PATCH", "/endusers", {"data": [{"id": made["id"], "firstName": "A"}]})[0]["data"],
        desk.data("PUT", "/endusers", {"data": [{"id": made["id"], "displayName": "B"}]})[0]["data"],
    ]
    assert [answer["customAttributes"] for answer in answers] == [expected] * 6
