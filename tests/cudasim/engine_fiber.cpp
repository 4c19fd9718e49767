// Threads as fibers: one block at a time, its threads as fibers with a context switch of 20
// instructions.
//
// A fiber runs until it waits in a barrier or a warp collective; a thread that never waits costs no
// switch, because the fiber that has finished one thread goes on with the next new one on the same
// stack.
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "engine_internal.h"

// void cudasim_switch(void** save_stack_pointer, void* to): x86-64 System V, callee-saved registers
// only
asm(R"(
.text
.globl cudasim_switch
.hidden cudasim_switch
.type cudasim_switch,@function
cudasim_switch:
 pushq %rbp
 pushq %rbx
 pushq %r12
 pushq %r13
 pushq %r14
 pushq %r15
 movq %rsp,(%rdi)
 movq %rsi,%rsp
 popq %r15
 popq %r14
 popq %r13
 popq %r12
 popq %rbx
 popq %rbp
 ret
.size cudasim_switch,.-cudasim_switch
)");
extern "C" void cudasim_switch(void** save_stack_pointer, void* to);

uint64_t cudasim_bytes_read, cudasim_bytes_written;

namespace cudasim {

cudasim_options options = {0, 0, 0};
std::vector<Fiber> fibers;
uint32_t current, thread_count, done_count;
uint64_t block_linear;
int running_device;
const cudasim_kernel* running_kernel;
uint32_t dynamic_bytes;

static std::vector<unsigned char*> free_stacks;
static std::vector<uint32_t> ready;  // a queue: [ready_head, size)
static size_t ready_head;
static void* scheduler_stack_pointer;
static const void* launch_params;
static bool aborted;
static uint64_t switches;
static uint64_t random_state = 88172645463325252ull;

// A thread that spins gives way every kSpins times; after kIdleYields times without any progress of
// any thread of the block the wait can never end.
constexpr uint32_t kSpins = 64, kIdleYields = 300000;
static uint32_t spins, idle_yields;

uint64_t random_bits() {  // xorshift64
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

void note_progress() { idle_yields = 0; }

// -------------------------------------------------------------------------------- stacks and queue
static unsigned char* take_stack() {
  if (!free_stacks.empty()) {
    unsigned char* stack = free_stacks.back();
    free_stacks.pop_back();
    return stack;
  }
  constexpr size_t guard = 4096;
  void* p =
      mmap(nullptr, kStackBytes + guard, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  mprotect(p, guard, PROT_NONE);  // overflow faults instead of corrupting a neighbour
  return static_cast<unsigned char*>(p) + guard;
}

void make_ready(uint32_t thread) {
  fibers[thread].state = State::Ready;
  ready.push_back(thread);
}

static bool next_ready(uint32_t& thread) {
  if (ready_head >= ready.size()) return false;
  if (options.seed) {
    size_t k = ready_head + random_bits() % (ready.size() - ready_head);
    std::swap(ready[k], ready[ready_head]);
  }
  thread = ready[ready_head++];
  if (ready_head > 4096 && ready_head * 2 > ready.size()) {
    ready.erase(ready.begin(), ready.begin() + ready_head);
    ready_head = 0;
  }
  return true;
}

static void fiber_main();

static void start_fiber(Fiber& fiber) {
  unsigned char* stack = take_stack();
  fiber.self.local_begin = stack;
  void** top = reinterpret_cast<void**>(stack + kStackBytes);
  *--top = nullptr;  // return address of fiber_main: never used; also aligns the stack
  *--top = reinterpret_cast<void*>(fiber_main);
  for (int i = 0; i < 6; i++) *--top = nullptr;  // callee-saved registers
  fiber.stack_pointer = top;
}

static void report_deadlock() {
  char waiting[400];
  describe_waiting(waiting, sizeof waiting);
  report(0, "deadlock: of %u threads %u have exited, the others wait:%s", thread_count, done_count, waiting);
}

// --------------------------------------------------------------------------------------- switching
void wait() {
  uint32_t next;
  Fiber& self = fibers[current];
  if (!next_ready(next)) {
    report_deadlock();
    abort_launch();
  }
  if (next == current) return;
  switches++;
  spins = 0;
  if (fibers[next].state == State::New) start_fiber(fibers[next]);
  current = next;
  cudasim_switch(&self.stack_pointer, fibers[next].stack_pointer);
}

void yield() {
  make_ready(current);
  wait();
}

static void fiber_main() {
  for (;;) {
    Fiber& fiber = fibers[current];
    fiber.state = State::Ready;
    running_kernel->thread(&fiber.self, static_cast<const unsigned char*>(launch_params));
    unsigned char* stack = fiber.self.local_begin;
    if (!fiber.groups.empty() || !fiber.open_group.empty()) finish_async_copies(fiber, 0, true);
    if (options.check) thread_ends_races();
    fiber.state = State::Done;
    done_count++;
    idle_yields = 0;
    thread_has_exited(current);
    uint32_t next;
    void* unused;
    if (!next_ready(next)) {
      if (done_count < thread_count) {
        report_deadlock();
        aborted = true;
      }
      free_stacks.push_back(stack);
      cudasim_switch(&unused, scheduler_stack_pointer);
    }
    current = next;
    if (fibers[next].state == State::New) {
      fibers[next].self.local_begin = stack;  // go on with it here
      continue;
    }
    free_stacks.push_back(stack);
    switches++;
    cudasim_switch(&unused, fibers[next].stack_pointer);
  }
}

void abort_launch() {
  aborted = true;
  void* unused;
  cudasim_switch(&unused, scheduler_stack_pointer);
  __builtin_unreachable();
}

// -------------------------------------------------------------------------------- blocks and grids
static void run_block(uint64_t index, const cudasim_launch& launch) {
  const cudasim_dim3& grid = launch.grid;
  block_linear = index;
  cudasim_dim3 ctaid = {static_cast<uint32_t>(index % grid.x), static_cast<uint32_t>(index / grid.x % grid.y),
                        static_cast<uint32_t>(index / grid.x / grid.y)};
  const cudasim_kernel& kernel = *launch.kernel;
  // 0xFF: uninitialised shared memory reads as NaN
  memset(shared_memory(), 0xFF, kernel.dynamic_offset + launch.dynamic_shared);
  done_count = 0;
  ready.resize(thread_count);
  ready_head = 0;
  spins = idle_yields = 0;
  for (uint32_t t = 0; t < thread_count; t++) {
    fibers[t].state = State::New;
    fibers[t].self.ctaid = ctaid;
    ready[t] = t;
  }
  start_block_sync();
  if (options.check) start_block_checks();
  uint32_t first;
  next_ready(first);
  start_fiber(fibers[first]);
  current = first;
  cudasim_switch(&scheduler_stack_pointer, fibers[first].stack_pointer);
}

static void prepare_threads(const cudasim_launch& launch) {
  const cudasim_dim3& block = launch.block;
  thread_count = block.x * block.y * block.z;
  if (fibers.size() < thread_count) fibers.resize(thread_count);
  uint32_t i = 0;
  for (uint32_t z = 0; z < block.z; z++)
    for (uint32_t y = 0; y < block.y; y++)
      for (uint32_t x = 0; x < block.x; x++, i++) {
        Fiber& fiber = fibers[i];
        fiber.self = {{x, y, z},
                      block,
                      {0, 0, 0},
                      launch.grid,
                      i,
                      launch.kernel->shared_bytes + launch.dynamic_shared,
                      launch.dynamic_shared,
                      launch.kernel->dynamic_offset,
                      launch.variables,
                      nullptr};
        fiber.open_group.clear();
        fiber.groups.clear();
      }
}

// After an abort: give back the stacks of the fibers that will not be continued.
static void reclaim_stacks() {
  for (uint32_t t = 0; t < thread_count; t++) {
    Fiber& fiber = fibers[t];
    bool has_stack = fiber.state != State::New && fiber.state != State::Done;
    if (has_stack) free_stacks.push_back(fiber.self.local_begin);
  }
}

}  // namespace cudasim

using namespace cudasim;

void cudasim_configure(const cudasim_options* wanted) {
  options = *wanted;
  random_state = wanted->seed * 0x9E3779B97F4A7C15ull + 88172645463325252ull;
}

unsigned cudasim_run(const cudasim_launch* launch, cudasim_launch_statistics* statistics) {
  unsigned reports_before = report_total;
  prepare_fault_stack();
  running_kernel = launch->kernel;
  running_device = launch->device;
  dynamic_bytes = launch->dynamic_shared;
  launch_params = launch->params;
  aborted = false;
  switches = cudasim_bytes_read = cudasim_bytes_written = 0;
  prepare_threads(*launch);
  if (options.check) start_launch_races();
  start_traffic();
  const cudasim_dim3& grid = launch->grid;
  uint64_t blocks = static_cast<uint64_t>(grid.x) * grid.y * grid.z;
  std::vector<uint64_t> order;
  if (options.seed) {
    order.resize(blocks);
    for (uint64_t i = 0; i < blocks; i++) order[i] = i;
    for (uint64_t i = blocks; i > 1; i--) std::swap(order[i - 1], order[random_bits() % i]);
  }
  for (uint64_t i = 0; i < blocks && !aborted; i++) run_block(options.seed ? order[i] : i, *launch);
  if (aborted) reclaim_stacks();
  if (statistics) { *statistics = {cudasim_bytes_read, cudasim_bytes_written, blocks * thread_count, switches}; }
  thread_count = 0;
  return report_total - reports_before;
}

void cudasim_atomic_yield(int line) {
  if (++spins % kSpins == 0) cudasim_yield(line);
}

void cudasim_yield(int line) {
  if (++idle_yields > kIdleYields)
    fail(line, "live-lock: this thread waits for something that no other thread of its block does "
               "(blocks run one after the other: waiting for another block never ends)");
  yield();
}

uint32_t cudasim_activemask(void) {
  // the weakest legal answer: code that takes more for granted is wrong
  return 1u << (fibers[current].self.linear % kWarpSize);
}
