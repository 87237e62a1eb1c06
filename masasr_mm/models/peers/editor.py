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

    def g_step(self, batch_outputs: Tensor, batch_gt_data: Tensor) -> dict[str, Tensor]:
        """Return the generator's losses, or the reconstruction loss alone during the warm-up.

        Args:
            batch_outputs (Tensor): SR images, shape (N, 3, H, W), about [0, 1].
            batch_gt_data (Tensor): HR images, shape (N, 3, H, W), in [0, 1].

        Returns:
            dict[str, Tensor]: ``loss_pix`` and, after the warm-up, ``loss_perceptual`` and
            ``loss_gan``, each multiplied by its weight.
        """
        if self.step_counter < self.pixel_init:
            return super().g_step(batch_outputs, batch_gt_data)
        return SRGAN.g_step(self, batch_outputs, batch_gt_data)

    def d_step_real(self, batch_outputs: Tensor, batch_gt_data: Tensor) -> Tensor:
        """Return the discriminator's loss for HR images.

        Args:
            batch_outputs (Tensor): Not used.
            batch_gt_data (Tensor): HR images, shape (N, 3, H, W), in [0, 1].

        Returns:
            Tensor: A scalar.
        """
        return SRGAN.d_step_real(self, batch_outputs, batch_gt_data)

    def d_step_fake(self, batch_outputs: Tensor, batch_gt_data: Tensor) -> Tensor:
        """Return the discriminator's loss for SR images.

        Args:
            batch_outputs (Tensor): SR images, shape (N, 3, H, W), about [0, 1].
            batch_gt_data (Tensor): Not used.

        Returns:
            Tensor: A scalar.
        """
        return SRGAN.d_step_fake(self, batch_outputs, batch_gt_data)
