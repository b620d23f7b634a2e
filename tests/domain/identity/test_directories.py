"""What differs between a directory and what we keep of it, and what an LDAP entry means: decisions without I/O."""

from __future__ import annotations

import uuid

import pytest

from nacre.identity.domain.directories import (
    DirectoryGroup,
    DirectoryUser,
    Entry,
    Kept,
    Kind,
    flattened,
    new_names,
    print_of,
    steps_for,
    subject_id_of,
    too_many_vanish,
    untangle,
)
from nacre.identity.drivers.ldap_mapping import GroupMapping, LdapOptions, Raw, UserMapping, normal_dn


def user(key: str, name: str = "", **more: object) -> DirectoryUser:
    return DirectoryUser(key=key, name=name or key, handle=key, **more)  # type: ignore[arg-type]


def group(key: str, *members: str) -> DirectoryGroup:
    return DirectoryGroup(key=key, name=key, handle=key, members=frozenset(members))


def kept(subject_id: str, entry: Entry, *, absent: bool = False) -> Kept:
    return Kept(subject_id, entry.name, print_of(entry), absent)


def test_ids_are_those_that_openstack_gives_to_the_same_users():
    known = "c43e4dd25aba357630477a0f49fde7da8567b753ddd430c9555ad09aa2a76e9e"

    assert subject_id_of("default", Kind.USER, "alice") == known
    assert subject_id_of("default", Kind.USER, "alice") != subject_id_of("default", Kind.GROUP, "alice")
    assert subject_id_of("default", Kind.USER, "alice") != subject_id_of("other", Kind.USER, "alice")


def test_a_print_changes_with_what_is_said_and_not_with_where_it_stands():
    plain = user("a", extra={"email": "x", "title": "y"})

    assert print_of(plain) == print_of(user("a", extra={"title": "y", "email": "x"}, locator="elsewhere"))
    assert print_of(plain) != print_of(user("a", extra={"email": "z", "title": "y"}))
    assert print_of(plain) != print_of(user("a", extra={"email": "x", "title": "y"}, enabled=False))
    assert print_of(group("g", "a")) == print_of(group("g", "b"))


def test_only_differences_are_steps():
    entries = {"1": user("same"), "2": user("new"), "3": user("moved", "to"), "4": user("back")}
    known = {
        "1": kept("1", user("same")),
        "3": kept("3", user("moved", "from")),
        "4": kept("4", user("back"), absent=True),
    }

    assert new_names(entries, known) == ["new", "to"]
    steps = steps_for(entries, known, {})

    assert set(steps.add) == {"2"}
    assert set(steps.change) == {"3", "4"}
    assert not steps.later
    assert steps_for({"1": entries["1"]}, known, {}).nothing


def test_whoever_wants_a_name_that_another_has_waits():
    entries = {"1": user("a", "x"), "2": user("b", "x"), "3": user("c", "held")}

    steps = steps_for(entries, {}, {"held": "somebody"})

    assert set(steps.add) == {"1"}
    assert set(steps.later) == {"2", "3"}


@pytest.mark.parametrize(
    ("giving", "absent", "free"),
    [((), (), False), (("h" * 10,), (), True), ((), ("h" * 10,), True)],
)
def test_a_name_is_taken_from_those_alone_who_give_it_up(giving, absent, free):
    holder = "h" * 10

    plan = untangle({"1": user("a", "x")}, {"x": holder}, giving=giving, absent=absent)

    assert (plan.aside == {holder: "x [hhhhhhhh]"}) is free
    assert ("1" in plan.write) is free
    assert bool(plan.refused) is not free


def test_of_two_who_wait_for_one_name_one_gets_it():
    plan = untangle({"1": user("a", "x"), "2": user("b", "x")}, {}, giving=(), absent=())

    assert len(plan.write) == len(plan.refused) == 1
    assert not plan.aside


@pytest.mark.parametrize(
    ("vanished", "of", "alarming"),
    [(0, 0, False), (0, 5, False), (1, 1, True), (1, 2, False), (10, 11, False), (11, 20, True), (11, 100, False),
     (31, 100, True), (20_000, 50_000, True), (10_000, 50_000, False)],
)  # fmt: skip
def test_too_many_at_once_are_not_believed(vanished, of, alarming):
    assert too_many_vanish(vanished=vanished, kept=of, most_share=0.3) is alarming


def test_memberships_of_a_small_site_may_all_go():
    assert not too_many_vanish(vanished=3, kept=3, most_share=0.3, may_be_empty=True)


def test_groups_are_flattened_to_any_depth_and_through_circles():
    groups = flattened([group("a", "x", "b"), group("b", "y", "c"), group("c", "z", "a"), group("d")])

    assert {each.key: set(each.members) for each in groups} == {
        "a": {"x", "y", "z"},
        "b": {"x", "y", "z"},
        "c": {"x", "y", "z"},
        "d": set(),
    }


# -- what an LDAP entry means ------------------------------------------------------------------------------


