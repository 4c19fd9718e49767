// What happens to the result of a product or convolution before it is stored: a bias, perhaps a residual, and ACTIVATE(x), an
// expression of the functions below.
//
// The lowering writes the expression into the text that is compiled, so that a chain of activations costs neither branches nor
// registers. The same functions serve the CPU's chains (ovgpu/plugins/cpu/kernels/fused.py); f32 in and out.
#pragma once

__device__ __forceinline__ float act_relu(float x) { return x < 0.f ? 0.f : x; }
__device__ __forceinline__ float act_sigmoid(float x) { return 1.f / (1.f + expf(-x)); }
__device__ __forceinline__ float act_tanh(float x) { return tanhf(x); }
__device__ __forceinline__ float act_clamp(float x, float low, float high) {
  return x < low ? low : x > high ? high : x;
}
__device__ __forceinline__ float act_hsigmoid(float x) { return act_clamp(x + 3.f, 0.f, 6.f) / 6.f; }
// Rounded as OpenVINO's convolutions do it, which decides between two levels where results are quantized next.
__device__ __forceinline__ float act_hswish(float x) {
  return x * act_clamp(__fadd_rn(__fmul_rn(x, 0.16666667f), 0.5f), 0.f, 1.f);
}
__device__ __forceinline__ float act_swish(float x) { return x / (1.f + expf(-x)); }
__device__ __forceinline__ float act_gelu(float x) { return 0.5f * x * (1.f + erff(x * 0.70710678f)); }
__device__ __forceinline__ float act_gelu_tanh(float x) {
  return 0.5f * x * (1.f + tanhf(0.79788456f * x * (1.f + 0.044715f * x * x)));
}
// log(1 + exp(x)) without overflow.
__device__ __forceinline__ float act_softplus(float x) { return fmaxf(x, 0.f) + log1pf(expf(-fabsf(x))); }
__device__ __forceinline__ float act_mish(float x) { return x * tanhf(act_softplus(x)); }
__device__ __forceinline__ float act_leaky_relu(float x, float slope) { return x < 0.f ? x * slope : x; }
__device__ __forceinline__ float act_elu(float x, float alpha) { return x < 0.f ? alpha * expm1f(x) : x; }
__device__ __forceinline__ float act_hard_sigmoid(float x, float alpha, float beta) {
  return act_clamp(x * alpha + beta, 0.f, 1.f);
}
__device__ __forceinline__ float act_scale(float x, float factor) { return x * factor; }
__device__ __forceinline__ float act_shift(float x, float summand) { return x + summand; }

#ifndef ACTIVATE
#define ACTIVATE(x) (x)
#endif

// WITH_RESIDUAL: a tensor like the result is added before the activation. Only texts that need it pay for it.
#if defined(WITH_RESIDUAL)
#define RESIDUAL(at) +widen(residual[at])
#else
#define RESIDUAL(at)
#endif

// GATED: the weights are two matrices of n columns, one behind the other. The activated result of the first is multiplied by the
// result of the second, without a trip to memory: activation(x A) * (x B). For kernels of a few rows.
#if defined(GATED)
constexpr int FACTORS = 2;
#define BY_FACTOR(sums) *(sums)[1]
#else
constexpr int FACTORS = 1;
#define BY_FACTOR(sums)
#endif
