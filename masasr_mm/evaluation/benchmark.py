"""Time and memory of MASANet and of a training step, in variants that can be compared."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from multiprocessing import get_context
from typing import Any, NamedTuple

import torch
from mmagic.registry import MODELS
from mmagic.structures import DataSample
from mmengine.optim import build_optim_wrapper
from torch import Tensor, nn
from torch.nn import functional as F

from ..apis.config import load_config
from ..errors import UserError
from ..models import MASANet
from ..models.blocks import convolution
from ..models.inference.tiled import TiledMASANet
from ..models.peers import PeerNetwork
from .memory import added_peak_memory
from .stages import network_stages, training_stages
from .timing import Clock, StageTimer
from .unfolded_matching import UnfoldedMatching
from .variants import LAYOUTS, Variant

Size = tuple[int, int]
"""Height and width in pixels."""


class Case(NamedTuple):
    """What the network is run on.

    Attributes:
        lq (Size): Size of the LR images.
        ref (Size): Size of the references.
        batch (int): How many of each. Default: 1.
    """

    lq: Size
    ref: Size
    batch: int = 1


class Measurement(NamedTuple):
    """What was measured.

    Attributes:
        first (float): Seconds of the first run, which the memory was measured in.
        seconds (list[float]): Of every further run.
        stages (dict[str, list[float]]): The same by stage; they add up to ``seconds``.
        memory (int | None): Bytes that the first run added at its peak to the loaded model and the
            images; None where the system does not tell.
    """

    first: float
    seconds: list[float]
    stages: dict[str, list[float]]
    memory: int | None


def in_child(function: Callable, *arguments: Any, first: Callable | None = None) -> Any:
    """Call a function in a fresh process, whose memory nothing else has used.

    Args:
        function (Callable): A function of a module.
        *arguments (Any): Its arguments; they and the result are sent between the processes.
        first (Callable, optional): A function of a module, to call before. Default: None.

    Returns:
        Any: What the function returns.

    Raises:
        UserError: If the process was killed.
    """
    with ProcessPoolExecutor(1, get_context('spawn'), first) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            raise UserError(
                'the process that measured was killed, most likely for lack of memory; choose '
                'smaller images, or tiles (--tile 128)'
            ) from error


def measure(
    run: Callable[[], Any], timer: StageTimer, device: torch.device, runs: int
) -> Measurement:
    """Run something once for its memory and as a warm-up, then several times for its time.

    Args:
        run (Callable): What to run.
        timer (StageTimer): The timer that sees the stages of ``run``.
        device (torch.device): Where the work is done.
        runs (int): How many runs to take the time of.

    Returns:
        Measurement: Time and memory.
    """

    def timed() -> None:
        with timer.whole():
            run()

    memory = added_peak_memory(timed, device)
    first = sum(timer.seconds().values())
    found = []
    for _ in range(runs):
        timed()
        found.append(timer.seconds())
    stages = {name: [stage[name] for stage in found] for name in found[0]}
    return Measurement(first, [sum(stage.values()) for stage in found], stages, memory)


def measure_inference(
    config: str, options: dict | None, case: Case, variant: Variant, device: str, runs: int
) -> Measurement:
    """Measure the network of a config.

    Args:
        config (str): The config file.
        options (dict, optional): Changes of the config.
        case (Case): What to run it on.
        variant (Variant): How to run it, but for ``give_back``, which is of a whole process.
        device (str): Where.
        runs (int): How many runs to take the time of.

    Returns:
        Measurement: Time and memory.
    """
    place = torch.device(device)
    net = build_network(config, options).to(place).eval()
    arrange(net, variant)
    lq, ref, ref_down = (image.to(place) for image in random_images(net, case))
    timer = StageTimer(Clock(place))
    if variant.compile:
        forward = torch.compile(net)
    elif variant.tile:
        forward = TiledMASANet(net, variant.tile).super_resolve
    else:
        forward = net
    stages = nullcontext() if variant.compile else network_stages(net, timer)
    autocast = torch.autocast(
        place.type, getattr(torch, variant.dtype), enabled=variant.dtype != 'float32'
    )
    with torch.no_grad(), autocast, stages:
        return measure(lambda: forward(lq, ref, ref_down), timer, place, runs)


def measure_training(
    config: str, options: dict | None, case: Case, variant: Variant, device: str, runs: int
) -> Measurement:
    """Measure training steps of a config's editor: loading of data aside, all that a step does.

    Args:
        config (str): The config file.
        options (dict, optional): Changes of the config.
        case (Case): The batch; its HR images have ``scale`` times the size of the LR.
        variant (Variant): How to run it; ``layout``, ``unfolded`` and ``with_cp`` alone have
            a meaning here.
        device (str): Where.
        runs (int): How many steps to take the time of.

    Returns:
        Measurement: Time and memory.
    """
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
    batch = random_batch(editor.generator, case)
    timer = StageTimer(Clock(place))
    with network_stages(editor.generator, timer), training_stages(optimizers, timer):
        return measure(lambda: editor.train_step(batch, optimizers), timer, place, runs)


def arrange(net: MASANet, variant: Variant) -> None:
    """Let a network lie in memory, and match, as a variant says.

    Args:
        net (MASANet): The network; changed in place.
        variant (Variant): The variant.

    Raises:
        UserError: If this network cannot be run so.
    """
    if isinstance(net, PeerNetwork) and (variant.tile or variant.layout or variant.unfolded):
        raise UserError(
            f'{variant.label}: {net.name} has no tiles, layouts and other matching, MASANet has'
        )
    if variant.layout:
        net.layout = LAYOUTS[variant.layout]
    if variant.unfolded:
        net.matching = UnfoldedMatching.like(net.matching)


def measure_yardstick(device: str, runs: int) -> Measurement:
    """Measure eight convolutions, by which one can tell how fast a machine is.

    They are 3×3, 64 to 64 channels, on one image of 512×512, in float32 and NCHW; about a quarter
    of what the network does at an LR of 128×128 and a reference of 512×512. Memory is given back
    to the system, as in any program that is not tuned.

    Args:
        device (str): Where.
        runs (int): How many runs to take the time of.

    Returns:
        Measurement: Time and memory.
    """
    place = torch.device(device)
    layers = nn.Sequential(*(convolution(64, 64) for _ in range(8))).to(place)
    image = torch.rand(1, 64, 512, 512, device=place)
    with torch.no_grad():
        return measure(lambda: layers(image), StageTimer(Clock(place)), place, runs)


def build_network(config: str, options: dict | None = None) -> MASANet | PeerNetwork:
    """Return the generator of a config, its weights random.

    Args:
        config (str): The config file.
        options (dict, optional): Changes of the config. Default: None.

    Returns:
        MASANet | PeerNetwork: The network.

    Raises:
        UserError: If the config has none.
    """
    generator = load_config(config, options).get('model', {}).get('generator')
    net = MODELS.build(generator) if generator else None
    if not isinstance(net, (MASANet, PeerNetwork)):
        raise UserError(f'{config}: its model.generator is no MASANet, so there is nothing to run')
    return net


def check_case(net: MASANet, case: Case) -> None:
    """See whether a network takes images of these sizes.

    Args:
        net (MASANet): The network.
        case (Case): The sizes.

    Raises:
        UserError: If it does not.
    """
    for name, size, divisor in (('lq', case.lq, net.size_divisor), ('ref', case.ref, net.scale)):
        least = tuple(max(1, -(-length // divisor)) * divisor for length in size)
        if tuple(size) != least:
            raise UserError(
                f'{name} of {size[0]}×{size[1]}: height and width must be multiples of {divisor}, '
                f'such as {least[0]}×{least[1]} (testing pads by itself)'
            )


def random_images(net: MASANet, case: Case) -> tuple[Tensor, Tensor, Tensor]:
    """Return images for the network.

    Args:
        net (MASANet): The network.
        case (Case): The sizes.

    Returns:
        tuple[Tensor, Tensor, Tensor]: LR, Ref and Ref↓, each (N, 3, …, …) in [0, 1].
    """
    generator = torch.Generator().manual_seed(0)
    lq, ref = (
        torch.rand(case.batch, 3, *size, generator=generator) for size in (case.lq, case.ref)
    )
    ref_down = F.interpolate(ref, scale_factor=1 / net.scale, mode='bicubic', antialias=True)
    return lq, ref, ref_down.clamp(0, 1)


def random_batch(net: MASANet, case: Case) -> dict:
    """Return a training batch as a dataloader gives it.

    Args:
        net (MASANet): The network.
        case (Case): The sizes.

    Returns:
        dict: ``inputs`` and ``data_samples``, images in [0, 255].
    """
    images = random_images(net, case)
    gt = F.interpolate(images[0], scale_factor=net.scale, mode='nearest')
    pixels = [(image * 255).round().byte() for image in (*images, gt)]
    metainfo = dict(img_channel_order='rgb', gt_channel_order='rgb')
    samples = [
        DataSample(ref_img=ref, ref_down=ref_down, gt_img=gt, metainfo=metainfo)
        for ref, ref_down, gt in zip(*pixels[1:])
    ]
    return dict(inputs=list(pixels[0]), data_samples=samples)
