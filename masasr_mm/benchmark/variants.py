"""The ways of running the network that the benchmark compares."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from ..errors import UserError
from ..models.masa_net import CHECKPOINTED

LAYOUTS = dict(nchw=torch.contiguous_format, channels_last=torch.channels_last)
DTYPES = ('float32', 'bfloat16', 'float16')


class Variant(NamedTuple):
    """One way of running the network.

    Attributes:
        dtype (str): 'float32', or the autocast type of the convolutions. Default: 'float32'.
        tile (int, optional): Run in tiles of so many LR pixels. Default: None.
        layout (str, optional): 'nchw' or 'channels_last'. Default: None, what the network chooses.
        compile (bool): Run it through ``torch.compile``; its stages are not told apart then.
            Default: False.
        with_cp (bool | tuple[str, ...]): Gradient checkpointing, for a training step: of all parts
            or of some. Default: False.
        give_back (bool): Give freed memory back to the system, as a program does that does not
            call :func:`masasr_mm.system.keep_freed_memory`. Default: False.
        unfolded (bool): Match in the released way, see
            :class:`~masasr_mm.benchmark.unfolded_matching.UnfoldedMatching`. Default: False.
    """

    dtype: str = 'float32'
    tile: int | None = None
    layout: str | None = None
    compile: bool = False
    with_cp: bool | tuple[str, ...] = False
    give_back: bool = False
    unfolded: bool = False

    def changed(self, text: str) -> Variant:
        """Return this variant with some changes.

        Args:
            text (str): Such as ``'tile=128,dtype=bfloat16'`` or ``'compile'``.

        Returns:
            Variant: The other variant.

        Raises:
            UserError: If there is no such option or value.
        """
        known = dict(
            dtype=DTYPES,
            layout=tuple(LAYOUTS),
            tile='a number',
            compile=None,
            with_cp=None,
            give_back=None,
            unfolded=None,
        )
        changes: dict[str, Any] = {}
        for part in text.split(','):
            key, given, value = part.strip().partition('=')
            values = known.get(key, ())
            if key == 'tile' and value.isdecimal() and int(value):
                changes[key] = int(value)
            elif key == 'with_cp' and given and set(value.split('+')) <= set(CHECKPOINTED):
                changes[key] = tuple(value.split('+'))
            elif values is None and not given:
                changes[key] = True
            elif isinstance(values, tuple) and value in values:
                changes[key] = value
            else:
                raise UserError(
                    f'variant {text}: {part.strip()} is none of dtype={"|".join(DTYPES)}, tile=N, '
                    f'layout={"|".join(LAYOUTS)}, compile, with_cp[=PART+PART], give_back, '
                    'unfolded'
                )
        return self._replace(**changes)

    @property
    def label(self) -> str:
        """str: What differs from the default, in the words of :meth:`changed`."""
        told = []
        for key, value in self._asdict().items():
            if value != self._field_defaults[key]:
                text = '+'.join(value) if isinstance(value, tuple) else value
                told.append(key if value is True else f'{key}={text}')
        return ', '.join(told) or 'default'
