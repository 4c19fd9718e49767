"""Graph transformations: ``ovgpu.passes``, the passes of the runtime and the means to write one's own."""

from ovgpu.passes.base import ModelPass, PassBase
from ovgpu.passes.constant_folding import ConstantFolding
from ovgpu.passes.files import Serialize, Version, VisualizeTree
from ovgpu.passes.manager import Manager
from ovgpu.passes.matcher import Matcher
from ovgpu.passes.pattern import AnyInput, Optional, Or, WrapType
from ovgpu.passes.precision import ConvertFP32ToFP16
from ovgpu.passes.predicates import (
    Predicate,
    attrs_match,
    consumers_count,
    has_static_dim,
    has_static_dims,
    has_static_rank,
    has_static_shape,
    rank_equals,
    shape_matches,
    type_matches,
    type_matches_any,
)
from ovgpu.passes.rewrite import BackwardGraphRewrite, GraphRewrite, MatcherPass
from ovgpu.passes.stateful import LowLatency2, MakeStateful

__all__ = [
    "AnyInput",
    "BackwardGraphRewrite",
    "ConstantFolding",
    "ConvertFP32ToFP16",
    "GraphRewrite",
    "LowLatency2",
    "MakeStateful",
    "Manager",
    "Matcher",
    "MatcherPass",
    "ModelPass",
    "Optional",
    "Or",
    "PassBase",
    "Predicate",
    "Serialize",
    "Version",
    "VisualizeTree",
    "WrapType",
    "attrs_match",
    "consumers_count",
    "has_static_dim",
    "has_static_dims",
    "has_static_rank",
    "has_static_shape",
    "rank_equals",
    "shape_matches",
    "type_matches",
    "type_matches_any",
]
