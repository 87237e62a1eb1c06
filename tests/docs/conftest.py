"""The small network of the Python interfaces serves here, too."""

from tests.apis.conftest import small_checkpoint, small_model  # noqa: F401
