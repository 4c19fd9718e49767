// Simulated cuBLASLt: descriptors, layouts, heuristics and matmul with epilogues.
//
// Strict where the real library is: an attribute of the wrong size, a type combination, an int8 product that is not
// in TN form, a workspace that is too small or not aligned are refused with the same status.  A workspace that was
// asked for is overwritten, so that data left in it is found missing.
// Enumerations as in cublasLt.h 12.x (its package is too large to require for a header).
#include <stdio.h>
#include <string.h>

#include <algorithm>
#include <map>

#include "gemm.h"
#include "runtime.h"

using namespace cudasim;

namespace {

enum DescAttribute {
  DESC_COMPUTE_TYPE = 0,
  DESC_SCALE_TYPE = 1,
  DESC_POINTER_MODE = 2,
  DESC_TRANSA = 3,
  DESC_TRANSB = 4,
  DESC_TRANSC = 5,
  DESC_FILL_MODE = 6,
  DESC_EPILOGUE = 7,
  DESC_BIAS_POINTER = 8,
  DESC_BIAS_BATCH_STRIDE = 10,
  DESC_SM_COUNT_TARGET = 15,
  DESC_FAST_ACCUM = 25,
  DESC_BIAS_DATA_TYPE = 26,
};
enum Epilogue { EPILOGUE_DEFAULT = 1, EPILOGUE_RELU = 2, EPILOGUE_BIAS = 4, EPILOGUE_GELU = 32 };
enum LayoutAttribute {
  LAYOUT_TYPE = 0,
  LAYOUT_ORDER = 1,
  LAYOUT_ROWS = 2,
  LAYOUT_COLS = 3,
  LAYOUT_LD = 4,
  LAYOUT_BATCH_COUNT = 5,
  LAYOUT_STRIDED_BATCH_OFFSET = 6,
};
enum Order { ORDER_COL = 0, ORDER_ROW = 1 };
enum PreferenceAttribute {
  PREF_SEARCH_MODE = 0,
  PREF_MAX_WORKSPACE_BYTES = 1,
  PREF_REDUCTION_SCHEME_MASK = 3,
  PREF_MIN_ALIGNMENT_A_BYTES = 5,
  PREF_MIN_ALIGNMENT_D_BYTES = 8,
  PREF_MAX_WAVES_COUNT = 9,
  PREF_IMPL_MASK = 12,
};

struct MatmulDesc {
  int32_t compute_type, scale_type;
  int32_t pointer_mode = 0, trans_a = OP_N, trans_b = OP_N, trans_c = OP_N, fill_mode = 2;
  uint32_t epilogue = EPILOGUE_DEFAULT;
  const void* bias = nullptr;
  int64_t bias_batch_stride = 0;
  int32_t sm_count_target = 0, bias_type = -1;
  int8_t fast_accumulation = 0;
};
struct MatrixLayout {
  uint32_t type;
  int32_t order = ORDER_COL;
  uint64_t rows, columns;
  int64_t ld;
  int32_t batch_count = 1;
  int64_t batch_stride = 0;
};
struct Preference {
  uint32_t search_mode = 0, reduction_schemes = 7;
  uint64_t max_workspace = 0, implementations = ~0ull;
  uint32_t alignment[4] = {256, 256, 256, 256};
  float max_waves = 0;
};
struct Algorithm {  // cublasLtMatmulAlgo_t: 64 opaque bytes
  uint64_t magic, workspace, reserved[6];
};
struct HeuristicResult {
  Algorithm algorithm;
  size_t workspace;
  int32_t state;
  float waves;
  int32_t reserved[4];
};
const uint64_t MAGIC = 0x6d756c7461676c6f;

// Where an attribute lives, so that set and get share one table.
struct Field {
  void* where;
  size_t size;
};
Field field(MatmulDesc& d, int attribute) {
  switch (attribute) {
#define F(name, member)                                                                                                \
  case name: return {&d.member, sizeof d.member}
    F(DESC_COMPUTE_TYPE, compute_type);
    F(DESC_SCALE_TYPE, scale_type);
    F(DESC_POINTER_MODE, pointer_mode);
    F(DESC_TRANSA, trans_a);
    F(DESC_TRANSB, trans_b);
    F(DESC_TRANSC, trans_c);
    F(DESC_FILL_MODE, fill_mode);
    F(DESC_EPILOGUE, epilogue);
    F(DESC_BIAS_POINTER, bias);
    F(DESC_BIAS_BATCH_STRIDE, bias_batch_stride);
    F(DESC_SM_COUNT_TARGET, sm_count_target);
    F(DESC_FAST_ACCUM, fast_accumulation);
    F(DESC_BIAS_DATA_TYPE, bias_type);
  }
  return {nullptr, 0};
}
Field field(MatrixLayout& d, int attribute) {
  switch (attribute) {
    F(LAYOUT_TYPE, type);
    F(LAYOUT_ORDER, order);
    F(LAYOUT_ROWS, rows);
    F(LAYOUT_COLS, columns);
    F(LAYOUT_LD, ld);
    F(LAYOUT_BATCH_COUNT, batch_count);
    F(LAYOUT_STRIDED_BATCH_OFFSET, batch_stride);
  }
  return {nullptr, 0};
}
Field field(Preference& d, int attribute) {
  if (attribute >= PREF_MIN_ALIGNMENT_A_BYTES && attribute <= PREF_MIN_ALIGNMENT_D_BYTES)
    return {&d.alignment[attribute - PREF_MIN_ALIGNMENT_A_BYTES], 4};
  switch (attribute) {
    F(PREF_SEARCH_MODE, search_mode);
    F(PREF_MAX_WORKSPACE_BYTES, max_workspace);
    F(PREF_REDUCTION_SCHEME_MASK, reduction_schemes);
    F(PREF_MAX_WAVES_COUNT, max_waves);
    F(PREF_IMPL_MASK, implementations);
#undef F
  }
  return {nullptr, 0};
}
template <class T> int set_attribute(T* d, int attribute, const void* value, size_t size, const char* unsupported) {
  if (!d || !value) return STATUS_INVALID_VALUE;
  Field f = field(*d, attribute);
  if (!f.where) {
    cudasim_unsupported((std::string(unsupported) + " attribute " + std::to_string(attribute)).c_str());
    return STATUS_NOT_SUPPORTED;
  }
  if (size < f.size) return STATUS_INVALID_VALUE;
  memcpy(f.where, value, f.size);
  return STATUS_SUCCESS;
}
template <class T> int get_attribute(T* d, int attribute, void* value, size_t size, size_t* written) {
  Field f = d ? field(*d, attribute) : Field{nullptr, 0};
  if (!f.where) return STATUS_INVALID_VALUE;
  if (written) *written = f.size;
  if (size == 0) return STATUS_SUCCESS;  // a question for the size
  if (size < f.size || !value) return STATUS_INVALID_VALUE;
  memcpy(value, f.where, f.size);
  return STATUS_SUCCESS;
}

// ---------------------------------------------------------------- what is a valid product
struct Problem {
  int64_t m, n, k;
  const char* refusal = nullptr;  // why the combination is not supported
  bool invalid = false;           // shapes do not fit: INVALID_VALUE
};

bool fits(const MatrixLayout& l) {
  return l.ld >= (int64_t)(l.order == ORDER_COL ? l.rows : l.columns) && l.batch_count >= 1;
}

// Bytes of all matrices of a batch; one that is repeated counts once.
uint64_t matrix_bytes(const MatrixLayout& l) {
  uint64_t count = l.batch_stride ? (uint64_t)l.batch_count : 1;
  return count * (uint64_t)l.rows * (uint64_t)l.columns * element_bytes((cudaDataType)l.type);
}

bool types_supported(const MatmulDesc& d, int a, int b, int c, int out) {
  if (a != b || c != out) return false;
  bool float32 = d.compute_type == COMPUTE_32F || d.compute_type == COMPUTE_32F_PEDANTIC ||
                 d.compute_type == COMPUTE_32F_FAST_TF32 || d.compute_type == COMPUTE_32F_FAST_16F ||
                 d.compute_type == COMPUTE_32F_FAST_16BF;
  if (float32 && d.scale_type == CUDA_R_32F)
    return (a == CUDA_R_32F && out == a) ||
           ((a == CUDA_R_16F || a == CUDA_R_16BF) && (out == a || out == CUDA_R_32F)) ||
           (a == CUDA_R_8I && out == CUDA_R_32F && d.compute_type == COMPUTE_32F);
  if (d.compute_type == COMPUTE_16F && d.scale_type == CUDA_R_16F) return a == CUDA_R_16F && out == a;
  if (d.compute_type == COMPUTE_64F && d.scale_type == CUDA_R_64F) return a == CUDA_R_64F && out == a;
  if (d.compute_type == COMPUTE_32I)
    return a == CUDA_R_8I &&
           ((d.scale_type == CUDA_R_32I && out == CUDA_R_32I) || (d.scale_type == CUDA_R_32F && out == CUDA_R_8I));
  return false;
}

Problem examine(const MatmulDesc& d, const MatrixLayout& a, const MatrixLayout& b, const MatrixLayout& c,
                const MatrixLayout& out) {
  Problem p;
  p.m = (int64_t)(d.trans_a ? a.columns : a.rows);
  p.k = (int64_t)(d.trans_a ? a.rows : a.columns);
  p.n = (int64_t)(d.trans_b ? b.rows : b.columns);
  int64_t k_of_b = (int64_t)(d.trans_b ? b.columns : b.rows);
  bool batches =
      a.batch_count == out.batch_count && b.batch_count == out.batch_count && c.batch_count == out.batch_count;
  p.invalid = p.k != k_of_b || (int64_t)out.rows != p.m || (int64_t)out.columns != p.n || c.rows != out.rows ||
              c.columns != out.columns || c.order != out.order || !fits(a) || !fits(b) || !fits(c) || !fits(out) ||
              !batches;
  unsigned activation = d.epilogue & ~unsigned(EPILOGUE_BIAS);
  bool epilogue_known =
      activation == 0 || activation == EPILOGUE_DEFAULT || activation == EPILOGUE_RELU || activation == EPILOGUE_GELU;
  bool has_epilogue = d.epilogue != EPILOGUE_DEFAULT;
  if (!types_supported(d, (int)a.type, (int)b.type, (int)c.type, (int)out.type))
    p.refusal = "this combination of types, compute type and scale type";
  else if (a.order > ORDER_ROW || b.order > ORDER_ROW || out.order > ORDER_ROW)
    p.refusal = "tiled memory orders";
  else if (d.trans_c != OP_N || d.fill_mode != 2)
    p.refusal = "TRANSC and FILL_MODE";
  else if (d.pointer_mode > 1)
    p.refusal = "vector pointer modes";
  else if (!epilogue_known)
    p.refusal = "this epilogue";
  else if (has_epilogue && (out.type == CUDA_R_64F || out.type == CUDA_R_32I))
    p.refusal = "epilogues on this output type";
  else if (has_epilogue && (d.epilogue & EPILOGUE_BIAS) && out.order == ORDER_ROW)
    p.refusal = "a bias with row-major output";
  else if (a.type == CUDA_R_8I && d.compute_type == COMPUTE_32I &&
           (d.trans_a != OP_T || d.trans_b != OP_N || a.order || b.order || out.order || a.ld % 4 || b.ld % 4 ||
            out.ld % 4 || p.m % 4 || p.k % 4))
    p.refusal = "int8 products other than op(A) = T, op(B) = N with sizes and leading dimensions in multiples of 4";
  return p;
}

// A split-K algorithm for products with a long inner dimension, as the real heuristic likes to return: it
// exercises the workspace.
uint64_t wanted_workspace(const Problem& p, uint64_t limit) {
  uint64_t wanted = p.k >= 512 ? (uint64_t)(p.m * p.n) * 4 * 2 : 0;
  wanted = (wanted + 255) / 256 * 256;
  return wanted <= limit ? wanted : 0;
}

// Row-major is column-major of the transpose.
Matrix matrix_of(const MatrixLayout& l, const void* data, int64_t batch, bool transposed) {
  const char* p = (const char*)data + batch * l.batch_stride * (int64_t)element_bytes((cudaDataType)l.type);
  return {p, (cudaDataType)l.type, l.ld, transposed != (l.order == ORDER_ROW)};
}

}  // namespace

