"""LDAP: users and groups by mapping, passwords by binding as the user.

The options have the names, defaults and meanings that operators of OpenStack know from the `[ldap]` section of its
identity service. Nothing is ever written to the directory.
"""

from __future__ import annotations

import re
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Literal, TypeVar, final

import ldap3
import msgspec
from ldap3.core import exceptions as ldap_errors

from nacre.identity.domain.directories import DirectoryGroup, DirectoryUser, flattened
from nacre.identity.drivers.base import (
    DirectoryAway,
    DirectoryCapabilities,
    DirectoryMisconfigured,
    Finding,
)
from nacre.identity.drivers.ldap_mapping import GroupMapping, LdapOptions, Raw, UserMapping, normal_dn

R = TypeVar("R")

PAGE = 500
"""Entries asked for at once, where `page_size` does not say."""
ANSWER_S = 10
"""How long a connection, or an answer, is waited for where `connection_timeout` does not say."""
DEEPEST_NESTING = 20

_PAGED_RESULTS = "1.2.840.113556.1.4.319"
_SCOPES: Mapping[str, Literal["LEVEL", "SUBTREE"]] = {"one": ldap3.LEVEL, "sub": ldap3.SUBTREE}
_DEREFERENCE: Mapping[str, Literal["NEVER", "SEARCH", "FINDING_BASE", "ALWAYS"]] = {
    "default": ldap3.DEREF_NEVER,
    "never": ldap3.DEREF_NEVER,
    "searching": ldap3.DEREF_SEARCH,
    "finding": ldap3.DEREF_BASE,
    "always": ldap3.DEREF_ALWAYS,
}
_REFUSED = (
    ldap_errors.LDAPInvalidCredentialsResult,
    ldap_errors.LDAPInappropriateAuthenticationResult,
    ldap_errors.LDAPNoSuchObjectResult,
    ldap_errors.LDAPInvalidDNSyntaxResult,
    ldap_errors.LDAPUnwillingToPerformResult,
    ldap_errors.LDAPInsufficientAccessRightsResult,
    ldap_errors.LDAPConstraintViolationResult,
)
"""How directories say that a password is wrong, or that its user may not log in."""
_TOO_LITTLE_SECRECY = (
    ldap_errors.LDAPConfidentialityRequiredResult,
    ldap_errors.LDAPStrongerAuthRequiredResult,
)


