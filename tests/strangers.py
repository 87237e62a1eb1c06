"""Checkpoints that somebody made to do harm, and a network that fits none of them."""

from __future__ import annotations

import builtins
import io
import os
import pickle
import zipfile
from pathlib import Path

import torch


class Call:
    """Calls a function with arguments when it is unpickled."""

    def __init__(self, function, *arguments) -> None:
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def evil_files(folder: Path, mark: Path) -> dict[str, Path]:
    """Write files whose code would make the file ``mark`` if it were run, each in its way."""
    command = f'touch {mark}'
    calls = dict(
        system=Call(os.system, command),
        evaluate=Call(builtins.eval, f'__import__("os").system({command!r})'),
        attribute=Call(getattr(os, 'popen'), command),  # noqa: B009
    )
    paths = {name: folder / f'{name}.pth' for name in (*calls, 'plain', 'weight')}
    for name, call in calls.items():
        torch.save(dict(state_dict=call, meta={}), paths[name])
    paths['plain'].write_bytes(pickle.dumps(calls['system'], protocol=2))
    weights = {'generator.encoder.levels.0.0.weight': calls['system']}
    torch.save(dict(state_dict=weights), paths['weight'], _use_new_zipfile_serialization=False)
    return paths


def compressed(path: Path, megabytes: int) -> Path:
    """Write a checkpoint of zeros that is small on the disk and large when it is unpacked."""
    content = io.BytesIO()
    torch.save({'generator.x': torch.zeros(megabytes * 2**18)}, content)
    with zipfile.ZipFile(content) as source, zipfile.ZipFile(path, 'w') as target:
        for part in source.infolist():
            target.writestr(part.filename, source.read(part), zipfile.ZIP_DEFLATED)
    return path


def legacy_claim(path: Path, numel: int) -> Path:
    """Write a checkpoint in torch's old format whose storage claims to hold ``numel`` numbers."""
    content = io.BytesIO()
    torch.save({'generator.x': torch.zeros(7777)}, content, _use_new_zipfile_serialization=False)
    small, large = (pickle.dumps(number, 2)[2:-1] for number in (7777, numel))
    changed = content.getvalue().replace(small, large)
    assert changed.count(large) >= 1
    path.write_bytes(changed)
    return path
