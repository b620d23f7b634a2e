"""The API beside servers' lives: flavors, keys, lists, quotas, hosts, and what is refused."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.services.compute.conftest import SECRET

# -- flavors -------------------------------------------------------------------------------------------------


def test_a_flavor_is_shown_as_each_version_knows_it(admin, mine):
    made = admin.make_flavor(id="42", name="small", description="for tests")
    assert made["swap"] == 0

    assert mine.at("2.1").get("/flavors/42").json["flavor"]["swap"] == ""
    assert "description" not in mine.at("2.54").get("/flavors/42").json["flavor"]
    assert mine.get("/flavors/42").json["flavor"]["extra_specs"] == {}
    assert (
        mine.post("/flavors", json={"flavor": {"name": "x", "ram": 1, "vcpus": 1, "disk": 0}}).status == 403
    )


@pytest.mark.parametrize(
    "bad",
    [
        {"ram": 0}, {"ram": -1}, {"ram": "many"}, {"vcpus": 0}, {"disk": -1}, {"name": ""}, {"name": " x"},
        {"rxtx_factor": 0}, {"swap": 2**40}, {"unknown": 1}, {"id": "no/slash"}, {"os-flavor-access:is_public": "2"},
    ],
)  # fmt: skip
def test_a_bad_flavor_is_refused(admin, bad):
    body = {"name": "bad", "ram": 64, "vcpus": 1, "disk": 1} | bad
    assert admin.post("/flavors", json={"flavor": body}).status == 400
    assert len(admin.get("/flavors").json["flavors"]) == 1


def test_names_and_ids_of_flavors_are_unique(admin):
    for clash in ({"id": "tiny", "name": "other"}, {"id": "other", "name": "tiny"}):
        reply = admin.post("/flavors", json={"flavor": {"ram": 1, "vcpus": 1, "disk": 0} | clash})
        assert reply.status == 409


def test_a_private_flavor_is_there_only_for_those_with_access(lab, admin, mine):
    admin.make_flavor(id="own", name="own", **{"os-flavor-access:is_public": False})
    yours = lab.client("yours")
    assert yours.get("/flavors/own").status == 404
    assert yours.ask_server("own").status == 400

    granted = admin.post("/flavors/own/action", json={"addTenantAccess": {"tenant": "yours"}})
    assert {"flavor_id": "own", "tenant_id": "yours"} in granted.json["flavor_access"]
    assert yours.get("/flavors/own").status == 200
    assert admin.post("/flavors/own/action", json={"addTenantAccess": {"tenant": "yours"}}).status == 409
    assert admin.post("/flavors/own/action", json={"addTenantAccess": {"tenant": "nowhere"}}).status == 400
    assert admin.post("/flavors/own/action", json={"removeTenantAccess": {"tenant": "yours"}}).status == 200
    assert yours.get("/flavors/own").status == 404
    assert admin.get("/flavors/tiny/os-flavor-access").status == 404


def test_extra_specs_are_set_read_and_removed(admin):
    specs = "/flavors/tiny/os-extra_specs"
    assert admin.post(specs, json={"extra_specs": {"hw:a": "1", "b": "2"}}).status == 200
    assert admin.put(f"{specs}/b", json={"b": "3"}).json == {"b": "3"}
    assert admin.put(f"{specs}/b", json={"c": "3"}).status == 400
    assert admin.get(specs).json == {"extra_specs": {"hw:a": "1", "b": "3"}}
    assert admin.delete(f"{specs}/b").status == 200
    assert admin.get(f"{specs}/b").status == 404
    assert admin.post(specs, json={"extra_specs": {"bad key!": "1"}}).status == 400


def test_flavors_are_paged_and_filtered(admin, mine):
    for number in range(5):
        admin.make_flavor(id=f"f{number}", name=f"f{number}", ram=1000 + number)

    first = mine.get("/flavors?limit=2&minRam=1000").json
    assert [flavor["id"] for flavor in first["flavors"]] == ["f0", "f1"]
    follow = first["flavors_links"][0]["href"].partition("/compute/v2.1")[2]
    assert [flavor["id"] for flavor in mine.get(follow).json["flavors"]] == ["f2", "f3"]
    assert mine.get("/flavors?minRam=lots").status == 400


# -- key pairs -----------------------------------------------------------------------------------------------


def test_a_key_pair_is_made_shown_and_deleted(mine, lab):
    made = mine.at("2.2").post("/os-keypairs", json={"keypair": {"name": "k"}})
    assert made.status == 201
    assert "PRIVATE KEY" in made.json["keypair"]["private_key"]
    assert mine.at("2.1").post("/os-keypairs", json={"keypair": {"name": "old"}}).status == 200

    shown = mine.get("/os-keypairs/k").json["keypair"]
    assert shown["fingerprint"] == made.json["keypair"]["fingerprint"]
    assert "private_key" not in shown
    assert lab.client("yours").get("/os-keypairs/k").status == 404
    assert [each["keypair"]["name"] for each in mine.get("/os-keypairs").json["keypairs"]] == ["k", "old"]
    assert mine.delete("/os-keypairs/k").status == 204
    assert mine.delete("/os-keypairs/k").status == 404


def test_since_2_92_keys_are_only_kept_and_never_made(mine):
    assert mine.at("2.91").post("/os-keypairs", json={"keypair": {"name": "k"}}).status == 201
    assert mine.at("2.92").post("/os-keypairs", json={"keypair": {"name": "l"}}).status == 400


def test_only_administrators_speak_of_other_users_keys(mine, admin):
    body = {"keypair": {"name": "k", "user_id": "somebody"}}
    assert mine.at("2.10").post("/os-keypairs", json=body).status == 403
    assert admin.at("2.10").post("/os-keypairs", json=body).status == 201
    assert mine.get("/os-keypairs?user_id=somebody").status == 403
    assert len(admin.get("/os-keypairs?user_id=somebody").json["keypairs"]) == 1


def test_a_server_has_the_key_it_was_made_with(lab, mine):
    mine.at("2.2").post("/os-keypairs", json={"keypair": {"name": "k"}})
    public = mine.get("/os-keypairs/k").json["keypair"]["public_key"]

    server_id = lab.settled_server(mine, key_name="k")

    assert lab.guest(server_id).spec.instance.public_keys == {"k": public}
    assert mine.ask_server(key_name="none").status == 400


# -- creation refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        {"name": ""}, {"name": "  "}, {"name": "x" * 256}, {"name": 12345}, {"name": None},
        {"imageRef": "-1"}, {"imageRef": ""}, {"imageRef": "a8a8a8a8-0000-4000-8000-000000000000"},
        {"flavorRef": "no-such"}, {"flavorRef": None}, {"networks": [{"uuid": "a-b-c"}]}, {"networks": "some"},
        {"networks": [{"uuid": "a8a8a8a8-0000-4000-8000-000000000000"}]}, {"networks": [{"net": "x"}]},
        {"metadata": {"k": "v" * 256}}, {"metadata": {"k" * 256: "v"}}, {"metadata": {"k": 1}},
        {"user_data": "not base64!"}, {"user_data": "a" * 65537}, {"accessIPv4": "1.2.3"}, {"accessIPv6": "::g"},
        {"min_count": 3, "max_count": 2}, {"min_count": 0}, {"max_count": "x"}, {"tags": ["a,b"]},
        {"tags": ["x"] * 51}, {"hostname": "bad_name"}, {"personality": []}, {"unknown": 1},
        {"availability_zone": "nowhere"}, {"config_drive": "perhaps"}, {"adminPass": 1},
        {"hypervisor_hostname": 1}, {"description": "\u0001"},
    ],
)  # fmt: skip
def test_a_bad_wish_for_a_server_is_refused_and_leaves_nothing(lab, mine, bad):
    reply = mine.ask_server(**bad)

    assert reply.status == 400, reply
    assert reply.json["badRequest"]["code"] == 400
    assert mine.get("/servers").json["servers"] == []
    assert lab.networks.ports == {}


def test_networks_must_be_stated_since_2_37(lab, mine):
    body = {"name": "n", "flavorRef": "tiny", "imageRef": mine.small_image}
    assert mine.post("/servers", json={"server": body}).status == 400
    assert mine.at("2.36").post("/servers", json={"server": body}).status == 202
    assert mine.post("/servers", json={"server": body | {"networks": "none"}}).status == 202


def test_an_image_too_large_for_the_flavor_is_refused(lab, mine):
    assert mine.ask_server(imageRef=lab.images.large.image_id).status == 400


def test_volumes_are_refused_by_name(mine):
    disk = {"source_type": "volume", "destination_type": "volume", "uuid": "x", "boot_index": 0}
    assert mine.ask_server(block_device_mapping_v2=[disk]).status == 501
    local = {"source_type": "image", "destination_type": "local", "boot_index": 0, "uuid": mine.small_image}
    assert mine.ask_server(imageRef="", block_device_mapping_v2=[local]).status == 202


def test_only_administrators_choose_a_host(lab, mine, admin):
    assert mine.ask_server(availability_zone="nova:fake-0002").status == 403
    assert lab.host_of(lab.settled_server(admin, availability_zone="nova:fake-0002")) == "fake-0002"
    assert admin.ask_server(availability_zone="nova:fake-0003").status == 400


# -- others --------------------------------------------------------------------------------------------------


def test_a_stranger_learns_nothing_of_a_server(lab, mine):
    server_id = lab.settled_server(mine)
    yours = lab.client("yours")

    for method, path, body in (
        ("GET", "", None), ("PUT", "", {"server": {"name": "x"}}), ("DELETE", "", None),
        ("POST", "/action", {"os-stop": None}), ("POST", "/action", {"os-getConsoleOutput": {}}),
        ("GET", "/metadata", None), ("PUT", "/tags/x", None), ("GET", "/ips", None), ("GET", "/os-interface", None),
        ("GET", "/os-instance-actions", None), ("GET", "/os-security-groups", None),
    ):  # fmt: skip
        assert yours.request(method, f"/servers/{server_id}{path}", json=body).status == 404, path
    assert lab.client("mine", "reader").delete(f"/servers/{server_id}").status == 403


# -- changes -------------------------------------------------------------------------------------------------


def test_a_server_is_renamed_and_described(lab, mine):
    server_id = lab.settled_server(mine)

    reply = mine.put(f"/servers/{server_id}", json={"server": {"name": "new", "accessIPv4": "1.1.1.1"}})
    assert reply.json["server"]["name"] == "new"
    assert reply.json["server"]["accessIPv4"] == "1.1.1.1"
    old = mine.at("2.1").put(f"/servers/{server_id}", json={"server": {"accessIPv6": "::babe:202"}})
    assert "key_name" not in old.json["server"]
    for bad in ({"name": ""}, {"name": "x" * 256}, {"accessIPv6": "2001:2001::3."}, {"status": "x"}):
        assert mine.put(f"/servers/{server_id}", json={"server": bad}).status == 400
    lab.settle()
    assert lab.guest(server_id) is not None
    assert mine.server(server_id)["status"] == "ACTIVE"


def test_metadata_is_replaced_merged_and_removed(lab, mine):
    path = f"/servers/{lab.settled_server(mine, metadata={'a': '1'})}/metadata"

    assert mine.post(path, json={"metadata": {"b": "2"}}).json == {"metadata": {"a": "1", "b": "2"}}
    assert mine.put(path, json={"metadata": {"c": "3"}}).json == {"metadata": {"c": "3"}}
    assert mine.put(f"{path}/d", json={"meta": {"d": "4"}}).json == {"meta": {"d": "4"}}
    assert mine.put(f"{path}/d", json={"meta": {"e": "4"}}).status == 400
    assert mine.delete(f"{path}/c").status == 204
    assert mine.get(f"{path}/c").status == 404
    assert mine.get(path).json == {"metadata": {"d": "4"}}
    assert mine.post(path, json={"metadata": {f"k{n}": "v" for n in range(129)}}).status == 403


def test_tags_come_and_go(lab, mine):
    path = f"/servers/{lab.settled_server(mine)}/tags"

    assert mine.put(f"{path}/blue").status == 201
    assert mine.put(f"{path}/blue").status == 204
    assert mine.get(f"{path}/blue").status == 204
    assert mine.put(path, json={"tags": ["x", "y"]}).json == {"tags": ["x", "y"]}
    assert mine.delete(f"{path}/x").status == 204
    assert mine.delete(f"{path}/x").status == 404
    assert mine.put(f"{path}/{'t' * 61}").status == 400
    assert mine.delete(path).status == 204
    assert mine.get(path).json == {"tags": []}


def test_a_locked_server_stays_as_it_is_for_its_owner(lab, mine, admin):
    server_id = lab.settled_server(mine)
    assert mine.act(server_id, "lock", {"locked_reason": "careful"}).status == 202
    assert mine.server(server_id)["locked_reason"] == "careful"

    assert mine.act(server_id, "os-stop").status == 409
    assert mine.delete(f"/servers/{server_id}").status == 409
    assert mine.act(server_id, "unlock").status == 202
    assert mine.act(server_id, "os-stop").status == 202


def test_actions_that_are_left_out_say_so_and_unknown_ones_are_wrong(lab, mine):
    server_id = lab.settled_server(mine)

    assert mine.act(server_id, "shelve").json["notImplemented"]["code"] == 501
    assert mine.act(server_id, "resize", {"flavorRef": None}).status == 400
    assert mine.act(server_id, "resize", {"flavorRef": "none"}).status == 400
    assert mine.act(server_id, "sing").status == 400
    assert mine.post(f"/servers/{server_id}/action", json={}).status == 400
    assert mine.post(f"/servers/{server_id}/action", json={"os-stop": None, "os-start": None}).status == 400
    assert mine.act(server_id, "reboot", {"type": "NORMAL"}).status == 400
    assert mine.act("nothing", "rebuild", {"imageRef": "x"}).status == 404


def test_what_was_asked_of_a_server_is_told_even_after_its_end(lab, mine):
    server_id = lab.settled_server(mine)
    stop = mine.act(server_id, "os-stop").headers["x-compute-request-id"]
    lab.settle()
    mine.delete(f"/servers/{server_id}")
    lab.settle()

    actions = mine.get(f"/servers/{server_id}/os-instance-actions").json["instanceActions"]
    assert [each["action"] for each in actions] == ["delete", "stop", "create"]
    shown = mine.get(f"/servers/{server_id}/os-instance-actions/{stop}").json["instanceAction"]
    assert [event["result"] for event in shown["events"]] == ["Success"]
    assert mine.at("2.20").get(f"/servers/{server_id}/os-instance-actions").status == 404
    assert mine.get(f"/servers/{server_id}/os-instance-actions/req-none").status == 404
    first = mine.get(f"/servers/{server_id}/os-instance-actions?limit=1").json
    follow = first["links"][0]["href"].partition("/compute/v2.1")[2]
    assert mine.get(follow).json["instanceActions"][0]["action"] == "stop"


# -- hosts ---------------------------------------------------------------------------------------------------


def test_hosts_are_shown_as_hypervisors_services_and_zones(lab, mine, admin):
    server_id = lab.settled_server(mine)
    host = lab.host_of(server_id)

    detail = {each["hypervisor_hostname"]: each for each in
              admin.at("2.79").get("/os-hypervisors/detail").json["hypervisors"]}  # fmt: skip
    assert detail[host]["vcpus_used"] == 1
    assert detail[host]["running_vms"] == 1
    one = admin.get(f"/os-hypervisors/{detail[host]['id']}").json["hypervisor"]
    assert "vcpus" not in one
    assert admin.at("2.1").get("/os-hypervisors/1").status == 200
    assert admin.at("2.1").get("/os-hypervisors/statistics").json["hypervisor_statistics"]["count"] == 2
    assert admin.at("2.87").get("/os-hypervisors/statistics").status == 200
    assert admin.get("/os-hypervisors/statistics").status == 404
    assert admin.get("/os-hypervisors?limit=1").json["hypervisors_links"]
    assert len(admin.at("2.1").get("/os-hosts").json["hosts"]) == 2
    assert admin.at("2.43").get("/os-hosts").status == 404
    zones = mine.get("/os-availability-zone").json["availabilityZoneInfo"]
    assert zones == [{"zoneName": "nova", "zoneState": {"available": True}, "hosts": None}]
    assert mine.get("/os-availability-zone/detail").status == 403
    assert mine.get("/os-hypervisors").status == 403
    by_name = {"host": host, "binary": "nova-compute", "disabled_reason": "broken fan"}
    put = admin.at("2.1").put("/os-services/disable-log-reason", json=by_name)
    assert put.json["service"]["disabled_reason"] == "broken fan"
    assert admin.at("2.1").put("/os-services/enable", json=by_name | {"host": "x"}).status == 404


def test_an_aggregate_with_a_zone_puts_its_hosts_there(lab, mine, admin):
    made = admin.post("/os-aggregates", json={"aggregate": {"name": "rack", "availability_zone": "east"}})
    number = made.json["aggregate"]["id"]
    act = f"/os-aggregates/{number}/action"
    assert admin.post(act, json={"add_host": {"host": "fake-0002"}}).json["aggregate"]["hosts"] == [
        "fake-0002"
    ]
    assert admin.post(act, json={"add_host": {"host": "fake-0002"}}).status == 409
    assert admin.post(act, json={"add_host": {"host": "none"}}).status == 404

    server_id = lab.settled_server(mine, availability_zone="east")

    assert lab.host_of(server_id) == "fake-0002"
    assert mine.server(server_id)["OS-EXT-AZ:availability_zone"] == "east"
    assert lab.guest(server_id).spec.instance.availability_zone == "east"
    assert admin.post(act, json={"remove_host": {"host": "fake-0002"}}).status == 409, (
        "its server was promised east"
    )
    assert admin.delete(f"/os-aggregates/{number}").status == 409


def test_a_server_group_keeps_its_members_apart(lab, mine):
    made = mine.post("/os-server-groups", json={"server_group": {"name": "g", "policy": "anti-affinity"}})
    group = made.json["server_group"]["id"]

    def member() -> str:
        body = {"name": "m", "flavorRef": "tiny", "imageRef": mine.small_image, "networks": "none"}
        reply = mine.post("/servers", json={"server": body, "os:scheduler_hints": {"group": group}})
        lab.settle()
        return reply.json["server"]["id"]

    members = [member(), member(), member()]

    assert lab.host_of(members[0]) != lab.host_of(members[1])
    assert mine.server(members[2])["status"] == "ERROR"
    assert mine.server(members[0])["server_groups"] == [group]
    assert set(mine.get(f"/os-server-groups/{group}").json["server_group"]["members"]) == set(members)
    assert mine.at("2.63").get(f"/os-server-groups/{group}").json["server_group"]["policies"] == [
        "anti-affinity"
    ]
    assert lab.client("yours").get(f"/os-server-groups/{group}").status == 404


# -- versions ------------------------------------------------------------------------------------------------


def test_version_documents_need_no_token(lab):
    stranger = lab.client()
    stranger.token = ""
    versions = stranger.get("/compute/").json["versions"]
    assert [each["id"] for each in versions] == ["v2.0", "v2.1"]
    assert versions[1]["version"] == "2.96"
    assert stranger.get("/compute/v2.1/").json["version"]["min_version"] == "2.1"
    assert stranger.get("/compute/v2.1/servers").status == 401


def test_a_version_out_of_range_is_not_acceptable(mine):
    assert mine.at("2.97").get("/servers").status == 406
    assert mine.at("3.0").get("/servers").status == 406
    assert mine.at("latest").get("/servers").headers["openstack-api-version"] == "compute 2.96"


# -- the agents' door ----------------------------------------------------------------------------------------


def test_the_agents_door_is_local_and_needs_the_secret(lab):
    path = "/agent/v1/hosts/fake-0001/wishes?since=0"
    agent = lab.agent()
    assert agent.get(path).status == 200
    assert agent.get(path, headers={"X-Agent-Token": SECRET + "x"}).status == 403
    agent.local = False
    assert agent.get(path).status == 404


def test_a_host_hears_everything_once_and_then_what_changes(lab, mine):
    report = {
        "host_id": "real", "hostname": "real", "address": "10.0.0.1", "vcpus": 4, "memory_mib": 4096,
        "disk_gib": 100, "hypervisor_type": "QEMU", "hypervisor_version": 7002000, "cpu_model": "any",
    }  # fmt: skip
    agent = lab.agent()
    assert agent.put("/agent/v1/hosts/real", json=report).status == 204
    assert agent.put("/agent/v1/hosts/other", json=report).status == 400

    whole = agent.get("/agent/v1/hosts/real/wishes?since=0").json
    assert (whole["complete"], whole["guests"]) == (True, [])

    for each in ("fake-0001", "fake-0002"):
        body = {"host": each, "binary": "nova-compute"}
        assert lab.client("any", "admin").at("2.1").put("/os-services/disable", json=body).status == 200
    server_id = mine.make_server(user_data="aGk=", adminPass="a secret")
    while lab.engine.turn():
        pass

    news = agent.get(f"/agent/v1/hosts/real/wishes?since={whole['generation']}").json
    assert not news["complete"]
    (guest,) = news["guests"]
    assert guest["guest_id"] == server_id
    assert guest["instance"]["user_data_base64"] == "aGk="
    assert guest["instance"]["admin_password"] == "a secret"
    assert guest["image"]["sha256"] == "small"
    assert agent.get(f"/agent/v1/hosts/real/wishes?since={news['generation']}").json["guests"] == []
    assert agent.get("/agent/v1/hosts/real/wishes?since=999999").json["complete"]
    assert agent.get(f"/agent/v1/images/{lab.images.small.image_id}/data").body == lab.images.content
    assert agent.get(f"/agent/v1/images/{server_id}/data").status == 404
    assert agent.get("/agent/v1/hosts/nobody/wishes?since=0").status == 404
    assert agent.get("/agent/v1/hosts/nobody/wishes?since=7&wait=30").status == 404, (
        "it must introduce itself"
    )

    fact = {"guest_id": server_id, "observed_generation": 1, "exists": True, "power": "on", "boots": 0}
    assert agent.post("/agent/v1/hosts/real/facts", json={"facts": [fact]}).status == 204
    assert mine.server(server_id)["status"] == "ACTIVE"


def test_a_long_poll_answers_as_soon_as_there_is_news(lab, mine):
    agent = lab.agent()
    generation = agent.get("/agent/v1/hosts/fake-0001/wishes?since=0").json["generation"]
    heard: list[dict] = []

    def listen() -> None:
        reply = agent.get(f"/agent/v1/hosts/fake-0001/wishes?since={generation}&wait=30")
        heard.append(reply.json)

    listener = threading.Thread(target=listen)
    listener.start()
    server_ids = [mine.make_server(), mine.make_server()]
    while lab.engine.turn():
        pass
    listener.join(timeout=20)

    assert heard
    assert heard[0]["guests"][0]["guest_id"] in server_ids


def test_the_console_is_read_on_the_host_while_the_caller_waits(lab, mine):
    server_id = lab.settled_server(mine)
    replies = []

    def ask(argument) -> None:
        replies.append(mine.act(server_id, "os-getConsoleOutput", argument))

    for argument in ({"length": 2}, {"length": None}, None):
        caller = threading.Thread(target=ask, args=(argument,))
        caller.start()
        while caller.is_alive():
            lab.fleet.turn()
            caller.join(timeout=0.01)

    assert [reply.status for reply in replies] == [200, 200, 200]
    assert len(replies[0].json["output"].splitlines()) == 2
    assert "login:" in replies[1].json["output"]
    assert mine.act(mine.make_server(), "os-getConsoleOutput", {}).status == 409


def test_an_answer_counts_only_from_the_host_that_was_asked(lab, mine):
    questions = lab.compute.contract.fleet.questions

    async def ask() -> bytes:
        with questions.asking("host-1", "guest", lines=5) as answer:
            (question,) = questions.for_host("host-1")
            assert questions.for_host("host-1") == (), "it is handed out once, and again only later"
            questions.answer("host-2", question.question_id, b"a lie")
            questions.answer("host-1", question.question_id, b"the truth")
            return await asyncio.wait_for(answer, 5)

    assert asyncio.run(ask()) == b"the truth"
