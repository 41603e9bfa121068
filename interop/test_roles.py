"""Roles, grants with conditions and what they let a caller see and do."""

import re

import pytest

from support import address, grant, locations, unique

SELF_ORG = "{self_org_id}"
SELF_USER = "{self_user_id}"
# The last two are of an older generation, whose clients require them.
ROLE_KEYS = {"id", "name", "description", "frontend_view", "permission_grants", "is_base_role", "inherited_from"}


def role_body(**changes):
    fields = {
        "role_name": unique("role"),
        "description": "A role",
        "permission_grants": [grant("User:GetUserInfo")],
        "frontend_view": "client",
    }
    return {name: value for name, value in {**fields, **changes}.items() if value is not ...}


def test_a_new_organization_has_the_four_default_roles(org):
    roles = org.roles()
    assert set(roles) == {
        "DefaultUserRole",
        "DefaultAdministratorRole",
        "DefaultAmigoAdministratorRole",
        "DefaultSuperAdministratorRole",
    }
    for name, role in roles.items():
        assert set(role) == ROLE_KEYS
        assert (role["is_base_role"], role["inherited_from"]) == (True, None)
        assert re.fullmatch("[a-f0-9]{24}", role["id"]) and role["description"]
        assert role["frontend_view"] == ("client" if name == "DefaultUserRole" else "admin")
        assert role["permission_grants"] == []


def test_a_role_is_created_and_read_back_with_its_grants(org, admin):
    conditions = {
        "org_id": SELF_ORG,
        "user_id": {"type": "In", "values": [SELF_USER, "someone"]},
        "email": {"type": "NotEquals", "value": "boss@example.com"},
        "is_verified": True,
    }
    grants = [grant("User:GetUserInfo", **conditions), grant("User:DeleteUser", action="Deny")]
    body = role_body(role_name="  Über Rolle / 1  ", permission_grants=grants, frontend_view="admin")
    answer = admin.post("/role/", body)
    assert answer.status_code == 201 and set(answer.json()) == {"role_id"}
    role_id = answer.json()["role_id"]
    for params in ({"id": role_id}, {"name": "Über Rolle / 1"}, {"id": role_id, "name": "Über Rolle / 1"}):
        roles = org.roles(return_permission_grants="true", **params)
        assert list(roles) == ["Über Rolle / 1"]
    role = roles["Über Rolle / 1"]
    assert (role["id"], role["description"], role["frontend_view"]) == (role_id, "A role", "admin")
    assert set(role) == ROLE_KEYS and (role["is_base_role"], role["inherited_from"]) == (False, None)
    assert role["permission_grants"] == [{**one, "description": None} for one in grants]
    assert org.roles(name="Über Rolle / 1")["Über Rolle / 1"]["permission_grants"] == []


def test_roles_are_filtered_by_id_and_name(org):
    names = [org.role("User:GetUserInfo") for _ in range(3)]
    ids = {name: role["id"] for name, role in org.roles(name=names[:2]).items()}
    assert set(ids) == set(names[:2])
    assert set(org.roles(id=list(ids.values()))) == set(names[:2])
    assert org.roles(name="nobody") == {} and org.roles(id="0" * 24) == {}
    assert any(place[:2] == ("query", "id") for place in locations(org.admin.get("/role/", params={"id": "x"})))


def test_the_dot_spelling_and_historic_keys_of_a_grant_are_accepted(org, admin):
    historic = {**grant("User.GetUserInfo"), "description": "old"}
    body = role_body(permission_grants=[historic], is_base_role=False, inherited_from=None)
    assert admin.post("/role/", body).status_code == 201


