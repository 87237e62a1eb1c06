"""The editor of networks that were not trained with a relativistic adversarial loss."""

from __future__ import annotations

from mmagic.models.editors.srgan import SRGAN
from mmagic.registry import MODELS
from torch import Tensor

from ..masa import MASA


@MODELS.register_module()
class PeerEditor(MASA):
    """The editor ``MASA`` with mmagic's adversarial loss of SRGAN in place of ESRGAN's (Eq. 16–17).

    Everything else, the protocol of tests among it, is ``MASA``'s.
    """

    d_step_real = SRGAN.d_step_real
    d_step_fake = SRGAN.d_step_fake

    def g_step(self, batch_outputs: Tensor, batch_gt_data: Tensor) -> dict[str, Tensor]:
        """Return the generator's losses, or the reconstruction loss alone during the warm-up."""
        if self.step_counter < self.pixel_init:
            return super().g_step(batch_outputs, batch_gt_data)
        return SRGAN.g_step(self, batch_outputs, batch_gt_data)
