"""Passcodes by time, rules that ask for several methods, and the receipts in between."""

from __future__ import annotations

import base64
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from nacre.identity.domain.passcodes import WINDOW_S, passcode, window_at
from tests.services.identity.conftest import Site
from tests.support.asgi import Reply

TOKENS = "/identity/v3/auth/tokens"
SECRET = b"a secret of the device"


@dataclass
class Ada:
    """A user with a device that shows passcodes."""

    site: Site
    user_id: str
    credential_id: str

    def code(self, windows_ago: int = 0) -> str:
        return passcode(SECRET, window_at(self.site.clock.now()) - windows_ago)

    def log_in(
        self, *methods: str, code: str | None = None, receipt: str = "", password: str = "ada"
    ) -> Reply:
        who = {"name": "ada", "domain": {"id": "default"}}
        identity: dict[str, Any] = {"methods": list(methods)}
        if "password" in methods:
            identity["password"] = {"user": who | {"password": password}}
        if "totp" in methods:
            identity["totp"] = {"user": who | {"passcode": code or self.code()}}
        headers = {"Openstack-Auth-Receipt": receipt} if receipt else {}
        return self.site.client().post(TOKENS, json={"auth": {"identity": identity}}, headers=headers)

    def demand(self, *rules: list[str], enabled: bool = True) -> None:
        options = {"multi_factor_auth_enabled": enabled, "multi_factor_auth_rules": list(rules)}
        body = {"user": {"options": options}}
        assert self.site.as_user().patch(f"/identity/v3/users/{self.user_id}", json=body).status == 200


@pytest.fixture
def ada(site: Site) -> Ada:
    user_id = site.make_user("ada")
    credential_id = site.make(
        "credential", type="totp", user_id=user_id, blob=base64.b32encode(SECRET).decode().rstrip("=")
    )
    return Ada(site, user_id, credential_id)


# -- passcodes ---------------------------------------------------------------------------------------------


def test_a_passcode_proves_a_user_and_is_never_accepted_twice(ada: Ada):
    code = ada.code()

    first = ada.log_in("totp", code=code)
    assert first.status == 201, first
    assert first.json["token"]["methods"] == ["totp"]
    assert ada.log_in("totp", code=code).status == 401
    ada.site.clock.advance(WINDOW_S)
    assert ada.log_in("totp", code=code).status == 401, "not within its second window either"
    assert ada.log_in("totp").status == 201
    assert ada.log_in("totp", code=ada.code(windows_ago=1)).status == 401, "nor is one from before the last"


def test_a_passcode_that_many_send_at_once_is_accepted_from_one(ada: Ada):
    code = ada.code()
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(ada.log_in("totp", code=code).status))
        for _ in range(6)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [201] + [401] * 5


def test_a_passcode_may_be_of_the_window_before_and_of_no_other(ada: Ada):
    assert ada.log_in("totp", code=ada.code(windows_ago=2)).status == 401
    assert ada.log_in("totp", code=ada.code(windows_ago=-1)).status == 401
    assert ada.log_in("totp", code=ada.code(windows_ago=1)).status == 201


def test_a_wrong_password_beside_it_leaves_a_passcode_unused(ada: Ada):
    assert ada.log_in("password", "totp", password="wrong").status == 401
    assert ada.log_in("password", "totp").status == 201


@pytest.mark.parametrize(
    "code", ["", "000000", "12345", "abcdef", "\uff11\uff12\uff13\uff14\uff15\uff16", "1" * 200]
)
def test_a_wrong_passcode_reads_like_every_refusal(ada: Ada, code: str):
    refusal = ada.log_in("totp", code=code or " ")
    assert refusal.status == 401
    assert refusal.body == ada.log_in("password", password="wrong").body


def test_a_deleted_or_unreadable_secret_proves_nothing(ada: Ada):
    admin = ada.site.as_user()
    assert admin.delete(f"/identity/v3/credentials/{ada.credential_id}").status == 204
    ada.site.make("credential", type="totp", user_id=ada.user_id, blob="!! not base 32 !!")
    assert ada.log_in("totp").status == 401


