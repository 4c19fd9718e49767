"""Running one operation on the device by itself: for tests of lowerings, and for looking at them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.special import Constant
from ovgpu.graph.value import Value
from ovgpu.plugins.gpu.context import DeviceContext, from_storage, storage_type, to_storage
from ovgpu.plugins.gpu.device import cupy
from ovgpu.plugins.gpu.registry import DeviceTensor, Lowering, find_lowering

#: Elements of constants that lowerings may look at while planning.
LARGEST_KNOWN = 4096


def evaluate(
    node: Node, arrays: Sequence[np.ndarray | None], precision: Type = Type.f32, device: int = 0
) -> list[np.ndarray]:
    """Compute ``node`` on host arrays with its lowering.

    Outputs whose size depends on data are not supported here. Raises RuntimeError when the operation has no lowering or
    it does not take these shapes.
    """
    context = DeviceContext.of(device)
    kernel = find_lowering(node)
    if kernel is None:
        raise RuntimeError(f"{node.get_type_name()} has no lowering")
    values = [
        None if a is None else Value(s.value.type, PartialShape.of(a.shape), a)
        for s, a in zip(node.input_values(), arrays, strict=True)
    ]
    present = [v for v in values if v is not None]
    outputs = node.declaration.infer_values(list(values), node.attributes)
    if kernel.accepts is not None and not kernel.accepts(node, present, outputs):
        raise RuntimeError(
            f"{node.get_type_name()}: the lowering does not take these shapes, types or attributes"
        )
    with context.activate():
        keep: list[Any] = []

        def place(
            value: Value, array: np.ndarray | None, constant: bool, known: bool
        ) -> DeviceTensor:
            storage = storage_type(value.type, precision)
            shape = value.shape.static_tuple()
            assert shape is not None
            tensor = DeviceTensor(0, shape, value.type, storage, constant=constant)
            memory = context.allocate(tensor.nbytes)
            keep.append(memory)
            tensor.address = memory.ptr
            if array is not None:
                data = to_storage(array, storage)
                if data.nbytes:
                    cupy().cuda.runtime.memcpy(memory.ptr, data.ctypes.data, data.nbytes, 1)
                if known and array.size <= LARGEST_KNOWN:
                    tensor.known = array
            return tensor

        sources = node.input_values()
        inputs = [
            None
            if v is None
            else place(
                v,
                a,
                isinstance(s.node, Constant),
                i in kernel.known_inputs or isinstance(s.node, Constant),
            )
            for i, (v, a, s) in enumerate(zip(values, arrays, sources, strict=True))
        ]
        targets = [place(v, None, False, False) for v in outputs]
        if kernel.alias:
            return [np.asarray(arrays[0]).reshape(targets[0].shape)]
        scratch = (
            context.allocate(kernel.scratch(node, present, outputs)) if kernel.scratch else None
        )
        encoder = context.encoder()
        encoder.begin(0, node.get_friendly_name())
        if any(t.size for t in targets):
            address = scratch.ptr if scratch else 0
            kernel.lower(encoder, Lowering(node, inputs, targets, {}, address))
        stream = cupy().cuda.Stream(non_blocking=True)
        cupy().cuda.Device().synchronize()
        for record in encoder.records:
            record.run(stream.ptr)
        stream.synchronize()
        results = []
        for tensor in targets:
            data = np.empty(tensor.nbytes, np.uint8)
            if data.nbytes:
                cupy().cuda.runtime.memcpy(data.ctypes.data, tensor.address, data.nbytes, 2)
            array = from_storage(data, tensor.storage, tensor.shape)
            results.append(array.astype(tensor.type.host_dtype, copy=False))
        return results
