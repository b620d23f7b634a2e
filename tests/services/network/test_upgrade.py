"""A store from before there were entries and segments: nothing that was shared is hidden, no wire is lost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command

from nacre.kernel.clock import VirtualClock
from nacre.kernel.database import Database
from nacre.kernel.wakes import Wakes
from nacre.migrations import config_for, upgrade
from nacre.network.store.default_rules import template
from nacre.network.store.networks import seen_by
from nacre.network.store.segments import of_networks
from nacre.network.store.tables import NETWORK

OLD_NETWORK = sa.text(
    "INSERT INTO network (id, project_id, description, tags, revision_number, created_at, updated_at, name,"
    " admin_state_up, shared, router_external, is_default, mtu, port_security_enabled, vlan_transparent, dns_domain,"
    " provider_network_type, provider_physical_network, provider_segmentation_id)"
    " VALUES (:id, 'owner', '', '[]', 0, 1, 1, :id, :yes, :shared, :external, :no, 1500, :yes, :no, '',"
    " 'vlan', 'wire', :vlan)"
)


def test_what_was_shared_stays_so_and_every_network_keeps_its_wire(tmp_path):
    store = Database(f"sqlite:///{tmp_path}/old.db", clock=VirtualClock(), wakes=Wakes(), durable=False)
    command.upgrade(config_for(store), "0001")
    flags = {"own": (False, False), "public": (True, False), "outside": (False, True)}
    with store.engine.begin() as connection:
        for vlan, (name, (shared, external)) in enumerate(flags.items(), start=1):
            values = {
                "id": name,
                "shared": shared,
                "external": external,
                "vlan": vlan,
                "yes": True,
                "no": False,
            }
            connection.execute(OLD_NETWORK, values)

    upgrade(store)

    with store.read() as db:
        seen = {row[0] for row in db.rows(sa.select(NETWORK.c.id).where(seen_by("stranger")))}
        wires = of_networks(db, flags)
        rules = template(db)
    store.close()
    assert seen == {"public", "outside"}
    assert [wires[name][0].segmentation_id for name in flags] == [1, 2, 3]
    assert len(rules) == 4
