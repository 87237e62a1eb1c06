"""Which photos there are, which references go with each, and which files will be written."""

from __future__ import annotations

import errno
import glob
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from ..errors import UserError
from ..files import check_outputs
from ..images.io import ALPHA_MODES, DEEP_FORMATS, GREY_MODES, SUFFIXES, read_header
from .postprocessing import FinalSize, reduced_size, result_size

PHOTO_SUFFIXES = (
    *('.jpg', '.jpeg', '.jpe', '.jfif', '.mpo', '.png', '.webp', '.avif', '.heic', '.heif', '.hif'),
    *('.tif', '.tiff', '.bmp', '.gif', '.jp2', '.j2k', '.ppm', '.pgm', '.pnm', '.tga'),
)
"""Endings of what is taken of folders and patterns."""

LONGEST = dict(jpg=65_500, webp=16_383)
"""Pixels of width and height that a format holds; PNG holds whatever fits into memory."""
LARGEST_TIFF = (1 << 32) - (1 << 24)
"""Bytes of pixels; they are compressed, but nobody knows how well."""

PICTURES = ('compare', 'matches')
"""What can be drawn beside a result."""
RESULT = re.compile(rf'(.+)_(x[\d.]+|\d+px)(_({"|".join(PICTURES)}))?$')
"""What results and these pictures are called."""


@dataclass(frozen=True)
class PhotoOptions:
    """What the command is asked to do with photos; its help says what each option means."""

    lq: Sequence[str]
    ref: Sequence[str] | None = None
    ref_from: str | None = None
    refs: int | None = None
    recursive: bool = False
    out: str | None = None
    suffix: str | None = None
    format: str | None = None
    reduce_first: float = 1.0
    outscale: FinalSize | None = None
    depth: int | None = None
    stretch: bool = False
    quality: int | str | None = None
    strip_metadata: bool = False
    keep_time: bool = False
    compare: bool = False
    matches: bool = False
    skip_existing: bool = False
    report: str | None = None


class Job(NamedTuple):
    """One photo: its references, the file of its result, and those of the pictures beside it."""

    lq: Path
    refs: tuple[Path, ...]  # none yet where they will be found in an album
    out: Path
    pictures: dict[str, Path] = {}
    done: bool = False  # all of it is there, and newer than what it is made from
    problem: str | None = None  # why it must fail


class Plan(NamedTuple):
    """All that is going to be done, the format of the results, and what was found and left out."""

    jobs: list[Job]
    format: str
    notes: list[str]


class Found(NamedTuple):
    """A file that a name stands for."""

    path: Path
    searched: Path | None  # the folder in which it was found; None if it was named itself
    below: Path = Path()  # its place under that folder, where folders are mirrored


def plan_jobs(options: PhotoOptions, scale: int, reads: Iterable[str | os.PathLike] = ()) -> Plan:
    """Say what is going to be done, and refuse what cannot be or must not be, before anything is.

    ``reads`` are files that are read, too: checkpoint and config.
    """
    folder, shared = _named_references(options.ref)
    album = _album(options)
    photos, notes = _photos(options, folder, shared)
    kind, outs = _results(options, photos, scale)
    if folder:
        references = _paired(photos, folder)
    elif options.ref:
        references = [(_others(shared, photo.path) or tuple(shared), None) for photo in photos]
    else:
        references = [(() if options.ref_from else (photo.path,), None) for photo in photos]
    jobs = []
    for photo, (refs, problem), out in zip(photos, references, outs):
        asked = {name: _picture(out, name) for name in PICTURES if getattr(options, name)}
        jobs.append(Job(photo.path, refs, out, asked, problem=problem))
    names = {out.name for out in outs}
    # A result that is made anew is no reference, wherever it lies.
    album = [path for path in album if path.name not in names or not _is_made(path)]
    _check_files(jobs, options, [*album, *reads])
    if options.skip_existing:
        jobs = [job._replace(done=_is_done(job, options.keep_time)) for job in jobs]
    _check_sizes([job for job in jobs if not job.done], options, kind, scale)
    return Plan(jobs, kind, notes)


