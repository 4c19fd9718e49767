// Stream capture and graph launch, with the rules of the CUDA Programming Guide ("Creating a Graph Using Stream
// Capture", "Prohibited and Unhandled Operations", "Invalidation").
#include <stdio.h>

#include <algorithm>

#include "runtime.h"

using namespace cudasim;

namespace cudasim {

void invalidate(const std::shared_ptr<Capture>& c, const std::string& why) {
  if (!c->invalidated) {
    c->invalidated = true;
    c->why = why;
    if (machine().tracing) machine().trace.push_back("capture invalidated by " + why);
  }
}

cudaError_t check_unsafe_call(const char* what) {
  // Prohibited: while this thread captures in a mode other than relaxed, or any thread captures in global mode.
  for (auto& c : machine().captures) {
    bool own = c->thread == std::this_thread::get_id();
    if (c->mode == cudaStreamCaptureModeGlobal || (own && c->mode == cudaStreamCaptureModeThreadLocal)) {
      invalidate(c, what);
      return cudaErrorStreamCaptureUnsupported;
    }
  }
  return cudaSuccess;
}

cudaError_t check_legacy_stream_use(int device, const char* what) {
  // The legacy stream encompasses every blocking stream, also those that capture.
  for (auto& s : machine().streams)
    if (s->device == device && s->capture && s->blocking()) {
      invalidate(s->capture, std::string(what) + " on the legacy stream");
      return cudaErrorStreamCaptureImplicit;
    }
  return cudaSuccess;
}

// In a random order that respects the edges: branches of a graph are not ordered with each other.
void run_graph(const Graph& g) {
  Machine& m = machine();
  size_t n = g.nodes.size();
  std::vector<int> waits_for(n);
  std::vector<std::vector<int>> successors(n);
  std::vector<int> ready;
  for (size_t i = 0; i < n; i++) {
    for (int d : g.nodes[i].dependencies) {
      waits_for[i]++;
      successors[d].push_back((int)i);
    }
    if (!waits_for[i]) ready.push_back((int)i);
  }
  while (!ready.empty()) {
    size_t k = ready.size() == 1 ? 0 : random_number() % ready.size();
    int i = ready[k];
    ready.erase(ready.begin() + (long)k);
    if (m.tracing) m.trace.push_back("run graph node " + g.nodes[i].name);
    if (g.nodes[i].kernel) m.counters.graph_kernel_nodes_run++;
    if (g.nodes[i].run && m.devices[g.device].sticky == cudaSuccess) g.nodes[i].run();
    for (int s : successors[i])
      if (--waits_for[s] == 0) ready.push_back(s);
  }
}

// Handles are looked up, so that a destroyed graph is reported instead of dereferenced.
template <class T> struct Handles {
  std::map<void*, std::shared_ptr<T>> all;
  void* add(std::shared_ptr<T> p) {
    all[p.get()] = p;
    return p.get();
  }
  std::shared_ptr<T> find(void* h) const {
    auto it = all.find(h);
    return it == all.end() ? nullptr : it->second;
  }
};
static auto& graphs = *new Handles<Graph>;
static auto& executables = *new Handles<GraphExec>;

static bool every_branch_joined(const Capture& c) {
  std::vector<char> reached(c.graph->nodes.size(), 0);
  std::vector<int> todo = c.frontier.count(c.origin) ? c.frontier.at(c.origin) : std::vector<int>();
  while (!todo.empty()) {
    int i = todo.back();
    todo.pop_back();
    if (reached[i]) continue;
    reached[i] = 1;
    for (int d : c.graph->nodes[i].dependencies) todo.push_back(d);
  }
  for (auto& f : c.frontier)
    for (int i : f.second)
      if (!reached[i]) return false;
  return true;
}

}  // namespace cudasim

