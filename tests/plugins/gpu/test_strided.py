"""Copies between strided places: how they are cut and simplified. What they move is tested with the operations."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.context import DeviceContext
from ovgpu.plugins.gpu.encoder import Copy
from ovgpu.plugins.gpu.registry import DeviceTensor
from ovgpu.plugins.gpu.strided import encode_copies, encode_copy, place_of, simplify

pytestmark = pytest.mark.gpu_sim

SOURCE, TARGET = 1 << 40, 1 << 41


def places(shape, element_type=Type.f32):
    """A target and a source; nothing lies there, only records are made."""
    return (
        place_of(DeviceTensor(address, shape, element_type, element_type))
        for address in (TARGET, SOURCE)
    )


def test_more_elements_than_kernels_count_are_copied_in_parts():
    target, source = places((3 << 30,), Type.u8)
    encoder = DeviceContext.of(0).encoder(0)
    encode_copy(encoder, target, source)
    assert all(isinstance(r, Copy) for r in encoder.records)
    assert sum(r.nbytes for r in encoder.records) == 3 << 30
    ranges = sorted((r.target, r.target + r.nbytes) for r in encoder.records)
    assert [end for _, end in ranges[:-1]] == [start for start, _ in ranges[1:]]
    assert all(r.target - TARGET == r.source - SOURCE for r in encoder.records)


def test_nothing_is_copied():
    encoder = DeviceContext.of(0).encoder(0)
    target, source = places((0, 5))
    encode_copy(encoder, target, source)
    target, _ = places((4, 5))
    encode_copy(encoder, target, target)
    encode_copies(encoder, [(target, target), (target[1:], target[1:])])
    assert encoder.records == []


def test_a_target_is_walked_forwards():
    """Both places turned round are the same copy; one turned round is read backwards."""
    target, source = places((6, 8))
    assert simplify(target[::-1, ::-1], source[::-1, ::-1]) == simplify(target, source)
    walk = simplify(target[::-1], source)
    assert walk.target_strides == (32, walk.unit)
    assert walk.source_strides == (-32, walk.unit)
    assert walk.source == SOURCE + 5 * 32


def test_words_are_as_wide_as_addresses_allow():
    target, source = places((4, 12))
    assert simplify(target, source).unit == 16
    assert simplify(target[:, 2:10], source[:, 2:10]).unit == 8
    assert simplify(target[:, 1:4], source[:, 1:4]).unit == 4
    assert np.prod(simplify(target[:, 2:10], source[:, 2:10]).dims) * 8 == 4 * 8 * 4
