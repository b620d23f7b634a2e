"""Ends uploads whose writer died, so that no image is `saving` for ever and no half content stays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from nacre.image.content.files import ImageFiles
from nacre.image.domain.uploads import Step, next_step
from nacre.image.due import LOOK_AGAIN_S, UPLOADS
from nacre.image.store import images
from nacre.kernel.database import Database
from nacre.kernel.errors import Problem
from nacre.kernel.events import Event
from nacre.kernel.loops import AGAIN, SETTLED, Outcome, Wait, current_actor


@dataclass(frozen=True)
class UploadLoop:
    """Looks after uploads by their ids. A writer that lives is known by the lock it holds."""

    database: Database
    files: ImageFiles
    name: str = UPLOADS
    at_once: int = 4

    def reconcile(self, key: str) -> Outcome:
        with self.database.read() as db:
            image = images.find_by_upload(db, key)
        temp = self.files.observe_temp(key)
        stored = bool(image and image.content and self.files.is_stored(image.content.sha256))
        match next_step(image, temp, content_stored=stored):
            case Step.SETTLE:
                return SETTLED
            case Step.WAIT:
                return Wait(recheck_s=LOOK_AGAIN_S, because="the upload is under way")
            case Step.REMOVE_TEMP:
                self.files.remove_temp(key)
            case Step.REQUEUE:
                self._requeue(key)
            case Step.ACTIVATE:
                self._activate(key)
            case forgotten:
                assert_never(forgotten)
        return AGAIN

    def all_keys(self) -> Iterable[str]:
        with self.database.read() as db:
            waited_for = images.upload_ids(db)
        return {*waited_for, *self.files.uploads()}

    def record_fault(self, key: str, problem: Problem) -> None:
        """The image stays `saving`, and the key in trouble shows the operator why."""

    def _requeue(self, upload_id: str) -> None:
        with self.database.write(current_actor(self.name)) as tx:
            image_id = images.requeue(tx, upload_id)
            if image_id:
                tx.record(Event(action="upload-lost", kind="image", subject=image_id))

    def _activate(self, upload_id: str) -> None:
        with self.database.write(current_actor(self.name)) as tx:
            image_id = images.activate(tx, upload_id)
            if image_id:
                tx.record(Event(action="activate", kind="image", subject=image_id))