@final
class LdapDirectory:
    """One LDAP directory, as one domain's options describe it. Safe from every thread."""

    capabilities = DirectoryCapabilities()

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Connects to nothing yet. Raises DirectoryMisconfigured."""
        try:
            self._options = msgspec.convert(
                {name: value for name, value in options.items() if value is not None}, LdapOptions
            )
        except msgspec.ValidationError as error:
            raise DirectoryMisconfigured("ldap", str(error)) from error
        _check(self._options)
        self._users = UserMapping(self._options)
        self._groups = GroupMapping(self._options)
        timeout_s = self._options.connection_timeout
        self._timeout_s = timeout_s if timeout_s > 0 else ANSWER_S
        self._idle: list[tuple[ldap3.Connection, float]] = []
        self._lock = threading.Lock()

    # -- what a directory is asked ---------------------------------------------------------------------

    def observe_users(self) -> Iterator[Sequence[DirectoryUser]]:
        for page in self._pages(self._users.tree, self._users.filter(), self._users.attributes):
            yield [user for raw in page if (user := self._users.read(raw))]

    def observe_groups(self) -> Iterator[Sequence[DirectoryGroup]]:
        pages = self._pages(self._groups.tree, self._groups.filter(), self._groups.attributes)
        if not self._options.group_ad_nesting:
            for page in pages:
                yield self._read_groups(page)
            return
        # Who is in a group through others is known only when all of them are.
        everyone = flattened(group for page in pages for group in self._read_groups(page))
        for start in range(0, len(everyone), PAGE):
            yield everyone[start : start + PAGE]

    def _read_groups(self, page: Sequence[Raw]) -> list[DirectoryGroup]:
        return [group for raw in page if (group := self._groups.read(raw))]

    def find_user(self, *, name: str = "", key: str = "") -> DirectoryUser | None:
        users = self._users
        condition = users.with_name(name) if name else users.with_key(key)
        found, _ = self._ask(
            lambda connection: self._search(
                connection, users.tree, users.filter(condition), users.attributes, most=2
            )
        )
        read = [user for raw in found if (user := users.read(raw))]
        return read[0] if len(read) == 1 else None

    def observe_groups_of(self, user: DirectoryUser) -> Sequence[str]:
        return self._ask(lambda connection: self._groups_of(connection, user))

    def _groups_of(self, connection: ldap3.Connection, user: DirectoryUser) -> Sequence[str]:
        groups = self._groups
        found: dict[str, str] = {}
        members = [user.key if self._options.group_members_are_ids else user.locator]
        for _ in range(DEEPEST_NESTING if self._options.group_ad_nesting else 1):
            fresh = [
                raw
                for member in members
                for raw in self._search(
                    connection, groups.tree, groups.filter(groups.with_member(member)), groups.attributes[:2]
                )[0]
                if normal_dn(raw.dn) not in found
            ]
            found |= {normal_dn(raw.dn): key for raw in fresh if (key := groups.key_of(raw))}
            members = [raw.dn for raw in fresh]
            if not members:
                break
        return sorted(found.values())

    def proves(self, user: DirectoryUser | None, password: str) -> bool:
        if not password:
            return False  # A bind without a password succeeds for everybody, and proves nothing (RFC 4513, 5.1.2).
        locator = user.locator if user else f"cn={secrets.token_hex(8)},{self._users.tree}"
        connection = self._open()
        try:
            with _words(f"the bind as {locator}"):
                return _bind(connection, locator, password)
        finally:
            _close(connection)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            _close(connection)

    # -- searching -------------------------------------------------------------------------------------

    def _pages(self, tree: str, condition: str, attributes: Sequence[str]) -> Iterator[Sequence[Raw]]:
        """Every entry, page by page over one connection; raises unless the last page was the last."""
        connection = self._service()
        try:
            cookie: bytes | None = None
            while True:
                page, cookie = self._search(
                    connection,
                    tree,
                    condition,
                    attributes,
                    page_size=self._options.page_size or PAGE,
                    cookie=cookie,
                )
                yield page
                if not cookie:
                    return
        finally:
            _close(connection)

    def _search(
        self,
        connection: ldap3.Connection,
        tree: str,
        condition: str,
        attributes: Sequence[str],
        *,
        most: int = 0,
        page_size: int | None = None,
        cookie: bytes | None = None,
    ) -> tuple[Sequence[Raw], bytes | None]:
        """The entries that match, or one page of them with what asks for the next one. At most `most`, unless 0."""
        with _words(f"the search below {tree}"):
            try:
                connection.search(
                    tree,
                    condition,
                    search_scope=_SCOPES[self._options.query_scope],
                    dereference_aliases=_DEREFERENCE[self._options.alias_dereferencing],
                    attributes=list(attributes),
                    size_limit=most,
                    paged_size=page_size,
                    paged_cookie=cookie,
                )
            except ldap_errors.LDAPSizeLimitExceededResult as error:
                if not most:
                    raise
                return _entries(error.response or ()), None
            _demand_whole(connection.result)
            control = (connection.result.get("controls") or {}).get(_PAGED_RESULTS)
            return _entries(connection.response or ()), control["value"]["cookie"] if control else None

    # -- connections -----------------------------------------------------------------------------------

    def _ask(self, work: Callable[[ldap3.Connection], R]) -> R:
        """Let `work` ask over a connection that is bound as the service; one that has lain idle may have died."""
        connection = self._idle_one()
        if connection is not None:
            try:
                return self._work_over(connection, work)
            except DirectoryAway:
                self.close()
        return self._work_over(self._service(), work)

    def _work_over(self, connection: ldap3.Connection, work: Callable[[ldap3.Connection], R]) -> R:
        try:
            answer = work(connection)
        except BaseException:
            _close(connection)
            raise
        with self._lock:
            keep = self._options.use_pool and len(self._idle) < self._options.pool_size
            if keep:
                self._idle.append((connection, time.monotonic()))
        if not keep:
            _close(connection)
        return answer

    def _idle_one(self) -> ldap3.Connection | None:
        oldest = time.monotonic() - self._options.pool_connection_lifetime
        with self._lock:
            connection, since = self._idle.pop() if self._idle else (None, 0.0)
        if connection is not None and since < oldest:
            _close(connection)
            return None
        return connection

    def _service(self) -> ldap3.Connection:
        """A new connection, bound as the service."""
        connection = self._open()
        who = self._options.user
        try:
            with _words(f"the bind as {who or 'nobody'}"):
                if not _bind(connection, who, self._options.password):
                    raise DirectoryMisconfigured("user", f"the bind as {who or 'nobody'} is refused")
        except BaseException:
            _close(connection)
            raise
        return connection

    def _open(self) -> ldap3.Connection:
        """A new connection, encrypted as configured and bound as nobody; the first server that answers."""
        troubles = []
        for url in self._options.urls:
            try:
                return self._open_to(url)
            except DirectoryAway as error:
                troubles.append(error)
        raise DirectoryAway("; ".join(error.reason for error in troubles)) from troubles[-1]

    def _open_to(self, url: str) -> ldap3.Connection:
        # A server object notes the address in use, so that connections cannot share one.
        server = ldap3.Server(
            url, connect_timeout=self._timeout_s, get_info=ldap3.NONE, tls=self._tls(), mode=ldap3.IP_SYSTEM_DEFAULT
        )  # fmt: skip
        connection = ldap3.Connection(
            server,
            client_strategy=ldap3.SYNC,
            receive_timeout=self._timeout_s,
            auto_referrals=False,
            check_names=False,
            raise_exceptions=True,
        )
        try:
            with _words(f"the connection to {url}"):
                connection.open(read_server_info=False)
                if self._options.use_tls:
                    connection.start_tls(read_server_info=False)
        except BaseException:
            _close(connection)
            raise
        return connection

    def _tls(self) -> ldap3.Tls:
        options = self._options
        try:
            context = ssl.create_default_context(
                cafile=options.tls_cacertfile or None, capath=options.tls_cacertdir or None
            )
        except OSError as error:
            raise DirectoryMisconfigured("tls_cacertfile", str(error)) from error
        if options.tls_req_cert != "demand":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return _Tls(context)

    # -- trying everything -----------------------------------------------------------------------------

    def examine(self) -> Iterator[Finding]:
        with suppress(_Pointless):
            yield from self._examine_way()
            handles = set[str]()
            yield from self._examine_users(handles)
            yield from self._examine_groups(handles)

    def _examine_way(self) -> Iterator[Finding]:
        where = ", ".join(self._options.urls)
        try:
            _close(self._open())
        except (DirectoryAway, DirectoryMisconfigured) as problem:
            yield Finding(
                str(problem), "check url, use_tls and the tls_ options, and that the directory runs"
            )
            raise _Pointless from problem
        yield Finding(
            f"{where} answers{', encrypted' if self._options.is_encrypted else ', without encryption'}."
        )
        who = self._options.user or "nobody"
        try:
            _close(self._service())
        except (DirectoryAway, DirectoryMisconfigured) as problem:
            yield Finding(str(problem), "check user and password")
            raise _Pointless from problem
        yield Finding(f"The bind as {who} is accepted.")

    def _examine_users(self, handles: set[str]) -> Iterator[Finding]:
        users, total = self._users, 0
        unnamed: list[str] = []
        try:
            for page in self._pages(users.tree, users.filter(), users.attributes):
                total += len(page)
                read = [(raw, users.read(raw)) for raw in page]
                handles.update(user.handle for _, user in read if user)
                unnamed += [raw.dn for raw, user in read if user is None][:1]
        except (DirectoryAway, DirectoryMisconfigured) as problem:
            yield Finding(str(problem), "check user_tree_dn, query_scope, user_filter and user_objectclass")
            raise _Pointless from problem
        if not total:
            yield Finding(
                f"There are no users below {users.tree} that match {users.filter()}.",
                "check user_tree_dn, query_scope, user_filter, user_objectclass and user_id_attribute",
            )
            raise _Pointless
        if unnamed:
            yield Finding(
                f"Some users have no name, such as {unnamed[0]}.",
                f"check user_name_attribute ({users.name_attribute}) and user_id_attribute ({users.key_attribute})",
            )
        yield Finding(f"Users below {users.tree}: {len(handles)}.")

    def _examine_groups(self, handles: set[str]) -> Iterator[Finding]:
        tree, total, members, known = self._groups.tree, 0, 0, 0
        try:
            for page in self.observe_groups():
                total += len(page)
                members += sum(len(group.members) for group in page)
                known += sum(len(group.members & handles) for group in page)
        except (DirectoryAway, DirectoryMisconfigured) as problem:
            yield Finding(
                str(problem), "check group_tree_dn, query_scope, group_filter and group_objectclass"
            )
            return
        if members and not known:
            yield Finding(
                f"None of the {members} members of the {total} groups below {tree} is one of the users.",
                "check group_member_attribute and group_members_are_ids",
            )
            return
        yield Finding(f"Groups below {tree}: {total}, with {known} memberships of these users.")


class _Tls(ldap3.Tls):
    """TLS as Python itself does it: the certificate and the name it is for are checked in the handshake."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(validate=context.verify_mode)
        self._context = context

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        connection.socket = self._context.wrap_socket(
            connection.socket, server_hostname=connection.server.host, do_handshake_on_connect=do_handshake
        )


