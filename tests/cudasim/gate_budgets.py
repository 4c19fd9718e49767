"""What is compiled for every architecture (gate.py), and what each kernel may use and must reach there.

An entry is a file of ``kernels/``, a header that generated texts include, or ``clusters``: the kernels of fused
elementwise operations (gate_clusters.py). A file without an entry fails the gate, and so does a kernel without a
budget; the failure suggests the line to write. Names of kernels may be patterns, the first that matches counts. A
limit that differs on some architectures is a dict {"75": ..., "*": ...}. When a budget is raised, the commit says why.
No kernel may spill registers to memory on any architecture: there is no budget for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cudasim.gate_clusters import clusters
from cudasim.gate_sources import (
    Texts,
    as_it_is,
    conversions,
    elements,
    elementwise,
    generated,
    instances,
    storages,
    together,
    words,
)  # fmt: skip

from ovgpu.plugins.gpu.codegen import MAX_TENSORS

if TYPE_CHECKING:
    from cudasim.gate import Facts

Limit = int | dict[str, int]


@dataclass(frozen=True)
class Budget:
    """Limits of one kernel, over all texts that it is compiled from."""

    registers: Limit  # 64: four blocks of 256 threads per multiprocessor; 128: two
    shared_bytes: Limit = 2048  # static, with the 1024 that the system takes from sm_90 on
    loads_16: Limit = 0  # at least so many 16-byte global loads
    stores_16: Limit = 0  # at least so many 16-byte global stores
    tensor_core: Limit = 0  # at least so many tensor-core instructions

    def broken(self, facts: Facts) -> list[str]:
        """Sentences about the limits that the facts do not keep."""
        found = []
        if facts.spill_bytes:
            found.append(f"spills {facts.spill_bytes} bytes, which no kernel may")
        for name in ("registers", "shared_bytes"):
            limit, value = _limit(getattr(self, name), facts.arch), getattr(facts, name)
            if value > limit:
                found.append(f"{name} {value}, allowed {limit}")
        for name in ("loads_16", "stores_16", "tensor_core"):
            limit, value = _limit(getattr(self, name), facts.arch), getattr(facts, name)
            if value < limit:
                found.append(f"{name} {value}, expected at least {limit}")
        return found


def _limit(limit: Limit, arch: str) -> int:
    return limit if isinstance(limit, int) else limit.get(arch, limit["*"])


@dataclass(frozen=True)
class KernelFile:
    """What is compiled of a file of ``kernels/`` (its name or generated texts), and its kernels' budgets."""

    texts: Texts
    kernels: Mapping[str, Budget]


ROWS = Budget(registers=64, loads_16=1)  # blocks of up to 1024 threads
COLUMNS = Budget(registers=56, loads_16=1, stores_16=1)

