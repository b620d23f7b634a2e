"""The configuration of domains, as a whole, by group and by option.

A secret among the options is kept sealed and is shown nowhere.

Source: Identity API v3 reference, "Domain configuration".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from nacre.identity import policy
from nacre.identity.api.changes import changed
from nacre.identity.api.guard import demand
from nacre.identity.api.parts import Parts
from nacre.identity.domain.domain_config import DEFAULTS, GROUPS, Config, check
from nacre.identity.errors import DomainConfigNotFound, NotPossible
from nacre.identity.sealing import Seal
from nacre.identity.seed import DEFAULT_DOMAIN
from nacre.identity.store.domain_config import Setting, load_settings, put_settings, remove_settings
from nacre.identity.store.projects import DOMAINS
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.http.routes import Route

Handler = Callable[..., Answer]


class GivenConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Groups of options; or, where the URL names an option, that option alone."""

    config: dict[str, Any]


CONFIG = Body(GivenConfig)


def replace(call: Call[Parts], ask: GivenConfig, domain_id: str) -> Answer:
    """Let this be all that is configured for a domain. 201 the first time, 200 later.

    Errors: DomainNotFound, NotPossible for options that there are not, Bad for values that they cannot have.
    """
    demand(call)
    settings = _settings(_checked(ask.config), call.parts.seal)
    with call.database.write(call.actor) as tx:
        DOMAINS.lock(tx, domain_id)
        before = load_settings(tx, domain_id)
        remove_settings(tx, domain_id)
        put_settings(tx, domain_id, settings)
        changed(tx, "replace", "domain_config", domain_id, before=_told(before), after=_told(settings))
    answer = {"config": _view(settings)}
    return Ok(answer) if before else Created(answer)


def update(call: Call[Parts], ask: GivenConfig, domain_id: str) -> Answer:
    """Change what is given. Errors: DomainNotFound, NotPossible, Bad."""
    demand(call)
    return Ok({"config": _view(_updated(call, domain_id, _checked(ask.config)))})


def update_group(call: Call[Parts], ask: GivenConfig, domain_id: str, group: str) -> Answer:
    """Change what is given of one group, in which something must be set already.

    Errors: DomainNotFound, DomainConfigNotFound, NotPossible, Bad.
    """
    demand(call)
    _check_names(group)
    if ask.config.keys() != {group}:
        raise NotPossible(f"Only group {group} can be changed here.")
    after = _updated(call, domain_id, _checked(ask.config), group)
    return Ok({"config": _view(after, group)})


def update_option(call: Call[Parts], ask: GivenConfig, domain_id: str, group: str, option: str) -> Answer:
    """Change one option, which must be set already; the answer holds its whole group.

    Errors: DomainNotFound, DomainConfigNotFound, NotPossible, Bad.
    """
    demand(call)
    _check_names(group, option)
    if ask.config.keys() != {option}:
        raise NotPossible(f"Only option {option} of group {group} can be changed here.")
    after = _updated(call, domain_id, _checked({group: ask.config}), group, option)
    return Ok({"config": _view(after, group)})


def _updated(
    call: Call[Parts], domain_id: str, config: Config, group: str = "", option: str = ""
) -> Sequence[Setting]:
    """All that is set once `config` is; where a group or an option is named, it must be set before."""
    fresh = _settings(config, call.parts.seal)
    with call.database.write(call.actor) as tx:
        DOMAINS.lock(tx, domain_id)
        before = load_settings(tx, domain_id)
        if group and not _some(before, group, option):
            raise DomainConfigNotFound(_name(domain_id, group, option))
        put_settings(tx, domain_id, fresh)
        by_name = {(each.group, each.option): each for each in (*before, *fresh)}
        after = [by_name[name] for name in sorted(by_name)]
        changed(tx, "update", "domain_config", domain_id, before=_told(before), after=_told(after))
    return after


def show(call: Call[Parts], domain_id: str) -> Answer:
    """What is configured for a domain. Errors: DomainNotFound, DomainConfigNotFound where nothing is."""
    return Ok({"config": _view(_set(call, domain_id))})


