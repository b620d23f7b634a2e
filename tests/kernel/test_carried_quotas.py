"""Quotas of a store from before there were limits live on as limits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from nacre import migrations
from nacre.compute.store.quotas import ACCOUNT as COMPUTE
from nacre.identity.contract import limits
from nacre.kernel.clock import VirtualClock
from nacre.kernel.database import Database
from nacre.kernel.wakes import Wakes
from nacre.network.store.quotas import ACCOUNT as NETWORK


@pytest.fixture(params=["sqlite", "postgresql"])
def old_store(request: pytest.FixtureRequest, tmp_path: Path):
    """A store as the first schema was, with a catalogue and a project."""
    url = f"sqlite:///{tmp_path / 'store.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").new_database(empty=True)
    store = Database(url, clock=VirtualClock(), wakes=Wakes())
    command.upgrade(migrations.config_for(store), "0001")
    with store.engine.begin() as connection:
        for service in ("compute", "network"):
            connection.execute(
                sa.text(
                    "INSERT INTO identity_service (service_id, type, name, description, enabled, extra)"
                    " VALUES (:id, :id, '', '', :yes, '{}')"
                ),
                {"id": service, "yes": True},
            )
        connection.execute(
            sa.text(
                "INSERT INTO identity_project (project_id, name, enabled, is_domain, options, extra)"
                " VALUES ('lab', 'lab', :yes, :no, '{}', '{}')"
            ),
            {"yes": True, "no": False},
        )
    yield store
    store.close()


def test_quotas_of_projects_become_limits_and_those_of_the_cloud_defaults(old_store: Database):
    with old_store.engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO compute_quota (scope, resource, amount) VALUES"
                " ('lab', 'instances', 3), ('class:default', 'cores', 7), ('class:gold', 'cores', 99)"
            )
        )
        connection.execute(
            sa.text("INSERT INTO network_quota (project_id, noun, most) VALUES ('lab', 'port', -1)")
        )

    migrations.upgrade(old_store)

    with old_store.read() as db:
        compute, network = limits.limits_of(db, COMPUTE, "lab"), limits.limits_of(db, NETWORK, "lab")
        others = limits.limits_of(db, COMPUTE, "other")
    assert (compute["servers"], compute["class:VCPU"], compute["class:MEMORY_MB"]) == (3, 7, 51200)
    assert (network["port"], network["network"]) == (-1, 500)
    assert (others["servers"], others["class:VCPU"]) == (10, 7)


def test_servers_of_before_are_weighed_with_their_disks(old_store: Database):
    table = sa.Table("server", sa.MetaData(), autoload_with=old_store.engine)
    flavor = {"disk_gib": 0, "ephemeral_gib": 2, "swap_mib": 1}
    row = {column.name: 0 if isinstance(column.type, sa.Integer | sa.Double) else "" for column in table.c}
    row |= {"server_id": "s", "project_id": "lab", "deleted_at": None, "vcpus": 4, "config_drive": False}
    row |= {"flavor": json.dumps(flavor), "image": json.dumps({"virtual_size_bytes": (1 << 30) + 1})}
    with old_store.engine.begin() as connection:
        connection.execute(sa.insert(table), row)

    migrations.upgrade(old_store)

    with old_store.read() as db:
        used = limits.usage_of(db, COMPUTE, "lab")
    assert (used["servers"], used["class:VCPU"], used["class:DISK_GB"]) == (1, 4, 5)
