"""Checkpoints in the authors' released format, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor

from ..errors import UserError
from ..models.masa_net import MASANet
from .state_dicts import PREFIX


def _module_names() -> Iterator[tuple[str, str]]:
    """Yield the name of every convolution: the released one, and ours inside ``MASANet``."""
    for level in range(3):
        yield f'enc.conv_L{level + 1}', f'encoder.levels.{level}.0'
        yield f'decoder.conv_L{level + 1}', f'lr_pyramid.levels.{level}.0'
        for block, conv in _convolutions(4):
            yield f'enc.blk_L{level + 1}.{block}.{conv}', f'encoder.levels.{level}.2.{block}.{conv}'
        for block, conv in _convolutions(2):
            ours = f'lr_pyramid.levels.{level}.2.{block}.{conv}'
            yield f'decoder.blk_L{level + 1}.{block}.{conv}', ours
    for index, (scale, count) in enumerate(((1, 12), (2, 8), (4, 4))):
        for block, conv in _convolutions(count):
            yield f'decoder.blk_x{scale}.{block}.{conv}', f'refinements.{index}.{block}.{conv}'
    for index, scale in enumerate((2, 4)):
        for letter, branch in (('a', 'ref_branch'), ('b', 'lr_branch')):
            for direction in ('down', 'up'):
                released = f'decoder.dram_x{scale}.conv_{direction}_{letter}'
                yield released, f'aggregations.{index}.{branch}.{direction}'
        yield f'decoder.dram_x{scale}.conv_cat', f'aggregations.{index}.merge'
    yield 'decoder.merge_warp_x1', 'merge.0'
    yield 'decoder.conv_out', 'to_image'
    yield 'decoder.pAda.conv_shared.0', 'adaptation.style.0'
    yield 'decoder.pAda.conv_gamma', 'adaptation.gamma'
    yield 'decoder.pAda.conv_beta', 'adaptation.beta'


def _convolutions(blocks: int) -> Iterator[tuple[int, str]]:
    return ((block, conv) for block in range(blocks) for conv in ('conv1', 'conv2'))


def _swap_red_and_blue(released_key: str, value: Tensor) -> Tensor:
    """Exchange BGR and RGB in the two convolutions that see an image."""
    if released_key == 'enc.conv_L1.weight':
        return value.flip(1)
    if released_key.startswith('decoder.conv_out.'):
        return value.flip(0)
    return value


def _key_pairs() -> list[tuple[str, str]]:
    return [
        (f'{released}.{kind}', f'{PREFIX}{ours}.{kind}')
        for released, ours in _module_names()
        for kind in ('weight', 'bias')
    ]


def is_released(state_dict: Mapping[str, Tensor]) -> bool:
    """Tell whether a state dict looks like one of the authors'.

    Args:
        state_dict (Mapping[str, Tensor]): Keys with or without the prefix ``module.``.

    Returns:
        bool: Whether any key is one of theirs.
    """
    released = {key for key, _ in _key_pairs()}
    return any(key.removeprefix('module.') in released for key in state_dict)


def from_released(state_dict: Mapping[str, Tensor], name: str = 'the checkpoint') -> dict:
    """Convert the authors' state dict (BGR) to ours (RGB).

    Args:
        state_dict (Mapping[str, Tensor]): Keys with or without the prefix ``module.``.
        name (str): What to call it in an error. Default: 'the checkpoint'.

    Returns:
        dict[str, Tensor]: Every key under ``generator.``.

    Raises:
        UserError: If a key is missing, unknown, or has another shape than the released network's.
    """
    state_dict = {key.removeprefix('module.'): value for key, value in state_dict.items()}
    pairs = _key_pairs()
    _check(state_dict, dict(pairs), name, 'released')
    return {
        ours: _swap_red_and_blue(released, state_dict[released]).contiguous()
        for released, ours in pairs
    }


def to_released(state_dict: Mapping[str, Tensor], name: str = 'the checkpoint') -> dict:
    """Convert our state dict (RGB) to the authors' (BGR); undoes :func:`from_released` to the bit.

    Args:
        state_dict (Mapping[str, Tensor]): Ours; keys outside ``generator.`` are left out.
        name (str): What to call it in an error. Default: 'the checkpoint'.

    Returns:
        dict[str, Tensor]: The released keys, without prefix.

    Raises:
        UserError: If the generator is not the paper's network.
    """
    state_dict = {key: value for key, value in state_dict.items() if key.startswith(PREFIX)}
    pairs = _key_pairs()
    _check(state_dict, {ours: ours for _, ours in pairs}, name, 'MASANet')
    return {
        released: _swap_red_and_blue(released, state_dict[ours]).contiguous()
        for released, ours in pairs
    }


def _check(state_dict: Mapping, expected: Mapping[str, str], name: str, kind: str) -> None:
    """Compare keys and shapes with those of the paper's network; ``expected`` maps keys to ours."""
    shapes = {PREFIX + key: value.shape for key, value in MASANet().state_dict().items()}
    for key, ours in expected.items():
        if key not in state_dict:
            raise UserError(f"{name} is no {kind} checkpoint of MASA-SR: it has no key '{key}'")
        shape = tuple(getattr(state_dict[key], 'shape', ()))
        if shape != tuple(shapes[ours]):
            raise UserError(
                f"{name}: '{key}' has shape {shape}, the network needs {tuple(shapes[ours])}"
            )
    unknown = next((key for key in state_dict if key not in expected), None)
    if unknown is not None:
        raise UserError(f"{name} is no {kind} checkpoint of MASA-SR: unknown key '{unknown}'")
