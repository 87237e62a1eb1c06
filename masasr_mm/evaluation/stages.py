"""The stages of MASANet (Fig. 2a) and of a training step, for a timer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from mmengine.optim import OptimWrapperDict
from torch import Tensor

from ..models import MASANet
from ..models.matching import Matches
from .timing import StageTimer

MATCHING = ('coarse matching', 'fine matching', 'similarity')
"""Stage 1 (Eq. 1), Stage 2 (Eq. 2–3) and R (Eq. 4) of MEM; Stage 3 is ``extract`` at each scale."""


@contextmanager
def network_stages(net: MASANet, timer: StageTimer) -> Iterator[None]:
    """Let a timer see the stages of a network while inside, whether it runs whole or in tiles.

    Args:
        net (MASANet): The network; it is as before afterwards. Others are seen as one stage.
        timer (StageTimer): The timer.

    Yields:
        None: Nothing.
    """
    if not isinstance(net, MASANet):
        yield
        return

    def encoded(image: Tensor, num_levels: int | None = None) -> str:
        if num_levels is not None:
            return 'encode Ref↓'
        # The LR image is encoded before the matching, the reference after it.
        return 'encode Ref' if 'fine matching' in timer.seen() else 'encode LR'

    def extracted(ref: Tensor, matches: Matches) -> str:
        return f'extract {ref.shape[2] // matches.grid[0]}×'

    def extracted_cells(cells: Tensor, matches: Matches) -> str:
        return f'extract {cells.shape[3]}×'

    def fused(index: int, *args, **kwargs) -> str:
        return f'fuse {2**index}×'

    coarse, fine, similarity = MATCHING
    wrapped = (
        (net.encoder, 'forward', encoded),
        (net.matching, 'coarse_match', coarse),
        (net.matching, 'fine_match', fine),
        (net.matching, 'similarity', similarity),
        (net.lr_pyramid, 'forward', 'LR pyramid'),
        (net.matching, 'extract', extracted),
        (net.matching, 'extract_cells', extracted_cells),
        (net, 'fuse', fused),
        (net.to_image, 'forward', 'to image'),
    )
    with ExitStack() as stack:
        for owner, method, name in wrapped:
            stack.enter_context(timer.wrapped(owner, method, name))
        yield


@contextmanager
def training_stages(optimizers: OptimWrapperDict, timer: StageTimer) -> Iterator[None]:
    """Let a timer see the backward passes and the updates of a training step while inside.

    Args:
        optimizers (OptimWrapperDict): The optimizers of all parts.
        timer (StageTimer): The timer.

    Yields:
        None: Nothing.
    """
    with ExitStack() as stack:
        for optimizer in optimizers.values():
            stack.enter_context(timer.wrapped(optimizer, 'backward', 'backward'))
            stack.enter_context(timer.wrapped(optimizer, 'step', 'update'))
        yield
