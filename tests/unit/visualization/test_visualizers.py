"""The picture of a test."""

from __future__ import annotations

import cv2
import torch
from mmagic.structures import DataSample

from masasr_mm.visualization import SideBySideVisualizer


def test_stacked_references_lie_side_by_side(tmp_path):
    ref = torch.cat([torch.full((3, 4, 6), float(value)) for value in (30, 40, 50)], dim=1)
    sample = DataSample(
        gt_img=torch.full((3, 4, 5), 10.0),
        ref_img=ref,
        metainfo=dict(gt_path='three.png', ref_path=['a.png', 'b.png', 'c.png']),
    )
    sample.output = DataSample(pred_img=torch.full((3, 4, 5), 20.0))
    visualizer = SideBySideVisualizer(
        fn_key='gt_path',
        img_keys=['pred_img', 'gt_img', 'ref_img'],
        bgr2rgb=True,
        vis_backends=[dict(type='LocalVisBackend')],
        save_dir=str(tmp_path),
    )
    visualizer.add_datasample(sample)
    assert sample.ref_img is ref
    [path] = tmp_path.rglob('*.png')
    image = cv2.imread(str(path))
    assert image.shape == (4, 5 + 5 + 3 * 6, 3)
    assert image[0, [0, 5, 10, 16, 22], 0].tolist() == [20, 10, 30, 40, 50]
