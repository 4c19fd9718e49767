"""Which CUDA texts the static gate compiles for a file of ``kernels/``: as the lowerings ask for them."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable, Iterable, Sequence

from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu import codegen
from ovgpu.plugins.gpu.variants import variant

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
#: A file name, or texts that include it, as ``ModuleCache.function`` takes them.
Texts = Callable[[], Sequence[str]]


def files_of_kernels() -> set[str]:
    """All that is compiled: sources in ``kernels/``, and headers that generated texts include."""
    found = {path.name for path in (ROOT / "kernels").glob("*.cu")}
    for path in (ROOT / "ovgpu" / "plugins" / "gpu").rglob("*.py"):
        found |= set(re.findall(r'#include "(\w+\.cuh)"', path.read_text(encoding="utf-8")))
    return found


def as_it_is(file: str) -> Texts:
    return lambda: [file]


def storages(
    file: str, *names: str, activations: Sequence[str] = (), macros: Sequence[str] = ()
) -> Texts:
    """A file once for each storage type and macro (or macros, with spaces between), with activations in its epilogue.

    ``NAME=value`` gives a macro a value. Integers have no activations.
    """
    types = [getattr(Type, name) for name in names]
    return lambda: [
        variant(
            file,
            t,
            activations if t.is_real() else (),
            macros=[name.replace("=", " ") for name in macro.split()],
        )
        for macro in macros or ("",)
        for t in types
    ]


def together(*texts: Texts) -> Texts:
    """All of these texts, in order."""
    return lambda: [text for some in texts for text in some()]


def with_macros(file: str, *texts: dict[str, str | int]) -> Texts:
    """A file once for each set of macros."""

    def text(macros: dict[str, str | int]) -> str:
        lines = "".join(f"#define {name} {value}\n" for name, value in macros.items())
        return f'{lines}#include "{file}"\n'

    return lambda: [text(macros) for macros in texts]


def generated(header: str, *texts: Iterable[str]) -> Texts:
    """A header with lines that instantiate its kernels; each line in a namespace, so that they compile at once."""
    return lambda: [at_once([f'#include "{header}"', *lines]) for lines in texts]


def at_once(texts: Iterable[str]) -> str:
    """One text for several, each in a namespace of its own, behind all the headers that they include."""
    include = re.compile(r'^#include "\w+\.cuh"\n?', re.MULTILINE)
    texts = list(texts)
    headers = dict.fromkeys(line.strip() for text in texts for line in include.findall(text))
    parts = [include.sub("", text) for text in texts]
    spaces = [f"namespace part_{i} {{\n{part}\n}}" for i, part in enumerate(parts) if part]
    return "\n".join([*headers, *spaces, ""])


def renamed(source: str, name: str, new: str) -> str:
    """A generated text whose kernels NAME and NAME_single are called otherwise."""
    for ending in ("", "_single"):
        source = source.replace(f" {name}{ending}(", f" {new}{ending}(")
    return source


def elementwise() -> Sequence[str]:
    """A kernel for each formula, in f32 and f16 (bit operations in i32)."""
    formulas = (ROOT / "kernels" / "formulas.cuh").read_text(encoding="utf-8")

    def kernel(name: str, real: Type) -> str:
        storage = Type.i32 if name.startswith(("bitwise_", "left_", "right_")) else real
        formula = codegen.FORMULAS[name]
        parameters = re.search(rf"\b{formula.function}\(([^()]*)\) {{", formulas)
        count = parameters[1].count(",") + 1 if parameters else 1  # overloaded ones take one
        result = Type.boolean if formula.kind == "operands" else storage
        expression = codegen.Expression(name, result, tuple(range(count)))
        return codegen.emit((expression,), (storage,) * count, (count,)).source

    return [
        at_once(kernel(name, real) for name in codegen.FORMULAS) for real in (Type.f32, Type.f16)
    ]


def conversions() -> Sequence[str]:
    """Conversion of each packed type to f16, and of f32 to and from each 8-bit float: convert_FROM_TO."""

    def kernel(source: Type, target: Type) -> str:
        expression = codegen.Expression("convert", target, (0,))
        made = codegen.emit((expression,), (source,), (1,))
        return renamed(made.source, made.name, f"convert_{source.to_string()}_{target.to_string()}")

    pairs = [(source, Type.f16) for source in (*codegen.PACKED_NAMES, *codegen.FLOAT8_NAMES)]
    pairs += [(Type.f32, target) for target in codegen.FLOAT8_NAMES]
    return [at_once(kernel(source, target) for source, target in pairs)]


def elements(file: str, *names: str, macros: Sequence[str] = ()) -> Texts:
    """A file once for each type of elements, by the names of ``kernels/types.cuh``, with some macros set."""
    more: dict[str, str | int] = dict.fromkeys(macros, 1)
    return with_macros(file, *[{"ELEMENT": n, "INDEX": "long long", **more} for n in names])


def words(file: str) -> Texts:
    """A file that moves words, for three widths and both types of indices."""
    widths = ((1, "long long"), (4, "int"), (16, "long long"))
    return with_macros(file, *[{"WORD": width, "INDEX": index} for width, index in widths])


def instances(header: str, **operations: Sequence[str]) -> Texts:
    """A header's kernels in all floats: ``MACRO=[operation, ...]`` stands for MACRO(name, operation, type)."""
    return generated(
        header,
        *[
            [
                f"{macro}({operation.lower()}, {operation}, {element})"
                for macro, names in operations.items()
                for operation in names
            ]
            for element in ("float", "half_t", "bfloat16_t", "double")
        ],
    )
