"""Random requests, made from the published description of a service: none may bring a 500, and none that is refused
may change anything.

    python -m tests.conformance.fuzz --service network --requests 1000000 [--seed N]

`schemathesis` draws what requests are made of, half as the description allows and half broken on purpose: paths,
queries and bodies. Each request is put together anew from those, with ids here and there of things that exist by
then, and made by an administrator, by a member of a project, or by nobody. Where a service has loops, they have to
settle what was accepted, and the audit has to find nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import re
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from tests.conformance.services import SERVICES, OneService
from tests.support.asgi import AsgiClient

BATCH = 10
"""How many cases are drawn at a time, since drawing costs far more than asking."""
KEPT = 60
"""How many cases are kept of each operation and mode."""
VISIT = 50
"""How many requests are made of an operation before the next one is looked at."""
FRESH = 0.01
"""How often a visit begins with new cases."""
TERM = 5_000
"""After how many requests everything begins anew: who may do all may also take that away."""
EXISTING = 0.6
"""How often an id is one of something that exists."""
GOOD = 0.5
"""How often a body is made from one that is known to be good, where there is one."""
REMEMBERED = 40
"""How many ids of each noun."""
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
ADMIN, MEMBER, NOBODY = "admin", "demo", ""
CALLERS = {ADMIN: 5, MEMBER: 4, NOBODY: 1}
"""Who asks, and how often."""


class Cases:
    """What schemathesis has drawn of one operation in one mode."""

    def __init__(self, operation: Any, mode: GenerationMode) -> None:
        self._operation = operation
        self._mode = mode
        self._kept: list[Any] = []
        self._begun = False

    def some(self, chance: random.Random) -> list[Any]:
        """All that are kept; now and then with new ones among them. None where nothing can be broken."""
        if not self._begun or (self._kept and chance.random() < FRESH):
            self._begun = True
            self._kept = (self._kept + self._draw(chance.randrange(1 << 32)))[-KEPT:]
        return self._kept

    def _draw(self, seeded: int) -> list[Any]:
        drawn: list[Any] = []

        @seed(seeded)
        @settings(
            max_examples=BATCH,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(self._operation.as_strategy(generation_mode=self._mode))
        def keep(case: Any) -> None:
            drawn.append(case)

        with contextlib.suppress(Unsatisfiable):
            keep()
        return drawn


class Known:
    """Ids of things that exist, or did: told by answers."""

    def __init__(self) -> None:
        self._ids: dict[str, list[str]] = {}

    def learn(self, answer: Any) -> None:
        """Take the ids from an answer that is a thing, or a list of things, under its name."""
        for name, value in answer.items() if isinstance(answer, dict) else ():
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict) and isinstance(each.get("id"), str):
                    known = self._ids.setdefault(_singular(name), [])
                    known.append(each["id"])
                    del known[:-REMEMBERED]

    def forget(self, gone: str) -> None:
        """Something with this id is not there any more."""
        for known in self._ids.values():
            if gone in known:
                known.remove(gone)

    def id_for(self, name: str, chance: random.Random) -> str | None:
        """An id that makes sense as `name`, such as `user_id` or `default_project_id`; any as `object_id`."""
        if name == "object_id":
            anything = [each for known in self._ids.values() for each in known]
            return chance.choice(anything) if anything else None
        words = _singular(name.removesuffix("_id")).split("_")
        nouns = ("_".join(words[start:]) for start in range(len(words)))
        known = next((self._ids[noun] for noun in nouns if self._ids.get(noun)), None)
        return chance.choice(known) if known else None


def _singular(name: str) -> str:
    return name[:-3] + "y" if name.endswith("ies") else name.removesuffix("s")


class Term:
    """One instance of the service on SQLite, those who ask it, and what they know."""

    def __init__(self, service: OneService) -> None:
        self._state = tempfile.TemporaryDirectory()
        state = Path(self._state.name)
        self.running = service.begin(state)
        # A look through a connection of its own: its version moves when anybody else has written.
        self._watch = sqlite3.connect(state / "nacre.db")
        self._clients: dict[str, AsgiClient] = {}
        self.known = Known()
        self.asked = 0

    def client(self, user: str) -> AsgiClient | None:
        """Whoever asks. None where nobody can log in as that any more."""
        if user not in self._clients:
            token = "" if user == NOBODY else self.running.token_of(user)
            if token is None:
                return None
            self._clients[user] = AsgiClient(self.running.http, token=token)
        return self._clients[user]

    def log_out(self, user: str) -> None:
        """The token is not taken any more: the next request needs a new one."""
        self._clients.pop(user, None)

    def version(self) -> int:
        return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        self._watch.close()
        self.running.close()
        self._state.cleanup()


class Fuzz:
    """Random requests to a service, and what came of them."""

    def __init__(self, service: OneService, *, seeded: int) -> None:
        self._service = service
        self._chance = random.Random(seeded)
        schema = schemathesis.openapi.from_dict(service.description.spec)
        described = (found.ok() for found in schema.get_all_operations())
        self._operations = [
            [Cases(each, mode) for mode in MODES]
            for each in described
            if service.description.is_served(f"{each.method.upper()} {each.path}")
        ]
        self.answers: Counter[int] = Counter()
        self.faults: list[str] = []
        self._term = self._new_term()

    def run(self, requests: int, *, progress: bool = False) -> None:
        """Make about so many requests, spread over every operation. Stops at twenty faults."""
        began = told_at = time.monotonic()
        while self.answers.total() < requests and len(self.faults) < 20:
            self._visit()
            if self._term.asked >= TERM:
                self._begin_anew()
            if progress and time.monotonic() - told_at > 10:
                told_at = time.monotonic()
                done = self.answers.total()
                rate = done / (told_at - began)
                print(f"{done} requests, {rate:.0f} a second, {len(self.faults)} faults", flush=True)

    def _begin_anew(self) -> None:
        self._settle()
        self._term.close()
        self._term = self._new_term()

    def _new_term(self) -> Term:
        """A new instance, in which there is already something of each noun."""
        self._term = Term(self._service)
        for (method, path), good in self._service.good_bodies.items():
            if method == "POST" and "{" not in path:
                for user in (ADMIN, MEMBER):
                    body = json.dumps(self._filled("", good, how_often=1.0)).encode()
                    self._ask(method, path, f"{self._service.description.prefix}{path}", body, user=user)
        return self._term

    def _settle(self) -> None:
        for wrong in self._term.running.settle():
            self._fault(f"after {self._term.asked} requests: {wrong}")

    def _visit(self) -> None:
        """Some requests of one operation."""
        drawn = [cases.some(self._chance) for cases in self._chance.choice(self._operations)]
        choices = [cases for cases in drawn if cases]
        for _ in range(VISIT if choices else 0):
            path, query, body = (self._chance.choice(self._chance.choice(choices)) for _ in range(3))
            asked = urlencode(list(_flat(query.query or {})), errors="replace")
            url = f"{self._service.description.prefix}{self._path(path)}?{asked}"
            (user,) = self._chance.choices(list(CALLERS), weights=list(CALLERS.values()))
            self._ask(path.method, str(path.path), url, self._body(body), user=user)
        self._settle()

    def _ask(self, method: str, path: str, url: str, body: bytes | None, *, user: str) -> None:
        client = self._term.client(user)
        if client is None:  # Somebody was allowed to take away what all depend on.
            self._begin_anew()
            return
        before = self._term.version()
        reply = client.request(method, url, body=body, headers={"Content-Type": "application/json"})
        self.answers[reply.status] += 1
        self._term.asked += 1
        told = f"{method} {url} {(body or b'')[:2000]!r} as {user or 'nobody'}"
        if reply.status >= 500 and reply.status != 501:
            self._fault(f"{reply.status}: {told}")
        if b"constraint failed" in reply.body:
            self._fault(f"the store's own words: {told}")
        if reply.status >= 400 and self._term.version() != before and not _counts_failures(path):
            self._fault(f"refused with {reply.status}, and wrote: {told}")
        if method == "DELETE" and reply.status == 204:
            self._term.known.forget(url.partition("?")[0].rpartition("/")[2])
        if reply.status == 401:
            self._term.log_out(user)
        elif reply.status < 300 and reply.body:
            with contextlib.suppress(ValueError):
                self._term.known.learn(reply.json)

    def _fault(self, told: str) -> None:
        self.faults.append(told)
        print(told, flush=True)

    def _path(self, case: Any) -> str:
        path = str(case.path)
        for name, value in (case.path_parameters or {}).items():
            before, _, _ = path.partition(f"/{{{name}}}")
            noun = before.rpartition("/")[2].replace("-", "_") if name == "id" else name
            path = path.replace(
                f"{{{name}}}", quote(self._existing(noun) or str(value), safe="", errors="replace")
            )
        return path

    def _existing(self, name: str, *, how_often: float = EXISTING) -> str | None:
        return self._term.known.id_for(name, self._chance) if self._chance.random() < how_often else None

    def _body(self, case: Any) -> bytes | None:
        """What was drawn, or with some of that a body that is known to be good."""
        drawn = case.body
        if isinstance(drawn, bytes):
            return drawn
        good = self._service.good_bodies.get((case.method, re.sub(r"{\w+}", "{}", str(case.path))))
        if good is not None and self._chance.random() < GOOD:
            whole = self._laid_over(self._filled("", good, how_often=1.0), self._filled("", drawn))
        elif isinstance(drawn, schemathesis.core.NotSet):
            return None
        else:
            whole = self._filled("", drawn)
        return json.dumps(whole, default=str).encode()

    def _laid_over(self, good: Any, drawn: Any) -> Any:
        """A good body with one or another thing of a drawn one in it."""
        if not (isinstance(good, dict) and isinstance(drawn, dict)):
            return good
        some = {name: value for name, value in drawn.items() if self._chance.random() < 1 / (1 + len(drawn))}
        return (
            good
            | some
            | {name: self._laid_over(good[name], drawn[name]) for name in good.keys() & drawn.keys()}
        )

    def _filled(self, name: str, value: Any, *, how_often: float = EXISTING) -> Any:
        """The value, with likely values, and ids of things that exist, where it names some."""
        if isinstance(value, Mapping):
            return {key: self._filled(str(key), each, how_often=how_often) for key, each in value.items()}
        if isinstance(value, list):
            return [self._filled(name, each, how_often=how_often) for each in value]
        likely = self._service.likely.get(name)
        if likely and self._chance.random() < how_often:
            return self._chance.choice(likely)
        if name.endswith("_id") or name == "id" or isinstance(value, str):
            return self._existing(name, how_often=how_often) or value
        return value

    def close(self) -> None:
        self._settle()
        self._term.close()


def _counts_failures(path: str) -> bool:
    """Whether a refusal of this is written down: logins with wrong secrets are."""
    return path in ("/v3/auth/tokens", "/v3/users/{user_id}/password") or path.endswith("/auth")


def _flat(query: Any) -> Iterator[tuple[str, str]]:
    for name, value in query.items():
        for each in value if isinstance(value, list) else [value]:
            yield str(name), str(each)


def main() -> int:
    """What is asked for on the command line; 1 if there were faults."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--service", choices=sorted(SERVICES), default="identity")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    asked = parser.parse_args()
    print(f"--service {asked.service} --seed {asked.seed}")
    fuzz = Fuzz(SERVICES[asked.service], seeded=asked.seed)
    fuzz.run(asked.requests, progress=True)
    fuzz.close()
    print(f"{fuzz.answers.total()} requests: {dict(sorted(fuzz.answers.items()))}; {len(fuzz.faults)} faults")
    return 1 if fuzz.faults else 0


if __name__ == "__main__":
    sys.exit(main())
