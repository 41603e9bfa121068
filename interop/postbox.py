"""Reads denizen's mail, from a real SMTP server or from the data folder, and follows its links as a browser does.

It must not know how a link is built: it finds links by their address and forms by their HTML.
"""

import email
import html
import re
from email import policy
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
from aiosmtpd.controller import Controller

from support import free_port


class SmtpServer:
    """A real SMTP server on the loopback that keeps what it accepts.

    `refusals` is the number of messages that it turns away with a temporary error first.
    """

    def __init__(self, refusals=0):
        self.port = free_port()
        self.messages = []
        self.refusals = refusals
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    # The name is how aiosmtpd finds it.
    async def handle_DATA(self, _server, _session, envelope):
        if self.refusals > 0:
            self.refusals -= 1
            return "451 4.3.0 try again later"
        self.messages.append(email.message_from_bytes(envelope.content, policy=policy.default))
        return "250 2.0.0 accepted"

    def __enter__(self):
        self._controller.start()
        return self

    def __exit__(self, *_):
        self._controller.stop()

    def to(self, address):
        return [message for message in self.messages if address in message["To"]]


def files_to(server, address):
    """The .eml files in the data folder that are addressed to someone, oldest first."""
    paths = sorted((server.data / "mail").glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
    messages = [email.message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]
    return [message for message in messages if address in message["To"]]


def texts(message):
    """The plain and the HTML text of a message."""
    return message.get_body(("plain",)).get_content(), message.get_body(("html",)).get_content()


def link_in(message, prefix):
    """The one link below `prefix` in the plain text, which the HTML must carry as well."""
    plain, markup = texts(message)
    links = set(re.findall(re.escape(prefix) + r"[^\s<>\"']*", plain))
    assert len(links) == 1, f"{len(links)} links below {prefix} in: {plain}"
    link = links.pop()
    assert link in html.unescape(markup)
    return link


class _Form(HTMLParser):
    def __init__(self):
        super().__init__()
        self.action, self.method, self.fields = None, "get", {}

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.action = attributes.get("action") or ""
            self.method = (attributes.get("method") or "get").lower()
        elif tag == "input" and attributes.get("name"):
            self.fields[attributes["name"]] = attributes.get("value") or ""


def press_the_button(page, **filled):
    """Submits the form of a link's page, as the person does who opened it, and does not follow the redirect.

    `filled` is what the person types, by the names of the fields, which have to be there.
    """
    form = _Form()
    form.feed(page.text)
    assert form.method == "post", "opening a link must not use it up: mail scanners open links, too"
    assert filled.keys() <= form.fields.keys(), f"the form has the fields {', '.join(form.fields)}"
    # `data={}` would send no body and no content type, which a browser's empty form does.
    return httpx.post(
        urljoin(str(page.url), form.action),
        data=form.fields | filled,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        trust_env=False,
    )


def signed_in(redirect):
    """The redirect's target without fragment, and the fragment's values."""
    assert redirect.status_code in (302, 303), redirect.text
    target = urlsplit(redirect.headers["location"])
    values = {name: found[0] for name, found in parse_qs(target.fragment, strict_parsing=True).items()}
    return target._replace(fragment="").geturl(), values
