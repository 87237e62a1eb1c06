"""LPIPS, a perceptual distance between images, through the library of that name."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from mmagic.evaluation.metrics.base_sample_wise_metric import BaseSampleWiseMetric
from mmagic.registry import METRICS
from mmengine.device import get_device
from torch import Tensor
from torchvision.models import get_model_weights

from ..errors import UserError

TRUNKS = dict(alex='alexnet', vgg='vgg16', squeeze='squeezenet1_1')
"""torchvision's names of the networks that LPIPS takes its features from."""


def trunk_weights_file(net: str) -> Path:
    """Return where torchvision keeps the weights of a network that LPIPS is built on.

    Args:
        net (str): 'alex', 'vgg' or 'squeeze'.

    Returns:
        Path: The file, which need not exist.
    """
    url = get_model_weights(TRUNKS[net]).IMAGENET1K_V1.url
    return Path(torch.hub.get_dir()) / 'checkpoints' / Path(url).name


@METRICS.register_module()
class LPIPS(BaseSampleWiseMetric):
    """Learned perceptual image patch similarity (Zhang et al., CVPR 2018); lower is better.

    The library ``lpips`` brings its calibrated weights; those of the network below it are
    torchvision's, which downloads them once.

    Args:
        net (str): The network below: 'alex', 'vgg' or 'squeeze'. Default: 'alex', which the
            literature reports.
        gt_key (str): Key of the HR image. Default: 'gt_img'.
        pred_key (str): Key of the SR image. Default: 'pred_img'.
        collect_device (str): Where several processes gather results. Default: 'cpu'.
        prefix (str, optional): Put before the metric's name. Default: None.

    Raises:
        UserError: If ``net`` has no meaning, or the weights are not there and cannot be
            downloaded.
    """

    metric = 'LPIPS'

    def __init__(
        self,
        net: str = 'alex',
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
        if net not in TRUNKS:
            raise UserError(f'LPIPS: net={net!r} is not one of {", ".join(TRUNKS)}')
        self.distance = self._build(net).to(self.device)

    @torch.no_grad()
    def process_image(self, gt: Tensor, pred: Tensor, mask: Any = None) -> float:
        """Return the distance between two images.

        Args:
            gt (Tensor): HR image, shape (3, H, W), BGR in [0, 255].
            pred (Tensor): SR image, shape (3, H, W), BGR in [0, 255].
            mask (Any): Not used. Default: None.

        Returns:
            float: The distance, 0 for equal images.
        """
        # The networks take RGB in [-1, 1].
        gt, pred = (image.flip(0)[None].float() / 127.5 - 1 for image in (gt, pred))
        return self.distance(gt, pred).item()

    @staticmethod
    def _build(net: str) -> torch.nn.Module:
        import lpips

        try:
            return lpips.LPIPS(net=net, verbose=False)
        except (URLError, OSError) as error:
            file = trunk_weights_file(net)
            raise UserError(
                f'LPIPS needs {file.name} of torchvision, which could not be downloaded ({error}); '
                f'put it at {file}, or test without LPIPS: --cfg-options extra_metrics=[]'
            ) from error
