"""Which sizes of images a network takes, as it declares them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import nn


class SizeRequirements(NamedTuple):
    """The sizes that a network takes; who calls it brings images to them.

    Attributes:
        scale (int): How many times larger the SR image is than the LR image, and Ref than Ref↓.
        size_divisor (int): Height and width of the LR image are multiples of it.
        min_ref_down (int): The least height and width of Ref↓.
    """

    scale: int
    size_divisor: int
    min_ref_down: int

    @classmethod
    def of(cls, network: nn.Module) -> SizeRequirements:
        """Return what a network, or an exported one, declares by attributes of these names."""
        return cls(network.scale, network.size_divisor, network.min_ref_down)

    def lq_size(self, size: Sequence[int]) -> tuple[int, int]:
        """Return the least height and width of the LR image that hold others."""
        height, width = (
            max(1, -(-length // self.size_divisor)) * self.size_divisor for length in size
        )
        return height, width

    def ref_size(self, size: Sequence[int]) -> tuple[int, int]:
        """Return the least height and width of Ref that hold others."""
        height, width = (
            max(self.min_ref_down, -(-length // self.scale)) * self.scale for length in size
        )
        return height, width

    def check(self, lq: Sequence[int], ref: Sequence[int], ref_down: Sequence[int]) -> None:
        """Raise ValueError if the network takes no such sizes; matching looks at the least."""
        if lq[0] % self.size_divisor or lq[1] % self.size_divisor:
            raise ValueError(
                f'lq is {lq[0]}×{lq[1]}; height and width must be multiples of '
                f'{self.size_divisor} (the editor MASA pads and crops by itself)'
            )
        expected = [length * self.scale for length in ref_down]
        if list(ref) != expected:
            raise ValueError(
                f'ref is {ref[0]}×{ref[1]} but must be {self.scale} times ref_down, '
                f'{expected[0]}×{expected[1]}'
            )
