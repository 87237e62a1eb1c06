"""Time and memory of MASANet and of a training step, in variants that can be compared."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from mmagic.registry import MODELS
from mmengine.optim import build_optim_wrapper
from torch import nn

from ..config import load_config
from ..errors import UserError
from ..models import MASANet
from ..models.convolutions import convolution
from ..models.inference.tiled import TiledMASANet
from ..models.peers import PeerNetwork
from ..models.stages import stages_marked_by
from .cases import Case, build_network, random_batch, random_images
from .memory import added_peak_memory
from .timing import Clock, StageTimer
from .unfolded_matching import UnfoldedMatching
from .variants import LAYOUTS, Variant


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


def measure(
    run: Callable[[], Any], timer: StageTimer, device: torch.device, runs: int
) -> Measurement:
    """Run something once for its memory and as a warm-up, then several times for its time.

    Args:
        run (Callable): What to run.
        timer (StageTimer): The timer; it sees the stages that networks name.
        device (torch.device): Where the work is done.
        runs (int): How many runs to take the time of.

    Returns:
        Measurement: Time and memory.
    """

    def timed() -> None:
        with stages_marked_by(timer.stage), timer.whole():
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
    autocast = torch.autocast(
        place.type, getattr(torch, variant.dtype), enabled=variant.dtype != 'float32'
    )
    with torch.no_grad(), autocast:
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
    with ExitStack() as stack:
        for optimizer in optimizers.values():
            stack.enter_context(timer.wrapped(optimizer, 'backward', 'backward'))
            stack.enter_context(timer.wrapped(optimizer, 'step', 'update'))
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
        net.memory_format = LAYOUTS[variant.layout]
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