class _Pointless(Exception):
    """What comes next needs what has just failed."""


# -- a few words with ldap3 --------------------------------------------------------------------------------


def _check(options: LdapOptions) -> None:
    """Raise DirectoryMisconfigured for what no directory could do."""
    for url in options.urls:
        if not re.match(r"(ldaps?|ldapi)://", url):
            raise DirectoryMisconfigured("url", f"{url!r} begins with none of ldap://, ldaps://, ldapi://")
        if options.use_tls and url.startswith("ldaps://"):
            raise DirectoryMisconfigured("use_tls", "ldaps:// is encrypted already")
    if not options.urls:
        raise DirectoryMisconfigured("url", "there is none")
    if options.user and not options.password:
        raise DirectoryMisconfigured("password", "a user without one would be bound as nobody")
    if options.chase_referrals:
        raise DirectoryMisconfigured("chase_referrals", "referrals are not followed; name the server itself")
    if options.user_enabled_emulation:
        raise DirectoryMisconfigured("user_enabled_emulation", "use user_enabled_attribute or user_filter")


def _bind(connection: ldap3.Connection, who: str, password: str) -> bool:
    """Whether the directory lets `who` in with this password."""
    connection.user = who or None
    # As bytes they are sent as they are: preparing the text could leave nothing of it, and nothing lets everybody in.
    connection.password = password.encode() if who else None
    connection.authentication = ldap3.SIMPLE if who else ldap3.ANONYMOUS
    try:
        connection.bind(read_server_info=False)
    except _REFUSED:
        return False
    return True


