"""Google Identity Platform as the Firebase Authentication emulator plays it: a process that is started and stopped.

Its accounts outlive a stop, as Google's outlive an outage. It must not know of denizen.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import threading
import time

import httpx

from support import free_port

PROJECT = "demo-denizen"


class Emulator:
    """The emulator on a port of its own, with all that it writes in one folder."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/identitytoolkit.googleapis.com"
        self.process = None
        ports = {"auth": self.port, "hub": free_port(), "logging": free_port()}
        emulators = {name: {"host": "127.0.0.1", "port": port} for name, port in ports.items()}
        settings = {"emulators": {**emulators, "ui": {"enabled": False}}}
        (folder / "firebase.json").write_text(json.dumps(settings))

    def start(self, seconds=120.0):
        """Node reads hundreds of files first, which takes long on a machine that does much else."""
        program = os.environ.get("DENIZEN_FIREBASE")
        assert program, "set DENIZEN_FIREBASE to the firebase program of interop/emulator, or run ./test interop"
        # A demo project needs no login. With CI and these folders the program asks nobody for news and leaves no traces.
        environment = {
            **os.environ,
            "CI": "true",
            "NO_UPDATE_NOTIFIER": "1",
            **dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "TMPDIR"), str(self.folder)),
        }
        command = [program, "emulators:start", "--only", "auth", "--project", PROJECT, "--non-interactive"]
        # One file for each start: what the last one said must not be taken for this one's word.
        with (self.folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [*command, "--import", "accounts", "--export-on-exit", "accounts"],
                cwd=self.folder,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        try:
            self._wait_until_ready(seconds)
        except BaseException:
            self.process.kill()
            raise
        return self

    def _wait_until_ready(self, seconds):
        end = time.monotonic() + seconds
        # It answers before it has read its accounts.
        while "All emulators ready" not in self.output():
            assert self.process.poll() is None, f"the emulator ended: {self.output()}"
            assert time.monotonic() < end, f"the emulator is not ready after {seconds} s: {self.output()}"
            time.sleep(0.1)
        assert self._answers()

    def stop(self):
        """Ends the process, which writes its accounts into a file for the next start."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)
        assert not self._answers()
        assert (self.folder / "accounts").is_dir(), self.output()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        """After a failure, too, no process is left behind."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=10)

    def output(self):
        return (self.folder / "output").read_text(errors="replace")

    def create_account(self, tenant=None, account_id=None):
        """Makes an account with an address and a password, and returns its id."""
        account_id = account_id or f"{secrets.token_hex(3)}Account{secrets.token_hex(8)}"
        body = {"localId": account_id, "email": f"{secrets.token_hex(4)}@example.com", "password": "correct horse"}
        self._admin("/accounts", body, tenant)
        assert self.has_account(account_id, tenant)
        return account_id

    def has_account(self, account_id, tenant=None):
        found = self._admin("/accounts:lookup", {"localId": [account_id]}, tenant)
        return [user["localId"] for user in found.get("users", [])] == [account_id]

    def create_tenant(self):
        return self._admin("/tenants", {"displayName": "a tenant"}, version="v2")["tenantId"]

    def _admin(self, path, body, tenant=None, version="v1"):
        within = f"/tenants/{tenant}" if tenant else ""
        url = f"{self.url}/{version}/projects/{PROJECT}{within}{path}"
        answer = httpx.post(url, json=body, headers={"Authorization": "Bearer owner"}, trust_env=False, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _answers(self):
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/", trust_env=False, timeout=5).status_code == 200
        except httpx.TransportError:
            return False


class Gate:
    """A way to the emulator that can be shut: nobody listens on its port but while it is open."""

    def __init__(self, emulator):
        self.port = free_port()
        self.url = emulator.url.replace(str(emulator.port), str(self.port))
        self._target = ("127.0.0.1", emulator.port)
        self._listener = None

    def open(self):
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def shut(self):
        # Wakes the thread that waits for connections, which closing alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self, listener):
        while True:
            try:
                near = listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection(self._target)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=[source, sink], daemon=True).start()

    @staticmethod
    def _copy(source, sink):
        try:
            while some := source.recv(65536):
                sink.sendall(some)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            # One side has gone; the other one learns it.
            sink.close()
