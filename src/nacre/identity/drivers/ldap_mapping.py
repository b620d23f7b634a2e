"""From LDAP entries to users and groups: which attribute means what, by a domain's options. No I/O.

Source: the options of section `[ldap]` in the configuration reference of OpenStack's identity service.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import final

import msgspec
from ldap3.utils.conv import escape_filter_chars

from nacre.identity.domain.directories import DirectoryGroup, DirectoryUser


class LdapOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a domain says of its directory."""

    url: str = "ldap://localhost"
    user: str = ""
    password: str = ""
    suffix: str = "cn=example,cn=com"
    query_scope: str = "one"
    page_size: int = 0
    alias_dereferencing: str = "default"
    chase_referrals: bool = False
    connection_timeout: int = -1
    use_tls: bool = False
    tls_cacertfile: str = ""
    tls_cacertdir: str = ""
    tls_req_cert: str = "demand"
    use_pool: bool = True
    pool_size: int = 10
    pool_connection_lifetime: int = 600
    user_tree_dn: str = ""
    user_filter: str = ""
    user_objectclass: str = "inetOrgPerson"
    user_id_attribute: str = "cn"
    user_name_attribute: str = "sn"
    user_description_attribute: str = "description"
    user_mail_attribute: str = "mail"
    user_enabled_attribute: str = "enabled"
    user_enabled_mask: int = 0
    user_enabled_default: str = "True"
    user_enabled_invert: bool = False
    user_enabled_emulation: bool = False
    user_default_project_id_attribute: str = ""
    user_attribute_ignore: Sequence[str] = ("default_project_id",)
    user_additional_attribute_mapping: Sequence[str] = ()
    group_tree_dn: str = ""
    group_filter: str = ""
    group_objectclass: str = "groupOfNames"
    group_id_attribute: str = "cn"
    group_name_attribute: str = "ou"
    group_desc_attribute: str = "description"
    group_member_attribute: str = "member"
    group_members_are_ids: bool = False
    group_ad_nesting: bool = False
    group_attribute_ignore: Sequence[str] = ()
    group_additional_attribute_mapping: Sequence[str] = ()

    @property
    def urls(self) -> Sequence[str]:
        """The servers, in the order in which they are tried."""
        return [url.strip() for url in self.url.split(",") if url.strip()]

    @property
    def is_encrypted(self) -> bool:
        return self.use_tls or all(url.startswith("ldaps://") for url in self.urls)


class Raw(msgspec.Struct, frozen=True):
    """An entry as it came: its DN, and values by attribute in lower case."""

    dn: str
    attributes: Mapping[str, Sequence[bytes]]

    def first(self, attribute: str) -> str | None:
        """The first value as text; None if there is none, or none that is text."""
        for value in self.attributes.get(attribute.lower(), ()):
            try:
                text = value.decode()
            except UnicodeDecodeError:
                continue
            if text.strip() and "\0" not in text:
                return text
        return None


@final
class UserMapping:
    """How users are found and read."""

    def __init__(self, options: LdapOptions) -> None:
        self._options = options
        self.tree = options.user_tree_dn or f"ou=Users,{options.suffix}"
        self.key_attribute = options.user_id_attribute
        self.name_attribute = options.user_name_attribute
        known = {
            "email": options.user_mail_attribute,
            "description": options.user_description_attribute,
            "default_project_id": options.user_default_project_id_attribute,
            "enabled": options.user_enabled_attribute,
        }
        known |= _additional(options.user_additional_attribute_mapping)
        ignored = set(options.user_attribute_ignore)
        if options.user_default_project_id_attribute:
            ignored.discard("default_project_id")  # Whoever names the attribute wants it.
        self._known = {
            name: attribute for name, attribute in known.items() if attribute and name not in ignored
        }
        self._extra = {
            name: at for name, at in self._known.items() if name not in ("enabled", "default_project_id")
        }
        self.attributes = _distinct(self.key_attribute, self.name_attribute, *self._known.values())

    def filter(self, condition: str = "") -> str:
        """The filter of every user, narrowed by a condition."""
        options = self._options
        return _all_of(options.user_filter, options.user_objectclass, f"({self.key_attribute}=*)", condition)

    def with_name(self, name: str) -> str:
        return f"({self.name_attribute}={escape_filter_chars(name)})"

    def with_key(self, key: str) -> str:
        return f"({self.key_attribute}={_key_value(self.key_attribute, key)})"

    def read(self, raw: Raw) -> DirectoryUser | None:
        """The user; None for an entry that has no id or no name."""
        key, name = _key_of(raw, self.key_attribute), raw.first(self.name_attribute)
        if key is None or name is None:
            return None
        project = self._known.get("default_project_id")
        return DirectoryUser(
            key=key,
            name=name,
            handle=key if self._options.group_members_are_ids else normal_dn(raw.dn),
            locator=raw.dn,
            enabled=self._is_enabled(raw),
            default_project_id=raw.first(project) if project else None,
            extra={name: value for name, at in self._extra.items() if (value := raw.first(at)) is not None},
        )

    def _is_enabled(self, raw: Raw) -> bool:
        options, attribute = self._options, self._known.get("enabled")
        said = (raw.first(attribute) if attribute else None) or options.user_enabled_default
        if options.user_enabled_mask:
            try:
                return int(said) & options.user_enabled_mask != options.user_enabled_mask
            except ValueError:
                return False  # What cannot be read must let nobody in.
        is_true = said.strip().lower() in ("true", "1", "yes", "on")
        return not is_true if options.user_enabled_invert and attribute else is_true


