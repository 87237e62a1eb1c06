"""Published checkpoints of the networks that MASA is compared with: mmagic's and the authors'."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from .state_dicts import PREFIX

NETWORK, EXTRACTOR = f'{PREFIX}network.', f'{PREFIX}extractor.'
"""Where the published weights are in our checkpoints."""


class Format(NamedTuple):
    """A published format.

    Attributes:
        mark (str): A key that only this format has.
        names (tuple[tuple[str, str], ...]): Patterns of its keys and what they are replaced by, one
            after another; a key that does not end up among ours is left out.
        bias_range (float): What white is to the network, where ours works in [0, 1] and is as it
            is but for the biases. Default: 1.
    """

    mark: str
    names: tuple[tuple[str, str], ...]
    bias_range: float = 1.0


ALL = ((r'^', NETWORK),)
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
    Format('body.0.body.0.body.3.conv_du.0.weight', ALL),  # RCAN and HAN
    Format('SFENet1.weight', RDN, bias_range=255.0),
    Format('RRDB_trunk.0.RDB1.conv1.weight', ESRGAN),
    Format('model.1.sub.0.RDB1.conv1.0.weight', OLD_ESRGAN),
    Format('MainNet.SFE.conv_head.weight', TTSR),
)


def is_published(state_dict: Mapping[str, Tensor]) -> bool:
    """Tell whether a state dict is from the authors of a network that MASA is compared with.

    Args:
        state_dict (Mapping[str, Tensor]): Keys with or without the prefix ``module.``.

    Returns:
        bool: Whether it is.
    """
    return _format_of(state_dict) is not None


def from_published(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the weights of RCAN, HAN, RDN, ESRGAN or TTSR, as their authors publish them, to ours.

    Args:
        state_dict (Mapping[str, Tensor]): One for which :func:`is_published` is true.

    Returns:
        dict[str, Tensor]: Every key under ``generator.``; what only a training needs is left out.
    """
    found = _format_of(state_dict)
    renamed = {}
    for key, value in state_dict.items():
        name = key.removeprefix('module.')
        for pattern, replacement in found.names:
            name = re.sub(pattern, replacement, name)
        if name.startswith((NETWORK, EXTRACTOR)):
            is_bias = found.bias_range != 1 and name.endswith('.bias')
            renamed[name] = value / found.bias_range if is_bias else value
    return renamed


def from_mmagic(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the weights of a checkpoint of mmagic to ours, if they are not ours.

    Args:
        state_dict (Mapping[str, Tensor]): Of mmagic's editor of the network.

    Returns:
        dict[str, Tensor]: The network's keys under ``generator.network.``, TTSR's extractor under
        ``generator.extractor.``, and no discriminator; one of ours as it is.
    """
    if any(key.startswith(NETWORK) for key in state_dict):
        return dict(state_dict)
    renamed = {}
    for key, value in state_dict.items():
        for theirs, ours in (PREFIX, NETWORK), ('extractor.', EXTRACTOR):
            if key.startswith(theirs):
                renamed[ours + key.removeprefix(theirs)] = value
    return renamed


def _format_of(state_dict: Mapping[str, Tensor]) -> Format | None:
    keys = {key.removeprefix('module.') for key in state_dict}
    return next((known for known in FORMATS if known.mark in keys), None)
