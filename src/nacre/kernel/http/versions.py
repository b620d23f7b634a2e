"""Microversions: which one a caller asks for, and fields that exist only within a window of them."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, final

import msgspec

from nacre.kernel.errors import Invalid, NotAcceptable


class Version(NamedTuple):
    """A microversion; versions compare as numbers do, so 2.9 comes before 2.10."""

    major: int
    minor: int

    @staticmethod
    def parse(text: str) -> Version:
        """`2.79` as a Version. Raises ValueError."""
        match = re.fullmatch(r"([1-9]\d{0,3})\.(0|[1-9]\d{0,3})", text)
        if match is None:
            raise ValueError(text)
        return Version(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


FIRST = Version(0, 0)
LAST = Version(9999, 9999)


class Window(NamedTuple):
    """The versions, both ends included, in which something exists."""

    first: Version
    last: Version

    def __contains__(self, version: object) -> bool:
        assert isinstance(version, Version)
        return self.first <= version <= self.last


def since(first: str) -> Window:
    """From this version on."""
    return Window(Version.parse(first), LAST)


def until(last: str) -> Window:
    """Up to and including this version."""
    return Window(FIRST, Version.parse(last))


def between(first: str, last: str) -> Window:
    """From the first to the last version, both included."""
    return Window(Version.parse(first), Version.parse(last))


@final
class Windows:
    """Windows on the fields of an object, by field name. Fields without one exist always."""

    def __init__(self, windows: Mapping[str, Window] | None = None) -> None:
        self._windows = dict(windows or {})
        self.hidden = functools.cache(self._hidden)

    def _hidden(self, version: Version) -> frozenset[str]:
        """The names that do not exist in `version`."""
        return frozenset(name for name, window in self._windows.items() if version not in window)

    def project(self, view: Mapping[str, Any], version: Version) -> dict[str, Any]:
        """`view` without what does not exist in `version`."""
        hidden = self.hidden(version)
        return {name: value for name, value in view.items() if name not in hidden}


@dataclass(eq=False)
class UnknownVersion(NotAcceptable):
    """A version outside the range."""

    code: ClassVar[str] = "nacre.unknown_version"
    asked: str
    minimum: Version
    maximum: Version

    def __str__(self) -> str:
        return (
            f"Version {self.asked} is not supported by the API. "
            f"Minimum is {self.minimum} and maximum is {self.maximum}."
        )


@dataclass(eq=False)
class BadVersion(Invalid):
    """A version header that cannot be read."""

    code: ClassVar[str] = "nacre.bad_version"
    asked: str

    def __str__(self) -> str:
        return f"API Version String {self.asked} is of invalid format. Must be of format MajorNum.MinorNum."


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """The microversions one service speaks.

    `service_type` is what stands before the number in `OpenStack-API-Version`; `legacy_header` is an older
    header that carries the number alone, and counts when the newer one is absent.
    """

    service_type: str
    minimum: Version
    maximum: Version
    legacy_header: str = ""

    def negotiate(self, headers: Mapping[str, str]) -> Version:
        """The version asked for, the minimum when silent. Raises UnknownVersion, BadVersion.

        Source: OpenStack API working group, "Microversion Specification".
        """
        asked = self._asked(headers)
        if asked is None:
            return self.minimum
        if asked == "latest":
            return self.maximum
        try:
            version = Version.parse(asked)
        except ValueError as error:
            raise BadVersion(asked) from error
        if not self.minimum <= version <= self.maximum:
            raise UnknownVersion(asked, self.minimum, self.maximum)
        return version

    def _asked(self, headers: Mapping[str, str]) -> str | None:
        for part in headers.get("openstack-api-version", "").split(","):
            words = part.split()
            if words[:1] == [self.service_type]:
                return " ".join(words[1:])
        if self.legacy_header:
            return headers.get(self.legacy_header.lower())
        return None

    def headers(self, version: Version) -> dict[str, str]:
        """What an answer says about its version."""
        vary = "OpenStack-API-Version"
        headers = {vary: f"{self.service_type} {version}"}
        if self.legacy_header:
            headers[self.legacy_header] = str(version)
            vary += f", {self.legacy_header}"
        headers["Vary"] = vary
        return headers


UNVERSIONED = Version(1, 0)
"""What calls of services without microversions carry."""