def find_images(
    names: Sequence[str], recursive: bool = False, notes: list[str] | None = None
) -> list[Found]:
    """Return the files that names, with any ending, folders and patterns stand for, each once.

    ``notes`` gets a line on each folder below the named ones that cannot be read.
    """
    real = cache(os.path.realpath)
    found: dict[tuple[str, str], Found] = {}
    for name in names:
        path = Path(name)
        if path.is_file():
            files, searched, top = [path], None, path.parent
        elif path.is_dir():
            files, searched = images_in(path, recursive, notes), path
            top = Path(os.path.abspath(path)).parent if len(names) > 1 else path
            if not files:
                more = not recursive and images_in(path, recursive=True)
                hint = ', but in folders below it: add --recursive' if more else ''
                raise UserError(f'no image files in the folder {name}{hint}')
        else:
            files = _photos_among(map(Path, sorted(glob.glob(name, recursive=True))))
            fixed = takewhile(lambda part: glob.escape(part) == part, path.parts)
            searched = top = Path(*fixed)
            if not files:
                raise UserError(f'no such file, folder or pattern of image files: {name}')
        relative = cache(lambda folder, top=top: Path(os.path.relpath(folder, top)))
        for file in files:
            below = relative(file.parent) if recursive and searched else Path()
            found.setdefault((real(file.parent), file.name), Found(file, searched, below))
    return list(found.values())


def images_in(folder: Path, recursive: bool = False, notes: list[str] | None = None) -> list[Path]:
    """Return the files of a folder that end as photos do, sorted; hidden ones are left out.

    So are folders below it that cannot be read, with a line in ``notes``.
    """

    def leave_out(error: OSError) -> None:
        line = f'{error.filename}: cannot be read: {error.strerror}'
        if Path(error.filename) == folder:
            raise UserError(line) from error
        if notes is not None:
            notes.append(f'{line}; left out')

    files = []
    for base, folders, names in os.walk(folder, onerror=leave_out):
        if not os.access(base, os.X_OK):  # its names can be read, but nothing else
            folders.clear()
            leave_out(PermissionError(errno.EACCES, os.strerror(errno.EACCES), base))
            continue
        folders[:] = sorted(name for name in folders if recursive and name[0] != '.')
        files += [Path(base, name) for name in sorted(names) if name[0] != '.']
    return _photos_among(files)


def without_results(files: Iterable[Path]) -> list[Path]:
    """Leave out what has the name of a result of the command from another of these files."""
    files = list(files)
    names = {name for path in files for name in (path.stem, path.name)}
    made = (RESULT.match(path.stem) for path in files)
    return [path for path, found in zip(files, made) if not (found and found[1] in names)]


def _photos_among(files: Iterable[Path]) -> list[Path]:
    """Return the files that end as images do that photographs come in."""
    return [path for path in files if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file()]


def _named_references(names: Sequence[str] | None) -> tuple[Path | None, list[Path]]:
    """Return the folder whose files pair with photos by name, or the references of every photo."""
    folders = [name for name in names or () if Path(name).is_dir()]
    if not folders:
        refs = find_images(names or ())
        kept = set(without_results(ref.path for ref in refs))
        return None, [ref.path for ref in refs if not ref.searched or ref.path in kept]
    if len(names) > 1:
        raise UserError(
            f'--ref: {folders[0]} is a folder; give either one folder, whose files pair with the '
            'photos by name, or files, which serve every photo'
        )
    return Path(folders[0]), []


def _album(options: PhotoOptions) -> list[Path]:
    """Return the files among which references will be found."""
    if options.ref_from is None:
        if options.refs is not None:
            raise UserError('--refs says how many references to take of the folder of --ref-from')
        return []
    folder = Path(options.ref_from).expanduser()
    if not folder.is_dir():
        raise UserError(f'--ref-from {folder}: no such folder')
    files = without_results(images_in(folder, recursive=True))
    if not files:
        raise UserError(f'--ref-from {folder}: no image files in this folder, or below it')
    return files


def _photos(
    options: PhotoOptions, ref_folder: Path | None, shared: Sequence[Path]
) -> tuple[list[Found], list[str]]:
    """Return the photos without the results and references among what was found, and say so."""
    real = cache(os.path.realpath)
    references = {(real(ref.parent), ref.name) for ref in shared}

    @cache
    def are_in(folder: Path, searched: Path, inner: str) -> bool:
        """Whether the files of a folder are in one inside that which was searched."""
        place, inside = Path(real(folder)), Path(real(inner))
        return Path(real(searched)) in inside.parents and inside in (place, *place.parents)

    def is_result(photo: Found) -> bool:
        return bool(options.out) and are_in(photo.path.parent, photo.searched, options.out)

    def is_reference(photo: Found) -> bool:
        if ref_folder and are_in(photo.path.parent, photo.searched, str(ref_folder)):
            return True
        return (real(photo.path.parent), photo.path.name) in references

    notes: list[str] = []
    photos = find_images(options.lq, options.recursive, notes)
    originals = set(without_results(photo.path for photo in photos))
    for why, leave_out in (
        (f'in {options.out}, where the results go', is_result),
        ('results of earlier runs', lambda photo: photo.path not in originals),
        ('given with --ref', is_reference),
    ):
        left = [photo for photo in photos if not (photo.searched and leave_out(photo))]
        if not left:
            raise UserError(f'no photos: all {len(photos)} files found are {why}')
        if number := len(photos) - len(left):
            count = f'{number} of the files found are' if number > 1 else '1 of the files found is'
            notes.append(f'{count} {why}, and left out of the photos')
        photos = left
    return photos, notes


