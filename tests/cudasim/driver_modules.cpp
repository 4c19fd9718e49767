// The simulated driver: contexts, modules, functions, module variables and kernel launches.
//
// cuModuleLoadData takes PTX only; a callback (install.py) turns it into a kernel image (engine.h).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>

#include "engine.h"
#include "runtime.h"
#include "traffic.h"

using namespace cudasim;

namespace {

struct Kernel {
  std::string name;
  int device;
  const cudasim_kernel* code;
  bool checked;                                      // built with checkers
  std::shared_ptr<std::vector<uint64_t>> variables;  // addresses, of the module
  unsigned max_dynamic_shared = 49152;
};

// Each load of an image has variables of its own, also a second load of the same PTX.
struct Module {
  int device;
  std::string ptx;
  const cudasim_image* image;
  std::map<std::string, std::unique_ptr<Kernel>> kernels;
  std::shared_ptr<std::vector<uint64_t>> variables = std::make_shared<std::vector<uint64_t>>();
};

// Returns the path of a kernel image, or NULL: of the module, where kernels may be without code, built as modules are now; or
// with the code of one, `checked` as its module is.
const char* (*translate)(const char* ptx, const char* kernel, int checked) = nullptr;

// Called without the lock: translating is Python. NULL and the reason in `status` when there is no such image.
const cudasim_image* open_image(const char* ptx, const char* kernel, bool checked, CUresult* status) {
  const char* path = translate ? translate(ptx, kernel, checked) : nullptr;
  *status = CUDA_ERROR_INVALID_PTX;
  if (!path || !*path) return nullptr;
  std::lock_guard<std::mutex> guard(machine().lock);
  const char* error = nullptr;
  const cudasim_image* image = cudasim_image_open(path, &error);
  if (!image) fprintf(stderr, "cudasim: %s: %s\n", path, error);
  *status = image ? CUDA_SUCCESS : CUDA_ERROR_INVALID_IMAGE;
  return image;
}

CUresult place_variables(Module& m) {
  for (uint32_t i = 0; i < m.image->variable_count; i++) {
    void* p;
    if (allocate(m.device, m.image->variables[i].bytes, &p, false)) return CUDA_ERROR_OUT_OF_MEMORY;
    m.variables->push_back((uint64_t)p);
  }
  cudasim_image_initialise(m.image, m.variables->data());
  return CUDA_SUCCESS;
}

int ptx_target(const char* ptx) {
  const char* t = strstr(ptx, ".target sm_");
  return t ? atoi(t + 11) : 0;
}

bool valid_launch(const Kernel& k, const unsigned* grid, const unsigned* block, unsigned dynamic_shared) {
  uint64_t threads = (uint64_t)block[0] * block[1] * block[2];
  uint64_t most = k.code->max_threads ? k.code->max_threads : 1024;
  return grid[0] && grid[1] && grid[2] && threads && grid[0] <= 2147483647u && grid[1] <= 65535 && grid[2] <= 65535 &&
         block[0] <= 1024 && block[1] <= 1024 && block[2] <= 64 && threads <= most &&
         dynamic_shared <= k.max_dynamic_shared &&
         k.code->shared_bytes + dynamic_shared <= (unsigned)limits().shared_per_block_optin;
}

void execute(const Kernel& k, const void* params, LaunchRecord& record) {
  Machine& m = machine();
  if (!m.execute_kernels) return;
  cudasim_launch launch{};
  launch.kernel = k.code;
  launch.grid = {record.grid[0], record.grid[1], record.grid[2]};
  launch.block = {record.block[0], record.block[1], record.block[2]};
  launch.dynamic_shared = record.dynamic_shared;
  launch.params = params;
  launch.variables = k.variables->data();
  launch.device = k.device;
  cudasim_launch_statistics statistics{};
  unsigned reports = cudasim_run(&launch, &statistics);
  record.executed = true;
  if (m.checking && !k.checked)  // loaded before the checks were on: what it wrote is not known to the checker
    for (auto& a : m.allocations) cudasim_mark_written(a.second.address, a.second.bytes);
  record.bytes_read += statistics.bytes_read;
  record.bytes_written += statistics.bytes_written;
  cudasim_traffic traffic = cudasim_last_traffic();
  record.distinct_read += traffic.sectors_read * CUDASIM_SECTOR_BYTES;
  record.distinct_written += traffic.sectors_written * CUDASIM_SECTOR_BYTES;
  m.counters.kernel_bytes_read += statistics.bytes_read;
  m.counters.kernel_bytes_written += statistics.bytes_written;
  if (reports) {
    fprintf(stderr, "cudasim: errors in kernel %s:\n%s", k.name.c_str(), cudasim_reports());
    lose_device(k.device, cudaErrorIllegalAddress, "kernel " + k.name + ": " + cudasim_reports());
  }
}

CUcontext context_of(int device) { return (CUcontext)(uintptr_t)(device + 1); }

}  // namespace

