"""Compare one operation with the real OpenVINO: types, partial shapes, symbols, attributes and values.

A :class:`Case` is one call of a factory, written once and made with both packages::

    CASES = [
        *cases("add", data([2, 3], "T"), data([3], "T"), T="f32 f16 i32 i64 u8"),
        *cases("clamp", data([4]), -1.0, 2.0),
        *cases("concat", [data([2, 3]), data([1, 3])], axis=0),
        *cases("reshape", data([2, 6]), const([3, -1]), special_zero=False, opset=1),
    ]

    @pytest.mark.parametrize("case", CASES, ids=str)
    def test_against_openvino(case):
        case.check()

:meth:`Case.check` builds the model with static shapes and compares names, attributes, output types, shapes and
computed values (also on strided and read-only inputs); then it makes the shapes of the parameters unknown in several
ways (:data:`RELAXATIONS`) and compares what both packages infer, errors included.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
import openvino as ov

from ovgpu.graph.dimension import Dimension
from ovgpu.graph.element_type import Type
from ovgpu.graph.packing import pack_codes, sign_extend, unpack_codes
from ovgpu.graph.partial_shape import PartialShape
from ovgpu.graph.special import Constant, Parameter, Result
from ovgpu.graph.string_data import encode
from ovgpu.graph.symbol import Symbol
from ovgpu.plugins.cpu.evaluate import evaluate_graph

#: An input dimension in both packages' terms: (least, most) with most -1 for no bound; None as a shape: unknown rank.
Bounds = tuple[int, int]

#: float32 config: the CPU device would otherwise choose bfloat16 and int8 where the processor has them.
ORACLE_CONFIG = {
    "INFERENCE_PRECISION_HINT": "f32",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
    "INFERENCE_NUM_THREADS": "1",
    "PERFORMANCE_HINT": "LATENCY",
}

#: Default (relative, absolute) tolerance by output type; integers and booleans must be equal.
TOLERANCES = {
    "f64": (1e-5, 1e-6),  # the oracle computes f64 as f32
    "f32": (1e-5, 1e-6),
    "f16": (2e-3, 1e-3),
    "bf16": (1.6e-2, 1e-2),
    "f8e4m3": (0.13, 2e-2),
    "f8e5m2": (0.26, 2e-2),
}


@dataclass(frozen=True)
class Data:
    """A parameter of the model: shape, element type and how its values are drawn."""

    shape: tuple[int, ...]
    type: str = "f32"
    low: float | None = None
    high: float | None = None
    values: Any = field(default=None, compare=False)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Values in the host dtype of the element type."""
        element_type = Type.from_name(self.type)
        dtype = element_type.host_dtype
        if self.values is not None:
            return np.asarray(self.values).astype(dtype).reshape(self.shape)
        if self.type == "boolean":
            return np.asarray(rng.random(self.shape) < 0.5)
        if element_type.is_real():
            low, high = (
                -3.0 if self.low is None else self.low,
                3.0 if self.high is None else self.high,
            )
            return rng.uniform(low, high, self.shape).astype(dtype)
        top = {1: 1, 2: 3, 3: 7}.get(element_type.bitwidth, 9)
        least = -min(top, 8) if element_type.is_signed() else 0
        low = least if self.low is None else int(self.low)
        high = (7 if self.type == "i4" else top) if self.high is None else int(self.high)
        return rng.integers(low, high, self.shape, endpoint=True).astype(dtype)

    def __str__(self) -> str:
        return f"{self.type}{list(self.shape)}"


@dataclass(frozen=True)
class Const:
    """A constant of the model."""

    values: np.ndarray = field(compare=False)
    type: str

    def __str__(self) -> str:
        flat = self.values.reshape(-1).tolist()
        shown = ",".join(map(str, flat[:6])) + (",…" if len(flat) > 6 else "")
        return f"{self.type}:{list(self.values.shape) if self.values.ndim != 1 else ''}({shown})"


def data(
    shape: Sequence[int],
    type: str = "f32",
    low: float | None = None,
    high: float | None = None,
    values: Any = None,
) -> Data:
    """A model input. Without ``values`` they are drawn from [low, high]: [-3, 3] for floats, small for integers."""
    return Data(tuple(shape), type, low, high, values)


