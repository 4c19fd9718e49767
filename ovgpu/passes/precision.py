"""Lowering the precision of a whole model."""

from __future__ import annotations

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.model import Model
from ovgpu.graph.special import Constant, Parameter
from ovgpu.graph.subgraph import SubgraphNode
from ovgpu.passes.base import ModelPass


class ConvertFP32ToFP16(ModelPass):
    """Turns everything that is f32 into f16: parameters, constants, conversions, outputs.

    Values beyond the largest f16 become that.
    """

    def run_on_model(self, model: Model) -> bool:
        changed = False
        for node in model.get_ordered_ops():
            if isinstance(node, SubgraphNode):
                for body in node.body_models():
                    changed |= self.run_on_model(body)
            if isinstance(node, Parameter) and node.element_type is Type.f32:
                node.set_element_type(Type.f16)
            elif isinstance(node, Constant) and node.get_element_type() is Type.f32:
                _replace(node)
            elif not _lower_attributes(node.attributes):
                continue
            changed = True
        if changed:
            model.validate_nodes_and_infer_types()
        return changed


def _replace(constant: Constant) -> None:
    values, limit = constant.host_array(), float(np.finfo(np.float16).max)
    clipped = np.where(np.isfinite(values), np.clip(values, -limit, limit), values)
    lowered = Constant.from_host(Type.f16, clipped.astype(np.float16))
    lowered.friendly_name = constant.get_friendly_name()
    constant.output(0).replace(lowered.output(0))


def _lower_attributes(attributes: dict[str, object]) -> bool:
    names = [name for name, value in attributes.items() if value is Type.f32]
    attributes.update(dict.fromkeys(names, Type.f16))
    return bool(names)
