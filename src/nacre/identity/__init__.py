"""Identity: who calls, what they may use, and where everything is.

It speaks the Identity API v3 below `/identity` and promises:

- A token is signed and small. Checking one reads nothing from the database as long as nothing changes: the
  signature, the roles and the revocations are all in memory (`authority.py`).
- What takes a right away takes it away at once: revoking a token, changing a password, removing a role, or
  disabling a user, project or domain. Roles are not in the token; they are looked up afresh after every change.
  Other nodes hear of a change by its wake-up, and forget what they know every ten seconds in case one is lost.
- Passwords are kept as argon2id hashes, computed outside any transaction and by few threads of their own.
  A wrong name costs the same time as a wrong password, and every refused login reads alike. What a site asks of
  passwords is decided in `domain/passwords.py`; wrong ones are counted on every node (`api/logins.py`).
- Credentials kept for other services, and the keys that sign tokens, are sealed with a key that is not in the
  database (`sealing.py`) and can be replaced while the cloud runs (`resealing.py`).
- A domain's users and groups may come from a directory (`directories.py`). They are mirrored as rows, so that nothing
  else knows of it but the login, which the directory proves; who leaves it loses access, and a directory that does
  not answer takes nothing from anybody.
- Who acts for somebody else (by a trust, an application credential, or keys for EC2) has no more than was given, and
  nothing once any of it is taken from whoever gave it: what narrows a token is part of its standing (`standing.py`).
- What proves somebody but once (a passcode, a counted use of a trust) is claimed by one conditional write.
- Whoever an OpenID provider proves is a user like anybody else; the groups it gives end by themselves (`sign_on.py`).
- Domains and projects are one tree (`store/tables.py`): a domain is a project that stands on its own.

domain/     tokens, roles that imply roles, the catalogue as callers see it
store/      one module per noun; `access.py` reads all that a token's rights depend on
api/        one module per noun of the URL; `tokens.py` is the door where tokens are made
drivers/    directories, and what else proves users elsewhere
loops/      what is kept as it is elsewhere, and what ends by itself
seed.py     the rows a cloud cannot be without
"""
