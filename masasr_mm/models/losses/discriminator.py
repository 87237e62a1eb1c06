"""The discriminator of the adversarial loss (Eq. 16–17), ESRGAN's for any multiple of 32."""

from __future__ import annotations

from mmagic.models.editors.srgan import ModifiedVGG
from mmagic.registry import MODELS
from torch import Tensor, nn

from .global_batch import gather_batch, use_global_batch

STRIDE = 32


@MODELS.register_module()
class MASADiscriminator(ModifiedVGG):
    """VGG-style discriminator, as ESRGAN's but for any multiple of 32 (Sec. 4.2).

    While it is trained in several processes it looks at their batches as one, in its batch
    normalisation and in what it returns: Eq. 16–17 compare with the mean over the whole batch.

    Args:
        in_channels (int): Channels of the image. Default: 3.
        mid_channels (int): Channels after the first convolution. Default: 64.
        in_size (int): Height and width of the images, a multiple of 32. Default: 160.

    Raises:
        ValueError: If ``in_size`` is no multiple of 32.
    """

    def __init__(self, in_channels: int = 3, mid_channels: int = 64, in_size: int = 160) -> None:
        if in_size <= 0 or in_size % STRIDE:
            raise ValueError(f'in_size must be a positive multiple of {STRIDE}, not {in_size}')
        super().__init__(in_channels, mid_channels)
        use_global_batch(self)
        self.in_size = in_size
        cells = (in_size // STRIDE) ** 2
        self.linear1 = nn.Linear(mid_channels * 8 * cells, self.linear2.in_features)

    def forward(self, image: Tensor) -> Tensor:
        """Score images.

        Args:
            image (Tensor): Shape (N, in_channels, in_size, in_size), RGB in [0, 1].

        Returns:
            Tensor: Logits, higher for real images, shape (N, 1); in training, with N · processes
            rows, those of all processes.

        Raises:
            ValueError: If the images have another size.
        """
        if tuple(image.shape[2:]) != (self.in_size, self.in_size):
            raise ValueError(
                f'the discriminator was built for images of {self.in_size}×{self.in_size} '
                f'(in_size) but got {image.shape[2]}×{image.shape[3]}'
            )
        feature = self.lrelu(self.conv0_0(image))
        feature = self.lrelu(self.bn0_1(self.conv0_1(feature)))
        for stage in range(1, 5):
            for layer in (f'{stage}_0', f'{stage}_1'):
                convolution = getattr(self, f'conv{layer}')
                norm = getattr(self, f'bn{layer}')
                feature = self.lrelu(norm(convolution(feature)))
        logits = self.linear2(self.lrelu(self.linear1(feature.flatten(1))))
        return gather_batch(logits) if self.training else logits
