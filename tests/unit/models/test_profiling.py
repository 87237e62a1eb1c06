"""The stages that the network names while it runs, as torch's profiler shows them."""

from __future__ import annotations

import torch
from torch.profiler import ProfilerActivity, profile

from tests.small_networks import images, network

NAMES = [
    *('encode LR', 'LR pyramid', 'encode Ref↓', 'coarse matching', 'fine matching', 'similarity'),
    'encode Ref',
    *('extract 1×', 'fuse 1×', 'extract 2×', 'fuse 2×', 'extract 4×', 'fuse 4×'),
    'to image',
]


def test_their_order_and_what_is_in_them():
    with torch.no_grad(), profile(activities=[ProfilerActivity.CPU]) as profiled:
        network().super_resolve(*images(24, 24, 24, 24))
    found = list(profiled.events())
    events = {event.name: event.time_range for event in found if event.name in NAMES}
    assert sorted(events, key=lambda name: events[name].start) == NAMES
    convolutions = [event for event in found if event.name == 'aten::conv2d']
    encoder = events['encode LR']
    inside = [event for event in convolutions if encoder.start <= event.time_range.start]
    inside = [event for event in inside if event.time_range.end <= encoder.end]
    assert len(inside) == 3 * 3  # of three levels with one residual block each