extern "C" {
void cudasim_set_translator(const char* (*f)(const char*, const char*, int)) { translate = f; }

// ---------------------------------------------------------------- errors, contexts
CUresult cuGetErrorName(CUresult e, const char** name) {
  static const std::map<int, const char*> NAMES = {
#define N(x) {x, #x}
      N(CUDA_SUCCESS),
      N(CUDA_ERROR_INVALID_VALUE),
      N(CUDA_ERROR_OUT_OF_MEMORY),
      N(CUDA_ERROR_INVALID_CONTEXT),
      N(CUDA_ERROR_INVALID_DEVICE),
      N(CUDA_ERROR_INVALID_IMAGE),
      N(CUDA_ERROR_NO_BINARY_FOR_GPU),
      N(CUDA_ERROR_INVALID_PTX),
      N(CUDA_ERROR_INVALID_HANDLE),
      N(CUDA_ERROR_NOT_FOUND),
      N(CUDA_ERROR_NOT_READY),
      N(CUDA_ERROR_ILLEGAL_ADDRESS),
      N(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES),
      N(CUDA_ERROR_LAUNCH_FAILED),
      N(CUDA_ERROR_NOT_PERMITTED),
      N(CUDA_ERROR_NOT_SUPPORTED),
      N(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED),
      N(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED),
      N(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT),
#undef N
  };
  auto it = NAMES.find(e);
  *name = it == NAMES.end() ? "CUDA_ERROR_UNKNOWN" : it->second;
  return CUDA_SUCCESS;
}
CUresult cuGetErrorString(CUresult e, const char** text) {
  *text = e == CUDA_ERROR_NOT_FOUND         ? "named symbol not found"
          : e == CUDA_ERROR_INVALID_PTX     ? "the simulation cannot translate this PTX (see stderr)"
          : e == CUDA_ERROR_INVALID_VALUE   ? "invalid argument"
          : e == CUDA_ERROR_INVALID_HANDLE  ? "invalid resource handle"
          : e == CUDA_ERROR_ILLEGAL_ADDRESS ? "an illegal memory access was encountered (simulated)"
                                            : "error of the simulated driver";
  return CUDA_SUCCESS;
}
// There is no cuInit on purpose: NVRTC looks for it, and would go on to undocumented driver tables if it were there.
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) { return CUDA_SUCCESS; }
CUresult cuCtxGetCurrent(CUcontext* context) {
  *context = context_of(current_device);
  return CUDA_SUCCESS;
}
CUresult cuCtxSetCurrent(CUcontext context) {
  if (!context || (uintptr_t)context > CUDASIM_DEVICE_COUNT) return CUDA_ERROR_INVALID_CONTEXT;
  current_device = (int)(uintptr_t)context - 1;
  return CUDA_SUCCESS;
}
CUresult cuCtxGetDevice(CUdevice* device) {
  *device = current_device;
  return CUDA_SUCCESS;
}
CUresult cuStreamGetCtx(CUstream handle, CUcontext* context) {
  std::lock_guard<std::mutex> guard(machine().lock);
  StreamPtr s = find_stream((cudaStream_t)handle);
  if (!s) return CUDA_ERROR_INVALID_HANDLE;
  *context = context_of(s->device);
  return CUDA_SUCCESS;
}

// ---------------------------------------------------------------- modules
CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  if (!memcmp(image, "\177ELF", 4)) {
    cudasim_unsupported("cuModuleLoadData of a cubin");
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  }
  const char* ptx = (const char*)image;
  if (ptx_target(ptx) > machine().compute_capability) {
    fprintf(stderr, "cudasim: PTX for sm_%d on a device of compute capability %d\n", ptx_target(ptx),
            machine().compute_capability);
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  }
  CUresult status;
  const cudasim_image* opened = open_image(ptx, nullptr, false, &status);
  if (!opened) return status;
  std::lock_guard<std::mutex> guard(machine().lock);
  auto m = std::make_unique<Module>();
  m->device = current_device;
  m->ptx = ptx;
  m->image = opened;
  if (CUresult e = place_variables(*m)) return e;
  machine().counters.kernels_compiled++;
  *module = (CUmodule)m.release();
  return CUDA_SUCCESS;
}
CUresult cuModuleUnload(CUmodule module) {
  std::lock_guard<std::mutex> guard(machine().lock);
  auto m = (Module*)module;
  if (!m->variables->empty()) run_everything(m->device);
  for (uint64_t p : *m->variables) release((void*)p);
  m->variables->clear();
  // Kernels and code stay: queued launches and captured graphs refer to them, and test processes are short.
  return CUDA_SUCCESS;
}
CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
  auto m = (Module*)module;
  const cudasim_kernel* code;
  {
    std::lock_guard<std::mutex> guard(machine().lock);
    auto known = m->kernels.find(name);
    if (known != m->kernels.end()) {
      *function = (CUfunction)known->second.get();
      return CUDA_SUCCESS;
    }
    code = cudasim_image_kernel(m->image, name);
  }
  if (!code) return CUDA_ERROR_NOT_FOUND;
  if (!code->thread) {
    CUresult status;
    const cudasim_image* image = open_image(m->ptx.c_str(), name, m->image->checked, &status);
    if (!image) return status;
    code = cudasim_image_kernel(image, name);
  }
  std::lock_guard<std::mutex> guard(machine().lock);
  auto& slot = m->kernels[name];  // another thread may have asked for it meanwhile
  if (!slot) {
    slot = std::make_unique<Kernel>();
    slot->name = name;
    slot->device = m->device;
    slot->code = code;
    slot->checked = m->image->checked;
    slot->variables = m->variables;
  }
  *function = (CUfunction)slot.get();
  return CUDA_SUCCESS;
}
CUresult cuModuleGetGlobal_v2(CUdeviceptr* p, size_t* bytes, CUmodule module, const char* name) {
  std::lock_guard<std::mutex> guard(machine().lock);
  auto m = (Module*)module;
  for (uint32_t i = 0; i < m->image->variable_count; i++)
    if (!strcmp(m->image->variables[i].name, name)) {
      if (p) *p = (*m->variables)[i];
      if (bytes) *bytes = m->image->variables[i].bytes;
      return CUDA_SUCCESS;
    }
  return CUDA_ERROR_NOT_FOUND;
}

