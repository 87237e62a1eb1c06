"""Super-resolving one's own photos from Python."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.device import get_device
from torch import Tensor, nn

from ..alignment import METHODS, Alignment, KeyPointCache, Places, align_all, require_matchers
from ..checkpoints.hub import files_of, pretrained_folder, save_pretrained
from ..checkpoints.loading import build_generator, interpolated_weights
from ..datasets.transforms.packing import Layout, arrange, pack
from ..datasets.transforms.references import PadToMultiple
from ..errors import UserError
from ..images.io import ImageInput, Photo, as_photo
from ..images.pixels import in_bits, is_neutral, resize, white
from ..models.agreement import LowAgreementError, require_agreement
from ..models.inference.super_resolve import InferenceOptions, super_resolve, without_hue
from ..models.matching import MatchMaps
from ..system import fastest_dtype
from ..weights import DEFAULT, FAITHFUL, SHARP
from .prediction import Prediction

ALIGN = (*METHODS, 'off')
ALIGNING = 'aligning the references'
DTYPES = ('auto', 'float32', 'bfloat16', 'float16')


class StackedReferences(NamedTuple):
    """References in one image as the network takes them; fields as of :class:`.Prediction`."""

    ref: np.ndarray
    ref_down: np.ndarray
    layout: Layout
    alignments: tuple[Alignment, ...]


class MASAInferencer:
    """Super-resolve photos with the texture of sharp ones.

    Args:
        checkpoint (str | os.PathLike): Weights that come with the package, by name: 'photos' for
            what cameras and messengers make, 'sharp' for crisper results of which more is invented,
            'bicubic' for the benchmarks' LR images; or a checkpoint of ours, or one of the
            authors', or its URL; or a folder that :meth:`save_pretrained` wrote. Default: 'photos'.
        config (str, optional): Config file of the model, which is Python code and is run: give
            only one that you trust. Without it the network's config is read from the checkpoint,
            where nothing is run, or else the paper's network is taken.
        device (str, optional): Such as 'cpu' or 'cuda:0'; the best there is by default.
        dtype (str): 'float32', or 'bfloat16' or 'float16' for the convolutions (autocast); the
            matching is decided in float32 all the same. 'auto' is bfloat16 on a CPU that has units
            for it, else float32. Default: 'float32'.
        test_cfg (dict, optional): ``tile``, ``ref_dtype``, ``track``, ``announce`` and
            ``ensemble``, as in the ``test_cfg`` of the editor ``MASA``. Default: None, which is
            ``dict(tile='auto')``: large photos in tiles on a CPU, and what would not fit.
        align (str): 'auto' brings references to the photo's frame before they are matched, see
            :func:`masasr_mm.alignment.align`, and leaves them out where they have no key points
            in common with the photo and show so little of it that it is better off with itself as
            its reference; 'sift' and 'learned' do so by key points of one kind alone, of which
            'learned' needs the extra ``matchers``; 'off' takes them as they are. Default: 'auto'.
        sharpness (float, optional): From 0, the faithful results of 'photos', to 1, the sharp ones
            of 'sharp', which invents more; weights between the two are interpolated. For these two
            checkpoints alone, without a config. Default: None, those of the checkpoint.
        compile (bool): Compile the network for each size of photo and reference, which takes a
            minute or more: for many photos of one size. They are run whole and matched exactly.
            Default: False.

    Attributes:
        generator (MASANet): The network, ready for inference.
        config (dict): What it was built from.
        test_cfg (dict): May be changed between photos.
        has_sharpness (bool): Whether ``sharpness`` can be set.

    Raises:
        UserError: If the checkpoint, the config or the device cannot be used.

    Examples:
        >>> infer = MASAInferencer()
        >>> sr = infer('blurry.jpg', ['sharp.jpg'])  # (4·H, 4·W, 3) uint8, RGB
        >>> sr, matches = infer('blurry.jpg', 'sharp.jpg', return_matches=True)
    """

    def __init__(
        self,
        checkpoint: str | os.PathLike = DEFAULT,
        config: str | None = None,
        device: str | None = None,
        dtype: str = 'float32',
        test_cfg: dict | None = None,
        align: str = 'auto',
        sharpness: float | None = None,
        compile: bool = False,
    ) -> None:
        if align not in ALIGN:
            raise UserError(f'align must be one of {", ".join(ALIGN)}, not {align}')
        if align == 'learned':
            require_matchers()
        self.align, self.compile = align, compile
        self._key_points = KeyPointCache()
        if dtype not in DTYPES:
            raise UserError(f'dtype must be one of {", ".join(DTYPES)}, not {dtype}')
        self.test_cfg = dict(tile='auto') if test_cfg is None else test_cfg
        self.device = check_device(device or get_device())
        self.dtype = fastest_dtype(self.device) if dtype == 'auto' else dtype
        network, self.config = self._build(checkpoint, config)
        self.generator = network.to(self.device).eval()
        self._read = [*files_of(checkpoint), *([] if config is None else [config])]
        self.has_sharpness = checkpoint in (FAITHFUL, SHARP) and config is None
        self._sharpness = None
        if sharpness is not None:
            self.sharpness = sharpness

    def _build(self, checkpoint: str | os.PathLike, config: str | None) -> tuple[nn.Module, dict]:
        """Return the network with its weights, and its config."""
        return build_generator(checkpoint, config)

    @classmethod
    def from_pretrained(cls, name: str | os.PathLike, **options: Any) -> MASAInferencer:
        """Make an inferencer of weights in Hugging Face's layout.

        Args:
            name (str | os.PathLike): Weights that come with the package, such as 'photos'; a
                folder with ``config.json`` and ``model.safetensors``; or a repository of the hub,
                ``owner/name``, which is fetched once.
            **options: As for the class.

        Returns:
            MASAInferencer: With these weights.

        Raises:
            UserError: If there are none, or they cannot be used.
        """
        return cls(pretrained_folder(name), **options)

    def save_pretrained(
        self, folder: str | os.PathLike, dtype: torch.dtype = torch.float32
    ) -> None:
        """Write the network in Hugging Face's layout.

        Args:
            folder (str | os.PathLike): The folder; it is made if needed.
            dtype (torch.dtype): In which the weights are stored; float16 takes half the place.
                Default: float32.

        Raises:
            UserError: If it cannot be written, or would be written over what it was loaded from.
        """
        save_pretrained(self.generator, self.config, folder, dtype, self._read)

    @property
    def sharpness(self) -> float | None:
        """From 0 to 1, as in the arguments; may be changed between photos."""
        return self._sharpness

    @sharpness.setter
    def sharpness(self, sharpness: float) -> None:
        if not self.has_sharpness:
            raise UserError(
                f'sharpness lies between the weights {FAITHFUL} and {SHARP}; choose one of these '
                'checkpoints, without a config'
            )
        if sharpness != self._sharpness:
            self.generator.load_state_dict(interpolated_weights(sharpness))
            self._sharpness = sharpness

    @property
    def scale(self) -> int:
        """int: How many times larger the results are."""
        return self.generator.scale

    @property
    def tells_matches(self) -> bool:
        """bool: Whether the network tells where its texture comes from, as MASA's does."""
        return self.generator.tells_matches

    def __call__(
        self,
        lq: ImageInput | Sequence[ImageInput],
        ref: ImageInput | Sequence[ImageInput] | Sequence[Sequence[ImageInput]],
        return_matches: bool = False,
    ) -> np.ndarray | tuple[np.ndarray, MatchMaps] | list:
        """Super-resolve one image, or several one after another.

        Args:
            lq (ImageInput | Sequence[ImageInput]): The LR image, or a list of them. An image is a
                path, a Pillow image, or an array: (H, W, 3) RGB, (H, W) or (H, W, 4), uint8 or
                uint16.
            ref (ImageInput | Sequence): For one LR image its reference or a list of references;
                for a list of LR images a list of the same length with the references of each.
                Without a reference give the LR image itself.
            return_matches (bool): Return where the texture came from, too. Default: False.

        Returns:
            np.ndarray | tuple[np.ndarray, MatchMaps] | list: The SR image, shape
            (scale·H, scale·W, 3), uint8, RGB; with ``return_matches`` a pair of it and the
            :class:`~masasr_mm.models.matching.MatchMaps`. A list of such if ``lq`` is one.

        Raises:
            UserError: If a file cannot be read, the lists have different lengths, or matches are
                asked of a network that does not tell them.
        """
        if not _are_several(lq):
            prediction = self.predict(lq, ref)
            image = prediction.image
            return (image, prediction.shown().matches) if return_matches else image
        if not _are_several(ref) or len(lq) != len(ref):
            number = len(ref) if _are_several(ref) else 1
            raise UserError(f'{len(lq)} LR images but {number} references; give a list of as many')
        return [self(*pair, return_matches=return_matches) for pair in zip(lq, ref)]

    def predict(
        self, lq: ImageInput, ref: ImageInput | Sequence[ImageInput], bits: int = 8
    ) -> Prediction:
        """Super-resolve one image; return all that is known of the result.

        A black-and-white image stays so, whatever the colours of its references, which are
        brought into its colour space. What is transparent takes on the colours beside it.

        Args:
            lq (ImageInput): The LR image.
            ref (ImageInput | Sequence[ImageInput]): Its reference or references.
            bits (int): 16 for a result in 16 bits as well. Default: 8.

        Returns:
            Prediction: The SR image, what it was made from, and where its texture came from.

        Raises:
            UserError: If a file cannot be read, there is not enough memory, or the network makes
                numbers that are not finite.
        """
        if bits not in (8, 16):
            raise UserError(f'bits must be 8 or 16, not {bits}')
        given = ref if _are_several(ref) else [ref]
        if not given:
            raise UserError('no reference given')
        photo = _read(lq)
        references = [
            (photo if image is lq else _read(image)).in_colors_of(photo) for image in given
        ]
        lq = photo.visible()
        run = partial(self._predict, lq, bits=bits)
        image = in_bits(lq, 8)
        if self.align == 'off' or all(np.array_equal(image, other) for other in references):
            return run(references, self.align)
        try:
            return run(references, self.align, leave_out=True)
        except LowAgreementError as unlike:
            low = unlike.agreement
        return run([image], 'off')._replace(left_out=low)

    @torch.no_grad()
    def _predict(
        self,
        lq: np.ndarray,
        references: Sequence[np.ndarray],
        align: str,
        bits: int,
        leave_out: bool = False,
    ) -> Prediction:
        """Super-resolve one image; LowAgreementError where references that show little stay out."""
        image = in_bits(lq, 8)
        track = self.test_cfg.get('track') if align != 'off' else None
        try:
            for given in track([references], ALIGNING) if track else [references]:
                stacked = stack(image, given, self.scale, align, self._key_points)
            if any(done.shows_the_scene for done in stacked.alignments):
                leave_out = False  # however little of it
            options = InferenceOptions.of(
                self.test_cfg,
                dtype=self.dtype,
                compile=self.compile,
                examine=require_agreement(image, stacked.ref_down) if leave_out else None,
                places=Places(stacked.alignments, stacked.layout, self.scale),
            )
            inputs = (self._tensor(pixels) for pixels in (lq, stacked.ref, stacked.ref_down))
            sr, [matches] = super_resolve(self.generator, *inputs, options)
            pixels = _to_pixels(sr[0], bits, is_neutral(lq))
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            megapixels = sum(ref.shape[0] * ref.shape[1] for ref in references) / 1e6
            raise UserError(
                f'not enough memory for a photo of {image.shape[1]}×{image.shape[0]} with '
                f'references of {megapixels:.1f} megapixels in all; take fewer or smaller ones'
            ) from error
        return Prediction(
            in_bits(pixels, 8),
            image,
            *stacked[:3],
            matches,
            stacked.alignments,
            tuple(references),
            image16=pixels if bits == 16 else None,
        )

    def _tensor(self, image: np.ndarray) -> Tensor:
        """Return an image as the network takes it, (1, 3, H, W) in [0, 1]."""
        values = image if image.dtype == np.uint8 else image.astype(np.float32)
        pixels = torch.from_numpy(values.transpose(2, 0, 1).copy()).to(self.device)
        return pixels[None].float() / white(image)


