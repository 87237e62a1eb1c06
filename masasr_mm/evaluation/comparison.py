"""All systems of Tables 1 and 2 on one's own data, with equal measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..apis import MASAInferencer
from ..benchmark.cases import Case, build_network
from ..benchmark.fresh_process import in_child
from ..benchmark.measuring import measure_inference
from ..benchmark.timing import spread
from ..benchmark.variants import Variant
from ..datasets import CUFED5Dataset
from ..images.io import read_rgb
from ..models import MASANet
from ..system import keep_freed_memory
from .complexity import network_costs, peer_costs, total
from .lpips import LPIPS
from .real_pairs import Measured, low_resolution, measured


class Photo(NamedTuple):
    """A photo to super-resolve, and what it is compared with.

    Attributes:
        name (str): Its name.
        gt (np.ndarray): HR image, shape (H, W, 3), uint8, RGB; H and W are multiples of 4.
        refs (list[np.ndarray]): References, the most similar one first.
    """

    name: str
    gt: np.ndarray
    refs: list[np.ndarray]


class Costs(NamedTuple):
    """What a method needs, whatever its weights are.

    Attributes:
        parameters (int): Learned numbers.
        operations (int): Multiply-adds of its convolutions and matrix products.
        seconds (float | None): Median time of a forward pass, if it was measured.
        memory (int | None): Bytes that it adds at its peak, if they were measured.
    """

    parameters: int
    operations: int
    seconds: float | None = None
    memory: int | None = None


class Result(NamedTuple):
    """A row of the comparison.

    Attributes:
        method (str): Its name; 'bicubic' for plain enlargement.
        checkpoint (str | None): The file of its weights; None if there was none.
        quality (dict[str, Measured]): For each set of photos the means; empty without weights.
        costs (Costs | None): None for bicubic enlargement.
    """

    method: str
    checkpoint: str | None
    quality: dict[str, Measured]
    costs: Costs | None


def read_photos(folder: str, references: int = 1, limit: int | None = None) -> list[Photo]:
    """Read a folder laid out like CUFED5, or by tools/dataset_converters/make_pairs.py.

    Args:
        folder (str): With ``NAME_0.png`` and the references ``NAME_1.png``, ….
        references (int): How many references to take, from the most similar one on. Default: 1.
        limit (int, optional): How many photos to take. Default: None, all.

    Returns:
        list[Photo]: Sorted by name, cut to multiples of 4.

    Raises:
        UserError: If they are not there.
    """
    photos = []
    for index in range(min(len(dataset := CUFED5Dataset(folder)), limit or len(dataset))):
        item = dataset[index]
        paths = [item['gt_path'], *item['ref_path'][:references]]
        gt, *refs = (read_rgb(path) for path in paths)
        height, width = (length // 4 * 4 for length in gt.shape[:2])
        photos.append(Photo(item['key'], gt[:height, :width], refs))
    return photos


def measure_quality(
    method: str,
    infer: MASAInferencer | Callable[[np.ndarray, list[np.ndarray]], np.ndarray],
    photos: Sequence[Photo],
    distance: LPIPS | None = None,
) -> Iterator[tuple[Measured, np.ndarray]]:
    """Super-resolve photos by one method.

    Args:
        method (str): Its name.
        infer (Callable): Takes an LR image and references, returns the SR image.
        photos (Sequence[Photo]): The photos.
        distance (LPIPS, optional): The perceptual distance. Default: None.

    Yields:
        tuple[Measured, np.ndarray]: The metrics of one photo, and its SR image.
    """
    for photo in photos:
        sr = infer(low_resolution(photo.gt), photo.refs)
        yield measured((method, photo.name, ''), photo.gt, sr, distance), sr


def mean_quality(found: Sequence[Measured]) -> Measured:
    """Average metrics over photos.

    Args:
        found (Sequence[Measured]): Of one method, at least one.

    Returns:
        Measured: Their means; its pair is 'mean'.
    """
    means = {
        key: None
        if getattr(found[0], key) is None
        else float(np.mean([getattr(m, key) for m in found]))
        for key in ('psnr', 'ssim', 'lpips')
    }
    return found[0]._replace(pair='mean', **means)


def measure_costs(config: str, case: Case, device: str, runs: int) -> Costs:
    """Count a method's parameters and operations, and measure its time and memory.

    Args:
        config (str): Its config file.
        case (Case): Sizes of the LR image and the reference.
        device (str): Where it is run.
        runs (int): How many runs to take the time of; with 0 nothing is run.

    Returns:
        Costs: What it needs.
    """
    net = build_network(config)
    count = network_costs if isinstance(net, MASANet) else peer_costs
    whole = total(count(net, case.lq, case.ref))
    if not runs:
        return Costs(whole.parameters, whole.as_run)
    arguments = (config, None, case, Variant(), device, runs)
    found = in_child(measure_inference, *arguments, first=keep_freed_memory)
    return Costs(whole.parameters, whole.as_run, spread(found.seconds).median, found.memory)
