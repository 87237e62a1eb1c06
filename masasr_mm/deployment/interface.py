"""What a program must know to use an exported network, as text that goes into the file."""

from __future__ import annotations

import json
from typing import NamedTuple

from ..errors import UserError
from ..version import __version__

KEY = 'masasr_mm'
INPUTS = ('lq', 'ref', 'ref_down')
OUTPUTS = ('sr', 'coarse_index', 'fine_index', 'position', 'similarity')


class Interface(NamedTuple):
    """Sizes of an exported network.

    Attributes:
        scale (int): How many times larger the SR image is than the LR image, and ``ref`` than
            ``ref_down``.
        size_divisor (int): Height and width of ``lq`` are multiples of it.
        min_ref_down (int): The least height and width of ``ref_down``.
        lq_size (tuple[int, int], optional): Height and width of ``lq``, where they are fixed.
        ref_size (tuple[int, int], optional): Height and width of ``ref``, where they are fixed.
    """

    scale: int
    size_divisor: int
    min_ref_down: int
    lq_size: tuple[int, int] | None = None
    ref_size: tuple[int, int] | None = None

    def to_text(self) -> str:
        """Return it as JSON, with what is the same for every network.

        Returns:
            str: A JSON object.
        """
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
        """Read what :meth:`to_text` returned.

        Args:
            text (str, optional): JSON, or None where the file has none.
            path (str): Name of the file, for the error message.

        Returns:
            Interface: The sizes.

        Raises:
            UserError: If it is no such text.
        """
        try:
            values = {name: json.loads(text)[name] for name in cls._fields}
            sizes = {name: tuple(values.pop(name) or ()) or None for name in cls._fields[3:]}
            return cls(**{name: int(value) for name, value in values.items()}, **sizes)
        except (TypeError, ValueError, KeyError) as error:
            raise UserError(
                f'{path}: no network that tools/deployment/export.py wrote, it does not tell its '
                'sizes'
            ) from error