extern "C" {
cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  CUDASIM_API;
  StreamPtr s = find_stream(handle);
  if (!s) return failed(cudaErrorInvalidResourceHandle);
  if (s->is_null) return failed(cudaErrorStreamCaptureUnsupported);
  if (s->capture) return failed(cudaErrorIllegalState);
  auto c = std::make_shared<Capture>();
  c->origin = s.get();
  c->mode = mode;
  c->thread = std::this_thread::get_id();
  c->graph->device = s->device;
  c->frontier[s.get()];
  s->capture = c;
  machine().captures.push_back(c);
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  CUDASIM_API;
  *graph = nullptr;
  StreamPtr s = find_stream(handle);
  if (!s) return failed(cudaErrorInvalidResourceHandle);
  if (!s->capture) return failed(cudaErrorIllegalState);
  auto c = s->capture;
  if (c->mode != cudaStreamCaptureModeRelaxed && c->thread != std::this_thread::get_id())
    return failed(cudaErrorStreamCaptureWrongThread);
  if (c->origin != s.get()) {
    invalidate(c, "cudaStreamEndCapture on a stream that did not begin the capture");
    return failed(cudaErrorStreamCaptureUnmatched);
  }
  // Whatever the verdict, the capture ends here.
  for (auto& other : machine().streams)
    if (other->capture == c) other->capture = nullptr;
  auto& all = machine().captures;
  all.erase(std::find(all.begin(), all.end(), c));
  if (c->invalidated) {
    fprintf(stderr, "cudasim: the capture had been invalidated by: %s\n", c->why.c_str());
    return failed(cudaErrorStreamCaptureInvalidated);
  }
  if (!every_branch_joined(*c)) return failed(cudaErrorStreamCaptureUnjoined);
  *graph = (cudaGraph_t)graphs.add(c->graph);
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  CUDASIM_API;
  StreamPtr s = find_stream(handle);
  if (!s) return failed(cudaErrorInvalidResourceHandle);
  if (s->is_null)
    if (cudaError_t e = check_legacy_stream_use(s->device, "cudaStreamIsCapturing")) return failed(e);
  *status = !s->capture               ? cudaStreamCaptureStatusNone
            : s->capture->invalidated ? cudaStreamCaptureStatusInvalidated
                                      : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long flags) {
  CUDASIM_API;
  auto g = graphs.find(graph);
  if (!g || flags) return failed(cudaErrorInvalidValue);
  auto e = std::make_shared<GraphExec>();
  e->graph = std::make_shared<Graph>(*g);  // a snapshot: the template may be destroyed
  *exec = (cudaGraphExec_t)executables.add(e);
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  CUDASIM_API;
  return failed(graphs.all.erase(graph) ? cudaSuccess : cudaErrorInvalidValue);
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  CUDASIM_API;  // launches in flight keep the graph alive
  return failed(executables.all.erase(exec) ? cudaSuccess : cudaErrorInvalidValue);
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
  CUDASIM_API;
  auto g = graphs.find(graph);
  if (!g || nodes)  // the number is served, nodes are no objects here
    return failed(g ? cudaErrorNotSupported : cudaErrorInvalidValue);
  *count = g->nodes.size();
  return cudaSuccess;
}
cudaError_t cudaGraphDebugDotPrint(cudaGraph_t graph, const char* path, unsigned flags) {
  CUDASIM_API;
  auto g = graphs.find(graph);
  FILE* f = g ? fopen(path, "w") : nullptr;
  if (!f) return failed(cudaErrorInvalidValue);
  fprintf(f, "digraph dot {\n");
  for (size_t i = 0; i < g->nodes.size(); i++) {
    fprintf(f, "  n%zu [label=\"%s\"];\n", i, g->nodes[i].name.c_str());
    for (int d : g->nodes[i].dependencies) fprintf(f, "  n%d -> n%zu;\n", d, i);
  }
  fprintf(f, "}\n");
  fclose(f);
  return cudaSuccess;
}
cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t handle) {
  CUDASIM_API;
  StreamPtr s = find_stream(handle);
  if (!s || !executables.find(exec)) return failed(cudaErrorInvalidResourceHandle);
  return failed(enqueue(s, nullptr, "upload graph"));
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t handle) {
  CUDASIM_API;
  StreamPtr s = find_stream(handle);
  auto e = executables.find(exec);
  if (!s || !e || e->graph->device != s->device)
    return failed(s && e ? cudaErrorInvalidResourceHandle : cudaErrorInvalidValue);
  cudaError_t error;
  if (take_fault(FAULT_GRAPH_LAUNCH, &error)) return failed(error);
  machine().counters.graph_launches++;
  auto graph = e->graph;
  auto run = [graph] { run_graph(*graph); };
  if (s->capture)  // becomes a child graph
    return failed(enqueue(s, run, "child graph"));
  std::vector<StreamPoint> after;
  if (e->last_launch.stream) after.push_back(e->last_launch);
  e->last_launch = {s, s->enqueued + 1};
  return failed(enqueue(s, run, "graph", false, after));
}
}  // extern "C"
