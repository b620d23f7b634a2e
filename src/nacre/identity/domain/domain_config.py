"""What can be configured for one domain: the groups, their options, and what each may say.

Source: Identity API v3 reference, "Domain configuration"; the names, types and defaults are those of the options
that operators of such clouds know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nacre.kernel.errors import Bad

Config = Mapping[str, Mapping[str, Any]]
"""Values by group and option."""

LONGEST_TEXT = 65_535
LARGEST = 2**31 - 1

_FLAGS = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One option. A `sensitive` one is kept sealed, and never shown again."""

    kind: type[str] | type[int] | type[float] | type[bool] | type[list]  # type: ignore[type-arg]
    default: Any = None
    least: float | None = None
    choices: tuple[str, ...] = ()
    sensitive: bool = False

    def read(self, value: Any) -> Any:
        """A value as callers write it, in the option's own type; null is the default. Raises ValueError.

        Numbers and flags may be written as text, and lists as text with commas.
        """
        if value is None:
            return self.default
        read = _READ[self.kind](value)
        if self.choices and read not in self.choices:
            raise ValueError(f"it is one of {', '.join(self.choices)}")
        if self.least is not None and read < self.least:
            raise ValueError(f"it is at least {self.least:g}")
        return read


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise ValueError(f"it is a text of at most {LONGEST_TEXT} characters")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool | float) or not -LARGEST <= (number := int(value)) <= LARGEST:
        raise ValueError("it is a whole number")
    return number


def _number(value: Any) -> float:
    if isinstance(value, bool) or not -LARGEST <= (number := float(value)) <= LARGEST:
        raise ValueError("it is a number")
    return number


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    found = _FLAGS.get(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("it is true or false")
    return found


def _list(value: Any) -> list[str]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError("it is a list of texts")
    return value


_READ: Mapping[Any, Any] = {str: _text, int: _integer, float: _number, bool: _flag, list: _list}


def _texts(**defaults: str | None) -> dict[str, Option]:
    return {name: Option(kind=str, default=default) for name, default in defaults.items()}


def _flags(**defaults: bool | None) -> dict[str, Option]:
    return {name: Option(kind=bool, default=default) for name, default in defaults.items()}


def _integers(least: int, **defaults: int | None) -> dict[str, Option]:
    return {name: Option(kind=int, default=default, least=least) for name, default in defaults.items()}


def _lists(**defaults: list[str]) -> dict[str, Option]:
    return {name: Option(kind=list, default=default) for name, default in defaults.items()}


def _choice(default: str, *others: str) -> Option:
    return Option(kind=str, default=default, choices=(default, *others))


GROUPS: Mapping[str, Mapping[str, Option]] = {
    "identity": _texts(driver="sql") | _integers(0, list_limit=None),
    "ldap": {"password": Option(kind=str, sensitive=True)}
    | _texts(
        url="ldap://localhost",
        user=None,
        suffix="cn=example,cn=com",
        user_tree_dn=None,
        user_filter=None,
        user_objectclass="inetOrgPerson",
        user_id_attribute="cn",
        user_name_attribute="sn",
        user_description_attribute="description",
        user_mail_attribute="mail",
        user_pass_attribute="userPassword",
        user_enabled_attribute="enabled",
        user_enabled_default="True",
        user_default_project_id_attribute=None,
        user_enabled_emulation_dn=None,
        group_tree_dn=None,
        group_filter=None,
        group_objectclass="groupOfNames",
        group_id_attribute="cn",
        group_name_attribute="ou",
        group_member_attribute="member",
        group_desc_attribute="description",
        tls_cacertfile=None,
        tls_cacertdir=None,
    )
    | {
        "query_scope": _choice("one", "sub"),
        "alias_dereferencing": _choice("default", "never", "searching", "always", "finding"),
        "tls_req_cert": _choice("demand", "never", "allow"),
        "pool_retry_delay": Option(kind=float, default=0.1, least=0),
    }
    | _flags(
        chase_referrals=None,
        user_enabled_invert=False,
        user_enabled_emulation=False,
        user_enabled_emulation_use_group_config=False,
        group_members_are_ids=False,
        group_ad_nesting=False,
        use_tls=False,
        use_pool=True,
        use_auth_pool=True,
    )
    | _lists(
        user_attribute_ignore=["default_project_id"],
        user_additional_attribute_mapping=[],
        group_attribute_ignore=[],
        group_additional_attribute_mapping=[],
    )
    | _integers(-1, debug_level=None, connection_timeout=-1, pool_connection_timeout=-1)
    | _integers(0, page_size=0, user_enabled_mask=0)
    | _integers(1, pool_size=10, pool_retry_max=3, pool_connection_lifetime=600)
    | _integers(1, auth_pool_size=100, auth_pool_connection_lifetime=60),
}

DEFAULTS: Config = {
    group: {name: option.default for name, option in sorted(options.items()) if not option.sensitive}
    for group, options in GROUPS.items()
}
"""What counts where a domain says nothing; the sensitive options have no default."""


def check(config: Config) -> None:
    """Raise Bad unless every value is one that its option may have. Every group and option must exist."""
    for group, options in config.items():
        for name, value in options.items():
            try:
                GROUPS[group][name].read(value)
            except (ValueError, TypeError) as error:
                raise Bad(f"{error}.", where=f"config.{group}.{name}") from error


def typed(config: Config) -> Config:
    """The same values, each in its option's own type.

    `%(password)s` within a text stands for the value of that sensitive option.
    """
    return {
        group: {name: GROUPS[group][name].read(_filled(value, options)) for name, value in options.items()}
        for group, options in config.items()
    }


def _filled(value: Any, options: Mapping[str, Any]) -> Any:
    secret = options.get("password")
    if isinstance(value, str) and secret and value is not secret:
        return value.replace("%(password)s", secret)
    return value


def with_defaults(config: Config) -> Config:
    """Every option there is: as configured, else as by default."""
    return {group: {**defaults, **config.get(group, {})} for group, defaults in DEFAULTS.items()}
