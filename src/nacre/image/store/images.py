"""Rows of images, with their properties and tags."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from nacre.image.domain.images import Attributes, Content, Image, Status, Visibility
from nacre.image.store.tables import IMAGE, IMAGE_PROPERTY, IMAGE_TAG
from nacre.kernel.database import AnyRow, Reader, Tx
from nacre.kernel.ids import ImageId
from nacre.kernel.texts import texts

CHANGED = "image:images"
"""The topic that is woken when an image that was active may be another one, or gone."""

_Word = tuple[str, str, str | None]
"""An image, and its tag, or the name and value of its property."""

_BY_UPLOAD = sa.select(IMAGE).where(IMAGE.c.upload_id == sa.bindparam("upload_id"))
_WORDS = sa.union_all(
    sa.select(IMAGE_TAG.c.image_id, IMAGE_TAG.c.tag, sa.null().cast(sa.Text).label("value")).where(
        IMAGE_TAG.c.image_id.in_(texts("ids"))
    ),
    sa.select(IMAGE_PROPERTY.c.image_id, IMAGE_PROPERTY.c.name, IMAGE_PROPERTY.c.value).where(
        IMAGE_PROPERTY.c.image_id.in_(texts("ids"))
    ),
)
_SOME_WORDS = _WORDS.subquery()
_SOME = (
    sa.select(IMAGE, _SOME_WORDS.c.tag.label("word"), _SOME_WORDS.c.value.label("word_value"))
    .outerjoin(_SOME_WORDS, _SOME_WORDS.c.image_id == IMAGE.c.id)
    .where(IMAGE.c.id.in_(texts("ids")))
)
_UPLOADS = sa.select(IMAGE.c.upload_id).where(IMAGE.c.status == Status.SAVING)
_REFERENCE = sa.select(IMAGE.c.id).where(IMAGE.c.sha256 == sa.bindparam("sha256")).limit(1)
_REFERENCES = sa.select(IMAGE.c.sha256).where(IMAGE.c.sha256.is_not(None)).distinct()
_INSERT = sa.insert(IMAGE)
_INSERT_PROPERTY = sa.insert(IMAGE_PROPERTY)
_INSERT_TAG = sa.insert(IMAGE_TAG)
_DELETE = sa.delete(IMAGE).where(IMAGE.c.id == sa.bindparam("image_id"), sa.not_(IMAGE.c.protected))
_DELETE_PROPERTY = sa.delete(IMAGE_PROPERTY).where(
    IMAGE_PROPERTY.c.image_id == sa.bindparam("b_image_id"), IMAGE_PROPERTY.c.name == sa.bindparam("b_name")
)
_DELETE_TAG = sa.delete(IMAGE_TAG).where(
    IMAGE_TAG.c.image_id == sa.bindparam("b_image_id"), IMAGE_TAG.c.tag == sa.bindparam("b_tag")
)
_NEXT_GENERATION = IMAGE.c.generation + 1
_UPDATE = (
    sa.update(IMAGE)
    .where(IMAGE.c.id == sa.bindparam("b_id"), IMAGE.c.generation == sa.bindparam("b_generation"))
    .values(
        {
            column: sa.bindparam(f"b_{column}")
            for column in (
                "owner", "name", "visibility", "disk_format", "container_format", "min_disk_gib",
                "min_memory_mib", "protected", "hidden", "status", "updated_at",
            )
        }
    )
    .values(generation=_NEXT_GENERATION)
)  # fmt: skip
_BEGIN_UPLOAD = (
    sa.update(IMAGE)
    .where(IMAGE.c.id == sa.bindparam("b_id"), IMAGE.c.status == Status.QUEUED)
    .values(status=Status.SAVING, upload_id=sa.bindparam("b_upload_id"), generation=_NEXT_GENERATION)
)
_OF_UPLOAD = sa.and_(IMAGE.c.upload_id == sa.bindparam("b_upload_id"), IMAGE.c.status == Status.SAVING)
_NAME_CONTENT = (
    sa.update(IMAGE)
    .where(_OF_UPLOAD)
    .values({name: sa.bindparam(f"b_{name}") for name in Content.__struct_fields__})
    .values(generation=_NEXT_GENERATION)
)
_ACTIVATE = (
    sa.update(IMAGE)
    .where(_OF_UPLOAD)
    .values(
        status=Status.ACTIVE,
        upload_id="",
        updated_at=sa.bindparam("b_now"),
        generation=_NEXT_GENERATION,
    )
    .returning(IMAGE.c.id)
)
_REQUEUE = (
    sa.update(IMAGE)
    .where(_OF_UPLOAD)
    .values(dict.fromkeys(Content.__struct_fields__))
    .values(status=Status.QUEUED, upload_id="", generation=_NEXT_GENERATION)
    .returning(IMAGE.c.id)
)


def find_image(db: Reader, image_id: str) -> Image | None:
    """The image, if there is one."""
    return next(iter(find_images(db, [image_id])), None)


def find_images(db: Reader, image_ids: Collection[str]) -> list[Image]:
    """Those of the images that exist, in no order: one statement, whose rows repeat an image for each of its words."""
    if not image_ids:
        return []
    found: dict[str, AnyRow] = {}
    words: list[_Word] = []
    for row in db.rows(_SOME, ids=list(image_ids)):
        found[row.id] = row
        if row.word is not None:
            words.append((row.id, row.word, row.word_value))
    return _joined(list(found.values()), words)


def find_by_upload(db: Reader, upload_id: str) -> Image | None:
    """The image that waits for an upload to end, if any."""
    return next(iter(_whole(db, db.rows(_BY_UPLOAD, upload_id=upload_id))), None)


def list_images(db: Reader, statement: sa.Select[Any]) -> list[Image]:
    """The images that `statement` selects, in its order."""
    return _whole(db, db.rows(statement))


def upload_ids(db: Reader) -> Sequence[str]:
    """Every upload that some image waits for."""
    return [row[0] for row in db.rows(_UPLOADS)]


def is_content_referred_to(db: Reader, sha256: str) -> bool:
    """Whether any image has this content, or is about to."""
    return db.row(_REFERENCE, sha256=sha256) is not None


def contents_referred_to(db: Reader) -> set[str]:
    """Every content that some image has, or is about to."""
    return {row[0] for row in db.rows(_REFERENCES)}


def insert_image(tx: Tx, image: Image) -> None:
    """Add an image. Raises Duplicate when its id is taken."""
    tx.execute(_INSERT, **_row_of(image))
    _insert_words(tx, image.image_id, dict(image.properties), set(image.attributes.tags))


def update_image(tx: Tx, before: Image, after: Image) -> bool:
    """Write what `after` says differently than `before`; False if the image has changed since it was seen."""
    tx.wake(CHANGED)
    row = {f"b_{name}": value for name, value in _row_of(after).items()}
    row["b_generation"] = before.generation
    if not tx.execute(_UPDATE, **{name: row[name] for name in _UPDATE_PARAMETERS}):
        return False
    old, new = dict(before.properties), dict(after.properties)
    gone = [name for name, value in old.items() if new.get(name) != value]
    tx.execute_many(_DELETE_PROPERTY, [{"b_image_id": before.image_id, "b_name": name} for name in gone])
    old_tags, new_tags = set(before.attributes.tags), set(after.attributes.tags)
    tx.execute_many(
        _DELETE_TAG, [{"b_image_id": before.image_id, "b_tag": tag} for tag in old_tags - new_tags]
    )
    changed = {name: value for name, value in new.items() if old.get(name) != value}
    _insert_words(tx, before.image_id, changed, new_tags - old_tags)
    return True


def delete_image(tx: Tx, image_id: str) -> bool:
    """Remove an image with all that belongs to it; False if there is none, or it is protected."""
    tx.wake(CHANGED)
    return tx.execute(_DELETE, image_id=image_id) > 0


def claim_upload(tx: Tx, image_id: str, upload_id: str) -> bool:
    """Let a queued image wait for the upload; False if it is not queued any more."""
    return tx.execute(_BEGIN_UPLOAD, b_id=image_id, b_upload_id=upload_id) > 0


def name_content(tx: Tx, upload_id: str, content: Content) -> bool:
    """Write down what the upload has brought; False if no image waits for it any more."""
    values = {f"b_{name}": value for name, value in msgspec.structs.asdict(content).items()}
    return tx.execute(_NAME_CONTENT, b_upload_id=upload_id, **values) > 0


def activate(tx: Tx, upload_id: str) -> ImageId | None:
    """Let the image that waits for the upload be active; None if there is none."""
    return _id_of(tx.row(_ACTIVATE, b_upload_id=upload_id, b_now=tx.now))


def requeue(tx: Tx, upload_id: str) -> ImageId | None:
    """Let the image that waits for the upload be queued again; None if there is none."""
    return _id_of(tx.row(_REQUEUE, b_upload_id=upload_id))


def _id_of(row: AnyRow | None) -> ImageId | None:
    return None if row is None else ImageId(row[0])


def _insert_words(tx: Tx, image_id: str, properties: dict[str, str], tags: set[str]) -> None:
    tx.execute_many(_INSERT_TAG, [{"image_id": image_id, "tag": tag} for tag in tags])
    tx.execute_many(
        _INSERT_PROPERTY,
        [{"image_id": image_id, "name": name, "value": value} for name, value in properties.items()],
    )


_ATTRIBUTE_COLUMNS = tuple(name for name in Attributes.__struct_fields__ if name != "tags")
_UPDATE_PARAMETERS = tuple(
    f"b_{name}" for name in ("id", "generation", "status", "updated_at", *_ATTRIBUTE_COLUMNS)
)


def _row_of(image: Image) -> dict[str, Any]:
    said = {name: getattr(image.attributes, name) for name in _ATTRIBUTE_COLUMNS}
    content = (
        msgspec.structs.asdict(image.content) if image.content else dict.fromkeys(Content.__struct_fields__)
    )
    return {
        **said,
        **content,
        "id": image.image_id,
        "status": image.status,
        "upload_id": image.upload_id,
        "created_at": image.created_at,
        "updated_at": image.updated_at,
        "generation": image.generation,
    }


def _whole(db: Reader, rows: Sequence[AnyRow]) -> list[Image]:
    """Images of their rows: one more statement, however many there are."""
    if not rows:
        return []
    return _joined(rows, db.rows(_WORDS, ids=[row.id for row in rows]))


def _joined(rows: Sequence[AnyRow], words: Iterable[_Word | AnyRow]) -> list[Image]:
    tags: dict[str, list[str]] = {row.id: [] for row in rows}
    properties: dict[str, dict[str, str]] = {row.id: {} for row in rows}
    for image_id, word, value in words:
        if value is None:
            tags[image_id].append(word)
        else:
            properties[image_id][word] = value
    return [_image_of(row, sorted(tags[row.id]), properties[row.id]) for row in rows]


def _image_of(row: AnyRow, tags: Sequence[str], properties: dict[str, str]) -> Image:
    fields = row._mapping
    said = {name: fields[name] for name in _ATTRIBUTE_COLUMNS}
    said["visibility"] = Visibility(row.visibility)
    content = None
    if row.sha256 is not None:
        content = Content(**{name: fields[name] for name in Content.__struct_fields__})
    return Image(
        image_id=ImageId(row.id),
        attributes=Attributes(**said, tags=tuple(tags)),
        properties=properties,
        status=Status(row.status),
        content=content,
        upload_id=row.upload_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        generation=row.generation,
    )
