"""The store's schema over time. `upgrade` brings any older store to the newest; a test compares it with the tables."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from nacre.kernel.database import Database


def upgrade(database: Database) -> None:
    """Bring the store to the newest schema; nothing happens when it is there already."""
    command.upgrade(config_for(database), "head")


def config_for(database: Database) -> Config:
    """Alembic's view of this store. It is configured from here alone; there is no ini file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["engine"] = database.engine
    return config
