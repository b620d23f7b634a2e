"""What every directory promises, on the fake and on a real LDAP server alike."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pytest

from nacre.identity.domain.directories import DirectoryGroup, DirectoryUser
from nacre.identity.drivers.base import Directory, DirectoryAway
from nacre.identity.drivers.fake_directory import FakePeople
from nacre.identity.drivers.ldap import LdapDirectory
from tests.support.slapd import GROUPS, Slapd, slapd_server, user_dn


class World(Protocol):
    """A directory together with what its administrator may do to it."""

    directory: Directory

    def add_user(self, key: str, *, password: str = "", name: str = "", enabled: bool = True) -> None: ...
    def rename_user(self, key: str, name: str) -> None: ...
    def set_group(self, key: str, users: Sequence[str], *, groups: Sequence[str] = ()) -> None: ...
    def stop(self) -> None: ...
    def hang(self) -> contextlib.AbstractContextManager[None]: ...
    def nested(self) -> Directory: ...
    def paged(self, size: int) -> Directory: ...


class FakeWorld:
    def __init__(self) -> None:
        self.people = FakePeople()
        self.directory: Directory = self.people.open({})

    def add_user(self, key: str, *, password: str = "", name: str = "", enabled: bool = True) -> None:
        self.people.add_user(key, password=password, name=name, enabled=enabled)

    def rename_user(self, key: str, name: str) -> None:
        self.people.add_user(key, name=name, password=self.people.passwords[key])

    def set_group(self, key: str, users: Sequence[str], *, groups: Sequence[str] = ()) -> None:
        members = [f"user/{user}" for user in users] + [f"group/{group}" for group in groups]
        self.people.set_group(key, members)

    def stop(self) -> None:
        self.people.away = "it is stopped"

    @contextlib.contextmanager
    def hang(self) -> Iterator[None]:
        self.people.away = "it does not answer in time"
        yield
        self.people.away = ""

    def nested(self) -> Directory:
        self.people.nested = True
        return self.directory

    def paged(self, size: int) -> Directory:
        self.people.page_size = size
        return self.directory


@dataclass
class LdapWorld:
    server: Slapd

    def __post_init__(self) -> None:
        self.opened: list[LdapDirectory] = []
        self.directory: Directory = self.open()

    def open(self, **options: object) -> LdapDirectory:
        directory = LdapDirectory(self.server.options(connection_timeout=1, **options))
        self.opened.append(directory)
        return directory

    def add_user(self, key: str, *, password: str = "", name: str = "", enabled: bool = True) -> None:
        said = {} if enabled else {"employeeType": "FALSE"}
        self.server.add_user(key, password=password, name=name, **said)

    def rename_user(self, key: str, name: str) -> None:
        self.server.set_user(key, cn=name)

    def set_group(self, key: str, users: Sequence[str], *, groups: Sequence[str] = ()) -> None:
        members = [user_dn(user) for user in users] + [f"cn={group},{GROUPS}" for group in groups]
        self.server.set_group(key, members)

    def stop(self) -> None:
        self.server.kill()

    def hang(self) -> contextlib.AbstractContextManager[None]:
        return self.server.frozen()

    def nested(self) -> Directory:
        return self.open(group_ad_nesting=True)

    def paged(self, size: int) -> Directory:
        return self.open(page_size=size)


@pytest.fixture(params=["fake", "ldap"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    with slapd_server() as server:
        made = LdapWorld(server)
        yield made
        for directory in made.opened:
            directory.close()


def users_of(directory: Directory) -> dict[str, DirectoryUser]:
    return {user.key: user for page in directory.observe_users() for user in page}


def groups_of(directory: Directory) -> dict[str, DirectoryGroup]:
    return {group.key: group for page in directory.observe_groups() for group in page}


def found(directory: Directory, name: str) -> DirectoryUser:
    user = directory.find_user(name=name)
    assert user is not None
    return user


def test_everybody_is_told_page_by_page(world):
    for number in range(7):
        world.add_user(f"u{number}", name=f"User {number}", enabled=number != 3)

    pages = list(world.paged(3).observe_users())

    assert [len(page) for page in pages] == [3, 3, 1]
    told = {user.key: (user.name, user.enabled) for page in pages for user in page}
    assert told == {f"u{number}": (f"User {number}", number != 3) for number in range(7)}


def test_groups_name_their_members_as_users_are_handled(world):
    world.add_user("ann")
    world.add_user("bob")
    world.set_group("staff", ["ann", "bob"])

    users, groups = users_of(world.directory), groups_of(world.directory)

    assert {users["ann"].handle, users["bob"].handle} <= groups["staff"].members
    assert world.directory.observe_groups_of(users["ann"]) == ["staff"]


def test_groups_within_groups_count_where_that_is_wanted_and_circles_do_no_harm(world):
    world.add_user("ann")
    world.set_group("inner", ["ann"])
    world.set_group("outer", [], groups=["inner"])
    world.set_group("inner", ["ann"], groups=["outer"])
    plain = world.directory
    assert found(plain, "ann").handle not in groups_of(plain)["outer"].members

    nested = world.nested()

    ann = found(nested, "ann")
    assert ann.handle in groups_of(nested)["outer"].members
    assert sorted(nested.observe_groups_of(ann)) == ["inner", "outer"]


def test_a_password_is_proven_by_its_user_alone(world):
    world.add_user("ann", password="right")
    world.add_user("bob", password="another")
    directory = world.directory
    ann = found(directory, "ann")

    assert directory.proves(ann, "right")
    assert not directory.proves(ann, "another")
    assert not directory.proves(None, "right")


@pytest.mark.parametrize("nothing", ["", "\u00ad", "\u200b", " "])
def test_an_empty_password_proves_nothing_however_it_is_written(world, nothing):
    world.add_user("ann", password="right")

    assert not world.directory.proves(found(world.directory, "ann"), nothing)


@pytest.mark.parametrize("name", ["*", "*)(uid=*", "ann)(|(uid=*", "a*n", "\\2a", "", "ann\0", "é*"])
def test_a_name_is_never_taken_for_a_pattern(world, name):
    world.add_user("ann")
    world.add_user("bob")

    assert world.directory.find_user(name=name or "\0") is None


@pytest.mark.parametrize("name", ["(ann)", "a*b", "back\\slash", "Ånn Ødegård, Dr.", 'quo"te+plus;'])
def test_strange_names_are_found_and_their_passwords_proven(world, name):
    world.add_user("strange", password="päss wörd", name=name)

    user = found(world.directory, name)

    assert user.key == "strange"
    assert user.name == name
    assert world.directory.proves(user, "päss wörd")


def test_a_user_who_is_renamed_keeps_the_key(world):
    world.add_user("ann", name="Ann Young")

    world.rename_user("ann", "Ann Old")

    assert world.directory.find_user(name="Ann Young") is None
    assert found(world.directory, "Ann Old").key == "ann"
    assert world.directory.find_user(key="ann") == found(world.directory, "Ann Old")


def test_two_of_one_name_are_nobody(world):
    world.add_user("ann", name="Twin")
    world.add_user("bob", name="Twin")

    assert world.directory.find_user(name="Twin") is None


def test_a_directory_that_has_gone_never_passes_for_an_empty_one(world):
    world.add_user("ann", password="right")
    ann = found(world.directory, "ann")

    world.stop()

    asked: Sequence[Callable[[], object]] = (
        lambda: list(world.directory.observe_users()),
        lambda: list(world.directory.observe_groups()),
        lambda: world.directory.find_user(name="ann"),
        lambda: world.directory.observe_groups_of(ann),
        lambda: world.directory.proves(ann, "right"),
    )
    for ask in asked:
        with pytest.raises(DirectoryAway):
            ask()
    assert not all(finding.good for finding in world.directory.examine())


def test_a_directory_that_goes_in_the_middle_of_a_list_does_not_end_it(world):
    for number in range(4):
        world.add_user(f"u{number}")
    pages = world.paged(2).observe_users()
    assert len(next(pages)) == 2

    world.stop()

    with pytest.raises(DirectoryAway):
        list(pages)


def test_a_directory_that_hangs_is_waited_for_no_longer_than_configured(world):
    world.add_user("ann")
    ann = found(world.directory, "ann")

    with world.hang(), pytest.raises(DirectoryAway):
        world.directory.proves(ann, "ann")


def test_a_connection_that_died_while_it_lay_idle_is_made_anew(world):
    world.add_user("ann")
    found(world.directory, "ann")
    if isinstance(world, LdapWorld):
        world.server.kill()
        world.server.start()

    assert found(world.directory, "ann").key == "ann"