// ---------------------------------------------------------------- functions
CUresult cuFuncGetAttribute(int* value, CUfunction_attribute a, CUfunction function) {
  auto k = (Kernel*)function;
  int cc = machine().compute_capability;
  switch (a) {
  case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = k->code->max_threads ? (int)k->code->max_threads : 1024; break;
  case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: *value = (int)k->code->shared_bytes; break;
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: *value = (int)k->max_dynamic_shared; break;
  case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = 32; break;  // PTX does not say; the static gate asks ptxas
  case CU_FUNC_ATTRIBUTE_PTX_VERSION:
  case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *value = cc; break;
  default: *value = 0;
  }
  return CUDA_SUCCESS;
}
CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute a, int value) {
  auto k = (Kernel*)function;
  if (a == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) {
    if (value < 0 || value + (int)k->code->shared_bytes > limits().shared_per_block_optin)
      return CUDA_ERROR_INVALID_VALUE;
    k->max_dynamic_shared = (unsigned)value;
  }
  return CUDA_SUCCESS;
}
CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction function, int threads, size_t dynamic) {
  auto k = (Kernel*)function;
  size_t shared = k->code->shared_bytes + dynamic + 1024;  // 1 KiB per block is reserved by the system
  *blocks = std::min(
      {limits().threads_per_sm / std::max(threads, 1), limits().blocks_per_sm, (int)(limits().shared_per_sm / shared)});
  return CUDA_SUCCESS;
}
CUresult cuOccupancyMaxPotentialBlockSize(int* grid, int* block, CUfunction, CUoccupancyB2DSize, size_t, int limit) {
  *block = limit ? std::min(limit, 256) : 256;
  *grid = MULTIPROCESSORS * (limits().threads_per_sm / *block);
  return CUDA_SUCCESS;
}

CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                        unsigned block_y, unsigned block_z, unsigned dynamic_shared, CUstream handle, void** arguments,
                        void** extra) {
  if (extra) {
    cudasim_unsupported("cuLaunchKernel with packed arguments (extra)");
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  ApiCall call;
  if (call.refusal()) return (CUresult)failed(call.refusal());
  auto k = (Kernel*)function;
  StreamPtr stream = find_stream((cudaStream_t)handle);
  if (!stream || stream->device != k->device)  // a function belongs to the device that its module was loaded on
    return CUDA_ERROR_INVALID_HANDLE;
  auto record = std::make_shared<LaunchRecord>(LaunchRecord{
      k->name, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, dynamic_shared, k->device, stream->id});
  if (!valid_launch(*k, record->grid, record->block, dynamic_shared)) return CUDA_ERROR_INVALID_VALUE;
  cudaError_t e;
  if (take_fault(FAULT_LAUNCH, &e)) return (CUresult)failed(e);
  Machine& m = machine();
  m.counters.launches++;
  if (m.logging_launches) m.launch_log.push_back(record);
  // The arguments are copied now, the kernel runs later: as on hardware.
  auto params = std::make_shared<std::vector<char>>(k->code->param_bytes);
  cudasim_pack_params(k->code, arguments, params->data());
  return (CUresult)enqueue(stream, [=] { execute(*k, params->data(), *record); }, k->name, true);
}

// ---------------------------------------------------------------- looked up by CuPy, not simulated
// (under another C++ name, because cuda.h declares the real prototypes)
#define UNSUPPORTED(name)                                                                                              \
  CUresult unsupported_##name() asm(#name);                                                                            \
  CUresult unsupported_##name() {                                                                                      \
    cudasim_unsupported(#name);                                                                                        \
    return CUDA_ERROR_NOT_SUPPORTED;                                                                                   \
  }
UNSUPPORTED(cuCtxCreate_v2)
UNSUPPORTED(cuCtxDestroy_v2)
UNSUPPORTED(cuLaunchCooperativeKernel)
UNSUPPORTED(cuLinkCreate_v2)
UNSUPPORTED(cuLinkAddData_v2)
UNSUPPORTED(cuLinkAddFile_v2)
UNSUPPORTED(cuLinkComplete)
UNSUPPORTED(cuLinkDestroy)
UNSUPPORTED(cuModuleLoad)
}  // extern "C"
