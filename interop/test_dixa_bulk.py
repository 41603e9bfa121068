"""Bulk calls of the second dialect: each item by itself, in its order, with the texts of the vendor's examples."""

import re
import uuid

import pytest

from desk import NOBODY, phone, told
from support import address


def bulk(desk, method, items):
    path, status = ("/endusers/bulk", 201) if method == "POST" else ("/endusers", 200)
    return desk.data(method, path, {"data": items}, status=status)


def error(outcome):
    assert list(outcome) == ["error", "_type"] and outcome["_type"] == "BulkActionFailure", outcome
    return outcome["error"]


def success(outcome):
    assert list(outcome) == ["data", "_type"] and outcome["_type"] == "BulkActionSuccess", outcome
    return outcome["data"]


@pytest.fixture
def taken(desk):
    return desk.create(displayName="First", email=address(), phoneNumber=phone())


@pytest.mark.parametrize(("member", "token"), [("email", "EmailExists"), ("phoneNumber", "PhoneNumberExists")])
def test_failed_creation_is_told_in_the_vendors_words(desk, org, taken, member, token):
    (outcome,) = bulk(desk, "POST", [{member: taken[member]}])
    failed = error(outcome)
    assert list(failed) == ["id", "message", "_type"] and failed["_type"] == "Validation"
    made = re.fullmatch(
        r"Create EndUser \[userId=(.+)\] in \[orgId=(.+)\] failed with \[errors=(.+)\]", failed["message"]
    )
    assert made.groups() == (str(uuid.UUID(failed["id"])), org.made["org_uuid"], token)
    assert desk.get(f"/endusers/{failed['id']}").status_code == 404, "nothing was made under that id"


@pytest.mark.parametrize(("member", "token"), [("email", "EmailExists"), ("phoneNumber", "PhoneNumberExists")])
def test_failed_patch_and_update_are_told_in_the_vendors_words(desk, org, taken, member, token):
    made = desk.create(displayName="Second")
    (outcome,) = bulk(desk, "PATCH", [{"id": made["id"], member: taken[member]}])
    assert error(outcome) == {
        "id": made["id"],
        "message": f"Updating EndUser [id={made['id']}] in [org={org.made['org_uuid']}] failed with [errors={token}]",
        "_type": "Validation",
    }
    (outcome,) = bulk(desk, "PUT", [{"id": made["id"], "displayName": "x", member: taken[member]}])
    assert error(outcome) == {
        "id": made["id"],
        "message": f"Updating EndUser [id:{made['id']}] failed with [errors:{token}]",
        "_type": "Validation",
    }
    assert desk.contact(made["id"]) == made


def test_every_error_of_an_item_is_named(desk, taken):
    (outcome,) = bulk(desk, "POST", [{"email": taken["email"], "phoneNumber": taken["phoneNumber"]}])
    assert "EmailExists" in error(outcome)["message"] and "PhoneNumberExists" in error(outcome)["message"]


def test_unknown_and_anonymized_contacts_are_not_found_in_their_item(desk):
    gone = desk.create(displayName="Gone")
    desk.processed(desk.data("PATCH", f"/endusers/{gone['id']}/anonymize", status=202)["id"])
    for method, change in (("PATCH", {"firstName": "x"}), ("PUT", {"displayName": "x"})):
        outcomes = bulk(desk, method, [{"id": NOBODY, **change}, {"id": gone["id"], **change}])
        for outcome, one in zip(outcomes, (NOBODY, gone["id"]), strict=True):
            failed = error(outcome)
            assert (failed["_type"], failed["id"]) == ("NotFound", one) and failed["message"]


@pytest.mark.parametrize("nothing", [{}, {"firstName": None}, {"unknown": 1}, {"additionalEmails": None}])
def test_patch_that_says_nothing_is_an_empty_one(desk, taken, nothing):
    (outcome,) = bulk(desk, "PATCH", [{"id": taken["id"], **nothing}])
    assert (error(outcome)["_type"], error(outcome)["id"]) == ("EmptyPatchSet", taken["id"])
    text = told(desk.patch(f"/endusers/{taken['id']}", nothing), 400)
    assert "EmptyPatchSet" in text