extern "C" {
struct LtHandle {
  int unused;
};
int cublasLtCreate(LtHandle** h) {
  *h = new LtHandle{};
  return STATUS_SUCCESS;
}
int cublasLtDestroy(LtHandle* h) {
  delete h;
  return STATUS_SUCCESS;
}
size_t cublasLtGetVersion() { return 120900; }
size_t cublasLtGetCudartVersion() { return CUDART_VERSION; }
const char* cublasLtGetStatusName(int s) {
  static const std::map<int, const char*> NAMES = {
      {0, "CUBLAS_STATUS_SUCCESS"},           {1, "CUBLAS_STATUS_NOT_INITIALIZED"}, {3, "CUBLAS_STATUS_ALLOC_FAILED"},
      {7, "CUBLAS_STATUS_INVALID_VALUE"},     {8, "CUBLAS_STATUS_ARCH_MISMATCH"},   {11, "CUBLAS_STATUS_MAPPING_ERROR"},
      {13, "CUBLAS_STATUS_EXECUTION_FAILED"}, {14, "CUBLAS_STATUS_INTERNAL_ERROR"}, {15, "CUBLAS_STATUS_NOT_SUPPORTED"},
      {16, "CUBLAS_STATUS_LICENSE_ERROR"}};
  auto it = NAMES.find(s);
  return it == NAMES.end() ? "unknown cublasStatus_t" : it->second;
}
const char* cublasLtGetStatusString(int s) { return cublasLtGetStatusName(s); }

int cublasLtMatmulDescCreate(MatmulDesc** d, int compute_type, int scale_type) {
  *d = new MatmulDesc{compute_type, scale_type};
  return STATUS_SUCCESS;
}
int cublasLtMatmulDescDestroy(MatmulDesc* d) {
  delete d;
  return STATUS_SUCCESS;
}
int cublasLtMatmulDescSetAttribute(MatmulDesc* d, int attribute, const void* value, size_t size) {
  return set_attribute(d, attribute, value, size, "cublasLtMatmulDesc");
}
int cublasLtMatmulDescGetAttribute(MatmulDesc* d, int attribute, void* value, size_t size, size_t* written) {
  return get_attribute(d, attribute, value, size, written);
}
int cublasLtMatrixLayoutCreate(MatrixLayout** l, int type, uint64_t rows, uint64_t columns, int64_t ld) {
  *l = new MatrixLayout{(uint32_t)type, ORDER_COL, rows, columns, ld};
  return STATUS_SUCCESS;
}
int cublasLtMatrixLayoutDestroy(MatrixLayout* l) {
  delete l;
  return STATUS_SUCCESS;
}
int cublasLtMatrixLayoutSetAttribute(MatrixLayout* l, int attribute, const void* value, size_t size) {
  return set_attribute(l, attribute, value, size, "cublasLtMatrixLayout");
}
int cublasLtMatrixLayoutGetAttribute(MatrixLayout* l, int attribute, void* value, size_t size, size_t* written) {
  return get_attribute(l, attribute, value, size, written);
}
int cublasLtMatmulPreferenceCreate(Preference** p) {
  *p = new Preference;
  return STATUS_SUCCESS;
}
int cublasLtMatmulPreferenceDestroy(Preference* p) {
  delete p;
  return STATUS_SUCCESS;
}
int cublasLtMatmulPreferenceSetAttribute(Preference* p, int attribute, const void* value, size_t size) {
  return set_attribute(p, attribute, value, size, "cublasLtMatmulPreference");
}
int cublasLtMatmulPreferenceGetAttribute(Preference* p, int attribute, void* value, size_t size, size_t* written) {
  return get_attribute(p, attribute, value, size, written);
}

int cublasLtMatmulAlgoGetHeuristic(LtHandle*, MatmulDesc* d, MatrixLayout* a, MatrixLayout* b, MatrixLayout* c,
                                   MatrixLayout* out, Preference* preference, int requested, HeuristicResult* results,
                                   int* returned) {
  if (!d || !a || !b || !c || !out || !returned || !results || requested <= 0) return STATUS_INVALID_VALUE;
  *returned = 0;
  Problem p = examine(*d, *a, *b, *c, *out);
  if (p.invalid) return STATUS_INVALID_VALUE;
  if (p.refusal) return STATUS_NOT_SUPPORTED;  // an expected answer: the caller takes another route
  uint64_t limit = preference ? preference->max_workspace : 0;
  uint64_t sizes[2] = {wanted_workspace(p, limit), 0};
  int found = sizes[0] ? 2 : 1;  // best first; the last one always works without workspace
  for (int i = 0; i < std::min(found, requested); i++) {
    results[i] = HeuristicResult{};
    results[i].algorithm = Algorithm{MAGIC, sizes[i], {}};
    results[i].workspace = sizes[i];
    results[i].waves = 1;
    ++*returned;
  }
  return STATUS_SUCCESS;
}

int cublasLtMatmul(LtHandle*, MatmulDesc* d, const void* alpha, const void* a, MatrixLayout* la, const void* b,
                   MatrixLayout* lb, const void* beta, const void* c, MatrixLayout* lc, void* out, MatrixLayout* lo,
                   const Algorithm* algorithm, void* workspace, size_t workspace_bytes, cudaStream_t stream) {
  if (!d || !la || !lb || !lc || !lo || !alpha || !beta) return STATUS_INVALID_VALUE;
  Problem p = examine(*d, *la, *lb, *lc, *lo);
  if (p.invalid) return STATUS_INVALID_VALUE;
  if (p.refusal) {
    fprintf(stderr, "cudasim: cublasLtMatmul does not support %s\n", p.refusal);
    return STATUS_NOT_SUPPORTED;
  }
  if (algorithm && algorithm->magic != MAGIC) return STATUS_INVALID_VALUE;
  size_t needed = algorithm ? algorithm->workspace : wanted_workspace(p, workspace_bytes);
  if (needed > workspace_bytes || (needed && (!workspace || (uint64_t)workspace % 256))) return STATUS_INVALID_VALUE;
  if ((d->epilogue & EPILOGUE_BIAS) && !d->bias) return STATUS_INVALID_VALUE;

  cudaDataType scale = (cudaDataType)d->scale_type;
  bool scalars_on_device = d->pointer_mode == 1;
  double host_alpha = scalars_on_device ? 0 : read_element(alpha, scale, 0);
  double host_beta = scalars_on_device ? 0 : read_element(beta, scale, 0);
  MatmulDesc desc = *d;  // descriptors may be destroyed before the work runs
  MatrixLayout A = *la, B = *lb, C = *lc, D = *lo;
  int e = cudasim_enqueue_library_call(
      stream,
      [=] {
        if (needed) {
          if (!check_matrix(workspace, CUDA_R_8I, (int64_t)needed, 1, (int64_t)needed, "workspace")) return;
          memset(bytes_of(workspace), 0xA5, needed);
        }
        for (int i = 0; i < D.batch_count; i++) {
          Gemm g{p.m, p.n, p.k, scalars_on_device ? read_element(bytes_of(alpha), scale, 0) : host_alpha,
                 scalars_on_device ? read_element(bytes_of(beta), scale, 0) : host_beta};
          g.a = matrix_of(A, a, i, desc.trans_a != OP_N);
          g.b = matrix_of(B, b, i, desc.trans_b != OP_N);
          g.c = matrix_of(C, c, i, false);
          g.d = matrix_of(D, out, i, false);
          g.compute_type = desc.compute_type;
          if (desc.epilogue & EPILOGUE_BIAS) {
            g.bias_type = desc.bias_type >= 0   ? (cudaDataType)desc.bias_type
                          : D.type == CUDA_R_8I ? CUDA_R_32F
                                                : (cudaDataType)D.type;
            g.bias = (const char*)desc.bias + i * desc.bias_batch_stride * (int64_t)element_bytes(g.bias_type);
          }
          g.activation = desc.epilogue & EPILOGUE_RELU ? RELU : desc.epilogue & EPILOGUE_GELU ? GELU : NO_ACTIVATION;
          if (D.order == ORDER_ROW) {  // D^T = op(B)^T op(A)^T
            std::swap(g.m, g.n);
            std::swap(g.a, g.b);
            g.a.transposed = !g.a.transposed;
            g.b.transposed = !g.b.transposed;
            g.c.transposed = g.d.transposed = false;
          }
          run_gemm(g);
        }
      },
      "cublasLtMatmul", matrix_bytes(A) + matrix_bytes(B) + (host_beta != 0 ? matrix_bytes(C) : 0), matrix_bytes(D));
  return e ? STATUS_EXECUTION_FAILED : STATUS_SUCCESS;
}

#define UNSUPPORTED(name)                                                                                              \
  int name() {                                                                                                         \
    cudasim_unsupported(#name);                                                                                        \
    return STATUS_NOT_SUPPORTED;                                                                                       \
  }
UNSUPPORTED(cublasLtMatrixTransform)
UNSUPPORTED(cublasLtMatrixTransformDescCreate)
UNSUPPORTED(cublasLtMatmulAlgoGetIds)
UNSUPPORTED(cublasLtMatmulAlgoInit)
UNSUPPORTED(cublasLtMatmulAlgoCheck)
UNSUPPORTED(cublasLtMatmulAlgoConfigSetAttribute)
}  // extern "C"
