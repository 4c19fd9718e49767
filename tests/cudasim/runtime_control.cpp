// What tests call through ctypes: policies, counters, faults, traces, the launch log.
#include <stdio.h>
#include <string.h>

#include <algorithm>

#include "runtime.h"

using namespace cudasim;

static const char* keep(std::string text) {  // valid until the thread's next call
  static thread_local std::string kept;
  kept = std::move(text);
  return kept.c_str();
}
typedef std::lock_guard<std::mutex> Guard;

extern "C" {
void cudasim_set_policy(int policy, uint64_t seed) {
  Guard guard(machine().lock);
  machine().policy = (Policy)policy;
  machine().random = seed * 0x9E3779B97F4A7C15ull | 1;  // spread small seeds
}
void cudasim_set_compute_capability(int cc) {
  Guard guard(machine().lock);
  machine().compute_capability = cc;
}
void cudasim_set_memory_limit(int device, size_t bytes) {
  Guard guard(machine().lock);
  machine().devices[device].memory_limit = bytes;
}
void cudasim_set_execute_kernels(int on) {
  Guard guard(machine().lock);
  machine().execute_kernels = on;
}
void cudasim_set_checking(int on) {
  Guard guard(machine().lock);
  machine().checking = on;
}
int cudasim_get_execute_kernels() { return machine().execute_kernels; }

// Runs everything that is pending.
void cudasim_finish() {
  Guard guard(machine().lock);
  run_everything(-1);
}

// Back to a healthy, idle machine: pending work is finished or dropped, captures end, errors and faults are forgotten.
// Memory, streams, events and graphs stay: the program still holds them.
void cudasim_reset() {
  Guard guard(machine().lock);
  Machine& m = machine();
  for (auto& s : m.streams) {
    s->capture = nullptr;
    s->slow = false;
  }
  m.captures.clear();
  run_everything(-1);  // on a lost device this drops the work
  for (auto& d : m.devices) {
    d.sticky = cudaSuccess;
    d.sticky_reason.clear();
  }
  for (auto& f : m.faults) f = Fault{};
  m.execute_kernels = true;
  m.logging_launches = m.tracing = false;
  m.launch_log.clear();
  m.trace.clear();
  m.last_unsupported.clear();
}

// Empty, or why the device is lost.
const char* cudasim_sticky_reason(int device) {
  Guard guard(machine().lock);
  return keep(machine().devices[device].sticky_reason);
}

// "name value" lines.
const char* cudasim_counters() {
  Guard guard(machine().lock);
  std::string text;
#define X(name) text += #name " " + std::to_string(machine().counters.name) + "\n";
  CUDASIM_COUNTERS(X)
#undef X
  return keep(text);
}
// Everything that counts up starts at 0 again; what is live stays, and is the new peak.
void cudasim_reset_counters() {
  Guard guard(machine().lock);
  Counters& c = machine().counters;
  Counters fresh;
  fresh.bytes_live = fresh.bytes_peak = c.bytes_live;
  fresh.allocations_live = c.allocations_live;
  fresh.host_bytes_live = c.host_bytes_live;
  c = fresh;
}

// The nth call from now of this kind fails with the error; sticky: the device is lost with it.  nth 0: no fault.
int cudasim_inject_fault(int point, uint64_t nth, int error, int sticky) {
  if (point < 0 || point >= FAULT_POINTS) return -1;
  Guard guard(machine().lock);
  machine().faults[point] = Fault{nth, (cudaError_t)error, sticky != 0};
  return 0;
}
// The device fails now, as after an ECC error or a reset: every later call returns the error.
void cudasim_lose_device(int device, int error) {
  Guard guard(machine().lock);
  lose_device(device, (cudaError_t)error, "injected device loss");
}
// A slow stream does nothing before somebody waits for it, whatever the policy.
int cudasim_set_slow_stream(void* stream, int slow) {
  Guard guard(machine().lock);
  StreamPtr s = find_stream((cudaStream_t)stream);
  if (!s) return -1;
  s->slow = slow;
  return 0;
}

void cudasim_trace(int on) {
  Guard guard(machine().lock);
  machine().tracing = on;
  machine().trace.clear();
}
const char* cudasim_get_trace() {
  Guard guard(machine().lock);
  std::string text;
  for (auto& line : machine().trace) text += line + "\n";
  return keep(text);
}

void cudasim_log_launches(int on) {
  Guard guard(machine().lock);
  machine().logging_launches = on;
  machine().launch_log.clear();
}
// One line per launch, tab-separated: kernel, 3 grid, 3 block, dynamic shared, device, stream, executed, read, written,
// distinct read, distinct written.
const char* cudasim_get_launches() {
  Guard guard(machine().lock);
  std::string text;
  char line[400];
  for (auto& r : machine().launch_log) {
    snprintf(line, sizeof line, "\t%u\t%u\t%u\t%u\t%u\t%u\t%u\t%d\t%d\t%d\t%lu\t%lu\t%lu\t%lu\n", r->grid[0], r->grid[1],
             r->grid[2], r->block[0], r->block[1], r->block[2], r->dynamic_shared, r->device, r->stream, r->executed,
             r->bytes_read, r->bytes_written, r->distinct_read, r->distinct_written);
    text += r->kernel + line;
  }
  return keep(text);
}
// Copies bytes between host and device at once, outside of all streams (for tests that inspect memory).
int cudasim_peek(void* to, uint64_t from, size_t n) {
  Guard guard(machine().lock);
  if (!inside_one_allocation((void*)from, n)) return -1;
  memcpy(to, bytes_of((void*)from), n);
  return 0;
}
}  // extern "C"

// A GEMM or a sort is a launch to the program: counted, logged, not executed in no-op mode.
int cudasim_enqueue_library_call(void* handle, std::function<void()> work, const char* name, uint64_t read,
                                 uint64_t written) {
  ApiCall call;
  if (call.refusal()) return failed(call.refusal());
  StreamPtr stream = find_stream((cudaStream_t)handle);
  if (!stream) return failed(cudaErrorInvalidResourceHandle);
  cudaError_t e;
  if (take_fault(FAULT_LAUNCH, &e)) return failed(e);
  Machine& m = machine();
  m.counters.library_calls++;
  auto record = std::make_shared<LaunchRecord>(LaunchRecord{name, {1, 1, 1}, {1, 1, 1}, 0, stream->device, stream->id});
  record->bytes_read = record->distinct_read = read;
  record->bytes_written = record->distinct_written = written;
  if (m.logging_launches) m.launch_log.push_back(record);
  return failed(enqueue(
      stream,
      [work, record] {
        if (machine().execute_kernels) work();
        record->executed = machine().execute_kernels;
      },
      name, true));
}
