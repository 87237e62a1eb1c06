"""Time and memory of networks and of training steps, in variants that can be compared."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from functools import wraps
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import torch
from mmagic.registry import MODELS
from mmagic.structures import DataSample
from mmengine.optim import build_optim_wrapper
from torch import Tensor, nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile, record_function
from unfolded_matching import UnfoldedMatching

from masasr_mm.config import load_config
from masasr_mm.errors import UserError
from masasr_mm.models import MASANet
from masasr_mm.models.inference.super_resolve import TiledMASANet
from masasr_mm.models.layers import autocast, convolution
from masasr_mm.models.masa_net import CHECKPOINTED
from masasr_mm.models.peers import PeerNetwork
from masasr_mm.models.sizes import SizeRequirements
from masasr_mm.system import keep_freed_memory

Size = tuple[int, int]
LAYOUTS = dict(nchw=torch.contiguous_format, channels_last=torch.channels_last)
DTYPES = ('float32', 'bfloat16', 'float16')
REST = 'the rest'
"""The stage of what no other stage holds."""


class Case(NamedTuple):
    """Heights and widths of the LR images and the references, and how many there are of each."""

    lq: Size
    ref: Size
    batch: int = 1

    def __str__(self) -> str:
        count = f'{self.batch} × ' if self.batch > 1 else ''
        lq, ref = ('×'.join(map(str, size)) for size in (self.lq, self.ref))
        return f'{count}LR {lq}, Ref {ref}'


class Variant(NamedTuple):
    """One way of running a network.

    ``graphs`` compiles for replay by CUDA graphs, ``give_back`` returns freed memory to the system,
    ``unfolded`` matches in the released way, and ``with_cp`` is gradient checkpointing, for a
    training step: of all parts or of some.
    """

    dtype: str = 'float32'
    tile: int | None = None
    layout: str | None = None
    compile: bool = False
    graphs: bool = False
    with_cp: bool | tuple[str, ...] = False
    give_back: bool = False
    unfolded: bool = False

    def changed(self, text: str) -> Variant:
        """Return this variant with changes such as 'tile=128,dtype=bfloat16' or 'compile'."""
        changes: dict[str, Any] = {}
        for part in text.split(','):
            key, given, value = part.strip().partition('=')
            if key == 'tile' and value.isdecimal() and int(value):
                changes[key] = int(value)
            elif key == 'with_cp' and given and set(value.split('+')) <= set(CHECKPOINTED):
                changes[key] = tuple(value.split('+'))
            elif key in ('compile', 'graphs', 'with_cp', 'give_back', 'unfolded') and not given:
                changes[key] = True
            elif value in dict(dtype=DTYPES, layout=LAYOUTS).get(key, ()):
                changes[key] = value
            else:
                raise UserError(
                    f'variant {text}: {part.strip()} is none of dtype={"|".join(DTYPES)}, tile=N, '
                    f'layout={"|".join(LAYOUTS)}, compile, graphs, with_cp[=PART+PART], '
                    'give_back, unfolded'
                )
        return self._replace(**changes)

    def __str__(self) -> str:
        parts = []
        for key, value in self._asdict().items():
            if value != self._field_defaults[key]:
                text = '+'.join(value) if isinstance(value, tuple) else value
                parts.append(key if value is True else f'{key}={text}')
        return ', '.join(parts) or 'default'


class Measurement(NamedTuple):
    """Seconds of the first run and of the others, of each stage, and the bytes added at the peak.

    The memory is that of the first run; it is None where the system does not report it.
    """

    first: float
    seconds: list[float]
    stages: dict[str, float]
    memory: int | None


def build_network(config: str, options: dict | None = None) -> MASANet | PeerNetwork:
    """Return the generator of a config, its weights random."""
    generator = load_config(config, options).get('model', {}).get('generator')
    net = MODELS.build(generator) if generator else None
    if not isinstance(net, (MASANet, PeerNetwork)):
        raise UserError(f'{config}: its model.generator is no MASANet, so there is nothing to run')
    return net


def check_case(net: MASANet, case: Case) -> None:
    """Refuse sizes that a network does not take."""
    sizes = SizeRequirements.of(net)
    multiples = f'{sizes.scale} from {sizes.scale * sizes.min_ref_down} up'
    for name, size, fitting, allowed in (
        ('lq', case.lq, sizes.lq_size(case.lq), sizes.size_divisor),
        ('ref', case.ref, sizes.ref_size(case.ref), multiples),
    ):
        if tuple(size) != fitting:
            raise UserError(
                f'{name} of {size[0]}×{size[1]}: height and width must be multiples of {allowed}, '
                f'such as {fitting[0]}×{fitting[1]} (testing pads by itself)'
            )


def random_images(net: MASANet, case: Case) -> tuple[Tensor, Tensor, Tensor]:
    """Return LR images, references and reduced references, in [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    lq, ref = (
        torch.rand(case.batch, 3, *size, generator=generator) for size in (case.lq, case.ref)
    )
    ref_down = F.interpolate(ref, scale_factor=1 / net.scale, mode='bicubic', antialias=True)
    return lq, ref, ref_down.clamp(0, 1)


def random_batch(net: MASANet, case: Case) -> dict:
    """Return a training batch as a dataloader gives it, in [0, 255]."""
    images = random_images(net, case)
    gt = F.interpolate(images[0], scale_factor=net.scale, mode='nearest')
    pixels = [(image * 255).round().byte() for image in (*images, gt)]
    metainfo = dict(img_channel_order='rgb', gt_channel_order='rgb')
    samples = [
        DataSample(ref_img=ref, ref_down=ref_down, gt_img=gt, metainfo=metainfo)
        for ref, ref_down, gt in zip(*pixels[1:])
    ]
    return dict(inputs=list(pixels[0]), data_samples=samples)


def arrange(net: MASANet, variant: Variant) -> None:
    """Let a network lie in memory, and match, as a variant says."""
    if isinstance(net, PeerNetwork) and (variant.tile or variant.layout or variant.unfolded):
        raise UserError(f'{variant}: {net.name} has no tiles, layouts and other matching')
    if variant.layout:
        net.memory_format = LAYOUTS[variant.layout]
    if variant.unfolded:
        net.matching = UnfoldedMatching.like(net.matching)


def measure_inference(
    config: str, options: dict | None, case: Case, variant: Variant, device: str, runs: int
) -> Measurement:
    """Measure the network of a config."""
    place = torch.device(device)
    net = build_network(config, options).to(place).eval()
    arrange(net, variant)
    images = [image.to(place) for image in random_images(net, case)]
    half, dtype = variant.dtype != 'float32', getattr(torch, variant.dtype)
    with torch.no_grad(), autocast(net, place, dtype) if half else nullcontext(net) as run:
        if variant.compile or variant.graphs:
            mode = 'reduce-overhead' if variant.graphs else None
            forward = torch.compile(run, mode=mode, dynamic=False)
        else:
            forward = TiledMASANet(run, variant.tile).super_resolve if variant.tile else run
        return measure(lambda: forward(*images), place, runs)


def measure_training(
    config: str, options: dict | None, case: Case, variant: Variant, device: str, runs: int
) -> Measurement:
    """Measure training steps of a config's editor: all of a step but loading data."""
    place = torch.device(device)
    settings = load_config(config, options)
    if variant.with_cp:
        settings.model.generator.with_cp = variant.with_cp
    editor = MODELS.build(settings.model)
    logging.disable(logging.INFO)  # mmengine logs every parameter here
    editor.init_weights()
    editor = editor.to(place).train()
    arrange(editor.generator, variant)
    optimizers = build_optim_wrapper(editor, settings.optim_wrapper)
    logging.disable(logging.NOTSET)
    for optimizer in optimizers.values():
        optimizer.backward = _as_stage(optimizer.backward, 'backward')
        optimizer.step = _as_stage(optimizer.step, 'update')
    batch = random_batch(editor.generator, case)
    return measure(lambda: editor.train_step(batch, optimizers), place, runs)


def _as_stage(method: Callable, name: str) -> Callable:
    @wraps(method)
    def staged(*args: Any, **kwargs: Any) -> Any:
        with record_function(name):
            return method(*args, **kwargs)

    return staged


def measure_baseline(device: str, runs: int) -> Measurement:
    """Measure eight convolutions, which show how fast a machine is.

    They are 3×3, 64 to 64 channels, on one image of 512×512, in float32 and NCHW; about a quarter
    of what the network does at an LR of 128×128 and a reference of 512×512.
    """
    place = torch.device(device)
    layers = nn.Sequential(*(convolution(64, 64) for _ in range(8))).to(place)
    image = torch.rand(1, 64, 512, 512, device=place)
    with torch.no_grad():
        return measure(lambda: layers(image), place, runs)


def measure(run: Callable[[], Any], device: torch.device, runs: int) -> Measurement:
    """Run once for memory and as a warm-up, ``runs`` times for the time, once for the stages.

    Not by ``torch.utils.benchmark.Timer``, which warms up before every time that it takes, or
    chooses how often to run by itself.
    """

    def timed() -> float:
        wait(device)
        start = time.perf_counter()
        run()
        wait(device)
        return time.perf_counter() - start

    seconds: list[float] = []
    memory = added_peak_memory(lambda: seconds.append(timed()), device)
    seconds += [timed() for _ in range(runs)]
    return Measurement(seconds[0], seconds[1:], stage_seconds(run, device), memory)


def wait(device: torch.device) -> None:
    """Wait until a GPU has done all that it was asked for."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


def stage_seconds(run: Callable[[], Any], device: torch.device) -> dict[str, float]:
    """Profile a run; return the seconds of each stage, each moment counted to the innermost one.

    On a GPU they are those of its kernels.
    """
    on_gpu = device.type == 'cuda'
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities) as found, record_function(REST):
        run()
        wait(device)
    events = [
        event
        for event in found.events()
        if event.is_user_annotation
        and event.device_type.name == 'CPU'
        and not event.name.startswith('Optimizer.')
    ]
    seconds: dict[str, float] = {}
    around = []
    for event in sorted(events, key=lambda event: (event.time_range.start, -event.time_range.end)):
        while around and around[-1].time_range.end <= event.time_range.start:
            around.pop()
        took = (event.device_time_total if on_gpu else event.time_range.elapsed_us()) / 1e6
        if around:
            seconds[around[-1].name] -= took
        seconds[event.name] = seconds.get(event.name, 0.0) + took
        around.append(event)
    seconds[REST] = seconds.pop(REST)
    return seconds


def added_peak_memory(work: Callable[[], object], device: torch.device) -> int | None:
    """Return the bytes that work adds, at its peak, to what is there when it begins.

    On a CPU this is the memory of the whole process, and freed memory may not have gone back to
    the system, and would be missing here: let the work be the first of a fresh process. None where
    the system does not report it, outside of Linux.
    """
    if device.type == 'cuda':
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        return torch.cuda.max_memory_allocated(device) - before
    try:
        Path('/proc/self/clear_refs').write_text('5')  # the kernel forgets the peak up to now
    except OSError:
        work()
        return None
    before = psutil.Process().memory_info().rss
    work()
    lines = Path('/proc/self/status').read_text().splitlines()
    [peak] = [int(line.split()[1]) * 1024 for line in lines if line.startswith('VmHWM')]
    return max(0, peak - before)


def in_child(function: Callable, *arguments: Any, keep_freed: bool = True) -> Any:
    """Call a function in a fresh process, whose memory nothing else has used."""
    first = keep_freed_memory if keep_freed else None
    with ProcessPoolExecutor(1, get_context('spawn'), first) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            raise UserError(
                'the process that measured was killed, most likely for lack of memory; choose '
                'smaller images, or tiles (--tile 128)'
            ) from error


def machine(device: str, load: float) -> dict[str, Any]:
    """Describe the machine, so that figures can be judged later."""
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
