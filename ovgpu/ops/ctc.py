"""Connectionist temporal classification (Graves et al., 2006): CTCGreedyDecoder, CTCGreedyDecoderSeqLen, CTCLoss."""

from __future__ import annotations

from ovgpu.graph import dimension as dims
from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.value import Value
from ovgpu.ops.common import check_integer, check_rank
from ovgpu.ops.declaration import OpError, check, op


def _common(what: str, *given: tuple[Value | None, int]) -> Dimension:
    """The dimension that several inputs share; ``given`` are (input, axis) pairs."""
    merged = Dimension.dynamic()
    for value, axis in given:
        if value is None or value.rank is None:
            continue
        both = dims.merge(merged, value.dims[axis])
        if both is None:
            raise OpError(f"The {what} dimensions of input tensors must match.")
        merged = both
    return merged


@op("CTCGreedyDecoder", "1", factory="ctc_greedy_decoder(data, sequence_mask, merge_repeated=True)",
    python_names={"merge_repeated": "ctc_merge_repeated"})  # fmt: skip
def ctc_greedy_decoder(
    data: Value, sequence_mask: Value, *, ctc_merge_repeated: bool = True
) -> Value:
    """CTCGreedyDecoder-1: the best class of each step, without blanks (the last class) and repetitions.

    ``data``: [T, N, C]; ``sequence_mask``: [T, N], 0 after the end of a sequence; output: [N, T, 1, 1], -1 at the end.
    """
    check_rank(data, (3,), "CTCGreedyDecoder: the logits")
    check_rank(sequence_mask, (2,), "CTCGreedyDecoder: the sequence mask")
    time = _common("first", (data, 0), (sequence_mask, 0))
    batch = _common("second", (data, 1), (sequence_mask, 1))
    return Value(data.type, PartialShape.of([batch, time, 1, 1]))


@op("CTCGreedyDecoderSeqLen", "6",
    factory="ctc_greedy_decoder_seq_len(data, sequence_length, blank_index=None, merge_repeated=True, "
            "classes_index_type='i32', sequence_length_type='i32')")  # fmt: skip
def ctc_greedy_decoder_seq_len(
    data: Value,
    sequence_length: Value,
    blank_index: Value | None = None,
    *,
    merge_repeated: bool = True,
    classes_index_type: Type = Type.i32,
    sequence_length_type: Type = Type.i32,
) -> tuple[Value, Value]:
    """CTCGreedyDecoderSeqLen-6: the best classes of ``data`` [N, T, C] without blanks and repetitions.

    ``sequence_length``: [N]; ``blank_index``: scalar, default C - 1. Outputs: classes [N, T], -1 at the end, and the
    number of classes [N].
    """
    check_rank(data, (3,), "CTCGreedyDecoderSeqLen: the logits")
    check_rank(sequence_length, (1,), "CTCGreedyDecoderSeqLen: the sequence lengths")
    check_integer(sequence_length, "CTCGreedyDecoderSeqLen: the sequence lengths")
    check_integer(blank_index, "CTCGreedyDecoderSeqLen: the blank index")
    check(blank_index is None or blank_index.rank in (None, 0)
          or blank_index.shape.static_tuple() == (1,), "Expected blank index to be a scalar")  # fmt: skip
    for index_type in (classes_index_type, sequence_length_type):
        check(
            index_type in (Type.i32, Type.i64),
            "CTCGreedyDecoderSeqLen: the output types are i32 or i64",
        )
    batch = _common("first", (data, 0), (sequence_length, 0))
    time = _common("second", (data, 1))
    return (
        Value(classes_index_type, PartialShape.of([batch, time])),
        Value(sequence_length_type, PartialShape.of([batch])),
    )


@op("CTCLoss", "4",
    factory="ctc_loss(logits, logit_length, labels, label_length, blank_index=None, "
            "preprocess_collapse_repeated=False, ctc_merge_repeated=True, unique=False)")  # fmt: skip
def ctc_loss(
    logits: Value,
    logit_length: Value,
    labels: Value,
    label_length: Value,
    blank_index: Value | None = None,
    *,
    preprocess_collapse_repeated: bool = False,
    ctc_merge_repeated: bool = True,
    unique: bool = False,
) -> Value:
    """CTCLoss-4: the negative logarithm of the probability of each target sequence.

    ``logits``: [N, T, C] before softmax; ``logit_length``: [N]; ``labels``: [N, T]; ``label_length``: [N];
    ``blank_index``: scalar, default C - 1. Output: [N]. Repetitions in the labels are removed before with
    ``preprocess_collapse_repeated``, all second occurrences with ``unique``; without ``ctc_merge_repeated`` repeated
    predictions are not merged.
    """
    check(
        logits.type.is_real() or logits.type.is_dynamic(),
        "The data type for logits is expected to be floating-point",
    )
    check_rank(logits, (3,), "CTCLoss: logits")
    check_rank(logit_length, (1,), "CTCLoss: logit length")
    check_rank(labels, (2,), "CTCLoss: labels")
    check_rank(label_length, (1,), "CTCLoss: label length")
    check_rank(blank_index, (0,), "CTCLoss: blank index")
    for value in (logit_length, labels, label_length, blank_index):
        check_integer(value, "CTCLoss: lengths, labels and blank index")
    _common("time", (logits, 1), (labels, 1))
    batch = _common("batch", (logits, 0), (logit_length, 0), (labels, 0), (label_length, 0))
    return Value(logits.type, PartialShape.of([batch]))
