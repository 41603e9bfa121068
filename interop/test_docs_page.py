"""The documentation pages in a real browser, which may reach no host but the server."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest

LOADING = {"src", "href", "srcset", "action", "formaction", "data", "poster", "background", "ping"}


@pytest.fixture(scope="module")
def browser():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.fail("no Chromium: ./test installs it with apt-get install chromium")


def dump(browser, url, profile):
    """The document as it stands after its scripts have run, with every foreign host unresolvable."""
    done = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--user-data-dir={profile}",
            "--virtual-time-budget=10000",
            "--dump-dom",
            url,
        ],
        capture_output=True,
        text=True,
        timeout=90,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class _Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.references, self.words, self._silent = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self._silent = tag in ("script", "style")
        for name, value in attributes:
            if name in LOADING and value:
                self.references.append(value)
            elif name == "style" and value:
                self.references += re.findall(r"url\(['\"]?([^'\")]+)", value)

    def handle_endtag(self, tag):
        self._silent = False

    def handle_data(self, data):
        if self._silent:
            self.references += re.findall(r"(?:url\(|@import\s+|import\s*\(?\s*|fetch\(\s*)['\"]?([^'\")\s]+)", data)
        else:
            self.words.append(data)

    @property
    def text(self):
        return "".join(self.words)


def foreign(references, url):
    """References that lead to another host; inline data is none."""
    own = urlsplit(url).netloc
    parts = [(reference, urlsplit(reference.strip())) for reference in references]
    return [reference for reference, part in parts if part.netloc not in ("", own) and part.scheme != "data"]


# How many operations of each the contracts demand.
DIALECTS = {"amigo": 23, "dixa": 20}


def test_the_overview_leads_to_the_pages_of_the_dialects(browser, server, tmp_path):
    page = _Page(dump(browser, f"{server.url}/docs", tmp_path / "profile"))
    for dialect in DIALECTS:
        assert any(reference.rstrip("/").endswith(f"/docs/{dialect}") for reference in page.references), page.references
    assert foreign(page.references, server.url) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_page_of_the_dialect_names_every_operation_and_no_outside_host(browser, server, tmp_path, dialect):
    with server.client() as http:
        document = http.get(f"/docs/{dialect}/openapi.json").json()
    ids = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
    # The same operation at the path of another generation has a number behind its id in the document,
    # for ids are unique there; the page shows such a path in the operation's own section.
    operations = {name for name in ids if re.sub(r"-\d+$", "", name) not in ids - {name}}
    assert len(operations) >= DIALECTS[dialect]
    assert len(ids) > len(operations), "both generations of the paths are served"
    page = _Page(dump(browser, f"{server.url}/docs/{dialect}", tmp_path / "profile"))
    assert [name for name in sorted(operations) if name not in page.text] == []
    assert [path for path in document["paths"] if path not in page.text] == []
    assert foreign(page.references, server.url) == []


def test_the_pages_forbid_outside_hosts_by_policy(server):
    with server.client() as http:
        for path in ("/docs", *(f"/docs/{dialect}" for dialect in DIALECTS)):
            answer = http.get(path, follow_redirects=True)
            assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
            assert "default-src" in answer.headers.get("content-security-policy", "")
