// Device memory behind a reservation that the host cannot touch (engine.h), and pinned host memory.
//
// An allocation gets whole pages of backing store and one unmapped page behind it, and ends (to 256 bytes) where
// its last page ends.  So even without checkers a kernel that runs 256 bytes over the end faults, a pointer is
// aligned to 256 bytes and, as on hardware, not accidentally to more, and a freed address faults for ever.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>

#include "engine.h"
#include "runtime.h"

extern "C" void cudasim_set_address_describer(const char* (*describe)(uint64_t)) __attribute__((weak));

using namespace cudasim;

namespace cudasim {

static const size_t PAGE = 4096;
static const size_t ALIGNMENT = 256;  // what cudaMalloc promises
static const int POISON = 0xFF;       // NaN in every float format, -1 as an integer
// Poisoning commits memory; of very large blocks only both ends are poisoned.
static const size_t POISON_LIMIT = size_t(64) << 20;

static size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

static char* first_page(const Allocation& a) { return bytes_of((void*)(a.address / PAGE * PAGE)); }
static size_t page_bytes(const Allocation& a) { return round_up(a.bytes, PAGE); }

Allocation* find_allocation(uint64_t p) {
  auto& all = machine().allocations;
  auto it = all.upper_bound(p);
  if (it == all.begin()) return nullptr;
  Allocation& a = (--it)->second;
  return p < a.address + a.bytes ? &a : nullptr;
}

bool inside_one_allocation(const void* p, size_t n) {
  Allocation* a = find_allocation((uint64_t)p);
  return a && (uint64_t)p + n <= a->address + a->bytes;
}

bool is_pinned(const void* p) {
  auto& all = machine().pinned;
  auto it = all.upper_bound((uint64_t)p);
  return it != all.begin() && (--it, (uint64_t)p < it->first + it->second);
}

cudaError_t allocate(int device, size_t bytes, void** p, bool counted) {
  Machine& m = machine();
  Device& d = m.devices[device];
  *p = nullptr;
  if (bytes == 0) return cudaSuccess;
  if (bytes > d.memory_limit || d.memory_used + bytes > d.memory_limit) return cudaErrorMemoryAllocation;
  size_t pages = round_up(bytes, PAGE);
  uint64_t end_of_range = CUDASIM_DEVICE_BASE + (device + 1) * CUDASIM_DEVICE_SPAN;
  if (pages + PAGE > end_of_range - d.next_address) {
    fprintf(stderr, "cudasim: 2 TiB of device addresses are used up; start a new process\n");
    return cudaErrorMemoryAllocation;
  }
  Allocation a{d.next_address + pages - round_up(bytes, ALIGNMENT), bytes, device, ++m.allocation_number, counted};
  if (mprotect(first_page(a), pages, PROT_READ | PROT_WRITE))  // ENOMEM: the kernel's limit of mappings
    return cudaErrorMemoryAllocation;
  d.next_address += pages + PAGE;
  d.memory_used += bytes;
  size_t head = std::min(pages, POISON_LIMIT), tail = std::min(pages - head, POISON_LIMIT);
  memset(first_page(a), POISON, head);
  memset(first_page(a) + pages - tail, POISON, tail);
  m.allocations[a.address] = a;
  cudasim_bounds_add(a.address, a.bytes);
  if (counted) {
    m.counters.mallocs++;
    m.counters.allocations_live++;
    m.counters.bytes_live += bytes;
    m.counters.bytes_peak = std::max(m.counters.bytes_peak, m.counters.bytes_live);
  }
  *p = (void*)a.address;
  return cudaSuccess;
}

cudaError_t release(void* p) {
  Machine& m = machine();
  auto it = m.allocations.find((uint64_t)p);
  if (it == m.allocations.end()) return cudaErrorInvalidValue;  // also a double free
  Allocation a = it->second;
  cudasim_bounds_del(a.address);
  // Fresh PROT_NONE pages: gives the memory back and makes every later access fault.
  mmap(first_page(a), page_bytes(a), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  m.devices[a.device].memory_used -= a.bytes;
  if (a.counted) {
    m.counters.frees++;
    m.counters.allocations_live--;
    m.counters.bytes_live -= a.bytes;
  }
  m.allocations.erase(it);
  m.freed[a.address] = a;
  if (m.freed.size() > 4096)  // enough for a report on a recent use after free
    m.freed.erase(m.freed.begin());
  return cudaSuccess;
}

// ---------------------------------------------------------------- pinned memory
// Lives in a range of its own that is mapped twice, so that kernels reach it too (engine.h).  Freed pages are given
// back; addresses are used again only when the range is used up.
static uint64_t next_pinned = CUDASIM_PINNED_BASE;
static std::multimap<size_t, uint64_t> free_pinned;  // by size

static void* allocate_pinned(size_t bytes) {
  size_t pages = round_up(bytes, PAGE);
  uint64_t p;
  if (pages + PAGE <= CUDASIM_PINNED_BASE + CUDASIM_PINNED_BYTES - next_pinned) {
    p = next_pinned;
    next_pinned += pages + PAGE;
  } else {
    auto it = free_pinned.lower_bound(pages);
    if (it == free_pinned.end()) return nullptr;
    p = it->second;
    pages = it->first;
    free_pinned.erase(it);
  }
  memset((void*)p, POISON, std::min(pages, POISON_LIMIT));
  return (void*)p;
}
static void release_pinned(void* p, size_t bytes) {
  size_t pages = round_up(bytes, PAGE);
  madvise(p, pages, MADV_REMOVE);
  free_pinned.insert({pages, (uint64_t)p});
}

// ---------------------------------------------------------------- reports
// For the engine's fault handler: where a bad device address lies.  Runs without the lock (the process is about to
// end, or the kernel that faulted holds it).
static const char* describe(uint64_t p) {
  static char text[300];
  Machine& m = machine();
  if (Allocation* a = find_allocation(p)) {
    snprintf(text, sizeof text, "offset %lu of the %zu bytes allocated at 0x%lx (allocation number %lu, device %d)",
             p - a->address, a->bytes, a->address, a->number, a->device);
    return text;
  }
  auto it = m.freed.upper_bound(p);
  if (it != m.freed.begin() && (--it, p < it->first + round_up(it->second.bytes, ALIGNMENT))) {
    snprintf(text, sizeof text, "in the %zu bytes at 0x%lx that have been freed (allocation number %lu)",
             it->second.bytes, it->first, it->second.number);
    return text;
  }
  auto live = m.allocations.upper_bound(p);
  if (live == m.allocations.begin()) return "in no allocation";
  Allocation& a = (--live)->second;
  snprintf(text, sizeof text, "%lu bytes past the end of the %zu bytes allocated at 0x%lx (allocation number %lu)",
           p - a.address - a.bytes, a.bytes, a.address, a.number);
  return text;
}

void reserve_address_space() {
  if (const char* error = cudasim_reserve()) {
    fprintf(stderr, "cudasim: %s\n", error);
    abort();
  }
  if (cudasim_set_address_describer) cudasim_set_address_describer(describe);
}

}  // namespace cudasim

extern "C" {
// ---------------------------------------------------------------- sub-allocators
// A memory pool or arena declares which parts of its block are in use; the rest of the block is then out of bounds
// for checked kernels, as if every part were an allocation of its own.  In stream order, like the use itself; a part
// that is declared counts as uninitialised.  Returns 0, or -1: not inside one allocation, or no such stream.
int cudasim_sub_range_add(uint64_t p, size_t n, void* stream) {
  std::lock_guard<std::mutex> guard(machine().lock);
  StreamPtr s = find_stream((cudaStream_t)stream);
  if (!s || s->capture || !n || !inside_one_allocation((void*)p, n)) return -1;
  enqueue(s, [=] { cudasim_bounds_add(p, n); }, "declare sub-range");
  return 0;
}
// With the last part removed the whole allocation is valid again.
int cudasim_sub_range_remove(uint64_t p, void* stream) {
  std::lock_guard<std::mutex> guard(machine().lock);
  StreamPtr s = find_stream((cudaStream_t)stream);
  if (!s || s->capture) return -1;
  enqueue(s, [=] { cudasim_bounds_del_sub(p); }, "withdraw sub-range");
  return 0;
}

// ---------------------------------------------------------------- CUDA
cudaError_t cudaMalloc(void** p, size_t bytes) {
  CUDASIM_API;
  if (cudaError_t e = check_unsafe_call("cudaMalloc")) return failed(e);
  cudaError_t e;
  if (take_fault(FAULT_MALLOC, &e)) return failed(e);
  return failed(allocate(current_device, bytes, p));
}
cudaError_t cudaFree(void* p) {
  CUDASIM_API;
  if (!p) return cudaSuccess;
  if (cudaError_t e = check_unsafe_call("cudaFree")) return failed(e);
  if (Allocation* a = find_allocation((uint64_t)p)) run_everything(a->device);  // cudaFree waits for the device
  return failed(release(p));
}
cudaError_t cudaHostAlloc(void** p, size_t bytes, unsigned flags) {
  CUDASIM_API;
  if (cudaError_t e = check_unsafe_call("cudaHostAlloc")) return failed(e);
  cudaError_t e;
  if (take_fault(FAULT_HOST_ALLOC, &e)) return failed(e);
  bytes = bytes ? bytes : 1;
  *p = allocate_pinned(bytes);
  if (!*p) return failed(cudaErrorMemoryAllocation);
  machine().pinned[(uint64_t)*p] = bytes;
  cudasim_bounds_add((uint64_t)*p, bytes);
  machine().counters.host_allocs++;
  machine().counters.host_bytes_live += bytes;
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** p, size_t bytes) { return cudaHostAlloc(p, bytes, cudaHostAllocDefault); }
cudaError_t cudaFreeHost(void* p) {
  CUDASIM_API;
  if (!p) return cudaSuccess;
  if (cudaError_t e = check_unsafe_call("cudaFreeHost")) return failed(e);
  auto it = machine().pinned.find((uint64_t)p);
  if (it == machine().pinned.end() || !cudasim_is_pinned((uint64_t)p)) return failed(cudaErrorInvalidValue);
  run_everything(-1);
  machine().counters.host_frees++;
  machine().counters.host_bytes_live -= it->second;
  cudasim_bounds_del((uint64_t)p);
  release_pinned(p, it->second);
  machine().pinned.erase(it);
  return cudaSuccess;
}
cudaError_t cudaHostRegister(void* p, size_t bytes, unsigned flags) {
  CUDASIM_API;
  if (!p || !bytes) return failed(cudaErrorInvalidValue);
  if (is_pinned(p)) return failed(cudaErrorHostMemoryAlreadyRegistered);
  machine().pinned[(uint64_t)p] = bytes;
  machine().counters.host_bytes_live += bytes;
  return cudaSuccess;
}
cudaError_t cudaHostUnregister(void* p) {
  CUDASIM_API;
  auto it = machine().pinned.find((uint64_t)p);
  if (it == machine().pinned.end() || cudasim_is_pinned((uint64_t)p)) return failed(cudaErrorHostMemoryNotRegistered);
  run_everything(-1);
  machine().counters.host_bytes_live -= it->second;
  machine().pinned.erase(it);
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total) {
  CUDASIM_API;
  Device& d = machine().devices[current_device];
  *total = d.memory_limit;
  *free_bytes = d.memory_limit > d.memory_used ? d.memory_limit - d.memory_used : 0;
  return cudaSuccess;
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* a, const void* p) {
  CUDASIM_API;
  memset(a, 0, sizeof *a);
  a->device = -1;
  a->type = cudaMemoryTypeUnregistered;
  if (Allocation* found = find_allocation((uint64_t)p)) {
    a->type = cudaMemoryTypeDevice;
    a->device = found->device;
    a->devicePointer = (void*)p;
  } else if (is_pinned(p)) {
    a->type = cudaMemoryTypeHost;
    a->device = current_device;
    a->hostPointer = a->devicePointer = (void*)p;
  } else if (is_device(p)) {
    return failed(cudaErrorInvalidValue);
  }
  return cudaSuccess;
}
}  // extern "C"
