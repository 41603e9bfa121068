"""The client that was published in 2021 (`dixa` 0.1.0), unmodified, as far as its own models allow.

It knows `givenName` and `familyName`, which the present API ignores; every number has to be a mobile one, every address
one that an e-mail library takes; and its way through all pages takes links that begin with the path.
"""

import pytest

from desk import Desk, phone
from dixa_clients import Client2021, Error2021
from support import Server, address


@pytest.fixture(scope="module")
def relative(tmp_path_factory):
    """A server whose links from page to page are those that this client follows."""
    with Server(tmp_path_factory.mktemp("relative") / "data", config="[dixa]\nrelative_links = true\n") as running:
        yield running


@pytest.fixture
def desk(relative):
    org = relative.create_org()
    with Desk(org) as made:
        yield made
    org.close()


@pytest.fixture
def old(relative, desk):
    with Client2021(relative, desk.token) as client:
        yield client


def read(contact):
    """What this client's model makes of an answer."""
    return {
        "user_id": contact["id"],
        "created_at": contact["createdAt"].replace("Z", "+00:00"),
        "display_name": contact.get("displayName"),
        "given_name": None,
        "family_name": None,
        "middle_names": contact["middleNames"] or None,
        "email": contact.get("email"),
        "phone_number": contact.get("phoneNumber"),
        "is_agent": False,
    }


def test_user_is_posted_and_read_by_id_address_and_number(desk, old):
    fields = {"displayName": "Ada", "email": address(), "phoneNumber": phone(), "middleNames": ["B."]}
    made = old.post_end_user(user={"User": {**fields, "givenName": "Ada", "familyName": "L"}})
    stored = desk.contact(made["user_id"])
    assert made == read(stored)
    assert {name: stored[name] for name in fields} == fields
    assert "firstName" not in stored and "lastName" not in stored
    assert old.get_end_users(user_id=stored["id"]) == made
    assert old.get_end_users(email=fields["email"]) == made
    assert old.get_end_users(phone_number=fields["phoneNumber"]) == made


def test_users_are_posted_in_bulk(desk, old):
    users = [{"displayName": str(number), "email": address()} for number in range(3)]
    outcomes = old.post_end_users_bulk(
        user_list={"UserList": [*users, {"displayName": "3", "email": users[0]["email"]}]}
    )
    kinds = [outcome["_type"] for outcome in outcomes]
    assert kinds == ["BulkActionSuccess"] * 3 + ["BulkActionFailure"]
    assert [contact["email"] for contact in desk.list()] == [user["email"] for user in users]


def test_user_that_was_read_can_be_put_back(desk, old):
    made = desk.create(displayName="Ada", email=address(), firstName="Ada", middleNames=["B."])
    # Its payload has the id, and null for the names that its answer does not have.
    user = {"id": made["id"], "displayName": "Countess", "email": made["email"], "middleNames": []}
    updated = old.put_end_user(user={"User": user})
    assert updated == desk.contact(made["id"])
    assert (updated["displayName"], updated["middleNames"]) == ("Countess", []) and "firstName" not in updated


def test_user_is_put_and_patched_with_plain_data(desk, old):
    made = desk.create(displayName="Ada", firstName="Ada")
    patched = old.patch_end_user(user_id=made["id"], user_data={"lastName": "L"})
    assert patched == {**made, "lastName": "L"} | {"customAttributes": []}
    updated = old.put_end_user(user_id=made["id"], user_data={"displayName": "Countess"})
    assert updated == desk.contact(made["id"]) and "lastName" not in updated
    patched = old.patch_end_user(user={"User": {"id": made["id"], "displayName": "Lady"}})
    assert patched == desk.contact(made["id"]) and patched["displayName"] == "Lady"


@pytest.mark.parametrize("method", ["put_end_user", "patch_end_user"])
def test_list_of_users_is_put_whichever_method_is_called(desk, old, method):
    made = [desk.create(displayName=str(number), lastName="L") for number in range(3)]
    users = [{"id": contact["id"], "displayName": "New"} for contact in made]
    outcomes = getattr(old, method)(user_list={"UserList": users})
    assert [outcome["_type"] for outcome in outcomes] == ["BulkActionSuccess"] * 3
    assert [outcome["data"] for outcome in outcomes] == desk.list()
    assert all("lastName" not in outcome["data"] for outcome in outcomes)


def test_all_users_are_got_over_relative_links(desk, old):
    made = [desk.create(displayName=str(number)) for number in range(7)]
    for options in ({}, {"page_limit": 2}, {"page_limit": 7}):
        found = old.get_all_end_users(**options)
        assert [user["user_id"] for user in found["user_list"]] == [contact["id"] for contact in made], options


def test_pages_are_turned_by_their_keys_forth_and_back(desk, old):
    made = [desk.create(displayName=str(number))["id"] for number in range(5)]
    ids = lambda page: [user["user_id"] for user in page["user_list"]]
    first = old.get_end_users(page_limit=2)
    assert ids(first) == made[:2] and first["previous_page_key"] is None
    second = old.get_end_users(page_limit=2, page_key=first["next_page_key"])
    third = old.get_end_users(page_limit=2, page_key=second["next_page_key"])
    assert (ids(second), ids(third), third["next_page_key"]) == (made[2:4], made[4:], None)
    back = old.get_end_users(page_limit=2, page_key=third["previous_page_key"])
    assert ids(back) == made[2:4]


def test_keys_of_absolute_links_are_read_as_well(server, org):
    with Desk(org) as desk, Client2021(server, desk.token) as old:
        made = [desk.create(displayName=str(number))["id"] for number in range(3)]
        first = old.get_end_users(page_limit=2)
        second = old.get_end_users(page_limit=2, page_key=first["next_page_key"])
        assert [user["user_id"] for page in (first, second) for user in page["user_list"]] == made


def test_refusals_raise_its_error_with_status_and_body(desk, old):
    made = desk.create(displayName="Ada", email=address())
    with pytest.raises(Error2021) as caught:
        old.post_end_user(user={"User": {"email": made["email"]}})
    assert (caught.value.name, caught.value.status) == ("DixaApiError", 400)
    assert "Create EndUser [id:None] failed with [errors:EmailExists]" in caught.value.text
    with pytest.raises(Error2021) as caught:
        old.get_end_users(user_id="9deb936b-52e5-4c44-828d-4c8d48fe0c7e")
    assert (caught.value.name, caught.value.status) == ("DixaApiError", 404)
    with Client2021(desk.org.server, "nonsense") as stranger, pytest.raises(Error2021) as caught:
        stranger.get_end_users()
    assert (caught.value.name, caught.value.status) == ("DixaApiError", 401)


def test_this_client_cannot_look_for_an_address_that_nobody_has(old):
    with pytest.raises(Error2021) as caught:
        old.get_end_users(email="nobody@example.com")
    assert caught.value.name == "IndexError", "an empty list was answered, as it should"
