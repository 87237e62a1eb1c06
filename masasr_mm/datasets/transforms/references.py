"""References as the network takes them: aligned, changed, stacked, padded."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import mmcv
import numpy as np
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from PIL import Image
from torchvision.transforms import functional

from masasr_mm.alignment import Places, align_all
from masasr_mm.errors import UserError

from .packing import DIVISOR, arrange, column, pack, round_up


def as_list(value: object) -> list:
    """Return what is one or several as a list."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


@TRANSFORMS.register_module()
@dataclass(eq=False)
class AlignReferences(BaseTransform):
    """Align references with the LR image, see :func:`masasr_mm.alignment.align`.

    A reference becomes up to two images, one warped onto the SR frame and one at its scale and
    angle; ``StackReferences(size=None)`` makes one reference of them all.

    Required keys: ``lq_key``, an array (h, w, 3) RGB uint8, and ``key``, an array (H, W, 3) or a
    list of them.

    Modified keys: ``key``, a list of arrays. Added keys: ``alignments``, a tuple with what was done
    with each reference (:class:`masasr_mm.alignment.Alignment`), and ``places``, which looks up
    where in them the photo lies, once they are stacked (:class:`masasr_mm.alignment.Places`).

    Args:
        key (str): The reference or references. Defaults to 'ref'.
        lq_key (str): The LR image. Defaults to 'img'.
        scale (int): The scale of the super-resolution. Defaults to 4.

    Examples:
        >>> results = dict(img=lq, ref=[photo_of_12_megapixels])
        >>> results = AlignReferences()(results)
        >>> results['alignments'][0].in_words()
        'aligned: reference ×0.40, turned 90°, 86 matches'
    """

    key: str = 'ref'
    lq_key: str = 'img'
    scale: int = 4

    def transform(self, results: dict) -> dict:
        """Align the references, each by itself."""
        references = as_list(results[self.key])
        alignments, parts = align_all(results[self.lq_key], references, self.scale)
        places = Places(alignments, arrange([part.shape[:2] for part in parts]), self.scale)
        results.update({'alignments': alignments, 'places': places, self.key: parts})
        return results


@TRANSFORMS.register_module()
@dataclass(eq=False)
class ChangeReference(BaseTransform):
    """Change the luminance, colour or sharpness of a reference, as in Fig. 6.

    It comes right after the reference is read, so that Ref↓ changes with it.

    Modified keys: ``key``, an array (H, W, 3) RGB uint8, or a list of them.

    Args:
        change (str): 'luminance' multiplies all pixels by ``strength``, 'color' turns their hue by
            so many degrees, 'blur' applies a Gaussian of that deviation in pixels.
        strength (float): How much.
        key (str): The reference. Defaults to 'ref'.

    Raises:
        UserError: If there is no such change.
    """

    change: str
    strength: float
    key: str = 'ref'
    NEUTRAL = dict(luminance=1.0, color=0.0, blur=0.0)
    """The strength of each change that changes nothing."""

    def __post_init__(self) -> None:
        if self.change not in self.NEUTRAL:
            raise UserError(
                f'ChangeReference: change={self.change!r} is not one of {", ".join(self.NEUTRAL)}'
            )

    def transform(self, results: dict) -> dict:
        """Change the reference, or all of them."""
        value = results[self.key]
        changed = [self._apply(image) for image in as_list(value)]
        results[self.key] = changed if isinstance(value, (list, tuple)) else changed[0]
        return results

    def _apply(self, image: np.ndarray) -> np.ndarray:
        if self.strength == self.NEUTRAL[self.change]:
            return image.copy()
        if self.change == 'blur':
            return cv2.GaussianBlur(image, (0, 0), self.strength, borderType=cv2.BORDER_REPLICATE)
        picture = Image.fromarray(image)
        if self.change == 'luminance':
            return np.array(functional.adjust_brightness(picture, self.strength))
        return np.array(functional.adjust_hue(picture, self.strength / 360))