@final
class GroupMapping:
    """How groups are found and read."""

    def __init__(self, options: LdapOptions) -> None:
        self._options = options
        self.tree = options.group_tree_dn or f"ou=UserGroups,{options.suffix}"
        self.key_attribute = options.group_id_attribute
        self.name_attribute = options.group_name_attribute
        known = {"description": options.group_desc_attribute}
        known |= _additional(options.group_additional_attribute_mapping)
        self._known = {
            name: attribute
            for name, attribute in known.items()
            if attribute and name not in options.group_attribute_ignore
        }
        self.attributes = _distinct(
            self.key_attribute, self.name_attribute, *self._known.values(), options.group_member_attribute
        )

    def filter(self, condition: str = "") -> str:
        """The filter of every group, narrowed by a condition."""
        options = self._options
        return _all_of(
            options.group_filter, options.group_objectclass, f"({self.key_attribute}=*)", condition
        )

    def with_member(self, member: str) -> str:
        return f"({self._options.group_member_attribute}={escape_filter_chars(member)})"

    def key_of(self, raw: Raw) -> str | None:
        return _key_of(raw, self.key_attribute)

    def read(self, raw: Raw) -> DirectoryGroup | None:
        """The group; None for an entry that has no id or no name."""
        key, name = self.key_of(raw), raw.first(self.name_attribute)
        if key is None or name is None:
            return None
        extra = {name: value for name, at in self._known.items() if (value := raw.first(at)) is not None}
        values = raw.attributes.get(self._options.group_member_attribute.lower(), ())
        members = (value.decode(errors="replace") for value in values)
        return DirectoryGroup(
            key=key,
            name=name,
            handle=normal_dn(raw.dn),
            description=extra.pop("description", ""),
            members=frozenset(members if self._options.group_members_are_ids else map(normal_dn, members)),
            extra=extra,
        )


# -- pieces ------------------------------------------------------------------------------------------------

_AROUND_SIGNS = re.compile(r"(?<!\\)\s*([,=+])\s*")
_ESCAPED_OCTET = re.compile(r"((?:\\[0-9a-fA-F]{2})+)")


def normal_dn(dn: str) -> str:
    """A DN in a form in which two that are written differently and mean the same are equal.

    Without the schema this holds for letter case, spaces around signs, and octets that are written as numbers.
    """
    if "\\" in dn:
        dn = _ESCAPED_OCTET.sub(_as_character, dn)
    return _AROUND_SIGNS.sub(r"\1", dn.strip()).casefold()


def _as_character(found: re.Match[str]) -> str:
    text = bytes.fromhex(found[1].replace("\\", "")).decode(errors="replace")
    return "".join(f"\\{each}" if each in ',=+<>#;"\\' else each for each in text)


def _all_of(given: str, objectclass: str, *conditions: str) -> str:
    given = given.strip()
    if given and not given.startswith("("):
        given = f"({given})"
    return f"(&{given}(objectClass={escape_filter_chars(objectclass)}){''.join(conditions)})"


def _additional(pairs: Sequence[str]) -> dict[str, str]:
    """`ldap_attribute:name` as names with their attributes; what is no such pair is passed over."""
    split = (pair.partition(":") for pair in pairs)
    return {
        name.strip(): attribute.strip() for attribute, _, name in split if name.strip() and attribute.strip()
    }


def _distinct(*attributes: str) -> list[str]:
    return list(dict.fromkeys(attributes))


def _is_guid(attribute: str) -> bool:
    """Active Directory's ids are sixteen octets, not text."""
    return attribute.lower() == "objectguid"


def _key_of(raw: Raw, attribute: str) -> str | None:
    if _is_guid(attribute):
        values = raw.attributes.get("objectguid", ())
        return str(uuid.UUID(bytes_le=values[0])) if values and len(values[0]) == 16 else None
    values = raw.attributes.get(attribute.lower(), ())
    if len(values) > 1:
        # Of several values the one in the DN is the entry's own.
        own, _, value = raw.dn.partition(",")[0].partition("=")
        if own.strip().lower() == attribute.lower() and value.strip().encode() in values:
            return value.strip()
    return raw.first(attribute)


def _key_value(attribute: str, key: str) -> str:
    if _is_guid(attribute):
        try:
            octets = uuid.UUID(key).bytes_le
        except ValueError:
            return escape_filter_chars(key)
        return "".join(f"\\{octet:02x}" for octet in octets)
    return escape_filter_chars(key)
