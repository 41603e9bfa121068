"""Values that programs keep for the operator who calls, in general and for one bot."""

import pytest

from cockpit import NOBODY, told


@pytest.fixture(scope="module")
def one(office):
    return office.operator(environments=[{"role": "SUPERVISOR", "environment": office.sales}])


def keep(one, **body):
    return one.taken("PUT", "/configuration", json=body)


def kept(one, **params):
    return one.taken("GET", "/configuration", params=params)


def test_a_value_is_kept_and_written_over(one):
    assert keep(one, key="theme", value="dark") == {"key": "theme", "value": "dark", "bot": None}
    assert keep(one, key="theme", value="light", bot=None) == {"key": "theme", "value": "light", "bot": None}
    assert kept(one, key="theme") == {"key": "theme", "value": "light", "bot": None}


def test_a_value_of_a_bot_comes_before_the_general_one_and_that_before_none(office, one):
    seller, closer = office.seller["uuid"], office.closer["uuid"]
    told(one.get("/configuration", params={"key": "zoom", "bot": seller}), 404)
    keep(one, key="zoom", value="1")
    assert kept(one, key="zoom", bot=seller) == {"key": "zoom", "value": "1", "bot": None}
    assert keep(one, key="zoom", value="2", bot=seller) == {"key": "zoom", "value": "2", "bot": seller}
    assert kept(one, key="zoom", bot=seller) == kept(one, key="zoom", botUUID=seller.upper())
    assert kept(one, key="zoom", bot=seller)["value"] == "2"
    for params in ({"bot": closer}, {"bot": NOBODY}, {"bot": "no id"}, {"bot": ""}, {}):
        assert kept(one, key="zoom", **params) == {"key": "zoom", "value": "1", "bot": None}
    keep(one, key="only", value="here", bot=seller)
    told(one.get("/configuration", params={"key": "only"}), 404)


@pytest.mark.parametrize("key", ["a b", "ключ", "a/b?c=d&e", "🎛", "x" * 255, "key ", "KEY", "key"])
def test_any_text_is_a_key_and_each_is_another(one, key):
    assert keep(one, key=key, value=f"of {key}")["key"] == key
    assert kept(one, key=key)["value"] == f"of {key}"


@pytest.mark.parametrize(("value", "text"), [("", ""), ("0", "0"), (7, "7"), (-1.5, "-1.5"), (True, "true"), ("日本\n", "日本\n")])
def test_numbers_and_truths_are_kept_as_their_text(one, value, text):
    assert keep(one, key="typed", value=value)["value"] == text
    assert kept(one, key="typed")["value"] == text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"value": "x"}, "key"),
        ({"key": "", "value": "x"}, "key"),
        ({"key": "  ", "value": "x"}, "key"),
        ({"key": "x" * 256, "value": "x"}, "key"),
        ({"key": 7, "value": "x"}, "key"),
        ({"key": "x"}, "value"),
        ({"key": "x", "value": None}, "value"),
        ({"key": "x", "value": {"a": 1}}, "value"),
        ({"key": "x", "value": "y" * (16 * 1024 + 1)}, "value"),
        ({"key": "x", "value": "y", "bot": NOBODY}, "bot"),
        ({"key": "x", "value": "y", "bot": "no id"}, "bot"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_name(one, body, field):
    assert field in told(one.put("/configuration", body), 400)


def test_nothing_is_found_without_a_key_or_under_one_that_nobody_set(one):
    assert "key" in told(one.get("/configuration"), 400)
    told(one.get("/configuration", params={"key": " "}), 400)
    told(one.get("/configuration", params={"key": "never set"}), 404)


def test_values_are_the_callers_own_whatever_organization_the_path_names(office, one):
    keep(one, key="mine", value="yes")
    for organization in (NOBODY, "no-id", office.slug):
        found = one.get("/configuration", params={"key": "mine"}, organization=organization)
        assert found.status_code == 200 and found.json()["value"] == "yes"
        put = one.put("/configuration", {"key": "mine", "value": "yes"}, organization=organization)
        assert put.status_code == 200
    told(office.admin.get("/configuration", params={"key": "mine"}), 404)