def test_a_taken_role_name_is_a_conflict(admin):
    body = role_body()
    assert admin.post("/role/", body).status_code == 201
    assert admin.post("/role/", body).status_code == 409


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"role_name": " "}, ("body", "role_name")),
        ({"role_name": "x" * 257}, ("body", "role_name")),
        ({"description": ""}, ("body", "description")),
        ({"frontend_view": "boss"}, ("body", "frontend_view")),
        ({"frontend_view": ...}, ("body", "frontend_view")),
        ({"permission_grants": ...}, ("body", "permission_grants")),
        ({"permission_grants": [{"permission_name": "User:GetUserInfo"}]}, ("body", "permission_grants", 0)),
        ({"permission_grants": [grant("User")]}, ("body", "permission_grants", 0)),
        ({"permission_grants": [grant("User:GetUserInfo", shoe_size=43)]}, ("body", "permission_grants", 0)),
        ({"permission_grants": [grant("User:GetUserInfo", is_verified="yes")]}, ("body", "permission_grants", 0)),
        (
            {"permission_grants": [grant("User:GetUserInfo", email={"type": "Like", "value": "%"})]},
            ("body", "permission_grants", 0),
        ),
        (
            {"permission_grants": [grant("User:GetUserInfo"), grant("User:GetUserInfo", action="Perhaps")]},
            ("body", "permission_grants", 1),
        ),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_an_invalid_role_is_refused_at_its_place(org, admin, changes, place):
    found = locations(admin.post("/role/", role_body(**changes)))
    assert any(seen[: len(place)] == place for seen in found), found
    assert len(org.roles()) == 4


def test_modifying_a_role_takes_effect_at_once_on_its_users(org, admin):
    name = org.role("User:GetUserInfo", name="shifting role")
    member = org.member(name)
    target = org.invite()
    assert member.delete(f"/user/{target}").status_code == 403
    both = [grant("User:GetUserInfo"), grant("User:DeleteUser")]
    answer = admin.post(f"/role/{name}", {"permission_grants": both, "description": None})
    assert answer.status_code == 200 and set(answer.json()) == {"role_id"}
    assert org.roles()[name]["id"] == answer.json()["role_id"] == admin.user(member.user_id)["role"]
    assert org.roles()[name]["description"] == "Made by a test"
    assert member.delete(f"/user/{target}").status_code == 200

    assert admin.post(f"/role/{name}", {"permission_grants": []}).status_code == 200
    # Who may not even see itself may call no user operation.
    assert member.get("/user/").status_code == 403


def test_only_given_fields_of_a_role_are_modified(org, admin):
    name = org.role("User:GetUserInfo")
    before = org.roles(return_permission_grants="true")[name]
    answer = admin.post(f"/role/{name}", {"description": " new words "})
    assert answer.json()["role_id"] == before["id"], "a description alone keeps the role's id"
    after = org.roles(return_permission_grants="true")[name]
    assert after == {**before, "description": "new words"}
    admin.post(f"/role/{name}", {"frontend_view": "admin"})
    assert org.roles()[name]["frontend_view"] == "admin"
    assert admin.post("/role/nobody", {"description": "x"}).status_code == 404


def test_assigning_a_role_changes_the_users_rights_at_once(org, admin):
    member = org.member()
    target = org.invite()
    assert member.user(target) is None
    name = org.role("User:GetUserInfo")
    answer = admin.post(f"/role/{name}/assign", {"user_id": member.user_id})
    assert (answer.status_code, answer.json()) == (200, {"role_id": org.roles()[name]["id"]})
    assert admin.user(member.user_id)["role"] == org.roles()[name]["id"]
    assert member.user(target) is not None
    assert admin.post(f"/role/{name}/assign", {"user_id": "nobody"}).status_code == 404
    assert admin.post("/role/nobody/assign", {"user_id": member.user_id}).status_code == 404
    assert ("body", "user_id") in locations(admin.post(f"/role/{name}/assign", {}))


def test_the_default_user_sees_and_changes_only_itself(org):
    member, other = org.member(), org.invite(first_name="Other")
    assert [user["user_id"] for user in member.users()] == [member.user_id]
    assert member.search("other") == [] and len(member.search("ada")) == 1
    assert member.post(f"/user/{member.user_id}", {"first_name": "Me"}).status_code == 204
    assert member.get(f"/user/{member.user_id}/user_model").status_code == 200
    for answer in (
        member.post(f"/user/{other}", {"first_name": "Mine"}),
        member.get(f"/user/{other}/user_model"),
        member.delete(f"/user/{other}"),
        member.post(f"/user/{other}/variable", {}),
    ):
        assert answer.status_code == 404, "who may not be seen is not found"
    assert member.delete(f"/user/{member.user_id}").status_code == 403


