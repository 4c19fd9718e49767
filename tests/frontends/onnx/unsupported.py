"""Backend cases that are out of scope, each with its reason. A listed case that passes fails the suite."""

from __future__ import annotations

import re

import onnx
from onnx import TensorProto
from onnx.backend.test.case.test_case import TestCase

_STRINGS = "no operation of the runtime computes on texts in this way"
_TREES = "classical machine learning on tables"

#: Operators, by domain where it is not ONNX's own.
OPERATORS = {
    "ai.onnx.preview.training.Adagrad": "training",
    "ai.onnx.preview.training.Adam": "training",
    "ai.onnx.preview.training.Gradient": "training",
    "ai.onnx.preview.training.Momentum": "training",
    "ai.onnx.ml.LabelEncoder": _TREES,
    "ai.onnx.ml.TreeEnsemble": _TREES,
    "BitCast": "no operation reads the bytes of one type as another",
    "CumProd": "the cases give the axis at run time; as a constant it is read",
    "ImageDecoder": "decoding of image files",
    "MelWeightMatrix": "the cases compute a filter bank at run time; exporters write it as a constant",
    "RegexFullMatch": _STRINGS,
    "StringConcat": _STRINGS,
    "StringNormalizer": _STRINGS,
    "StringSplit": _STRINGS,
    "TfIdfVectorizer": _STRINGS,
}

#: Input and output types that OpenVINO's type system does not have.
TYPES = {
    TensorProto.FLOAT8E4M3FNUZ: "no element type f8e4m3fnuz",
    TensorProto.FLOAT8E5M2FNUZ: "no element type f8e5m2fnuz",
    TensorProto.INT2: "no element type i2",
    TensorProto.COMPLEX64: "no complex element types",
    TensorProto.COMPLEX128: "no complex element types",
}

RANDOM = "random numbers, which another generator draws differently"
_NAN = "ONNX turns NaN into 0 here, the runtime into the largest number"
_ROUNDING = "the runtime rounds to the nearest power of two, not up"

#: Names of single cases, as patterns for the whole name.
CASES = {
    r"test_bernoulli.*": RANDOM,
    r"test_training_dropout(_default)?(_mask)?": RANDOM,
    r"test_cast(like)?_FLOAT(16)?_to_FLOAT4E2M1(_expanded)?": _NAN,
    r"test_cast_e8m0_FLOAT(16)?_to_FLOAT8E8M0": _ROUNDING,
    r"test_col2im_5d": "Col2Im of volumes",
    r"test_gridsample_volumetric_.*": "GridSample of volumes",
    r"test_lstm_with_peepholes": "LSTMSequence has no peepholes",
    r"test_roialign_mode_max": "the runtime takes the largest sample, ONNX the largest term of the interpolation",
    r"test_scan_sum": "Scan before opset 9, which has a batch",
    r"test_sequence_model8": "a sequence whose length is known only at run time",
}

_SIZES = "sizes that the translation has to know"
_EMPTY = "a list of axes that turns out empty at run time, where the model could leave it out"

#: Cases that do not work when no dimension is known, as patterns for the whole name.
DYNAMIC_CASES = {
    r"test_causal_conv_with_state_.*": "ONNX's own definition needs the shapes",
    r"test_convtranspose_group_2.*": _SIZES,
    r"test_(de)?quantizelinear_blocked.*": _SIZES,
    r"test_det_.*": _SIZES,
    r"test_dft(_axis|_rfft)?(_opset19)?": "whether the last dimension holds complex numbers",
    r"test_reduce_.*_default(_axes_keepdims_.*)?": _EMPTY,
}


def reason(case: TestCase) -> str:
    """Why a case is out of scope, or ''."""
    for pattern, why in CASES.items():
        if re.fullmatch(pattern, case.name):
            return why
    model = case.model
    if model is None:
        model = onnx.load(f"{case.model_dir}/model.onnx")
    for node in model.graph.node:
        name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        if name in OPERATORS:
            return OPERATORS[name]
        for attribute in node.attribute:
            if attribute.name in ("to", "output_dtype") and attribute.i in TYPES:
                return TYPES[attribute.i]
    for info in [*model.graph.input, *model.graph.output]:
        kind = info.type.WhichOneof("value")
        if kind != "tensor_type":
            return f"values that are no tensors ({kind})"
        if info.type.tensor_type.elem_type in TYPES:
            return TYPES[info.type.tensor_type.elem_type]
    return ""
