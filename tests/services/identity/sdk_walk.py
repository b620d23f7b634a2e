"""One of everything of identity, made, found, changed and deleted by the unmodified openstacksdk.

Run by the clients' own interpreter, with the URL of identity as its argument and the admin's `OS_PASSWORD`.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import openstack

cloud = openstack.connect(
    auth_url=sys.argv[1], username="admin", password=os.environ["OS_PASSWORD"], project_name="admin",
    user_domain_id="default", project_domain_id="default", identity_endpoint_override=sys.argv[1],
)  # fmt: skip
identity = cloud.identity


def whole(noun: str, *, change: dict[str, Any] | None = None, plural: str = "", **given: Any) -> Any:
    """Make one, read it by its id, find it by its name, change it, and see it in the list."""
    made = getattr(identity, f"create_{noun}")(**given)
    assert getattr(identity, f"get_{noun}")(made.id).id == made.id
    find = getattr(identity, f"find_{noun}", None)
    if find is not None and given.get("name"):
        assert find(given["name"]).id == made.id
    if change:
        changed = getattr(identity, f"update_{noun}")(made.id, **change)
        assert {name: getattr(changed, name) for name in change} == change, changed
    assert made.id in {each.id for each in getattr(identity, plural or f"{noun}s")()}
    return made


def gone(noun: str, made: Any) -> None:
    """Delete it; it cannot be read any more."""
    getattr(identity, f"delete_{noun}")(made.id, ignore_missing=False)
    try:
        getattr(identity, f"get_{noun}")(made.id)
    except openstack.exceptions.NotFoundException:
        return
    raise AssertionError(f"{noun} {made.id} is still there")


more = {"description": "more"}
domain = whole("domain", name="d", change=more)
project = whole("project", name="p", domain_id=domain.id, change=more)
user = whole("user", name="u", domain_id=domain.id, password="secret", change=more)
group = whole("group", name="g", domain_id=domain.id, change=more)
role = whole("role", name="r", change=more)

identity.add_user_to_group(user, group)
assert identity.check_user_in_group(user, group)
assert [each.id for each in identity.group_users(group)] == [user.id]
assert [each.id for each in identity.user_groups(user)] == [group.id]
for target in ("project", "domain", "system"):
    places = {"project": [project], "domain": [domain], "system": []}[target]
    for kind, actor in (("user", user), ("group", group)):
        holder: list[Any] = (
            [*places, actor, role] if places else [actor, role, openstack.identity.v3.system.System()]
        )
        getattr(identity, f"assign_{target}_role_to_{kind}")(*holder)
        assert getattr(identity, f"validate_{kind}_has_{target}_role")(*holder)
assert {each.role["id"] for each in identity.role_assignments(user_id=user.id)} == {role.id}
assert [each.id for each in identity.role_assignments_filter(project=project, user=user)] == [role.id]
assert [each.id for each in identity.user_projects(user)] == [project.id]

region = whole("region", id="lab", change=more)
service = whole("service", name="s", type="lab", change=more)
url = {"service_id": service.id, "interface": "public", "url": "http://lab.test", "region_id": region.id}
endpoint = whole("endpoint", change={"url": "http://lab.test/v1"}, **url)
endpoints = whole("endpoint_group", name="e", filters={"service_id": service.id}, change=more)
identity.associate_endpoint_with_project(project, endpoint)
assert endpoint.id in {each.id for each in identity.project_endpoints(project)}
identity.associate_project_with_endpoint_group(endpoints, project)
assert [each.id for each in identity.endpoint_group_projects(endpoints)] == [project.id]
assert [each.id for each in identity.endpoint_group_endpoints(endpoints)] == [endpoint.id]
identity.disassociate_project_from_endpoint_group(endpoints, project)
identity.disassociate_endpoint_from_project(project, endpoint)

kind = whole(
    "registered_limit", service_id=service.id, resource_name="x", default_limit=5, change={"default_limit": 7}
)
limit = whole("limit", service_id=service.id, resource_name="x", project_id=project.id, resource_limit=3,
              change={"resource_limit": 4})  # fmt: skip
policy = whole("policy", plural="policies", blob="{}", type="text/plain", change={"blob": '{"a": 1}'})
secret = whole("credential", blob="{}", type="cert", user_id=user.id, change={"blob": '{"a": 1}'})

me, my_project = cloud.current_user_id, cloud.current_project_id
assert my_project
trust = whole("trust", trustor_user_id=me, trustee_user_id=user.id, project_id=my_project, impersonation=False,
              roles=[{"name": "member"}])  # fmt: skip
ours = identity.create_application_credential(me, "a", access_rules=[
    {"path": "/v2.1/servers", "method": "GET", "service": "compute"}])  # fmt: skip
assert identity.find_application_credential(me, "a").id == ours.id
rules = list(identity.access_rules(me))
assert [each.method for each in rules] == ["GET"]
identity.delete_application_credential(me, ours, ignore_missing=False)
identity.delete_access_rule(me, rules[0], ignore_missing=False)

provider = whole("identity_provider", id="lab", remote_ids=["x"], change=more)
vouched = [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "sub"}]}]
mapping = whole("mapping", id="m", rules=vouched)
protocol = identity.create_federation_protocol(provider.id, id="openid", mapping_id="m")
assert [each.id for each in identity.federation_protocols(provider.id)] == [protocol.id]
identity.delete_federation_protocol(provider.id, protocol.id, ignore_missing=False)
far = whole(
    "service_provider", id="far", auth_url="http://far.test/auth", sp_url="http://far.test/sp", change=more
)

identity.create_domain_config(domain, identity={"driver": "sql"})
assert identity.get_domain_config(domain).identity.driver == "sql"
identity.delete_domain_config(domain)

theirs = openstack.connect(
    auth_url=sys.argv[1], username="u", password="secret", user_domain_id=domain.id, project_id=project.id,
    identity_endpoint_override=sys.argv[1],
)  # fmt: skip
token = theirs.auth_token
assert token
assert identity.check_token(token)
assert identity.validate_token(token).project["id"] == project.id
identity.revoke_token(token)
assert not identity.check_token(token)
identity.update_password(user, "secret", "another")

for noun, made in (
    ("service_provider", far), ("mapping", mapping), ("identity_provider", provider), ("trust", trust),
    ("credential", secret), ("policy", policy), ("limit", limit), ("registered_limit", kind),
    ("endpoint_group", endpoints), ("endpoint", endpoint), ("service", service), ("region", region),
    ("role", role), ("group", group), ("user", user), ("project", project),
):  # fmt: skip
    gone(noun, made)
identity.update_domain(domain, is_enabled=False)
gone("domain", domain)
print("all of it")
