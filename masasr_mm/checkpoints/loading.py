"""Reading checkpoints of any origin, loading all of their weights or none, starting from them."""

from __future__ import annotations

import logging
import os
import re
import time
import zipfile
from functools import lru_cache
from pathlib import Path

import torch
from mmagic.registry import MODELS
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.logging import print_log
from torch import Tensor, nn

from ..config import load_config
from ..errors import UserError
from ..models.masa_net import build_part
from ..tensor_files import check_weights, read_tensors, weights_of
from ..weights import FAITHFUL, SHARP
from .formats import PREFIX, from_mmagic, in_our_format
from .hub import local_file, read_folder
from .stored_config import stored_config

RESUMABLE = ('meta', 'state_dict', 'message_hub', 'optimizer')
"""What a checkpoint must hold so that a training can go on from it."""
TIME_FORMAT = '%Y%m%d_%H%M%S'
"""How mmengine writes the time into a checkpoint."""


def read_checkpoint(checkpoint: str | os.PathLike) -> dict:
    """Read a checkpoint in our format; one in a published format is converted.

    These are that of MASA-SR's authors, and those of the networks that MASA is compared with.

    Args:
        checkpoint (str | os.PathLike): A name, URL, file or folder, as
            :func:`~masasr_mm.checkpoints.hub.local_file` takes it.

    Returns:
        dict: ``state_dict``, whatever else the file holds, and ``meta`` with ``converted`` for a
        published one.

    Raises:
        UserError: If it cannot be read.
    """
    path = Path(local_file(checkpoint))
    content = read_folder(path) if path.is_dir() else read_tensors(path)
    state_dict = weights_of(content)
    converted = in_our_format(state_dict, str(path))
    if converted is not None:
        return dict(state_dict=converted, meta=dict(converted=True))
    return content if 'state_dict' in content else dict(state_dict=state_dict)


def load_generator(model: nn.Module, checkpoint: str | os.PathLike) -> None:
    """Load the generator's weights into an editor model, every one of them.

    Args:
        model (nn.Module): The editor ``MASA``, perhaps in a distributed wrapper.
        checkpoint (str | os.PathLike): As for :func:`read_checkpoint`.

    Raises:
        UserError: If it cannot be read or its weights do not fit the network.
    """
    generator = getattr(model, 'module', model).generator
    generator = getattr(generator, 'module', generator)
    content = read_checkpoint(checkpoint)
    generator.load_state_dict(_weights_for(generator, content, checkpoint))


def build_generator(
    checkpoint: str | os.PathLike, config: str | os.PathLike | None = None
) -> tuple[nn.Module, dict]:
    """Build the network that a checkpoint is of, with its weights.

    Args:
        checkpoint (str | os.PathLike): As for :func:`read_checkpoint`.
        config (str | os.PathLike, optional): Config file of the model. Default: None, the config
            in the checkpoint, or else the paper's network.

    Returns:
        tuple[nn.Module, dict]: The network, on the CPU, and what it was built from.

    Raises:
        UserError: If a file cannot be read, or the weights do not fit the network.
    """
    content = read_checkpoint(checkpoint)
    generator = _generator_config(content, checkpoint, config)
    with torch.device('meta'):  # no memory for a network that does not fit
        state_dict = _weights_for(_built(generator, checkpoint), content, checkpoint)
    network = _built(generator, checkpoint)
    network.load_state_dict(state_dict)
    return network, generator


def network_scale(checkpoint: str | os.PathLike, config: str | os.PathLike | None = None) -> int:
    """Return how many times larger the network of :func:`build_generator` makes photos."""
    generator = _generator_config(read_checkpoint(checkpoint), checkpoint, config)
    with torch.device('meta'):
        return _built(generator, checkpoint).scale


def _generator_config(
    content: dict, checkpoint: str | os.PathLike, config: str | os.PathLike | None
) -> dict:
    """Return the config of a network: that of its config file, or in its checkpoint."""
    if config is None:
        return stored_config(content, checkpoint) or dict(type='MASANet')
    model = load_config(config).get('model')
    if not isinstance(model, dict) or 'generator' not in model:
        raise UserError(f'{config} has no model; give the config that the checkpoint is of')
    return model['generator']


def _built(generator: dict, checkpoint: str | os.PathLike) -> nn.Module:
    """Build a network."""
    try:
        return build_part(generator)
    except UserError:
        raise
    except Exception as error:  # whatever a wrong argument leads to
        reason = ' '.join(str(error).split())
        raise UserError(f'the model of {checkpoint} cannot be built: {reason}') from error


def interpolated_weights(sharpness: float) -> dict[str, Tensor]:
    """Return a generator's weights at a sharpness between ``photos``, 0, and ``sharp``, 1."""
    if not 0 <= sharpness <= 1:
        raise UserError(f'sharpness must be a number from 0 to 1, not {sharpness}')
    faithful, sharp = _ends_of_sharpness()
    return {name: torch.lerp(faithful[name], sharp[name], sharpness) for name in faithful}


