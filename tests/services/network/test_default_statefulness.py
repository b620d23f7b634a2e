"""Whether new security groups are stateful where nobody says so."""

from __future__ import annotations

import pytest

from tests.services.network.conftest import problem

PATH = "/security-groups-default-statefulness"


@pytest.fixture
def say(admin):
    def make(**said):
        return admin.post(PATH, json={"security_groups_default_statefulness": said})

    return make


def test_a_projects_own_setting_is_stronger_than_the_one_for_all(demo, admin, stranger, say):
    assert demo.make("security_group", name="before")["stateful"]

    assert say(stateful=False).status == 201
    assert say(stateful=True, project_id="demo").status == 201

    assert demo.make("security_group", name="own")["stateful"]
    assert not stranger.make("security_group", name="as all")["stateful"]
    assert not demo.make("security_group", name="said", stateful=False)["stateful"]
    (default,) = stranger.find("/security-groups?name=default")
    assert not default["stateful"]


def test_a_setting_that_is_gone_leaves_groups_as_they_are(demo, admin, say):
    made = say(stateful=False).json["security_groups_default_statefulness"]
    group = demo.make("security_group", name="kept")

    assert admin.delete(f"{PATH}/{made['id']}").status == 204

    assert not demo.show("security_group", group)["stateful"]
    assert demo.make("security_group", name="new")["stateful"]


def test_a_project_has_one_setting_and_only_the_operator_makes_it(demo, stranger, say):
    made = say(stateful=False, project_id="demo").json["security_groups_default_statefulness"]
    everybody = say(stateful=False).json["security_groups_default_statefulness"]

    assert made["project_id"] == "demo"
    assert everybody["project_id"] is None
    assert problem(say(stateful=True, project_id="demo")) == (409, "DefaultStatefulnessExists")
    assert problem(say(stateful=True)) == (409, "DefaultStatefulnessExists")
    assert demo.post(PATH, json={"security_groups_default_statefulness": {"stateful": True}}).status == 403
    assert {each["id"] for each in demo.find(PATH)} == {made["id"], everybody["id"]}
    assert {each["id"] for each in stranger.find(PATH)} == {everybody["id"]}
    assert stranger.get(f"{PATH}/{made['id']}").status == 404
