"""User variables: upserts, deletes, secrets and limits."""

import pytest

from support import locations


def upsert(name, value="value", is_secret=False):
    return {"name": name, "value": value, "is_secret": is_secret}


@pytest.fixture
def user_id(org):
    return org.invite()


@pytest.fixture
def modify(admin, user_id):
    return lambda **body: admin.post(f"/user/{user_id}/variable", body)


@pytest.fixture
def shown(admin, user_id):
    def read():
        user = admin.user(user_id)
        return user["nonsensitive_variables"], sorted(user["sensitive_variables"])

    return read


def test_variables_are_inserted_overwritten_and_deleted(modify, shown):
    answer = modify(upserts=[upsert("tier", "gold"), upsert("_seat", "3A")])
    assert (answer.status_code, answer.content) == (204, b"")
    assert shown() == ({"tier": "gold", "_seat": "3A"}, [])
    assert modify(upserts=[upsert("tier", "silver")], deletes=[{"name": "_seat"}]).status_code == 204
    assert shown() == ({"tier": "silver"}, [])
    assert modify().status_code == 204
    assert shown() == ({"tier": "silver"}, [])


def test_a_secret_value_is_never_answered(modify, shown, admin, user_id):
    assert modify(upserts=[upsert("pin", "4711-hush", True)]).status_code == 204
    assert shown() == ({}, ["pin"])
    for path in ("/user/", "/user/search/?query=ada", f"/user/{user_id}/user_model"):
        assert "4711-hush" not in admin.get(path).text


def test_a_variable_may_become_secret_and_plain_again(modify, shown):
    for secret, expected in ((False, ({"pin": "1"}, [])), (True, ({}, ["pin"])), (False, ({"pin": "1"}, []))):
        assert modify(upserts=[upsert("pin", "1", secret)]).status_code == 204
        assert shown() == expected


def test_deleting_what_is_not_there_is_a_bad_request_and_changes_nothing(modify, shown):
    modify(upserts=[upsert("kept")])
    answer = modify(upserts=[upsert("lost")], deletes=[{"name": "never_was"}])
    assert answer.status_code == 400 and isinstance(answer.json()["detail"], str)
    assert shown() == ({"kept": "value"}, [])


def test_a_twenty_first_plain_variable_is_a_bad_request(modify, shown):
    twenty = [upsert(f"name_{number}") for number in range(20)]
    assert modify(upserts=twenty).status_code == 204
    answer = modify(upserts=[upsert("one_more")])
    assert answer.status_code == 400 and isinstance(answer.json()["detail"], str)
    assert len(shown()[0]) == 20
    # Making room in the same call is enough, and overwriting needs none.
    assert (
        modify(upserts=[upsert("one_more"), upsert("name_1", "new")], deletes=[{"name": "name_0"}]).status_code == 204
    )
    assert len(shown()[0]) == 20 and shown()[0]["name_1"] == "new"


@pytest.mark.parametrize(
    "entry",
    [
        upsert("Upper"),
        upsert("x"),
        upsert("with-dash"),
        upsert("1st"),
        upsert("fine", ""),
        upsert("fine", "x" * 256),
        upsert("fine", 7),
        upsert("fine", is_secret="sometimes"),
        {"name": "fine", "value": "v"},
        {"value": "v", "is_secret": False},
    ],
    ids=str,
)
def test_an_invalid_variable_is_refused_at_its_place(modify, shown, entry):
    found = locations(modify(upserts=[upsert("good"), entry]))
    assert any(place[:3] == ("body", "upserts", 1) for place in found), found
    assert shown() == ({}, [])


def test_a_value_may_have_255_characters_of_any_script(modify, shown):
    assert modify(upserts=[upsert("long_one", "語" * 255)]).status_code == 204
    assert shown()[0] == {"long_one": "語" * 255}


def test_a_delete_without_a_name_is_refused_at_its_place(modify):
    assert ("body", "deletes", 0, "name") in locations(modify(deletes=[{}]))
