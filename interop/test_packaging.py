"""What `packaging/` promises: an image and a system service without privileges, and a binary that can live in them.

The image is not built here: that takes a container engine, a base image and an optimised build. The binary of this run is put
into a folder as packaging/Containerfile fills the image, with the libraries that it is linked with and nothing else, and is
run in it by bubblewrap with what the Containerfile says: as process 1, read-only, under a number that has no name.
docs/deployment.md tells what was tried by hand beside this.
"""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tomllib
from pathlib import Path

import httpx
import pytest

from support import REPOSITORY, address, binary, clean_environment, eventually, free_port, run_denizen

PACKAGING = REPOSITORY / "packaging"
UNIT = PACKAGING / "denizen.service"

pytestmark = pytest.mark.engine("sqlite", reason="none of it depends on where the data is kept")


class Containerfile:
    """The instructions of the last stage, and what the first one copies."""

    def __init__(self):
        text = re.sub(r"^\s*#.*\n", "", (PACKAGING / "Containerfile").read_text(), flags=re.MULTILINE)
        lines = text.replace("\\\n", " ").splitlines()
        self.instructions = [tuple(line.split(None, 1)) for line in lines if line.strip()]
        starts = [at for at, (name, _) in enumerate(self.instructions) if name == "FROM"]
        self.last = self.instructions[starts[-1] :]

    def all(self, name):
        return [rest for found, rest in self.instructions if found == name]

    def one(self, name):
        (rest,) = [rest for found, rest in self.last if found == name]
        return rest

    def environment(self):
        return dict(pair.split("=", 1) for pair in shlex.split(self.one("ENV")))

    def healthcheck(self):
        return json.loads(self.one("HEALTHCHECK").split("CMD", 1)[1])


CONTAINERFILE = Containerfile()


class Container:
    """The binary in a root of its own: what stands in `image` cannot be written, `data` is the volume."""

    def __init__(self, folder):
        self.image, self.data = folder / "image", folder / "data"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        for made in "data", "tmp", "proc", "dev", "etc", "usr/local/bin":
            (self.image / made).mkdir(parents=True)
        self.data.mkdir(mode=0o700)
        shutil.copy(binary(), self.image / "usr/local/bin/denizen")
        (self.image / "etc/nsswitch.conf").write_text("hosts: files dns\n")
        linked = subprocess.run(["ldd", binary()], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(?:=>\s+|^\s+)(/\S+)", linked, flags=re.MULTILINE):
            copy = self.image / library.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, copy)
        self.process = None

    def command(self, arguments, *flags):
        user, group = CONTAINERFILE.one("USER").split(":")
        variables = CONTAINERFILE.environment() | {"DENIZEN_LISTEN": f"127.0.0.1:{self.port}"}
        return [
            "bwrap",
            *["--unshare-all", "--share-net", "--unshare-user", "--uid", user, "--gid", group, "--cap-drop", "ALL"],
            *["--new-session", "--as-pid-1", *flags],
            *["--ro-bind", self.image, "/", "--bind", self.data, CONTAINERFILE.one("VOLUME")],
            *["--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev", "--remount-ro", "/"],
            *["--chdir", CONTAINERFILE.one("WORKDIR"), "--clearenv"],
            *[part for name, value in variables.items() for part in ("--setenv", name, value)],
            *["--", *arguments],
        ]

    def run(self, *arguments):
        """One command in the same place, as `podman exec` or `podman run` does it."""
        arguments = [*json.loads(CONTAINERFILE.one("ENTRYPOINT")), *arguments]
        return subprocess.run(self.command(arguments), capture_output=True, text=True, timeout=60)

    def is_healthy(self):
        return subprocess.run(self.command(CONTAINERFILE.healthcheck()), capture_output=True, text=True, timeout=60)

    def __enter__(self):
        reading, writing = os.pipe()
        entry = [*json.loads(CONTAINERFILE.one("ENTRYPOINT")), *json.loads(CONTAINERFILE.one("CMD"))]
        self.process = subprocess.Popen(
            self.command(entry, "--die-with-parent", "--info-fd", str(writing)),
            pass_fds=[writing],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(writing)
        with os.fdopen(reading) as info:
            self.inner = json.load(info)["child-pid"]
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=30)

    def stop(self):
        """What an engine does: the signal that the Containerfile names goes to process 1. Returns the exit code and the log."""
        os.kill(self.inner, signal.Signals[CONTAINERFILE.one("STOPSIGNAL")])
        _, log = self.process.communicate(timeout=60)
        return self.process.returncode, log


