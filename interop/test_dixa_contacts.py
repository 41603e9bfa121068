"""What an end user may be: addresses and numbers that are one's own, what PATCH keeps and PUT clears, and the forms of values."""

import re
from datetime import UTC, datetime

import pytest

from desk import phone, phones, told
from support import address

CREATE = "Create EndUser [id:None] failed with [errors:{}]"


@pytest.mark.parametrize(
    ("spelling", "kept"),
    [
        ("+551155256325", "+551155256325"),
        ("+5566778899", "+5566778899"),
        ("+55 (11) 5525-6326", "+551155256326"),
        ("+1.234.567", "+1234567"),
        ("+123456789012345", "+123456789012345"),
    ],
)
def test_number_is_kept_as_digits_whatever_stands_between_them(desk, spelling, kept):
    made = desk.create(phoneNumber=spelling)
    assert made["phoneNumber"] == kept
    assert desk.list(phone=spelling) == desk.list(phone=kept) == [made]
    assert told(desk.post("/endusers", {"additionalPhoneNumbers": [kept]}), 400) == CREATE.format("PhoneNumberExists")


@pytest.mark.parametrize(
    "number", ["", " ", "x", "5566778899", "+123456", "+1234567890123456", "+12345a78", "++1234567", "+"]
)
def test_text_that_is_no_number_is_refused(desk, number):
    for body in ({"phoneNumber": number}, {"additionalPhoneNumbers": [number]}):
        text = told(desk.post("/endusers", body), 400)
        assert text == CREATE.format("InvalidPhoneNumber"), text
    made = desk.create()
    (outcome,) = desk.data("PATCH", "/endusers", {"data": [{"id": made["id"], "phoneNumber": number}]})
    assert outcome["error"]["_type"] == "Validation" and "InvalidPhoneNumber" in outcome["error"]["message"]
    assert desk.list() == [made]


@pytest.mark.parametrize(
    "email", ["", " ", "x", "@", "a@", "@b", "a@b@c", "a b@c.de", "a@b c", "a\n@b", "x" * 250 + "@b.de"]
)
def test_text_that_is_no_address_is_refused(desk, email):
    for body in ({"email": email}, {"additionalEmails": [email]}):
        assert told(desk.post("/endusers", body), 400) == CREATE.format("InvalidEmail")
    assert desk.list() == []


def test_address_is_kept_as_it_came_and_compared_without_letter_case(desk):
    email = address("Ada.LOVELACE").replace("example", "Example")
    made = desk.create(email=email)
    assert made["email"] == email
    assert told(desk.post("/endusers", {"email": email.lower()}), 400) == CREATE.format("EmailExists")
    # Its own address in another spelling is no other contact's.
    changed = desk.data("PATCH", f"/endusers/{made['id']}", {"email": email.upper()})
    assert changed["email"] == email.upper()


def test_lists_are_sets_and_do_not_repeat_the_primary_value(desk):
    email, other, number, second = address(), address(), phone(), phone()
    made = desk.create(
        email=email,
        additionalEmails=[other, email.upper(), other, other.title()],
        phoneNumber=number,
        additionalPhoneNumbers=[number, second, second[:3] + " " + second[3:]],
        middleNames=["A", "A", "B"],
    )
    assert made["additionalEmails"] == [other] and made["additionalPhoneNumbers"] == [second]
    assert made["middleNames"] == ["A", "A", "B"], "no set"
    # What becomes the primary one is an additional one no more.
    changed = desk.data("PATCH", f"/endusers/{made['id']}", {"email": other})
    assert (changed["email"], changed["additionalEmails"]) == (other, [])
    assert desk.create(email=email)["email"] == email, "the old one is free"


def test_primary_value_may_be_taken_from_the_own_additional_ones(desk):
    one, two = phones(2)
    made = desk.create(phoneNumber=one, additionalPhoneNumbers=[two])
    changed = desk.data("PATCH", f"/endusers/{made['id']}", {"phoneNumber": two, "additionalPhoneNumbers": [one]})
    assert (changed["phoneNumber"], changed["additionalPhoneNumbers"]) == (two, [one])


def test_values_are_unique_over_primary_and_additional_ones_and_over_both_of_a_contact(desk):
    one = desk.create(
        email=address(), additionalEmails=[address()], phoneNumber=phone(), additionalPhoneNumbers=[phone()]
    )
    other = desk.create(displayName="Other")
    before = desk.list()
    for member, values, token in (
        ("Email", [one["email"], *one["additionalEmails"]], "EmailExists"),
        ("PhoneNumber", [one["phoneNumber"], *one["additionalPhoneNumbers"]], "PhoneNumberExists"),
    ):
        for value in values:
            for body in ({member[0].lower() + member[1:]: value}, {f"additional{member}s": [value]}):
                assert told(desk.post("/endusers", body), 400) == CREATE.format(token)
                assert token in told(desk.patch(f"/endusers/{other['id']}", body), 400)
                assert token in told(desk.put(f"/endusers/{other['id']}", {"displayName": "x", **body}), 400)
    assert desk.list() == before


