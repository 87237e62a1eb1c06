"""Which photo goes with which references, and where the result goes: files in, files out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import UserError
from ..images.io import SUFFIXES
from .finding import find_images, paired_references


class Job(NamedTuple):
    """One photo to super-resolve.

    Attributes:
        lq (Path): The LR photo.
        refs (tuple[Path, ...]): Its references; empty if none was found.
        out (Path): The file to write.
        ref_folder (Path | None): Where references of its name were looked for; None where all
            photos share theirs.
    """

    lq: Path
    refs: tuple[Path, ...]
    out: Path
    ref_folder: Path | None = None


def plan_jobs(
    lq: Sequence[str], refs: Sequence[str] | None, out: str | None, suffix: str, kind: str | None
) -> tuple[list[Job], str]:
    """Say what is to be done, before anything is.

    Args:
        lq (Sequence[str]): Files, folders and patterns.
        refs (Sequence[str], optional): Files and patterns, for every photo; or one folder, whose
            files pair by name. None makes every photo its own reference.
        out (str, optional): A file for one photo, or a folder. Default: beside a photo, or beside
            a folder with ``suffix`` at the end of its name.
        suffix (str): Goes between the name of a photo and the suffix of its result's file.
        kind (str, optional): Format of the results; by default what ``out`` says, or else PNG.

    Returns:
        tuple[list[Job], str]: The jobs, and their format.

    Raises:
        UserError: If a path does not exist, or two results would go to one file, or a result over
            a photo.
    """
    photos = find_images(lq)
    named_alone = len(lq) == 1 and Path(lq[0]).is_file()
    out_file = Path(out) if out and named_alone and _names_a_file(out) else None
    kind = _format(kind, out_file)
    if out_file:
        outs = [out_file]
    else:
        out_folder = None if named_alone and not out else _out_folder(lq, out, suffix)
        outs = _result_paths(photos, out_folder, suffix, kind)
    _check_results(photos, outs, from_folder=not named_alone)
    if refs is None:
        return [Job(photo, (photo,), path) for photo, path in zip(photos, outs)], kind
    if not _pairs_by_name(refs):
        shared = tuple(find_images(refs))
        return [Job(photo, shared, path) for photo, path in zip(photos, outs)], kind
    folder = Path(refs[0])
    jobs = [
        Job(photo, paired_references(photo, folder), path, folder)
        for photo, path in zip(photos, outs)
    ]
    return jobs, kind


def _pairs_by_name(refs: Sequence[str]) -> bool:
    folders = [name for name in refs if Path(name).is_dir()]
    if folders and len(refs) > 1:
        raise UserError(
            f'--ref: {folders[0]} is a folder; give either one folder, whose files pair with the '
            'photos by name, or files, which serve every photo'
        )
    return bool(folders)


def _names_a_file(out: str) -> bool:
    """Whether ``--out`` names a file rather than a folder."""
    return not Path(out).is_dir() and not out.endswith(('/', os.sep)) and bool(Path(out).suffix)


def _format(kind: str | None, out_file: Path | None) -> str:
    if out_file is None:
        return kind or 'png'
    told = SUFFIXES.get(out_file.suffix.lower())
    if told is None:
        raise UserError(
            f"{out_file}: results cannot be written as '{out_file.suffix}'; use one of "
            f'{", ".join(SUFFIXES)}'
        )
    if kind and kind != told:
        raise UserError(f'{out_file} does not go with --format {kind}; leave one of them out')
    return told


def _out_folder(lq: Sequence[str], out: str | None, suffix: str) -> Path:
    if out:
        if Path(out).is_file() or (_names_a_file(out) and Path(out).suffix.lower() in SUFFIXES):
            raise UserError(
                f'--out {out} is a file, but there may be several results; name a folder'
            )
        return Path(out)
    if len(lq) == 1 and Path(lq[0]).is_dir():
        folder = Path(lq[0]).resolve()
        return folder.with_name(f'{folder.name}{suffix or "_sr"}')
    raise UserError('several photos: say with --out which folder the results go to')


def _result_paths(photos: list[Path], folder: Path | None, suffix: str, kind: str) -> list[Path]:
    """Return the file of each result; photos that differ in their suffix alone keep it."""
    count = Counter(photo.stem for photo in photos)
    names = [photo.stem if count[photo.stem] == 1 else photo.name for photo in photos]
    return [
        (folder or photo.parent) / f'{name}{suffix}.{kind}' for photo, name in zip(photos, names)
    ]


def _check_results(photos: list[Path], outs: list[Path], from_folder: bool) -> None:
    """See that every result has a file of its own, and that none is taken for a photo later."""
    taken: dict[Path, Path] = {}
    inputs = {photo.resolve() for photo in photos}
    folders = {photo.parent for photo in inputs}
    for photo, out in zip(photos, outs):
        target = out.resolve()
        if target in inputs:
            raise UserError(
                f'{out} is a photo; the result would take its place: choose --suffix or --out'
            )
        if target in taken:
            raise UserError(
                f'{taken[target]} and {photo} would both be written to {out}; rename one of them'
            )
        if from_folder and target.parent in folders:
            raise UserError(
                f'--out {out.parent} is where the photos are, so that the next run would take the '
                'results for photos; choose another folder'
            )
        taken[target] = photo
