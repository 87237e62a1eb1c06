"""Cutting a network into matching and fusion, which have precisions and sizes of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .interface import OUTPUTS

if TYPE_CHECKING:
    from openvino import Model, Output

MATCHES = OUTPUTS[1:]
ENLARGED = 'enlarged'
TAKEN = ('position', 'similarity', ENLARGED)
"""What the fusion is given by the exact half."""


def exact_half(model: Model) -> Model:
    """Return what has to be computed in float32: the matching, and the LR image enlarged.

    In bfloat16 a bright pixel of the enlarged image would be rounded to half a step of 8 bits.

    Args:
        model (openvino.Model): The whole network, left as it is.

    Returns:
        openvino.Model: Takes ``lq`` and ``ref_down``, returns :data:`MATCHES` and
        :data:`ENLARGED`.
    """
    from openvino import Model, opset13

    whole = model.clone()
    images = [whole.input(name).node for name in ('lq', 'ref_down')]
    enlarged = opset13.result(_found(whole, ENLARGED), ENLARGED)
    enlarged.output(0).set_names({ENLARGED})
    return Model([*(whole.output(name).node for name in MATCHES), enlarged], images)


def fusion_half(model: Model) -> Model:
    """Return what makes the SR image of the matches.

    Args:
        model (openvino.Model): The whole network, left as it is.

    Returns:
        openvino.Model: Takes the images and :data:`TAKEN`, returns ``sr``.
    """
    from openvino import Model, opset13

    whole, given = model.clone(), []
    for name in TAKEN:
        found = _found(whole, name)
        shape, kind = found.get_partial_shape(), found.get_element_type()
        given.append(opset13.parameter(shape, kind, name))
        given[-1].output(0).set_names({name})
        for user in found.get_target_inputs():
            user.replace_source_output(given[-1].output(0))
    return Model([whole.output('sr').node], whole.get_parameters() + given)


def _found(model: Model, name: str) -> Output:
    """Return where a model computes one of :data:`TAKEN`."""
    if name != ENLARGED:
        return model.output(name).node.input_value(0)
    both = model.output('sr').node.input_value(0).get_node().input_values()
    [enlarged] = [part for part in both if part.get_node().get_type_name() == 'Interpolate']
    return enlarged
