// Range: start + i * step. ELEMENT is the storage type; floats are computed in f32 (f64 in f64), integers wrap.
#ifndef ELEMENT
#define ELEMENT float
#endif
#include "places.cuh"
#include "types.cuh"

typedef Arithmetic<ELEMENT>::type Number;

__device__ __forceinline__ float at(float start, float step, unsigned i) {
  return __fadd_rn(__fmul_rn(float(i), step), start);  // two roundings, as on the host
}
__device__ __forceinline__ double at(double start, double step, unsigned i) {
  return __dadd_rn(__dmul_rn(double(i), step), start);
}
template <class T> __device__ __forceinline__ T at(T start, T step, unsigned i) {
  return T((unsigned long long)(start) + (unsigned long long)(step)*i);
}

extern "C" __global__ void fill_range(ELEMENT* target, Number start, Number step, unsigned count) {
  FOR_ALL(i, count) target[i] = pack<ELEMENT>(at(start, step, unsigned(i)));
}