def test_the_image_serves_and_keeps_its_data_without_a_name_a_privilege_or_a_writable_root(tmp_path):
    with Container(tmp_path) as container:
        eventually(lambda: container.is_healthy().returncode == 0, what="the image's HEALTHCHECK")
        made = container.run("org", "create", "acme", "--name", "Acme", "--admin-email", address(), "--json")
        assert made.returncode == 0, made.stderr
        keys = json.loads(made.stdout)
        headers = {"X-API-KEY": keys["api_key"], "X-API-KEY-ID": keys["api_key_id"], "X-USER-ID": keys["member_id"]}
        users = httpx.get(f"{container.url}/v1/acme/user/", headers=headers)
        assert users.status_code == 200, users.text
        assert [user["user_id"] for user in users.json()["users"]] == [keys["member_id"]]
        # From without: what the process is, in the words of the system.
        status = Path(f"/proc/{container.inner}/status").read_text()
        assert re.search(r"^CapEff:\s+0+$", status, flags=re.MULTILINE), status
        assert re.search(r"^NoNewPrivs:\s+1$", status, flags=re.MULTILINE), status
        assert re.search(r"^NSpid:\s+\d+(\s+\d+)*\s+1$", status, flags=re.MULTILINE), status
        code, log = container.stop()
        assert code == 0, log
        assert container.is_healthy().returncode == 1
    # Everything is in the database itself: the log was copied into it before the end.
    assert (container.data / "denizen.db-wal").stat().st_size == 0
    checked = container.run("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_data_folder_that_cannot_be_written_ends_the_start_with_words(tmp_path):
    container = Container(tmp_path)
    refused = container.run("--data", "/elsewhere", "serve")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: cannot use the data folder /elsewhere: Read-only file system"), refused.stderr
    assert "hint: name a folder that this user may write to: --data DIR" in refused.stderr


def test_health_tells_a_ready_server_from_one_that_leaves_and_from_none(start):
    server = start(config="[shutdown]\ndrain_seconds = 600\n")
    ask = ["health", "--url", server.url]
    assert run_denizen(*ask).stdout == "ready\n"
    server.process.send_signal(signal.SIGTERM)
    leaving = eventually(lambda: (done := run_denizen(*ask, check=False)).returncode and done, what="the server leaving")
    assert leaving.returncode == 1
    assert f"the server at {server.url} is not ready: it answers 503" in leaving.stderr
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=30) == 1
    gone = run_denizen(*ask, check=False)
    assert gone.returncode == 1
    assert gone.stderr.startswith(f"error: no server answers at {server.url}: "), gone.stderr
    assert run_denizen("health", "--url", "https://users.example", check=False).returncode == 2


def test_a_service_manager_is_told_when_the_server_is_ready_alive_and_leaving(start, tmp_path):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(30)
        server = start(env={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "200000"})
        told = [manager.recv(100) for _ in range(4)]
        assert sorted(set(told)) == [b"READY=1", b"WATCHDOG=1"] and told.count(b"READY=1") == 1, told
        server.stop()
        manager.setblocking(False)
        rest = []
        try:
            while True:
                rest.append(manager.recv(100))
        except BlockingIOError:
            # The process is gone, so nothing more comes.
            pass
        assert rest.count(b"STOPPING=1") == 1, rest


def test_a_socket_of_a_service_manager_that_is_not_there_ends_the_start(tmp_path):
    env = clean_environment(NOTIFY_SOCKET=str(tmp_path / "absent"))
    refused = run_denizen("serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", check=False, env=env)
    assert refused.returncode == 1
    assert "NOTIFY_SOCKET" in refused.stderr, refused.stderr


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, timeout=60)


def test_systemd_understands_the_unit(tmp_path):
    # Whoever checks has neither the user nor the program at its place.
    unit = tmp_path / "denizen.service"
    text = UNIT.read_text()
    assert "User=denizen\n" in text and "ExecStart=/usr/local/bin/denizen " in text
    unit.write_text(text.replace("ExecStart=/usr/local/bin/denizen ", f"ExecStart={binary()} "))
    verified = analyze("verify", "--man=no", "--recursive-errors=no", unit)
    assert verified.returncode == 0 and verified.stderr == "", verified.stderr


def test_systemd_counts_the_unit_among_the_well_protected():
    # From 0, where nothing is left to restrict, to 100; from 50 on systemd itself warns. What is left is the network.
    rated = analyze("security", "--offline=true", "--no-pager", "--threshold=15", UNIT)
    assert rated.returncode == 0, rated.stdout


def test_a_stop_by_systemd_leaves_the_server_the_time_that_it_takes_by_default():
    config = tomllib.loads(run_denizen("config", "--data", "/nowhere").stdout)
    longest = config["shutdown"]["drain_seconds"] + 2 * config["limits"]["shutdown_seconds"]
    (patience,) = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), flags=re.MULTILINE)
    assert int(patience) > longest
    (files,) = re.findall(r"^LimitNOFILE=(\d+)$", UNIT.read_text(), flags=re.MULTILINE)
    assert int(files) > config["limits"]["connections"]


def test_the_image_is_built_from_what_is_there_and_is_let_in():
    let_in = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {name for rest in CONTAINERFILE.all("COPY") if not rest.startswith("--from") for name in rest.split()[:-1]}
    assert copied == let_in
    assert all((REPOSITORY / name).exists() for name in copied)
    # Without it SQLite is compiled without what erasing needs.
    assert ".cargo" in copied
    version = tomllib.loads((REPOSITORY / "Cargo.toml").read_text())["workspace"]["package"]["rust-version"]
    assert any(rest.startswith(f"BUILDER=docker.io/library/rust:{version}-") for rest in CONTAINERFILE.all("ARG"))
