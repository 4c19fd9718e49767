// Block barriers and warp collectives. The last thread to arrive computes the result for all.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "engine_internal.h"

namespace cudasim {

// ---------------------------------------------------------------------------------------- barriers
namespace {

struct Barrier {
  uint32_t threads;  // expected; 0: all threads of the block that have not exited
  uint32_t arrived;
  uint32_t true_predicates;
  int kind, line;  // of the first arrival
  bool mixed;      // whole-block barrier reached at different instructions
  std::vector<uint32_t> waiting;
  Arrival seen;  // by threads that only arrive
  bool has_arrivals;
};

Barrier barriers[kNamedBarriers];
uint32_t open_barriers;                    // that somebody has arrived at
uint32_t waiting_lanes[1024 / kWarpSize];  // per warp

bool complete(const Barrier& barrier) {
  if (!barrier.arrived) return false;
  return barrier.arrived >= (barrier.threads ? barrier.threads : thread_count - done_count);
}

void release(Barrier& barrier) {
  if (barrier.mixed) report(barrier.line, "threads wait at different __syncthreads() (divergent barrier)");
  uint32_t all = barrier.true_predicates == barrier.waiting.size();
  uint32_t result = barrier.kind == CUDASIM_BAR_POPC  ? barrier.true_predicates
                    : barrier.kind == CUDASIM_BAR_AND ? all
                                                      : barrier.true_predicates > 0;
  if (options.check) {
    bool whole_block = barrier.waiting.size() + done_count >= thread_count;
    if (whole_block) {
      block_barrier_passed();
    } else {
      join_threads(barrier.waiting.data(), barrier.waiting.size());
      if (barrier.has_arrivals)
        for (uint32_t t : barrier.waiting) acquire_from(barrier.seen, t);
    }
  }
  for (uint32_t t : barrier.waiting) {
    fibers[t].result = result;
    make_ready(t);
  }
  barrier.waiting.clear();
  barrier.seen.clock.clear();
  barrier.arrived = barrier.true_predicates = 0;
  barrier.has_arrivals = barrier.mixed = false;
  open_barriers--;
  note_progress();
}

}  // namespace

// ---------------------------------------------------------------------------------------- warp collectives
namespace {

const char* const operation_names[] = {"__syncwarp", "shfl",      "ballot",    "vote.all",  "vote.any",  "vote.uni",
                                       "redux.add",  "redux.min", "redux.max", "redux.min", "redux.max", "redux.and",
                                       "redux.or",   "redux.xor", "match.any", "match.all", "elect",     "mma",
                                       "ldmatrix",   "stmatrix",  "movmatrix"};

uint64_t reduce(int operation, Fiber* const lanes[32], uint32_t present) {
  uint64_t result = 0;
  bool first = true;
  for (uint32_t i = 0; i < kWarpSize; i++) {
    if (!(present >> i & 1)) continue;
    uint64_t value = lanes[i]->value;
    uint32_t u = static_cast<uint32_t>(value), r = static_cast<uint32_t>(result);
    int32_t s = static_cast<int32_t>(u), rs = static_cast<int32_t>(r);
    switch (operation) {
    case CUDASIM_WARP_BALLOT: result |= static_cast<uint64_t>(value != 0) << i; break;
    case CUDASIM_WARP_ALL: result = first ? value != 0 : result && value; break;
    case CUDASIM_WARP_ANY: result = result || value; break;
    // uni: all predicates are equal
    case CUDASIM_WARP_UNI: result = first ? 2 | (value != 0) : result == (2 | (value != 0)) ? result : 0; break;
    case CUDASIM_WARP_ADD: result = r + u; break;
    case CUDASIM_WARP_MIN_S32: result = first ? u : static_cast<uint32_t>(std::min(rs, s)); break;
    case CUDASIM_WARP_MAX_S32: result = first ? u : static_cast<uint32_t>(std::max(rs, s)); break;
    case CUDASIM_WARP_MIN_U32: result = first ? u : std::min(r, u); break;
    case CUDASIM_WARP_MAX_U32: result = first ? u : std::max(r, u); break;
    case CUDASIM_WARP_AND: result = first ? u : r & u; break;
    case CUDASIM_WARP_OR: result = r | u; break;
    case CUDASIM_WARP_XOR: result = r ^ u; break;
    case CUDASIM_WARP_ELECT: result = first ? i : result; break;
    }
    first = false;
  }
  return operation == CUDASIM_WARP_UNI ? result != 0 : result;
}

uint64_t match(Fiber* const lanes[32], uint32_t present, uint64_t value) {
  uint64_t mask = 0;
  for (uint32_t i = 0; i < kWarpSize; i++)
    if ((present >> i & 1) && lanes[i]->value == value) mask |= 1ull << i;
  return mask;
}

// present: the lanes of the mask that take part (the others have exited or do not exist)
void complete_warp(uint32_t first_thread, uint32_t mask, uint32_t present) {
  Fiber* lanes[32];
  int operation = -1;
  uint32_t threads[32], count = 0, caller = current;
  for (uint32_t i = 0; i < kWarpSize; i++) {
    lanes[i] = first_thread + i < thread_count ? &fibers[first_thread + i] : nullptr;
    if (!(present >> i & 1)) continue;
    threads[count++] = first_thread + i;
    if (operation < 0) operation = lanes[i]->operation;
    if (operation != lanes[i]->operation)
      fail(lanes[i]->line, "lanes of one warp collective call different operations (%s and %s)",
           operation_names[operation], operation_names[lanes[i]->operation]);
  }
  bool whole_warp = operation >= CUDASIM_WARP_MMA;
  if (whole_warp && present != 0xffffffffu)
    fail(lanes[__builtin_ctz(present)]->line, "%s needs all 32 lanes, lanes %08x take part", operation_names[operation],
         present);
  if (operation == CUDASIM_WARP_MMA) {
    execute_mma(lanes);
  } else if (whole_warp) {
    execute_matrix(operation, lanes, first_thread);
  } else if (operation == CUDASIM_WARP_SHFL) {
    for (uint32_t i = 0; i < kWarpSize; i++) {
      if (!(present >> i & 1)) continue;
      Fiber& fiber = *lanes[i];
      uint32_t source = fiber.source_lane % kWarpSize;
      if (present >> source & 1) {
        fiber.result = lanes[source]->value;
      } else {
        current = first_thread + i;
        report(fiber.line, "shuffle reads lane %u, which %s", source,
               mask >> source & 1 ? "has exited or does not exist" : "its mask does not name");
        fiber.result = 0xdeaddeaddeaddeadull;
      }
    }
  } else if (operation == CUDASIM_WARP_MATCH_ANY) {
    for (uint32_t k = 0; k < count; k++) fibers[threads[k]].result = match(lanes, present, fibers[threads[k]].value);
  } else if (operation == CUDASIM_WARP_MATCH_ALL) {
    bool all = match(lanes, present, fibers[threads[0]].value) == present;
    for (uint32_t k = 0; k < count; k++) fibers[threads[k]].result = all ? mask : 0;
  } else {
    uint64_t result = reduce(operation, lanes, present);
    for (uint32_t k = 0; k < count; k++) fibers[threads[k]].result = result;
  }
  // shuffles and votes do not order memory, __syncwarp does
  if (options.check && operation == CUDASIM_WARP_SYNC) join_threads(threads, count);
  current = caller;
  waiting_lanes[first_thread / kWarpSize] -= count;
  for (uint32_t k = 0; k < count; k++) make_ready(threads[k]);
  note_progress();
}

// Have all lanes of the mask that still run arrived? Then complete the collective.
bool try_complete(uint32_t first_thread, uint32_t mask) {
  uint32_t present = 0;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    uint32_t lane = __builtin_ctz(rest), thread = first_thread + lane;
    if (thread >= thread_count) continue;
    const Fiber& other = fibers[thread];
    if (other.state == State::Done) continue;  // exited lanes are not waited for
    if (other.state != State::InWarp || other.mask != mask) return false;
    present |= 1u << lane;
  }
  complete_warp(first_thread, mask, present);
  return true;
}

}  // namespace

