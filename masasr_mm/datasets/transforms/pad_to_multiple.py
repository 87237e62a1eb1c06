"""Test protocol: sizes that the network's strides divide."""

from __future__ import annotations

from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from masasr_mm.errors import UserError

from .padding import replicate_pad


@TRANSFORMS.register_module()
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

    POSITIONS = ('center', 'bottom_right')

    def __init__(
        self,
        key: str,
        divisor: int,
        position: str = 'center',
        output_key: str | None = None,
        crop_key: str | None = None,
    ) -> None:
        if position not in self.POSITIONS:
            raise UserError(
                f'PadToMultiple: position={position!r} is not one of {", ".join(self.POSITIONS)}'
            )
        if divisor < 1:
            raise UserError(f'PadToMultiple: divisor={divisor} is not a positive number')
        self.key = key
        self.divisor = divisor
        self.position = position
        self.output_key = output_key or key
        self.crop_key = crop_key

    def transform(self, results: dict) -> dict:
        """Pad the image.

        Args:
            results (dict): Results with ``key``.

        Returns:
            dict: The same results, with a new array in ``output_key``.
        """
        image = results[self.key]
        height, width = image.shape[:2]
        padded, (top, left) = replicate_pad(
            image,
            round_up(height, self.divisor),
            round_up(width, self.divisor),
            centered=self.position == 'center',
        )
        results[self.output_key] = padded
        # What is made of the padded image must be known as RGB, or its red and blue are swapped.
        if f'{self.key}_channel_order' in results:
            results[f'{self.output_key}_channel_order'] = results[f'{self.key}_channel_order']
        if self.crop_key is not None:
            results[self.crop_key] = (top, left, height, width)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(key={self.key}, divisor={self.divisor}, '
            f'position={self.position}, output_key={self.output_key}, crop_key={self.crop_key})'
        )


def round_up(length: int, divisor: int) -> int:
    """Return the lowest multiple of ``divisor`` that is not below ``length``.

    Args:
        length (int): Pixels, at least 0.
        divisor (int): At least 1.

    Returns:
        int: Pixels.
    """
    return -(-length // divisor) * divisor
