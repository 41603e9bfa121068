"""Fixtures: servers with and without rate limits, fresh organizations, both SDK clients."""

import os

import pytest

import stores
from cockpit import Office
from conformance import watch_clients, watcher
from desk import Desk
from published import Published
from support import Sdk, Server, share_certificates

# The published schemas are data of the vendor's and not part of the repository: without the folder
# the comparison is not collected at all, since a skip could not be avoided by installing anything.
PUBLISHED = ["test_published.py", "test_published_dixa.py"]
collect_ignore = [] if os.environ.get("DENIZEN_PUBLISHED_SCHEMAS") else PUBLISHED


def pytest_configure(config):
    watch_clients()
    share_certificates()
    watcher.published = Published.from_environment()


# Files that take long in one piece. They come first, or one process would be left with them while the other has nothing.
LONG = [
    "test_org_move",
    "test_dixa_races",
    "test_identity",
    "test_durability",
    "test_postgres",
    "test_clusters",
    "test_failover",
    "test_paging",
    "test_mail",
    "test_dixa_erasure",
    "test_dixa_anonymization",
    "test_several_processes",
    "test_erasure",
]


def pytest_collection_modifyitems(config, items):
    """Leaves out the tests of the other engine: they are not skipped, since nothing could be installed to run them."""
    items.sort(key=lambda item: LONG.index(item.module.__name__) if item.module.__name__ in LONG else len(LONG))
    others = [item for item in items if any(mark.args[0] != stores.ENGINE for mark in item.iter_markers("engine"))]
    items[:] = [item for item in items if item not in others]
    config.hook.pytest_deselected(items=others)


def pytest_report_header():
    return f"engine: {stores.ENGINE}"


def pytest_sessionfinish(session):
    stores.drop("/")
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["validated"] = watcher.validated


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """With `-n` the tests run in processes of their own, each of which has watched its own clients."""
    watcher.validated += getattr(node, "workeroutput", {}).get("validated", 0)


@pytest.fixture(autouse=True)
def no_database_outlives_its_test(request):
    """Databases of servers that tests share live as long as the session."""
    yield
    if folder := request.node.funcargs.get("tmp_path"):
        stores.drop(folder)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """A test fails when any answer during it, its fixtures' included, breaks an OpenAPI document."""
    result = yield
    violations = watcher.take()
    if violations:
        pytest.fail("answers that an OpenAPI document does not allow:\n" + "\n".join(violations), pytrace=False)
    return result


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"{watcher.validated} answers validated against the OpenAPI documents")
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The server that most tests share: every test makes its own organization in it."""
    with Server(tmp_path_factory.mktemp("shared") / "data") as running:
        yield running
    log = running.log() + running.output()
    leaked = [text for text in running.confidential if text in log]
    assert not leaked, f"the log of the shared server contains {len(leaked)} secrets or addresses: {leaked[:3]}"


@pytest.fixture
def start(tmp_path):
    """Starts a server of the test's own: `start(config="…", rate_limits=True)`."""
    running = []

    def begin(*flags, name="data", **options):
        one = Server(tmp_path / name, *flags, **options).start()
        running.append(one)
        return one

    yield begin
    for one in running:
        if one.process.poll() is None:
            one.stop()


@pytest.fixture
def org(server):
    made = server.create_org()
    yield made
    made.close()


@pytest.fixture
def other_org(server):
    made = server.create_org()
    yield made
    made.close()


@pytest.fixture
def admin(org):
    return org.admin


@pytest.fixture
def desk(org):
    """Raw HTTP for the dialect whose paths name no organization."""
    with Desk(org) as made:
        yield made


@pytest.fixture(scope="module")
def office(server):
    """An organization with operators, which the tests of a module share: signing in costs a slow hash."""
    made = Office(server)
    yield made
    made.close()


@pytest.fixture(params=["sync", "async"])
def kind(request):
    """Which of the SDK's two client classes a test drives."""
    return request.param


@pytest.fixture
def sdk(kind, admin):
    with Sdk(kind, admin.settings()) as client:
        yield client
