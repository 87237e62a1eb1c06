"""Photos and references that are there in name alone."""

from __future__ import annotations

import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Photos and references as empty files, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in (
        'photos/a.png', 'photos/b.JPG', 'photos/notes.txt', 'photos/.hidden.png',
        'photos/sub/c.png', 'one[1].png', 'refs/a.jpg', 'refs/a.webp', 'refs/ab.png',
        'refs/b/2.png', 'refs/b/1.png', 'refs/b/readme.md', 'sharp1.jpg', 'sharp2.jpg', 'odd',
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / 'empty').mkdir()
    return tmp_path
