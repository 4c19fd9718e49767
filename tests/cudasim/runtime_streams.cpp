// Streams as lazy queues, events, host callbacks.
//
// CUDA promises only an order within a stream and at waits; when work really runs is the device's affair.  The
// policy plays the adversary: LAZY runs an operation only when some synchronisation asks for it, so that data
// that nobody waited for is never there; EAGER runs it at once; RANDOM at random moments that repeat with the seed.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <atomic>

#include "runtime.h"

using namespace cudasim;

namespace cudasim {

void unlocked(const std::function<void()>& f) {
  machine().lock.unlock();
  in_host_callback = true;
  f();
  in_host_callback = false;
  machine().lock.lock();
}

static void run_front(const StreamPtr& s) {
  if (s->queue.empty() || s->running) return;
  Machine& m = machine();
  s->running = true;
  s->runner = std::this_thread::get_id();
  auto dependencies = s->queue.front().dependencies;
  for (auto& d : dependencies) run_until(d);
  Operation op = std::move(s->queue.front());
  s->queue.pop_front();
  if (m.tracing) m.trace.push_back("run s" + std::to_string(s->id) + " " + op.name);
  m.counters.operations_run++;
  if (op.run && m.devices[s->device].sticky == cudaSuccess)  // a lost device drops its work
    op.run();
  s->completed++;
  s->running = false;
  m.operation_done.notify_all();
}

void run_until(const StreamPoint& point) {
  Stream& s = *point.stream;
  while (s.completed < point.sequence) {
    if (!s.running) {
      run_front(point.stream);
    } else if (s.runner == std::this_thread::get_id()) {
      fprintf(stderr, "cudasim: dependency cycle between streams (an error of the simulation)\n");
      abort();
    } else {  // another thread is inside a host callback of this stream
      machine().operation_done.wait(machine().lock);
    }
  }
}

void run_everything(int device) {
  auto all = machine().streams;  // a copy: callbacks may create streams
  for (auto& s : all)
    if (device < 0 || s->device == device) run_until({s, s->enqueued});
}

// RANDOM: now and then the device gets something done on its own.
static void run_something() {
  if (in_host_callback) return;
  for (uint64_t steps = random_number() % 3; steps; steps--) {
    std::vector<StreamPtr> able;
    for (auto& s : machine().streams)
      if (!s->queue.empty() && !s->running && !s->slow) able.push_back(s);
    if (able.empty()) return;
    run_front(able[random_number() % able.size()]);
  }
}

StreamPtr new_stream(int device, unsigned flags, int priority) {
  auto s = std::make_shared<Stream>();
  s->id = machine().next_stream_id++;
  s->device = device;
  s->flags = flags;
  s->priority = priority;
  machine().streams.insert(s);
  return s;
}

StreamPtr find_stream(cudaStream_t handle) {
  Machine& m = machine();
  if (handle == nullptr || handle == cudaStreamLegacy) return m.devices[current_device].null_stream;
  if (handle == cudaStreamPerThread) {
    StreamPtr& s = m.per_thread_streams[{std::this_thread::get_id(), current_device}];
    if (!s) s = new_stream(current_device, cudaStreamDefault, 0);
    return s;
  }
  for (auto& s : m.streams)
    if ((cudaStream_t)s.get() == handle && !s->is_null) return s;
  return nullptr;  // destroyed, or never a stream
}

cudaError_t enqueue(const StreamPtr& s, std::function<void()> run, const std::string& name, bool kernel,
                    std::vector<StreamPoint> dependencies) {
  Machine& m = machine();
  if (s->capture) {
    Capture& c = *s->capture;
    if (c.invalidated) return cudaErrorStreamCaptureInvalidated;
    auto& frontier = c.frontier[s.get()];
    c.graph->nodes.push_back({std::move(run), frontier, name, kernel});
    frontier = {(int)c.graph->nodes.size() - 1};
    return cudaSuccess;
  }
  // The legacy stream and the blocking streams of a device are ordered with each other.
  if (s->is_null) {
    if (cudaError_t e = check_legacy_stream_use(s->device, name.c_str())) return e;
    for (auto& other : m.streams)
      if (other->device == s->device && other->blocking()) dependencies.push_back({other, other->enqueued});
  } else if (s->blocking()) {
    StreamPtr null_stream = m.devices[s->device].null_stream;
    dependencies.push_back({null_stream, null_stream->enqueued});
  }
  if (m.tracing) m.trace.push_back("enqueue s" + std::to_string(s->id) + " " + name);
  s->queue.push_back({std::move(run), std::move(dependencies), name});
  s->enqueued++;
  if (m.policy == EAGER && !s->slow)
    run_until({s, s->enqueued});
  else if (m.policy == RANDOM)
    run_something();
  return m.devices[s->device].sticky;
}

cudaError_t synchronize(const StreamPtr& s) {
  if (s->capture) {
    invalidate(s->capture, "synchronisation of a capturing stream");
    return cudaErrorStreamCaptureUnsupported;
  }
  Machine& m = machine();
  m.counters.synchronizes++;
  cudaError_t e;
  if (take_fault(FAULT_SYNCHRONIZE, &e)) return e;
  run_until({s, s->enqueued});
  return m.devices[s->device].sticky;
}

static bool is_done(const Event& e) { return !e.recorded || e.point.stream->completed >= e.point.sequence; }

// Events are found by handle, so that a destroyed one is reported instead of dereferenced.
static std::map<cudaEvent_t, std::shared_ptr<Event>>& events() {
  static auto all = new std::map<cudaEvent_t, std::shared_ptr<Event>>;
  return *all;
}
static std::shared_ptr<Event> find_event(cudaEvent_t handle) {
  auto it = events().find(handle);
  return it == events().end() ? nullptr : it->second;
}

}  // namespace cudasim