def const(values: Any, type: str | None = None) -> Const:
    """A constant input; Python ints become i64 and floats f32 unless ``type`` says otherwise."""
    array = np.asarray(values)
    if type is None:
        type = {"b": "boolean", "i": "i64", "f": "f32"}[array.dtype.kind] if array.size else "i64"
    return Const(array if type == "T" else array.astype(Type.from_name(type).host_dtype), type)


#: What was compared in this process, for the summary at the end: (kind, operation) -> how often.
COMPARED: Counter[tuple[str, str]] = Counter()


class Refused(Exception):
    """A package did not accept the operation."""


@dataclass(frozen=True)
class Case:
    """One call of one factory; see :func:`cases` for the fields."""

    factory: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    opset: int
    rtol: float | None = None
    atol: float | None = None
    oracle: str = "cpu"
    relax: tuple[str, ...] | None = None
    symbols: bool = True
    attributes: bool = True
    values: bool = True

    def __str__(self) -> str:
        shown = [_show(a) for a in self.arguments] + [
            f"{k}={_show(v)}" for k, v in self.keywords.items()
        ]
        return f"opset{self.opset}.{self.factory}({', '.join(shown)})"

    # ---- the whole comparison -----------------------------------------------------------------------------------
    def check(self) -> None:
        """Compare everything. Raises AssertionError naming what differs."""
        self.check_static()
        for relaxation in RELAXATIONS if self.relax is None else self.relax:
            self.check_relaxed(relaxation)

    def check_static(self) -> None:
        """Compare the operation with static shapes: names, attributes, types, shapes and values."""
        theirs, mine = self.build_theirs(), self.build_mine()
        COMPARED["cases", f"{mine.node.declaration.version}.{mine.node.get_type_name()}"] += 1
        assert mine.node.get_type_name() == theirs.node.get_type_name()
        assert mine.node.get_type_info().version_id == theirs.node.get_type_info().version_id
        if self.attributes:
            got, expected = _normal_attributes(mine.node), _normal_attributes(theirs.node)
            assert got == expected, f"attributes {got}, openvino has {expected}"
        self._compare_outputs(mine, theirs, "static")
        if self.values:
            self._compare_values(mine, theirs)

    def check_relaxed(self, relaxation: str) -> None:
        """Compare what is inferred when the parameters' shapes are known only in part."""
        shapes = [RELAXATIONS[relaxation](i, d.shape) for i, d in enumerate(self.parameters())]
        if all(s is not None and all(low == high for low, high in s) for s in shapes):
            return
        COMPARED["partial shapes", self.factory] += 1
        theirs, mine = (
            _attempt(lambda: self.build_theirs(shapes)),
            _attempt(lambda: self.build_mine(shapes)),
        )
        if isinstance(theirs, Refused) or isinstance(mine, Refused):
            assert isinstance(theirs, Refused), (
                f"{relaxation} {shapes}: ovgpu refused what openvino accepts: {mine}"
            )
            assert isinstance(mine, Refused), (
                f"{relaxation} {shapes}: ovgpu accepts what openvino refused: {theirs}"
            )
            return
        self._compare_outputs(mine, theirs, f"{relaxation} {shapes}")

    def check_refused(self) -> None:
        """Both packages must refuse this operation."""
        assert isinstance(_attempt(self.build_theirs), Refused), "openvino accepts it"
        assert isinstance(_attempt(self.build_mine), Refused), "ovgpu accepts it"

    # ---- building -------------------------------------------------------------------------------------------------
    def parameters(self) -> list[Data]:
        return [
            item
            for item in _leaves((self.arguments, tuple(self.keywords.values())))
            if isinstance(item, Data)
        ]

    def build_mine(self, shapes: Sequence[Any] | None = None) -> _Built:
        return self._build("ovgpu", _mine_parameter, _mine_constant, shapes)

    def build_theirs(self, shapes: Sequence[Any] | None = None) -> _Built:
        return self._build("openvino", _their_parameter, _their_constant, shapes)

    def _build(
        self, package: str, parameter: Callable, constant: Callable, shapes: Sequence[Any] | None
    ) -> _Built:
        made: list[Any] = []

        def build(item: Any) -> Any:
            if isinstance(item, Data):
                index = len(made)
                bounds = tuple((d, d) for d in item.shape) if shapes is None else shapes[index]
                made.append(parameter(item.type, bounds, index))
                return made[-1]
            if isinstance(item, Const):
                return constant(item)
            if isinstance(item, list) and any(isinstance(x, (Data, Const)) for x in item):
                return [build(x) for x in item]
            return item

        arguments = [build(a) for a in self.arguments]
        keywords = {k: build(v) for k, v in self.keywords.items()}
        node = getattr(import_module(f"{package}.opset{self.opset}"), self.factory)(
            *arguments, **keywords
        )
        return _Built(node, made)

    # ---- comparing ------------------------------------------------------------------------------------------------
    def _compare_outputs(self, mine: _Built, theirs: _Built, how: str) -> None:
        assert mine.node.get_output_size() == theirs.node.get_output_size(), (
            f"{how}: number of outputs"
        )
        for i in range(theirs.node.get_output_size()):
            expected_type = theirs.node.get_output_element_type(i).to_string()
            assert mine.node.get_output_element_type(i).to_string() == expected_type, (
                f"{how}: type of output {i}"
            )
            expected, got = (
                theirs.node.get_output_partial_shape(i),
                mine.node.get_output_partial_shape(i),
            )
            assert str(got) == str(expected), (
                f"{how}: shape of output {i} is {got}, openvino says {expected}"
            )
            if self.symbols and not expected.rank.is_dynamic:
                known, marks = theirs.symbols_of(i), mine.symbols_of(i)
                assert marks == known, (
                    f"{how}: symbols of output {i} ({got}) are {marks}, openvino has {known}"
                )

    def draw(self) -> list[np.ndarray]:
        """Input arrays: the same ones for the same case."""
        rng = np.random.default_rng(zlib.crc32(str(self).encode()))
        return [d.draw(rng) for d in self.parameters()]

    def _compare_values(self, mine: _Built, theirs: _Built) -> None:
        COMPARED["values", self.factory] += 1
        arrays = self.draw()
        expected = run_theirs(theirs.node, theirs.parameters, arrays, self.oracle)
        for layout, view in (("contiguous", _read_only), ("strided", _strided)):
            results = run_mine(mine.node, mine.parameters, [view(a) for a in arrays])
            for i, (got, want) in enumerate(zip(results, expected, strict=True)):
                element_type = theirs.node.get_output_element_type(i).to_string()
                self._compare_arrays(got, want, element_type, f"output {i} of {layout} inputs")

    def _compare_arrays(
        self, got: np.ndarray, want: np.ndarray, element_type: str, what: str
    ) -> None:
        assert got.shape == want.shape, f"{what}: shape"
        assert got.dtype == want.dtype, f"{what}: dtype"
        if element_type not in TOLERANCES:
            np.testing.assert_array_equal(got, want, err_msg=what)
            return
        rtol, atol = TOLERANCES[element_type]
        if got.dtype.itemsize < 8:
            got, want = got.astype(np.float32), want.astype(np.float32)
        np.testing.assert_allclose(got, want, self.rtol or rtol, self.atol or atol, err_msg=what)


