"""The small network of the Python interfaces serves the command, too."""

from tests.apis.conftest import photos, small_checkpoint, small_model  # noqa: F401
