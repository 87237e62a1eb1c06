"""Three of the kills that ``kill_training.py`` does by the dozen."""

from __future__ import annotations

from tests.release import kill_training


def test_nothing_is_lost(tmp_path):
    table, wrong = kill_training.kill_and_resume(tmp_path, kills=3, iterations=9, seed=1)
    assert table.row_count == 3
    assert wrong == []
