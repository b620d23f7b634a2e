"""How identity is put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from argon2 import PasswordHasher

from nacre.identity.api.envelope import envelope
from nacre.identity.api.parts import Parts
from nacre.identity.api.routes import ROUTES
from nacre.identity.authority import Authority
from nacre.identity.bootstrap import CatalogEntry
from nacre.identity.contract import Identity
from nacre.identity.keys import new_sealed_secret
from nacre.identity.passwords import Passwords
from nacre.identity.sealing import SEAL_FILE, Seal
from nacre.identity.seed import Seed
from nacre.kernel.assembly import Assembled, Kernel
from nacre.kernel.http.app import Service


def assemble(
    kernel: Kernel,
    *,
    catalog: Sequence[CatalogEntry],
    bootstrap: Mapping[str, str],
    hasher: PasswordHasher | None = None,
) -> Assembled[Identity]:
    """Identity at `/identity`.

    `catalog` says which services this program has and where; `bootstrap` holds `admin_password` and
    `demo_password`, which are used when those users are first made. `hasher` is for tests that cannot wait.
    """
    seal = Seal(kernel.settings.state_dir / SEAL_FILE)
    authority = Authority(kernel, seal)
    passwords = Passwords(hasher)
    service = Service(
        name="identity",
        prefix="/identity",
        routes=ROUTES,
        parts=Parts(authority, passwords, seal),
        envelope=envelope,
    )
    seed = Seed(kernel.settings, catalog, bootstrap, passwords, new_sealed_secret(seal))
    return Assembled(contract=authority, services=[service], seed=seed)
