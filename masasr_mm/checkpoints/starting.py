"""Whether a training can start from a checkpoint, or go on from it."""

from __future__ import annotations

import os

import torch
from mmagic.registry import MODELS

from ..errors import UserError
from .downloads import local_file
from .reading import load_tensors
from .recognising import read_checkpoint
from .state_dicts import PREFIX, check_weights, state_dict_of


def check_start(path: str | os.PathLike, model: dict, resume: bool) -> None:
    """See that a training can start from a checkpoint, before memory is taken for either.

    mmengine passes over weights that do not fit with no more than a line in the log.

    Args:
        path (str | os.PathLike): The checkpoint, as :func:`.downloads.local_file` takes it.
        model (dict): Config of the editor.
        resume (bool): Whether the training goes on, with all networks and optimizers; otherwise
            it takes the weights of the generator alone.

    Raises:
        UserError: If the file cannot be read, does not fit, has no training that could go on, or
            would have code run.
    """
    path = local_file(path)
    if resume:
        checkpoint = load_tensors(path)
        if 'optimizer' not in checkpoint:
            raise UserError(
                f'{path}: weights alone, no training that could be resumed; start from them with '
                f'--load-from {path}'
            )
        _refuse_code_on_resume(checkpoint, path)
    else:
        checkpoint = read_checkpoint(path)
    with torch.device('meta'):
        editor = MODELS.build(model)
    if not hasattr(editor, 'generator'):
        return  # an editor of somebody else's
    part, prefix = (editor, '') if resume else (editor.generator, PREFIX)
    check_weights(part, state_dict_of(checkpoint), path, prefix)


def _refuse_code_on_resume(checkpoint: dict, path: str | os.PathLike) -> None:
    """Raise for a config that mmengine (0.10.7) would run: ``meta['config']``, in ``resume``.

    mmengine itself writes it as ``meta['cfg']``, which nobody runs.
    """
    meta = checkpoint.get('meta')
    if not isinstance(meta, dict) or not {'epoch', 'iter'} <= set(meta):
        raise UserError(f'{path}: no training that could be resumed, its meta has no epoch or iter')
    if 'config' in meta:
        raise UserError(f"{path}: refused, resuming it would run the code in its meta['config']")
