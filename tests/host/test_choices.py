from __future__ import annotations

import stat
from pathlib import Path

import pytest

from nacre.host import choices, paths
from nacre.host.choices import Contradiction, NoCloud


def up(state: Path, *, hosts: str = "", database: str = "", **variables: str):
    settings = choices.choose({"NACRE_STATE": str(state), **variables}, hosts=hosts, database=database)
    choices.keep(settings)
    return settings


def test_the_choices_of_the_first_up_hold_for_later_commands(state: Path):
    asked = up(state, hosts="fake:3", NACRE_LISTEN="127.0.0.1:5999", NACRE_NETNS="x", NACRE_HTTP_WORKERS="7")
    assert asked.hosts == "fake:3"
    assert choices.load({"NACRE_STATE": str(state)}) == asked


def test_variables_set_later_do_not_change_what_other_commands_mean(state: Path):
    asked = up(state, NACRE_NETNS="one")
    assert choices.load({"NACRE_STATE": str(state), "NACRE_NETNS": "two"}) == asked


def test_asking_again_for_the_same_or_for_nothing_is_fine(state: Path):
    first = up(state, hosts="fake:3")
    assert up(state) == first
    assert up(state, hosts="fake:3") == first


@pytest.mark.parametrize(
    ("again", "option"),
    [
        ({"hosts": "local"}, "hosts"),
        ({"database": "postgresql+psycopg://x/y"}, "database.url"),
        ({"NACRE_LISTEN": "127.0.0.1:1234"}, "listen"),
        ({"NACRE_NETNS": "other"}, "netns"),
    ],
)
def test_a_contradicting_choice_is_refused_in_a_clear_sentence(state: Path, again: dict, option: str):
    up(state, hosts="fake:3")
    with pytest.raises(Contradiction) as caught:
        up(state, **again)
    assert f"made with {option} = " in str(caught.value)
    assert str(paths.settings_file(state)) in str(caught.value)


def test_choosing_alone_writes_nothing(state: Path):
    choices.choose({"NACRE_STATE": str(state)}, hosts="fake:1", database="")
    assert not paths.settings_file(state).exists()


def test_a_database_password_is_for_the_owner_alone(state: Path):
    up(state, database="postgresql+psycopg://u:secret@h/d")
    assert stat.S_IMODE(paths.settings_file(state).stat().st_mode) == 0o600
    assert choices.load({"NACRE_STATE": str(state)}).database.url.endswith("secret@h/d")


def test_where_no_cloud_was_started_the_sentence_says_how_to(state: Path):
    with pytest.raises(NoCloud) as caught:
        choices.load({"NACRE_STATE": str(state)})
    assert "nacre up" in str(caught.value)


def test_every_option_survives_being_kept(state: Path):
    """Options whose values need quoting, and numbers, booleans and sections."""
    asked = up(
        state,
        NACRE_REGION='Region "One" \\ é',
        NACRE_LOCAL_VCPU_RATIO="2.5",
        NACRE_DATABASE_DURABLE="false",
        NACRE_LOOPS_LEASE_S="1.5",
    )
    assert choices.load({"NACRE_STATE": str(state)}) == asked
    assert asked.database.durable is False
