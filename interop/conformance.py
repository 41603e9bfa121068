"""Validates every answer of a vendor's operation against its dialect's OpenAPI document, as the running server serves it.

The wrappers sit in the transports of httpx and of requests, below every client, so that the clients' own traffic is
seen as well, a separate sign-in included. It must not know any operation by name: what it knows are the documents. It
only records; `conftest.py` turns a record into a failed test, because a client may swallow exceptions while it signs in.

The vendor's own document is compared with, too, where `published.py` is given it.
"""

import json
import re
from datetime import datetime
from types import MappingProxyType
from urllib.parse import urlsplit

import httpx
import requests
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

# Answered before an operation is chosen (size, time and load limits), so an operation need not list them.
BEFORE_ROUTING = {408, 413, 431, 503}
METHODS = {"get", "put", "post", "delete", "patch"}
# The members of each dialect's errors, in their order.
ERRORS = {
    "amigo": {"detail": str},
    "dixa": {"message": str},
    "eva": {"timestamp": str, "status": int, "error": str, "message": str, "path": str},
    "openid": {"error": str, "error_description": str},
}
# How the paths begin that are one dialect's whatever follows.
ROOTS = {"/eva-user/": "eva", "/org/": "eva", "/auth/": "openid", "/realms/": "openid", "/beta/": "dixa"}

formats = FormatChecker(formats=())


@formats.checks("date-time", raises=ValueError)
def _is_zoned_time(value):
    if not isinstance(value, str):
        return True
    # A naive time breaks the SDK's models, so a zone is part of the format.
    return datetime.fromisoformat(value).tzinfo is not None


def _folded(path):
    """The server tolerates `//v1` and a missing or extra trailing slash; matching does too."""
    return re.sub("/+", "/", path).rstrip("/")


class Document:
    """One OpenAPI 3.1 document with its paths compiled to patterns, most literal first.

    `bodies_listed` is false for a document that leaves out the schemas of its errors' bodies; `error` are the members of
    an error, with their types, as of those that are answered before an operation is known.
    """

    def __init__(self, document, bodies_listed=True, error=MappingProxyType({"detail": str})):
        self.document = document
        self.bodies_listed = bodies_listed
        self.error = error
        resource = DRAFT202012.create_resource(document)
        self.registry = Registry().with_resource("urn:openapi", resource)
        self.validators = {}
        self.routes = []
        for template, item in document["paths"].items():
            pieces = re.split(r"\{[^}]+\}", _folded(template))
            pattern = re.compile("[^/]+".join(re.escape(piece) for piece in pieces))
            methods = {name: operation for name, operation in item.items() if name in METHODS}
            self.routes.append((len(pieces), template, pattern, methods))
        self.routes.sort(key=lambda route: route[0])

    def operation_ids(self):
        return {op["operationId"] for _, _, _, methods in self.routes for op in methods.values()}

    def find(self, method, path):
        """The operation, its template and its response table; None when path or method is unknown."""
        for _, template, pattern, methods in self.routes:
            if pattern.fullmatch(_folded(path)) and method.lower() in methods:
                return template, methods[method.lower()]
        return None

    def _is_another_methods(self, method, path):
        """Whether a path of fixed words, which comes before one with a parameter in their place, has other methods only."""
        fitting = [methods for _, _, pattern, methods in self.routes if pattern.fullmatch(_folded(path))]
        return method.lower() not in fitting[0]

    def problems(self, method, path, status, content_type, body):
        """What is wrong with an answer, as a list of sentences."""
        found = self.find(method, path)
        if found is None:
            if status in (404, 405):
                return _error_problems(body, self.error)
            return [f"{status} for a method and path that the document does not list"]
        template, operation = found
        response = operation["responses"].get(str(status))
        if response is None:
            if status in BEFORE_ROUTING or (status == 405 and self._is_another_methods(method, path)):
                return _error_problems(body, self.error)
            return [f"status {status} is not documented"]
        pointer = ["paths", template, method.lower(), "responses", str(status)]
        if "$ref" in response:
            pointer = response["$ref"].removeprefix("#/").split("/")
            response = self._at(pointer)
        content = response.get("content")
        if not content:
            return ["a body where the document promises none"] if body and self.bodies_listed else []
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type not in content:
            return [f"content type {content_type!r} instead of {' or '.join(content)}"]
        if media_type != "application/json":
            return _text_problems(content_type, body)
        try:
            value = json.loads(body)
        except ValueError:
            return ["the body is not JSON"]
        if "schema" not in content["application/json"]:
            return []
        validator = self._validator([*pointer, "content", "application/json", "schema"])
        return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]

    def _at(self, pointer):
        node = self.document
        for step in pointer:
            node = node[step]
        return node

    def _validator(self, pointer):
        escaped = "/".join(step.replace("~", "~0").replace("/", "~1") for step in pointer)
        if escaped not in self.validators:
            # A URI fragment is percent-encoded; braces of a path template are not allowed in one.
            fragment = escaped.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")
            self.validators[escaped] = Draft202012Validator(
                {"$ref": f"urn:openapi#/{fragment}"}, registry=self.registry, format_checker=formats
            )
        return self.validators[escaped]


