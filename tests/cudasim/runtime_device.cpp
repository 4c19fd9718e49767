// Devices, errors and attributes: the simulated machine as a whole.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

using namespace cudasim;

namespace cudasim {

thread_local int current_device = 0;
thread_local bool in_host_callback = false;
static thread_local cudaError_t last_error = cudaSuccess;

static Machine* build_machine() {
  auto m = new Machine;  // never destroyed: queued callbacks and atexit handlers may still use it
  for (int i = 0; i < CUDASIM_DEVICE_COUNT; i++) {
    Device d;
    d.ordinal = i;
    d.next_address = CUDASIM_DEVICE_BASE + i * CUDASIM_DEVICE_SPAN;
    d.null_stream = std::make_shared<Stream>();
    d.null_stream->id = -1 - i;
    d.null_stream->device = i;
    d.null_stream->is_null = true;
    m->streams.insert(d.null_stream);
    m->devices.push_back(d);
  }
  reserve_address_space();
  return m;
}
Machine& machine() {
  static Machine* m = build_machine();
  return *m;
}

cudaError_t failed(cudaError_t e) {
  if (e != cudaSuccess && e != cudaErrorNotReady) last_error = e;
  return e;
}

void lose_device(int device, cudaError_t e, const std::string& reason) {
  Device& d = machine().devices[device];
  if (d.sticky == cudaSuccess) {  // the first error is the one that explains the others
    d.sticky = e;
    d.sticky_reason = reason;
  }
}

bool take_fault(FaultPoint point, cudaError_t* e) {
  Fault& f = machine().faults[point];
  if (f.countdown == 0 || --f.countdown) return false;
  *e = f.error;
  if (f.sticky) lose_device(current_device, f.error, "injected fault");
  return true;
}

uint64_t random_number() {  // xorshift64
  uint64_t& x = machine().random;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return x;
}

ApiCall::ApiCall() : guard_(machine().lock) {
  refusal_ = in_host_callback ? cudaErrorNotPermitted : machine().devices[current_device].sticky;
}

// CUDA C++ Programming Guide, table "Technical Specifications per Compute Capability".
static const ArchitectureLimits ARCHITECTURES[] = {
    {75, 65536, 65536, 1024, 16},    {80, 167936, 166912, 2048, 32}, {86, 102400, 101376, 1536, 16},
    {89, 102400, 101376, 1536, 24},  {90, 233472, 232448, 2048, 32}, {100, 233472, 232448, 2048, 32},
    {120, 102400, 101376, 1536, 24},
};
const ArchitectureLimits& limits() {
  for (auto& a : ARCHITECTURES)
    if (a.compute_capability >= machine().compute_capability) return a;
  return ARCHITECTURES[6];
}

static int attribute(int a) {
  int cc = machine().compute_capability;
  switch (a) {
  case cudaDevAttrComputeCapabilityMajor: return cc / 10;
  case cudaDevAttrComputeCapabilityMinor: return cc % 10;
  case cudaDevAttrMultiProcessorCount: return MULTIPROCESSORS;
  case cudaDevAttrWarpSize: return 32;
  case cudaDevAttrMaxThreadsPerBlock: return 1024;
  case cudaDevAttrMaxBlockDimX:
  case cudaDevAttrMaxBlockDimY: return 1024;
  case cudaDevAttrMaxBlockDimZ: return 64;
  case cudaDevAttrMaxGridDimX: return 2147483647;
  case cudaDevAttrMaxGridDimY:
  case cudaDevAttrMaxGridDimZ: return 65535;
  case cudaDevAttrMaxSharedMemoryPerBlock: return 49152;
  case cudaDevAttrMaxSharedMemoryPerBlockOptin: return limits().shared_per_block_optin;
  case cudaDevAttrMaxSharedMemoryPerMultiprocessor: return limits().shared_per_sm;
  case cudaDevAttrReservedSharedMemoryPerBlock: return 1024;
  case cudaDevAttrMaxThreadsPerMultiProcessor: return limits().threads_per_sm;
  case cudaDevAttrMaxBlocksPerMultiprocessor: return limits().blocks_per_sm;
  case cudaDevAttrMaxRegistersPerBlock:
  case cudaDevAttrMaxRegistersPerMultiprocessor: return 65536;
  case cudaDevAttrTotalConstantMemory: return 65536;
  case cudaDevAttrL2CacheSize: return 4 << 20;
  case cudaDevAttrClockRate: return 1000000;
  case cudaDevAttrMemoryClockRate: return 1000000;
  case cudaDevAttrGlobalMemoryBusWidth: return 256;
  case cudaDevAttrTextureAlignment: return 512;
  case cudaDevAttrConcurrentKernels:
  case cudaDevAttrUnifiedAddressing:
  case cudaDevAttrStreamPrioritiesSupported:
  case cudaDevAttrCanMapHostMemory: return 1;
  case cudaDevAttrAsyncEngineCount: return 2;
  }
  // Everything that is not simulated is absent: managed memory, cooperative launch, memory pools, IPC ...
  return 0;
}
static bool valid(int device) { return device >= 0 && device < CUDASIM_DEVICE_COUNT; }

}  // namespace cudasim

