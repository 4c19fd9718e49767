// What a checked image asks before each access, and cp.async (which every image uses).
#include <algorithm>
#include <cstring>

#include "engine_internal.h"
#include "traffic.h"

namespace cudasim {

// State of each byte of the block's shared memory.
enum : unsigned char { kInitialised = 1, kInFlight = 2 };
static std::vector<unsigned char> shared_state;

// Arrays of the running kernel by ascending offset; dynamic shared memory is the last.
struct SharedArray {
  uint32_t begin, end;
  const char* name;
};
static std::vector<SharedArray> shared_arrays;
static const cudasim_kernel* arrays_of;
static uint32_t arrays_dynamic;

static void list_shared_arrays() {
  if (arrays_of == running_kernel && arrays_dynamic == dynamic_bytes) return;
  arrays_of = running_kernel;
  arrays_dynamic = dynamic_bytes;
  shared_arrays.clear();
  for (uint32_t i = 0; i < running_kernel->shared_count; i++) {
    const cudasim_shared_array& array = running_kernel->shared[i];
    shared_arrays.push_back({array.offset, array.offset + array.bytes, array.name});
  }
  uint32_t dynamic = running_kernel->dynamic_offset;
  if (dynamic_bytes) shared_arrays.push_back({dynamic, dynamic + dynamic_bytes, "dynamic shared memory"});
  std::sort(shared_arrays.begin(), shared_arrays.end(),
            [](const SharedArray& a, const SharedArray& b) { return a.begin < b.begin; });
}

void start_block_checks() {
  list_shared_arrays();
  uint32_t bytes = running_kernel->dynamic_offset + dynamic_bytes;
  shared_state.assign(bytes, 0);
  start_block_races(bytes);
}

static void maybe_preempt() {
  if (options.preempt && random_bits() % options.preempt == 0) yield();
}

static const char* verb(unsigned access) { return access & CUDASIM_WRITE ? "write" : "read"; }

static void check_alignment(uint64_t address, uint32_t bytes, unsigned access, int line) {
  bool power_of_two = !(bytes & (bytes - 1));
  if (power_of_two && address & (bytes - 1))
    fail(line, "misaligned %u-byte %s at 0x%llx", bytes, verb(access), static_cast<unsigned long long>(address));
}

// ----------------------------------------------------------------------------------- shared memory
static void check_shared_bounds(uint32_t offset, uint32_t bytes, unsigned access, int line) {
  auto after = std::upper_bound(shared_arrays.begin(), shared_arrays.end(), offset,
                                [](uint32_t o, const SharedArray& a) { return o < a.begin; });
  if (after == shared_arrays.begin())
    fail(line, "shared memory overrun: %s of %u bytes at offset %u, below every array", verb(access), bytes, offset);
  const SharedArray& array = *(after - 1);
  if (uint64_t{offset} + bytes > array.end)
    fail(line, "shared memory overrun: %s of %u bytes, %lld past the start of %s (%u bytes)", verb(access), bytes,
         static_cast<long long>(offset) - array.begin, array.name, array.end - array.begin);
}

// ----------------------------------------------------------------------------------- global memory
static void check_global_bounds(uint64_t address, uint32_t bytes, unsigned access, int line) {
  unsigned long long shown = address;
  int device = cudasim_device_of(address);
  if (device < 0 && !cudasim_is_pinned(address))
    fail(line, "out-of-bounds global %s of %u bytes: 0x%llx is no device memory (a host pointer?)", verb(access), bytes,
         shown);
  if (device >= 0 && device != running_device)
    fail(line, "wrong device: %s of memory of device %d by a kernel on device %d", verb(access), device,
         running_device);
  const Bounds* allocation = find_bounds(address);
  if (!allocation)
    fail(line, "out-of-bounds global %s of %u bytes at 0x%llx, below every allocation", verb(access), bytes, shown);
  uint64_t end = allocation->address + allocation->bytes;
  if (address + bytes > end)
    fail(line, "out-of-bounds global %s of %u bytes, %llu bytes past the end of a %zu-byte allocation", verb(access),
         bytes, static_cast<unsigned long long>(address + bytes - end), allocation->bytes);
  if (allocation->parts.empty()) return;
  const auto& parts = allocation->parts;
  auto after =
      std::upper_bound(parts.begin(), parts.end(), address, [](uint64_t a, const Bounds& b) { return a < b.address; });
  bool inside = after != parts.begin() && address + bytes <= (after - 1)->address + (after - 1)->bytes;
  if (inside) return;
  if (after == parts.begin())
    fail(line, "out-of-bounds global %s of %u bytes, below the first sub-range of its allocation", verb(access), bytes);
  const Bounds& part = *(after - 1);
  fail(line, "out-of-bounds global %s of %u bytes, %llu bytes past the end of a %zu-byte sub-range", verb(access),
       bytes, static_cast<unsigned long long>(address + bytes - part.address - part.bytes), part.bytes);
}

// ---------------------------------------------------------------------------------------- cp.async
// The hardware may copy at any time between the instruction and the wait. The data is moved at the
// wait (so that code which forgets it reads old data); the checkers take the write to happen at
// both ends.
static void copy_now(const AsyncCopy& copy) {
  unsigned char* to = shared_memory() + copy.shared_offset;
  memset(to, 0, copy.bytes);
  if (copy.source_bytes) memcpy(to, cudasim_backing(copy.global), copy.source_bytes);
  if (!options.check || shared_state.size() < copy.shared_offset + copy.bytes) return;
  for (uint32_t i = 0; i < copy.bytes; i++) {
    unsigned char& state = shared_state[copy.shared_offset + i];
    state = (state | kInitialised) & ~kInFlight;
  }
  if (options.check & CUDASIM_CHECK_RACES) shared_race(copy.shared_offset, copy.bytes, CUDASIM_WRITE, copy.line);
}

static void copy_group(std::vector<AsyncCopy>& group) {
  for (const AsyncCopy& copy : group) copy_now(copy);
  group.clear();
}

void finish_async_copies(Fiber& fiber, size_t groups_left, bool open_too) {
  while (fiber.groups.size() > groups_left) {
    copy_group(fiber.groups.front());
    fiber.groups.pop_front();
  }
  if (open_too) copy_group(fiber.open_group);
}

}  // namespace cudasim

