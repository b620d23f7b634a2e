"""Secrets: none in clear in the store, the log or the event log; sealed anew and forgotten as keys rotate."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterable
from pathlib import Path

import pytest
import sqlalchemy as sa

from nacre.cli.main import main
from nacre.host import choices
from nacre.identity import resealing
from nacre.identity.keys import KEY_SETTLES_S, open_keys
from nacre.identity.loops.token_keys import TokenKeyLoop
from nacre.identity.sealing import SEAL_FILE, Seal, SealBroken
from nacre.identity.store import sealed as sealed_store
from nacre.identity.store.sealed import SEALED
from nacre.identity.store.tables import CREDENTIAL, TOKEN_KEY
from nacre.kernel.clock import VirtualClock
from nacre.kernel.database import Database
from nacre.kernel.events import Actor
from nacre.kernel.outcome import SETTLED
from nacre.kernel.schema import METADATA
from nacre.kernel.wakes import Wakes
from tests.services.identity.conftest import PASSWORDS, Site, assembled_site
from tests.support.stores import lay_sqlite

USERS = "/identity/v3/users"
CREDENTIALS = "/identity/v3/credentials"


def seal_of(site: Site) -> Seal:
    return Seal(site.kernel.settings.state_dir / SEAL_FILE)


def everything_stored(site: Site) -> bytes:
    """Every value of every table, and the bytes of the database's own files where it has some here."""
    found = []
    with site.kernel.database.read() as db:
        for name in sa.inspect(site.kernel.database.engine).get_table_names():
            for row in db.rows(sa.text(f'SELECT * FROM "{name}"')):
                found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    file = site.kernel.database.url.database or ""
    if not site.kernel.database.is_postgresql:
        found += [path.read_bytes() for path in Path(file).parent.glob(Path(file).name + "*")]
    return b"\n".join(found)


def forms_of(secret: str | bytes) -> Iterable[bytes]:
    raw = secret.encode() if isinstance(secret, str) else secret
    yield raw
    yield raw.hex().encode()
    for code in (base64.b64encode, base64.urlsafe_b64encode):
        yield code(raw).rstrip(b"=")
    yield json.dumps(secret)[1:-1].encode() if isinstance(secret, str) else raw


def walk(site: Site) -> dict[str, str | bytes]:
    """Everything a user can do that leaves a secret behind; the secrets, by what they are."""
    admin = site.as_user()
    user_id = site.make("user", name="ada", password="the very first trees")
    project_id = site.make("project", name="lab")
    site.give("member", f"projects/{project_id}/users/{user_id}")
    assert site.log_in("ada", password="a wrong guess of it").status == 401
    change = {"user": {"original_password": "the very first trees", "password": "trees of her own"}}
    assert site.client().post(f"{USERS}/{user_id}/password", json=change).status == 204
    assert admin.patch(f"{USERS}/{user_id}", json={"user": {"password": "trees from above"}}).status == 200
    scope = {"project": {"id": project_id}}
    token = site.token("ada", password="trees from above", scope=scope)
    ada = site.client(token)
    made = []
    for ask in ({"name": "made"}, {"name": "chosen", "secret": "a secret of her choice"}):
        path = f"{USERS}/{user_id}/application_credentials"
        made.append(ada.post(path, json={"application_credential": ask}).json["application_credential"])
    ec2 = ada.post(f"{USERS}/{user_id}/credentials/OS-EC2", json={"tenant_id": project_id}).json["credential"]
    blob = {"credential": {"type": "totp", "user_id": user_id, "blob": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}}
    kept = admin.post(CREDENTIALS, json=blob).json["credential"]
    other = {"credential": {"blob": "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U"}}
    assert admin.patch(f"{CREDENTIALS}/{kept['id']}", json=other).status == 200
    domain_id = site.make("domain", name="campus")
    ldap = {"config": {"ldap": {"url": "ldap://directory.test", "password": "a bind secret"}}}
    assert admin.put(f"/identity/v3/domains/{domain_id}/config", json=ldap).status == 201
    with site.kernel.database.read() as db:
        keys = open_keys(db, seal_of(site))
    return {
        "admin": PASSWORDS["admin_password"],
        "first password": "the very first trees",
        "own password": "trees of her own",
        "password from above": "trees from above",
        "wrong password": "a wrong guess of it",
        "token": token,
        "made secret": made[0]["secret"],
        "chosen secret": made[1]["secret"],
        "ec2 secret": ec2["secret"],
        "totp secret": blob["credential"]["blob"],
        "newer totp secret": other["credential"]["blob"],
        "directory password": "a bind secret",
        **{f"token key {key_id}": key.secret for key_id, key in keys.items()},
        "sealing key": (site.kernel.settings.state_dir / SEAL_FILE).read_text().split()[0],
    }


def test_no_secret_is_in_the_store_or_the_log_in_clear(site: Site, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG):
        secrets = walk(site)
    stored, logged = everything_stored(site), caplog.text.encode()
    assert b"ada" in stored, "the search itself finds what is there"
    assert b"refused" in logged

    leaks = [
        (what, where)
        for what, secret in secrets.items()
        for where, text in (("store", stored), ("log", logged))
        for form in forms_of(secret)
        if form in text
    ]

    assert leaks == []


