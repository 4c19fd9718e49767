"""Typed properties of devices: names, mutability, defaults, parsing and the sentences of their errors.

A plugin lists its properties once::

    table = PropertyTable("CPU", [
        *common_properties(),
        Property("FULL_DEVICE_NAME", default=processor_name, mutability=RO),
        Property("NUM_STREAMS", parse_streams, default=1),
    ])

and gets from it ``SUPPORTED_PROPERTIES``, checked ``set``/``get``, and ``resolve(config)`` for compilation. Values may
be given natively (enum, Type, bool, int) or as the strings of a command line ("YES", "2", "f16").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ovgpu.enumeration import Enumeration
from ovgpu.graph.element_type import Type

RO, RW, WO = "RO", "RW", "WO"

#: Turns a value given by a user into the typed one. Gets the property's name for the sentence of a RuntimeError.
Parser = Callable[[str, Any], Any]


def parse_any(name: str, value: Any) -> Any:
    """Take any value as it is."""
    return value


def parse_text(name: str, value: Any) -> str:
    """Take any value as text."""
    return str(value)


_BOOLEANS = {"YES": True, "TRUE": True, "NO": False, "FALSE": False}


def parse_bool(name: str, value: Any) -> bool:
    """Take a bool or YES/NO/true/false."""
    if isinstance(value, bool):
        return value
    parsed = _BOOLEANS.get(str(value).upper())
    if parsed is None:
        raise RuntimeError(f"Wrong value {value} for property key {name}. Expected only true/false")
    return parsed


def parse_natural(name: str, value: Any) -> int:
    """Take an integer >= 0 or its digits."""
    number = _integer(value)
    if number is None or number < 0:
        raise RuntimeError(
            f"Wrong value for property key {name}. Expected only non negative integer numbers. Got: {value}"
        )
    return number


def parse_streams(name: str, value: Any) -> int:
    """Take a number of streams, "AUTO" (-1), "NUMA" (-2) or a ``properties.streams.Num``."""
    value = value.to_integer() if hasattr(value, "to_integer") else value
    if isinstance(value, str) and value.upper() in ("AUTO", "NUMA"):
        return {"AUTO": -1, "NUMA": -2}[value.upper()]
    number = _integer(value)
    if number is None:
        raise RuntimeError(f"Could not read number of streams from str: {value}")
    if number < -2:
        raise RuntimeError(
            f"Wrong value for property key {name}. Expected non negative numbers (#streams) or "
            f"ov::streams::NUMA|ov::streams::AUTO, Got: {number}"
        )
    return number


def _integer(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def parse_fraction(name: str, value: Any) -> float:
    """Take a number of 0..1."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0.0 <= number <= 1.0:
        raise RuntimeError(
            f"Wrong value {value} for property key {name}. Expected only float numbers in range [0.0f, 1.0f]"
        )
    return number


def enum_parser(
    enumeration: Callable[[], type[Enumeration]], expected: str, joint: str = ""
) -> Parser:
    """Make a parser for an enumeration, by member or by name.

    Args:
        enumeration: returns the enumeration; called on first use, so that listing properties imports nothing.
        expected: the tail of the error sentence.
        joint: what stands between the value and "for property key" in the error sentence.
    """

    def parse(name: str, value: Any) -> Any:
        members = enumeration()
        if isinstance(value, members):
            return value
        if isinstance(value, str):
            short = value.rpartition("::")[2].removeprefix("LOG_")
            found = members.__members__.get(short)
            if found is not None:
                return found
        raise RuntimeError(f"Wrong value {value}{joint}for property key {name}. {expected}")

    return parse


def type_parser(*names: str) -> Parser:
    """Make a parser for the element types of these names; ``undefined`` stands for ``Type.dynamic``."""

    def parse(name: str, value: Any) -> Type:
        try:
            parsed = value if isinstance(value, Type) else Type.from_name(str(value))
        except ValueError:
            parsed = None
        known = (
            parsed is not None
            and ("undefined" if parsed is Type.dynamic else parsed.to_string()) in names
        )
        if parsed is None or not known:
            shown = value.to_string() if isinstance(value, Type) else value
            raise RuntimeError(
                f"Wrong value {shown} for property key {name}. Supported values: {', '.join(names)}"
            )
        return parsed

    return parse


@dataclass(frozen=True, slots=True)
class Property:
    """One property.

    Attributes:
        name: the key.
        parse: checks and types a given value.
        default: the value, or a function without arguments that computes it at each reading.
        mutability: RO, RW or WO.
    """

    name: str
    parse: Parser = parse_any
    default: Any = None
    mutability: str = RW