using namespace cudasim;

void cudasim_check_shared(uint32_t offset, uint32_t bytes, uint32_t access, int line) {
  if (!options.check || !thread_count) return;
  maybe_preempt();
  if (options.check & CUDASIM_CHECK_BOUNDS) {
    check_alignment(offset, bytes, access, line);
    check_shared_bounds(offset, bytes, access, line);
  } else if (offset + bytes > shared_state.size()) {
    return;
  }
  bool reads = !(access & CUDASIM_WRITE) || access & CUDASIM_ATOMIC;
  for (uint32_t i = offset; i < offset + bytes; i++) {
    unsigned char state = shared_state[i];
    if (state & kInFlight && options.check & CUDASIM_CHECK_BOUNDS) {
      report(line, "%s of shared memory at offset %u while cp.async into it is in flight", verb(access), i);
      break;
    }
    if (reads && !(state & kInitialised) && options.check & CUDASIM_CHECK_INITIALISED) {
      report(line, "read of uninitialised shared memory at offset %u", i);
      break;
    }
  }
  if (access & CUDASIM_WRITE)
    for (uint32_t i = offset; i < offset + bytes; i++) shared_state[i] |= kInitialised;
  if (options.check & CUDASIM_CHECK_RACES) {
    shared_race(offset, bytes, access, line);
    if (access & (CUDASIM_ATOMIC | CUDASIM_RELAXED | CUDASIM_RELEASE))
      atomic_synchronises(CUDASIM_SHARED_BASE + offset, access);
  }
}

