"""Measure a GPU: one command that can be run, and whose report can be sent.

Tests of devices, agreement with the CPU, times and memory of photos and training steps, and how
much of them the host takes. Each part has its share of the minutes; what does not fit is named.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from masasr_mm.errors import exit_with_user_errors
from masasr_mm.files import check_outputs, write_text
from masasr_mm.version import add_version

if TYPE_CHECKING:
    from torch import Tensor, nn

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIG = str(REPOSITORY / 'configs/masa-rec_x4_cufed5.py')
SMALL = {'model.generator.channels': 8, 'model.generator.fusion_blocks': (1, 1, 1)}
"""Changes of the config where there is no GPU, so that the report takes seconds."""
SHARES = dict(tests=0.1, agreement=0.1, photos=0.45, training=0.25, host=0.1)
"""Of the minutes, for each part; what one leaves over is the next one's."""
PHOTOS = (
    ('Table 2', (128, 128), (512, 512)),
    ('a photo', (120, 184), (480, 736)),
    ('CUFED5, five references', (96, 128), (2560, 512)),
    ('a large photo', (1024, 1024), (4096, 4096)),
)
VARIANTS = (
    'dtype=float32', 'dtype=bfloat16', 'layout=nchw,unfolded', 'tile=128', 'compile',
    'compile,dtype=bfloat16', 'graphs', 'graphs,dtype=bfloat16',
)  # fmt: skip
"""Also the released way (unfolded), tiles, and CUDA graphs."""
BATCHES = (9, 36, 72)


class Clock:
    """Tells the parts when their share of the minutes is used up, and keeps what is left out."""

    def __init__(self, minutes: float) -> None:
        self.seconds, self.end, self.left_out = 60 * minutes, time.monotonic(), []

    def part(self, name: str, jobs: list[tuple[str, Callable[[], dict]]]) -> Iterator[dict]:
        """Yield what jobs find, by their names, for as long as there is time; some may fail."""
        self.end += self.seconds * SHARES[name]
        for label, job in jobs:
            if time.monotonic() >= self.end:
                self.left_out.append(f'{name}: {label} (no time)')
                continue
            print(f'{name}: {label}', file=sys.stderr)
            try:
                yield dict(what=label, **job())
            except Exception as error:  # whatever it is, the others are measured
                self.left_out.append(f'{name}: {label} ({type(error).__name__}: {error})'[:300])


def device_tests(seconds: float) -> dict:
    """Run the tests that need no data, and those that a GPU is for."""
    command = [sys.executable, '-m', 'pytest', '-q', '-n', '0', 'tests/unit/models/test_devices.py']
    options = dict(cwd=REPOSITORY, timeout=seconds, capture_output=True, text=True)
    done = subprocess.run(command, check=False, **options)
    return dict(status=done.returncode, result=done.stdout.strip().splitlines()[-1])


def agreement(net: nn.Module, images: list[Tensor], device: str, dtype: str) -> dict:
    """Compare a device in a type ('tf32' is float32 with such products) with the CPU."""
    import copy

    import torch

    from masasr_mm.models.inference.super_resolve import InferenceOptions, super_resolve

    torch.set_float32_matmul_precision('high' if dtype == 'tf32' else 'highest')
    torch.backends.cudnn.allow_tf32 = dtype == 'tf32'
    options = InferenceOptions(dtype=None if dtype == 'tf32' else dtype)
    with torch.no_grad():
        want, [expected] = super_resolve(net, *images)
        there = copy.deepcopy(net).to(device), *(image.to(device) for image in images)
        have, [found] = super_resolve(*there, options)
    difference = (have.float().cpu() - want).abs()
    same = (found.position == expected.position).all(axis=-1).mean()
    return dict(mean=difference.mean().item(), greatest=difference.max().item(), same_matches=same)


def host(net: nn.Module, images: list[Tensor], device: str, dtype: str) -> dict:
    """Return how long a photo's forward takes, its kernels, how many they are, and what waits."""
    from contextlib import nullcontext

    import torch
    from measuring import wait
    from torch.profiler import ProfilerActivity, profile

    from masasr_mm.models.layers import autocast

    place = torch.device(device)
    net, images = net.to(place), [image.to(place) for image in images]
    half = autocast(net, place, torch.bfloat16) if dtype == 'bfloat16' else nullcontext(net)
    on_gpu, seconds = place.type == 'cuda', []
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with torch.no_grad(), half as network:
        for _ in range(4):
            wait(place)
            start = time.perf_counter()
            network(*images)
            issued = time.perf_counter() - start
            wait(place)
            seconds.append((time.perf_counter() - start, issued))
        with profile(activities=kinds) as found:
            network(*images)
            wait(place)
        with warnings.catch_warnings(record=True) as waiting:
            warnings.simplefilter('always')
            if on_gpu:
                torch.cuda.set_sync_debug_mode('warn')
            network(*images)
        if on_gpu:
            torch.cuda.set_sync_debug_mode('default')
    kernels = [event for event in found.events() if event.device_type.name == 'CUDA']
    total, issued = min(seconds)
    busy = sum(event.time_range.elapsed_us() for event in kernels) / 1e6
    waits = sum('synchroniz' in str(warning.message) for warning in waiting)
    return dict(seconds=total, host=issued, kernel=busy, kernels=len(kernels), waits=waits)


