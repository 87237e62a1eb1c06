"""Building parts of the network from configs."""

from __future__ import annotations

from mmagic.registry import MODELS
from torch import nn


def build_part(config: dict) -> nn.Module:
    """Build what a config describes, through mmagic's registry.

    What is registered already is taken as it is: asked for a name, the registry would first import
    all of mmagic's models, which takes longer than to super-resolve a photo.

    Args:
        config (dict): ``type``, a registered name or a class, and its arguments.

    Returns:
        nn.Module: The network or the part of it.
    """
    kind = config['type']
    known = MODELS.module_dict.get(kind, kind) if isinstance(kind, str) else kind
    return MODELS.build(dict(config, type=known))