def show_group(call: Call[Parts], domain_id: str, group: str) -> Answer:
    """What is configured of one group. Errors: DomainNotFound, DomainConfigNotFound, NotPossible."""
    return Ok({"config": _view(_set(call, domain_id, group), group)})


def show_option(call: Call[Parts], domain_id: str, group: str, option: str) -> Answer:
    """One option. A secret one is not there. Errors: DomainNotFound, DomainConfigNotFound, NotPossible."""
    (setting,) = _set(call, domain_id, group, option)
    if setting.sealed:
        raise DomainConfigNotFound(_name(domain_id, group, option))
    return Ok({"config": {option: setting.value}})


def _set(call: Call[Parts], domain_id: str, group: str = "", option: str = "") -> Sequence[Setting]:
    demand(call)
    _check_names(group, option)
    with call.database.read() as db:
        DOMAINS.load(db, domain_id)
        found = _some(load_settings(db, domain_id), group, option)
    if not found:
        raise DomainConfigNotFound(_name(domain_id, group, option))
    return found


def delete(call: Call[Parts], domain_id: str) -> Answer:
    """Let the defaults count again; that they do already is fine. Errors: DomainNotFound."""
    return _deleted(call, domain_id)


def delete_group(call: Call[Parts], domain_id: str, group: str) -> Answer:
    """The same for one group. Errors: DomainNotFound, DomainConfigNotFound, NotPossible."""
    return _deleted(call, domain_id, group)


def delete_option(call: Call[Parts], domain_id: str, group: str, option: str) -> Answer:
    """The same for one option. Errors: DomainNotFound, DomainConfigNotFound, NotPossible."""
    return _deleted(call, domain_id, group, option)


def _deleted(call: Call[Parts], domain_id: str, group: str = "", option: str = "") -> Answer:
    demand(call)
    _check_names(group, option)
    with call.database.write(call.actor) as tx:
        DOMAINS.lock(tx, domain_id)
        before = _some(load_settings(tx, domain_id), group, option)
        if group and not before:
            raise DomainConfigNotFound(_name(domain_id, group, option))
        remove_settings(tx, domain_id, group=group, option=option)
        changed(tx, "delete", "domain_config", domain_id, before=_told(before))
    return NoContent()


# -- what counts where nothing is configured ---------------------------------------------------------------


def show_defaults(call: Call[Parts]) -> Answer:
    """Every option that is no secret, with its default."""
    demand(call)
    return Ok({"config": DEFAULTS})


def show_group_defaults(call: Call[Parts], group: str) -> Answer:
    """The same of one group. Errors: NotPossible."""
    demand(call)
    _check_names(group)
    return Ok({"config": {group: DEFAULTS[group]}})


def show_option_default(call: Call[Parts], group: str, option: str) -> Answer:
    """The default of one option. Errors: NotPossible, also for a secret."""
    demand(call)
    _check_names(group, option)
    if GROUPS[group][option].sensitive:
        raise NotPossible(f"Option {option} of group {group} has no default that can be shown.")
    return Ok({"config": {option: DEFAULTS[group][option]}})


# -- reading and showing -----------------------------------------------------------------------------------


def _checked(given: Mapping[str, Any]) -> Config:
    """`given` as groups of options, none of them empty. Raises NotPossible, Bad."""
    if not given:
        raise NotPossible("A configuration holds at least one group.")
    for group, options in given.items():
        if not isinstance(options, dict) or not options:
            raise NotPossible(f"Group {group[:60]} holds at least one option.")
        if "" in (group, *options):
            raise NotPossible("A group, or an option, has no name.")
        for option in options:
            _check_names(group, option)
    check(given)
    return given


def _check_names(group: str, option: str = "") -> None:
    """Raise NotPossible unless there are such a group and option; empty names are none."""
    if group and group not in GROUPS:
        raise NotPossible(f"Group {group[:60]} is not configured by domain; {', '.join(GROUPS)} are.")
    if option and option not in GROUPS[group]:
        raise NotPossible(f"Option {option[:60]} of group {group} is not configured by domain.")


