"""The tests; masasr_mm comes before mmagic, which cannot be imported alone beside mmcv-lite."""

import masasr_mm  # noqa: F401
