"""Rows of custom resource classes and traits."""

from __future__ import annotations

import sqlalchemy as sa

from nacre.kernel.database import Reader, Tx
from nacre.placement.domain.names import STANDARD_CLASSES
from nacre.placement.domain.standard_traits import KNOWN_TRAITS, STANDARD_TRAITS
from nacre.placement.store.tables import CUSTOM_CLASS, CUSTOM_TRAIT, INVENTORY, PROVIDER_TRAIT

_CLASSES = sa.select(CUSTOM_CLASS.c.name).order_by(CUSTOM_CLASS.c.name)
_TRAITS = sa.select(CUSTOM_TRAIT.c.name).order_by(CUSTOM_TRAIT.c.name)
_ADD_CLASS = sa.text("INSERT INTO resource_class (name) VALUES (:name) ON CONFLICT (name) DO NOTHING")
_ADD_TRAIT = sa.text("INSERT INTO trait (name) VALUES (:name) ON CONFLICT (name) DO NOTHING")
_REMOVE_CLASS = sa.delete(CUSTOM_CLASS).where(CUSTOM_CLASS.c.name == sa.bindparam("b_name"))
_REMOVE_TRAIT = sa.delete(CUSTOM_TRAIT).where(CUSTOM_TRAIT.c.name == sa.bindparam("b_name"))
_CLASS_IN_USE = (
    sa.select(INVENTORY.c.provider_id).where(INVENTORY.c.resource_class == sa.bindparam("name")).limit(1)
)
_TRAIT_IN_USE = (
    sa.select(PROVIDER_TRAIT.c.provider_id).where(PROVIDER_TRAIT.c.trait == sa.bindparam("name")).limit(1)
)
_ASSOCIATED = sa.select(PROVIDER_TRAIT.c.trait).distinct()


def resource_classes(db: Reader) -> list[str]:
    """Every resource class, standard ones first."""
    return [*STANDARD_CLASSES, *(row[0] for row in db.rows(_CLASSES))]


def traits(db: Reader) -> list[str]:
    """Every trait, standard ones first."""
    return [*STANDARD_TRAITS, *(row[0] for row in db.rows(_TRAITS))]


def associated_traits(db: Reader) -> set[str]:
    """The traits that any provider has."""
    return {row[0] for row in db.rows(_ASSOCIATED)}


def unknown_classes(db: Reader, names: set[str]) -> list[str]:
    """Those of the names that are no resource class. Standard names cost no statement."""
    strange = names - set(STANDARD_CLASSES)
    return sorted(strange - {row[0] for row in db.rows(_CLASSES)}) if strange else []


def unknown_traits(db: Reader, names: set[str]) -> list[str]:
    """Those of the names that are no trait. Standard names cost no statement."""
    strange = names - KNOWN_TRAITS
    return sorted(strange - {row[0] for row in db.rows(_TRAITS)}) if strange else []


def add_class(tx: Tx, name: str) -> bool:
    """Make a custom class; False if it was there."""
    return tx.execute(_ADD_CLASS, name=name) > 0


def add_trait(tx: Tx, name: str) -> bool:
    """Make a custom trait; False if it was there."""
    return tx.execute(_ADD_TRAIT, name=name) > 0


def is_class_in_use(db: Reader, name: str) -> bool:
    """Whether any provider has an inventory of the class."""
    return db.row(_CLASS_IN_USE, name=name) is not None


def is_trait_in_use(db: Reader, name: str) -> bool:
    """Whether any provider has the trait."""
    return db.row(_TRAIT_IN_USE, name=name) is not None


def remove_class(tx: Tx, name: str) -> bool:
    """Remove a custom class; False if there was none."""
    return tx.execute(_REMOVE_CLASS, b_name=name) > 0


def remove_trait(tx: Tx, name: str) -> bool:
    """Remove a custom trait; False if there was none."""
    return tx.execute(_REMOVE_TRAIT, b_name=name) > 0
