"""Region proposals and Detectron's operations."""

from __future__ import annotations

import numpy as np
import pytest
from ops.differential import cases, const, data

from ovgpu.graph.element_type import Type
from ovgpu.graph.node import Node, make_node
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.special import Parameter, Result
from ovgpu.plugins.cpu.evaluate import evaluate_graph

RNG = np.random.default_rng(13)
ROWS, COLUMNS, ANCHORS = 4, 5, 3


def _distinct(*shape: int) -> np.ndarray:
    count = int(np.prod(shape))
    return (RNG.permutation(count) / count).reshape(shape)


def _proposals():
    attributes = {
        "base_size": np.uint32(8), "pre_nms_topn": np.uint32(40), "post_nms_topn": np.uint32(6),
        "nms_thresh": np.float32(0.5), "feat_stride": np.uint32(8), "min_size": np.uint32(2),
        "ratio": np.array([0.5, 1, 2], np.float32), "scale": np.array([1], np.float32),
    }  # fmt: skip
    for opset in (1, 4):
        yield from cases("proposal", data([1, 6, ROWS, COLUMNS], values=_distinct(1, 6, ROWS, COLUMNS)),
                         data([1, 12, ROWS, COLUMNS], low=-0.5, high=0.5), const([40.0, 50.0, 1.0]), attributes,
                         opset=opset, attributes=False, rtol=1e-3, atol=1e-3)  # fmt: skip


def _generated():
    corners = np.sort(RNG.uniform(0, 40, (ROWS, COLUMNS, ANCHORS, 2, 2)), 3).reshape(
        ROWS, COLUMNS, ANCHORS, 4
    )
    for normalized in (True, False):
        yield from cases("generate_proposals", data([1, 3], values=[40, 50, 1]), data(corners.shape, values=corners),
                         data([1, 12, ROWS, COLUMNS], low=-0.5, high=0.5),
                         data([1, ANCHORS, ROWS, COLUMNS], values=_distinct(1, ANCHORS, ROWS, COLUMNS)), 1.0, 0.5, 40,
                         8, normalized, opset=9, relax=("rank", "batch"), rtol=1e-3, atol=1e-3)  # fmt: skip


@pytest.mark.parametrize("case", [*_proposals(), *_generated()], ids=str)
def test_against_openvino(case):
    case.check()


def _run(name: str, arrays: list[np.ndarray], **attributes) -> tuple[Node, list[np.ndarray]]:
    """An operation without a factory, with computed outputs."""
    inputs = [Parameter(Type(a.dtype), PartialShape(list(a.shape))) for a in arrays]
    node = make_node(name, [i.output(0) for i in inputs], 6, **attributes)
    results = [Result(node.output(i)) for i in range(node.get_output_size())]
    return node, evaluate_graph(results, dict(zip(inputs, arrays, strict=True)))


def test_top_k_rois_keeps_the_best():
    rois = np.arange(12, dtype=np.float32).reshape(3, 4)
    scores = np.float32([0.1, 0.9, 0.5])
    node, (kept,) = _run("ExperimentalDetectronTopKROIs", [rois, scores], max_rois=2)
    assert node.shape == [2, 4]
    np.testing.assert_array_equal(kept, rois[[1, 2]])


def test_prior_grid_is_centred_on_the_positions():
    priors = np.float32([[-1, -1, 1, 1]])
    maps, image = np.zeros((1, 1, 2, 3), np.float32), np.zeros((1, 3, 8, 12), np.float32)
    _, (grid,) = _run("ExperimentalDetectronPriorGridGenerator", [priors, maps, image])
    assert grid.shape == (6, 4)
    np.testing.assert_array_equal(grid[0], [1, 1, 3, 3])
    np.testing.assert_array_equal(grid[-1], [9, 5, 11, 7])


def test_feature_extractor_takes_the_level_that_suits_the_size():
    rois = np.float32([[0, 0, 100, 100], [0, 0, 900, 900]])
    levels = [np.full((1, 1, 64, 64), value, np.float32) for value in range(4)]
    _, (features, same) = _run(
        "ExperimentalDetectronROIFeatureExtractor",
        [rois, *levels],
        output_size=2,
        sampling_ratio=2,
        pyramid_scales=[16, 32, 64, 128],
    )
    np.testing.assert_allclose(features[:, 0, 0, 0], [0, 3])
    np.testing.assert_array_equal(same, rois)


def test_single_image_proposals_are_padded_with_zeros():
    anchors = np.float32([[0, 0, 9, 9], [20, 20, 29, 29]])
    deltas, scores = np.zeros((4, 1, 2), np.float32), np.float32([[[0.3, 0.8]]])
    _, (boxes, values) = _run(
        "ExperimentalDetectronGenerateProposalsSingleImage",
        [np.float32([40, 40, 1]), anchors, deltas, scores],
        min_size=0.0,
        nms_threshold=0.7,
        post_nms_count=3,
        pre_nms_count=10,
    )
    np.testing.assert_allclose(boxes, [anchors[1], anchors[0], [0, 0, 0, 0]])
    np.testing.assert_allclose(values, [0.8, 0.3, 0])


def test_detections_are_sorted_by_score():
    rois = np.float32([[0, 0, 9, 9], [20, 20, 29, 29]])
    deltas = np.zeros((2, 8), np.float32)
    scores = np.float32([[0.7, 0.3], [0.2, 0.8]])
    _, (boxes, classes, values) = _run(
        "ExperimentalDetectronDetectionOutput",
        [rois, deltas, scores, np.float32([[40, 40, 1]])],
        score_threshold=0.1,
        nms_threshold=0.5,
        max_delta_log_wh=2.0,
        num_classes=2,
        post_nms_count=10,
        max_detections_per_image=3,
        deltas_weights=[10.0, 10.0, 5.0, 5.0],
    )
    np.testing.assert_allclose(boxes, [rois[1], rois[0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(classes, [1, 1, 0])
    np.testing.assert_allclose(values, [0.8, 0.3, 0])