CONDITIONS = {
    "self": ({"user_id": SELF_USER}, {"self"}),
    "own organization": ({"org_id": SELF_ORG}, {"self", "admin", "ada", "bob", "eve"}),
    "another organization": ({"org_id": "elsewhere"}, set()),
    "address in any case": ({"email": "ADA@example.com"}, {"ada"}),
    "address in a list": (
        {"email": {"type": "In", "values": ["ada@example.com", "bob@example.com", "x@example.com"]}},
        {"ada", "bob"},
    ),
    "everybody but one": (
        {"email": {"type": "NotEquals", "value": "ada@example.com"}},
        {"self", "admin", "bob", "eve"},
    ),
    "verified": ({"is_verified": True}, {"self", "admin", "bob"}),
    "by role": ({"role_name": "DefaultAdministratorRole"}, {"eve"}),
    "two conditions": ({"is_verified": False, "role_name": "DefaultUserRole"}, {"ada"}),
    "contradiction": ({"email": "ada@example.com", "user_id": SELF_USER}, set()),
}


@pytest.fixture
def cast(org):
    ids = {
        "admin": org.made["member_id"],
        "ada": org.invite(email="ada@example.com"),
        "bob": org.invite(email="bob@example.com"),
        "eve": org.invite(email="eve@example.com", role="DefaultAdministratorRole"),
    }
    org.verify(ids["bob"])
    return ids


@pytest.mark.parametrize("case", CONDITIONS, ids=str)
def test_a_condition_filters_lists_search_and_single_users_alike(org, cast, case):
    conditions, expected = CONDITIONS[case]
    # Every user operation needs the permission to see oneself, so the caller is always among the visible.
    grants = [grant(name, **conditions) for name in ("User:GetUserInfo", "User:GetUserModel")]
    caller = org.member(org.role(*grants, grant("User:GetUserInfo", user_id=SELF_USER)), first_name="Self")
    cast["self"] = caller.user_id
    granted = {cast[name] for name in expected}
    visible = granted | {caller.user_id}
    assert {user["user_id"] for user in caller.users()} == visible
    assert {user["user_id"] for user in caller.search("example")} == visible
    paged = [user["user_id"] for user in walk(caller)]
    assert len(paged) == len(visible) and set(paged) == visible
    for user_id in cast.values():
        status = 200 if user_id in granted else 403 if user_id in visible else 404
        assert caller.get(f"/user/{user_id}/user_model").status_code == status


def test_who_may_not_see_itself_may_call_no_user_operation(org, cast):
    ada = {"email": "ada@example.com"}
    names = ("GetUserInfo", "GetUserModel", "UpdateUserInfo", "DeleteUser", "InviteUser")
    blind = org.member(org.role(*(grant(f"User:{name}", **ada) for name in names)))
    body = {"first_name": "A", "last_name": "B", "email": "ada@example.com", "role_name": "DefaultUserRole"}
    for answer in (
        blind.get("/user/"),
        blind.get("/user/search/", params={"query": "ada"}),
        blind.post("/user/", body),
        blind.post(f"/user/{cast['ada']}", {"first_name": "New"}),
        blind.post(f"/user/{cast['ada']}/variable", {}),
        blind.post(f"/user/{cast['ada']}/verify", {}),
        blind.get(f"/user/{cast['ada']}/user_model"),
        blind.delete(f"/user/{cast['ada']}"),
    ):
        assert answer.status_code == 403, answer.request.url
    assert org.admin.user(cast["ada"])["first_name"] == "Ada"


def walk(caller):
    """All users in pages of one: a page must be filled with visible users, never cut by invisible ones."""
    token = 0
    while True:
        body = caller.get("/user/", params={"limit": 1, "continuation_token": token}).json()
        yield from body["users"]
        if not body["has_more"]:
            return
        assert len(body["users"]) == 1
        token = body["continuation_token"]


def test_deny_wins_over_allow_whatever_their_order(org, cast):
    deny = grant("User:GetUserInfo", action="Deny", email="ada@example.com")
    allow = grant("User:GetUserInfo")
    for grants in ([deny, allow], [allow, deny]):
        caller = org.member(org.role(*grants))
        seen = {user["user_id"] for user in caller.users()}
        assert cast["bob"] in seen and cast["ada"] not in seen
        assert caller.search("ada@") == []


def test_who_is_seen_but_not_granted_is_forbidden_and_who_is_not_seen_is_not_found(org, cast):
    caller = org.member(
        org.role(
            grant("User:GetUserInfo", email={"type": "NotEquals", "value": "eve@example.com"}),
            grant("User:UpdateUserInfo", email="ada@example.com"),
        )
    )
    for name, status in (("ada", 204), ("bob", 403), ("eve", 404)):
        assert caller.post(f"/user/{cast[name]}", {"first_name": "New"}).status_code == status
        assert caller.post(f"/user/{cast[name]}/variable", {}).status_code == status
        expected = {204: 403, 403: 403, 404: 404}[status]
        assert caller.delete(f"/user/{cast[name]}").status_code == expected
        assert caller.get(f"/user/{cast[name]}/user_model").status_code == expected


