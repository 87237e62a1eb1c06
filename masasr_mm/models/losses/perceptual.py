"""Building mmagic's perceptual loss where its VGG weights may be missing (Eq. 15)."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.error import URLError

import torch
from mmagic.registry import MODELS
from torch import nn
from torchvision.models import get_model_weights

from ...errors import UserError


def vgg_weights_file(vgg_type: str = 'vgg19') -> Path:
    """Return where torchvision keeps the weights of a VGG network.

    Args:
        vgg_type (str): Name of the network in torchvision. Default: 'vgg19'.

    Returns:
        Path: The file, which need not exist.
    """
    url = get_model_weights(vgg_type).IMAGENET1K_V1.url
    return Path(torch.hub.get_dir()) / 'checkpoints' / os.path.basename(url)


def build_perceptual_loss(config: dict) -> nn.Module:
    """Build the perceptual loss; torchvision downloads VGG's weights if they are not there yet.

    Args:
        config (dict): Config of mmagic's ``PerceptualLoss``.

    Returns:
        nn.Module: The loss, its VGG frozen.

    Raises:
        UserError: If the weights are not there and cannot be downloaded.
    """
    try:
        loss = MODELS.build(config)
    except (URLError, OSError) as error:
        file = vgg_weights_file(config.get('vgg_type', 'vgg19'))
        raise UserError(
            f'the perceptual loss needs {file.name} of torchvision, which could not be downloaded '
            f'({error}); put it at {file}, or turn the loss off with '
            '--cfg-options model.perceptual_loss=None'
        ) from error
    return loss.eval().requires_grad_(False)
