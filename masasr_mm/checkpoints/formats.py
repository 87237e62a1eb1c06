"""Formats of checkpoints: that of MASA-SR's authors, those of other networks, and ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import UserError
from ..models.masa_net import MASANet
from ..tensor_files import check_finite

PREFIX = 'generator.'
"""How the names of the network's weights begin in a checkpoint of the editor."""
NETWORK, EXTRACTOR = f'{PREFIX}network.', f'{PREFIX}extractor.'
"""Where our checkpoints hold the weights of other networks."""


def in_our_format(state_dict: Mapping[str, Tensor], name: str) -> dict[str, Tensor] | None:
    """Return published weights under our names (``generator.…``); None for any other format."""
    keys = {key.removeprefix('module.') for key in state_dict}
    if keys & _released_to_ours().keys():
        return from_released(state_dict, name)
    known = next((known for known in FORMATS if known.mark in keys), None)
    return None if known is None else known.convert(state_dict)


def from_released(
    state_dict: Mapping[str, Tensor], name: str = 'the checkpoint'
) -> dict[str, Tensor]:
    """Convert the state dict of MASA-SR's authors (BGR) to ours (RGB).

    Args:
        state_dict (Mapping[str, Tensor]): Keys with or without the prefix ``module.``.
        name (str): What to call it in an error. Default: 'the checkpoint'.

    Returns:
        dict[str, Tensor]: Every key under ``generator.``.

    Raises:
        UserError: If a key is missing, unknown, or has another shape than the released network's.
    """
    state_dict = {key.removeprefix('module.'): value for key, value in state_dict.items()}
    pairs = _released_to_ours()
    _check(state_dict, pairs, name, 'released')
    return {
        ours: _swap_red_and_blue(released, state_dict[released]).contiguous()
        for released, ours in pairs.items()
    }


def to_released(
    state_dict: Mapping[str, Tensor], name: str = 'the checkpoint'
) -> dict[str, Tensor]:
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
    pairs = _released_to_ours()
    _check(state_dict, {ours: ours for ours in pairs.values()}, name, 'MASANet')
    return {
        released: _swap_red_and_blue(released, state_dict[ours]).contiguous()
        for released, ours in pairs.items()
    }


