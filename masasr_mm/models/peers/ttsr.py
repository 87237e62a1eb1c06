"""TTSR (Yang et al., CVPR 2020), made of mmagic's parts."""

from __future__ import annotations

from mmagic.models.editors.ttsr import TTSRNet
from mmagic.registry import MODELS
from torch import Tensor

from .texture_matching import TextureMatching


@MODELS.register_module()
class TTSRNetwork(TextureMatching):
    """All of TTSR in one network: learnable texture extractor, transformer and main net.

    Args:
        num_blocks (tuple[int, ...]): Residual blocks of the structural features and of the three
            stages. Default: (16, 16, 8, 4).
        vgg_weights (str, optional): As for :class:`TextureMatching`. Default: None.
        init_cfg (dict, optional): mmengine's initialisation config.
    """

    def __init__(
        self,
        num_blocks: tuple[int, ...] = (16, 16, 8, 4),
        vgg_weights: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(True, vgg_weights, init_cfg)
        self.network = TTSRNet(in_channels=3, out_channels=3, num_blocks=num_blocks)

    def forward(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> Tensor:
        """Super-resolve ``lq`` with the texture of ``ref``.

        Args:
            lq (Tensor): The LR image, shape (N, 3, h, w), RGB in [0, 1].
            ref (Tensor): The reference, shape (N, 3, 4·H, 4·W), RGB in [0, 1].
            ref_down (Tensor): The reference reduced, shape (N, 3, H, W), RGB in [0, 1].

        Returns:
            Tensor: The SR image, shape (N, 3, 4·h, 4·w), in [0, 1].
        """
        attention, textures = self.match(lq, ref, ref_down)
        # The main net works in [-1, 1].
        return (self.network(2 * lq - 1, attention, textures) + 1) / 2
