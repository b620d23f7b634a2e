"""Identity: who calls, what they may use, and where everything is.

It speaks the Identity API v3 below `/identity` and promises:

- A token is signed and small. Checking one reads nothing from the database as long as nothing changes: the
  signature, the roles and the revocations are all in memory (`authority.py`).
- What takes a right away takes it away at once: revoking a token, changing a password, removing a role, or
  disabling a user, project or domain. Roles are not in the token; they are looked up afresh after every change.
  Other nodes hear of a change by its wake-up, and forget what they know every ten seconds in case one is lost.
- Passwords are kept as argon2id hashes, computed outside any transaction and by few threads of their own.
  A wrong name costs the same time as a wrong password, and every refused login reads alike.
- Credentials kept for other services are sealed with a key that is not in the database (`sealing.py`).
- Domains and projects are one tree (`store/tables.py`): a domain is a project that stands on its own.

domain/     tokens, roles that imply roles, the catalogue as callers see it
store/      one module per noun; `access.py` reads all that a token's rights depend on
api/        one module per noun of the URL; `tokens.py` is the door where tokens are made
seed.py     the rows a cloud cannot be without
"""
