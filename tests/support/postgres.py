"""A real PostgreSQL server for the tests: its own cluster, a unix socket, no TCP."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.stores import migrate

_names = itertools.count(1)
TEMPLATE = "nacre_template"


class PostgresServer:
    """A running server; `new_database()` makes an empty database and gives its URL."""

    def __init__(self, socket_dir: Path) -> None:
        self._socket_dir = socket_dir
        self._has_template = False

    def new_database(self, *, empty: bool = False) -> str:
        """A database with every table in place, or without any; its URL."""
        if not empty and not self._has_template:
            self._create(TEMPLATE, like="template0")
            migrate(self._url(TEMPLATE))
            self._has_template = True
        name = f"test{next(_names)}"
        self._create(name, like="template0" if empty else TEMPLATE)
        return self._url(name)

    def _create(self, name: str, *, like: str) -> None:
        import psycopg

        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}")

    def _url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self._socket_dir}"

    def _dsn(self, database: str) -> str:
        return f"host={self._socket_dir} user=postgres dbname={database}"


def find_binaries() -> Path:
    """The newest installed server's programs. Debian keeps them out of the path."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not versions:
        found = shutil.which("postgres")
        assert found, "PostgreSQL is not installed; `make test` installs it"
        return Path(found).parent
    return versions[-1].parent


@contextlib.contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Make a cluster in a temporary directory, run it while the block lasts, remove it."""
    binaries = find_binaries()
    # PostgreSQL refuses to run as root; the package made a user for it.
    become = (
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    )
    root = Path(tempfile.mkdtemp(prefix="nacre-pg-", dir="/tmp"))
    try:
        if become:
            shutil.chown(root, "postgres", "postgres")
        subprocess.run(
            [*become, binaries / "initdb", "-D", root / "data", "-U", "postgres", "-A", "trust", "-N"],
            check=True,
            capture_output=True,
            cwd=root,
        )
        options = [
            "-c",
            "listen_addresses=",
            "-c",
            f"unix_socket_directories={root}",
            "-c",
            "fsync=off",
            "-c",
            "max_connections=200",
            "-c",
            "synchronous_commit=off",
        ]
        with (root / "log").open("wb") as log:
            server = subprocess.Popen(
                [*become, binaries / "postgres", "-D", root / "data", *options],
                cwd=root,
                stdout=log,
                stderr=log,
            )
        try:
            _await(root, server)
            yield PostgresServer(root)
        finally:
            server.send_signal(signal.SIGQUIT)  # The cluster is thrown away: nothing need be written down.
            server.wait(timeout=30)
    finally:
        shutil.rmtree(root)


def _await(root: Path, server: subprocess.Popen[bytes]) -> None:
    import psycopg

    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(f"host={root} user=postgres dbname=postgres").close()
        except psycopg.OperationalError:
            assert server.poll() is None, (root / "log").read_text()
            assert time.monotonic() < deadline, (root / "log").read_text()
            time.sleep(0.05)
        else:
            return
