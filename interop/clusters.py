"""A PostgreSQL of the test's own, with standbys of it: killed, frozen, promoted, brought back.

It must not know what any test asserts; a helper here asserts only that its own step worked.
"""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import psycopg

from support import REPOSITORY, eventually

SCRIPT = REPOSITORY / "scripts/postgres.sh"


def run(command, *arguments):
    done = subprocess.run([SCRIPT, command, *map(str, arguments)], stdout=subprocess.PIPE, text=True, timeout=100)
    assert done.returncode == 0, f"scripts/postgres.sh {command} failed"
    return done.stdout.strip()


class Cluster:
    """One server with its folder. `Cluster(log, "setting=value")` makes a primary, `standby` what follows it."""

    def __init__(self, log, *settings, of=None):
        made = run("standby", of.folder, log, *settings) if of else run("create", log, *settings)
        self.folder = Path(made)
        self.url = (self.folder / "url").read_text().strip()

    def standby(self, log, *settings):
        return Cluster(log, *settings, of=self)

    @property
    def port(self):
        return int((self.folder / "port").read_text())

    def administrator(self):
        """A connection of the superuser, through the socket."""
        return psycopg.connect(
            host=str(self.folder), port=self.port, user="postgres", dbname="postgres", autocommit=True, connect_timeout=10
        )

    def _processes(self):
        """The postmaster, stopped, so that it begins no process that would be missed, and all that it has begun."""
        postmaster = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGSTOP)
        processes = [postmaster, *children(postmaster)]
        assert len(processes) > 4, "a running PostgreSQL has several background processes"
        return processes

    def crash(self):
        """`kill -9` of the postmaster and of every process that it had begun; returns when none of them is left."""
        processes = self._processes()
        for pid in processes:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not any(map(is_alive, processes)), what="the end of PostgreSQL's processes")

    def freeze(self):
        """Stops every process where it is; their connections stay, and the system goes on taking new ones for them."""
        for pid in self._processes():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self):
        for pid in self._processes():
            # Whoever lost a partner meanwhile may end as soon as the first ones go on.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def start(self):
        run("start", self.folder)

    def promote(self):
        run("promote", self.folder)

    def rejoin(self, primary):
        """Follows another server from now on, to which it gives up what that one does not have."""
        run("rejoin", self.folder, primary.folder)

    def demand(self, standbys):
        """Commits are answered when so many standbys have them; returns when they are there."""
        names = f"ANY {standbys} (*)" if standbys else ""
        with self.administrator() as connection:
            connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
            connection.execute("SELECT pg_reload_conf()")
            following = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum' AND state = 'streaming'"
            eventually(lambda: connection.execute(following).fetchone()[0] >= standbys, what="a synchronous standby")

    def remove(self):
        run("remove", self.folder)


def state_and_parent(pid):
    """The fields 3 and 4 of /proc/PID/stat; None when there is no such process. Its name may hold spaces."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[1])


def children(pid):
    every = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [one for one in every if (found := state_and_parent(one)) and found[1] == pid]


def is_alive(pid):
    """A dead process that nobody has collected yet holds no memory and no files."""
    found = state_and_parent(pid)
    return found is not None and found[0] not in "ZX"
