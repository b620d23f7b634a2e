"""Random requests, made from the published description of identity: none may bring a 500, and none that is refused
may change anything.

    python -m tests.conformance.fuzz --requests 1000000 [--seed N]

Half of them are as the description allows, half are broken on purpose; each is made by an administrator, by a member
of a project, and by nobody.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from nacre.kernel.clock import VirtualClock
from tests.conformance.answers import SPECS
from tests.services.identity.conftest import assembled_site
from tests.support.asgi import AsgiClient
from tests.support.stores import lay_sqlite

BATCH = 10
NOBODY = ""
USERS = ("admin", "demo", NOBODY)
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


class Fuzz:
    """One identity service on SQLite, random requests to it, and what came of them."""

    def __init__(self, state: Path) -> None:
        lay_sqlite(state / "nacre.db")
        self.site = assembled_site(f"sqlite:///{state / 'nacre.db'}", state=state, clock=VirtualClock())
        # A look through a connection of its own: its version moves when anybody else has written.
        self._watch = sqlite3.connect(state / "nacre.db")
        self.answers: Counter[int] = Counter()
        self.faults: list[str] = []
        self._clients = {user: self._fresh(user) for user in USERS}

    def _fresh(self, user: str) -> AsgiClient:
        return AsgiClient(self.site.http, token="" if user == NOBODY else self.site.token(user))

    def ask(self, case: Any) -> None:
        """One request as `schemathesis` made it, by an administrator, a member and nobody."""
        body = None if isinstance(case.body, schemathesis.core.NotSet) else _text_of(case.body)
        url = f"/identity{_path_of(case)}?{urlencode(list(_flat(case.query or {})), errors='replace')}"
        for user in USERS:
            before = self._version()
            reply = self._clients[user].request(
                case.method, url, body=body, headers={"Content-Type": "application/json"}
            )
            self.answers[reply.status] += 1
            told = f"{case.method} {url} {(body or b'')[:2000]!r} as {user}"
            if reply.status >= 500 and reply.status != 501:
                self._fault(f"{reply.status}: {told}")
            if reply.status >= 400 and self._version() != before and not _counts_failures(case):
                self._fault(f"refused with {reply.status}, and wrote: {told}")
            if reply.status == 401 and user != NOBODY:
                self._clients[user] = self._fresh(user)  # Its token has been revoked.

    def _fault(self, told: str) -> None:
        self.faults.append(told)
        print(told, flush=True)

    def _version(self) -> int:
        return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        self._watch.close()
        self.site.close()


def _counts_failures(case: Any) -> bool:
    """Whether a refusal of this is written down: logins with wrong secrets are."""
    return case.path in ("/v3/auth/tokens", "/v3/users/{user_id}/password") or case.path.endswith("/auth")


def _path_of(case: Any) -> str:
    path = case.path
    for name, value in (case.path_parameters or {}).items():
        path = path.replace(f"{{{name}}}", quote(str(value), safe="", errors="replace"))
    return str(path)


def _flat(query: Any) -> Iterator[tuple[str, str]]:
    for name, value in query.items():
        for each in value if isinstance(value, list) else [value]:
            yield str(name), str(each)


def _text_of(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return json.dumps(body, default=str).encode()


def run(fuzz: Fuzz, *, requests: int, seeded: int, progress: bool = False) -> None:
    """Ask about so many requests, spread over every operation. Stops at twenty faults."""
    schema = schemathesis.openapi.from_dict(json.loads((SPECS / "identity-v3.14.json").read_text()))
    operations = [found.ok() for found in schema.get_all_operations()]
    chance = random.Random(seeded)
    began, told_at = time.monotonic(), time.monotonic()
    while fuzz.answers.total() < requests and len(fuzz.faults) < 20:
        operation, mode = chance.choice(operations), chance.choice(MODES)
        left = requests - fuzz.answers.total()
        _some(fuzz, operation, mode, count=min(BATCH, left), seeded=chance.randrange(1 << 32))
        if progress and time.monotonic() - told_at > 10:
            told_at = time.monotonic()
            rate = fuzz.answers.total() / (told_at - began)
            print(
                f"{fuzz.answers.total()} requests, {rate:.0f} a second, {len(fuzz.faults)} faults", flush=True
            )


def _some(fuzz: Fuzz, operation: Any, mode: GenerationMode, *, count: int, seeded: int) -> None:
    @seed(seeded)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        fuzz.ask(case)

    with contextlib.suppress(Unsatisfiable):  # Nothing of this operation can be broken.
        ask()


def main() -> int:
    """What is asked for on the command line; 1 if there were faults."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    asked = parser.parse_args()
    print(f"--seed {asked.seed}")
    with tempfile.TemporaryDirectory() as state:
        fuzz = Fuzz(Path(state))
        run(fuzz, requests=asked.requests, seeded=asked.seed, progress=True)
        fuzz.close()
    print(f"{fuzz.answers.total()} requests: {dict(sorted(fuzz.answers.items()))}; {len(fuzz.faults)} faults")
    return 1 if fuzz.faults else 0


if __name__ == "__main__":
    sys.exit(main())
