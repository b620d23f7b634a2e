"""Bindings of ports: the hosts that are prepared for one, and how it moves between them."""

from __future__ import annotations

import pytest

from nacre.network.domain.rows import owner_of
from tests.services.network.conftest import problem

ON_BOTH_DATABASES = True


@pytest.fixture
def placed(demo, admin):
    """A port that host-1 has."""
    net, _ = demo.make_network()
    return admin.make("port", network_id=net["id"], **{"binding:host_id": "host-1"})


def prepare(admin, port, host, **said):
    return admin.post(f"/ports/{port['id']}/bindings", json={"binding": {"host": host, **said}})


def standing(admin, port):
    found = admin.get(f"/ports/{port['id']}/bindings").json["bindings"]
    return {each["host"]: each["status"] for each in found}


def chassis_of(cloud, port):
    cloud.settle()
    (row,) = cloud.driver.rows_of(owner_of("port", port["id"]))
    return row.columns["options"]


def test_a_further_host_is_prepared_and_then_takes_the_port(cloud, admin, placed):
    reply = prepare(admin, placed, "host-2", profile={"migrating_to": "host-2"})

    assert reply.status == 201
    assert reply.json["binding"]["status"] == "INACTIVE"
    assert standing(admin, placed) == {"host-1": "ACTIVE", "host-2": "INACTIVE"}
    assert chassis_of(cloud, placed) == {
        "requested-chassis": "host-1,host-2",
        "activation-strategy": "rarp",
    }

    moved = admin.put(f"/ports/{placed['id']}/bindings/host-2/activate")

    assert (moved.status, moved.json["binding"]["status"]) == (200, "ACTIVE")
    assert standing(admin, placed) == {"host-2": "ACTIVE", "host-1": "INACTIVE"}
    port = admin.show("port", placed)
    assert (port["binding:host_id"], port["binding:profile"]) == ("host-2", {"migrating_to": "host-2"})

    assert admin.delete(f"/ports/{placed['id']}/bindings/host-1").status == 204
    assert chassis_of(cloud, placed) == {"requested-chassis": "host-2"}
    assert cloud.audit() == []


def test_what_is_said_of_a_host_can_be_changed(admin, placed):
    prepare(admin, placed, "host-2")
    path = f"/ports/{placed['id']}/bindings"

    for host in ("host-1", "host-2"):
        changed = admin.put(f"{path}/{host}", json={"binding": {"profile": {"of": host}}})
        assert (changed.status, changed.json["binding"]["profile"]) == (200, {"of": host})

    (second,) = admin.get(f"{path}?host=host-2").json["bindings"]
    assert second["profile"] == {"of": "host-2"}
    assert admin.show("port", placed)["binding:profile"] == {"of": "host-1"}


def test_a_host_is_prepared_once_and_only_what_is_prepared_takes_the_port(admin, placed):
    path = f"/ports/{placed['id']}/bindings"
    prepare(admin, placed, "host-2")

    assert problem(prepare(admin, placed, "host-2")) == (409, "PortBindingAlreadyExists")
    assert problem(prepare(admin, placed, "host-1")) == (409, "PortBindingAlreadyExists")
    assert problem(admin.put(f"{path}/host-1/activate")) == (409, "PortBindingAlreadyActive")
    assert problem(admin.put(f"{path}/host-3/activate")) == (404, "PortBindingNotFound")
    assert problem(admin.delete(f"{path}/host-3")) == (404, "PortBindingNotFound")
    assert problem(prepare(admin, placed, "")) == (400, "HTTPBadRequest")
    assert standing(admin, placed) == {"host-1": "ACTIVE", "host-2": "INACTIVE"}


def test_a_port_that_loses_its_host_is_prepared_nowhere(admin, placed):
    prepare(admin, placed, "host-2")

    admin.delete(f"/ports/{placed['id']}/bindings/host-1")

    assert standing(admin, placed) == {}
    prepare(admin, placed, "host-2")
    assert admin.remove("port", placed).status == 204


def test_bindings_are_the_operators(demo, admin, placed):
    assert demo.get(f"/ports/{placed['id']}/bindings").status == 403
    assert demo.post(f"/ports/{placed['id']}/bindings", json={"binding": {"host": "host-2"}}).status == 403