@dataclass
class _Built:
    node: Any
    parameters: list[Any]

    def symbols_of(self, index: int) -> list[str | None]:
        """For each dimension of an output: the input dimension with the same symbol, ``new`` for another one."""
        known = [
            (f"{p}.{axis}", dimension.get_symbol())
            for p, node in enumerate(self.parameters)
            if not (shape := node.get_output_partial_shape(0)).rank.is_dynamic
            for axis, dimension in enumerate(shape)
            if dimension.has_symbol()
        ]
        found: list[str | None] = []
        for dimension in self.node.get_output_partial_shape(index):
            if dimension.is_static or not dimension.has_symbol():
                found.append(None)
                continue
            symbol = dimension.get_symbol()
            found.append(next((name for name, other in known if other == symbol), "new"))
        return found


# ---- describing cases ---------------------------------------------------------------------------------------------
_OPTIONS = ("rtol", "atol", "oracle", "relax", "symbols", "attributes", "values")


def cases(
    factory: str, *arguments: Any, opset: int = 16, T: str | None = None, **keywords: Any
) -> Iterator[Case]:
    """Cases of one factory call, one for each element type in ``T`` (inputs of type ``"T"`` take it).

    Args:
        factory: name in ``openvino.opsetN``.
        arguments: positional arguments: ``data(...)``, ``const(...)``, lists of those, and plain attribute values.
        opset: which opset's factory.
        T: element types, separated by spaces.
        keywords: keyword arguments of the factory, and these options:
            ``rtol``, ``atol``: tolerance; ``oracle``: ``cpu``, ``evaluate`` (OpenVINO's reference implementation) or
            ``none``; ``relax``: names of RELAXATIONS to try (default all); ``symbols``, ``attributes``, ``values``:
            False leaves that comparison out.
    """
    options = {k: keywords.pop(k) for k in _OPTIONS if k in keywords}
    if "relax" in options:
        options["relax"] = tuple(options["relax"])
    for element_type in (T or "f32").split():
        yield Case(
            factory,
            tuple(_typed(a, element_type) for a in arguments),
            {k: _typed(v, element_type) for k, v in keywords.items()},
            opset,
            **options,
        )