def _close(connection: ldap3.Connection) -> None:
    with suppress(ldap_errors.LDAPExceptionError, OSError):
        connection.unbind()
    with suppress(ldap_errors.LDAPExceptionError, OSError):
        connection.strategy.close()
    # A socket that never got through is left open by the library.
    if connection.socket is not None:
        connection.socket.close()


@contextmanager
def _words(doing: str) -> Iterator[None]:
    """Say what went wrong while `doing` something, as the two problems a directory may have."""
    try:
        yield
    except _TOO_LITTLE_SECRECY as error:
        raise DirectoryMisconfigured("use_tls", f"{doing} needs encryption ({error.description})") from error
    except ldap_errors.LDAPNoSuchObjectResult as error:
        raise DirectoryMisconfigured("tree_dn", f"{doing}: there is no such tree") from error
    except ldap_errors.LDAPInsufficientAccessRightsResult as error:
        raise DirectoryMisconfigured("user", f"{doing} is not allowed to it") from error
    except (ldap_errors.LDAPInvalidFilterError, ldap_errors.LDAPInvalidDNSyntaxResult) as error:
        raise DirectoryMisconfigured("filter or tree_dn", f"{doing}: {error}") from error
    except ldap_errors.LDAPOperationResult as error:
        raise DirectoryAway(
            f"{doing} ended with {error.description} {error.message or ''}".rstrip()
        ) from error
    except (ldap_errors.LDAPExceptionError, OSError, ValueError) as error:
        raise DirectoryAway(f"{doing} failed: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """What is told of a failure: of TLS the heart of it, since the library wraps it in layers of its own."""
    tls = re.search(r"\[SSL: \w+\] (.*?)( \(_ssl|\\n|$)", str(error))
    return "TLS: " + tls[1].replace("\\'", "'") if tls else str(error)


def _demand_whole(result: Mapping[str, Any]) -> None:
    """Raise DirectoryAway unless the answer was given to its end."""
    if result["result"] != 0:
        raise DirectoryAway(f"the search ended with {result['description']}")


def _entries(response: Sequence[Mapping[str, Any]]) -> list[Raw]:
    """The entries of an answer; references to other servers among them are not followed."""
    return [
        Raw(each["dn"], {name.lower(): values for name, values in each["raw_attributes"].items()})
        for each in response
        if each["type"] == "searchResEntry"
    ]
