"""TTSR (Yang et al., CVPR 2020), made of mmagic's parts, and what SRNTT has in common with it."""

from __future__ import annotations

import logging
import os

from mmagic.models.archs import ImgNormalize
from mmagic.models.editors.ttsr import LTE, SearchTransformer, TTSRNet
from mmagic.registry import MODELS
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn
from torchvision.models.vgg import make_layers

from ...errors import UserError
from ...tensor_files import check_weights, read_tensors
from .network import PeerNetwork, built_on_cpu, enlarge

VGG_MEAN, VGG_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RELU3_1 = [64, 64, 'M', 128, 128, 'M', 256]
"""VGG19's channels, 'M' for pooling, up to relu3_1."""


class TextureExtractor(LTE):
    """mmagic's ``LTE``, VGG19 up to relu1_1, relu2_1 and relu3_1, without building all of VGG19.

    ``LTE`` (mmagic 1.2.0) makes the 143 million weights of VGG19 to keep 555 thousand of them.
    The names of the weights are the same.
    """

    def __init__(self, requires_grad: bool = True) -> None:
        BaseModule.__init__(self)
        self.img_normalize = ImgNormalize(1.0, VGG_MEAN, VGG_STD)
        layers = make_layers(RELU3_1)
        self.slice1, self.slice2, self.slice3 = layers[:2], layers[2:7], layers[7:]
        for part in (self.slice1, self.slice2, self.slice3):
            part.requires_grad_(requires_grad)

    def load_vgg19(self, path: str | os.PathLike) -> None:
        """Take the weights of torchvision's VGG19, from ``vgg19-dcbb9e9d.pth``."""
        weights, state_dict = read_tensors(path), self.state_dict()
        for key in (key for key in state_dict if key.startswith('slice')):
            name = f'features.{key.partition(".")[2]}'
            if name not in weights:
                raise UserError(f"{path}: no VGG19 of torchvision, it has no key '{name}'")
            state_dict[key] = weights[name]
        check_weights(self, state_dict, path)
        self.load_state_dict(state_dict)


class TextureMatching(PeerNetwork):
    """A network that compares 3×3 patches of VGG features, and takes the reference's for the LR's.

    Args:
        learn_features (bool): Whether the features are trained.
        vgg_weights (str, optional): torchvision's file of VGG19, which a training starts from;
            without it the features start from random weights, which a line of the log tells.
            A checkpoint holds what was trained or taken. Default: None.
        init_cfg (dict, optional): mmengine's initialisation config.
    """

    def __init__(
        self, learn_features: bool, vgg_weights: str | None = None, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.vgg_weights = vgg_weights
        self.extractor: nn.Module = built_on_cpu(lambda: TextureExtractor(learn_features))
        self.matching = SearchTransformer()

    def init_weights(self) -> None:
        """Initialise as mmengine does before training, the features by VGG19's weights."""
        super().init_weights()
        if self.vgg_weights is not None:
            self.extractor.load_vgg19(self.vgg_weights)
            return
        print_log(
            f'{type(self).__name__}: vgg_weights names no file, so VGG19 starts from random '
            'weights; a comparison needs vgg19-dcbb9e9d.pth of torchvision',
            'current',
            level=logging.WARNING,
        )

    def match(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Find for each 3×3 patch of the LR the most similar one of Ref↓, and take Ref's instead.

        LR and Ref↓ are enlarged to the sizes of SR and Ref, and compared by relu3_1. The patches
        that were found are cut from relu3_1, relu2_1 and relu1_1 of the reference, and averaged
        where they overlap: returns the cosine similarity of each patch, (N, 1, h, w), and the
        textures, (N, 256, h, w), (N, 128, 2·h, 2·w) and (N, 64, 4·h, 4·w).
        """
        query, key = (self.extractor(enlarge(image))[0] for image in (lq, ref_down))
        return self.matching(query, key, self.extractor(ref))


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
        """Super-resolve ``lq`` with the texture of ``ref``; the result is in [0, 1]."""
        attention, textures = self.match(lq, ref, ref_down)
        # The main net works in [-1, 1].
        return (self.network(2 * lq - 1, attention, textures) + 1) / 2
