"""Super-resolving one's own photos from Python."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np
import torch
from mmagic.registry import MODELS
from mmagic.structures import DataSample
from mmengine.config import ConfigDict
from mmengine.dataset import Compose
from mmengine.infer import BaseInferencer
from mmengine.registry import init_default_scope
from PIL import Image

from ..datasets.transforms.decoding import decode_rgb
from ..errors import UserError
from .checkpoint import load_generator, load_tensors
from .config import load_config
from .stored_config import stored_generator_config

ImageInput = Union[str, os.PathLike, np.ndarray, Image.Image]

# From arrays on, the same as `inference_pipeline` in configs/_base_/inference.py.
PIPELINE = (
    dict(type='StackReferences', key='ref', size=None),
    dict(
        type='Resize',
        keys=['ref'],
        output_keys=['ref_down'],
        scale=1 / 4,
        keep_ratio=True,
        interpolation='bicubic',
        backend='pillow',
    ),
    dict(type='PackInputs', data_keys=['ref_down']),
)


def read_rgb(image: ImageInput) -> np.ndarray:
    """Return an image as 8-bit RGB.

    Args:
        image (str | os.PathLike | np.ndarray | PIL.Image.Image): A file, or pixels; arrays are
            (H, W, 3), RGB, uint8.

    Returns:
        np.ndarray: Shape (H, W, 3), uint8.

    Raises:
        UserError: If the file is missing or damaged, or the array is of another kind.
    """
    if isinstance(image, (str, os.PathLike)):
        path = Path(image)
        if not path.is_file():
            raise UserError(f'image not found: {path}')
        return decode_rgb(path.read_bytes(), str(path))
    if isinstance(image, Image.Image):
        return np.array(image.convert('RGB'))
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise UserError(
            f'an image array must be uint8 RGB of shape (H, W, 3), not {image.dtype} of '
            f'{tuple(image.shape)}'
        )
    return image


class MASAInferencer(BaseInferencer):
    """Super-resolve photos with the texture of sharp ones.

    Args:
        checkpoint (str | os.PathLike): A checkpoint of ours, or one of the authors'.
        config (str, optional): Config file of the model. Without it the network's config is read
            from the checkpoint, or else the paper's network is taken.
        device (str, optional): Such as 'cpu' or 'cuda:0'; the best there is by default.

    Raises:
        UserError: If the checkpoint or the config cannot be used.

    Example:
        >>> infer = MASAInferencer('masa_rec.pth')
        >>> sr = infer('blurry.jpg', ['sharp.jpg'])  # (4·H, 4·W, 3) uint8, RGB
    """

    preprocess_kwargs = {'ref'}

    def __init__(
        self, checkpoint: str | os.PathLike, config: str | None = None, device: str | None = None
    ) -> None:
        init_default_scope('mmagic')
        super().__init__(
            model=self._model_config(checkpoint, config),
            weights=str(checkpoint),
            device=device,
            scope='mmagic',
            show_progress=False,
        )

    def __call__(
        self,
        lq: ImageInput | Sequence[ImageInput],
        ref: ImageInput | Sequence[ImageInput] | Sequence[Sequence[ImageInput]],
    ) -> np.ndarray | list[np.ndarray]:
        """Super-resolve one image, or several.

        Args:
            lq (ImageInput | Sequence[ImageInput]): The LR image, or a list of them.
            ref (ImageInput | Sequence): For one LR image its reference or references; for a list
                a list of the same length, whose items are the references of each.

        Returns:
            np.ndarray | list[np.ndarray]: Images of shape (4·H, 4·W, 3), uint8, RGB; a list if
            ``lq`` is one.

        Raises:
            UserError: If a file cannot be read, or the lists have different lengths.
        """
        if not isinstance(lq, (list, tuple)):
            return self([lq], [ref])[0]
        if len(lq) != len(ref):
            raise UserError(f'{len(lq)} LR images but {len(ref)} references; give one for each')
        return [self._super_resolve(*pair) for pair in zip(lq, ref)]

    def _super_resolve(self, lq: ImageInput, ref: ImageInput | Sequence[ImageInput]) -> np.ndarray:
        references = ref if isinstance(ref, (list, tuple)) else [ref]
        if not references:
            raise UserError('no reference given')
        item = dict(img=read_rgb(lq), ref=[read_rgb(image) for image in references])
        item.update(img_channel_order='rgb')
        [prediction] = self.forward(self.collate_fn([self.pipeline(item)]))
        return self.postprocess([prediction], [])['predictions'][0]

    @staticmethod
    def _model_config(checkpoint: str | os.PathLike, config: str | None) -> ConfigDict:
        if config is not None:
            model = load_config(config).model
        else:
            generator = stored_generator_config(load_tensors(checkpoint))
            model = dict(
                type='MASA',
                generator=generator or dict(type='MASANet'),
                pixel_loss=dict(type='L1Loss'),
                data_preprocessor=dict(type='DataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3),
            )
        model = dict(model, discriminator=None, gan_loss=None, perceptual_loss=None, test_cfg=None)
        return ConfigDict(model=model)

    def _init_model(self, cfg: ConfigDict, weights: str, device: str) -> torch.nn.Module:
        model = MODELS.build(cfg.model)
        load_generator(model, weights)
        return model.to(device).eval()

    def _init_pipeline(self, cfg: ConfigDict) -> Compose:
        return Compose(list(PIPELINE))

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
            dict: ``predictions``: arrays (4·H, 4·W, 3), uint8, RGB.
        """
        if return_datasample:
            return dict(predictions=preds)
        images = (sample.output.pred_img.flip(0).permute(1, 2, 0).byte() for sample in preds)
        return dict(predictions=[image.contiguous().numpy() for image in images])