void cudasim_unsupported(const char* name) {
  fprintf(stderr, "cudasim: %s is not simulated\n", name);
  std::lock_guard<std::mutex> guard(machine().lock);
  machine().last_unsupported = name;
  lose_device(current_device, cudaErrorNotSupported, std::string(name) + " is not simulated");
}

extern "C" {
cudaError_t cudaGetDeviceCount(int* count) {
  *count = CUDASIM_DEVICE_COUNT;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = current_device;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  if (!valid(device)) return failed(cudaErrorInvalidDevice);
  current_device = device;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDA_VERSION;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr a, int device) {
  if (!valid(device)) return failed(cudaErrorInvalidDevice);
  *value = attribute(a);
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties_v2(cudaDeviceProp* p, int device) {
  if (!valid(device)) return failed(cudaErrorInvalidDevice);
  memset(p, 0, sizeof *p);
  snprintf(p->name, sizeof p->name, "simulated CUDA device %d", device);
  memcpy(p->uuid.bytes, "cudasim-device-", 15);
  p->uuid.bytes[15] = (char)('0' + device);
  p->totalGlobalMem = machine().devices[device].memory_limit;
  p->major = attribute(cudaDevAttrComputeCapabilityMajor);
  p->minor = attribute(cudaDevAttrComputeCapabilityMinor);
  p->multiProcessorCount = MULTIPROCESSORS;
  p->warpSize = 32;
  p->maxThreadsPerBlock = 1024;
  p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024;
  p->maxThreadsDim[2] = 64;
  p->maxGridSize[0] = 2147483647;
  p->maxGridSize[1] = p->maxGridSize[2] = 65535;
  p->sharedMemPerBlock = 49152;
  p->sharedMemPerBlockOptin = limits().shared_per_block_optin;
  p->sharedMemPerMultiprocessor = limits().shared_per_sm;
  p->maxThreadsPerMultiProcessor = limits().threads_per_sm;
  p->maxBlocksPerMultiProcessor = limits().blocks_per_sm;
  p->regsPerBlock = p->regsPerMultiprocessor = 65536;
  p->totalConstMem = 65536;
  p->l2CacheSize = 4 << 20;
  p->clockRate = 1000000;
  p->memoryClockRate = 1000000;
  p->memoryBusWidth = 256;
  p->textureAlignment = 512;
  p->asyncEngineCount = 2;
  p->concurrentKernels = 1;
  p->unifiedAddressing = 1;
  p->canMapHostMemory = 1;
  p->streamPrioritiesSupported = 1;
  p->pciBusID = device;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetPCIBusId(char* id, int n, int device) {
  if (!valid(device)) return failed(cudaErrorInvalidDevice);
  snprintf(id, n, "0000:%02x:00.0", device);
  return cudaSuccess;
}
cudaError_t cudaDeviceGetByPCIBusId(int* device, const char* id) {
  unsigned bus;
  if (sscanf(id, "0000:%x:00.0", &bus) != 1 || !valid((int)bus)) return failed(cudaErrorInvalidDevice);
  *device = (int)bus;
  return cudaSuccess;
}
cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
  if (!valid(device) || !valid(peer)) return failed(cudaErrorInvalidDevice);
  *can = device != peer;
  return cudaSuccess;
}
cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned flags) {
  CUDASIM_API;
  if (!valid(peer) || peer == current_device) return failed(cudaErrorInvalidDevice);
  if (flags) return failed(cudaErrorInvalidValue);
  bool added = machine().devices[current_device].peers.insert(peer).second;
  return added ? cudaSuccess : failed(cudaErrorPeerAccessAlreadyEnabled);
}
cudaError_t cudaDeviceDisablePeerAccess(int peer) {
  CUDASIM_API;
  bool removed = machine().devices[current_device].peers.erase(peer);
  return removed ? cudaSuccess : failed(cudaErrorPeerAccessNotEnabled);
}
cudaError_t cudaDeviceSynchronize() {
  CUDASIM_API;
  for (auto& c : machine().captures)
    if (c->graph->device == current_device) {
      invalidate(c, "cudaDeviceSynchronize");
      return failed(cudaErrorStreamCaptureUnsupported);
    }
  machine().counters.device_synchronizes++;
  machine().counters.synchronizes++;
  cudaError_t e;
  if (take_fault(FAULT_SYNCHRONIZE, &e)) return failed(e);
  run_everything(current_device);
  return failed(machine().devices[current_device].sticky);
}
cudaError_t cudaGetLastError() {
  cudaError_t e = last_error;
  last_error = cudaSuccess;
  return e ? e : machine().devices[current_device].sticky;
}
cudaError_t cudaPeekAtLastError() { return last_error ? last_error : machine().devices[current_device].sticky; }
}  // extern "C"
