"""MASA's matching in TTSR: a module of one's own that uses a part of this package."""

from __future__ import annotations

from mmagic.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor

import masasr_mm  # noqa: F401  (registers MatchExtractionModule)


@MODELS.register_module()
class MEMTransformer(BaseModule):
    """Does in mmagic's ``TTSR`` what its ``SearchTransformer`` does, coarse to fine.

    TTSR compares every LR patch with every reference patch; the Match & Extraction Module of
    MASA compares one patch of each block first, and all patches only inside pairs of blocks.

    Args:
        matching (dict, optional): Config of the matching. Default: ``MatchExtractionModule``.
        init_cfg (dict, optional): mmengine's initialisation config. Default: None.
    """

    def __init__(self, matching: dict | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.matching = MODELS.build({'type': 'MatchExtractionModule', **(matching or {})})

    def forward(
        self, img_lq: Tensor, ref_lq: Tensor, refs: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Find the reference's texture for every position of the LR image.

        Args:
            img_lq (Tensor): Feature of the enlarged LR image, shape (N, C, h, w); h and w are
                multiples of the matching's block size.
            ref_lq (Tensor): Feature of the reference without its details, shape (N, C, H, W).
            refs (list[Tensor]): Features of the reference, of H×W, 2H×2W and 4H×4W.

        Returns:
            tuple[Tensor, list[Tensor]]: The soft attention, shape (N, 1, h, w), and the texture,
            of h×w, 2h×2w and 4h×4w.
        """
        matches = self.matching(img_lq, ref_lq)
        return matches.similarity[:, None], [self.matching.extract(ref, matches) for ref in refs]
