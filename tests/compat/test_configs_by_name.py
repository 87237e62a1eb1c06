"""Configs of this package and of others by name."""

from __future__ import annotations

import pytest
from mmengine.config import Config

import masasr_mm  # noqa: F401
from masasr_mm.errors import UserError


class TestProvideConfigsByName:
    def test_a_name_that_means_nothing_is_told(self, tmp_path):
        (tmp_path / 'own.py').write_text("_base_ = 'masasr_mm::none.py'")
        with pytest.raises(
            UserError, match=r'own.py: there is no .*none.py, which masasr_mm::none'
        ):
            Config.fromfile(tmp_path / 'own.py')

    def test_names_of_other_packages_go_their_way(self, tmp_path, monkeypatch):
        monkeypatch.setattr('mmengine.config.config.is_installed', lambda package: False)
        (tmp_path / 'own.py').write_text("_base_ = 'mmagic::masa/none.py'")
        with pytest.raises(ModuleNotFoundError, match='mmagic is not installed'):
            Config.fromfile(tmp_path / 'own.py')
