"""CTC decoders and CTCLoss against the real OpenVINO."""

from __future__ import annotations

import pytest

from .differential import Case, cases, const, data

MASK = [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0]
LENGTHS = data([2], "i32", values=[6, 4])

CASES = [
    *cases("ctc_greedy_decoder", data([6, 2, 3], "T"), data([6, 2], "T", values=MASK), T="f32 f16"),
    *cases("ctc_greedy_decoder", data([6, 2, 3]), data([6, 2], values=MASK), False),
    *cases("ctc_greedy_decoder_seq_len", data([2, 6, 3], "T"), LENGTHS, T="f32 f16"),
    *cases(
        "ctc_greedy_decoder_seq_len", data([2, 6, 3]), LENGTHS, const(0, "i32"), False, "i64", "i64"
    ),
    *[
        case
        for collapse in (False, True)
        for merge in (False, True)
        for unique in (False, True)
        for case in cases(
            "ctc_loss",
            data([2, 6, 4], low=0),
            LENGTHS,
            data([2, 6], "i32", values=[0, 1, 1, 2, 0, 0, 2, 2, 0, 0, 0, 0]),
            data([2], "i32", values=[4, 2]),
            const(3, "i32"),
            collapse,
            merge,
            unique,
            rtol=1e-4,
        )
    ],
    *cases(
        "ctc_loss",
        data([2, 6, 4]),
        LENGTHS,
        data([2, 6], "i32", values=[1, 0, 2, 0, 0, 0] * 2),
        data([2], "i32", values=[3, 1]),
        rtol=1e-4,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check()


REFUSED = [
    *cases("ctc_greedy_decoder", data([6, 2, 3]), data([5, 2])),
    *cases("ctc_greedy_decoder_seq_len", data([2, 6, 3]), data([3], "i32")),
    *cases("ctc_loss", data([2, 6, 4]), LENGTHS, data([2, 5], "i32"), LENGTHS),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused(case: Case) -> None:
    case.check_refused()
