"""The Gauss error function and its inverse for whole arrays, which numpy lacks."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.polynomial import chebyshev

# erf(x) = x P(x^2) / Q(x^2) on [-4, 4], the minimax approximation in single precision that Eigen and XLA use too.
_ERF_NUMERATOR = tuple(
    np.array(c, np.float32)
    for c in (
        -2.72614225801306e-10,
        2.77068142495902e-08,
        -2.10102402082508e-06,
        -5.69250639462346e-05,
        -7.34990630326855e-04,
        -2.95459980854025e-03,
        -1.60960333262415e-02,
    )
)
_ERF_DENOMINATOR = tuple(
    np.array(c, np.float32)
    for c in (
        -1.45660718464996e-05,
        -2.13374055278905e-04,
        -1.68282697438203e-03,
        -7.37332916720468e-03,
        -1.42647390514189e-02,
    )
)
_MINUS_FOUR, _FOUR, _HALF = (np.array(x, np.float32) for x in (-4, 4, 0.5))


def erf(x: np.ndarray, square: np.ndarray, divisor: np.ndarray, *, out: np.ndarray) -> None:
    """Gauss error function; ``out`` must not share memory with ``x``.

    Args:
        x: float32 or float64 array.
        square: temporary of the shape and dtype of ``out``.
        divisor: temporary of the shape and dtype of ``out``.
        out: result; accurate to 5e-7 in float32, to 1e-14 in float64.
    """
    if out.dtype == np.float64:
        np.copyto(out, _erf_double(x))
        return
    np.clip(x, _MINUS_FOUR, _FOUR, out)
    _odd_rational(out, square, divisor, _ERF_NUMERATOR, _ERF_DENOMINATOR)


def _odd_rational(
    out: np.ndarray,
    square: np.ndarray,
    divisor: np.ndarray,
    numerator: tuple[np.ndarray, ...],
    denominator: tuple[np.ndarray, ...],
) -> None:
    """Replace ``out`` by out P(out^2) / Q(out^2); coefficients from the highest power down."""
    np.multiply(out, out, square)
    _polynomial(square, denominator, divisor)
    np.divide(out, divisor, divisor)
    _polynomial(square, numerator, out)
    np.multiply(out, divisor, out)


def _polynomial(x: np.ndarray, coefficients: tuple[np.ndarray, ...], out: np.ndarray) -> None:
    """Horner's scheme in two passes for each coefficient."""
    np.multiply(x, coefficients[0], out)
    for coefficient in coefficients[1:-1]:
        np.add(out, coefficient, out)
        np.multiply(out, x, out)
    np.add(out, coefficients[-1], out)


def normal_distribution(
    x: np.ndarray, square: np.ndarray, divisor: np.ndarray, *, out: np.ndarray
) -> None:
    """The standard normal distribution, (1 + erf(x / sqrt(2))) / 2, in float32, with two passes less than by `erf`.

    Args as for :func:`erf`. The factor sqrt(1/2) goes into the square, the factor 1/2 into the numerator.
    """
    np.clip(x, _MINUS_CLIP, _CLIP, out)
    _odd_rational(out, square, divisor, _HALF_NUMERATOR, _HALF_DENOMINATOR)
    np.add(out, _HALF, out)


def _rescaled(coefficients: tuple[np.ndarray, ...], factor: float) -> tuple[np.ndarray, ...]:
    """Coefficients (highest power first) of the polynomial in x^2 / 2 as one in x^2, times ``factor``."""
    powers = range(len(coefficients) - 1, -1, -1)
    return tuple(
        np.array(float(c) * factor * 0.5**p, np.float32)
        for c, p in zip(coefficients, powers, strict=True)
    )


_CLIP, _MINUS_CLIP = (np.array(s * 4 * math.sqrt(2), np.float32) for s in (1, -1))
_HALF_NUMERATOR = _rescaled(_ERF_NUMERATOR, 0.5 * math.sqrt(0.5))
_HALF_DENOMINATOR = _rescaled(_ERF_DENOMINATOR, 1.0)


@cache
def _erf_series() -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev coefficients of erf(x) / x over x^2 in [0, 1], and of e^(x^2) erfc(x) over x in [1, 6]."""

    def near_zero(t: np.ndarray) -> np.ndarray:
        roots = np.sqrt((t + 1) / 2)
        return np.array([math.erf(r) / r if r > 1e-9 else 2 / math.sqrt(math.pi) for r in roots])

    def tail(t: np.ndarray) -> np.ndarray:
        return np.array([math.exp(x * x) * math.erfc(x) for x in 3.5 + 2.5 * t])

    return chebyshev.chebinterpolate(near_zero, 18), chebyshev.chebinterpolate(tail, 30)


def _erf_double(x: np.ndarray) -> np.ndarray:
    near_zero, tail = _erf_series()
    size = np.minimum(np.abs(x), 6.0)
    small = np.minimum(size, 1.0)
    large = np.maximum(size, 1.0)
    inner = small * chebyshev.chebval(2 * small * small - 1, near_zero)
    outer = 1 - np.exp(-large * large) * chebyshev.chebval((large - 3.5) / 2.5, tail)
    return np.copysign(np.where(size < 1, inner, outer), x) + 0 * x  # a NaN stays one


# Giles, "Approximating the erfinv function" (2012): polynomials in w = -ln(1 - x^2), single precision.
_INVERSE_CENTRE = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
    -0.00125372503, -0.00417768164, 0.246640727, 1.50140941,
)  # fmt: skip
_INVERSE_TAIL = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
    -0.0076224613, 0.00943887047, 1.00167406, 2.83297682,
)  # fmt: skip


def erf_inverse(x: np.ndarray, *, out: np.ndarray) -> None:
    """Inverse of the Gauss error function: infinite at -1 and 1, NaN outside."""
    y = x.astype(np.float64)
    inside = np.where(np.abs(y) < 1, y, 0.0)
    w = -np.log1p(-inside * inside)
    guess = inside * np.where(
        w < 5,
        np.polyval(_INVERSE_CENTRE, w - 2.5),
        np.polyval(_INVERSE_TAIL, np.sqrt(np.maximum(w, 5)) - 3),
    )
    for _ in range(2):  # Newton's steps to the precision of float64
        guess -= (_erf_double(guess) - inside) * np.exp(guess * guess) * (math.sqrt(math.pi) / 2)
    limit = np.where(np.abs(y) == 1, np.copysign(np.inf, y), np.nan)
    np.copyto(out, np.where(np.abs(y) < 1, guess, limit), casting="same_kind")
