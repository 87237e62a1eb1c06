"""References of any size and angle, brought to the photo's frame."""

from __future__ import annotations

from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from masasr_mm.alignment import align_all


@TRANSFORMS.register_module()
class AlignReferences(BaseTransform):
    """Align references with the LR image, see :func:`masasr_mm.alignment.align`.

    A reference becomes up to two images, one warped onto the SR frame and one at its scale and
    angle; ``StackReferences(size=None)`` makes one reference of them all.

    Required keys: ``lq_key``, an array (h, w, 3) RGB uint8, and ``key``, an array (H, W, 3) or a
    list of them.

    Modified keys: ``key``, a list of arrays. Added keys: ``alignments``, a tuple with what was done
    with each reference (:class:`masasr_mm.alignment.Alignment`).

    Args:
        key (str): The reference or references. Defaults to 'ref'.
        lq_key (str): The LR image. Defaults to 'img'.
        scale (int): The scale of the super-resolution. Defaults to 4.

    Examples:
        >>> results = dict(img=lq, ref=[photo_of_12_megapixels])
        >>> results = AlignReferences()(results)
        >>> results['alignments'][0].in_words()
        'aligned: reference ×0.40, turned 90°, 86 matches'
    """

    def __init__(self, key: str = 'ref', lq_key: str = 'img', scale: int = 4) -> None:
        self.key = key
        self.lq_key = lq_key
        self.scale = scale

    def transform(self, results: dict) -> dict:
        """Align the references, each by itself.

        Args:
            results (dict): Results with ``key`` and ``lq_key``.

        Returns:
            dict: The same results, with a list in ``key``.
        """
        value = results[self.key]
        references = value if isinstance(value, (list, tuple)) else [value]
        alignments, parts = align_all(results[self.lq_key], references, self.scale)
        results.update({'alignments': alignments, self.key: parts})
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(key={self.key}, lq_key={self.lq_key}, scale={self.scale})'
