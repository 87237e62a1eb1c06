"""MASA, the editor model: losses, training steps, padding (Sec. 3.4 and 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from mmagic.models.editors.esrgan import ESRGAN
from mmagic.registry import MODELS
from mmagic.structures import DataSample
from mmengine.optim import OptimWrapperDict
from torch import Tensor, nn
from torch.nn import functional as F

from ..compat import without_wrappers
from ..errors import UserError
from .agreement import LowAgreementError, require_agreement
from .inference.super_resolve import InferenceOptions, super_resolve, without_hue
from .losses import build_perceptual_loss
from .matching import MatchMaps

WHITE = 255.0


@MODELS.register_module()
class MASA(ESRGAN):
    """The editor model of MASA-SR: reconstruction, perceptual and relativistic adversarial loss.

    Training uses mmagic's ESRGAN, whose adversarial loss is Eq. 16–17; ``train_cfg`` adds
    ``pixel_init``, the number of first steps with the reconstruction loss alone. Prediction takes
    an LR and a reference of any size from 8×8 up, pads them inside and crops the result.

    The data samples must hold ``ref_img`` and ``ref_down`` (RGB, [0, 255]). Those of one's own
    photos (``configs/_base_/inference.py``) also hold ``own_ref`` and ``own_ref_down``, the photo
    as its own reference, which is taken where the others show too little of it.

    Args:
        generator (dict): Config of the generator, ``MASANet``.
        pixel_loss (dict): Config of the reconstruction loss (Eq. 14).
        discriminator (dict, optional): Config of the discriminator; None for MASA-rec.
        gan_loss (dict, optional): Config of the adversarial loss (Eq. 16–17).
        perceptual_loss (dict, optional): Config of the perceptual loss (Eq. 15). It is built when
            training starts, so that testing needs no VGG weights.
        train_cfg (dict, optional): ``pixel_init`` (int, default 0), ``frozen`` (names of parts of
            the generator that stay as they are, such as ``['encoder']``; default none), and
            ESRGAN's ``disc_steps``, ``disc_repeat`` and ``disc_init_steps``.
        test_cfg (dict, optional): ``bicubic`` (bool, default False) adds the bicubically enlarged
            LR to every prediction, as ``bicubic_img``; all else is an option of
            :class:`~masasr_mm.models.inference.InferenceOptions`.
        init_cfg (dict, optional): mmengine's initialisation config.
        data_preprocessor (dict, optional): Config of mmagic's ``DataPreprocessor``; its mean must
            be 0 and its std 255.

    Raises:
        UserError: If the mean or the std of the ``data_preprocessor`` is another, or ``test_cfg``
            has an unknown option.
    """

    def __init__(
        self,
        generator: dict,
        pixel_loss: dict,
        discriminator: dict | None = None,
        gan_loss: dict | None = None,
        perceptual_loss: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
    ) -> None:
        _check_normalization(data_preprocessor)
        super().__init__(
            generator=generator,
            discriminator=discriminator,
            gan_loss=gan_loss,
            pixel_loss=pixel_loss,
            train_cfg=train_cfg,
            test_cfg=test_cfg,
            init_cfg=init_cfg,
            data_preprocessor=data_preprocessor,
        )
        self.perceptual_loss_cfg = perceptual_loss
        self.pixel_init = (train_cfg or {}).get('pixel_init', 0)
        for part in (train_cfg or {}).get('frozen', ()):
            self.generator.get_submodule(part).requires_grad_(False)
        self.with_bicubic = (test_cfg or {}).get('bicubic', False)
        self._options()
        # Saved, other than in ESRGAN, so that a resumed run does not warm up again.
        self.register_buffer('step_counter', self.step_counter, persistent=True)

    def init_weights(self) -> None:
        """Initialise as mmengine does before training, and get the perceptual loss ready."""
        super().init_weights()
        self._prepare_perceptual_loss()

    def state_dict(self, *args, **kwargs) -> dict[str, Tensor]:
        """Return the weights under the same names in one process and in many."""
        return without_wrappers(self, super().state_dict(*args, **kwargs))

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args, **kwargs) -> None:
        """Take the weights; those alone have no count of steps, which stays as it is."""
        state_dict.setdefault(f'{prefix}step_counter', self.step_counter)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _apply(self, change: Callable, *args, **kwargs) -> MASA:
        """Move or convert what :meth:`to` and the like do, the perceptual loss among it."""
        super()._apply(change, *args, **kwargs)
        if self.perceptual_loss is not None:
            self.perceptual_loss._apply(change, *args, **kwargs)
        return self

    def train_step(self, data: dict, optim_wrapper: OptimWrapperDict) -> dict[str, Tensor]:
        """Update the generator and, after the warm-up, the discriminator once (Eq. 16–18)."""
        self._prepare_perceptual_loss()
        return super().train_step(data, optim_wrapper)

    def forward_tensor(
        self, inputs: Tensor, data_samples: DataSample | None = None, training: bool = False
    ) -> Tensor:
        """Run the generator on images of sizes that it takes, without padding.

        Takes LR images, (N, 3, h, w), RGB in [0, 1], and stacked samples with ``ref_img``
        (N, 3, 4H, 4W) and ``ref_down`` (N, 3, H, W), RGB in [0, 255]; returns SR images,
        (N, 3, 4h, 4w), about [0, 1].
        """
        ref, ref_down = self._references(data_samples)
        return self.generator(inputs, ref, ref_down)

    def forward_inference(
        self, inputs: Tensor, data_samples: DataSample | None = None, **kwargs
    ) -> DataSample:
        """Super-resolve images of any size, as they would be saved: rounded to 8 bits.

        Where a sample has ``crop_box`` (top, left, height, width) among its metainfo, the result
        is cropped to it: there the LR was made from an HR image padded by the test protocol.

        Args:
            inputs (Tensor): LR images, shape (N, 3, h, w), RGB in [0, 1].
            data_samples (DataSample): As in :meth:`forward_tensor`, but of any size.
            **kwargs: Not used.

        Returns:
            DataSample: ``pred_img``, shape (N, 3, 4h, 4w) or as the crop box says, BGR, whole
            numbers in [0, 255], on the CPU; also ``bicubic_img`` if ``test_cfg`` asks for it; and
            ``matches``, a list of N :class:`MatchMaps`.
        """
        generator = getattr(self.generator, 'module', self.generator)
        result, maps = self._super_resolve(generator, inputs, data_samples)
        height, width = result.shape[2:]
        images = dict(pred_img=result)
        if self.with_bicubic:
            # With antialias, torch's bicubic kernel is Pillow's and MATLAB's.
            images['bicubic_img'] = F.interpolate(
                inputs, size=(height, width), mode='bicubic', antialias=True
            )
        top, left, height, width = self._crop_box(data_samples) or (0, 0, height, width)
        for key, image in images.items():
            destructed = self.data_preprocessor.destruct(image, data_samples)
            cropped = destructed[..., top : top + height, left : left + width]
            images[key] = cropped.round().cpu()
        return DataSample(**images, matches=maps)

    def convert_to_datasample(
        self, predictions: DataSample, data_samples: DataSample, inputs: Tensor | None
    ) -> list[DataSample]:
        """Join predictions and data samples; all images become BGR in [0, 255], as mmagic's are."""
        for key in ('ref_img', 'ref_down'):
            image = self.data_preprocessor.destruct(data_samples.get(key) / WHITE, data_samples)
            data_samples.set_tensor_data({key: image})
        return super().convert_to_datasample(predictions, data_samples, inputs)

    def g_step(self, batch_outputs: Tensor, batch_gt_data: Tensor) -> dict[str, Tensor]:
        """Return the generator's losses: all of Eq. 18, or Eq. 14 alone during the warm-up.

        Takes SR and HR images, (N, 3, H, W); returns ``loss_pix`` and, after the warm-up,
        ``loss_perceptual`` and ``loss_gan``, each multiplied by its λ.
        """
        if self.step_counter < self.pixel_init:
            return dict(loss_pix=self.pixel_loss(batch_outputs, batch_gt_data))
        return super().g_step(batch_outputs, batch_gt_data)

    def if_run_d(self) -> bool:
        """Whether this step updates the discriminator: if there is one and the warm-up is over."""
        return bool(super().if_run_d()) and bool(self.step_counter >= self.pixel_init)

    def _prepare_perceptual_loss(self) -> None:
        """Build the perceptual loss once, outside the list of sub-modules.

        VGG is frozen and public, so checkpoints shall not hold it, nor wrappers see it.
        """
        if self.perceptual_loss is None and self.perceptual_loss_cfg:
            loss = build_perceptual_loss(self.perceptual_loss_cfg)
            object.__setattr__(self, 'perceptual_loss', loss.to(self.step_counter.device))

    def _super_resolve(
        self, generator: nn.Module, lq: Tensor, data_samples: DataSample
    ) -> tuple[Tensor, list[MatchMaps | None]]:
        """Super-resolve images; one's own photos as ``MASAInferencer`` does."""
        references = self._references(data_samples)
        if data_samples.get('own_ref') is None:
            return super_resolve(generator, lq, *references, self._options())
        if len(lq) > 1:
            raise UserError("one's own photos are super-resolved one by one: batch_size=1")
        [alignments], [neutral] = (data_samples.metainfo[key] for key in ('alignments', 'neutral'))
        [places] = data_samples.metainfo.get('places', [None])
        examine = require_agreement(_as_uint8(lq), _as_uint8(references[1]))
        if any(done.shows_the_scene for done in alignments):
            examine = None
        try:
            options = self._options(examine=examine, places=places)
            result, maps = super_resolve(generator, lq, *references, options)
        except LowAgreementError:
            own = self._references(data_samples, ('own_ref', 'own_ref_down'))
            result, maps = super_resolve(generator, lq, *own, self._options())
        return without_hue(result[0])[None] if neutral else result, maps

    def _options(self, **given: Callable | None) -> InferenceOptions:
        test_cfg = dict(self.test_cfg or {})
        test_cfg.pop('bicubic', None)
        return InferenceOptions.of(test_cfg, **given)

    @staticmethod
    def _references(
        data_samples: DataSample | None, keys: tuple[str, str] = ('ref_img', 'ref_down')
    ) -> tuple[Tensor, Tensor]:
        images = [data_samples.get(key) if data_samples else None for key in keys]
        if any(image is None for image in images):
            raise UserError(
                'MASA needs a reference: the data samples must hold ref_img and ref_down (does '
                'the pipeline load ref, make ref_down and name it in PackInputs(data_keys)?)'
            )
        return images[0] / WHITE, images[1] / WHITE

    @staticmethod
    def _crop_box(data_samples: DataSample) -> tuple[int, int, int, int] | None:
        boxes = data_samples.metainfo.get('crop_box')
        if not boxes:
            return None
        if any(tuple(box) != tuple(boxes[0]) for box in boxes):
            raise UserError('images of several sizes cannot be tested in one batch: batch_size=1')
        return tuple(boxes[0])


def _as_uint8(image: Tensor) -> np.ndarray:
    """Return an image (1, 3, H, W) in [0, 1] as (H, W, 3), uint8."""
    return image[0].mul(WHITE).round().byte().permute(1, 2, 0).cpu().numpy()


def _check_normalization(preprocessor: dict | nn.Module | None) -> None:
    """See that LR images come in [0, 1], as the references are brought to it."""
    if not isinstance(preprocessor, dict) or preprocessor.get('type') != 'DataPreprocessor':
        return
    for key, needed in dict(mean=0.0, std=WHITE).items():
        given = preprocessor.get(key, 127.5)  # mmagic's default
        if any(value != needed for value in (given if isinstance(given, Iterable) else [given])):
            raise UserError(
                f'model.data_preprocessor: {key} is {given}; MASA needs mean=[0.0] * 3 and '
                'std=[255.0] * 3, by which its references are normalized, too'
            )
