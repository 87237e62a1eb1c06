"""MASANet, the generator: how the parts are wired (Fig. 2a)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmagic.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from .encoder import LRPyramid
from .layers import JointConvolution, convolution, initialize, residual_blocks, upsample
from .matching import Matches
from .profiling import stage
from .sizes import SizeRequirements

PARTS = dict(
    encoder='MASAEncoder',
    matching='MatchExtractionModule',
    adaptation='SpatialAdaptationModule',
    aggregation='DualResidualAggregationModule',
)
"""Arguments of the network that are configs of its parts, and what they are by default."""
CHECKPOINTED = ('encoder', 'adaptation', 'aggregations', 'refinements')
"""The parts of the network that gradient checkpointing can be used in."""


def build_part(config: dict) -> nn.Module:
    """Build what a config describes, through mmagic's registry.

    What is registered already is taken as it is: asked for a name, the registry would first import
    all of mmagic's models, which takes longer than to super-resolve a photo.
    """
    kind = config['type']
    known = MODELS.module_dict.get(kind, kind) if isinstance(kind, str) else kind
    return MODELS.build(dict(config, type=known))


@MODELS.register_module()
class MASANet(BaseModule):
    """The generator of MASA-SR (Sec. 3). With no arguments it is the paper's ×4 network.

    The scale is a power of two, since every level of the encoder halves its input; ×3 would need
    levels of another kind.

    Args:
        scale (int): How many times the SR image is larger: 2, 4, 8, …. Encoder, decoder and
            fusion modules have log2(scale) + 1 levels. Default: 4.
        encoder (dict): Config of the encoder. Default: ``MASAEncoder``.
        matching (dict): Config of MEM. Default: ``MatchExtractionModule``.
        adaptation (dict): Config of SAM or of one of its siblings; one module, its weights shared
            by all scales. Default: ``SpatialAdaptationModule``.
        aggregation (dict): Config of DRAM, one module for each scale above 1×.
            Default: ``DualResidualAggregationModule``.
        channels (int): Channels of all features. Default: 64.
        fusion_blocks (tuple[int, ...], optional): Residual blocks of the fusion modules at 1×, 2×,
            4×, …. Default: None, the first of (12, 8, 4, 2, 2, …).
        with_cp (bool | Sequence[str]): Gradient checkpointing: in training, compute activations a
            second time in place of keeping them, for the same gradients in less memory. True
            stands for all of :data:`CHECKPOINTED`; ``('adaptation', 'aggregations')`` saves most
            for its time. Default: False.
        init_cfg (dict, optional): mmengine's initialisation config. Default: None.

    Attributes:
        memory_format (torch.memory_format): How features lie in memory; convolutions are fastest in
            ``torch.channels_last``.
        tells_matches (bool): True, as it returns where texture came from.

    Raises:
        ValueError: If the scale is no power of two, ``fusion_blocks`` does not fit it, or
            ``with_cp`` names what is no part.
    """

    memory_format = torch.channels_last
    tells_matches = True

    def __init__(
        self,
        scale: int = 4,
        encoder: dict | None = None,
        matching: dict | None = None,
        adaptation: dict | None = None,
        aggregation: dict | None = None,
        channels: int = 64,
        fusion_blocks: tuple[int, ...] | None = None,
        with_cp: bool | Sequence[str] = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)

        def build(part: str, config: dict | None, **shared) -> nn.Module:
            return build_part({'type': PARTS[part], **shared, **(config or {})})

        num_levels = scale.bit_length()
        if fusion_blocks is None:
            fusion_blocks = (12, 8, 4)[:num_levels] + (2,) * (num_levels - 3)
        if scale != 2 ** (num_levels - 1) or len(fusion_blocks) != num_levels or scale < 2:
            raise ValueError(
                f'scale={scale} with fusion_blocks={fusion_blocks}: the scale must be 2, 4, 8, … '
                'and have a fusion module for each of 1×, 2×, … up to it'
            )
        self.scale = scale
        self.with_cp = CHECKPOINTED if with_cp is True else tuple(with_cp or ())
        if not set(self.with_cp) <= set(CHECKPOINTED):
            raise ValueError(f'with_cp={with_cp}: the parts are {", ".join(CHECKPOINTED)}')
        self.encoder = build('encoder', encoder, channels=channels, num_levels=num_levels)
        self.matching = build('matching', matching)
        self.adaptation = build('adaptation', adaptation, channels=channels)
        self.lr_pyramid = LRPyramid(channels, num_levels)
        self.merge = nn.Sequential(JointConvolution(channels), nn.ReLU(inplace=True))
        self.aggregations = nn.ModuleList(
            build('aggregation', aggregation, channels=channels) for _ in fusion_blocks[1:]
        )
        self.refinements = nn.ModuleList(residual_blocks(channels, n) for n in fusion_blocks)
        self.to_image = convolution(channels, 3)
        for part in (self.merge, self.refinements, self.to_image):
            initialize(part)

    @property
    def size_divisor(self) -> int:
        """Height and width of ``lq`` must be multiples of this."""
        return math.lcm(self.scale, self.matching.block_size)

    @property
    def min_ref_down(self) -> int:
        """The least height and width of ``ref_down``, one patch of the matching."""
        return self.matching.patch_size

    @property
    def supports_tiles(self) -> bool:
        """Whether it can be run in tiles, which depends on the matching."""
        return getattr(self.matching, 'supports_tiles', False)

    def forward(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> Tensor:
        """Super-resolve ``lq`` with the texture of ``ref``.

        Args:
            lq (Tensor): The LR image, shape (N, 3, h, w), RGB in [0, 1]; h and w are multiples of
                ``size_divisor``.
            ref (Tensor): The reference, shape (N, 3, scale·H, scale·W), RGB in [0, 1].
            ref_down (Tensor): The reference bicubically reduced, shape (N, 3, H, W), RGB in
                [0, 1]; H and W are at least ``min_ref_down``.

        Returns:
            Tensor: The SR image, shape (N, 3, scale·h, scale·w), about [0, 1], not clipped.

        Raises:
            ValueError: If a size does not fit.
        """
        return self.super_resolve(lq, ref, ref_down)[0]

    def super_resolve(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> tuple[Tensor, Matches]:
        """Do what :meth:`forward` does; return the SR image, and the matches it was made with."""
        self.check_sizes(lq, ref, ref_down)
        lr, feature = self.encode_lr(lq)
        matches = self.match(lr, ref_down)
        del lr
        with stage('encode Ref'):
            ref_features = self.encode(ref)
        textures = self.matching.textures(ref_features, matches)
        for index in range(len(self.refinements)):
            # Held by no name, so that each of them is freed as soon as it has been used.
            feature = self.fuse(index, feature, self._extracted(index, textures))
        return self.residual_image(feature) + self.enlarge(lq), matches

    def encode(self, image: Tensor, num_levels: int | None = None) -> list[Tensor]:
        """Encode (N, 3, H, W), however it lies in memory: (N, C, H, W), (N, C, H/2, W/2), …."""
        # A copy even if torch says that it lies so: of one image of numpy's it says so, but the
        # strides are not those by which convolutions choose how their results will lie.
        image = image.clone(memory_format=self.memory_format)
        return self._run('encoder', self.encoder, image, num_levels=num_levels)

    def encode_lr(self, lq: Tensor) -> tuple[Tensor, Tensor]:
        """Return F_LR, which is matched, and the decoder's first feature, both (N, C, h, w)."""
        with stage('encode LR'):
            levels = self.encode(lq)
        with stage('LR pyramid'):
            return levels[0], self.lr_pyramid(levels)

    def match(self, lr: Tensor, ref_down: Tensor, **known: Tensor) -> Matches:
        """Match F_LR with a reduced reference, (N, 3, H, W), and what else the matching takes."""
        with stage('encode Ref↓'):
            [ref_down_feature] = self.encode(ref_down, num_levels=1)
        return self.matching(lr, ref_down_feature, **known)

    def fuse(self, index: int, feature: Tensor, texture: Tensor) -> Tensor:
        """Run one fusion module: SAM, then DRAM (at 1× a convolution), then residual blocks.

        Index 0 is 1×, 1 is 2×, 2 is 4×. Takes the decoder's feature, (N, C, h, w) at 1× and else
        half of the texture's size, and what MEM extracted at this scale, (N, C, s·h, s·w); returns
        the decoder's next feature, (N, C, s·h, s·w).
        """
        with stage(f'fuse {2**index}×'):
            texture = texture.contiguous(memory_format=self.memory_format)
            lr = upsample(feature) if index else feature
            adapted = self._run('adaptation', self.adaptation, lr, texture)
            del lr, texture
            if index:
                merged = self._run('aggregations', self.aggregations[index - 1], feature, adapted)
            else:
                merged = self.merge((adapted, feature))
            del adapted
            return self._run('refinements', self.refinements[index], merged)

    def residual_image(self, feature: Tensor) -> Tensor:
        """Return what is added to the enlarged LR image, (N, 3, scale·h, scale·w)."""
        with stage('to image'):
            return self.to_image(feature)

    def enlarge(self, lq: Tensor) -> Tensor:
        """Enlarge the LR image bicubically; the network adds what is missing to it."""
        return F.interpolate(lq, scale_factor=self.scale, mode='bicubic', align_corners=False)

    def check_sizes(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> None:
        """Raise ValueError if the network takes no images of these sizes."""
        SizeRequirements.of(self).check(lq.shape[2:], ref.shape[2:], ref_down.shape[2:])

    @staticmethod
    def _extracted(index: int, textures: Iterator[Tensor]) -> Tensor:
        with stage(f'extract {2**index}×'):
            return next(textures)

    def _run(self, name: str, part: nn.Module, *inputs: Any, **options: Any) -> Any:
        """Call a part of the network, by gradient checkpointing if that is asked for."""
        if name in self.with_cp and torch.is_grad_enabled():
            # Nothing here is random, so no state of a random generator is kept.
            return checkpoint(
                part, *inputs, use_reentrant=False, preserve_rng_state=False, **options
            )
        return part(*inputs, **options)