# -- several methods ---------------------------------------------------------------------------------------


def test_who_must_prove_more_is_given_a_receipt_and_goes_on_with_it(ada: Ada):
    ada.demand(["password", "totp"])

    first = ada.log_in("password")

    assert first.status == 401
    assert "x-subject-token" not in first.headers
    assert first.json["required_auth_methods"] == [["password", "totp"]]
    receipt = first.json["receipt"]
    assert receipt["methods"] == ["password"]
    assert receipt["user"] == {
        "id": ada.user_id,
        "name": "ada",
        "domain": {"id": "default", "name": "Default"},
    }
    assert receipt["issued_at"] < receipt["expires_at"]

    second = ada.log_in("totp", receipt=first.headers["openstack-auth-receipt"])
    assert second.status == 201, second
    assert set(second.json["token"]["methods"]) == {"password", "totp"}


def test_all_methods_at_once_need_no_receipt(ada: Ada):
    ada.demand(["password", "totp"])
    assert ada.log_in("password", "totp").status == 201


def test_any_one_of_the_rules_is_enough_and_none_counts_while_they_are_off(ada: Ada):
    ada.demand(["password", "totp"], ["totp"])
    assert ada.log_in("totp").status == 201
    assert ada.log_in("password").status == 401
    ada.demand(["password", "totp"], enabled=False)
    assert ada.log_in("password").status == 201


def test_a_passcode_is_used_up_by_a_receipt_too(ada: Ada):
    ada.demand(["password", "totp"])
    code = ada.code()
    assert ada.log_in("totp", code=code).headers["openstack-auth-receipt"]
    assert ada.log_in("password", "totp", code=code).status == 401


def test_a_receipt_counts_for_a_while_for_its_user_and_as_nothing_else(ada: Ada):
    ada.demand(["password", "totp"])
    receipt = ada.log_in("password").headers["openstack-auth-receipt"]
    ada.site.make_user("bob")

    bob = {"user": {"name": "bob", "domain": {"id": "default"}, "password": "bob"}}
    auth = {"auth": {"identity": {"methods": ["password"], "password": bob}}}
    headers = {"Openstack-Auth-Receipt": receipt}
    assert ada.site.client().post(TOKENS, json=auth, headers=headers).status == 401
    assert ada.site.client(receipt).get("/identity/v3/auth/projects").status == 401
    token = ada.site.log_in("bob", scope=None).headers["x-subject-token"]
    for forged in (token, receipt[:-4] + "AAAA", "x", "é"):
        assert ada.log_in("totp", receipt=forged).status == 401
        ada.site.clock.advance(WINDOW_S)

    ada.site.clock.advance(300)
    assert ada.log_in("totp", receipt=receipt).status == 401


def test_a_new_password_voids_receipts(ada: Ada):
    ada.demand(["password", "totp"])
    receipt = ada.log_in("password").headers["openstack-auth-receipt"]
    body = {"user": {"password": "another"}}
    assert ada.site.as_user().patch(f"/identity/v3/users/{ada.user_id}", json=body).status == 200
    assert ada.log_in("totp", receipt=receipt).status == 401


def test_a_token_keeps_what_it_was_proven_by(ada: Ada):
    ada.demand(["password", "totp"])
    token = ada.log_in("password", "totp").headers["x-subject-token"]
    auth = {"auth": {"identity": {"methods": ["token"], "token": {"id": token}}}}
    assert ada.site.client().post(TOKENS, json=auth).status == 201


def test_guessing_passcodes_stops_after_a_few_and_a_right_password_does_not_begin_it_anew(ada: Ada):
    for _ in range(10):
        assert ada.log_in("totp", code="000000").status == 401
        assert ada.log_in("password").status == 201

    assert ada.log_in("totp").status == 401, "even a right one is too late"
    ada.site.clock.advance(300)
    assert ada.log_in("totp").status == 201
