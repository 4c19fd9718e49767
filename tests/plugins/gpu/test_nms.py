"""NonMaxSuppression on the device, one operation at a time, against the CPU's kernel."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_type import Type
from tests.plugins.gpu.lowering_check import compare

VERSIONS = ["opset1", "opset3", "opset4", "opset5", "opset9"]


def boxes(images: int, count: int, seed: int = 0, dtype=np.float32) -> np.ndarray:
    """Boxes around few places, corners in any order, on a coarse grid so that overlaps are equal too."""
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 4, (images, count, 2)) / 2
    made = np.concatenate([low, low + rng.integers(0, 5, (images, count, 2)) / 4], -1)
    return np.where(rng.random((images, count, 1)) < 0.3, made[..., [2, 1, 0, 3]], made).astype(
        dtype
    )


def scores(images: int, classes: int, count: int, seed: int = 1, dtype=np.float32) -> np.ndarray:
    """Few different numbers, so that many are equal; some are below all thresholds."""
    steps = np.random.default_rng(seed).integers(-4, 17, (images, classes, count))
    return (steps / 16).astype(dtype)


def suppress(
    given: np.ndarray,
    values: np.ndarray,
    limit: int | None = 5,
    overlap: float = 0.4,
    least: float = 0.1,
    sigma: float | None = None,
    opset: str = "opset9",
    precision: Type = Type.f32,
    unknown: tuple[int, ...] = (),
    **attributes,
) -> list[np.ndarray]:
    """Compare; ``unknown`` numbers are no constants, so that the kernels read them."""
    arrays = [given, values]
    if limit is not None:
        arrays += [np.array(limit, np.int64), np.float32(overlap), np.float32(least)]
    if sigma is not None:
        arrays.append(np.float32(sigma))
    constant = [i for i in range(2, len(arrays)) if i not in unknown]
    return compare(
        "NonMaxSuppression",
        [np.asarray(a) for a in arrays],
        opset,
        precision,
        constant=constant,
        **attributes,
    )


@pytest.mark.gpu_sim
@pytest.mark.parametrize("encoding", ["corner", "center"])
@pytest.mark.parametrize("opset", VERSIONS)
def test_versions(opset, encoding):
    attributes = {} if opset == "opset1" else {"output_type": Type.i32}
    for sort in (False, True):
        for shape in ((2, 3, 20), (1, 1, 7), (3, 1, 40)):
            images, classes, count = shape
            suppress(
                boxes(images, count),
                scores(images, classes, count),
                opset=opset,
                box_encoding=encoding,
                sort_result_descending=sort,
                **attributes,
            )


@pytest.mark.gpu_sim
def test_random_cases():
    rng = np.random.default_rng(5)
    for seed in range(40):
        images, classes, count = (int(n) for n in rng.integers(1, (4, 5, 60)))
        suppress(
            boxes(images, count, seed),
            scores(images, classes, count, seed + 100),
            int(rng.integers(0, 30)),
            float(rng.choice([0, 0.1, 0.25, 0.5, 1])),
            float(rng.choice([-1, 0, 0.25, 0.5])),
            sort_result_descending=bool(seed % 2),
            box_encoding=("corner", "center")[seed // 2 % 2],
            output_type=(Type.i32, Type.i64)[seed // 4 % 2],
        )


@pytest.mark.gpu_sim
@pytest.mark.parametrize("sort", [False, True])
def test_soft_suppression(sort):
    rng = np.random.default_rng(6)
    for seed in range(12):
        images, classes, count = (int(n) for n in rng.integers(1, (3, 4, 40)))
        suppress(
            boxes(images, count, seed),
            rng.random((images, classes, count)).astype(np.float32),
            int(rng.integers(1, 30)),
            least=float(rng.choice([0, 0.2])),
            sigma=float(rng.choice([0, 0.3, 1])),
            opset=("opset5", "opset9")[seed % 2],
            sort_result_descending=sort,
        )
    # Scores below 0 grow, so that a row's scores are not in order.
    negative = -rng.random((2, 3, 20)).astype(np.float32)
    suppress(boxes(2, 20), negative, 10, least=-1, sigma=0.1, sort_result_descending=sort)


@pytest.mark.gpu_sim
@pytest.mark.parametrize("opset", ["opset1", "opset5", "opset9"])
def test_nothing_to_select(opset):
    for images, classes, count in ((1, 2, 0), (2, 0, 5), (0, 2, 5)):
        suppress(boxes(images, count), scores(images, classes, count), opset=opset)
    suppress(boxes(2, 9), scores(2, 2, 9), limit=0, opset=opset)
    if opset != "opset1":  # has no shape then
        suppress(boxes(2, 9), scores(2, 2, 9), limit=-3, opset=opset)
    suppress(boxes(2, 9), scores(2, 2, 9), least=2, opset=opset)
    suppress(boxes(2, 9), scores(2, 2, 9), limit=None, opset=opset)


@pytest.mark.gpu_sim
def test_all_but_one_suppressed():
    same = np.tile(np.array([0, 0, 1, 1], np.float32), (2, 30, 1))
    (indices, *_) = suppress(same, scores(2, 1, 30), limit=30)
    assert len(indices) == 2
    (indices, *_) = suppress(same, np.ones((2, 4, 30), np.float32), limit=30)
    assert (indices[:, 2] == 0).all()  # of equal scores the first one
    suppress(same, np.ones((2, 4, 30), np.float32), limit=30, overlap=1)


@pytest.mark.gpu_sim
def test_special_numbers():
    """Boxes and scores that are no numbers, infinite ones, empty boxes."""
    rng = np.random.default_rng(8)
    odd = np.array([np.nan, np.inf, -np.inf, 0, 1e30, -0.0, 1e-40], np.float32)
    for seed, encoding in enumerate(("corner", "center") * 4):
        given, values = boxes(1, 50, seed), scores(1, 2, 50, seed)
        for array, numbers in ((given, odd[:-1]), (values, odd)):
            places = rng.random(array.shape) < 0.1
            array[places] = rng.choice(numbers, places.sum())
        for least in (-np.inf, 0):
            suppress(given, values, 50, least=least, box_encoding=encoding)
    suppress(np.zeros((1, 9, 4), np.float32), scores(1, 1, 9), 9)


@pytest.mark.gpu_sim
def test_numbers_that_are_computed():
    """Limits that are not known while planning are read by the kernels."""
    given, values = boxes(2, 25), scores(2, 2, 25)
    for limit in (-1, 0, 4, 1000):
        suppress(given, values, limit, unknown=(2, 3, 4))
        suppress(given, values, limit, sigma=0.5, unknown=(2, 3, 4, 5))
        suppress(given, values, limit, sigma=0, unknown=(2, 5), opset="opset5")


@pytest.mark.gpu_sim
def test_half_precision():
    for sigma in (None, 0.5):
        suppress(
            boxes(2, 40, dtype=np.float16),
            scores(2, 3, 40, dtype=np.float16),
            12,
            0.5,
            0.25,
            sigma,
            precision=Type.f16,
        )


@pytest.mark.gpu_sim
def test_many_boxes():
    """More than a block has threads, and rows of very different lengths."""
    values = scores(1, 3, 700)
    values[0, 1] = 0
    suppress(boxes(1, 700), values, 600, overlap=0.9, least=-1)
    suppress(boxes(1, 700), values, 50)
    suppress(boxes(1, 3000), scores(1, 2, 3000), 20)


@pytest.mark.gpu_sim(check=True, arch=[80, 90])
@pytest.mark.parametrize("sigma", [None, 0.5])
def test_in_check_mode(sigma):
    for sort in (False, True):
        suppress(boxes(2, 70), scores(2, 2, 70), 9, sigma=sigma, sort_result_descending=sort)
    suppress(boxes(1, 300), scores(1, 1, 300), 4, sigma=sigma, unknown=(2, 3, 4))
    if sigma is None:
        suppress(boxes(1, 9), scores(1, 2, 9), 9, opset="opset4")