def test_external_ids_may_be_shared(desk):
    made = [desk.create(externalId="#1") for _ in range(3)]
    assert desk.list(externalId="#1") == made
    assert desk.list(externalId="#") == []


MEMBERS = {
    "displayName": "Ada",
    "firstName": "A",
    "lastName": "L",
    "middleNames": ["B"],
    "externalId": "#1",
    "avatarUrl": "https://pictures.example/a.png",
}


@pytest.mark.parametrize("member", [*MEMBERS, "email", "phoneNumber", "additionalEmails", "additionalPhoneNumbers"])
def test_put_clears_what_it_leaves_out_and_patch_keeps_it(desk, member):
    fields = {
        **MEMBERS,
        "email": address(),
        "phoneNumber": phone(),
        "additionalEmails": [address()],
        "additionalPhoneNumbers": [phone()],
    }
    made = desk.create(**fields)
    one = f"/endusers/{made['id']}"
    without = {name: value for name, value in fields.items() if name != member}
    assert desk.data("PATCH", one, without) == made
    assert desk.data("PATCH", one, {**without, member: None}) == made, "null is as good as nothing"
    if member == "displayName":
        for body in (without, {**without, member: None}):
            assert told(desk.put(one, body), 400).startswith("Invalid value for: body")
        assert desk.contact(made["id"]) == made
        return
    for body in (without, {**without, member: None}):
        cleared = desk.data("PUT", one, body)
        empty = {member: []} if isinstance(fields[member], list) else {}
        assert cleared == {**{name: value for name, value in made.items() if name != member}, **empty}
        assert desk.data("PUT", one, fields) == made


def test_texts_are_kept_as_they_are(desk):
    texts = ["", " ", "Ada  Lovelace ", "Łódź 東京 🦊", "a\u0301", "<b>&amp;</b>", "' OR 1=1 --", "null", "x" * 255]
    for text in texts:
        made = desk.create(displayName=text, firstName=text, lastName=text, middleNames=[text])
        assert [made["displayName"], made["firstName"], made["lastName"], *made["middleNames"]] == [text] * 4
        assert desk.contact(made["id"]) == made


@pytest.mark.parametrize(
    ("body", "token"),
    [
        ({"displayName": "x" * 100_000}, "InvalidDisplayName"),
        ({"firstName": "a\0b"}, "InvalidFirstName"),
        ({"lastName": "a\x07b"}, "InvalidLastName"),
        ({"middleNames": ["x"] * 101}, "InvalidMiddleNames"),
        ({"externalId": "x" * 1_001}, "InvalidExternalId"),
        ({"additionalEmails": [f"{number}@example.com" for number in range(101)]}, "InvalidEmail"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_texts_and_lists_have_bounds_that_are_told(desk, body, token):
    text = told(desk.post("/endusers", body), 400)
    assert text == CREATE.format(token)
    assert desk.list() == []


def test_time_of_creation_is_utc_in_whole_seconds_and_stays(desk):
    before = datetime.now(UTC).replace(microsecond=0)
    made = desk.create(displayName="Ada")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", made["createdAt"])
    assert before <= datetime.fromisoformat(made["createdAt"]) <= datetime.now(UTC)
    changed = desk.data("PUT", f"/endusers/{made['id']}", {"displayName": "B"})
    assert changed["createdAt"] == made["createdAt"]


def test_contacts_can_come_in_by_ingestion_with_their_ids_and_times(desk):
    record = {
        "type": "contact",
        "contact_id": "93b885ad-fe0d-3089-8df6-34904fd59f71",
        "display_name": "Enduser 0",
        "email": address("enduser"),
        "external_id": "#12345678",
        "created_at": "2020-12-16T09:41:43.987Z",
    }
    desk.take_in(record)
    assert desk.contact(record["contact_id"]) == {
        "id": record["contact_id"],
        "createdAt": "2020-12-16T09:41:43Z",
        "displayName": "Enduser 0",
        "email": record["email"],
        "additionalEmails": [],
        "additionalPhoneNumbers": [],
        "middleNames": [],
        "externalId": "#12345678",
        "customAttributes": [],
    }
    later = desk.create(displayName="Later")
    assert [one["id"] for one in desk.list()] == [record["contact_id"], later["id"]]
