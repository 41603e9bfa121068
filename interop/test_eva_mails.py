"""What new operators are written, through a real SMTP server, and the page on which they choose a password."""

import html
import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from cockpit import PASSWORD, Office, failures, person, refused, table
from postbox import SmtpServer, link_in, press_the_button, texts
from support import Server, address, eventually

# A word of each language that the others lack.
SUBJECTS = {"en": "Your account", "es": "Tu cuenta", "ja": "アカウント", "pt": "Sua conta"}
PAGE = "/operators/"


@pytest.fixture(scope="module")
def postal(tmp_path_factory):
    """An organization whose server hands its mail to a server of SMTP."""
    with SmtpServer() as postbox:
        config = f'[mail]\nsmtp_url = "smtp://127.0.0.1:{postbox.port}"\n'
        with Server(tmp_path_factory.mktemp("postal") / "data", config=config) as running:
            office = Office(running)
            office.postbox = postbox
            yield office
            office.close()


def mail_to(office, email):
    (message,) = eventually(lambda: office.postbox.to(email), what=f"the mail to {email}")
    return message


def opened(link, status=200):
    page = httpx.get(link, trust_env=False)
    assert page.status_code == status, page.text
    return is_a_page(page)


def is_a_page(page):
    """A page for people that leaves no trace of its address, which is a secret, and loads nothing."""
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["referrer-policy"] == "no-referrer" and "no-store" in page.headers["cache-control"]
    assert "default-src 'none'" in page.headers["content-security-policy"] and "<script" not in page.text
    return page


def language_of(page):
    return re.search(r'<html[^>]* lang="([^"]+)"', page.text)[1]


def filled(password, again=None):
    return {"password": password, "confirmation": password if again is None else again}


@pytest.mark.parametrize("language", SUBJECTS)
@pytest.mark.parametrize("where", ["headers", "params"])
def test_a_new_operator_chooses_a_password_in_the_language_of_the_call(postal, language, where):
    made = postal.admin.taken("POST", status=201, json=person(), **{where: {"language": language}})
    email = made["email"]
    message = mail_to(postal, email)
    assert SUBJECTS[language] in message["Subject"]
    assert all(made["name"] in text and email in text for text in map(html.unescape, texts(message)))
    link = link_in(message, postal.server.url + PAGE)
    page = opened(link)
    assert language_of(page) == language
    refused(postal.realm.ask_by_password(email, PASSWORD), 401, "invalid_grant")
    if where == "params":
        return
    # Opening it uses nothing up, nor does a password that cannot be set.
    told = set()
    for typed in (filled("short"), filled(PASSWORD, PASSWORD + "x"), filled("")):
        answer = is_a_page(press_the_button(opened(link), **typed))
        assert answer.status_code in (400, 422) and language_of(answer) == language and PASSWORD not in answer.text
        told.add(answer.text)
    assert len(told) > 1, "it is told what is wrong"
    chosen = is_a_page(press_the_button(opened(link), **filled(PASSWORD)))
    assert chosen.status_code == 200 and language_of(chosen) == language and PASSWORD not in chosen.text
    assert postal.sign_in(email).taken("GET", "/me")["uuid"] == made["uuid"]
    for used in (opened(link, 404), press_the_button(page, **filled("Other-Horse-8"))):
        assert used.status_code == 404 and is_a_page(used)
    refused(postal.realm.ask_by_password(email, "Other-Horse-8"), 401, "invalid_grant")


def test_a_link_that_is_none_says_so_in_the_language_of_whoever_opens_it(postal):
    said = set()
    for language in SUBJECTS:
        for path in (f"{PAGE}{postal.slug}/password/nosuchsecret", f"{PAGE}nobody-here/password/x"):
            page = httpx.get(postal.server.url + path, headers={"Accept-Language": language}, trust_env=False)
            assert page.status_code == 404 and language_of(is_a_page(page)) == language
        said.add(page.text)
    assert len(said) == len(SUBJECTS)


def test_no_mail_says_a_password_and_one_who_has_it_gets_no_link(postal):
    made = postal.admin.create(password=PASSWORD)
    message = mail_to(postal, made["email"])
    assert SUBJECTS["en"] in message["Subject"]
    for text in texts(message):
        assert PASSWORD not in text and PAGE not in text


def test_of_two_who_use_a_link_at_once_one_succeeds(postal):
    made = postal.admin.create()
    page = opened(link_in(mail_to(postal, made["email"]), postal.server.url + PAGE))
    passwords = [f"{PASSWORD}{number}" for number in range(4)]
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda password: press_the_button(page, **filled(password)).status_code, passwords))
    assert sorted(answers) == [200, 404, 404, 404], answers
    winner = passwords[answers.index(200)]
    assert postal.sign_in(made["email"], winner)


def test_a_link_ends_with_its_operator_and_with_a_password_that_is_set_otherwise(postal):
    gone, given = postal.admin.create(), postal.admin.create()
    links = [link_in(mail_to(postal, one["email"]), postal.server.url + PAGE) for one in (gone, given)]
    assert postal.admin.delete(f"/{gone['uuid']}").status_code == 204
    body = {"name": given["name"], "email": given["email"], "password": PASSWORD, "passwordConfirmation": PASSWORD}
    assert postal.admin.put(f"/{given['uuid']}", body).status_code == 200
    for link in links:
        opened(link, 404)


def test_a_file_is_followed_by_one_mail_to_each_whom_it_made_in_its_language(postal):
    loud, quiet = (address(name) for name in ("loud", "quiet"))
    rows = [postal.row(loud), postal.row(loud, bot=postal.closer["uuid"]), postal.row("no address")]
    answer = postal.admin.upload(table(*rows), "/csv", headers={"language": "es"})
    assert failures(answer) == [("no address", "The email is not valid")]
    assert failures(postal.admin.upload(table(postal.row(quiet)), "/csv/silent", headers={"language": "es"})) == []
    message = mail_to(postal, loud)
    assert SUBJECTS["es"] in message["Subject"] and PASSWORD not in "".join(texts(message))
    # A later mail shows that the jobs have passed the silent one's.
    last = postal.admin.create()["email"]
    mail_to(postal, last)
    assert postal.postbox.to(quiet) == [] and len(postal.postbox.to(loud)) == 1
    bad = postal.admin.upload(table(postal.row()), "/csv", headers={"language": "fr"})
    assert bad.status_code == 400