def measured(work: Callable, *arguments: Any) -> dict:
    """Return seconds of the first run and the others, and the bytes added at the peak."""
    found = work(*arguments)
    times = dict(first=found.first, least=min(found.seconds), median=median(found.seconds))
    return dict(times, gigabytes=None if found.memory is None else found.memory / 1e9)


def driver() -> str | None:
    """Return the version of the card's driver."""
    try:
        command = ['nvidia-smi', '--query-gpu=driver_version', '--format=csv,noheader']
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def report(device: str, minutes: float) -> dict[str, Any]:
    """Measure everything that there is time for."""
    import measuring
    import torch
    from measuring import Case, Variant

    small = not device.startswith('cuda')
    options, runs = (SMALL, 1) if small else (None, 5)
    net = measuring.build_network(CONFIG, options).eval()
    clock = Clock(minutes)

    def case(lq: tuple, ref: tuple, batch: int = 1) -> Case:
        return Case((16, 24), (64, 96), batch) if small else Case(lq, ref, batch)

    def images(index: int) -> list[Tensor]:
        return list(measuring.random_images(net, case(*PHOTOS[index][1:])))

    def photo(name: str, text: str) -> Callable[[], dict]:
        sizes, variant = next(p[1:] for p in PHOTOS if p[0] == name), Variant().changed(text)
        work = measuring.measure_inference, CONFIG, options, case(*sizes), variant, device, runs
        return lambda: measured(*work)

    def step(batch: int, wrapper: str) -> Callable[[], dict]:
        changes = {**(options or {}), 'optim_wrapper.generator.type': wrapper}
        work = measuring.measure_training, CONFIG, changes, case((40, 40), (160, 160), batch)
        return lambda: measured(*work, Variant(), device, runs)

    versions = dict(python=sys.version.split()[0], cuda=torch.version.cuda, driver=driver())
    content = dict(machine=dict(measuring.machine(device, 0), **versions))
    texts = VARIANTS[:4] if small else VARIANTS
    wrappers = dict(float32='OptimWrapper', bfloat16='AutocastOptimWrapper')
    tests = [] if small else [('devices', lambda: device_tests(clock.seconds * SHARES['tests']))]
    jobs = dict(
        tests=tests,
        agreement=[
            (dtype, lambda dtype=dtype: agreement(net, images(0), device, dtype))
            for dtype in ('float32', 'tf32', 'bfloat16', 'float16')
        ],
        photos=[
            (f'{name}, {text}', photo(name, text))
            for name, *_ in (PHOTOS[:1] if small else PHOTOS)
            for text in texts
        ],
        training=[
            (f'{batch} of 160², {dtype}', step(1 if small else batch, wrapper))
            for batch in (BATCHES[:1] if small else BATCHES)
            for dtype, wrapper in wrappers.items()
        ],
        host=[
            (dtype, lambda dtype=dtype: host(net, images(1), device, dtype)) for dtype in wrappers
        ],
    )  # fmt: skip
    content.update({name: list(clock.part(name, jobs[name])) for name in SHARES})
    return dict(content, left_out=clock.left_out)


def as_markdown(content: dict[str, Any]) -> str:
    """Return the report as a page of tables."""
    from pandas import DataFrame

    lines = ['# Report of a device', '']
    lines += [f'- {key}: {value}' for key, value in content['machine'].items()]
    for name in SHARES:
        table = DataFrame(content[name]).to_markdown(index=False, floatfmt='.4g', missingval='')
        lines += ['', f'## {name}', '', table if content[name] else 'nothing']
    lines += ['', '## Left out', '', *(f'- {text}' for text in content['left_out'] or ['nothing'])]
    return '\n'.join(lines) + '\n'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_version(parser)
    add = parser.add_argument
    add('--minutes', type=float, default=12, metavar='N', help='to be used up (default: 12)')
    add('--device', help='default: the best there is; on a CPU all is small')
    add(
        '--out', default='gpu_report.md', metavar='FILE',
        help='page of tables; the same as JSON lies beside it (default: gpu_report.md)',
    )  # fmt: skip
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    """Measure and write the report."""
    from mmengine.device import get_device

    page = Path(args.out)
    outputs = [page, page.with_suffix('.json')]
    check_outputs(outputs, [CONFIG])
    content = report(args.device or get_device(), args.minutes)
    tables = as_markdown(content)
    write_text(page, tables)
    write_text(outputs[1], json.dumps(content, indent=1, ensure_ascii=False, default=float))
    print(tables)


if __name__ == '__main__':
    exit_with_user_errors(lambda: main(parse_args()))
