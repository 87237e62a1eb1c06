"""real_pairs.py: a table on the screen, all results in a file."""

from __future__ import annotations

import json

from PIL import Image
from skimage import data

from tests.scripts import call_tool, load_tool

real_pairs = load_tool('analysis_tools/real_pairs.py')


def test_it_prints_and_writes(small_checkpoint, tmp_path, monkeypatch, capsys):
    photo, other = data.astronaut(), data.coffee()
    views = photo[:64, 200:280], photo[4:68, 204:284], other[:64, :64]
    for number, view in enumerate(views):
        Image.fromarray(view).save(tmp_path / f'a_{number}.png')
    out = tmp_path / 'out' / 'results.json'
    arguments = [tmp_path, '--checkpoints', small_checkpoint, '--device', 'cpu', '--out', out]
    assert not call_tool(real_pairs, monkeypatch, *arguments, '--jpeg', '75')
    printed = capsys.readouterr().out
    results = json.loads(out.read_text())
    assert [result['weights'] for result in results] == ['bicubic', *['small'] * 5]
    for result in results:
        assert f'{result["psnr"]:.2f}' in printed
        assert f'{result["ssim"]:.3f}' in printed
    assert call_tool(real_pairs, monkeypatch, *arguments, '--jpeg', '0')
    assert '--jpeg 0' in capsys.readouterr().err
