"""Texts of kernels for one storage type and one chain of activations.

A file of ``kernels/`` is compiled for what a model uses and nothing else. The text is deterministic, so CuPy's disk
cache serves it in the next process.
"""

from __future__ import annotations

from collections.abc import Sequence

from ovgpu.graph.element_type import Type

#: Storage types that the tiled kernels know, and the macro that chooses each (``kernels/storage.cuh``).
STORAGE_MACROS = {
    Type.f32: "",
    Type.f16: "#define STORAGE_F16\n",
    Type.bf16: "#define STORAGE_BF16\n",
    Type.i32: "#define STORAGE_I32\n",
}

#: Parameters of each activation (``kernels/epilogue.cuh``).
ACTIVATION_PARAMETERS = {
    "relu": 0,
    "sigmoid": 0,
    "tanh": 0,
    "hsigmoid": 0,
    "swish": 0,
    "hswish": 0,
    "gelu": 0,
    "gelu_tanh": 0,
    "softplus": 0,
    "mish": 0,
    "leaky_relu": 1,
    "elu": 1,
    "hard_sigmoid": 2,
    "clamp": 2,
    "scale": 1,
    "shift": 1,
}


def float_literal(value: float) -> str:
    """A number as CUDA text of type float; infinities, which NVRTC has no name for, by their bits."""
    if value != value:
        return "__int_as_float(0x7fc00000)"
    if abs(value) > 3.4028235e38:
        return f"__int_as_float({'0x7f800000' if value > 0 else '0xff800000'})"
    text = repr(float(value))
    return f"{text}f" if "." in text or "e" in text else f"{text}.f"


def activation_text(names: Sequence[str], parameters: Sequence[float]) -> str:
    """The expression of ``x`` that applies a chain of activations, first one innermost.

    Raises KeyError for an activation that has no formula.
    """
    expression = "(x)"
    rest = list(parameters)
    for name in names:
        count = ACTIVATION_PARAMETERS[name]
        arguments = "".join(f", {float_literal(p)}" for p in rest[:count])
        expression = f"act_{name}({expression}{arguments})"
        rest = rest[count:]
    return expression


def knows_activations(names: Sequence[str]) -> bool:
    """Whether all activations of a chain have formulas."""
    return all(name in ACTIVATION_PARAMETERS for name in names)


def variant(
    file: str,
    storage: Type,
    activations: Sequence[str] = (),
    parameters: Sequence[float] = (),
    macros: Sequence[str] = (),
) -> str:
    """The text that compiles ``file`` for a storage type, a chain of activations and macros (``"NAME value"``)."""
    text = STORAGE_MACROS[storage]
    if activations:
        text += f"#define ACTIVATE(x) {activation_text(activations, parameters)}\n"
    text += "".join(f"#define {macro}\n" for macro in macros)
    return f'{text}#include "{file}"\n' if text else file