void start_block_sync() {
  for (Barrier& barrier : barriers) {
    barrier.waiting.clear();
    barrier.seen.clock.clear();
    barrier.arrived = barrier.true_predicates = 0;
    barrier.has_arrivals = barrier.mixed = false;
  }
  open_barriers = 0;
  memset(waiting_lanes, 0, sizeof waiting_lanes);
}

void thread_has_exited(uint32_t thread) {
  for (Barrier& barrier : barriers) {
    if (!open_barriers) break;  // the usual case
    if (barrier.arrived && !barrier.threads && complete(barrier)) release(barrier);
  }
  uint32_t first_thread = thread / kWarpSize * kWarpSize;
  if (!waiting_lanes[thread / kWarpSize]) return;
  for (uint32_t t = first_thread; t < first_thread + kWarpSize && t < thread_count; t++)
    if (fibers[t].state == State::InWarp) try_complete(first_thread, fibers[t].mask);
}

void describe_waiting(char* text, size_t size) {
  size_t n = 0;
  text[0] = 0;
  for (int id = 0; id < kNamedBarriers; id++) {
    const Barrier& barrier = barriers[id];
    if (!barrier.arrived || n >= size) continue;
    uint32_t expected = barrier.threads ? barrier.threads : thread_count - done_count;
    n +=
        snprintf(text + n, size - n, " %u of %u at barrier %d (line %d);", barrier.arrived, expected, id, barrier.line);
  }
  int shown = 0;
  for (uint32_t t = 0; t < thread_count && n < size; t++) {
    const Fiber& fiber = fibers[t];
    if (fiber.state != State::InWarp || shown++ >= 3) continue;
    n += snprintf(text + n, size - n, " thread %u in %s with mask %08x (line %d);", t, operation_names[fiber.operation],
                  fiber.mask, fiber.line);
  }
}

}  // namespace cudasim

