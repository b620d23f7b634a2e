"""The doors by which users come in whom an identity provider proves."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

from nacre.identity.api.federation.admitting import admit
from nacre.identity.api.federation.mappings import rules_of
from nacre.identity.api.federation.pages import posting_page
from nacre.identity.api.parts import Parts
from nacre.identity.api.proving import Proof
from nacre.identity.api.scoping import Aim
from nacre.identity.api.tokens import issued, new_token
from nacre.identity.domain.assertions import Claims, assertion_of
from nacre.identity.domain.mappings import Assertion, MappedProperties, NoMatch, mapped
from nacre.identity.domain.scopes import UNSCOPED
from nacre.identity.domain.tokens import Voucher
from nacre.identity.sign_on import LASTS_S, Begun, new_cookie
from nacre.identity.standing import UNBOUND, refused
from nacre.identity.store import federation as store
from nacre.identity.store.federation import Door, OidcSettings
from nacre.kernel.errors import Bad
from nacre.kernel.events import Event
from nacre.kernel.http.call import Answer, Call

CALLBACK = "/v3/auth/OS-FEDERATION/oidc/callback"
_COOKIE = "nacre-sign-on"
_LONGEST_COOKIE = 64
_LONGEST_CODE = 4096


def by_bearer(call: Call[Parts], idp_id: str, protocol_id: str) -> Answer:
    """An unscoped token for whoever holds a token of the provider's: `Authorization: Bearer ...`.

    Errors: LoginRefused, in the same words for every reason; ProviderAway.
    """
    scheme, _, bearer = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not bearer.strip():
        raise refused("no bearer token is given")
    door, oidc = _open_door(call, idp_id, protocol_id)
    claims = call.parts.sign_on.examine(oidc, bearer.strip())
    return issued(call, *_arrived(call, door, oidc, claims))


def begin(call: Call[Parts], idp_id: str, protocol_id: str) -> Answer:
    """Send a browser to the provider, to come back with a token to the dashboard at `origin`.

    Errors: NotTrusted for another address than the site's dashboards; LoginRefused; ProviderAway.
    """
    origin = call.one("origin") or ""
    call.parts.sign_on.demand_trusted(origin)
    _, oidc = _open_door(call, idp_id, protocol_id)
    cookie = _cookie(call) or new_cookie()
    base = call.parts.sign_on.public_url(call.base)
    url = call.parts.sign_on.begin(
        oidc, origin=origin, redirect_uri=base + CALLBACK, cookie=cookie, now=call.now
    )
    attributes = ["HttpOnly", "SameSite=Lax", f"Max-Age={LASTS_S:.0f}", "Path=/"]
    if base.startswith("https:"):
        attributes.append("Secure")
    headers = {
        "Location": url,
        "Set-Cookie": "; ".join([f"{_COOKIE}={cookie}", *attributes]),
        "Cache-Control": "no-store",
    }
    return Answer(None, 302, headers)


def begin_anywhere(call: Call[Parts], protocol_id: str) -> Answer:
    """The same, where only one identity provider speaks the protocol.

    Errors: as `begin`; Bad where several do.
    """
    call.parts.sign_on.demand_trusted(call.one("origin") or "")
    with call.database.read() as db:
        providers = store.open_doors(db, protocol_id)
    if len(providers) > 1:
        raise Bad("Several identity providers speak this protocol: name one in the path.")
    if not providers:
        raise refused(f"no identity provider speaks {protocol_id!r}")
    return begin(call, providers[0], protocol_id)


def finish(call: Call[Parts]) -> Answer:
    """Take a browser back from its provider, and send it on to its dashboard with an unscoped token.

    Errors: LoginRefused, in the same words for every reason; ProviderAway.
    """
    begun = call.parts.sign_on.returned(call.one("state") or "", cookie=_cookie(call), now=call.now)
    code = call.one("code") or ""
    if not code or len(code) > _LONGEST_CODE:
        raise refused(f"the provider gives no code: {(call.one('error') or '')[:200]!r}")
    call.parts.sign_on.demand_trusted(begun.origin)
    door, oidc = _open_door(call, begun.idp_id, begun.protocol_id)
    _claim(call, begun)
    claims = call.parts.sign_on.redeem(oidc, begun, code)
    token, _ = new_token(call, *_arrived(call, door, oidc, claims))
    return posting_page(begun.origin, token)


def _claim(call: Call[Parts], begun: Begun) -> None:
    """Let this login be finished never again. Raises LoginRefused if it has been."""
    with call.database.write(call.actor) as tx:
        if not store.claim_sign_on(tx, begun.sign_on_id, expires_at=begun.ends_at):
            raise refused("the login has been finished before")
        tx.record(Event(action="finish", kind="sign-on", subject=begun.sign_on_id))


def _open_door(call: Call[Parts], idp_id: str, protocol_id: str) -> tuple[Door, OidcSettings]:
    with call.database.read() as db:
        door = store.find_door(db, idp_id, protocol_id)
    if door is None or not door.provider.enabled:
        raise refused(f"identity provider {idp_id!r} has no protocol {protocol_id!r}, or is disabled")
    if door.oidc is None:
        raise refused(f"protocol {protocol_id!r} of {idp_id!r} has no OpenID client")
    return door, door.oidc


def _arrived(call: Call[Parts], door: Door, oidc: OidcSettings, claims: Claims) -> tuple[Aim, Proof]:
    """Who has come, now that the provider has said so. Raises LoginRefused."""
    assertion = assertion_of(claims, oidc.claims_prefix)
    attribute = door.protocol.remote_id_attribute
    if attribute and not set(assertion.get(attribute, ())) & set(door.remote_ids):
        raise refused(f"{door.provider.idp_id!r} does not call itself {assertion.get(attribute)!r}")
    user_id = admit(call, door.provider, door.protocol.protocol_id, _mapped(door, assertion))
    voucher = Voucher(door.provider.idp_id, door.protocol.protocol_id)
    proof = Proof(
        user_id=user_id,
        methods=(door.protocol.protocol_id,),
        expires_at=call.parts.sign_on.token_ends(now=call.now),
        voucher=voucher,
    )
    return Aim(user_id=user_id, scope=UNSCOPED, bound=UNBOUND), proof


def _mapped(door: Door, assertion: Assertion) -> MappedProperties:
    mapping = door.mapping
    if mapping is None:
        raise refused(f"mapping {door.protocol.mapping_id!r} is gone")
    try:
        return mapped(rules_of(mapping), assertion, version=mapping.schema_version)
    except (NoMatch, Bad) as error:
        raise refused(f"mapping {mapping.mapping_id!r}: {error}") from error


def _cookie(call: Call[Parts]) -> str:
    """What the browser is known by, or nothing."""
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(call.headers.get("cookie", "")[:8192])
    except CookieError:
        return ""
    found = cookies.get(_COOKIE)
    return found.value if found is not None and len(found.value) <= _LONGEST_COOKIE else ""