def stack(
    lq: np.ndarray,
    references: Sequence[np.ndarray],
    scale: int,
    align: str,
    cache: KeyPointCache | None = None,
) -> StackedReferences:
    """Do what ``configs/_base_/inference.py`` has mmagic's transforms do, without importing them.

    All images are uint8, RGB; ``align`` is one of :data:`ALIGN`.
    """
    alignments, parts = (), list(references)
    if align != 'off':
        alignments, parts = align_all(lq, parts, scale, cache, align)
    layout = arrange([part.shape[:2] for part in parts])
    packed = dict(ref=pack(parts, layout))
    ref = PadToMultiple('ref', scale, position='bottom_right')(packed)['ref']
    size = ref.shape[1] // scale, ref.shape[0] // scale
    return StackedReferences(ref, resize(ref, *size), layout, alignments)


def _are_several(images: Any) -> bool:
    return isinstance(images, (list, tuple)) and not isinstance(images, Photo)


def _read(image: ImageInput) -> Photo:
    """Return a photo; of a file, warn of what should be known of how it was read."""
    photo = as_photo(image)
    if isinstance(image, (str, os.PathLike)):
        for warning in photo.warnings:
            warnings.warn(f'{image} {warning}', stacklevel=4)
    return photo


def _to_pixels(sr: Tensor, bits: int, neutral: bool) -> np.ndarray:
    """Return the network's result (3, H, W) as uint8 or uint16 (H, W, 3); ``sr`` is used up."""
    if not torch.stack(torch.aminmax(sr)).isfinite().all():
        raise UserError(
            'the network made numbers that are not finite; with --dtype float16 or bfloat16 take '
            'float32, else its weights are damaged or of another network'
        )
    if neutral:
        sr = without_hue(sr)
    most = (1 << bits) - 1
    # In place: of large photos there is no room for a second one in float32.
    pixels = sr.mul_(most).clamp_(0, most).round_().to(torch.uint8 if bits == 8 else torch.uint16)
    return pixels.permute(1, 2, 0).cpu().contiguous().numpy()


def _is_out_of_memory(error: Exception) -> bool:
    """Whether a GPU or the machine has no more memory."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or 'out of memory' in text or "can't allocate" in text


def check_device(device: str) -> str:
    """Return a device, such as 'cpu' or 'cuda:0', or raise UserError if there is no such."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f'device {device} cannot be used: {reason}') from error
    return device
