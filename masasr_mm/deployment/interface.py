"""What a program must know to run an exported network, as text that goes into the file."""

from __future__ import annotations

import json
from typing import NamedTuple

from ..errors import UserError
from ..models.masa_net import MASANet
from ..models.sizes import SizeRequirements
from ..version import __version__

KEY = 'masasr_mm'
"""Under which the files hold it."""
INPUTS = ('lq', 'ref', 'ref_down')
OUTPUTS = ('sr', 'coarse_index', 'fine_index', 'position', 'similarity')
Size = tuple[int, int]


class Interface(NamedTuple):
    """Sizes of an exported network; heights and widths of images where they are fixed."""

    scale: int
    size_divisor: int
    min_ref_down: int
    channels: int
    block_size: int
    lq_size: Size | None = None
    ref_size: Size | None = None

    @classmethod
    def of(
        cls, network: MASANet, lq_size: Size | None = None, ref_size: Size | None = None
    ) -> Interface:
        """Return the interface of a network; fixed sizes are rounded up to what it takes."""
        sizes = SizeRequirements.of(network)
        lq_size = sizes.lq_size(lq_size) if lq_size else None
        ref_size = sizes.ref_size(ref_size) if ref_size else None
        channels, block = network.to_image.in_channels, network.matching.block_size
        return cls(*sizes, channels, block, lq_size, ref_size)

    def to_text(self) -> str:
        """Return it as JSON, with what is the same for every network."""
        return json.dumps(
            dict(
                self._asdict(),
                version=__version__,
                layout='NCHW, one image, float32',
                channel_order='RGB',
                value_range=[0, 1],
                ref_down='ref reduced by scale with an antialiased bicubic filter, as Pillow does',
            )
        )

    @classmethod
    def from_text(cls, text: str | None, path: str) -> Interface:
        """Read what :meth:`to_text` returned; ``path`` is named if it is no such text."""
        try:
            values = {name: json.loads(text)[name] for name in cls._fields}
            sizes = {name: tuple(values.pop(name) or ()) or None for name in cls._fields[-2:]}
            return cls(**{name: int(value) for name, value in values.items()}, **sizes)
        except (TypeError, ValueError, KeyError) as error:
            raise UserError(
                f'{path}: not a network that tools/deployment/export.py wrote, its sizes are '
                'missing'
            ) from error
