// What the parts of the engine know of each other. engine.h is what everybody else sees.
//
//   engine_fiber.cpp   threads as fibers, the scheduler, launching a grid
//   engine_sync.cpp    block barriers, warp collectives
//   engine_matrix.cpp  mma, ldmatrix, stmatrix, movmatrix
//   engine_memory.cpp  address space, allocations, initialised marks, faults, images
//   engine_check.cpp   what a checked image asks before each access; cp.async
//   engine_race.cpp    the happens-before relation and the last accesses of each word
//   engine_traffic.cpp which sectors of global memory a launch touches
//   engine_report.cpp  reports
#pragma once
#include <cstdint>
#include <deque>
#include <vector>

#include "engine.h"

namespace cudasim {

constexpr uint32_t kWarpSize = 32;
constexpr size_t kStackBytes = 256 * 1024;  // local memory of a thread lies on its stack
constexpr int kNamedBarriers = 16;

enum class State : uint8_t { New, Ready, AtBarrier, InWarp, Done };

struct AsyncCopy {
  uint32_t shared_offset;
  uint64_t global;
  uint32_t bytes, source_bytes;
  int line;
};

// One CUDA thread.
struct Fiber {
  cudasim_thread self;
  void* stack_pointer;
  State state;
  int line;  // of the collective it waits in
  uint64_t result;
  // warp collective
  int operation;
  uint32_t mask, source_lane;
  uint64_t value;
  // cp.async: copies since the last commit, and committed groups, oldest first
  std::vector<AsyncCopy> open_group;
  std::deque<std::vector<AsyncCopy>> groups;
};

// ---- engine_traffic.cpp
void start_traffic();
void note_traffic(uint64_t address, uint32_t bytes, unsigned access);

// ---- engine_fiber.cpp
extern cudasim_options options;
extern std::vector<Fiber> fibers;          // of the running block; may be longer than thread_count
extern uint32_t current;                   // index of the running fiber
extern uint32_t thread_count, done_count;  // thread_count is 0 when nothing runs
extern uint64_t block_linear;
extern int running_device;
extern const cudasim_kernel* running_kernel;
extern uint32_t dynamic_bytes;

uint64_t random_bits();
void make_ready(uint32_t thread);  // a barrier or collective has completed
void wait();                       // run others until the current fiber is made ready
void yield();
[[noreturn]] void abort_launch();  // leave the kernel; the launch ends with the reports it has
void note_progress();              // some thread got further: not a live-lock

// ---- engine_sync.cpp
void start_block_sync();
void thread_has_exited(uint32_t thread);
void describe_waiting(char* text, size_t size);

// ---- engine_matrix.cpp
void execute_mma(Fiber* const lanes[32]);
void execute_matrix(int operation, Fiber* const lanes[32], uint32_t first_thread);

// ---- engine_memory.cpp
struct Bounds {
  uint64_t address;
  size_t bytes;
  std::vector<Bounds> parts;  // sub-ranges, sorted by address
};
const Bounds* find_bounds(uint64_t address);  // the allocation at or below the address
bool all_initialised(uint64_t address, size_t bytes, size_t* first_bad);
void prepare_fault_stack();
inline unsigned char* shared_memory() { return static_cast<unsigned char*>(cudasim_backing(CUDASIM_SHARED_BASE)); }

// ---- engine_check.cpp
void start_block_checks();
void finish_async_copies(Fiber& fiber, size_t groups_left, bool open_too);

// ---- engine_race.cpp
void start_launch_races();
void start_block_races(uint32_t shared_bytes);
void block_barrier_passed();                               // all threads that still run
void join_threads(const uint32_t* threads, size_t count);  // syncwarp, counted barriers
struct Arrival {                                           // what a barrier's arrivals have seen
  std::vector<uint32_t> clock;
};
void release_to(Arrival& arrival, uint32_t thread);
void acquire_from(const Arrival& arrival, uint32_t thread);
void fence_passed(bool block_scope);
void atomic_synchronises(uint64_t address, unsigned access);
void thread_ends_races();
void shared_race(uint32_t offset, uint32_t bytes, unsigned access, int line);
void global_race(uint64_t address, uint32_t bytes, unsigned access, int line);

// ---- engine_report.cpp
extern unsigned report_total;
void report(int line, const char* format, ...) __attribute__((format(printf, 2, 3)));
[[noreturn]] void fail(int line, const char* format, ...) __attribute__((format(printf, 2, 3)));
void remember_image(const cudasim_image* image, const char* path);

}  // namespace cudasim