def test_no_answer_shows_a_secret_twice(site: Site):
    secrets = walk(site)
    admin = site.as_user()
    user_id = admin.get(f"{USERS}?name=ada").json["users"][0]["id"]
    paths = [USERS, f"{USERS}/{user_id}", f"{USERS}/{user_id}/application_credentials"]

    shown = b"".join(admin.get(path).body for path in paths)

    assert b"ada" in shown
    assert [what for what, secret in secrets.items() if any(form in shown for form in forms_of(secret))] == []
    assert b"$argon2id$" not in shown


def test_every_column_that_is_said_to_be_sealed_is_sealed_anew_with_the_others():
    said = {
        column
        for table in METADATA.sorted_tables
        for column in table.c
        if column.name == "sealed" or column.name.startswith("sealed_")
    }
    assert said == set(SEALED)


# -- token keys --------------------------------------------------------------------------------------------


def key_loop(site: Site) -> TokenKeyLoop:
    (loop,) = (loop for loop in site.assembled.loops if loop.name == "token-keys")
    assert isinstance(loop, TokenKeyLoop)
    return loop


def key_ids(site: Site) -> list[int]:
    with site.kernel.database.read() as db:
        return list(open_keys(db, seal_of(site)))


def test_the_key_that_signs_is_replaced_by_period_and_no_token_ends_before_its_time(site: Site):
    loop, period_s = key_loop(site), site.kernel.settings.token.key_period_s
    assert list(loop.all_keys()) == ["newest"]
    assert loop.reconcile("newest") is SETTLED
    assert key_ids(site) == [1]

    site.clock.advance(period_s)
    old = site.token("demo")
    assert loop.reconcile("newest") is SETTLED
    assert loop.reconcile("newest") is SETTLED, "once is enough"
    assert key_ids(site) == [1, 2]
    site.clock.advance(KEY_SETTLES_S)
    fresh = site.token("demo")

    assert fresh[:6] != old[:6]
    assert [site.client(token).get("/identity/v3/auth/projects").status for token in (old, fresh)] == [
        200,
        200,
    ]
    site.clock.advance(period_s)
    loop.reconcile("newest")
    assert key_ids(site) == [2, 3], "what the first key signed is over"


def test_a_copy_of_the_store_without_the_sealing_key_makes_no_token(site: Site):
    (site.kernel.settings.state_dir / SEAL_FILE).unlink()

    with site.kernel.database.read() as db, pytest.raises(SealBroken):
        open_keys(db, seal_of(site))


# -- sealing keys ------------------------------------------------------------------------------------------


def keep_blobs(site: Site, count: int) -> list[str]:
    """The ids of new credentials, each with its number as its secret."""
    demo_id = site.log_in("demo").json["token"]["user"]["id"]
    seal = seal_of(site)
    rows = [
        {
            "credential_id": f"c{at:05}",
            "user_id": demo_id,
            "type": "note",
            "sealed_blob": seal.seal(f"secret {at}"),
            "extra": {},
        }
        for at in range(count)
    ]
    with site.kernel.database.engine.connect() as connection:
        connection.execute(sa.insert(CREDENTIAL), rows)
    return [row["credential_id"] for row in rows]


def older(site: Site) -> int:
    return sum(each.older for each in resealing.survey(site.kernel.database, seal_of(site)).values())


def test_everything_is_sealed_anew_while_the_cloud_runs_and_the_old_key_can_go(site: Site):
    walk(site)
    token, database, seal = site.token("demo"), site.kernel.database, seal_of(site)
    before = (site.kernel.settings.state_dir / SEAL_FILE).read_text().split()
    secrets = sum(each.secrets for each in resealing.survey(database, seal).values())

    assert resealing.begin(seal, alone=True)
    assert not resealing.begin(seal, alone=True), "one at a time"
    assert older(site) == secrets > 3
    demo_id = site.log_in("demo").json["token"]["user"]["id"]
    meanwhile = {"credential": {"type": "note", "user_id": demo_id, "blob": "made meanwhile"}}
    assert site.as_user().post(CREDENTIALS, json=meanwhile).status == 201
    assert sum(resealing.seal_anew(database, seal)) == secrets, "what was made meanwhile has the new key"
    assert older(site) == 0
    site.clock.advance(resealing.SETTLES_S)
    assert resealing.drop_old_keys(database, seal) == 1

    assert not set(before) & set((site.kernel.settings.state_dir / SEAL_FILE).read_text().split())
    blobs = [each["blob"] for each in site.as_user().get(CREDENTIALS).json["credentials"]]
    assert "made meanwhile" in blobs
    assert site.client(token).get("/identity/v3/auth/projects").status == 200
    site.restart()
    assert site.client(token).get("/identity/v3/auth/projects").status == 200