#define FIND_STREAM(name, handle)                                                                                      \
  StreamPtr name = find_stream(handle);                                                                                \
  if (!name) return failed(cudaErrorInvalidResourceHandle)
#define FIND_EVENT(name, handle)                                                                                       \
  std::shared_ptr<Event> name = find_event(handle);                                                                    \
  if (!name) return failed(cudaErrorInvalidResourceHandle)

extern "C" {
// ---------------------------------------------------------------- streams
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority) {
  CUDASIM_API;
  if (flags & ~unsigned(cudaStreamNonBlocking)) return failed(cudaErrorInvalidValue);
  *stream = (cudaStream_t)new_stream(current_device, flags, priority).get();
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return cudaStreamCreateWithPriority(stream, flags, 0);
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithPriority(stream, cudaStreamDefault, 0);
}
cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  CUDASIM_API;
  FIND_STREAM(s, handle);
  if (s->is_null) return failed(cudaErrorInvalidResourceHandle);
  if (s->capture) invalidate(s->capture, "destruction of a capturing stream");
  // CUDA lets pending work finish in the background; here it runs now, as nobody could ask for it later.
  run_until({s, s->enqueued});
  machine().streams.erase(s);
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  CUDASIM_API;
  FIND_STREAM(s, handle);
  if (s->is_null)
    if (cudaError_t e = check_legacy_stream_use(s->device, "cudaStreamSynchronize")) return failed(e);
  machine().counters.stream_synchronizes++;
  return failed(synchronize(s));
}
cudaError_t cudaStreamQuery(cudaStream_t handle) {
  CUDASIM_API;
  FIND_STREAM(s, handle);
  if (s->capture) {
    invalidate(s->capture, "cudaStreamQuery of a capturing stream");
    return failed(cudaErrorStreamCaptureUnsupported);
  }
  if (s->is_null)
    if (cudaError_t e = check_legacy_stream_use(s->device, "cudaStreamQuery")) return failed(e);
  bool done = s->completed == s->enqueued;
  if (!done) run_front(s);  // one step per question: a polling loop ends, but not at the first answer
  return done ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaStreamGetFlags(cudaStream_t handle, unsigned* flags) {
  CUDASIM_API;
  FIND_STREAM(s, handle);
  *flags = s->flags;
  return cudaSuccess;
}
cudaError_t cudaStreamGetPriority(cudaStream_t handle, int* priority) {
  CUDASIM_API;
  FIND_STREAM(s, handle);
  *priority = s->priority;
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned flags) {
  CUDASIM_API;
  FIND_STREAM(s, handle);
  FIND_EVENT(e, event);
  machine().counters.stream_waits++;
  if (e->capture) {  // the stream joins the capture, or adds a dependency to its own
    if (s->is_null) {
      invalidate(e->capture, "wait of the legacy stream for a captured event");
      return failed(cudaErrorStreamCaptureImplicit);
    }
    if (e->capture->invalidated) return failed(cudaErrorStreamCaptureInvalidated);
    if (s->capture && s->capture != e->capture) {
      invalidate(s->capture, "wait for an event of another capture");
      invalidate(e->capture, "wait for its event by another capture");
      return failed(cudaErrorStreamCaptureMerge);
    }
    s->capture = e->capture;
    auto& frontier = s->capture->frontier[s.get()];
    frontier.insert(frontier.end(), e->captured_nodes.begin(), e->captured_nodes.end());
    return cudaSuccess;
  }
  if (s->capture) {
    if (!e->recorded) return cudaSuccess;  // a wait for an event that was never recorded does nothing
    invalidate(s->capture, "wait for an event recorded outside of the capture");
    return failed(cudaErrorStreamCaptureIsolation);
  }
  if (!e->recorded) return cudaSuccess;
  return failed(enqueue(s, nullptr, "wait for event", false, {e->point}));
}

// ---------------------------------------------------------------- host callbacks
cudaError_t cudaLaunchHostFunc(cudaStream_t handle, cudaHostFn_t f, void* data) {
  CUDASIM_API;
  FIND_STREAM(s, handle);
  machine().counters.host_functions++;
  return failed(enqueue(s, [=] { unlocked([=] { f(data); }); }, "host function"));
}
cudaError_t cudaStreamAddCallback(cudaStream_t handle, cudaStreamCallback_t f, void* data, unsigned flags) {
  CUDASIM_API;
  FIND_STREAM(s, handle);
  if (flags || !f) return failed(cudaErrorInvalidValue);
  if (s->capture) {  // unlike cudaLaunchHostFunc it cannot become a node
    invalidate(s->capture, "cudaStreamAddCallback");
    return failed(cudaErrorStreamCaptureUnsupported);
  }
  machine().counters.host_functions++;
  int device = s->device;
  return failed(enqueue(
      s,
      [=] {
        cudaError_t status = machine().devices[device].sticky;
        unlocked([=] { f(handle, status, data); });
      },
      "stream callback"));
}

// ---------------------------------------------------------------- events
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  CUDASIM_API;
  if (flags & cudaEventInterprocess) return failed(cudaErrorNotSupported);
  auto e = std::make_shared<Event>();
  e->device = current_device;
  e->flags = flags;
  *event = (cudaEvent_t)e.get();
  events()[*event] = e;
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  CUDASIM_API;
  FIND_EVENT(e, event);  // queued operations keep the object alive
  events().erase(event);
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t handle) {
  CUDASIM_API;
  FIND_STREAM(s, handle);
  FIND_EVENT(e, event);
  if (e->device != s->device) return failed(cudaErrorInvalidResourceHandle);
  if (s->capture) {
    if (s->capture->invalidated) return failed(cudaErrorStreamCaptureInvalidated);
    e->capture = s->capture;
    e->captured_nodes = s->capture->frontier[s.get()];
    return cudaSuccess;
  }
  if (s->is_null)
    if (cudaError_t error = check_legacy_stream_use(s->device, "cudaEventRecord")) return failed(error);
  e->capture = nullptr;
  machine().counters.events_recorded++;
  // Set first: under EAGER the operation runs inside enqueue.
  e->point = {s, s->enqueued + 1};
  e->recorded = true;
  std::weak_ptr<Event> weak = e;
  return failed(enqueue(
      s,
      [weak] {
        timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        if (auto alive = weak.lock()) alive->milliseconds = t.tv_sec * 1e3 + t.tv_nsec * 1e-6;
      },
      "record event"));
}
static cudaError_t captured_event(const Event& e) {
  invalidate(e.capture, "query of or wait for a captured event");
  return failed(cudaErrorCapturedEvent);
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  CUDASIM_API;
  FIND_EVENT(e, event);
  if (e->capture) return captured_event(*e);
  if (is_done(*e)) return cudaSuccess;
  run_front(e->point.stream);
  return cudaErrorNotReady;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  CUDASIM_API;
  FIND_EVENT(e, event);
  if (e->capture) return captured_event(*e);
  machine().counters.event_synchronizes++;
  machine().counters.synchronizes++;
  cudaError_t error;
  if (take_fault(FAULT_SYNCHRONIZE, &error)) return failed(error);
  if (e->recorded) run_until(e->point);
  return failed(machine().devices[e->device].sticky);
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  CUDASIM_API;
  FIND_EVENT(a, start);
  FIND_EVENT(b, end);
  if (!a->recorded || !b->recorded || ((a->flags | b->flags) & cudaEventDisableTiming))
    return failed(cudaErrorInvalidResourceHandle);
  if (!is_done(*a) || !is_done(*b)) return cudaErrorNotReady;
  // When the simulation ran them: says nothing of a GPU.
  *milliseconds = float(b->milliseconds - a->milliseconds);
  return cudaSuccess;
}
}  // extern "C"