using namespace cudasim;

uint32_t cudasim_barrier(int kind, uint32_t id, uint32_t threads, int predicate, int line) {
  if (id >= kNamedBarriers) fail(line, "barrier %u: there are 16", id);
  if (threads % kWarpSize)
    fail(line, "barrier %u waits for %u threads, which is no multiple of the warp size", id, threads);
  if (threads > thread_count)
    fail(line, "barrier %u waits for %u threads, the block has %u", id, threads, thread_count);
  Barrier& barrier = barriers[id];
  if (!barrier.arrived) {
    open_barriers++;
    barrier.threads = threads;
    barrier.kind = kind;
    barrier.line = line;
  } else if (barrier.threads != threads) {
    fail(line, "barrier %u: one thread waits for %u threads, another for %u (0: all)", id, barrier.threads, threads);
  } else if (!threads && (barrier.kind != kind || barrier.line != line)) {
    barrier.mixed = true;
  }
  Fiber& self = fibers[current];
  barrier.arrived++;
  barrier.true_predicates += predicate != 0;
  if (kind == CUDASIM_BAR_ARRIVE) {
    if (options.check) {
      barrier.has_arrivals = true;
      release_to(barrier.seen, current);
    }
    if (complete(barrier)) release(barrier);
    return 0;
  }
  barrier.waiting.push_back(current);
  self.state = State::AtBarrier;
  self.line = line;
  if (complete(barrier)) release(barrier);
  wait();
  return static_cast<uint32_t>(self.result);
}

uint64_t cudasim_warp(int operation, uint32_t mask, uint64_t value, uint32_t source_lane, int line) {
  Fiber& self = fibers[current];
  uint32_t lane = current % kWarpSize;
  if (!(mask >> lane & 1))
    fail(line, "%s called by lane %u, which its mask %08x does not name", operation_names[operation], lane, mask);
  self.operation = operation;
  self.mask = mask;
  self.value = value;
  self.source_lane = source_lane;
  self.line = line;
  self.state = State::InWarp;
  waiting_lanes[current / kWarpSize]++;
  try_complete(current - lane, mask);
  wait();
  return self.result;
}
