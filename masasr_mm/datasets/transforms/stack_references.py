"""Test protocol: several references as one image."""

from __future__ import annotations

import numpy as np
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from masasr_mm.errors import UserError

from .pad_to_multiple import round_up
from .padding import replicate_pad


@TRANSFORMS.register_module()
class StackReferences(BaseTransform):
    """Pad references to one size and stack them from top to bottom to a single reference.

    The padding repeats the border pixels on all sides, with the odd pixel at the bottom and
    right. CUFED5's five references become one image of 2560×512 this way.

    One array that is in no list is the reference of one similarity level (``CUFED5Dataset`` with a
    ``level``). Nothing is stacked then, and so ``size`` is not its size: as in the released test
    it is padded at the bottom and right to multiples of 16.

    Required keys: ``key``, a list of arrays (H, W, C), or one array; ``{key}_path`` is named in
    errors where it exists.

    Modified keys: ``key``, one array (n·height, width, C) for n references.

    Args:
        key (str): The references. Defaults to 'ref'.
        size (tuple[int, int], optional): Height and width of each padded reference. None takes
            the largest height and width among the references of the item, rounded up to a
            multiple of 16. Defaults to (512, 512).

    Raises:
        UserError: When called, if a reference is larger than ``size``.
    """

    DIVISOR = 16

    def __init__(self, key: str = 'ref', size: tuple[int, int] | None = (512, 512)) -> None:
        self.key = key
        self.size = size

    def transform(self, results: dict) -> dict:
        """Stack the references.

        Args:
            results (dict): Results with ``key``.

        Returns:
            dict: The same results, with one array in ``key``.
        """
        value = results[self.key]
        alone = not isinstance(value, (list, tuple))
        if alone and self.size:
            results[self.key] = self._pad_alone(value)
            return results
        references = [value] if alone else list(value)
        height, width = self.size or self._common_size(references)
        for index, reference in enumerate(references):
            if reference.shape[0] > height or reference.shape[1] > width:
                raise UserError(
                    f'{self._name(results, index)}: the reference is {reference.shape[1]} wide and '
                    f'{reference.shape[0]} high, more than {width} and {height}; '
                    'make it smaller, or set size=None in StackReferences'
                )
        padded = [replicate_pad(reference, height, width)[0] for reference in references]
        results[self.key] = np.concatenate(padded, axis=0)
        return results

    def _pad_alone(self, reference: np.ndarray) -> np.ndarray:
        """Return one reference, padded as the released test of one level does."""
        height, width = (round_up(length, self.DIVISOR) for length in reference.shape[:2])
        return replicate_pad(reference, height, width, centered=False)[0]

    def _common_size(self, references: list[np.ndarray]) -> tuple[int, int]:
        """Return the least height and width that hold every reference."""
        height, width = (
            round_up(max(image.shape[axis] for image in references), self.DIVISOR)
            for axis in (0, 1)
        )
        return height, width

    def _name(self, results: dict, index: int) -> str:
        """Return the path of a reference, or a name if it has none."""
        paths = results.get(f'{self.key}_path', f'{self.key} {index + 1}')
        return str(paths if isinstance(paths, str) else paths[index])

    def __repr__(self) -> str:
        return f'{type(self).__name__}(key={self.key}, size={self.size})'
