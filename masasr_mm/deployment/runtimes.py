"""Exported networks in the place of the one of PyTorch, run by onnxruntime or OpenVINO."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from mmagic.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor

from ..compat import keep_signal_stack
from ..errors import UserError
from ..models.inference.super_resolve import pad_to
from ..models.masa_net import MASANet
from ..models.matching import Matches
from ..models.sizes import SizeRequirements
from ..photos.inferencer import MASAInferencer
from ..system import free_memory
from ..version import __version__

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from openvino import CompiledModel, Model, Output

KEY = 'masasr_mm'
"""Under which the files hold it."""
INPUTS = ('lq', 'ref', 'ref_down')
OUTPUTS = ('sr', 'coarse_index', 'fine_index', 'position', 'similarity')
Size = tuple[int, int]
ON_CPU = 'CPUExecutionProvider'
PROVIDERS = {
    'cuda': ('CUDAExecutionProvider', 'ROCMExecutionProvider'),
    'dml': ('DmlExecutionProvider',),
    'cpu': (ON_CPU,),
}
"""What of onnxruntime runs a network, by the name of the device; NVIDIA's and AMD's GPUs have the
same name in PyTorch, ``dml`` is any GPU on Windows. Without a name the first that is there runs
it."""
TYPES = dict(float32='f32', bfloat16='bf16', float16='f16')
"""OpenVINO's names of types in its settings."""
UNITS = dict(float32='FP32', bfloat16='BF16', float16='FP16')
"""OpenVINO's names of types among the capabilities of a device."""
COMPILED = 2
"""For how many sizes the matching stays compiled; the self-ensemble has two."""
MATCHES = OUTPUTS[1:]
ENLARGED = 'enlarged'
PASSED_ON = ('position', 'similarity', ENLARGED)
"""What the fuse subgraph takes from the match subgraph."""
# Features of the SR image's and of the reference's size that are held at most while the decoder and
# the encoder run, and copies of all similarities of Stage 1; measured as added memory.
DECODER_FEATURES, LR_FEATURES, REF_FEATURES, SIMILARITIES = 16, 2.5, 5.5, 4.5


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
        return cls(
            *sizes,
            network.to_image.in_channels,
            network.matching.block_size,
            lq_size and sizes.lq_size(lq_size),
            ref_size and sizes.ref_size(ref_size),
        )

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