def from_mmagic(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the weights of mmagic's editor of another network our names; ours keep theirs."""
    if any(key.startswith(NETWORK) for key in state_dict):
        return dict(state_dict)
    renamed = {}
    for key, value in state_dict.items():
        for theirs, ours in (PREFIX, NETWORK), ('extractor.', EXTRACTOR):
            if key.startswith(theirs):
                renamed[ours + key.removeprefix(theirs)] = value
    return renamed


def _check(state_dict: Mapping, expected: Mapping[str, str], name: str, kind: str) -> None:
    """Compare with the paper's network; ``expected`` maps keys to ours."""
    with torch.device('meta'):
        shapes = {PREFIX + key: value.shape for key, value in MASANet().state_dict().items()}
    for key, ours in expected.items():
        if key not in state_dict:
            raise UserError(f"{name} is no {kind} checkpoint of MASA-SR: it has no key '{key}'")
        shape = tuple(getattr(state_dict[key], 'shape', ()))
        if shape != tuple(shapes[ours]):
            raise UserError(
                f"{name}: '{key}' has shape {shape}, the network needs {tuple(shapes[ours])}"
            )
        check_finite(state_dict[key], key, name)
    unknown = next((key for key in state_dict if key not in expected), None)
    if unknown is not None:
        raise UserError(f"{name} is no {kind} checkpoint of MASA-SR: unknown key '{unknown}'")


@cache
def _released_to_ours() -> dict[str, str]:
    return {
        f'{released}.{kind}': f'{PREFIX}{ours}.{kind}'
        for released, ours in _module_names()
        for kind in ('weight', 'bias')
    }


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


class Format(NamedTuple):
    """A published format, known by a key (``mark``) that no other has.

    ``names`` are patterns and replacements, in order; what does not become ours is left out.
    ``bias_range`` is what white is to that network, which is ours but for its biases.
    """

    mark: str
    names: tuple[tuple[str, str], ...]
    bias_range: float = 1.0

    def convert(self, state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights of the network under our names; what only a training needs stays."""
        renamed = {}
        for key, value in state_dict.items():
            name = key.removeprefix('module.')
            for pattern, replacement in self.names:
                name = re.sub(pattern, replacement, name)
            if name.startswith((NETWORK, EXTRACTOR)):
                is_bias = self.bias_range != 1 and name.endswith('.bias')
                renamed[name] = value / self.bias_range if is_bias else value
        return renamed


RDN = (
    (r'^SFENet(\d)', rf'{NETWORK}sfe\1'),
    (r'^RDBs\.(\d+)\.convs\.(\d+)\.conv\.0', rf'{NETWORK}rdbs.\1.layers.\2.conv'),
    (r'^RDBs\.(\d+)\.LFF', rf'{NETWORK}rdbs.\1.lff'),
    (r'^GFF', f'{NETWORK}gff'),
    (r'^UPNet\.4', f'{NETWORK}output'),
    (r'^UPNet', f'{NETWORK}upscale'),
)
ESRGAN = (
    (r'^RRDB_trunk\.(\d+)\.RDB(\d)', rf'{NETWORK}body.\1.rdb\2'),
    (r'^trunk_conv', f'{NETWORK}conv_body'),
    (r'^upconv(\d)', rf'{NETWORK}conv_up\1'),
    (r'^HRconv', f'{NETWORK}conv_hr'),
    (r'^(conv_first|conv_last)', rf'{NETWORK}\1'),
)
OLD_ESRGAN = (
    (r'^model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0', rf'{NETWORK}body.\1.rdb\2.conv\3'),
    (r'^model\.1\.sub\.\d+', f'{NETWORK}conv_body'),
    (r'^model\.0', f'{NETWORK}conv_first'),
    (r'^model\.3', f'{NETWORK}conv_up1'),
    (r'^model\.6', f'{NETWORK}conv_up2'),
    (r'^model\.8', f'{NETWORK}conv_hr'),
    (r'^model\.10', f'{NETWORK}conv_last'),
)
# Theirs numbers the sizes 1×, 2× and 4× from 1 to 3, ours names the last two 2 and 4, but for the
# stages themselves.
TTSR = (
    (r'^LTE\.sub_mean', f'{EXTRACTOR}img_normalize'),
    (r'^LTE\.', EXTRACTOR),
    (r'^MainNet\.SFE\.conv_head', f'{NETWORK}sfe.conv_first'),
    (r'^MainNet\.SFE\.RBs', f'{NETWORK}sfe.body'),
    (r'^MainNet\.SFE\.conv_tail', f'{NETWORK}sfe.conv_last'),
    (r'^MainNet\.conv12\.', f'{NETWORK}up1.upsample_conv.'),
    (r'^MainNet\.conv23\.', f'{NETWORK}up2.upsample_conv.'),
    (r'^MainNet\.conv(\d)\d_head', rf'{NETWORK}conv_first\1'),
    (r'^MainNet\.(conv|RB)11', rf'{NETWORK}\g<1>1'),
    (r'^MainNet\.(conv|RB)([23])(\d)', rf'{NETWORK}\g<1>\2_\3'),
    (r'network\.conv(\d(?:_\d)?)_tail', r'network.conv_last\1'),
    (r'network\.RB', 'network.res_block'),
    (r'^MainNet\.ex12\.conv(\d)(\d)', rf'{NETWORK}csfi2.conv\1to\2'),
    (r'^MainNet\.ex123\.conv(\d)(\d)', rf'{NETWORK}csfi3.conv\1to\2'),
    (r'^MainNet\.ex12\.', f'{NETWORK}csfi2.'),
    (r'^MainNet\.ex123\.', f'{NETWORK}csfi3.'),
    (r'^MainNet\.merge_tail\.conv(\d)(\d)', rf'{NETWORK}merge_features.conv\1to\2'),
    (r'^MainNet\.merge_tail\.conv_tail', f'{NETWORK}merge_features.conv_last'),
    (r'^MainNet\.merge_tail\.', f'{NETWORK}merge_features.'),
    (r'(csfi3|merge_features)\.conv(.*)3', r'\1.conv\g<2>4'),
    (r'csfi3\.conv3', 'csfi3.conv4'),
)
FORMATS = (
    Format('body.0.body.0.body.3.conv_du.0.weight', ((r'^', NETWORK),)),  # RCAN and HAN
    Format('SFENet1.weight', RDN, bias_range=255.0),
    Format('RRDB_trunk.0.RDB1.conv1.weight', ESRGAN),
    Format('model.1.sub.0.RDB1.conv1.0.weight', OLD_ESRGAN),
    Format('MainNet.SFE.conv_head.weight', TTSR),
)
