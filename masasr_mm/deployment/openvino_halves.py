"""Cutting a network into matching and fusion, which have precisions and sizes of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .interface import OUTPUTS

if TYPE_CHECKING:
    from openvino import Model

MATCHES = OUTPUTS[1:]
TAKEN = ('position', 'similarity')
"""What the fusion needs of the matching."""


def matching_of(model: Model) -> Model:
    """Return what finds the matches.

    Args:
        model (openvino.Model): The whole network, left as it is.

    Returns:
        openvino.Model: Takes ``lq`` and ``ref_down``, returns :data:`MATCHES`.
    """
    from openvino import Model

    whole = model.clone()
    images = [whole.input(name).node for name in ('lq', 'ref_down')]
    return Model([whole.output(name).node for name in MATCHES], images)


def fusion_of(model: Model) -> Model:
    """Return what makes the SR image of the matches.

    Args:
        model (openvino.Model): The whole network, left as it is.

    Returns:
        openvino.Model: Takes the images and :data:`TAKEN`, returns ``sr``.
    """
    from openvino import Model, opset13

    whole, given = model.clone(), []
    for name in TAKEN:
        found = whole.output(name).node.input_value(0)
        shape, kind = found.get_partial_shape(), found.get_element_type()
        given.append(opset13.parameter(shape, kind, name))
        given[-1].output(0).set_names({name})
        for user in found.get_target_inputs():
            user.replace_source_output(given[-1].output(0))
    return Model([whole.output('sr').node], whole.get_parameters() + given)