@lru_cache(1)
def _ends_of_sharpness() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the weights of ``photos`` and ``sharp`` in float32, read once."""
    faithful, sharp = (
        {
            name.removeprefix(PREFIX): weight.float()
            for name, weight in read_checkpoint(name)['state_dict'].items()
        }
        for name in (FAITHFUL, SHARP)
    )
    return faithful, sharp


def check_start(checkpoint: str | os.PathLike, model: dict, resume: bool) -> None:
    """See that a training can start from a checkpoint, or go on from it, before memory is taken.

    mmengine passes over weights that do not fit with no more than a line in the log.
    """
    if resume:
        content = read_tensors(local_file(checkpoint))
        if 'optimizer' not in content:
            raise UserError(
                f'{checkpoint}: weights alone, no training that could be resumed; start from them '
                f'with --load-from {checkpoint}'
            )
        _refuse_code_on_resume(content, checkpoint)
    else:
        content = read_checkpoint(checkpoint)
    with torch.device('meta'):
        editor = MODELS.build(model)
    if not hasattr(editor, 'generator'):
        return  # an editor of somebody else's
    part, prefix = (editor, '') if resume else (editor.generator, PREFIX)
    check_weights(part, weights_of(content), checkpoint, prefix)


def newest_checkpoint(work_dir: str | os.PathLike) -> Path | None:
    """Return the newest checkpoint in a work directory that is whole, saying which ones are not.

    The newest is the one with the latest time written in it, whatever its iteration: a work
    directory may hold checkpoints of an older, longer run. Every byte of it is checked. The first
    process decides for all: a shared disk may show another machine an older state of a folder.
    """
    result: list = [None]
    if is_main_process():
        try:
            result[0] = _newest_whole(Path(work_dir))
        except UserError as error:
            result[0] = error
    broadcast_object_list(result)
    if isinstance(result[0], UserError):
        raise result[0]
    return result[0]


def _weights_for(
    network: nn.Module, content: dict, checkpoint: str | os.PathLike
) -> dict[str, Tensor]:
    """Return the weights of a network under its own names, after comparing all of them."""
    state_dict = weights_of(content)
    if any(name.startswith('network.') for name in network.state_dict()):
        state_dict = from_mmagic(state_dict)
    if not any(key.startswith(PREFIX) for key in state_dict):
        first = next(iter(state_dict), '')
        raise UserError(
            f"{checkpoint}: no MASA checkpoint, no key starts with '{PREFIX}' (the first is "
            f"'{first}')"
        )
    check_weights(network, state_dict, checkpoint, PREFIX)
    meta = content.get('meta')
    if isinstance(meta, dict) and meta.get('converted') is True:
        print_log(f"{checkpoint}: the authors' released format, converted in memory", 'current')
    return {
        key.removeprefix(PREFIX): value
        for key, value in state_dict.items()
        if key.startswith(PREFIX)
    }


def _refuse_code_on_resume(content: dict, checkpoint: str | os.PathLike) -> None:
    """Raise for a config that mmengine (0.10.7) would run: ``meta['config']``, in ``resume``.

    mmengine itself writes it as ``meta['cfg']``, which nobody runs.
    """
    meta = content.get('meta')
    if not isinstance(meta, dict) or not {'epoch', 'iter'} <= set(meta):
        raise UserError(
            f'{checkpoint}: no training that could be resumed, its meta has no epoch or iter'
        )
    if 'config' in meta:
        raise UserError(
            f"{checkpoint}: refused, resuming it would run the code in its meta['config']"
        )


def _newest_whole(work_dir: Path) -> Path | None:
    candidates = sorted(_training_checkpoints(work_dir), key=_written, reverse=True)
    for path in candidates:
        problem = _problem(path)
        if problem is None:
            return path
        print_log(f'passed over: {problem}', 'current', logging.WARNING)
    if candidates:
        raise UserError(
            f'{work_dir}: none of its {len(candidates)} checkpoints is whole; to start anew, '
            'remove them or choose another --work-dir'
        )
    return None


def _training_checkpoints(work_dir: Path) -> set[Path]:
    """Return all checkpoints of trainings, that which ``last_checkpoint`` names elsewhere too."""
    found = {
        path for path in work_dir.glob('*.pth') if re.fullmatch(r'(iter|epoch)_\d+\.pth', path.name)
    }
    pointer = work_dir / 'last_checkpoint'
    if pointer.is_file() and (name := pointer.read_text(encoding='utf-8').strip()):
        named = Path(name)
        if named.is_file() and not any(named.samefile(path) for path in found):
            found.add(named)
    return found


def _written(path: Path) -> tuple[str, int]:
    """Return when a checkpoint was written and at which step, from the file's name if need be."""
    try:
        meta = read_tensors(path)['meta']
        return str(meta['time']), int(meta['iter'])
    except (UserError, KeyError, TypeError, ValueError):
        step = re.search(r'\d+', path.stem)
        changed = time.localtime(path.stat().st_mtime)
        return time.strftime(TIME_FORMAT, changed), int(step[0]) if step else 0


def _problem(path: Path) -> str | None:
    """Return what is wrong with a checkpoint, or None."""
    try:
        missing = [key for key in RESUMABLE if key not in read_tensors(path)]
        if missing:
            return f'{path} has no {missing[0]}: it is not a checkpoint to go on from'
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()  # reads all and compares the sums
    except UserError as error:
        return str(error)
    except (zipfile.BadZipFile, OSError) as error:
        return f'{path} is damaged: {error}'
    return f'{path} is damaged: {damaged} in it is not what was written' if damaged else None
