"""How many cases, and which."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

#: Set by tests/properties/run.py; without it few and always the same, for CI.
CASES = int(os.environ.get('PROPERTY_CASES', '0'))


def cases(few: int) -> settings:
    """Return the settings of a property.

    Args:
        few (int): Cases in CI.

    Returns:
        settings: Decorates a test.
    """
    return settings(
        max_examples=CASES or few,
        derandomize=not CASES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
