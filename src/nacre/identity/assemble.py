"""How identity is put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from argon2 import PasswordHasher

from nacre.identity import policy
from nacre.identity.accounts import Account
from nacre.identity.api import directory_checks
from nacre.identity.api.envelope import envelope
from nacre.identity.api.parts import Parts
from nacre.identity.api.routes import ROUTES
from nacre.identity.api.rules import LOCAL_ROUTES
from nacre.identity.authority import Authority
from nacre.identity.bootstrap import CatalogEntry
from nacre.identity.contract import Identity
from nacre.identity.directories import Directories
from nacre.identity.domain.passwords import DAY_S, PasswordRules
from nacre.identity.drivers import DRIVERS
from nacre.identity.drivers.base import OpenDirectory
from nacre.identity.drivers.sign_on.base import SignOn
from nacre.identity.drivers.sign_on.oidc import OpenIdConnect
from nacre.identity.keys import new_sealed_secret
from nacre.identity.loops.directories import DirectoriesLoop
from nacre.identity.loops.idle_users import IdleUserLoop
from nacre.identity.loops.token_keys import TokenKeyLoop
from nacre.identity.passwords import Passwords
from nacre.identity.rules import Rules
from nacre.identity.sealing import SEAL_FILE, Seal
from nacre.identity.seed import Seed
from nacre.identity.sign_on import SignOns
from nacre.kernel.assembly import Assembled, Kernel
from nacre.kernel.config import SecurityComplianceSettings
from nacre.kernel.http.app import Service
from nacre.kernel.loops import Loop
from nacre.kernel.policy import Policy, policies_in


def assemble(
    kernel: Kernel,
    *,
    catalog: Sequence[CatalogEntry],
    bootstrap: Mapping[str, str],
    policies: Iterable[Policy] = (),
    accounts: Sequence[Account] = (),
    hasher: PasswordHasher | None = None,
    directories: Mapping[str, OpenDirectory] = DRIVERS,
    sign_on: SignOn | None = None,
) -> Assembled[Identity]:
    """Identity at `/identity`.

    `catalog` says which services this program has and where; `bootstrap` holds `admin_password` and
    `demo_password`, which are used when those users are first made. `policies` are those of the other services,
    whose rules are kept here as well, and `accounts` what these services count. `hasher` is for tests that cannot wait,
    and `directories` are the drivers that a domain's users and groups may come from;
    `sign_on` is what providers of single sign-on are asked by, if not over the network.
    """
    seal = Seal(kernel.settings.state_dir / SEAL_FILE)
    own = [*policies_in(policy), *(route.policy for route in ROUTES)]
    authority = Authority(kernel, seal, [*policies, *own])
    passwords = Passwords(hasher)
    the_directories = Directories(kernel, seal, directories)
    parts = Parts(
        authority,
        Rules(kernel.database, authority),
        passwords,
        seal,
        kernel.settings.auth,
        password_rules_of(kernel.settings.security_compliance),
        accounts=accounts,
        directories=the_directories,
        sign_on=SignOns(
            sign_on or OpenIdConnect(kernel.clock, timeout_s=kernel.settings.sign_on.timeout_s),
            seal,
            kernel.settings,
        ),
    )
    service = Service(name="identity", prefix="/identity", routes=ROUTES, parts=parts, envelope=envelope)
    for_operator = Service(
        name="policy",
        prefix="/policy",
        routes=LOCAL_ROUTES,
        parts=parts,
        envelope=envelope,
        local_only=True,
    )
    seed = Seed(kernel.settings, catalog, bootstrap, passwords, new_sealed_secret(seal), accounts)
    directories_door = Service(
        name="directories",
        prefix="/directories",
        routes=directory_checks.LOCAL_ROUTES,
        parts=parts,
        envelope=envelope,
        local_only=True,
    )
    loops: list[Loop] = [
        DirectoriesLoop(kernel.database, the_directories, kernel.settings.directories),
        TokenKeyLoop(kernel, seal),
        IdleUserLoop(kernel, parts.password_rules),
    ]
    return Assembled(
        contract=authority, services=[service, for_operator, directories_door], loops=loops, seed=seed
    )


def password_rules_of(asked: SecurityComplianceSettings) -> PasswordRules:
    """What the site asks of passwords, in our own units."""
    return PasswordRules(
        most_failures=asked.lockout_failure_attempts,
        locked_s=asked.lockout_duration,
        idle_s=asked.disable_user_account_days_inactive * DAY_S,
        lifetime_s=asked.password_expires_days * DAY_S,
        distinct=asked.unique_last_password_count,
        least_age_s=asked.minimum_password_age * DAY_S,
        pattern=asked.password_regex,
        pattern_told=asked.password_regex_description,
        first_use_changes=asked.change_password_upon_first_use,
    )
