"""Showing the result of a test as a table."""

from __future__ import annotations

from mmagic.registry import HOOKS
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.console import Console
from rich.table import Table


@HOOKS.register_module()
class MetricsTableHook(Hook):
    """Print the metrics of a test, a row for each prefix and a column for each metric.

    The row without prefix is the model's own, and has the name of its network, where that has one.
    """

    priority = 'LOWEST'

    @master_only
    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Print the table.

        Args:
            runner (Runner): The runner.
            metrics (dict[str, float], optional): Names, perhaps with ``prefix/``, and values.
        """
        model = getattr(runner.model, 'module', runner.model)
        generator = getattr(model, 'generator', None)
        own_name = getattr(getattr(generator, 'module', generator), 'name', type(model).__name__)
        rows: dict[str, dict[str, float]] = {}
        for name, value in (metrics or {}).items():
            prefix, _, metric = name.rpartition('/')
            rows.setdefault(prefix or own_name, {})[metric] = value
        columns = list(dict.fromkeys(metric for row in rows.values() for metric in row))

        table = Table('', *columns)
        for row, values in sorted(rows.items(), key=lambda item: item[0] == own_name):
            cells = (f'{values[metric]:.4f}' if metric in values else '' for metric in columns)
            table.add_row(row, *cells)
        Console().print(table)
