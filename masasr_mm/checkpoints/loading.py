"""Loading weights into a network, all of them or none."""

from __future__ import annotations

import os

from mmengine.logging import print_log
from torch import nn

from ..models.peers.network import PeerNetwork
from .published import from_mmagic
from .recognising import load_checkpoint
from .state_dicts import PREFIX, check_weights


def load_generator(model: nn.Module, path: str | os.PathLike) -> dict:
    """Load the generator's weights into an editor model, every one of them.

    That a file was in the authors' format is told in the log.

    Args:
        model (nn.Module): The editor ``MASA``, perhaps in a distributed wrapper.
        path (str | os.PathLike): A checkpoint in our format or in the authors'.

    Returns:
        dict: The checkpoint.

    Raises:
        UserError: If the file cannot be read or its weights do not fit the network.
    """
    checkpoint = load_checkpoint(path)
    editor = getattr(model, 'module', model)
    load_weights(getattr(editor.generator, 'module', editor.generator), checkpoint, path)
    return checkpoint


def fit_checkpoint(generator: nn.Module, checkpoint: dict) -> dict:
    """Bring a checkpoint of mmagic's editor to the network that MASA is compared with.

    Args:
        generator (nn.Module): The network.
        checkpoint (dict): As :func:`~.recognising.load_checkpoint` returns it.

    Returns:
        dict: The same, but for a checkpoint of mmagic with names as the network has them, and for a
        network that puts mmagic's into another.
    """
    if not isinstance(generator, PeerNetwork) or not hasattr(generator, 'network'):
        return checkpoint
    return dict(checkpoint, state_dict=from_mmagic(checkpoint['state_dict']))


def load_weights(generator: nn.Module, checkpoint: dict, path: str | os.PathLike) -> None:
    """Load weights that have been read into a generator, every one of them.

    That they were in a published format is told in the log.

    Args:
        generator (nn.Module): The network.
        checkpoint (dict): As :func:`~.recognising.load_checkpoint` returns it.
        path (str | os.PathLike): Its name, for the log and for the error message.

    Raises:
        UserError: If they do not fit the network.
    """
    checkpoint = fit_checkpoint(generator, checkpoint)
    check_weights(generator, checkpoint['state_dict'], path, PREFIX)
    weights = checkpoint['state_dict'].items()
    generator.load_state_dict(
        {key[len(PREFIX) :]: value for key, value in weights if key.startswith(PREFIX)}
    )
    meta = checkpoint.get('meta')
    if isinstance(meta, dict) and meta.get('converted') is True:
        print_log(f"{path}: the authors' released format, converted in memory", 'current')