class PropertyTable:
    """The properties of one device with their current values."""

    def __init__(self, device: str, properties: Iterable[Property]) -> None:
        self._device = device
        self._properties: dict[str, Property] = {}
        for entry in (
            Property("SUPPORTED_PROPERTIES", default=self.supported, mutability=RO),
            *properties,
        ):
            self._properties[entry.name] = (
                entry  # a later entry refines an earlier one of the same name
            )
        self._values: dict[str, Any] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._properties

    def supported(self) -> dict[str, str]:
        """Mutability by name, as ``SUPPORTED_PROPERTIES`` has it."""
        return {name: entry.mutability for name, entry in self._properties.items()}

    def get(self, name: str) -> Any:
        """Current value. Raises RuntimeError for an unknown property."""
        entry = self._properties.get(name)
        if entry is None:
            raise RuntimeError(f"Cannot get unsupported property: {name}")
        if name in self._values:
            return self._values[name]
        return entry.default() if callable(entry.default) else entry.default

    def parse(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Check and type ``config``.

        Raises RuntimeError for a property that is unknown or read-only and for a wrong value.
        """
        typed = {}
        for name, value in config.items():
            entry = self._properties.get(name)
            if entry is None or entry.mutability == RO:
                raise RuntimeError(
                    f"NotFound: Unsupported property {name} by {self._device} plugin."
                )
            value = plain(value)
            # None keeps what is there: optional arguments are passed through by callers.
            typed[str(name)] = self.get(name) if value is None else entry.parse(name, value)
        return typed

    def set(self, config: Mapping[str, Any]) -> None:
        """Change values, all or none. Raises as :meth:`parse`."""
        self._values.update(self.parse(config))

    def is_set(self, name: str) -> bool:
        """Whether a user gave the property a value."""
        return name in self._values

    def resolve(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """All writable properties for one compilation: ``config`` over the current values. Raises as :meth:`parse`."""
        values = {n: self.get(n) for n, entry in self._properties.items() if entry.mutability != RO}
        values.update(self.parse(config))
        return values


def plain(value: Any) -> Any:
    """The Python value inside an OVAny; other values as they are."""
    from ovgpu.graph.any import OVAny

    return value.value if isinstance(value, OVAny) else value


def plain_config(config: Mapping[Any, Any]) -> dict[str, Any]:
    """A configuration with plain string keys and values out of their OVAny."""
    return {str(name): plain(value) for name, value in config.items()}


def _performance_mode() -> type[Enumeration]:
    from ovgpu.properties.hint import PerformanceMode

    return PerformanceMode


def _execution_mode() -> type[Enumeration]:
    from ovgpu.properties.hint import ExecutionMode

    return ExecutionMode


def _scheduling_core_type() -> type[Enumeration]:
    from ovgpu.properties.hint import SchedulingCoreType

    return SchedulingCoreType


def _priority() -> type[Enumeration]:
    from ovgpu.properties.hint import Priority

    return Priority


def _log_level() -> type[Enumeration]:
    from ovgpu.properties.log import Level

    return Level


parse_performance_mode = enum_parser(
    _performance_mode,
    "Expected only ov::hint::PerformanceMode::LATENCY/THROUGHPUT/CUMULATIVE_THROUGHPUT.",
)
parse_execution_mode = enum_parser(
    _execution_mode, "Supported values: ov::hint::ExecutionMode::PERFORMANCE/ACCURACY"
)
parse_scheduling_core_type = enum_parser(
    _scheduling_core_type,
    "Expected only ov::hint::SchedulingCoreType::ANY_CORE/PCORE_ONLY/ECORE_ONLY",
)
parse_priority = enum_parser(
    _priority, "Expected only ov::hint::Priority::LOW/MEDIUM/HIGH", joint=" "
)
parse_log_level = enum_parser(
    _log_level, "Expected only ov::log::Level::NO/ERR/WARNING/INFO/DEBUG/TRACE.", joint=" "
)
parse_inference_precision = type_parser("bf16", "f16", "f32", "undefined")


def _default_member(enumeration: Callable[[], type[Enumeration]], member: str) -> Callable[[], Any]:
    return lambda: enumeration()[member]


def common_properties() -> list[Property]:
    """Properties that every inference device takes, with the defaults of a device that runs one stream in f32."""
    return [
        Property(
            "PERFORMANCE_HINT",
            parse_performance_mode,
            _default_member(_performance_mode, "LATENCY"),
        ),
        Property("PERFORMANCE_HINT_NUM_REQUESTS", parse_natural, 0),
        Property(
            "EXECUTION_MODE_HINT",
            parse_execution_mode,
            _default_member(_execution_mode, "PERFORMANCE"),
        ),
        Property("INFERENCE_PRECISION_HINT", parse_inference_precision, Type.f32),
        Property("NUM_STREAMS", parse_streams, 1),
        Property("PERF_COUNT", parse_bool, False),
        Property("DEVICE_ID", parse_text, ""),
        Property("LOG_LEVEL", parse_log_level, _default_member(_log_level, "NO")),
        Property("CACHE_DIR", parse_text, ""),
        Property("MODEL_PRIORITY", parse_priority, _default_member(_priority, "MEDIUM")),
    ]