def _settings(config: Config, seal: Seal) -> Sequence[Setting]:
    """Rows of `config`, with its secrets sealed. Sealing reads a file, so this is for before a transaction."""
    return [
        Setting(group=group, option=option, sealed=seal.seal(value))
        if GROUPS[group][option].sensitive and value is not None
        else Setting(group=group, option=option, value=value)
        for group, options in sorted(config.items())
        for option, value in sorted(options.items())
    ]


def _some(settings: Sequence[Setting], group: str, option: str) -> Sequence[Setting]:
    """Those of one group, or of one option; empty names mean any."""
    return [each for each in settings if group in ("", each.group) and option in ("", each.option)]


def _view(settings: Sequence[Setting], only: str = "") -> dict[str, dict[str, Any]]:
    """Settings as callers see them: by group, and without the secrets."""
    view: dict[str, dict[str, Any]] = {}
    for each in settings:
        if only in ("", each.group) and not GROUPS[each.group][each.option].sensitive:
            view.setdefault(each.group, {})[each.option] = each.value
    return view


def _told(settings: Sequence[Setting]) -> dict[str, Any]:
    """What the event log may know of them."""
    return {f"{each.group}.{each.option}": "(sealed)" if each.sealed else each.value for each in settings}


def _name(domain_id: str, group: str, option: str) -> str:
    return " ".join(name[:64] for name in (domain_id, group, option) if name)


def _routes(path: str, show: Handler, update: Handler, delete: Handler) -> tuple[Route, ...]:
    return (
        Route("GET", path, show, policy.GET_DOMAIN_CONFIG),
        Route("PATCH", path, update, policy.UPDATE_DOMAIN_CONFIG, CONFIG),
        Route("DELETE", path, delete, policy.DELETE_DOMAIN_CONFIG),
    )


def show_compliance(call: Call[Parts], domain_id: str) -> Answer:
    """What the site asks of new passwords, for everybody who has to think of one. Errors: NotPossible.

    It is the same for every domain, and told at the default one. Source: Identity API v3, "Domain configuration".
    """
    return Ok({"config": {_COMPLIANCE: _compliance(call, domain_id)}})


def show_compliance_option(call: Call[Parts], domain_id: str, option: str) -> Answer:
    """One line of it. Errors: NotPossible."""
    told = _compliance(call, domain_id)
    if option not in told:
        raise NotPossible(f"Option {option[:64]} of group {_COMPLIANCE} is not told.")
    return Ok({"config": {option: told[option]}})


def _compliance(call: Call[Parts], domain_id: str) -> dict[str, str | None]:
    if domain_id != DEFAULT_DOMAIN:
        raise NotPossible(f"Group {_COMPLIANCE} is told at the default domain alone.")
    rules = call.parts.password_rules
    return {
        "password_regex": rules.pattern or None,
        "password_regex_description": rules.pattern_told or None,
    }


_COMPLIANCE = "security_compliance"
_CONFIG = "/v3/domains/{domain_id}/config"
ROUTES = (
    Route("GET", f"{_CONFIG}/{_COMPLIANCE}", show_compliance, policy.GET_COMPLIANCE_CONFIG),
    Route("GET", f"{_CONFIG}/{_COMPLIANCE}/{{option}}", show_compliance_option, policy.GET_COMPLIANCE_CONFIG),
    Route("GET", "/v3/domains/config/default", show_defaults, policy.GET_DEFAULT_CONFIG),
    Route("GET", "/v3/domains/config/{group}/default", show_group_defaults, policy.GET_DEFAULT_CONFIG),
    Route(
        "GET", "/v3/domains/config/{group}/{option}/default", show_option_default, policy.GET_DEFAULT_CONFIG
    ),
    Route("PUT", _CONFIG, replace, policy.CREATE_DOMAIN_CONFIG, CONFIG),
    *_routes(_CONFIG, show, update, delete),
    *_routes(f"{_CONFIG}/{{group}}", show_group, update_group, delete_group),
    *_routes(f"{_CONFIG}/{{group}}/{{option}}", show_option, update_option, delete_option),
)
