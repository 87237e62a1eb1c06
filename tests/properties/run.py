"""Run the properties on many random cases: python -m tests.properties.run --cases 2000."""

from __future__ import annotations

import argparse
import os
import random
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def main() -> int:
    """Run them, telling the seed, so that a run can be repeated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--cases', type=int, default=2000, help='in all (default: 2000)')
    parser.add_argument('--seed', type=int, default=random.SystemRandom().randrange(2**32))
    args = parser.parse_args()

    properties = (FOLDER / 'test_results.py').read_text('utf-8').count('@given(')
    each = -(-args.cases // properties)
    os.environ['PROPERTY_CASES'] = str(each)
    import pytest

    print(f'{properties} properties, {each} cases each, --seed {args.seed}', flush=True)
    options = ['-q', '--hypothesis-show-statistics', f'--hypothesis-seed={args.seed}']
    return pytest.main([*options, str(FOLDER)])


if __name__ == '__main__':
    sys.exit(main())
