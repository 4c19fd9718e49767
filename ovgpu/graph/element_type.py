"""Element types of tensors."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ovgpu.graph.arguments import incompatible_arguments


class Type:
    """The type of a tensor's elements, e.g. `Type.f32`. There is one object per type.

    `Type(dtype)` gives the type of a numpy dtype or of anything `numpy.dtype` takes.

    Types of less than 8 bits (`u1 u2 u3 u4 u6 i4 nf4 f4e2m1`) are stored packed; see
    `storage_bytes`. `nf4` holds codes of a 16-entry table of the normal distribution; the
    `f4…`/`f8…` types are those of the OCP Microscaling specification (MX v1.0) and OFP8.

    Raises:
        TypeError: numpy does not understand `dtype`.
        RuntimeError: numpy does, but there is no such element type (e.g. complex64).
    """

    __slots__ = (
        "_bitwidth",
        "_c_name",
        "_host_dtype",
        "_name",
        "_numpy_dtype",
        "_precision",
        "_quantized",
        "_real",
        "_signed",
        "_size",
    )

    _by_name: ClassVar[dict[str, Type]] = {}
    _by_numpy: ClassVar[dict[tuple[str, int], Type]] = {}

    _name: str
    _c_name: str
    _bitwidth: int
    _size: int
    _real: bool
    _signed: bool
    _quantized: bool
    _numpy_dtype: np.dtype | None
    _host_dtype: np.dtype | str | None
    _precision: str

    f32: ClassVar[Type]
    f16: ClassVar[Type]
    bf16: ClassVar[Type]
    f64: ClassVar[Type]
    f8e4m3: ClassVar[Type]
    f8e5m2: ClassVar[Type]
    f8e8m0: ClassVar[Type]
    f4e2m1: ClassVar[Type]
    nf4: ClassVar[Type]
    boolean: ClassVar[Type]
    i4: ClassVar[Type]
    i8: ClassVar[Type]
    i16: ClassVar[Type]
    i32: ClassVar[Type]
    i64: ClassVar[Type]
    u1: ClassVar[Type]
    u2: ClassVar[Type]
    u3: ClassVar[Type]
    u4: ClassVar[Type]
    u6: ClassVar[Type]
    u8: ClassVar[Type]
    u16: ClassVar[Type]
    u32: ClassVar[Type]
    u64: ClassVar[Type]
    string: ClassVar[Type]
    dynamic: ClassVar[Type]

    def __new__(cls, *args: Any, **kwargs: Any) -> Type:
        if len(args) + len(kwargs) != 1 or (kwargs and "dtype" not in kwargs):
            raise incompatible_arguments("__init__", ["ovgpu.Type(dtype: object)"], args, **kwargs)
        dtype = np.dtype(args[0] if args else kwargs["dtype"])
        if dtype.kind in "SU":
            return cls.string
        found = cls._by_numpy.get((dtype.kind, dtype.itemsize))
        if found is None:
            raise RuntimeError(f"Unsupported data type: {dtype}")
        return found

    @classmethod
    def from_name(cls, name: str) -> Type:
        """The type of a name as IR files spell it: `"f32"`, or `"FP32"` as in a port's precision.

        Raises:
            ValueError: there is no type of this name.
        """
        found = cls._by_name.get(name) or cls._by_name.get(name.lower())
        if found is None:
            raise ValueError(f"Unknown element type: {name!r}")
        return found

    @property
    def host_dtype(self) -> np.dtype:
        """The numpy dtype with which kernels hold one value per array element.

        Sub-byte integers and `nf4` codes take one byte each, `string` is `object`.

        Raises:
            TypeError: for `Type.dynamic`, which has no values.
        """
        dtype = self._host_dtype
        if isinstance(dtype, str):
            # On first use only: ml_dtypes would add a tenth to the time of `import ovgpu`.
            import ml_dtypes

            dtype = self._host_dtype = np.dtype(getattr(ml_dtypes, dtype))
        if dtype is None:
            raise TypeError("Values of element type 'dynamic' do not exist")
        return dtype

    @property
    def precision(self) -> str:
        """The spelling of a port's precision in IR files, e.g. `"FP32"`, `"I64"`, `"BOOL"`."""
        return self._precision

    def storage_bytes(self, count: int) -> int:
        """Bytes that `count` values take when packed, as in a tensor, a constant or a `.bin` file.

        `u3` and `u6` are stored in groups of 8 and 4 values, 3 bytes each; the other sub-byte
        types are padded to a whole byte at the end of the tensor only. A string counts 32 bytes.
        """
        bits = self._bitwidth
        if bits >= 8:
            return count * self._size
        if bits == 3:
            return 3 * (-(-count // 8))
        if bits == 6:
            return 3 * (-(-count // 4))
        return -(-count * bits // 8)

    def to_dtype(self) -> np.dtype:
        """The numpy dtype in which arrays of this type are handed to users.

        `bf16` becomes `float16` (the same bits) and types of at most 8 bits without a numpy
        equal become `uint8` (`int8` for `i4`).

        Raises:
            IndexError: for `Type.dynamic`.
        """
        if self._numpy_dtype is None:
            raise IndexError("map::at")
        return self._numpy_dtype

    def to_string(self) -> str:
        """The short name, e.g. `"f32"`."""
        return self._name

    def get_type_name(self) -> str:
        """The short name, e.g. `"f32"`."""
        return self._name

    def get_size(self) -> int:
        """Bytes of one value, rounded up; 0 for `dynamic`."""
        return self._size

    def get_bitwidth(self) -> int:
        """Bits of one value; 0 for `dynamic`."""
        return self._bitwidth

    def is_static(self) -> bool:
        """Whether the type is known."""
        return self is not Type.dynamic

    def is_dynamic(self) -> bool:
        """Whether the type is not known."""
        return self is Type.dynamic

    def is_real(self) -> bool:
        """Whether values are floating-point numbers. `nf4`, a table of codes, is not."""
        return self._real

    def is_integral(self) -> bool:
        """Whether the type is not real: so also for `boolean`, `string` and `dynamic`."""
        return not self._real

    def is_integral_number(self) -> bool:
        """Whether the type is neither real nor boolean."""
        return not self._real and self is not Type.boolean

    def is_signed(self) -> bool:
        """Whether values may be negative."""
        return self._signed

    def is_quantized(self) -> bool:
        """Whether values usually stand for others by a scale."""
        return self._quantized

    def compatible(self, other: Type) -> bool:
        """Whether the types are equal or one of them is dynamic."""
        if not isinstance(other, Type):
            raise incompatible_arguments(
                "compatible",
                ["(self: ovgpu.Type, other: ovgpu.Type) -> bool"],
                (self, other),
            )
        return self is other or self is Type.dynamic or other is Type.dynamic

    def merge(self, other: Type) -> Type | None:
        """The more exact of two compatible types, None when they are not compatible."""
        if not isinstance(other, Type):
            raise incompatible_arguments(
                "merge",
                ["(self: ovgpu.Type, other: ovgpu.Type) -> object"],
                (self, other),
            )
        if self is other or other is Type.dynamic:
            return self
        return other if self is Type.dynamic else None

    size = property(get_size, doc="Bytes of one value, rounded up.")
    bitwidth = property(get_bitwidth, doc="Bits of one value.")
    type_name = property(get_type_name, doc="The short name.")
    real = property(is_real, doc="As `is_real()`.")
    integral = property(is_integral, doc="As `is_integral()`.")
    integral_number = property(is_integral_number, doc="As `is_integral_number()`.")
    signed = property(is_signed, doc="As `is_signed()`.")
    quantized = property(is_quantized, doc="As `is_quantized()`.")

    def __repr__(self) -> str:
        return f"<Type: '{self._c_name}'>"

    # One object per type: equality and hash are identity, and copies are the object itself.
    def __copy__(self) -> Type:
        return self

    def __deepcopy__(self, memo: dict) -> Type:
        return self

    def __reduce__(self) -> tuple:
        return Type.from_name, (self._name,)


# name, name in C, bits, numpy dtype shown to users, dtype of kernels (a str: of ml_dtypes), flags,
# precision in IR ports.
# Flags: r real, s signed, q quantized.
_TABLE: list[tuple[str, str, int, Any, Any, str, str]] = [
    ("f64", "double64", 64, np.float64, np.float64, "rs", "FP64"),
    ("f32", "float32", 32, np.float32, np.float32, "rs", "FP32"),
    ("f16", "float16", 16, np.float16, np.float16, "rs", "FP16"),
    ("bf16", "bfloat16", 16, np.float16, "bfloat16", "rs", "BF16"),
    ("f8e4m3", "f8e4m3", 8, np.uint8, "float8_e4m3fn", "rsq", "F8E4M3"),
    ("f8e5m2", "f8e5m2", 8, np.uint8, "float8_e5m2", "rsq", "F8E5M2"),
    ("f8e8m0", "f8e8m0", 8, np.uint8, "float8_e8m0fnu", "rsq", "F8E8M0"),
    ("f4e2m1", "f4e2m1", 4, np.uint8, "float4_e2m1fn", "rsq", "F4E2M1"),
    ("nf4", "nfloat4", 4, np.uint8, np.uint8, "q", "NF4"),
    ("boolean", "char", 8, np.bool_, np.bool_, "s", "BOOL"),
    ("i4", "int4_t", 4, np.int8, np.int8, "sq", "I4"),
    ("i8", "int8_t", 8, np.int8, np.int8, "sq", "I8"),
    ("i16", "int16_t", 16, np.int16, np.int16, "s", "I16"),
    ("i32", "int32_t", 32, np.int32, np.int32, "sq", "I32"),
    ("i64", "int64_t", 64, np.int64, np.int64, "s", "I64"),
    ("u1", "uint1_t", 1, np.uint8, np.uint8, "", "BIN"),
    ("u2", "uint2_t", 2, np.uint8, np.uint8, "", "U2"),
    ("u3", "uint3_t", 3, np.uint8, np.uint8, "", "U3"),
    ("u4", "uint4_t", 4, np.uint8, np.uint8, "", "U4"),
    ("u6", "uint6_t", 6, np.uint8, np.uint8, "", "U6"),
    ("u8", "uint8_t", 8, np.uint8, np.uint8, "q", "U8"),
    ("u16", "uint16_t", 16, np.uint16, np.uint16, "", "U16"),
    ("u32", "uint32_t", 32, np.uint32, np.uint32, "", "U32"),
    ("u64", "uint64_t", 64, np.uint64, np.uint64, "", "U64"),
    ("string", "string", 256, np.dtype("S"), np.object_, "", "STRING"),
    ("dynamic", "dynamic", 0, None, None, "", "UNSPECIFIED"),
]

for _name, _c_name, _bits, _numpy, _host, _flags, _precision in _TABLE:
    _type = object.__new__(Type)
    _type._name = _name
    _type._c_name = _c_name
    _type._bitwidth = _bits
    _type._size = -(-_bits // 8)
    _type._real = "r" in _flags
    _type._signed = "s" in _flags
    _type._quantized = "q" in _flags
    _type._numpy_dtype = None if _numpy is None else np.dtype(_numpy)
    _type._host_dtype = np.dtype(_host) if isinstance(_host, type) else _host
    _type._precision = _precision
    setattr(Type, _name, _type)
    Type._by_name[_name] = Type._by_name[_precision] = Type._by_name[_precision.lower()] = _type
    # Only types whose values numpy itself has are found from a dtype: uint8 is u8, never u4.
    if _numpy is not None and _numpy is _host and _bits >= 8:
        Type._by_numpy[np.dtype(_numpy).kind, np.dtype(_numpy).itemsize] = _type

# Spellings of IR version 10 and of early releases.
Type._by_name.update({"u1": Type.u1, "bool": Type.boolean, "undefined": Type.dynamic})
