// Inside of the simulated CUDA runtime and driver: what its source files share.
//
//   runtime_device.cpp    devices, errors, attributes, the simulated machine as a whole
//   runtime_memory.cpp    device and pinned memory, the SIGSEGV report
//   runtime_copy.cpp      memcpy, memset
//   runtime_streams.cpp   queues, policies, streams, events, host callbacks
//   runtime_graphs.cpp    stream capture and graph launch
//   driver_modules.cpp    cu*: modules, functions, globals, launches
//   runtime_control.cpp   what tests call: policies, counters, faults, traces
//
// Signatures of cuda* and cu* are checked by the compiler against NVIDIA's own headers.
#pragma once
#include <cuda_runtime_api.h>

#include <cuda.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "device_address.h"

namespace cudasim {

// ---------------------------------------------------------------- counters (name, per-event increments)
#define CUDASIM_COUNTERS(X)                                                                                            \
  X(mallocs)                                                                                                           \
  X(frees)                                                                                                             \
  X(bytes_live) X(bytes_peak) X(allocations_live) X(host_allocs) X(host_frees) X(host_bytes_live) X(launches)          \
      X(graph_launches) X(graph_kernel_nodes_run) X(library_calls) X(host_functions) X(copies_h2d) X(bytes_h2d)        \
          X(copies_d2h) X(bytes_d2h) X(copies_d2d) X(bytes_d2d) X(copies_peer) X(bytes_peer) X(memsets)                \
              X(bytes_memset) X(stream_synchronizes) X(event_synchronizes) X(device_synchronizes) X(synchronizes)      \
                  X(events_recorded) X(stream_waits) X(kernels_compiled) X(operations_run) X(kernel_bytes_read)        \
                      X(kernel_bytes_written)
struct Counters {
#define X(name) uint64_t name = 0;
  CUDASIM_COUNTERS(X)
#undef X
};

// ---------------------------------------------------------------- streams, captures, graphs
struct Stream;
struct Capture;
struct Graph;
using StreamPtr = std::shared_ptr<Stream>;

// A point in a stream's history: everything enqueued before it, `sequence` operations in all.
struct StreamPoint {
  StreamPtr stream;
  uint64_t sequence;
};

struct Operation {
  std::function<void()> run;              // empty: only an ordering point
  std::vector<StreamPoint> dependencies;  // in other streams
  std::string name;
};

struct Stream {
  int id;  // order of creation: RANDOM must repeat with its seed, so never sort by address
  int device;
  unsigned flags = cudaStreamDefault;
  int priority = 0;
  bool is_null = false;  // the legacy default stream of its device
  bool slow = false;     // injected: never runs before somebody waits for it
  std::deque<Operation> queue;
  uint64_t enqueued = 0, completed = 0;  // operations, since creation
  bool running = false;                  // its front operation is executing (perhaps an unlocked host callback)
  std::thread::id runner;
  std::shared_ptr<Capture> capture;
  bool blocking() const { return !is_null && !(flags & cudaStreamNonBlocking); }
};

struct Event {
  int device;
  unsigned flags = 0;
  bool recorded = false;
  StreamPoint point{};               // of the latest record
  double milliseconds = 0;           // when the record was executed
  std::shared_ptr<Capture> capture;  // set while the latest record was captured
  std::vector<int> captured_nodes;   // the frontier it stands for
};

struct GraphNode {
  std::function<void()> run;
  std::vector<int> dependencies;  // indices of earlier nodes
  std::string name;
  bool kernel;
};
struct Graph {
  std::vector<GraphNode> nodes;
  int device = 0;
};
struct GraphExec {
  std::shared_ptr<const Graph> graph;
  StreamPoint last_launch{};  // CUDA orders launches of one executable graph after each other
};

struct Capture {
  std::shared_ptr<Graph> graph = std::make_shared<Graph>();
  std::map<Stream*, std::vector<int>> frontier;  // per participating stream: nodes its next one depends on
  Stream* origin;
  cudaStreamCaptureMode mode;
  std::thread::id thread;
  bool invalidated = false;
  std::string why;  // what invalidated it
};

// ---------------------------------------------------------------- memory, devices
struct Allocation {
  uint64_t address;  // as the program sees it
  size_t bytes;
  int device;
  uint64_t number;  // in order of allocation, for reports
  bool counted;
};

struct Device {
  int ordinal;
  StreamPtr null_stream;
  size_t memory_limit = size_t(1) << 30, memory_used = 0;
  uint64_t next_address;             // grows only: a freed address is never handed out again
  cudaError_t sticky = cudaSuccess;  // after a kernel fault or device loss, every call fails
  std::string sticky_reason;
  std::set<int> peers;
};

enum Policy { LAZY = 0, EAGER = 1, RANDOM = 2 };

// Orders streams by creation.
struct ById {
  bool operator()(const StreamPtr& a, const StreamPtr& b) const { return a->id < b->id; }
};

// What may be made to fail (cudasim_inject_fault).
enum FaultPoint {
  FAULT_MALLOC,
  FAULT_HOST_ALLOC,
  FAULT_LAUNCH,
  FAULT_COPY,
  FAULT_SYNCHRONIZE,
  FAULT_GRAPH_LAUNCH,
  FAULT_POINTS
};
struct Fault {
  uint64_t countdown = 0;  // 1: the next call fails; 0: none
  cudaError_t error = cudaSuccess;
  bool sticky = false;  // the device is lost with it
};

struct LaunchRecord {
  std::string kernel;
  unsigned grid[3], block[3], dynamic_shared;
  int device, stream;
  uint64_t bytes_read = 0, bytes_written = 0;
  uint64_t distinct_read = 0, distinct_written = 0;  // bytes of sectors, each once; 0 unless traffic is counted
  bool executed = false;
};

// All state of the simulated machine, guarded by `lock`.
struct Machine {
  std::mutex lock;
  std::condition_variable_any operation_done;
  std::vector<Device> devices;
  std::set<StreamPtr, ById> streams;
  std::map<std::pair<std::thread::id, int>, StreamPtr> per_thread_streams;
  int next_stream_id = 1;
  Policy policy = LAZY;
  uint64_t random = 1;
  bool execute_kernels = true;  // false: launches are recorded only
  bool checking = false;        // kernels loaded now are built with checkers
  int compute_capability = 86;
  std::vector<std::shared_ptr<Capture>> captures;
  std::map<uint64_t, Allocation> allocations;
  std::map<uint64_t, Allocation> freed;  // for reports only
  std::map<uint64_t, size_t> pinned;
  Counters counters;
  Fault faults[FAULT_POINTS];
  bool tracing = false;
  std::vector<std::string> trace;
  bool logging_launches = false;
  std::vector<std::shared_ptr<LaunchRecord>> launch_log;  // queued operations hold their records too
  uint64_t allocation_number = 0;
  std::string last_unsupported;
};
Machine& machine();

// ---------------------------------------------------------------- errors (runtime_device.cpp)
extern thread_local int current_device;
extern thread_local bool in_host_callback;
cudaError_t failed(cudaError_t e);                                       // notes e for cudaGetLastError, returns it
void lose_device(int device, cudaError_t e, const std::string& reason);  // sticky
bool take_fault(FaultPoint point, cudaError_t* e);                       // counts the call; true: it must fail with *e
uint64_t random_number();
struct ArchitectureLimits {
  int compute_capability, shared_per_sm, shared_per_block_optin, threads_per_sm, blocks_per_sm;
};
const ArchitectureLimits& limits();  // of the simulated architecture
constexpr int MULTIPROCESSORS = 16;  // few: a simulated grid should be short

// Every API function starts with one: takes the lock, and refuses calls from host callbacks and on a lost device.
class ApiCall {
public:
  ApiCall();
  cudaError_t refusal() const { return refusal_; }

private:
  std::lock_guard<std::mutex> guard_;
  cudaError_t refusal_;
};
#define CUDASIM_API                                                                                                    \
  cudasim::ApiCall api_call;                                                                                           \
  if (api_call.refusal()) return cudasim::failed(api_call.refusal())

// ---------------------------------------------------------------- memory (runtime_memory.cpp)
void reserve_address_space();
Allocation* find_allocation(uint64_t p);              // containing p, else nullptr
bool inside_one_allocation(const void* p, size_t n);  // p..p+n lies in one live allocation
bool is_pinned(const void* p);
inline bool is_device(const void* p) { return cudasim_is_device_pointer((uint64_t)p); }
inline char* bytes_of(const void* p) { return (char*)cudasim_bytes_of((uint64_t)p); }
// counted: appears in the counters (variables of modules do not: the program did not ask for them).
cudaError_t allocate(int device, size_t bytes, void** p, bool counted = true);
cudaError_t release(void* p);

// ---------------------------------------------------------------- streams (runtime_streams.cpp)
StreamPtr find_stream(cudaStream_t handle);  // nullptr: no such stream
// Appends an operation in stream order, or a node when the stream captures.
cudaError_t enqueue(const StreamPtr& stream, std::function<void()> run, const std::string& name, bool kernel = false,
                    std::vector<StreamPoint> dependencies = {});
void run_until(const StreamPoint& point);
cudaError_t synchronize(const StreamPtr& stream);
void run_everything(int device);  // device < 0: of all devices
StreamPtr new_stream(int device, unsigned flags, int priority);
// Runs f without the lock: it may wait for Python's GIL, whose holder may wait for the lock.
void unlocked(const std::function<void()>& f);

// ---------------------------------------------------------------- capture rules (runtime_graphs.cpp)
void invalidate(const std::shared_ptr<Capture>& capture, const std::string& why);
// Calls that CUDA calls unsafe while capturing (cudaMalloc ...): not cudaSuccess when prohibited now.
cudaError_t check_unsafe_call(const char* what);
// Use of the legacy stream while a blocking stream of the device captures.
cudaError_t check_legacy_stream_use(int device, const char* what);
void run_graph(const Graph& graph);

}  // namespace cudasim

// Named, loud, sticky: for every cuda*, cu* and cublas* function that is not simulated.
extern "C" void cudasim_unsupported(const char* name);
// For simulated libraries (cuBLAS, CuPy's sort): work in stream order.  `stream` is a cudaStream_t.  Returns a
// cudaError_t. The bytes are what it reads and writes at least.
int cudasim_enqueue_library_call(void* stream, std::function<void()> work, const char* name, uint64_t read = 0,
                                 uint64_t written = 0);