class ExportedGenerator(BaseModule):
    """Run a file of tools/deployment/export.py where the editor ``MASA`` has its generator.

    Images come and go in main memory.

    Args:
        path (str | os.PathLike): The file.
        text (str, optional): What the file holds of :class:`.Interface`.
        in_main_memory (bool): Whether the network runs in the main memory, too. Default: True.

    Raises:
        UserError: If the file does not hold its sizes.
    """

    supports_tiles = False
    tells_matches = True

    def __init__(
        self, path: str | os.PathLike, text: str | None, in_main_memory: bool = True
    ) -> None:
        super().__init__()
        self.path = str(path)
        self.interface = Interface.from_text(text, self.path)
        self.scale = self.interface.scale
        self.size_divisor = self.interface.size_divisor
        self.min_ref_down = self.interface.min_ref_down
        self.in_main_memory = in_main_memory

    def run(self, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Return :data:`.OUTPUTS` for float32 images by the names of :data:`.INPUTS`."""
        raise NotImplementedError

    def super_resolve(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> tuple[Tensor, Matches]:
        """Do what ``MASANet.super_resolve`` does, on one image.

        Images that are smaller than a fixed size are padded to it by their last row and column,
        which changes the statistics of SAM, and so the result a little.
        """
        size, grid = lq.shape[2:], ref_down.shape[2:]
        lq_size = self._fixed('lq', size, self.interface.lq_size)
        ref_size = self._fixed('ref', ref.shape[2:], self.interface.ref_size)
        ref_grid = [length // self.scale for length in ref_size]
        if self.in_main_memory:
            self._check_memory(lq_size, ref_size)
        images = (pad_to(lq, *lq_size), pad_to(ref, *ref_size), pad_to(ref_down, *ref_grid))
        feeds = {name: image.contiguous().float().numpy() for name, image in zip(INPUTS, images)}
        sr, coarse_index, fine_index, position, similarity = map(torch.from_numpy, self.run(feeds))
        block = fine_index.shape[2:]
        matches = Matches(
            _without_padding(coarse_index, ref_grid, grid),
            fine_index,
            _without_padding(position, ref_grid, grid),
            similarity,
            tuple(length // side for length, side in zip(lq_size, block)),
            tuple(grid),
        )
        rows, columns = (slice(0, length // side) for length, side in zip(size, block))
        height, width = (length * self.scale for length in size)
        return sr[..., :height, :width], matches.crop(rows, columns)

    def _check_memory(self, lq_size: Size, ref_size: Size) -> None:
        """Refuse what takes more than there is, whole and with all blocks matched at once."""
        channels, block, scale = self.interface.channels, self.interface.block_size, self.scale
        pixels, ref_pixels = lq_size[0] * lq_size[1], ref_size[0] * ref_size[1]
        sr_feature, ref_feature = 4 * channels * scale**2 * pixels, 4 * channels * ref_pixels
        needed = max(
            LR_FEATURES * sr_feature + REF_FEATURES * ref_feature,
            SIMILARITIES * 4 * (pixels / block**2) * (ref_pixels / scale**2),
            DECODER_FEATURES * sr_feature,
        )
        free = free_memory(torch.device('cpu'))
        if needed > free:
            raise UserError(
                f'a photo of {lq_size[1]}×{lq_size[0]} with references of '
                f'{ref_size[1]}×{ref_size[0]} pixels in all takes about {needed / 1e9:.1f} GB with '
                f'{self.path}, of which {free / 1e9:.1f} are free: take a smaller photo or fewer '
                'references, or the checkpoint that it was exported from, which runs in tiles'
            )

    def _fixed(self, name: str, size: Size, fixed: Size | None) -> Size:
        """Return the size that an image is padded to."""
        if fixed is None:
            return tuple(size)
        if size[0] > fixed[0] or size[1] > fixed[1]:
            raise UserError(
                f'{self.path} takes a {name} of at most {fixed[1]}×{fixed[0]}, this one is '
                f'{size[1]}×{size[0]}; export the network without --{name} for any size'
            )
        return fixed


def _without_padding(index: Tensor, padded: list[int], grid: tuple[int, int]) -> Tensor:
    """Return flat indices into a padded grid as indices of the same pixels without padding."""
    rows = (index // padded[1]).clamp(max=grid[0] - 1)
    return rows * grid[1] + (index % padded[1]).clamp(max=grid[1] - 1)


@MODELS.register_module()
class ONNXGenerator(ExportedGenerator):
    """Run an ONNX file of tools/deployment/export.py where the editor ``MASA`` has its generator.

    Args:
        path (str | os.PathLike): The file.
        device (str, optional): 'cpu', 'cuda' or 'dml', with a number if there are several, such as
            'cuda:1'; None is the best there is. Default: 'cpu'.

    Raises:
        UserError: If onnxruntime is missing or cannot use the device, or the file is no such file.
    """

    def __init__(self, path: str | os.PathLike, device: str | None = 'cpu') -> None:
        session = open_session(str(path), device)
        text = session.get_modelmeta().custom_metadata_map.get(KEY)
        super().__init__(path, text, session.get_providers()[0] == ON_CPU)
        self.session = session

    def run(self, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:  # noqa: D102
        return self.session.run(None, feeds)


def open_session(path: str, device: str | None = None) -> InferenceSession:
    """Open an ONNX file; a device that is not named falls back to the CPU."""
    if not Path(path).is_file():
        raise UserError(f'ONNX file not found: {path}')
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(
            'running an ONNX file needs onnxruntime: pip install -r requirements/export.txt'
        ) from error
    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    provider, number = choose_provider(onnxruntime.get_available_providers(), device)
    wanted = [ON_CPU] if provider == ON_CPU else [(provider, dict(device_id=number)), ON_CPU]
    try:
        session = onnxruntime.InferenceSession(path, options, providers=wanted)
    except Exception as error:  # its errors have no common class that is public
        reason = str(error).strip().splitlines()[0]
        raise UserError(f'{path}: not an ONNX file that can be run ({reason})') from error
    if device is not None and session.get_providers()[0] != provider:
        raise UserError(
            f'device {device} cannot be used: onnxruntime has {provider}, but it does not start; '
            'see that the GPU and its libraries are there'
        )
    return session


def choose_provider(available: list[str], device: str | None) -> tuple[str, int]:
    """Return which of the available providers runs a network, and the number of its device."""
    name, _, number = (device or '').partition(':')
    if (name and name not in PROVIDERS) or not (number or '0').isdecimal():
        raise UserError(
            f'device {device} cannot be used: onnxruntime runs on {", ".join(PROVIDERS)}'
        )
    for provider in PROVIDERS[name] if name else sum(PROVIDERS.values(), ()):
        if provider in available:
            return provider, int(number or 0)
    raise UserError(
        f'device {device} cannot be used: this onnxruntime has {", ".join(available)}; '
        'onnxruntime-gpu has CUDA, onnxruntime-directml any GPU on Windows'
    )


@MODELS.register_module()
class OpenVINOGenerator(ExportedGenerator):
    """Run OpenVINO files of tools/deployment/export.py where the editor ``MASA`` has its generator.

    The matching is done in float32. It is compiled for every size, since OpenVINO (2026.4) has no
    convolution whose kernels and sizes are both free; the rest is compiled once.

    Args:
        path (str | os.PathLike): The file, ``*.xml``.
        device (str): 'cpu', or another that OpenVINO has, such as 'gpu'. Default: 'cpu'.
        dtype (str): Of all but the matching: 'float32', 'bfloat16' or 'float16', or 'auto', which
            is bfloat16 on a device that has units for it, else float32. Default: 'float32'.

    Raises:
        UserError: If openvino is missing, has no such device or the device no such type, or the
            file is no such file.
    """

    def __init__(
        self, path: str | os.PathLike, device: str = 'cpu', dtype: str = 'float32'
    ) -> None:
        model, text = read_openvino(path)
        available = import_openvino().Core().available_devices
        name = device.upper()
        if name not in available:
            raise UserError(
                f'device {device} cannot be used: OpenVINO finds {", ".join(available).lower()}'
            )
        super().__init__(path, text, name == 'CPU')
        self.device_name = name
        self.dtype = choose_dtype(dtype, name)
        self._matching = match_subgraph(model)
        self._matching_for = lru_cache(COMPILED)(self._compile_matching)
        self._fusion = self._compile(fuse_subgraph(model), self.dtype)

    def run(self, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:  # noqa: D102
        images = {name: feeds[name] for name in ('lq', 'ref_down')}
        sizes = (image.shape for image in images.values())
        found = _infer(self._matching_for(*sizes), images)
        passed_on = {name: found[name] for name in PASSED_ON}
        sr = _infer(self._fusion, {**feeds, **passed_on})['sr']
        return [sr, *(found[name] for name in MATCHES)]

    def _compile_matching(self, lq: Sequence[int], ref_down: Sequence[int]) -> CompiledModel:
        """Return the match subgraph compiled for images of these sizes."""
        model = self._matching.clone()
        model.reshape(dict(lq=list(lq), ref_down=list(ref_down)))
        return self._compile(model, 'float32')

    def _compile(self, model: Model, dtype: str) -> CompiledModel:
        options = dict(INFERENCE_PRECISION_HINT=TYPES[dtype])
        if self.device_name == 'CPU':
            options['INFERENCE_NUM_THREADS'] = torch.get_num_threads()
        with keep_signal_stack():
            return import_openvino().compile_model(model, self.device_name, options)


def read_openvino(path: str | os.PathLike) -> tuple[Model, str | None]:
    """Read a file ``*.xml`` with its weights, ``*.bin``, and the text of its interface."""
    weights = Path(path).with_suffix('.bin')
    if not Path(path).is_file():
        raise UserError(f'OpenVINO file not found: {path}')
    if not weights.is_file():
        raise UserError(f'{path}: its weights, {weights.name}, are not beside it')
    openvino = import_openvino()
    try:
        model = openvino.Core().read_model(path, weights)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise UserError(f'{path}: not an OpenVINO file that can be run ({reason})') from error
    return model, model.get_rt_info(KEY).astype(str) if model.has_rt_info(KEY) else None


def import_openvino() -> ModuleType:
    """Import OpenVINO, or say how to install it."""
    try:
        import openvino
    except ImportError as error:
        raise UserError(
            'files of OpenVINO need openvino: pip install -r requirements/openvino.txt'
        ) from error
    return openvino


def choose_dtype(dtype: str, device: str) -> str:
    """Return the type to compute in on a device of OpenVINO; 'auto' chooses."""
    if dtype not in (*UNITS, 'auto'):
        raise UserError(f'dtype must be one of auto, {", ".join(UNITS)}, not {dtype}')
    there = import_openvino().Core().get_property(device, 'OPTIMIZATION_CAPABILITIES')
    if dtype == 'auto':
        return 'bfloat16' if UNITS['bfloat16'] in there else 'float32'
    if UNITS[dtype] not in there and dtype != 'float32':
        raise UserError(f'dtype {dtype} cannot be used: {device} has no units for it')
    return dtype


def match_subgraph(model: Model) -> Model:
    """Return what is computed in float32: the matching, and the enlarged LR image.

    In bfloat16 a bright pixel of the enlarged image would be rounded to half a step of 8 bits. It
    takes ``lq`` and ``ref_down`` and returns :data:`MATCHES` and :data:`ENLARGED`.
    """
    from openvino import Model, opset13

    whole = model.clone()
    images = [whole.input(name).node for name in ('lq', 'ref_down')]
    enlarged = opset13.result(_source(whole, ENLARGED), ENLARGED)
    enlarged.output(0).set_names({ENLARGED})
    return Model([*(whole.output(name).node for name in MATCHES), enlarged], images)


def fuse_subgraph(model: Model) -> Model:
    """Return what makes ``sr`` of the images and :data:`PASSED_ON`."""
    from openvino import Model, opset13

    whole, given = model.clone(), []
    for name in PASSED_ON:
        source = _source(whole, name)
        shape, kind = source.get_partial_shape(), source.get_element_type()
        given.append(opset13.parameter(shape, kind, name))
        given[-1].output(0).set_names({name})
        for user in source.get_target_inputs():
            user.replace_source_output(given[-1].output(0))
    return Model([whole.output('sr').node], whole.get_parameters() + given)


def _source(model: Model, name: str) -> Output:
    """Return where a model computes one of :data:`PASSED_ON`."""
    if name != ENLARGED:
        return model.output(name).node.input_value(0)
    both = model.output('sr').node.input_value(0).get_node().input_values()
    [enlarged] = [part for part in both if part.get_node().get_type_name() == 'Interpolate']
    return enlarged


def _infer(model: CompiledModel, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run a model; the results are copies, which no later run changes."""
    found = model.create_infer_request().infer(feeds)
    return {output.get_any_name(): array for output, array in found.items()}


class ExportedInferencer(MASAInferencer):
    """Do what :class:`~masasr_mm.apis.MASAInferencer` does with an exported network.

    A file ``*.xml`` is run by OpenVINO, another one by onnxruntime.

    Args:
        path (str | os.PathLike): A file that tools/deployment/export.py wrote.
        align (str): As in :class:`~masasr_mm.apis.MASAInferencer`; a file with fixed sizes takes
            references as they are. Default: 'auto'.
        device (str, optional): As in :class:`ONNXGenerator` or :class:`OpenVINOGenerator`.
            Default: None, the best that onnxruntime has, or OpenVINO's CPU.
        dtype (str): As in :class:`OpenVINOGenerator`; onnxruntime computes in float32, which is its
            'auto', too. Default: 'float32'.

    Raises:
        UserError: If it cannot be run, or not in this type.

    Examples:
        >>> infer = ExportedInferencer('masa.xml', dtype='auto')
        >>> sr = infer('blurry.jpg', ['sharp.jpg'])  # (4·H, 4·W, 3) uint8, RGB
    """

    def __init__(
        self,
        path: str | os.PathLike,
        align: str = 'auto',
        device: str | None = None,
        dtype: str = 'float32',
    ) -> None:
        self._runtime = device, dtype
        super().__init__(path, device='cpu', test_cfg={}, align=align)
        if self.generator.interface.ref_size is not None:
            self.align = 'off'  # what is stacked may be larger than the references

    def save_pretrained(
        self, folder: str | os.PathLike, dtype: torch.dtype = torch.float32
    ) -> None:
        """Refuse: an exported network holds no weights in this layout."""
        raise UserError(
            f'{self.generator.path}: an exported network holds no weights in this layout; save the '
            'checkpoint that it was exported from'
        )

    def _build(
        self, checkpoint: str | os.PathLike, config: str | None
    ) -> tuple[ExportedGenerator, dict]:
        """Open the file, which holds its weights."""
        device, dtype = self._runtime
        if Path(checkpoint).suffix == '.xml':
            return OpenVINOGenerator(checkpoint, device or 'cpu', dtype), {}
        if dtype not in ('float32', 'auto'):
            raise UserError(f'dtype {dtype} cannot be used: {checkpoint} is a network in float32')
        return ONNXGenerator(checkpoint, device), {}
