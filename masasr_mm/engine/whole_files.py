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
        """Write bytes.

        Args:
            obj (bytes): The content.
            filepath (str | os.PathLike): The file; its folder is made if needed.

        Raises:
            UserError: If the file system refuses; an older file of that name is as it was.
        """
        with written_whole(filepath) as temporary, temporary.open('wb') as file:
            file.write(obj)
            file.flush()
            # A machine that loses power may else keep the new name and not the content.
            os.fsync(file.fileno())

    def put_text(self, obj: str, filepath: str | os.PathLike, encoding: str = 'utf-8') -> None:
        """Write text.

        Args:
            obj (str): The content.
            filepath (str | os.PathLike): The file; its folder is made if needed.
            encoding (str): Its encoding. Default: 'utf-8'.

        Raises:
            UserError: If the file system refuses; an older file of that name is as it was.
        """
        self.put(obj.encode(encoding), filepath)


def remove_unfinished(folder: str | os.PathLike, suffix: str) -> list[Path]:
    """Remove what writers left behind that were killed.

    Args:
        folder (str | os.PathLike): The folder; it need not exist. Nobody may be writing there.
        suffix (str): Ending of the files, such as ``'.pth'``.

    Returns:
        list[Path]: The temporary files that were removed.
    """
    # the names that written_whole gives: a dot, eight characters, the suffix
    leftovers = sorted(Path(folder).glob(f'.????????{suffix}'))
    for path in leftovers:
        path.unlink()
    return leftovers
