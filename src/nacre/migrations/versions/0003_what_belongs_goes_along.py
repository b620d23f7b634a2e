"""What belongs to users, groups, projects, roles and services goes with them, by keys that the store itself holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_KEYS = {
    "identity_project_tag": {"project_id": "identity_project"},
    "identity_user": {"domain_id": "identity_project.project_id"},
    "identity_group": {"domain_id": "identity_project.project_id"},
    "identity_membership": {"user_id": "identity_user", "group_id": "identity_group"},
    "identity_implication": {
        "prior_role_id": "identity_role.role_id",
        "implied_role_id": "identity_role.role_id",
    },
    "identity_assignment": {"role_id": "identity_role"},
    "identity_endpoint": {"service_id": "identity_service"},
    "identity_application_credential": {"user_id": "identity_user", "project_id": "identity_project"},
    "identity_credential": {"user_id": "identity_user", "project_id": "identity_project"},
    "identity_registered_limit": {"service_id": "identity_service"},
    "identity_limit": {
        "node_id": "identity_project.project_id",
        "registered_limit_id": "identity_registered_limit",
    },
}
"""Table by table, which column names a row of which other; the column there has the same name unless it is said."""


_PASSCODES = "passcode-"


def upgrade() -> None:
    _refer()
    _name_whose_logins_failed()


def _refer() -> None:
    for table, keys in _KEYS.items():
        named = {column: _target(column, other) for column, other in keys.items()}
        for column, (other, key) in named.items():
            # Nothing should be left behind by what was deleted; where something is, nobody could see it.
            op.execute(sa.text(f"DELETE FROM {table} WHERE {column} NOT IN (SELECT {key} FROM {other})"))  # noqa: S608 - Names of ours.
        with op.batch_alter_table(table) as changes:
            for column, (other, key) in named.items():
                changes.create_foreign_key(
                    f"{table}_{column}_fkey", other, [column], [key], ondelete="CASCADE"
                )


def _name_whose_logins_failed() -> None:
    with op.batch_alter_table("identity_login_failure") as changes:
        changes.add_column(sa.Column("user_id", sa.Text()))
        changes.create_foreign_key(
            "identity_login_failure_user_id_fkey",
            "identity_user",
            ["user_id"],
            ["user_id"],
            ondelete="CASCADE",
        )
    op.create_index("identity_login_failure_user", "identity_login_failure", ["user_id"])
    op.execute(
        sa.text(
            "UPDATE identity_login_failure SET user_id = ("
            "SELECT user_id FROM identity_user WHERE subject IN (user_id, :passcodes || user_id))"
        ).bindparams(passcodes=_PASSCODES)
    )


def _target(column: str, other: str) -> tuple[str, str]:
    table, _, key = other.partition(".")
    return table, key or column