def _paired(photos: Sequence[Found], folder: Path) -> list[tuple[tuple[Path, ...], str | None]]:
    """Return the references of each photo by its name, or what is wrong if there are none."""
    listed = cache(_by_stem)
    pairs = []
    for photo in photos:
        inside = folder / photo.below / photo.path.stem
        refs = [*listed(inside.parent).get(inside.name, ())]
        refs += without_results(images_in(inside)) if inside.is_dir() else []
        others = _others(refs, photo.path)
        if len(photos) == 1 and not others:
            others = _others(without_results(images_in(folder)), photo.path)
            if not others:
                raise UserError(f'no image files in the folder {folder} but for the photo')
        expected = f'expected {inside}.* or images in {inside}{os.sep}'
        others = others or tuple(refs)
        problem = None if others else f'{photo.path}: no reference of that name; {expected}'
        pairs.append((others, problem))
    if not any(refs for refs, _ in pairs):
        pattern = os.path.join(glob.escape(str(folder)), '*')
        raise UserError(
            f'nothing in {folder} has the name of a photo, such as {inside}.*; to use all its '
            f"images for every photo, give them as a pattern: --ref '{pattern}'"
        )
    return pairs


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    """Return the image files of a folder by their names without endings."""
    files: dict[str, list[Path]] = {}
    for path in images_in(folder) if folder.is_dir() else ():
        files.setdefault(path.stem, []).append(path)
    return files


def _others(refs: Sequence[Path], photo: Path) -> tuple[Path, ...]:
    """Return references without the photo itself."""
    return tuple(ref for ref in refs if ref.name != photo.name or not ref.samefile(photo))


def _results(options: PhotoOptions, photos: Sequence[Found], scale: int) -> tuple[str, list[Path]]:
    """Return the format of the results and the file of each."""
    if options.out == '-':
        raise UserError('--out -: results go to files alone; name a file, or this folder as ./-')
    named_alone = len(options.lq) == 1 and photos[0].searched is None
    out_file = Path(options.out) if named_alone and _names_a_file(options.out) else None
    kind = _format(options.format, out_file)
    if options.quality == 'lossless' and kind == 'jpg':
        raise UserError('--quality lossless: JPEG cannot do that; take webp, png or tiff')
    if kind in DEEP_FORMATS and options.quality not in (None, 'lossless'):
        raise UserError(
            f'--quality {options.quality}: {kind} is lossless; leave it out, or take --format jpg '
            'or webp'
        )
    if kind not in DEEP_FORMATS and options.depth == 16:
        raise UserError(f'--depth 16: {kind} holds 8 bits; take --format png or tiff')
    if out_file:
        return kind, [out_file]
    suffix = options.suffix
    if suffix is None:
        final = options.outscale or FinalSize(scale)
        if options.outscale and final.times:  # it is not enlarged any further
            final = FinalSize(min(final.times, scale / options.reduce_first))
        suffix = final.suffix()
    elif '/' in suffix or os.sep in suffix:
        raise UserError(
            f'--suffix {suffix}: a part of a name, not a path; name a folder with --out'
        )
    folder = None if named_alone and not options.out else _out_folder(options, suffix)
    outs = _result_paths(photos, folder, suffix, kind)
    real = cache(os.path.realpath)
    taken = set() if named_alone else {real(photo.path.parent) for photo in photos}
    for out in outs:
        if real(out.parent) in taken:
            raise UserError(
                f'--out {out.parent} is where the photos are, so that the next run would take the '
                'results for photos; choose another folder'
            )
    return kind, outs


def _names_a_file(out: str | None) -> bool:
    """Whether ``--out`` names a file rather than a folder."""
    return bool(out and Path(out).suffix) and not (Path(out).is_dir() or out[-1] in ('/', os.sep))


def _format(kind: str | None, out_file: Path | None) -> str:
    if out_file is None:
        return kind or 'png'
    named = SUFFIXES.get(out_file.suffix.lower())
    if named is None:
        raise UserError(
            f"{out_file}: results cannot be written as '{out_file.suffix}'; use one of "
            f'{", ".join(SUFFIXES)}, or {out_file}{os.sep} for a folder'
        )
    if kind and kind != named:
        raise UserError(f'{out_file} does not go with --format {kind}; leave one of them out')
    return named


