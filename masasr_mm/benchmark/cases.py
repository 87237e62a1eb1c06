"""What the network is run on when it is measured."""

from __future__ import annotations

from typing import NamedTuple

import torch
from mmagic.registry import MODELS
from mmagic.structures import DataSample
from torch import Tensor
from torch.nn import functional as F

from ..config import load_config
from ..errors import UserError
from ..models import MASANet
from ..models.peers import PeerNetwork
from ..models.sizes import SizeRequirements

Size = tuple[int, int]
"""Height and width in pixels."""


class Case(NamedTuple):
    """What the network is run on.

    Attributes:
        lq (Size): Size of the LR images.
        ref (Size): Size of the references.
        batch (int): How many of each. Default: 1.
    """

    lq: Size
    ref: Size
    batch: int = 1


def build_network(config: str, options: dict | None = None) -> MASANet | PeerNetwork:
    """Return the generator of a config, its weights random.

    Args:
        config (str): The config file.
        options (dict, optional): Changes of the config. Default: None.

    Returns:
        MASANet | PeerNetwork: The network.

    Raises:
        UserError: If the config has none.
    """
    generator = load_config(config, options).get('model', {}).get('generator')
    net = MODELS.build(generator) if generator else None
    if not isinstance(net, (MASANet, PeerNetwork)):
        raise UserError(f'{config}: its model.generator is no MASANet, so there is nothing to run')
    return net


def check_case(net: MASANet, case: Case) -> None:
    """See whether a network takes images of these sizes.

    Args:
        net (MASANet): The network.
        case (Case): The sizes.

    Raises:
        UserError: If it does not.
    """
    sizes = SizeRequirements.of(net)
    multiples = f'{sizes.scale} from {sizes.scale * sizes.min_ref_down} up'
    for name, size, least, taken in (
        ('lq', case.lq, sizes.lq_size(case.lq), sizes.size_divisor),
        ('ref', case.ref, sizes.ref_size(case.ref), multiples),
    ):
        if tuple(size) != least:
            raise UserError(
                f'{name} of {size[0]}×{size[1]}: height and width must be multiples of {taken}, '
                f'such as {least[0]}×{least[1]} (testing pads by itself)'
            )


def random_images(net: MASANet, case: Case) -> tuple[Tensor, Tensor, Tensor]:
    """Return images for the network.

    Args:
        net (MASANet): The network.
        case (Case): The sizes.

    Returns:
        tuple[Tensor, Tensor, Tensor]: LR, Ref and Ref↓, each (N, 3, …, …) in [0, 1].
    """
    generator = torch.Generator().manual_seed(0)
    lq, ref = (
        torch.rand(case.batch, 3, *size, generator=generator) for size in (case.lq, case.ref)
    )
    ref_down = F.interpolate(ref, scale_factor=1 / net.scale, mode='bicubic', antialias=True)
    return lq, ref, ref_down.clamp(0, 1)


def random_batch(net: MASANet, case: Case) -> dict:
    """Return a training batch as a dataloader gives it.

    Args:
        net (MASANet): The network.
        case (Case): The sizes.

    Returns:
        dict: ``inputs`` and ``data_samples``, images in [0, 255].
    """
    images = random_images(net, case)
    gt = F.interpolate(images[0], scale_factor=net.scale, mode='nearest')
    pixels = [(image * 255).round().byte() for image in (*images, gt)]
    metainfo = dict(img_channel_order='rgb', gt_channel_order='rgb')
    samples = [
        DataSample(ref_img=ref, ref_down=ref_down, gt_img=gt, metainfo=metainfo)
        for ref, ref_down, gt in zip(*pixels[1:])
    ]
    return dict(inputs=list(pixels[0]), data_samples=samples)
