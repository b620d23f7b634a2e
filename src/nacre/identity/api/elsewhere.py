"""Proving a password that is not kept here: the directory of the user's domain is asked."""

from __future__ import annotations

from nacre.identity.api.login import PasswordUser
from nacre.identity.api.named import domain_id_of
from nacre.identity.api.parts import Parts
from nacre.identity.directories import DirectoryLogin
from nacre.identity.standing import refused
from nacre.identity.store.users import Login
from nacre.kernel.http.call import Call


def login_elsewhere(call: Call[Parts], login: Login | None, who: PasswordUser) -> DirectoryLogin | None:
    """What to ask a directory, where a user's domain has one; None where the password is kept here.

    `login` is the user as far as we know one. A user of our own keeps the password that is kept here, whatever
    becomes of the domain; one whom nobody has seen yet may well be in its directory.
    """
    directories = call.parts.directories
    if not directories.domain_ids() or (login is not None and login.password_hash is not None):
        return None
    domain_id = login.user.domain_id if login else None
    if domain_id is None and who.id is None:
        with call.database.read() as db:
            domain_id = domain_id_of(db, who.domain)
    if domain_id is None or not directories.rules(domain_id):
        return None
    # The name decides, not the user who had it when we looked last.
    name = "" if who.id is not None else who.name or ""
    return DirectoryLogin(domain_id=domain_id, name=name, user_id=who.id or "", password=who.password)


async def prove_elsewhere(call: Call[Parts], login: DirectoryLogin) -> str:
    """The id of the user whose password it is. Raises LoginRefused, DirectoryDown, TooManyLogins."""
    user_id = await call.parts.directories.prove(login, call.actor, call.threads)
    if user_id is None:
        raise refused("the directory does not know the user, or the password is wrong")
    return user_id