def test_verifying_with_fields_needs_the_permission_to_update(org, cast):
    caller = org.member(org.role("User:GetUserInfo"))
    assert caller.post(f"/user/{cast['ada']}/verify", {"first_name": "New"}).status_code == 403
    assert caller.post(f"/user/{cast['ada']}/verify", {"first_name": None}).status_code == 204


def test_inviting_needs_the_permission_for_that_very_user(org):
    grants = ("User:GetUserInfo", grant("User:InviteUser", email="only.me@example.com"))
    base = {"first_name": "A", "last_name": "B", "role_name": org.role(name="empty role")}
    caller = org.member(org.role(*grants))
    assert caller.post("/user/", {**base, "email": address()}).status_code == 403
    assert caller.post("/user/", {**base, "email": "only.me@example.com"}).status_code == 201
    without = org.member(org.role("User:GetUserInfo"))
    # Neither a free address, nor a taken one, nor an unknown role is told to whom inviting was never granted.
    for changes in ({}, {"email": "only.me@example.com"}, {"role_name": "nobody"}):
        assert without.post("/user/", {**base, "email": address(), **changes}).status_code == 403


def test_who_may_make_no_key_does_not_learn_which_roles_there_are(org):
    caller = org.member(org.role("User:GetUserInfo"))
    for name in ("DefaultUserRole", "nobody"):
        body = {"name": None, "duration": "P1D", "role_name": name}
        assert caller.post("/organization/api_key/", body).status_code == 403


def test_nobody_gives_a_role_that_is_not_lesser_than_the_own(org, admin):
    manager = org.member("DefaultAdministratorRole")
    target = org.invite()
    body = {"first_name": "A", "last_name": "B"}
    for name in ("DefaultAdministratorRole", "DefaultAmigoAdministratorRole", "DefaultSuperAdministratorRole"):
        assert manager.post("/user/", {**body, "email": address(), "role_name": name}).status_code == 403
        assert manager.post(f"/role/{name}/assign", {"user_id": target}).status_code == 403
        key = {"name": None, "duration": "P1D", "role_name": name}
        assert manager.post("/organization/api_key/", key).status_code == 403
    assert manager.post("/user/", {**body, "email": address(), "role_name": "DefaultUserRole"}).status_code == 201
    assert manager.post("/role/DefaultUserRole/assign", {"user_id": target}).status_code == 200
    assert len(admin.users()) == 4


def test_role_operations_need_their_permissions(org):
    caller = org.member(org.role("User:GetUserInfo"))
    assert caller.post("/role/", role_body()).status_code == 403
    assert caller.get("/role/").json() == {"roles": []}
    # To whom an action was never granted the answer is the same whatever the path names.
    for name in ("DefaultUserRole", "nobody"):
        assert caller.post(f"/role/{name}", {"description": "mine"}).status_code == 403
        assert caller.post(f"/role/{name}/assign", {"user_id": caller.user_id}).status_code == 403


def test_a_role_that_is_not_seen_is_not_found_and_one_that_is_seen_but_not_granted_is_forbidden(org):
    names = {kind: org.role(name=unique(f"{kind} role")) for kind in ("open", "shown", "hidden")}
    seen = {"type": "In", "values": [names["open"], names["shown"]]}
    caller = org.member(
        org.role(grant("Role:GetRole", role_name=seen), grant("Role:ModifyRole", role_name=names["open"]))
    )
    assert {role["name"] for role in caller.get("/role/").json()["roles"]} == {names["open"], names["shown"]}
    for kind, status in (("open", 200), ("shown", 403), ("hidden", 404)):
        assert caller.post(f"/role/{names[kind]}", {"description": "mine"}).status_code == status, kind
    assert caller.post("/role/nobody", {"description": "mine"}).status_code == 404


def test_a_role_of_another_organization_is_unknown(org, other_org):
    name = other_org.role("User:GetUserInfo")
    assert name not in org.roles()
    assert org.admin.post(f"/role/{name}", {"description": "mine"}).status_code == 404
