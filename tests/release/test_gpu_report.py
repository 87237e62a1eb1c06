"""The report that a person with a GPU can send, as it is made without one."""

from __future__ import annotations

import json

from tests.scripts import call_tool, load_tool


def test_the_small_report_of_a_cpu(tmp_path, monkeypatch):
    tool, page = load_tool('analysis_tools/gpu_report.py'), tmp_path / 'report.md'
    assert not call_tool(tool, monkeypatch, '--device', 'cpu', '--minutes', '5', '--out', page)
    content = json.loads(page.with_suffix('.json').read_text('utf-8'))
    assert content['left_out'] == []
    rows = {name: content[name] for name in tool.SHARES}
    assert [len(found) for found in rows.values()] == [0, 4, 4, 2, 2]
    assert rows['agreement'][0]['greatest'] == 0
    assert rows['agreement'][2]['greatest'] > 0
    for row in rows['photos'] + rows['training']:
        assert row['least'] > 0
        assert row['what'] in page.read_text('utf-8')


def test_what_there_is_no_time_for_is_named(tmp_path, monkeypatch):
    tool, page = load_tool('analysis_tools/gpu_report.py'), tmp_path / 'report.md'
    assert not call_tool(tool, monkeypatch, '--device', 'cpu', '--minutes', '0', '--out', page)
    content = json.loads(page.with_suffix('.json').read_text('utf-8'))
    assert len(content['left_out']) == 12
    assert 'training: 9 of 160², bfloat16 (no time)' in page.read_text('utf-8')
