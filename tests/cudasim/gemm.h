// Matrix multiplication on the CPU for the simulated cuBLAS and cuBLASLt.
//
// The product is computed by the OpenBLAS that ships in numpy's wheel when install.py has found it, else by a
// blocked loop; accumulation is in float, or in double for double and integer matrices (exact for int8).
#pragma once
#include <library_types.h>
#include <stddef.h>
#include <stdint.h>

namespace cudasim {

// Values of cublasStatus_t, cublasOperation_t and cublasComputeType_t (cublas_api.h, whose package is too large to
// require for its header).
enum Status {
  STATUS_SUCCESS = 0,
  STATUS_INVALID_VALUE = 7,
  STATUS_EXECUTION_FAILED = 13,
  STATUS_NOT_SUPPORTED = 15,
};
enum Operation_ { OP_N = 0, OP_T = 1, OP_C = 2 };
enum ComputeType {
  COMPUTE_16F = 64,
  COMPUTE_16F_PEDANTIC = 65,
  COMPUTE_32F = 68,
  COMPUTE_32F_PEDANTIC = 69,
  COMPUTE_64F = 70,
  COMPUTE_64F_PEDANTIC = 71,
  COMPUTE_32I = 72,
  COMPUTE_32I_PEDANTIC = 73,
  COMPUTE_32F_FAST_16F = 74,
  COMPUTE_32F_FAST_16BF = 75,
  COMPUTE_32F_FAST_TF32 = 77,
};

// A matrix in device memory. Element (i, j) of the stored matrix lies at i + j * ld (column-major).
struct Matrix {
  const void* data = nullptr;  // device pointer
  cudaDataType type = CUDA_R_32F;
  int64_t ld = 0;
  bool transposed = false;
};

enum Activation { NO_ACTIVATION, RELU, GELU };

struct Gemm {  // D = activation(alpha * op(A) op(B) + beta * C + bias)
  int64_t m, n, k;
  double alpha, beta;
  Matrix a, b, c, d;
  int compute_type = COMPUTE_32F;
  const void* bias = nullptr;  // device pointer, m elements, added to every column
  cudaDataType bias_type = CUDA_R_32F;
  Activation activation = NO_ACTIVATION;
};

size_t element_bytes(cudaDataType type);  // 0: not a type that is simulated
double read_element(const void* host, cudaDataType type, int64_t index);
void write_element(void* host, cudaDataType type, int64_t index, double value);

// Executes one product. Device memory outside of allocations loses the device, as an illegal address would.
void run_gemm(const Gemm& g);

// Are the bytes of a column-major matrix inside one live allocation?  If not, the device is lost.
bool check_matrix(const void* p, cudaDataType type, int64_t rows, int64_t columns, int64_t ld, const char* name);

}  // namespace cudasim
