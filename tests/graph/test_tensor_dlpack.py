"""Host tensors share their memory by DLPack."""

from __future__ import annotations

import numpy as np
import pytest

import ovgpu as ov


@pytest.mark.parametrize("name", ["f64", "f32", "f16", "i64", "i32", "i8", "u16", "u8", "boolean"])
def test_memory_is_shared(name):
    tensor = ov.Tensor(getattr(ov.Type, name), ov.Shape([2, 3]))
    tensor.data[...] = 1
    array = np.from_dlpack(tensor)
    assert (array.shape, array.dtype) == ((2, 3), tensor.data.dtype)
    tensor.data[1, 2] = 0
    assert array[1, 2] == 0
    assert tensor.__dlpack_device__() == (1, 0)


@pytest.mark.parametrize("name", ["bf16", "f8e4m3", "u4", "i4"])
def test_types_without_a_dlpack_form(name):
    tensor = ov.Tensor(getattr(ov.Type, name), ov.Shape([2, 2]))
    with pytest.raises(BufferError, match=name):
        np.from_dlpack(tensor)