FILES: dict[str, KernelFile] = {
    "store.cu": KernelFile(as_it_is("store.cu"), {"store_bytes": Budget(16)}),
    "movement.cu": KernelFile(
        as_it_is("movement.cu"),
        {
            "copy*_16": Budget(56, loads_16=4, stores_16=4),
            "copy_*": Budget(48),
            "transpose_16": Budget(48, shared_bytes=16 * 32 * 33, loads_16=4, stores_16=4),
            "transpose_*": Budget(48, shared_bytes=8 * 32 * 33),
            "pad_16": Budget(40, loads_16=2, stores_16=1),
            "pad_*": Budget(40),
            "reverse_sequence_16_*": Budget(40, loads_16=3, stores_16=3),
            "reverse_sequence_*": Budget(40),
        },
    ),
    "matmul.cu": KernelFile(
        together(
            storages("matmul.cu", "f32", "f16", "bf16", "i32", activations=["gelu"]),
            storages(
                "matmul.cu", "f16", activations=["relu"], macros=["WITH_RESIDUAL", "WIDE_BIAS"]
            ),
            storages("matmul.cu", "f32", "f16", activations=["swish"], macros=["GATED"]),
        ),
        {
            "matmul_strided_*": Budget(88, shared_bytes=2 * 8448),
            "matmul_dense_*": Budget(88, loads_16=1),
            "matmul_32x32": Budget(168, shared_bytes=9216 + 1024),
            "matmul_64x64": Budget(128, shared_bytes=17408 + 1024),
            "matmul_tensor_64x64": Budget(
                208, shared_bytes=20480 + 1024, loads_16=4, tensor_core={"75": 0, "*": 16}
            ),
            "matmul_tensor_128x128": Budget(
                248, shared_bytes=40960 + 1024, loads_16=4, tensor_core={"75": 0, "*": 32}
            ),
            # 64 sums a thread: one block of 256 threads per multiprocessor is meant
            "matmul_128x128": Budget(216, shared_bytes=16896 + 1024),
        },
    ),
    "convolution.cu": KernelFile(
        together(
            storages("convolution.cu", "f32", "f16", activations=["gelu"]),
            storages("convolution.cu", "f16", activations=["relu"], macros=["WITH_RESIDUAL"]),
            storages(
                "convolution.cu",
                "f16",
                activations=["hswish"],
                macros=["WIDE_BIAS", "WIDE_FILTERS"],
            ),
        ),
        {
            "convolution_direct": Budget(96),
            "convolution_32x32": Budget(168, shared_bytes=9216 + 1024),
            "convolution_64x64": Budget(128, shared_bytes=17408 + 1024),
            "convolution_tensor_64x64": Budget(
                240, shared_bytes=20480 + 1024, loads_16=4, tensor_core=16
            ),
            "convolution_tensor_128x128": Budget(
                255, shared_bytes=40960 + 1024, loads_16=4, tensor_core=32
            ),
            "convolution_128x128": Budget(232, shared_bytes=16896 + 1024),
        },
    ),
    "depthwise.cu": KernelFile(
        together(
            storages(
                "depthwise.cu",
                "f32",
                "f16",
                activations=["gelu"],
                macros=["TAPS=3 STRIDE=1 PADDING=1"],
            ),
            storages(
                "depthwise.cu",
                "f16",
                activations=["relu"],
                macros=["TAPS=5 STRIDE=1 PADDING=2 WITH_RESIDUAL"],
            ),
            storages(
                "depthwise.cu",
                "f16",
                activations=["hswish"],
                macros=["TAPS=5 STRIDE=2 PADDING=1 WIDE_BIAS WIDE_FILTERS"],
            ),
            storages("depthwise.cu", "f32", "bf16", macros=["TAPS=7 STRIDE=2 PADDING=3"]),
        ),
        {
            # two results are fewer than 16 bytes
            "depthwise_pairs": Budget(56),
            "depthwise_8": Budget(56),
            "depthwise_16": Budget(64, loads_16=1, stores_16=1),
        },
    ),
    "transposed_convolution.cu": KernelFile(
        storages("transposed_convolution.cu", "f32", "f16"),
        {"transposed_convolution": Budget(128, shared_bytes=17408 + 1024)},
    ),
    "attention.cu": KernelFile(
        storages("attention.cu", "f32", "f16", "bf16"),
        {
            "attention_rows_single": Budget(64, shared_bytes=8256 + 1024),
            # four keys, then four values of a thread are on their way at once
            "attention_rows_*": Budget(112, shared_bytes=8192 + 256 + 1024, loads_16=8),
            "attention_*": Budget(168, shared_bytes=42944 + 1024),
        },
    ),
    "attention_tensor.cu": KernelFile(
        storages("attention_tensor.cu", "f16", "bf16"),
        {
            "attention_tensor_64": Budget(
                168, shared_bytes=18432 + 1024, loads_16=2, tensor_core={"75": 0, "*": 16}
            ),
            "attention_tensor_128": Budget(
                255, shared_bytes=34816 + 1024, loads_16=2, tensor_core={"75": 0, "*": 32}
            ),
        },
    ),
    "gate.cu": KernelFile(
        storages("gate.cu", "f32", "f16", activations=["swish"]),
        {"gate_16": Budget(40, loads_16=2, stores_16=1), "gate_single": Budget(40)},
    ),
    "rotary.cu": KernelFile(
        storages("rotary.cu", "f32", "f16"),
        # both halves of the data and of two angles
        {"rotary_16": Budget(64, loads_16=6, stores_16=2), "rotary_single": Budget(64)},
    ),
    "reorder.cu": KernelFile(
        as_it_is("reorder.cu"),
        {"reorder_16": Budget(48, loads_16=1, stores_16=1), "reorder_*": Budget(48)},
    ),
    "pooling.cu": KernelFile(
        storages("pooling.cu", "f32", "f16"),
        {
            # strides 1 and 2
            "*_pool_16": Budget(80, loads_16=1 + 2, stores_16=1),
            "average_pool": Budget(80),
            "max_pool*": Budget(48),
            "adaptive_*": Budget(56),
        },
    ),
    "recurrent.cu": KernelFile(
        storages("recurrent.cu", "f32", "f16"),
        # sixteen bytes of R for each gate, and of the states of four rows
        {
            "states_*": Budget(40),
            "lstm_step": Budget(128, loads_16=4 + 4),
            "gru_linear_step": Budget(96, loads_16=3 + 4),
            "gru_gates": Budget(96, loads_16=2 + 4),
            "gru_candidates": Budget(96, loads_16=1 + 4),
            "rnn_step": Budget(96, loads_16=1 + 4),
        },
    ),
    "gather.cu": KernelFile(
        words("gather.cu"), {"gather*": Budget(40), "diagonal": Budget(40), "one_hot": Budget(40)}
    ),
    "scatter.cu": KernelFile(words("scatter.cu"), {"scatter_*": Budget(56), "mark_*": Budget(40)}),
    "scatter_reduce.cu": KernelFile(
        elements("scatter_reduce.cu", "float", "half_t", "int"), {"*": Budget(64)}
    ),
    "range.cu": KernelFile(
        elements("range.cu", "float", "half_t", "long long"), {"fill_range": Budget(40)}
    ),
    "embedding.cu": KernelFile(
        elements("embedding.cu", "float", "half_t"), {"embedding_bags": Budget(40)}
    ),
    "resample.cu": KernelFile(
        elements("resample.cu", "float", "half_t"),
        {"grid_sample": Budget(64), "interpolate": Budget(96)},
    ),
    "topk.cu": KernelFile(
        elements("topk.cu", "float", "half_t", "long long"),
        {"topk_rows": Budget(48, shared_bytes=1040 + 1024), "topk_*": Budget(40)},
    ),
    "nonzero.cu": KernelFile(
        elements("nonzero.cu", "boolean_t", "float", "half_t", "long long"),
        {
            "nonzero_*": Budget(64, loads_16=1),
            "selected_before": Budget(40),
        },
    ),
    "nms.cu": KernelFile(
        together(
            elements("nms.cu", "float", "half_t"),
            elements("nms.cu", "float", "half_t", macros=["SOFT"]),
        ),
        {
            "nms_corners": Budget(40, stores_16=1),
            "nms_select": Budget(56, loads_16=1),
            "nms_write": Budget(40),
            "selected_before": Budget(40),
        },
    ),
    "search.cu": KernelFile(
        elements("search.cu", "float", "half_t", "long long"), {"search_sorted": Budget(40)}
    ),
    "compressed_matmul.cu": KernelFile(
        together(
            storages("compressed_matmul.cu", "f32", "f16", macros=["WEIGHTS_U4"]),
            storages("compressed_matmul.cu", "f16", macros=["WEIGHTS_NF4", "WEIGHTS_F8E4M3"]),
            storages(
                "compressed_matmul.cu", "f16", activations=["swish"], macros=["WEIGHTS_I4 GATED"]
            ),
        ),
        {
            "compressed_rows_1": Budget(80, loads_16=6),
            "compressed_rows_*": Budget(128, loads_16=9),  # two blocks of 256 threads are meant
            "compressed_tensor_64x64": Budget(
                120, shared_bytes=20480 + 2048, loads_16=28, tensor_core={"75": 0, "*": 16}
            ),
            "compressed_tensor_128x128": Budget(
                168, shared_bytes=40960 + 2048, loads_16=20, tensor_core={"75": 0, "*": 32}
            ),
            "compressed_*": Budget(112, shared_bytes=18432),
        },
    ),
    "compressed_gather.cu": KernelFile(
        together(
            storages("compressed_gather.cu", "f32", macros=["WEIGHTS_U8"]),
            storages("compressed_gather.cu", "f16", macros=["WEIGHTS_NF4"]),
        ),
        {
            "compressed_gather_eight": Budget(40, stores_16=1),
            "compressed_gather_single": Budget(40),
        },
    ),
    "elementwise.cuh": KernelFile(
        elementwise,
        {
            "elementwise_*_single": Budget(48),
            # results of one byte are stored by fours and eights
            **{
                f"elementwise_{name}": Budget(48, loads_16=1)
                for name in ("*equal", "less", "greater", "is_*")
            },
            "elementwise_fake_quantize*": Budget(64, loads_16=1, stores_16=1),  # five operands
            "elementwise_*": Budget(48, loads_16=1, stores_16=1),
        },
    ),
    # Codes of 4 bits and less, and 8-bit floats beside numbers of 4 bytes, are fewer than 16 bytes a thread.
    "packed.cuh": KernelFile(
        conversions,
        {
            "convert_*_single": Budget(32),
            "convert_f32_f8*": Budget(32, loads_16=2),
            "convert_f8*": Budget(48, loads_16=1, stores_16=2),
            "convert_*": Budget(40, stores_16=2),
        },
    ),
    "clusters": KernelFile(
        clusters,
        {
            "cluster_most_inputs": Budget(128, loads_16=MAX_TENSORS - 1, stores_16=1),
            "cluster_most_results": Budget(80, loads_16=2, stores_16=MAX_TENSORS - 2),
            "cluster_most_*_single": Budget(80),
            "cluster_most_steps": Budget(64, loads_16=6, stores_16=1),
            "cluster_*_single": Budget(48),
            "cluster_four_results": Budget(56, loads_16=3, stores_16=4),
            "cluster_residual": Budget(56, loads_16=3, stores_16=2),
            # 32 bytes of the widest type are fewer than 16 of the narrowest
            "cluster_mask": Budget(56, loads_16=4),
            "cluster_widths": Budget(32, stores_16=2),
            "cluster_quantised": Budget(80, loads_16=6),
            "cluster_unpacked_*": Budget(64, loads_16=2, stores_16=2),
            "cluster_*": Budget(56, loads_16=2, stores_16=1),
        },
    ),
    "cumsum.cuh": KernelFile(
        generated("cumsum.cuh", *[[f"CUMULATIVE_SUM(k, {t})"] for t in ("float", "half_t", "int")]),
        {"*_rows": Budget(48), "*_columns": Budget(48)},
    ),
    "reduction.cuh": KernelFile(
        instances(
            "reduction.cuh",
            REDUCTION=["Sum", "Mean", "Product", "Max", "Min", "L1", "L2", "And", "Or"],
        ),
        {
            "*_rows": ROWS,
            "*_columns": COLUMNS,
            "*_columns_single": Budget(32),
            "*_partial": Budget(40),
        },
    ),
    "normalization.cuh": KernelFile(
        instances(
            "normalization.cuh",
            NORMALIZATION_ROWS=["Softmax", "DeviationInside", "MeanSquare"],
            NORMALIZATION_AXES=["LogSoftmax", "DeviationOutside", "Centre", "NormMax", "NormAdd"],
        ),
        {
            "*_single": Budget(64),
            "*_rows": ROWS,
            "*_columns": COLUMNS,
            "*_scattered": Budget(48),
        },
    ),
}