@TRANSFORMS.register_module()
@dataclass(eq=False)
class PadToMultiple(BaseTransform):
    """Pad an image, by repeating its border pixels, to a multiple of a number.

    Required keys: ``key``, an array (H, W, C).

    Added or modified keys: ``output_key`` with its ``{output_key}_channel_order`` where the image
    has one, and ``crop_key`` where it is given: the tuple of ints (top, left, height, width) that
    tells where the image lies in the padded one.

    Args:
        key (str): The image to pad.
        divisor (int): What the padded height and width are multiples of.
        position (str): 'center' pads all sides evenly with the odd pixel at the bottom and right,
            'bottom_right' pads there alone. Defaults to 'center'.
        output_key (str, optional): Where the padded image goes. Defaults to None (``key``).
        crop_key (str, optional): Where the crop box goes. Defaults to None (nowhere).

    Raises:
        UserError: If ``position`` or ``divisor`` has no meaning.

    Examples:
        >>> pad = PadToMultiple('gt', 32, output_key='gt_padded', crop_key='crop_box')
        >>> results = pad(dict(gt=np.zeros((100, 64, 3), np.uint8)))
        >>> results['gt_padded'].shape, results['crop_box']
        ((128, 64, 3), (14, 0, 100, 64))
    """

    key: str
    divisor: int
    position: str = 'center'
    output_key: str | None = None
    crop_key: str | None = None
    POSITIONS = ('center', 'bottom_right')

    def __post_init__(self) -> None:
        if self.position not in self.POSITIONS:
            raise UserError(
                f'PadToMultiple: position={self.position!r} is not one of '
                f'{", ".join(self.POSITIONS)}'
            )
        if self.divisor < 1:
            raise UserError(f'PadToMultiple: divisor={self.divisor} is not a positive number')

    def transform(self, results: dict) -> dict:
        """Pad the image."""
        image = results[self.key]
        height, width = image.shape[:2]
        padded, (top, left) = replicate_pad(
            image,
            round_up(height, self.divisor),
            round_up(width, self.divisor),
            centered=self.position == 'center',
        )
        output_key = self.output_key or self.key
        results[output_key] = padded
        # What is made of the padded image must be known as RGB, or its red and blue are swapped.
        if f'{self.key}_channel_order' in results:
            results[f'{output_key}_channel_order'] = results[f'{self.key}_channel_order']
        if self.crop_key is not None:
            results[self.crop_key] = (top, left, height, width)
        return results


@TRANSFORMS.register_module()
@dataclass(eq=False)
class StackReferences(BaseTransform):
    """Make a single reference of several, by default from top to bottom, padded to one size.

    The padding repeats the border pixels on all sides, with the odd pixel at the bottom and
    right. CUFED5's five references become one image of 2560×512 this way. With ``size=None``
    references of several sizes are packed side by side where that takes less room, and cut if need
    be, so that nearly all pixels are theirs.

    One array that is in no list is the reference of one similarity level (``CUFED5Dataset`` with a
    ``level``). Nothing is stacked then, and so ``size`` is not its size: as in the released test
    it is padded at the bottom and right to multiples of 16.

    Required keys: ``key``, a list of arrays (H, W, C), or one array; ``{key}_path`` is named in
    errors where it exists.

    Modified keys: ``key``, one array; (n·height, width, C) for n references of one size.

    Added keys: ``num_refs`` (int), n, or 1 where they are packed.

    Args:
        key (str): The references. Defaults to 'ref'.
        size (tuple[int, int], optional): Height and width of each padded reference. None takes,
            where all references of an item have one size, that size rounded up to multiples of 16,
            and packs them otherwise. Defaults to (512, 512).

    Raises:
        UserError: When called, if a reference is larger than ``size``.
    """

    key: str = 'ref'
    size: tuple[int, int] | None = (512, 512)

    def transform(self, results: dict) -> dict:
        """Stack the references."""
        value = results[self.key]
        alone = not isinstance(value, (list, tuple))
        if alone and self.size:
            height, width = (round_up(length, DIVISOR) for length in value.shape[:2])
            results[self.key] = replicate_pad(value, height, width, centered=False)[0]
            return results
        references = as_list(value)
        sizes = [reference.shape[:2] for reference in references]
        for index, (height, width) in enumerate(sizes):
            if self.size and (height > self.size[0] or width > self.size[1]):
                raise UserError(
                    f'{self._name(results, index)}: the reference is {width} wide and {height} '
                    f'high, more than {self.size[1]} and {self.size[0]}; '
                    'make it smaller, or set size=None in StackReferences'
                )
        layout = column(sizes, self.size) if self.size else arrange(sizes)
        results[self.key] = pack(references, layout)
        results['num_refs'] = layout.in_a_column
        return results

    def _name(self, results: dict, index: int) -> str:
        """Return the path of a reference, or a name if it has none."""
        paths = results.get(f'{self.key}_path', f'{self.key} {index + 1}')
        return str(paths if isinstance(paths, str) else paths[index])


def replicate_pad(
    image: np.ndarray, height: int, width: int, centered: bool = True
) -> tuple[np.ndarray, tuple[int, int]]:
    """Return an image padded to a size by repeating its border pixels."""
    rows, columns = height - image.shape[0], width - image.shape[1]
    top, left = (rows // 2, columns // 2) if centered else (0, 0)
    padding = (left, top, columns - left, rows - top)
    return mmcv.impad(image, padding=padding, padding_mode='edge'), (top, left)
