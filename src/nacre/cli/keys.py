"""`nacre keys`: the keys that sign tokens, and the keys that seal what is kept. The cloud may run meanwhile."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nacre.kernel.config import Settings

if TYPE_CHECKING:
    from nacre.identity.sealing import Seal
    from nacre.kernel.database import Database


def status(_ask: argparse.Namespace) -> int:
    """What there is of both, without any secret. Exit status 1 while a rotation of sealing keys is not over."""
    from nacre.identity import resealing
    from nacre.identity.store.tokens import load_keys
    from nacre.kernel.clock import iso_z

    with _store() as (_, database, seal):
        with database.read() as db:
            keys = load_keys(db)
        for key in keys:
            print(f"token key {key.key_id}: signs from {iso_z(key.signs_from)}")
        print(f"sealing keys: {seal.key_count} in {seal.path}")
        for column, found in resealing.survey(database, seal).items():
            print(f"  {column}: {found.secrets} secrets, {found.older} of them sealed with an older key")
        return 1 if seal.key_count > 1 else 0


def rotate(ask: argparse.Namespace) -> int:
    """New keys of the kinds asked for, or of both. What was broken off goes on. Raises NotAnnounced."""
    both = not (ask.tokens or ask.seal)
    with _store() as (settings, database, seal):
        if ask.seal or both:
            # An SQLite store has one node. With PostgreSQL there may be others, with copies of the file.
            _rotate_seal(database, seal, alone=ask.alone or not database.is_postgresql)
        if ask.tokens or both:
            _rotate_tokens(settings, database, seal)
    return 0


def _rotate_seal(database: Database, seal: Seal, *, alone: bool) -> None:
    from nacre.identity import resealing

    begun = resealing.begin(seal, alone=alone)
    print(
        "A new sealing key is in use."
        if begun
        else "A rotation of the sealing keys is under way; it goes on."
    )
    print(f"{sum(resealing.seal_anew(database, seal))} secrets were sealed anew.")
    print("`nacre keys drop` forgets the older key, in a minute or later.")


def _rotate_tokens(settings: Settings, database: Database, seal: Seal) -> None:
    from nacre.identity.keys import KEY_SETTLES_S, new_sealed_secret, read_for_s, rotate_keys
    from nacre.kernel.events import Actor

    sealed = new_sealed_secret(seal)
    with database.write(Actor("keys")) as tx:
        rotate_keys(tx, sealed, lifetime_s=read_for_s(settings))
    print(f"A new key signs tokens in {KEY_SETTLES_S:.0f} s; those that were signed before stay good.")


def announce(_ask: argparse.Namespace) -> int:
    """Make the sealing key that is to come, so that every node can know it before it is used. Safe to repeat."""
    with _store() as (_, _database, seal):
        seal.announce_key()
        print(f"Copy {seal.path} to every other node; then run `nacre keys rotate --seal`.")
    return 0


def drop(_ask: argparse.Namespace) -> int:
    """Forget the older sealing keys, once nothing is sealed with them. Raises StillSealed, TooSoon."""
    from nacre.identity import resealing

    with _store() as (_, database, seal):
        gone = resealing.drop_old_keys(database, seal)
    print(f"{gone} older sealing keys are forgotten.")
    return 0


@contextlib.contextmanager
def _store() -> Iterator[tuple[Settings, Database, Seal]]:
    """The store of this environment's cloud, whether it runs or not. Raises NoCloud."""
    from nacre.host import choices
    from nacre.identity.sealing import SEAL_FILE, Seal
    from nacre.kernel.clock import SystemClock
    from nacre.kernel.database import Database
    from nacre.kernel.wakes import Wakes

    settings = choices.load(os.environ)
    url = settings.database_url
    database = Database(url, clock=SystemClock(), wakes=Wakes(), durable=settings.database.durable)
    try:
        yield settings, database, Seal(settings.state_dir / SEAL_FILE)
    finally:
        database.close()
