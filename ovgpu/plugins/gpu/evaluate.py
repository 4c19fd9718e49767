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

    Outputs whose sizes depend on data come from lowerings that count them. Raises RuntimeError when the operation has
    no lowering or it does not take these shapes.
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
    sources = node.input_values()
    known = [
        isinstance(s.node, Constant) or i in kernel.known_inputs for i, s in enumerate(sources)
    ]
    # What a plan knows: elements of few inputs.
    planned = [
        v if v is None or k else Value(v.type, v.shape) for v, k in zip(values, known, strict=True)
    ]
    given = [v for v in planned if v is not None]
    outputs: Sequence[Value] = node.declaration.infer_values(
        planned if kernel.counted else list(values), node.attributes
    )
    counted = kernel.counted if any(not v.is_static for v in outputs) else None
    if counted is not None:
        outputs = counted(node, given, None) or outputs
    if kernel.accepts is not None and not kernel.accepts(node, present, outputs):
        raise RuntimeError(
            f"{node.get_type_name()}: the lowering does not take these shapes, types or attributes"
        )
    with context.activate():
        keep: list[Any] = []

        def place(
            value: Value,
            array: np.ndarray | None,
            constant: bool = False,
            look: bool = False,
            wide: bool = False,
        ) -> DeviceTensor:
            storage = Type.f32 if wide else storage_type(value.type, precision)
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
                if look and array.size <= LARGEST_KNOWN:
                    tensor.known = array
            return tensor

        inputs: list[DeviceTensor | None] = []
        for i, (value, array, source) in enumerate(zip(values, arrays, sources, strict=True)):
            if value is None or array is None:
                inputs.append(None)
                continue
            constant = isinstance(source.node, Constant)
            asked = constant and value.type is Type.f32 and kernel.wide_inputs is not None
            wide = bool(asked and kernel.wide_inputs and kernel.wide_inputs(node, i, array.shape))
            inputs.append(place(value, array, constant, known[i], wide))
        targets = [place(v, None) for v in outputs]
        if kernel.alias:
            return [np.asarray(arrays[0]).reshape(targets[0].shape)]
        scratch = context.allocate(kernel.scratch(node, given, outputs)) if kernel.scratch else None
        count = context.allocate(4) if counted is not None else None
        stream = cupy().cuda.Stream(non_blocking=True)
        tickets = context.tickets(stream)
        encoder = context.encoder(tickets.ptr)
        encoder.begin(0, node.get_friendly_name())
        if any(t.size for t in targets) or count:
            addresses = [memory.ptr if memory else 0 for memory in (scratch, count)]
            kernel.lower(encoder, Lowering(node, inputs, targets, {}, *addresses))
        cupy().cuda.Device().synchronize()
        for record in encoder.records:
            record.run(stream.ptr)
        stream.synchronize()
        if counted is not None and count is not None:
            selected = np.empty(1, np.uint32)
            cupy().cuda.runtime.memcpy(selected.ctypes.data, count.ptr, 4, 2)
            found = counted(node, given, int(selected[0])) or ()
            for tensor, value in zip(targets, found, strict=True):
                tensor.shape = value.shape.static_tuple() or ()
        results = []
        for tensor in targets:
            data = np.empty(tensor.nbytes, np.uint8)
            if data.nbytes:
                cupy().cuda.runtime.memcpy(data.ctypes.data, tensor.address, data.nbytes, 2)
            array = from_storage(data, tensor.storage, tensor.shape)
            results.append(array.astype(tensor.type.host_dtype, copy=False))
        return results
