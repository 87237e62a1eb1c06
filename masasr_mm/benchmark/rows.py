"""What was measured, case by case, and on which machine."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from .cases import Case
from .measuring import Measurement
from .timing import REST, Spread, spread
from .variants import Variant

IDLE_LOAD = 0.3
"""Times are worth telling if no more processes than this were running on average."""


class Row(NamedTuple):
    """One measured case.

    Attributes:
        section (str): 'inference', 'training', 'area' (growth with the LR) or 'references'.
        case (Case): What the network ran on.
        variant (Variant): How it ran.
        measured (Measurement): Time and memory.
    """

    section: str
    case: Case
    variant: Variant
    measured: Measurement

    @property
    def time(self) -> Spread:
        """Spread: Of the seconds of all runs but the first."""
        return spread(self.measured.seconds)

    @property
    def stages(self) -> dict[str, float]:
        """dict[str, float]: Median seconds of every stage."""
        return {name: spread(values).median for name, values in self.measured.stages.items()}

    @property
    def images(self) -> str:
        """str: The case in words."""
        count = f'{self.case.batch} × ' if self.case.batch > 1 else ''
        lq, ref = ('×'.join(map(str, size)) for size in (self.case.lq, self.case.ref))
        return f'{count}LR {lq}, Ref {ref}'

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data.

        Returns:
            dict: For JSON.
        """
        return dict(
            section=self.section,
            **self.case._asdict(),
            variant=self.variant._asdict(),
            first=self.measured.first,
            **self.time._asdict(),
            added_peak_bytes=self.measured.memory,
            seconds=self.measured.seconds,
            stages=self.measured.stages,
        )


def stage_names(rows: Sequence[Row]) -> list[str]:
    """Return all stages, in the order of the row that has most of them; what is left over last."""
    by_length = sorted((row.stages for row in rows), key=len, reverse=True)
    names = dict.fromkeys(name for stages in by_length for name in stages)
    del names[REST]
    return [*names, REST]


def growing_pixels(rows: Iterable[Row]) -> list[int]:
    """Return the number of pixels that grows from row to row.

    Args:
        rows (Iterable[Row]): Of the section 'area' or 'references'.

    Returns:
        list[int]: Pixels of the LR, or of the references.
    """
    sizes = [row.case.lq if row.section == 'area' else row.case.ref for row in rows]
    return [height * width for height, width in sizes]


def machine(device: str, load: float) -> dict[str, Any]:
    """Describe the machine, so that figures can be judged later.

    Args:
        device (str): Where the work is done.
        load (float): Processes that were running before this one began.

    Returns:
        dict: Processor, GPU, threads, version of torch, and the load.
    """
    cpu_info = Path('/proc/cpuinfo')
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return dict(
        processor=names[0] if names else platform.processor(),
        instructions=torch.backends.cpu.get_cpu_capability(),
        threads=torch.get_num_threads(),
        device=device,
        gpu=torch.cuda.get_device_name(device) if device.startswith('cuda') else None,
        torch=torch.__version__,
        load=load,
    )