def _out_folder(options: PhotoOptions, suffix: str) -> Path:
    if out := options.out:
        if Path(out).is_file() or (_names_a_file(out) and Path(out).suffix.lower() in SUFFIXES):
            raise UserError(
                f'--out {out} is a file, but there may be several results; name a folder'
            )
        return Path(out)
    given = Path(options.lq[0])
    folder = given.resolve()
    if len(options.lq) > 1 or not folder.is_dir():
        raise UserError('several photos: say with --out which folder the results go to')
    as_given = given.name == folder.name and given.parent.resolve() == folder.parent
    return (given if as_given else folder).parent / f'{folder.name}{suffix or "_sr"}'


def _result_paths(
    photos: Sequence[Found], folder: Path | None, suffix: str, kind: str
) -> list[Path]:
    """Return the file of each result; photos that differ in their endings alone keep them."""
    count = Counter((photo.below, photo.path.stem) for photo in photos)
    outs: dict[Path, Path] = {}
    for photo, _, below in photos:
        name = photo.stem if count[below, photo.stem] == 1 else photo.name
        parent = photo.parent if folder is None else folder / below
        out = parent / f'{name}{suffix}.{kind}'
        if out in outs:
            raise UserError(
                f'{outs[out]} and {photo} would both be written to {out}; rename one of them, or '
                'keep folders apart with --recursive'
            )
        outs[out] = photo
    return list(outs)


def _picture(out: Path, name: str) -> Path:
    """Return the file of a picture beside a result."""
    return out.with_name(f'{out.stem}_{name}.png')


def _is_made(path: Path) -> bool:
    """Whether the command made an image file, as it says."""
    try:
        return read_header(path).made
    except UserError:
        return False


def _check_files(
    jobs: Sequence[Job], options: PhotoOptions, reads: Iterable[str | os.PathLike]
) -> None:
    """See that all files can be written, and none of them over another or over what is read."""
    outputs = [job.out for job in jobs]
    if options.skip_existing:
        # Pictures of an earlier run must not be taken for results, so all have their place.
        outputs += [_picture(job.out, name) for job in jobs for name in PICTURES]
    else:
        outputs += [path for job in jobs for path in job.pictures.values()]
    if options.report:
        if Path(options.report).suffix.lower() not in ('.csv', '.json'):
            raise UserError(f'--report {options.report}: name a file that ends in .csv or .json')
        outputs.append(Path(options.report))
    inputs = [path for job in jobs for path in (job.lq, *job.refs)]
    check_outputs(outputs, dict.fromkeys([*inputs, *reads]))


def _is_done(job: Job, keep_time: bool) -> bool:
    """Whether a result and its pictures are there, and none is older than what it is made from."""
    if job.problem:
        return False
    try:
        # A result with the time of its photo tells when it was made by the time of its change.
        made = [path.stat() for path in (job.out, *job.pictures.values())]
        oldest = min(max(m.st_mtime_ns, m.st_ctime_ns if keep_time else 0) for m in made)
        return all(path.stat().st_mtime_ns <= oldest for path in (job.lq, *job.refs))
    except OSError:
        return False


def _check_sizes(jobs: Sequence[Job], options: PhotoOptions, kind: str, scale: int) -> None:
    """See that photos are large enough, and results not too large for their format."""
    if kind == 'png' and options.reduce_first == 1:
        return
    for job in jobs:
        try:
            header = read_header(job.lq)
        except UserError:
            continue  # reported when its turn comes
        size = header[:2]
        if options.reduce_first != 1:
            width, height = reduced_size(*size, options.reduce_first)
            if not (width and height):
                raise UserError(
                    f'{job.lq}: {options.reduce_first:g} times smaller it is {width}×{height}, too '
                    'small; take a smaller --reduce-first'
                )
        width, height = result_size(*size, scale, options.reduce_first, options.outscale)
        if max(width, height) > LONGEST.get(kind, max(width, height)):
            raise UserError(
                f'{job.lq}: its result of {width}×{height} pixels is more than {kind} holds, '
                f'{LONGEST[kind]} a side; take --format png or tiff, or a smaller --outscale'
            )
        channels = (1 if header.mode in GREY_MODES else 3) + (header.mode in ALPHA_MODES)
        depth = options.depth or (16 if header.bits > 8 else 8)
        if kind == 'tiff' and width * height * channels * depth // 8 > LARGEST_TIFF:
            raise UserError(
                f'{job.lq}: its result of {width}×{height} pixels in {depth} bits may be more than '
                'the 4 GB of a TIFF file; take --format png, or a smaller --outscale'
            )
