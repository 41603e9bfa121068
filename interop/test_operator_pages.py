"""A new operator in a real browser, without scripts: from the mailed link to a password that signs in."""

import json

import httpx

from chromium import Chromium
from postbox import files_to, link_in
from support import address, eventually


def signs_in(org, email, password):
    answer = httpx.post(
        f"{org.server.url}/auth/realms/{org.slug}/protocol/openid-connect/token",
        data={"grant_type": "password", "client_id": "eva-cockpit", "username": email, "password": password},
        trust_env=False,
    )
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


def new_operator(org, language):
    email = address("operator")
    org.server.command(
        "operator", "add", email, "--org", org.slug, "--name", "Ada", "--role", "admin", "--mail", language
    )
    eventually(lambda: files_to(org.server, email), what="the mail")
    (message,) = files_to(org.server, email)
    link = link_in(message, f"{org.server.url}/operators/")
    org.server.confidential |= {email, link.rsplit("/", 1)[1]}
    return email, link


def test_an_operator_chooses_a_password_in_a_browser_without_scripts(org, tmp_path):
    email, link = new_operator(org, "es")
    with Chromium(tmp_path / "profile") as browser:
        page = browser.open(link)
        assert '<html lang="es">' in page and "Elige una contraseña" in page
        # Too simple, and what was wrong is said in the same language.
        browser.type("#password", "simple")
        browser.type("#confirmation", "simple")
        page = browser.press("form button")
        assert 'role="alert"' in page and "La contraseña no cumple todos los requisitos." in page
        # In another language from here on, the mistake with it.
        page = browser.press("nav a[lang=ja]")
        assert '<html lang="ja">' in page and "パスワードの設定" in page
        browser.type("#password", "Chosen-1")
        browser.type("#confirmation", "Chosen-2")
        assert "2つのパスワードが一致しません。" in browser.press("form button")
        assert not signs_in(org, email, "Chosen-1")
        browser.type("#password", "Chosen-1")
        browser.type("#confirmation", "Chosen-1")
        page = browser.press("form button")
        assert '<html lang="ja">' in page and "パスワードを設定しました" in page and "<form" not in page
    assert signs_in(org, email, "Chosen-1") and not signs_in(org, email, "Chosen-2")
    # The link is used up, and says so in the language of the browser.
    with Chromium(tmp_path / "another", languages="pt-BR") as browser:
        page = browser.open(link)
        assert '<html lang="pt">' in page and "Este link não é mais válido" in page


def test_operators_are_managed_from_the_command_line(org):
    command = org.server.command
    listed = lambda: json.loads(command("operator", "list", "--org", org.slug, "--json").stdout)
    first = org.made["operator_email"], org.made["operator_password"]
    assert first[0] == org.admin_email and signs_in(org, *first)
    assert [(one["email"], one["role"]) for one in listed()] == [(first[0], "admin")]

    email = address("operator")
    made = command("operator", "add", email, "--org", org.slug, "--name", "Ada", "--role", "admin", "--json")
    made = json.loads(made.stdout)
    org.server.confidential |= {email, made["operator_password"]}
    assert signs_in(org, email, made["operator_password"])
    twice = command("operator", "add", email, "--org", org.slug, "--name", "Ada", "--role", "admin", check=False)
    assert twice.returncode == 1 and "already" in twice.stderr
    assert {one["operator_id"] for one in listed()} >= {made["operator_id"]}

    shown = json.loads(command("operator", "set-password", email.upper(), "--org", org.slug, "--json").stdout)
    assert shown["operator_email"] == email, "as it is kept, not as it is typed"
    assert signs_in(org, email, shown["operator_password"]) and not signs_in(org, email, made["operator_password"])
    nobody = command("operator", "set-password", address(), "--org", org.slug, check=False)
    assert nobody.returncode == 1 and "no operator" in nobody.stderr
    bad = command(
        "operator", "add", address(), "--org", org.slug, "--name", "B", "--role", "editor", "--environment", "x", check=False
    )
    assert bad.returncode == 2 and "UUID" in bad.stderr