def test_later_items_see_what_earlier_ones_did(desk, taken):
    email, number = address(), phone()
    outcomes = bulk(desk, "POST", [{"email": email}, {"email": email.upper()}, {"additionalEmails": [email]}])
    assert success(outcomes[0])["email"] == email
    assert all("EmailExists" in error(outcome)["message"] for outcome in outcomes[1:])
    one, two = taken["id"], success(outcomes[0])["id"]
    # An address changes hands, and then it is free no more.
    outcomes = bulk(
        desk,
        "PUT",
        [
            {"id": one, "displayName": "gives its address away"},
            {"id": two, "displayName": "takes it", "email": taken["email"]},
            {"id": one, "displayName": "wants it back", "email": taken["email"]},
            {"id": one, "displayName": "takes another", "email": email},
        ],
    )
    kinds = [outcome["_type"] == "BulkActionSuccess" for outcome in outcomes]
    assert kinds == [True, True, False, True]
    outcomes = bulk(
        desk, "PATCH", [{"id": one, "firstName": "A"}, {"id": one, "lastName": "B"}, {"id": one, "phoneNumber": number}]
    )
    last = success(outcomes[2])
    assert (last["firstName"], last["lastName"], last["phoneNumber"]) == ("A", "B", number)
    assert "lastName" not in success(outcomes[0])
    assert desk.contact(one) == last


def test_items_that_fail_undo_no_others_wherever_they_stand(desk, taken):
    items = [{"displayName": str(n), "email": taken["email"] if n % 3 == 0 else address()} for n in range(30)]
    outcomes = bulk(desk, "POST", items)
    for number, outcome in enumerate(outcomes):
        if number % 3 == 0:
            error(outcome)
        else:
            assert success(outcome)["displayName"] == str(number)
    assert [one["displayName"] for one in desk.list()] == ["First", *(str(n) for n in range(30) if n % 3)]


@pytest.mark.parametrize("body", [{}, {"data": []}, {"data": None}, {"other": 1}])
def test_bulk_call_about_nobody_answers_nothing(desk, body):
    for method, path, status in (
        ("POST", "/endusers/bulk", 201),
        ("PATCH", "/endusers", 200),
        ("PUT", "/endusers", 200),
    ):
        answer = desk.request(method, path, body)
        assert (answer.status_code, answer.json()) == (status, {"data": []}), (method, body)


@pytest.mark.parametrize(
    ("method", "items"),
    [
        ("POST", "x"),
        ("POST", {}),
        ("POST", [1]),
        ("POST", [{"displayName": 1}]),
        ("PATCH", [{"firstName": "no id"}]),
        ("PATCH", [{"id": "x", "firstName": "y"}]),
        ("PATCH", [{"id": None, "firstName": "y"}]),
        ("PATCH", [{"id": NOBODY, "middleNames": "x"}]),
        ("PUT", [{"displayName": "no id"}]),
        ("PUT", [{"id": NOBODY}]),
        ("PUT", [{"id": NOBODY, "displayName": None}]),
        ("PUT", [{"id": 1, "displayName": "x"}]),
    ],
)
def test_item_that_cannot_be_decoded_fails_the_whole_call(desk, taken, method, items):
    good = {"id": taken["id"], "displayName": "Changed"}
    if isinstance(items, list):
        items = [good, *items]
    path = "/endusers/bulk" if method == "POST" else "/endusers"
    assert told(desk.request(method, path, {"data": items}), 400).startswith("Invalid value for: body")
    assert desk.list() == [taken]


def test_more_than_a_thousand_items_are_too_many(desk):
    items = [{"displayName": str(number)} for number in range(1_001)]
    assert told(desk.post("/endusers/bulk", {"data": items}), 400).startswith("Invalid value for: body")
    changes = [{"id": str(uuid.uuid4()), "displayName": "x"} for _ in range(1_001)]
    for method in ("PATCH", "PUT"):
        assert told(desk.request(method, "/endusers", {"data": changes}), 400)
    assert desk.list() == []
    assert len(bulk(desk, "POST", items[:1_000])) == 1_000


def test_thousand_items_that_all_fail_still_succeed_as_a_call(desk, taken):
    outcomes = bulk(desk, "POST", [{"email": taken["email"]}] * 1_000)
    assert {error(outcome)["_type"] for outcome in outcomes} == {"Validation"}
    assert len({error(outcome)["id"] for outcome in outcomes}) == 1_000
    changes = [{"id": str(uuid.uuid4()), "firstName": "x"} for _ in range(1_000)]
    outcomes = bulk(desk, "PATCH", changes)
    assert [error(outcome)["id"] for outcome in outcomes] == [change["id"] for change in changes]
