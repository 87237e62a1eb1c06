"""Networks that take no reference: SRCNN, MDSR, RDN, RCAN, HAN, SRGAN, ENet and ESRGAN."""

from __future__ import annotations

import importlib

from mmagic.registry import MODELS
from torch import Tensor, nn

from ...errors import UserError
from .network import PeerNetwork, built_on_cpu


@MODELS.register_module()
class SingleImageNetwork(PeerNetwork):
    """Any ×4 network of one image, called as ``MASANet`` is; the references are ignored.

    Args:
        network (dict): Config of the network, which maps (N, 3, h, w) to (N, 3, 4·h, 4·w).
        value_range (float): What white is to the network. Default: 1.
        init_cfg (dict, optional): mmengine's initialisation config.

    Example:
        >>> network = dict(type='RDNNet', in_channels=3, out_channels=3)
        >>> net = SingleImageNetwork(network)
        >>> net(torch.rand(1, 3, 24, 24)).shape
        torch.Size([1, 3, 96, 96])
    """

    def __init__(
        self, network: dict, value_range: float = 1.0, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.network = MODELS.build(network)
        self.value_range = value_range

    @property
    def name(self) -> str:
        """str: What tables call the network."""
        return type(self.network).__name__

    def forward(
        self, lq: Tensor, ref: Tensor | None = None, ref_down: Tensor | None = None
    ) -> Tensor:
        """Super-resolve ``lq`` alone.

        Args:
            lq (Tensor): The LR image, shape (N, 3, h, w), RGB in [0, 1].
            ref (Tensor, optional): Not used. Default: None.
            ref_down (Tensor, optional): Not used. Default: None.

        Returns:
            Tensor: The SR image, shape (N, 3, 4·h, 4·w), about [0, 1], not clipped.
        """
        if self.value_range == 1:
            return self.network(lq)
        return self.network(lq * self.value_range) / self.value_range


@MODELS.register_module(name='SuperImageNetwork')
def super_image_network(model: str, **options) -> nn.Module:
    """Build a network of the library super-image, by its config class.

    Args:
        model (str): Such as 'Rcan' for ``RcanModel`` and ``RcanConfig``.
        **options: Arguments of the config class, such as ``scale=4``.

    Returns:
        nn.Module: Maps (N, 3, h, w) to (N, 3, scale·h, scale·w), both in [0, ``rgb_range``].

    Raises:
        UserError: If the library is not installed, or has no such network.
    """
    try:
        library = importlib.import_module('super_image')
    except ImportError as error:
        raise UserError(
            f"{model}: needs the package super-image ({error}): pip install 'masasr_mm[peers]'"
        ) from error
    try:
        kind, config = getattr(library, f'{model}Model'), getattr(library, f'{model}Config')
    except AttributeError as error:
        raise UserError(f'super-image has no network {model!r}, such as Rcan and Han') from error
    network = built_on_cpu(lambda: kind(config(**options)))
    for name in ('sub_mean', 'add_mean'):  # the mean of the images is no weight
        if hasattr(network, name):
            getattr(network, name).requires_grad_(False)
    return network
