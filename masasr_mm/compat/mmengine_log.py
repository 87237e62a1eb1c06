"""What mmengine's log need not say."""

from __future__ import annotations

import logging


def concerns_the_user(record: logging.LogRecord) -> bool:
    """Tell whether a line of mmengine's log is of use to a user; a filter for log handlers.

    mmengine (0.10.7) warns of names of its own that it uses itself and will give up, and of metrics
    without a prefix, whose names in the log are shorter for that.

    Args:
        record (logging.LogRecord): The line.

    Returns:
        bool: ``False`` for such warnings.
    """
    text = record.getMessage()
    return 'deprecated in future' not in text and 'The prefix is not set in metric' not in text
