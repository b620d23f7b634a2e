"""How identity is put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from argon2 import PasswordHasher

from nacre.identity import policy
from nacre.identity.api.envelope import envelope
from nacre.identity.api.parts import Parts
from nacre.identity.api.routes import ROUTES
from nacre.identity.api.rules import LOCAL_ROUTES
from nacre.identity.authority import Authority
from nacre.identity.bootstrap import CatalogEntry
from nacre.identity.contract import Identity
from nacre.identity.keys import new_sealed_secret
from nacre.identity.passwords import Passwords
from nacre.identity.rules import Rules
from nacre.identity.sealing import SEAL_FILE, Seal
from nacre.identity.seed import Seed
from nacre.kernel.assembly import Assembled, Kernel
from nacre.kernel.http.app import Service
from nacre.kernel.policy import Policy, policies_in


def assemble(
    kernel: Kernel,
    *,
    catalog: Sequence[CatalogEntry],
    bootstrap: Mapping[str, str],
    policies: Iterable[Policy] = (),
    hasher: PasswordHasher | None = None,
) -> Assembled[Identity]:
    """Identity at `/identity`.

    `catalog` says which services this program has and where; `bootstrap` holds `admin_password` and
    `demo_password`, which are used when those users are first made. `policies` are those of the other services,
    whose rules are kept here as well. `hasher` is for tests that cannot wait.
    """
    seal = Seal(kernel.settings.state_dir / SEAL_FILE)
    own = [*policies_in(policy), *(route.policy for route in ROUTES)]
    authority = Authority(kernel, seal, [*policies, *own])
    passwords = Passwords(hasher)
    parts = Parts(authority, Rules(kernel.database, authority), passwords, seal, kernel.settings.auth)
    service = Service(name="identity", prefix="/identity", routes=ROUTES, parts=parts, envelope=envelope)
    for_operator = Service(
        name="policy",
        prefix="/policy",
        routes=LOCAL_ROUTES,
        parts=parts,
        envelope=envelope,
        local_only=True,
    )
    seed = Seed(kernel.settings, catalog, bootstrap, passwords, new_sealed_secret(seal))
    return Assembled(contract=authority, services=[service, for_operator], seed=seed)