def raw(dn: str = "uid=ann,ou=people", **attributes: str | bytes | list[str]) -> Raw:
    def values(value: str | bytes | list[str]) -> list[bytes]:
        if isinstance(value, list):
            return [each.encode() for each in value]
        return [value if isinstance(value, bytes) else value.encode()]

    return Raw(dn, {name.lower(): values(value) for name, value in attributes.items()})


def reads(entry: Raw, **options: object) -> DirectoryUser:
    names = {"user_id_attribute": "uid", "user_name_attribute": "cn"} | options
    found = UserMapping(LdapOptions(**names)).read(entry)  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("options", "said", "enabled"),
    [
        ({}, None, True),
        ({}, "TRUE", True),
        ({}, "FALSE", False),
        ({"user_enabled_default": "False"}, None, False),
        ({"user_enabled_invert": True}, "TRUE", False),
        ({"user_enabled_invert": True, "user_enabled_default": "False"}, None, True),
        ({"user_enabled_mask": 2, "user_enabled_default": "512"}, None, True),
        ({"user_enabled_mask": 2, "user_enabled_default": "512"}, "512", True),
        ({"user_enabled_mask": 2, "user_enabled_default": "512"}, "514", False),
        ({"user_enabled_mask": 2, "user_enabled_default": "512"}, "none", False),
        ({"user_attribute_ignore": ["enabled"]}, "FALSE", True),
    ],
)
def test_whether_a_user_is_enabled_is_said_in_the_ways_directories_have(options, said, enabled):
    attributes = {} if said is None else {"enabled": said}

    assert reads(raw(uid="ann", cn="Ann", **attributes), **options).enabled is enabled


def test_attributes_are_mapped_and_ignored_as_configured():
    entry = raw(uid="ann", cn="Ann", mail="a@x", description="d", title="Dr", project="p")

    assert reads(entry).extra == {"email": "a@x", "description": "d"}
    assert reads(entry, user_attribute_ignore=["email"]).extra == {"description": "d"}
    assert reads(entry, user_additional_attribute_mapping=["title:degree", "nothing"]).extra["degree"] == "Dr"
    assert reads(entry).default_project_id is None
    assert reads(entry, user_default_project_id_attribute="project").default_project_id == "p"


def test_an_entry_without_an_id_or_a_name_is_nobody():
    mapping = UserMapping(LdapOptions(user_id_attribute="uid", user_name_attribute="cn"))

    for entry in (raw(uid="ann"), raw(cn="Ann"), raw(uid="ann", cn=" "), raw(uid="ann", cn=b"\xff"),
                  raw(uid="a\0", cn="Ann")):  # fmt: skip
        assert mapping.read(entry) is None


def test_of_several_ids_the_one_in_the_dn_counts():
    assert reads(raw("uid=two,ou=people", uid=["one", "two"], cn="x")).key == "two"
    assert reads(raw("cn=x,ou=people", uid=["one", "two"], cn="x")).key == "one"


def test_active_directorys_ids_are_read_and_asked_for_as_octets():
    guid = uuid.UUID("12345678-9abc-def0-1234-56789abcdef0")
    options = LdapOptions(user_id_attribute="objectGUID", user_name_attribute="cn")
    mapping = UserMapping(options)

    found = mapping.read(raw(objectGUID=guid.bytes_le, cn="Ann"))

    assert found is not None
    assert found.key == str(guid)
    assert mapping.with_key(found.key).startswith("(objectGUID=\\78\\56\\34\\12")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("uid=Ann,OU=People,dc=X", "UID=ann, ou=people , DC=x"),
        ("cn=M\\c3\\bcller,dc=x", "cn=Müller,dc=x"),
        ("cn=a\\2cb,dc=x", "cn=a\\,b,dc=x"),
        ("cn=a\\5cb", "cn=a\\\\b"),
    ],
)
def test_one_name_written_in_two_ways_is_one(one, other):
    assert normal_dn(one) == normal_dn(other)


def test_two_names_stay_two():
    assert normal_dn("cn=a\\,b,dc=x") != normal_dn("cn=a,b,dc=x")
    assert normal_dn("cn=a,dc=x") != normal_dn("cn=a,dc=y")


def test_members_are_ids_where_the_directory_says_so():
    options = LdapOptions(
        group_members_are_ids=True,
        group_member_attribute="memberUid",
        group_name_attribute="cn",
        user_id_attribute="uid",
        user_name_attribute="cn",
    )

    found = GroupMapping(options).read(raw("cn=staff,ou=teams", cn="staff", memberUid=["Ann", "bob"]))
    ann = UserMapping(options).read(raw(uid="Ann", cn="Ann Young"))

    assert found is not None
    assert ann is not None
    assert found.members == {"Ann", "bob"}
    assert ann.handle in found.members


def test_a_site_narrows_whom_it_takes_with_or_without_parentheses():
    for given in ("(status=active)", "status=active"):
        options = LdapOptions(user_filter=given, user_id_attribute="uid")
        assert UserMapping(options).filter() == "(&(status=active)(objectClass=inetOrgPerson)(uid=*))"