def _text_problems(content_type, body):
    """A page for people: its schema says only that it is a text, so what can be wrong is its encoding."""
    if "charset=utf-8" not in content_type.lower().replace(" ", ""):
        return [f"content type {content_type!r} without charset=utf-8"]
    try:
        return [] if body.decode() else ["an empty page"]
    except UnicodeDecodeError as error:
        return [f"the page is not UTF-8: {error}"]


def _error_problems(body, error):
    try:
        found = json.loads(body)
    except ValueError:
        return ["the body is not JSON"]
    if not isinstance(found, dict) or list(found) != list(error):
        return [f"the body has not just the members {', '.join(error)}"]
    return [f"{name} is no {kind.__name__}" for name, kind in error.items() if not isinstance(found[name], kind) or not found[name]]


class Watcher:
    """Collects what does not conform, over all clients and threads of the session."""

    def __init__(self):
        # Name of a dialect → its document.
        self.documents = {}
        # First segments behind the version that are the second dialect's.
        self.dixa_segments = set()
        # Takes an answer of the second dialect and tells what the vendor's own document has against it.
        self.published = None
        self.violations = []
        self.validated = 0

    def learn(self, base_url):
        """Takes the documents from a running server, once: every server of a session is the same binary."""
        if self.documents:
            return
        documents = {}
        for dialect, error in ERRORS.items():
            answer = httpx.get(f"{base_url}/docs/{dialect}/openapi.json", trust_env=False)
            documents[dialect] = Document(answer.raise_for_status().json(), error=error)
        self.dixa_segments = {_folded(path).split("/")[2] for path in documents["dixa"].document["paths"]}
        assert not any("{" in segment for segment in self.dixa_segments), self.dixa_segments
        self.documents = documents

    def dialect(self, method, path):
        """Whose a path is; None where it is no vendor's."""
        path = _folded(path) + "/"
        for root, dialect in ROOTS.items():
            if path.startswith(root):
                return dialect
        if not path.startswith("/v1/"):
            return None
        # An organization may be named by any word, and what the first dialect knows of it is the first dialect's.
        is_dixa = path.split("/")[2] in self.dixa_segments and self.documents["amigo"].find(method, path) is None
        return "dixa" if is_dixa else "amigo"

    def saw(self, method, path, status, headers, body):
        """`headers` are found in whatever letter case."""
        # What HEAD answers is a GET's without the body, of which the documents say nothing of its own.
        if not self.documents or method == "HEAD":
            return
        dialect = self.dialect(method, path)
        if dialect is None:
            return
        self.validated += 1
        answer = method, path, status, headers.get("content-type", ""), body
        problems = self.documents[dialect].problems(*answer)
        if dialect == "dixa" and self.published:
            problems += self.published.problems(*answer)
        if status not in BEFORE_ROUTING and "x-request-id" not in headers:
            problems.append("no X-Request-Id header")
        if problems:
            self.violations.append(f"{method} {path} → {status}: {'; '.join(problems)}")

    def take(self):
        taken, self.violations = self.violations, []
        return taken


watcher = Watcher()


def watch_clients():
    """Wraps the socket transports of httpx and of requests for the rest of the process."""
    send = httpx.HTTPTransport.handle_request
    send_async = httpx.AsyncHTTPTransport.handle_async_request
    send_by_requests = requests.adapters.HTTPAdapter.send

    def saw(request, response):
        path = request.url.path
        watcher.saw(request.method, path, response.status_code, response.headers, response.content)

    def handle_request(self, request):
        response = send(self, request)
        response.read()
        saw(request, response)
        return response

    async def handle_async_request(self, request):
        response = await send_async(self, request)
        await response.aread()
        saw(request, response)
        return response

    def handle_by_requests(self, request, **options):
        response = send_by_requests(self, request, **options)
        path = urlsplit(request.url).path
        watcher.saw(request.method, path, response.status_code, response.headers, response.content)
        return response

    httpx.HTTPTransport.handle_request = handle_request
    httpx.AsyncHTTPTransport.handle_async_request = handle_async_request
    requests.adapters.HTTPAdapter.send = handle_by_requests
