"""Correctly rounded arithmetic from first principles (fractions), to judge the translated instructions by."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import ml_dtypes
import numpy

# (bits of the significand, smallest and largest exponent)
FORMATS = {
    "f16": (11, -14, 15),
    "bf16": (8, -126, 127),
    "f32": (24, -126, 127),
    "f64": (53, -1022, 1023),
    "e4m3": (4, -6, 8),
    "e5m2": (3, -14, 15),
}
DTYPES = {
    "f16": numpy.dtype(numpy.float16),
    "bf16": numpy.dtype(ml_dtypes.bfloat16),
    "f32": numpy.dtype(numpy.float32),
    "f64": numpy.dtype(numpy.float64),
}


def round_to(value: Fraction, fmt: str, mode: str) -> float:
    """The nearest value of the format: rn to even, rz to zero, rm down, rp up. Overflow as IEEE 754 says."""
    if value == 0:
        return 0.0
    precision, e_min, e_max = FORMATS[fmt]
    sign, magnitude = (-1 if value < 0 else 1), abs(value)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    if Fraction(2) ** exponent > magnitude:
        exponent -= 1
    unit = Fraction(2) ** (max(exponent, e_min) - precision + 1)
    units, rest = divmod(magnitude, unit)
    rest /= unit
    half = Fraction(1, 2)
    up = {
        "rn": rest > half or (rest == half and units % 2 == 1),
        "rz": False,
        "rm": sign < 0 and rest > 0,
        "rp": sign > 0 and rest > 0,
    }[mode]
    rounded = (units + up) * unit
    largest = (2 - Fraction(2) ** (1 - precision)) * Fraction(2) ** e_max
    if rounded > largest:
        stays = mode == "rz" or (mode == "rm" and sign > 0) or (mode == "rp" and sign < 0)
        return sign * (float(largest) if stays else math.inf)
    return sign * float(rounded)


def root_to(value: Fraction, fmt: str, mode: str) -> float:
    """The correctly rounded square root."""
    shift = 1200
    scaled = value * (1 << (2 * shift))
    root = math.isqrt(scaled.numerator // scaled.denominator)
    exact = Fraction(root, 1 << shift)
    if exact * exact != value:  # a sticky bit keeps it on the right side of every tie
        exact += Fraction(1, 1 << (shift + 8))
    return round_to(exact, fmt, mode)


def flush(value: float, fmt: str) -> float:
    """.ftz: subnormal numbers become zero of the same sign."""
    smallest_normal = 2.0 ** FORMATS[fmt][1]
    return math.copysign(0.0, value) if abs(value) < smallest_normal else value


def apply(
    operation: str, operands: tuple[float, ...], fmt: str, mode: str = "rn", *, ftz: bool = False
) -> float:
    """add, sub, mul, div, fma, rcp or sqrt of floats, rounded once."""
    if ftz:
        operands = tuple(flush(x, fmt) for x in operands)
    result = _apply(operation, operands, fmt, mode)
    return flush(result, fmt) if ftz else result


_EXACT: dict[str, Callable[..., Fraction]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "fma": lambda a, b, c: a * b + c,
}


def _apply(operation: str, operands: tuple[float, ...], fmt: str, mode: str) -> float:
    if operation == "rcp":
        return _apply("div", (1.0, *operands), fmt, mode)
    divides_by_zero = operation == "div" and operands[1] == 0
    if not all(math.isfinite(x) for x in operands) or divides_by_zero:
        with numpy.errstate(all="ignore"):  # infinities and NaN do not depend on the rounding
            a = [numpy.float64(x) for x in operands]
            special = {
                "add": lambda: a[0] + a[1],
                "sub": lambda: a[0] - a[1],
                "mul": lambda: a[0] * a[1],
                "div": lambda: a[0] / a[1],
                "fma": lambda: (
                    a[2]
                    if math.isfinite(operands[0]) and math.isfinite(operands[1])
                    else a[0] * a[1] + a[2]
                ),
                "sqrt": lambda: numpy.sqrt(a[0]),
            }
            return float(special[operation]())
    if operation == "sqrt":
        if operands[0] < 0:
            return math.nan
        return root_to(Fraction(operands[0]), fmt, mode)
    return round_to(_EXACT[operation](*(Fraction(x) for x in operands)), fmt, mode)
