"""An organization's operators, environments and values are nobody else's business, and neither confirmed nor denied."""

import pytest

from cockpit import NOBODY, PASSWORD, Cockpit, Office, Realm, failures, person, place, refused, table, told
from test_eva_users import operations


@pytest.fixture(scope="module")
def neighbour(server):
    made = Office(server)
    yield made
    made.close()


def test_an_administrator_of_another_organization_is_told_the_same_as_of_none(office, neighbour):
    someone = neighbour.admin.create()["uuid"]
    for method, path, body, _ in operations(someone):
        if "configuration" in path:
            continue
        there = office.admin.request(method, path, json=body, organization=neighbour.uuid)
        nowhere = office.admin.request(method, path, json=body, organization=NOBODY)
        assert told(there, 403) == told(nowhere, 403), (method, path)
    for answer in (office.admin.get(f"/{someone}"), office.admin.put(f"/{someone}", person()), office.admin.delete(f"/{someone}")):
        told(answer, 404)
    assert neighbour.admin.user(someone)
    upload = Cockpit(office.server, neighbour.uuid, office.admin.tokens).upload(table(neighbour.row()))
    told(upload, 403)


def test_environments_and_bots_of_another_organization_do_not_exist(office, neighbour):
    there = place(neighbour.sales, neighbour.seller)
    nowhere = place({"uuid": NOBODY}, {"uuid": NOBODY})
    reasons = {told(office.admin.post("", person(environments=[entry])), 400) for entry in (there, nowhere)}
    assert len(reasons) == 1
    mixed = told(office.admin.post("", person(environments=[place(office.sales, neighbour.seller)])), 400)
    unknown = told(office.admin.post("", person(environments=[place(office.sales, {"uuid": NOBODY})])), 400)
    assert mixed == unknown, "nor is its bot told to live elsewhere"
    row, other = neighbour.row(), office.row(bot=neighbour.seller["uuid"])
    assert [message for _, message in failures(office.admin.upload(table(row, other)), 400)] == [
        "The environment does not exist or is not active",
        "The bot does not exist or is not active",
    ]
    told(office.admin.put("/configuration", {"key": "k", "value": "v", "bot": neighbour.seller["uuid"]}), 400)


def test_one_address_may_be_an_operator_of_two_organizations_with_two_passwords(office, neighbour):
    email = person()["email"]
    here = office.admin.create(email=email, password=PASSWORD)
    there = neighbour.admin.create(email=email, password="Other-Horse-8")
    assert here["uuid"] != there["uuid"]
    assert office.sign_in(email).taken("GET", "/me")["uuid"] == here["uuid"]
    assert neighbour.sign_in(email, "Other-Horse-8").taken("GET", "/me")["uuid"] == there["uuid"]
    refused(office.realm.ask_by_password(email, "Other-Horse-8"), 401, "invalid_grant")
    one = office.admin.put("/configuration", {"key": "shared", "value": "here"})
    assert one.status_code == 200
    told(neighbour.admin.get("/configuration", params={"key": "shared"}), 404)


def test_a_token_is_refreshed_in_its_own_realm_only(office, neighbour):
    token = office.admin.tokens["refresh_token"]
    refused(neighbour.realm.ask(grant_type="refresh_token", refresh_token=token), 400, "invalid_grant")
    info = neighbour.realm.http.get(
        f"{neighbour.realm.url}/protocol/openid-connect/userinfo",
        headers={"Authorization": f"Bearer {office.admin.tokens['access_token']}"},
        timeout=30,
    )
    assert info.status_code == 401
    assert Realm(office.server, office.uuid).ask(grant_type="refresh_token", refresh_token=token).status_code == 200


def test_lists_and_suggestions_show_the_own_operators_only(office, neighbour):
    made = neighbour.admin.create(name="Unmistakable Ulla")
    assert office.admin.page(searchTerms="unmistakable")["totalElements"] == 0
    assert office.admin.taken("GET", "/quicksearch", params={"name": "unmistakable"}) == []
    assert neighbour.admin.taken("GET", "/quicksearch", params={"name": "unmistakable"}) == [made["name"]]
    everybody = office.admin.page(linesPerPage=1000)["content"]
    assert {user["orgUUID"] for user in everybody} == {office.uuid}
