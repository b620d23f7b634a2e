"""What identity asks of the outside: directories that know a site's users and groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nacre.identity.drivers.base import Directory, OpenDirectory


def _ldap(options: Mapping[str, Any]) -> Directory:
    from nacre.identity.drivers.ldap import (
        LdapDirectory,
    )  # Most sites have no directory, and need not load it.

    return LdapDirectory(options)


DRIVERS: Mapping[str, OpenDirectory] = {"ldap": _ldap}
"""The directories by what a domain's configuration calls their driver."""
