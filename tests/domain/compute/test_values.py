"""Small decisions: names, quotas, demands, keys."""

from __future__ import annotations

import pytest

from nacre.compute.domain import keypairs
from nacre.compute.domain.flavors import GIB, Flavor, demand_of
from nacre.compute.domain.history import tell
from nacre.compute.domain.quotas import affordable, check_room, cost_of, further_classes
from nacre.compute.domain.servers import hostname_of, is_base64, names_of_many, new_password
from nacre.compute.errors import BadPublicKey, TooManyServers
from nacre.compute.store.history import Happening
from nacre.identity.contract import Room

KEY = (
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDx8nkQv/zgGgB4rMYmIf+6A4l6Rr+o/6lHBQdW5aYd44bd8JttDCE/F/pNRr0lRE"
    "+PiqSPO8nDPHw0010JeMH9gYgnnFlyY3/OcJ02RhIPyyxYpv9FhY+2YiUkpwFOcLImyrxEsYXpD/0d3ac30bNH6Sw9JD9UZHYcpSxs"
    "IbECHw== Generated"
)


def flavor(**fields):
    values = {
        "flavor_id": "f", "name": "f", "vcpus": 2, "memory_mib": 512, "disk_gib": 10, "ephemeral_gib": 0,
        "swap_mib": 0, "rxtx_factor": 1.0, "public": True, "disabled": False, "description": None,
        "extra_specs": {},
    }  # fmt: skip
    return Flavor(**values | fields)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web-1", "web-1"),
        ("My Server!", "my-server"),
        ("a.b_c", "a-b-c"),
        ("-x-", "x"),
        ("näme", "n-me"),
        ("日本", "server-some-id"),
        ("x" * 100, "x" * 63),
        ("x" * 62 + "-y", "x" * 62),
    ],
)
def test_a_host_name_is_made_of_the_servers_name(name, expected):
    assert hostname_of(name, "some-id") == expected


def test_one_server_keeps_the_name_and_several_are_numbered():
    assert names_of_many("n", 1) == ["n"]
    assert names_of_many("n", 2) == ["n-1", "n-2"]


def test_passwords_differ_and_mix_their_letters():
    made = {new_password() for _ in range(50)}
    assert len(made) == 50
    assert all(len(each) == 12 and any(c.isdigit() for c in each) and each.isalnum() for each in made)


def test_base64_is_told_from_other_text():
    assert is_base64("aGVsbG8=")
    assert is_base64("aGVs\nbG8=\n")
    assert not is_base64("hello!")
    assert not is_base64("aGVsbG8")
    assert not is_base64("ä")


def test_a_server_demands_its_flavor_and_the_disk_of_its_image_when_the_flavor_has_none():
    assert demand_of(flavor(), image_bytes=1) == {"VCPU": 2, "MEMORY_MB": 512, "DISK_GB": 10}
    assert demand_of(flavor(disk_gib=0), image_bytes=GIB + 1)["DISK_GB"] == 2
    assert demand_of(flavor(ephemeral_gib=3, swap_mib=1025), image_bytes=1)["DISK_GB"] == 15
    assert "DISK_GB" not in demand_of(flavor(disk_gib=0), image_bytes=0)


def test_limits_allow_what_fits_and_name_what_does_not():
    def rooms(**left: int) -> dict[str, Room]:
        return {f"class:{name}": Room(name, "lab", amount + 1, 1, amount) for name, amount in left.items()}

    some = rooms(VCPU=50, MEMORY_MB=600)
    one = {"class:VCPU": 1, "class:MEMORY_MB": 100}

    assert affordable(some, one) == 6
    assert affordable(some, one | {"class:MEMORY_MB": 601}) == 0
    check_room(some, one, number=6)
    with pytest.raises(TooManyServers) as caught:
        check_room(some, one, number=7)
    assert caught.value.resources == ("ram",)
    assert "Quota exceeded for ram: Requested 700, but already used 1 of 601 ram" in str(caught.value)
    assert "lab" in str(caught.value)


def test_a_flavor_asks_for_further_classes_by_its_extra_specs_and_for_nothing_it_cannot_mean():
    specs = {
        "resources:CUSTOM_FPGA": "2",
        "resources:VCPU": "9",
        "resources:PGPU": "0",
        "resources:SRIOV": "x",
    }
    asked = flavor(extra_specs=specs)

    assert further_classes(asked) == {"CUSTOM_FPGA": 2}
    assert cost_of(asked, image_bytes=0) == {
        "servers": 1, "class:VCPU": 2, "class:MEMORY_MB": 512, "class:DISK_GB": 10, "class:CUSTOM_FPGA": 2,
    }  # fmt: skip


def test_the_fingerprint_of_a_given_key_is_the_md5_of_its_bytes():
    assert keypairs.fingerprint_of(KEY, "ssh") == "1e:2c:9b:56:79:4b:45:77:f9:ca:7a:98:2c:b0:d5:3c"


@pytest.mark.parametrize(
    "bad", ["", "ssh-rsa", "ssh-rsa not base64", "ssh-rsa aGVsbG8=", f"{KEY}\n{KEY}", "ssh-dss " + KEY[8:]]
)
def test_what_is_no_key_is_refused(bad):
    with pytest.raises(BadPublicKey):
        keypairs.fingerprint_of(bad, "ssh")


@pytest.mark.parametrize("kind", ["ssh", "x509"])
def test_a_made_pair_has_the_fingerprint_of_its_public_half(kind):
    made = keypairs.new_keys("a name", kind)

    assert made.fingerprint == keypairs.fingerprint_of(made.public_key, kind)
    assert "PRIVATE KEY" in made.private_key


def test_what_happens_after_an_action_and_before_the_next_came_of_it():
    def line(seq, action, actor="user:u", after=""):
        return Happening(seq, float(seq), actor, "p", f"req-{seq}", action, after)

    told = tell(
        [
            line(6, "report", "host:h", '{"status": "ERROR", "fault": "broken"}'),
            line(5, "start"),
            line(4, "update"),
            line(3, "report", "host:h"),
            line(2, "place", "loop:servers"),
            line(1, "create"),
        ]
    )

    assert [(each.action, [o.at for o in each.outcomes], each.failed) for each in told] == [
        ("start", [6.0], True),
        ("create", [2.0, 3.0], False),
    ]
    assert told[1].updated_at == 3.0
