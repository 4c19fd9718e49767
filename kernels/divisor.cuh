// Division by a number that is the same for a whole launch: n / divisor for 0 <= n < 2^31, without a division.
// (Granlund and Montgomery, "Division by Invariant Integers using Multiplication", 1994.)
#pragma once

struct Divisor {
  unsigned divisor, multiplier, shift;
  __device__ __forceinline__ unsigned quotient(unsigned n) const { return (__umulhi(n, multiplier) + n) >> shift; }
  __device__ __forceinline__ unsigned split(unsigned n, unsigned& rest) const {
    unsigned q = quotient(n);
    rest = n - q * divisor;
    return q;
  }
};