def test_a_rotation_that_dies_between_any_two_batches_goes_on_where_it_was(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sealed_store, "BATCH", 7)
    credential_ids = keep_blobs(site, 40)
    database, seal = site.kernel.database, seal_of(site)
    resealing.begin(seal, alone=True)
    left = [older(site)]

    while left[-1]:
        seal = seal_of(site)
        assert not resealing.begin(seal, alone=True), "what is under way is not begun again"
        next(resealing.seal_anew(database, seal))  # ... and there the process is killed.
        left.append(older(site))

    assert left == [41, 40, 33, 26, 19, 12, 5, 0]
    blobs = {each["id"]: each["blob"] for each in site.as_user().get(CREDENTIALS).json["credentials"]}
    assert blobs == {credential_id: f"secret {at}" for at, credential_id in enumerate(credential_ids)}


def test_the_old_key_stays_as_long_as_anything_needs_it(site: Site):
    keep_blobs(site, 3)
    database, seal = site.kernel.database, seal_of(site)
    assert resealing.drop_old_keys(database, seal) == 0
    resealing.begin(seal, alone=True)

    with pytest.raises(resealing.StillSealed):
        resealing.drop_old_keys(database, seal)
    assert seal.key_count == 2

    list(resealing.seal_anew(database, seal))
    assert resealing.drop_old_keys(database, seal) == 1


def test_sealing_anew_never_overwrites_what_changed_meanwhile(site: Site):
    (credential_id,) = keep_blobs(site, 1)
    seal = seal_of(site)
    with site.kernel.database.read() as db:
        (row,) = sealed_store.rows_after(db, CREDENTIAL.c.sealed_blob, None)
    newer = {"credential": {"blob": "newer"}}
    assert site.as_user().patch(f"{CREDENTIALS}/{credential_id}", json=newer).status == 200

    anew = {row.key: (row.sealed, seal.seal("stale"))}
    with site.kernel.database.write(Actor("test")) as tx:
        written = sealed_store.replace_sealed(tx, CREDENTIAL.c.sealed_blob, anew)

    assert written == 0
    assert site.as_user().get(f"{CREDENTIALS}/{credential_id}").json["credential"]["blob"] == "newer"


def test_a_key_younger_than_what_may_still_be_written_is_not_the_only_one_yet(tmp_path: Path):
    seal = Seal(tmp_path / SEAL_FILE)
    resealing.begin(seal, alone=True)
    clock = VirtualClock(seal.path.stat().st_mtime + 1)
    database = Database(lay_sqlite(tmp_path / "store.db"), clock=clock, wakes=Wakes(), durable=False)
    with pytest.raises(resealing.TooSoon):
        resealing.drop_old_keys(database, seal)
    clock.advance(resealing.SETTLES_S)
    assert resealing.drop_old_keys(database, seal) == 1
    database.close()


def test_nodes_with_copies_of_the_file_know_a_key_before_it_seals(site: Site, tmp_path: Path):
    keep_blobs(site, 3)
    here, there = seal_of(site), Seal(tmp_path / "elsewhere" / SEAL_FILE)

    def copy() -> None:
        there.path.parent.mkdir(exist_ok=True)
        there.path.write_text(here.path.read_text())

    copy()
    with pytest.raises(resealing.NotAnnounced):
        resealing.begin(here, alone=False)
    here.announce_key()
    here.announce_key()
    assert here.key_count == 1, "it does not seal yet"
    assert len(here.path.read_text().splitlines()) == 2
    copy()
    assert resealing.begin(here, alone=False)
    list(resealing.seal_anew(site.kernel.database, here))

    assert there.open(here.seal("from here")) == "from here"
    assert here.open(there.seal("from there")) == "from there"
    assert older(site) == 0
    copy()
    assert here.sealed_anew(there.seal("from there")) is None
    assert resealing.drop_old_keys(site.kernel.database, here) == 1
    copy()
    assert there.key_count == 1
    assert not there.is_announced


# -- the command -------------------------------------------------------------------------------------------


def test_the_command_rotates_both_kinds_and_tells_no_secret(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("NACRE_STATE", str(tmp_path))
    choices.keep(choices.choose({"NACRE_STATE": str(tmp_path)}, hosts="fake:1", database=""))
    site = assembled_site(lay_sqlite(tmp_path / "nacre.db"), state=tmp_path, clock=clock)
    token = site.token("demo")
    keep_blobs(site, 3)

    assert main(["keys", "status"]) == 0
    assert "3 secrets, 0 of them" in capsys.readouterr().out
    assert main(["keys", "rotate"]) == 0
    assert "4 secrets were sealed anew" in capsys.readouterr().out
    assert main(["keys", "rotate", "--seal"]) == 0
    assert "goes on.\n0 secrets" in capsys.readouterr().out
    assert main(["keys", "status"]) == 1
    told = capsys.readouterr().out
    assert "token key 2" in told
    assert main(["keys", "drop"]) == 1
    assert "too young" in capsys.readouterr().err

    with site.kernel.database.read() as db:
        assert sorted(open_keys(db, seal_of(site))) == [1, 2]
        assert db.scalar(sa.select(sa.func.count()).select_from(TOKEN_KEY)) == 2
    for secret in (tmp_path / SEAL_FILE).read_text().split():
        assert secret not in told
    assert site.client(token).get("/identity/v3/auth/projects").status == 200
    site.close()