void cudasim_check_global(uint64_t address, uint32_t bytes, uint32_t access, int line) {
  if (!options.check || !thread_count) return;
  maybe_preempt();
  if (options.check & CUDASIM_CHECK_BOUNDS) {
    check_alignment(address, bytes, access, line);
    check_global_bounds(address, bytes, access, line);
  }
  if (!cudasim_is_device_pointer(address)) return;
  if (options.check & CUDASIM_CHECK_TRAFFIC) note_traffic(address, bytes, access);
  bool reads = !(access & CUDASIM_WRITE) || access & CUDASIM_ATOMIC;
  if (options.check & CUDASIM_CHECK_INITIALISED) {
    size_t bad;
    if (reads && !all_initialised(address, bytes, &bad)) {
      report(line, "read of uninitialised global memory at 0x%llx", static_cast<unsigned long long>(address + bad));
      cudasim_mark_written(address, bytes);  // once per place
    }
    if (access & CUDASIM_WRITE) cudasim_mark_written(address, bytes);
  }
  if (options.check & CUDASIM_CHECK_RACES) {
    if (access & CUDASIM_VOLATILE) access |= CUDASIM_RELAXED;
    global_race(address, bytes, access, line);
    if (access & (CUDASIM_ATOMIC | CUDASIM_RELAXED | CUDASIM_RELEASE)) atomic_synchronises(address, access);
  }
}

void cudasim_check_generic(uint64_t address, uint32_t bytes, uint32_t access, int line) {
  if (!options.check || !thread_count) return;
  uint64_t shared_offset = address - CUDASIM_SHARED_BASE;
  if (shared_offset < CUDASIM_SHARED_BYTES) {
    cudasim_check_shared(static_cast<uint32_t>(shared_offset), bytes, access, line);
    return;
  }
  uint64_t stack = reinterpret_cast<uint64_t>(fibers[current].self.local_begin);
  if (address + CUDASIM_BACKING_DISTANCE - stack < kStackBytes) return;  // own local memory
  for (uint32_t t = 0; t < thread_count; t++) {
    stack = reinterpret_cast<uint64_t>(fibers[t].self.local_begin);
    bool other = t != current && fibers[t].state != State::New && fibers[t].state != State::Done;
    if (other && address + CUDASIM_BACKING_DISTANCE - stack < kStackBytes)
      fail(line, "%s of another thread's local memory (thread %u)", verb(access), t);
  }
  cudasim_check_global(address, bytes, access, line);
}

void cudasim_check_local(const void* address, uint32_t bytes, const void* depot, uint32_t depot_bytes, int line) {
  if (!options.check) return;
  ptrdiff_t offset = static_cast<const char*>(address) - static_cast<const char*>(depot);
  if (offset < 0 || offset + bytes > depot_bytes)
    fail(line, "out-of-bounds local access of %u bytes at %td of %u bytes", bytes, offset, depot_bytes);
}

void cudasim_fence(int scope_is_block) {
  if (options.check & CUDASIM_CHECK_RACES) fence_passed(scope_is_block);
}

void cudasim_cp_async(uint32_t shared_offset, uint64_t global, uint32_t bytes, uint32_t source_bytes, int line) {
  if (source_bytes > bytes) fail(line, "cp.async: source size %u of %u bytes", source_bytes, bytes);
  if (shared_offset % bytes || (source_bytes && global % bytes))
    fail(line, "misaligned cp.async of %u bytes: shared offset %u, global 0x%llx", bytes, shared_offset,
         static_cast<unsigned long long>(global));
  cudasim_bytes_read += source_bytes;
  fibers[current].open_group.push_back({shared_offset, global, bytes, source_bytes, line});
}

void cudasim_cp_async_check(uint32_t shared_offset, uint64_t global, uint32_t bytes, uint32_t source_bytes, int line) {
  if (!options.check) return;
  // source_bytes may be any number up to bytes: byte-wise, so that alignment is not asked of odd
  // sizes
  if (source_bytes && source_bytes <= bytes) {
    if (source_bytes == bytes)
      cudasim_check_global(global, bytes, 0, line);
    else
      for (uint32_t i = 0; i < source_bytes; i++) cudasim_check_global(global + i, 1, 0, line);
  }
  cudasim_check_shared(shared_offset, bytes, CUDASIM_WRITE, line);
  for (uint32_t i = shared_offset; i < shared_offset + bytes && i < shared_state.size(); i++)
    shared_state[i] |= kInFlight;
}

void cudasim_cp_async_commit(void) {
  Fiber& self = fibers[current];
  self.groups.push_back(std::move(self.open_group));
  self.open_group.clear();
}

void cudasim_cp_async_wait(uint32_t groups_left, int include_uncommitted) {
  finish_async_copies(fibers[current], groups_left, include_uncommitted);
}