def _typed(item: Any, element_type: str) -> Any:
    if isinstance(item, Data) and item.type == "T":
        return replace(item, type=element_type)
    if isinstance(item, Const) and item.type == "T":
        return const(item.values, element_type)
    if isinstance(item, list):
        return [_typed(x, element_type) for x in item]
    return item


def _show(item: Any) -> str:
    return f"[{','.join(map(_show, item))}]" if isinstance(item, list) else str(item)


def _leaves(item: Any) -> Iterator[Any]:
    if isinstance(item, (list, tuple)):
        yield from itertools.chain.from_iterable(map(_leaves, item))
    else:
        yield item


#: Ways to know less about a parameter's shape: (index of the parameter, shape) -> bounds of each dimension, or None.
RELAXATIONS: dict[str, Callable[[int, tuple[int, ...]], tuple[Bounds, ...] | None]] = {
    "dynamic": lambda _, shape: tuple((0, -1) for _d in shape),
    "bounded": lambda _, shape: tuple((min(1, d), d + 2) for d in shape),
    "rank": lambda _, shape: None,
    "first rank": lambda i, shape: None if i == 0 else tuple((d, d) for d in shape),
    "batch": lambda _, shape: tuple(
        (0, -1) if axis == 0 else (d, d) for axis, d in enumerate(shape)
    ),
    "first input": lambda i, shape: tuple((0, -1) if i == 0 else (d, d) for d in shape),
    "last dimension": lambda _, shape: (
        *((d, d) for d in shape[:-1]),
        *((2, 9) for _d in shape[-1:]),
    ),
    "at least": lambda i, shape: tuple((d, -1) for d in shape),
}


def _attempt(build: Callable[[], _Built]) -> _Built | Refused:
    try:
        return build()
    except (RuntimeError, TypeError, ValueError) as error:
        return Refused(str(error))


# ---- the two packages -----------------------------------------------------------------------------------------------
def _mine_parameter(element_type: str, bounds: tuple[Bounds, ...] | None, index: int) -> Parameter:
    if bounds is None:
        return Parameter(Type.from_name(element_type), PartialShape.dynamic())
    dims = [Dimension(low, high) for low, high in bounds]
    for dimension in dims:
        if dimension.is_dynamic:
            dimension.set_symbol(Symbol())
    return Parameter(Type.from_name(element_type), PartialShape(dims))


def _their_parameter(element_type: str, bounds: tuple[Bounds, ...] | None, index: int) -> Any:
    if bounds is None:
        return ov.op.Parameter(getattr(ov.Type, element_type), ov.PartialShape.dynamic())
    dims = [ov.Dimension(low, high) for low, high in bounds]
    for dimension in dims:
        if dimension.is_dynamic:
            dimension.set_symbol(ov.Symbol())
    return ov.op.Parameter(getattr(ov.Type, element_type), ov.PartialShape(dims))


