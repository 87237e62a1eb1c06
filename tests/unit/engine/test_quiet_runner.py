"""A runner whose log is in the work directory alone."""

from __future__ import annotations

from masasr_mm.engine.runner import quiet_runner
from tests.training import make_data, tiny_config


def test_the_log_is_in_the_work_directory_alone(tmp_path, capfd):
    make_data(tmp_path / 'data')
    runner = quiet_runner(tiny_config(tmp_path / 'data', tmp_path / 'work'))
    runner.logger.info('a line of the log')
    runner.logger.warning('something odd')
    runner.logger.warning('"FileClient" will be deprecated in future.')
    out, err = capfd.readouterr()
    assert out == ''
    assert 'something odd' in err
    assert 'a line of the log' not in err
    assert 'deprecated' not in err
    [log] = (tmp_path / 'work').glob('*/*.log')
    for text in ('channels=4', 'System environment', 'a line of the log', 'something odd'):
        assert text in log.read_text()
