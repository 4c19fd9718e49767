"""Numbers that kernels divide by without divisions."""

from __future__ import annotations

from ovgpu.plugins.gpu.divisor import divisor


def test_divisors_are_exact():
    """The definition, computed with Python's integers, for divisors of all sizes at the ends of their quotients."""
    for by in [1, 2, 3, 5, 7, 10, 255, 256, 641, 65537, (1 << 30) - 1, 1 << 30, (1 << 31) - 1]:
        _, multiplier, shift = divisor(by)
        for quotient in (0, 1, 2, 3, 1000, ((1 << 31) - 1) // by):
            for n in (quotient * by - 1, quotient * by, quotient * by + by - 1):
                if 0 <= n < 1 << 31:
                    assert ((n * multiplier >> 32) + n) >> shift == n // by, (n, by)
