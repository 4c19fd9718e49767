"""CTC decoders and CTCLoss on host arrays; loops run over time steps, batches at once."""

from __future__ import annotations

import numpy as np

from ovgpu.plugins.cpu.registry import kernel


def _decode(
    best: np.ndarray, valid: np.ndarray, blank: int, merge_repeated: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Classes [N, T] (-1 at the end) and their number, from the best class of each valid step."""
    batches, steps = best.shape
    keep = valid & (best != blank)
    if merge_repeated:
        keep[:, 1:] &= best[:, 1:] != best[:, :-1]
    classes = np.full((batches, steps), -1, np.int64)
    rows, columns = np.nonzero(keep)
    classes[rows, np.cumsum(keep, 1)[rows, columns] - 1] = best[rows, columns]
    return classes, keep.sum(1)


@kernel("CTCGreedyDecoder")
def ctc_greedy_decoder(
    x: np.ndarray, sequence_mask: np.ndarray, *, ctc_merge_repeated: bool
) -> np.ndarray:
    best = x.argmax(-1).T
    valid = np.logical_and.accumulate(sequence_mask.T != 0, axis=1)
    classes, _ = _decode(best, valid, x.shape[-1] - 1, ctc_merge_repeated)
    return classes[:, :, None, None]


@kernel("CTCGreedyDecoderSeqLen")
def ctc_greedy_decoder_seq_len(
    x: np.ndarray,
    sequence_length: np.ndarray,
    blank_index: np.ndarray | None = None,
    *,
    merge_repeated: bool,
) -> tuple[np.ndarray, np.ndarray]:
    blank = x.shape[-1] - 1 if blank_index is None else int(blank_index.reshape(-1)[0])
    valid = np.arange(x.shape[1]) < sequence_length.astype(np.int64)[:, None]
    return _decode(x.argmax(-1), valid, blank, merge_repeated)


def _prepared_labels(labels: list[int], collapse: bool, unique: bool) -> list[int]:
    if collapse:
        labels = [c for i, c in enumerate(labels) if i == 0 or c != labels[i - 1]]
    return list(dict.fromkeys(labels)) if unique else labels


@kernel("CTCLoss")
def ctc_loss(
    logits: np.ndarray,
    logit_length: np.ndarray,
    labels: np.ndarray,
    label_length: np.ndarray,
    blank_index: np.ndarray | None = None,
    *,
    preprocess_collapse_repeated: bool,
    ctc_merge_repeated: bool,
    unique: bool,
) -> np.ndarray:
    batches, steps, classes = logits.shape
    blank = classes - 1 if blank_index is None else int(blank_index.reshape(-1)[0])
    wide = logits.astype(np.float64)
    peak = wide.max(-1, keepdims=True)
    log_probability = wide - peak - np.log(np.exp(wide - peak).sum(-1, keepdims=True))

    targets = [
        _prepared_labels(row[:count].tolist(), preprocess_collapse_repeated, unique)
        for row, count in zip(labels, label_length, strict=True)
    ]
    counts = np.array([len(t) for t in targets])
    # States: blank, label 0, blank, label 1, ..., blank.
    states = np.full((batches, 2 * int(counts.max(initial=0)) + 1), blank)
    for row, target in zip(states, targets, strict=True):
        row[1 : 2 * len(target) : 2] = target
    is_label = np.arange(states.shape[1]) % 2 == 1
    # A blank between two labels may be skipped, unless that would merge equal ones.
    skip = np.zeros(states.shape, np.bool_)
    skip[:, 2:] = is_label[2:]
    if ctc_merge_repeated:
        skip[:, 2:] &= states[:, 2:] != states[:, :-2]
    stay = np.ones(states.shape[1], np.bool_) if ctc_merge_repeated else ~is_label

    impossible = -np.inf
    alpha = np.full(states.shape, impossible)
    result = np.full(batches, np.inf)
    rows = np.arange(batches)
    lengths = logit_length.astype(np.int64)
    for step in range(steps):
        emitted = log_probability[rows[:, None], step, states]
        if step == 0:
            alpha[:, :2] = emitted[:, :2]
        else:
            arrive = np.where(stay, alpha, impossible)
            arrive[:, 1:] = np.logaddexp(arrive[:, 1:], alpha[:, :-1])
            arrive[:, 2:] = np.logaddexp(
                arrive[:, 2:], np.where(skip[:, 2:], alpha[:, :-2], impossible)
            )
            alpha = arrive + emitted
        done = lengths == step + 1
        if done.any():
            last = alpha[rows, 2 * counts]
            before = np.where(counts > 0, alpha[rows, np.maximum(2 * counts - 1, 0)], impossible)
            result[done] = -np.logaddexp(last, before)[done]
    return result
