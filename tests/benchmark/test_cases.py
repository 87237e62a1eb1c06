"""What the network is run on."""

from __future__ import annotations

import pytest
import torch

from masasr_mm.benchmark.cases import Case, build_network, check_case, random_batch, random_images
from masasr_mm.errors import UserError


def test_random_images_and_batches(small_config):
    net = build_network(str(small_config))
    case = Case((8, 16), (32, 64), 2)
    shapes = [tuple(image.shape) for image in random_images(net, case)]
    assert shapes == [(2, 3, 8, 16), (2, 3, 32, 64), (2, 3, 8, 16)]
    batch = random_batch(net, case)
    assert len(batch['inputs']) == len(batch['data_samples']) == 2
    assert batch['inputs'][0].dtype == torch.uint8
    assert batch['data_samples'][1].gt_img.shape == (3, 32, 64)
    assert not torch.equal(batch['data_samples'][0].ref_img, batch['data_samples'][1].ref_img)


@pytest.mark.parametrize(
    ('case', 'message'),
    [
        (Case((12, 16), (64, 64)), 'lq of 12×16: .* multiples of 8, such as 16×16'),
        (Case((16, 16), (64, 0)), 'ref of 64×0: .* multiples of 4 from 12 up, such as 64×12'),
    ],
)
def test_sizes_that_do_not_fit(small_config, case, message):
    with pytest.raises(UserError, match=message):
        check_case(build_network(str(small_config)), case)
