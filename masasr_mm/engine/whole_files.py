"""mmengine's local files, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from masasr_mm.files import written_whole


@register_backend('whole')
class WholeFileBackend(LocalBackend):
    """Local files that appear under their name only when all of their content is on the disk.

    Give ``backend_args=dict(backend='whole')`` to whatever writes through mmengine.
    """

    def put(self, obj: bytes, filepath: str | os.PathLike) -> None:
        """Write bytes, whole or not at all, in a folder that is made if needed."""
        with written_whole(filepath) as temporary, temporary.open('wb') as file:
            file.write(obj)
            file.flush()
            # A machine that loses power may else keep the new name and not the content.
            os.fsync(file.fileno())

    def put_text(self, obj: str, filepath: str | os.PathLike, encoding: str = 'utf-8') -> None:
        """Write text, as :meth:`put` writes bytes."""
        self.put(obj.encode(encoding), filepath)


def remove_unfinished(folder: str | os.PathLike, suffix: str) -> list[Path]:
    """Remove what killed writers left in a folder where nobody is writing, and return it."""
    # the names that written_whole gives: a dot, eight characters, the suffix
    leftovers = sorted(Path(folder).glob(f'.????????{suffix}'))
    for path in leftovers:
        path.unlink()
    return leftovers
