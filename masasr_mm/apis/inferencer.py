"""Super-resolving one's own photos from Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from mmagic.registry import MODELS
from mmagic.structures import DataSample
from mmengine.config import ConfigDict
from mmengine.dataset import Compose, pseudo_collate
from mmengine.infer import BaseInferencer
from mmengine.registry import init_default_scope

from ..errors import UserError
from ..models.match_maps import MatchMaps
from ..models.released import PREFIX
from .checkpoint import check_weights, load_checkpoint, load_generator, load_tensors
from .config import load_config
from .images import ImageInput, read_rgb
from .prediction import Prediction
from .stored_config import stored_generator_config

DTYPES = ('float32', 'bfloat16', 'float16')


class MASAInferencer(BaseInferencer):
    """Super-resolve photos with the texture of sharp ones.

    Args:
        checkpoint (str | os.PathLike): A checkpoint of ours, or one of the authors'.
        config (str, optional): Config file of the model, which is Python code and is run: give
            only one that you trust. Without it the network's config is read from the checkpoint,
            where nothing is run, or else the paper's network is taken.
        device (str, optional): Such as 'cpu' or 'cuda:0'; the best there is by default.
        dtype (str): 'float32', or 'bfloat16' or 'float16' for the convolutions (autocast); the
            matching is decided in float32 all the same. Default: 'float32'.
        test_cfg (dict, optional): The editor's ``test_cfg``. Default: None, which is
            ``dict(tile='auto')``: tiles where the whole would not fit into the free memory.

    Raises:
        UserError: If the checkpoint, the config or the device cannot be used.

    Examples:
        >>> infer = MASAInferencer('masa_rec.pth')
        >>> sr = infer('blurry.jpg', ['sharp.jpg'])  # (4·H, 4·W, 3) uint8, RGB
        >>> sr, matches = infer('blurry.jpg', 'sharp.jpg', return_matches=True)
    """

    def __init__(
        self,
        checkpoint: str | os.PathLike,
        config: str | None = None,
        device: str | None = None,
        dtype: str = 'float32',
        test_cfg: dict | None = None,
    ) -> None:
        if dtype not in DTYPES:
            raise UserError(f'dtype must be one of {", ".join(DTYPES)}, not {dtype}')
        self.dtype = getattr(torch, dtype)
        init_default_scope('mmagic')
        test_cfg = dict(tile='auto') if test_cfg is None else test_cfg
        model = dict(self._editor_config(checkpoint, config), test_cfg=test_cfg)
        super().__init__(
            model=ConfigDict(model=model),
            weights=str(checkpoint),
            device=_check_device(device),
            scope='mmagic',
            show_progress=False,
        )

    @property
    def scale(self) -> int:
        """int: How many times larger the results are."""
        return self.model.generator.scale

    def __call__(
        self,
        lq: ImageInput | Sequence[ImageInput],
        ref: ImageInput | Sequence[ImageInput] | Sequence[Sequence[ImageInput]],
        return_matches: bool = False,
    ) -> np.ndarray | tuple[np.ndarray, MatchMaps] | list:
        """Super-resolve one image, or several one after another.

        Args:
            lq (ImageInput | Sequence[ImageInput]): The LR image, or a list of them. An image is a
                path, a Pillow image, or an array: (H, W, 3) RGB, (H, W) or (H, W, 4), uint8.
            ref (ImageInput | Sequence): For one LR image its reference or a list of references;
                for a list of LR images a list of the same length with the references of each.
                Without a reference give the LR image itself.
            return_matches (bool): Return where the texture came from, too. Default: False.

        Returns:
            np.ndarray | tuple[np.ndarray, MatchMaps] | list: The SR image, shape
            (scale·H, scale·W, 3), uint8, RGB; with ``return_matches`` a pair of it and the
            :class:`~masasr_mm.models.match_maps.MatchMaps`. A list of such if ``lq`` is one.

        Raises:
            UserError: If a file cannot be read, or the lists have different lengths.
        """
        if not isinstance(lq, (list, tuple)):
            prediction = self.predict(lq, ref)
            return (prediction.image, prediction.matches) if return_matches else prediction.image
        if not isinstance(ref, (list, tuple)) or len(lq) != len(ref):
            number = len(ref) if isinstance(ref, (list, tuple)) else 1
            raise UserError(f'{len(lq)} LR images but {number} references; give a list of as many')
        return [self(*pair, return_matches=return_matches) for pair in zip(lq, ref)]

    def predict(self, lq: ImageInput, ref: ImageInput | Sequence[ImageInput]) -> Prediction:
        """Super-resolve one image and tell all about it.

        Args:
            lq (ImageInput): The LR image.
            ref (ImageInput | Sequence[ImageInput]): Its reference or references.

        Returns:
            Prediction: The SR image, what it was made from, and where its texture came from.

        Raises:
            UserError: If a file cannot be read, or there is not enough memory.
        """
        references = ref if isinstance(ref, (list, tuple)) else [ref]
        if not references:
            raise UserError('no reference given')
        item = dict(
            img=read_rgb(lq),
            ref=[read_rgb(image) for image in references],
            img_channel_order='rgb',
        )
        batch = self.collate_fn([self.pipeline(item)])
        try:
            [sample] = self.forward(batch)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            (h, w), (height, width) = item['img'].shape[:2], item['ref'].shape[:2]
            raise UserError(
                f'not enough memory for a photo of {w}×{h} with references of {width}×{height} '
                'pixels in all; take fewer or smaller ones'
            ) from error
        return Prediction(
            image=_rgb(sample.output.pred_img),
            lq=_rgb(sample.input),
            ref=_rgb(sample.ref_img),
            ref_down=_rgb(sample.ref_down),
            num_refs=len(references),
            matches=sample.output.matches,
        )

    def forward(self, inputs: dict) -> list[DataSample]:
        """Run the model on a collated batch.

        Args:
            inputs (dict): ``inputs`` and ``data_samples``.

        Returns:
            list[DataSample]: The samples with predictions.
        """
        reduced = self.dtype is not torch.float32
        device = self.model.data_preprocessor.device.type
        with torch.autocast(device, self.dtype if reduced else None, enabled=reduced):
            return super().forward(inputs)

    def _init_model(self, cfg: ConfigDict, weights: str, device: str) -> torch.nn.Module:
        try:
            model = self._build(cfg.model, weights)
        except UserError:
            raise
        except Exception as error:  # whatever a wrong argument leads to
            reason = ' '.join(str(error).split())
            raise UserError(f'the model of {weights} cannot be built: {reason}') from error
        return model.to(device).eval()

    def _build(self, model: ConfigDict, weights: str) -> torch.nn.Module:
        """Build the editor with its weights."""
        with torch.device('meta'):  # no memory for a network that does not fit
            outline = MODELS.build(model.generator)
        check_weights(outline, load_checkpoint(weights)['state_dict'], weights, PREFIX)
        editor = MODELS.build(model)
        load_generator(editor, weights)
        return editor

    def _editor_config(self, checkpoint: str | os.PathLike, config: str | None) -> dict:
        """Return the config of an editor for inference."""
        if config is None:
            generator = stored_generator_config(load_tensors(checkpoint))
            return self._default_editor(generator or dict(type='MASANet'))
        model = load_config(config).get('model')
        if not isinstance(model, dict):
            raise UserError(f'{config} has no model; give the config that the checkpoint is of')
        # There is no HR image to convert.
        preprocessor = dict(model.get('data_preprocessor') or {}, data_keys=None)
        networks = dict(discriminator=None, gan_loss=None, perceptual_loss=None)
        return dict(model, **networks, data_preprocessor=preprocessor)

    @staticmethod
    def _default_editor(generator: dict) -> dict:
        """Return the config of an editor that does nothing but inference."""
        return dict(
            type='MASA',
            generator=generator,
            pixel_loss=dict(type='L1Loss'),
            data_preprocessor=dict(
                type='DataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3, data_keys=None
            ),
        )

    def _init_pipeline(self, cfg: ConfigDict) -> Compose:
        """Return what `inference_pipeline` in configs/_base_/inference.py does to arrays."""
        make_ref_down = dict(
            type='Resize',
            keys=['ref'],
            output_keys=['ref_down'],
            scale=1 / self.scale,
            keep_ratio=True,
            interpolation='bicubic',
            backend='pillow',
        )
        return Compose(
            [
                dict(type='StackReferences', key='ref', size=None),
                dict(type='PadToMultiple', key='ref', divisor=self.scale, position='bottom_right'),
                make_ref_down,
                dict(type='PackInputs', data_keys=['ref_down']),
            ]
        )

    def _init_collate(self, cfg: ConfigDict) -> Callable:
        return pseudo_collate

    def visualize(self, inputs: list, preds: Any, **kwargs) -> list[np.ndarray]:
        """Do nothing; the prediction is the picture.

        Args:
            inputs (list): Not used.
            preds (Any): Not used.
            **kwargs: Not used.

        Returns:
            list[np.ndarray]: Empty.
        """
        return []

    def postprocess(
        self, preds: list[DataSample], visualization: list, return_datasample: bool = False
    ) -> dict:
        """Turn predictions into arrays.

        Args:
            preds (list[DataSample]): Predictions of the model.
            visualization (list): Not used.
            return_datasample (bool): Keep the data samples instead. Default: False.

        Returns:
            dict: ``predictions``: arrays (scale·H, scale·W, 3), uint8, RGB.
        """
        if return_datasample:
            return dict(predictions=preds)
        return dict(predictions=[_rgb(sample.output.pred_img) for sample in preds])


def _is_out_of_memory(error: Exception) -> bool:
    """Whether a GPU or the machine has no more memory."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or 'out of memory' in text or "can't allocate" in text


def _check_device(device: str | None) -> str | None:
    """Return the device after seeing that it is there."""
    try:
        torch.empty(0, device=device or 'cpu')
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f'device {device} cannot be used: {reason}') from error
    return device


def _rgb(image: torch.Tensor) -> np.ndarray:
    """Return a BGR tensor (3, H, W) of whole numbers as an RGB array (H, W, 3)."""
    return image.flip(0).permute(1, 2, 0).round().byte().cpu().contiguous().numpy()
