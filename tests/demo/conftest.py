"""The page's parts, and the small network."""

from tests.apis.conftest import photos, small_checkpoint, small_model  # noqa: F401