def _mine_constant(item: Const) -> Constant:
    return Constant.from_host(Type.from_name(item.type), item.values)


def _their_constant(item: Const) -> Any:
    return ov.op.Constant(openvino_tensor(item.values, item.type))


def openvino_tensor(array: np.ndarray, element_type: str) -> ov.Tensor:
    """A tensor of the real package from an array in the host dtype of ``element_type``."""
    if element_type == "string":
        return ov.Tensor(np.asarray(array, dtype=np.str_))
    tensor = ov.Tensor(getattr(ov.Type, element_type), ov.Shape(list(array.shape)))
    bits = Type.from_name(element_type).bitwidth
    flat = np.ascontiguousarray(array).reshape(-1)
    stored = flat.view(np.uint8) if bits >= 8 else pack_codes(flat.view(np.uint8), bits)
    if stored.size:
        tensor.data.reshape(-1).view(np.uint8)[:] = stored
    return tensor


def host_array(tensor: ov.Tensor) -> np.ndarray:
    """The elements of a tensor of the real package in the host dtype of its element type."""
    element_type = Type.from_name(tensor.element_type.to_string())
    shape = tuple(tensor.shape)
    if element_type is Type.string:
        return encode(np.asarray(tensor.str_data)).reshape(shape)
    count = math.prod(shape)
    stored = (
        np.ascontiguousarray(tensor.data).reshape(-1).view(np.uint8)
        if count
        else np.empty(0, np.uint8)
    )
    if element_type.bitwidth >= 8:
        return stored.view(element_type.host_dtype).reshape(shape).copy()
    codes = unpack_codes(stored, element_type.bitwidth, count)
    if element_type is Type.i4:
        codes = sign_extend(codes, 4)
    return codes.view(element_type.host_dtype).reshape(shape)


@lru_cache(maxsize=1)
def _core() -> ov.Core:
    return ov.Core()


def run_theirs(
    node: Any, parameters: list[Any], arrays: Sequence[np.ndarray], oracle: str
) -> list[np.ndarray]:
    """Outputs of the real package's CPU device, or of its reference implementation (``oracle="evaluate"``)."""
    results = [ov.opset1.result(node.output(i)) for i in range(node.get_output_size())]
    model = ov.Model(results, parameters)
    tensors = [
        openvino_tensor(a, p.get_element_type().to_string())
        for a, p in zip(arrays, parameters, strict=True)
    ]
    if oracle == "evaluate":
        outputs = [
            ov.Tensor(node.get_output_element_type(i), ov.Shape([])) for i in range(len(results))
        ]
        assert model.evaluate(outputs, tensors), "openvino has no reference implementation"
        return [host_array(t) for t in outputs]
    request = _core().compile_model(model, "CPU", ORACLE_CONFIG).create_infer_request()
    for i, tensor in enumerate(tensors):
        request.set_input_tensor(i, tensor)
    request.infer()
    return [host_array(request.get_output_tensor(i)) for i in range(len(results))]


def run_mine(node: Any, parameters: list[Any], arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Outputs of ovgpu's CPU kernels."""
    results = [Result(node.output(i)) for i in range(node.get_output_size())]
    return evaluate_graph(results, dict(zip(parameters, arrays, strict=True)))


def _read_only(array: np.ndarray) -> np.ndarray:
    """A copy that kernels cannot write to."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def _strided(array: np.ndarray) -> np.ndarray:
    """The same values with gaps between the elements and the axes in reversed memory order."""
    wide = np.zeros([2 * d for d in reversed(array.shape)], array.dtype)
    view = wide[(*(slice(None, None, 2) for _ in wide.shape), ...)].T
    view[...] = array
    view.flags.writeable = False
    return view


def _normal_attributes(node: Any) -> dict[str, Any]:
    return {name: _normal(value) for name, value in node.get_attributes().items()}


def _normal(value: Any) -> Any:
    """Attribute values of both packages in one form."""
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(np.float32(value))
    if isinstance(value, (list, tuple, np.ndarray)) or type(value).__name__ in (
        "Shape",
        "Strides",
        "AxisSet",
    ):
        return [_normal(x) for x in value]
    return str(value)
