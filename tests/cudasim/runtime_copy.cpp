// memcpy and memset, in stream order, with CUDA's rules on pageable and pinned host memory
// (CUDA Runtime API, "API synchronization behavior").
#include <string.h>

#include "engine.h"
#include "runtime.h"

using namespace cudasim;

namespace {

enum Direction { HOST_TO_DEVICE, DEVICE_TO_HOST, DEVICE_TO_DEVICE, PEER, HOST_TO_HOST };
const char* const NAMES[] = {"memcpy H2D", "memcpy D2H", "memcpy D2D", "memcpy peer", "memcpy H2H"};

Direction direction(const void* to, const void* from) {
  if (!is_device(to)) return is_device(from) ? DEVICE_TO_HOST : HOST_TO_HOST;
  if (!is_device(from)) return HOST_TO_DEVICE;
  int target = find_allocation((uint64_t)to)->device, source = find_allocation((uint64_t)from)->device;
  return target == source ? DEVICE_TO_DEVICE : PEER;
}

// Does the kind that the caller states agree with the pointers?
bool kind_fits(cudaMemcpyKind kind, Direction d) {
  switch (kind) {
  case cudaMemcpyHostToHost: return d == HOST_TO_HOST;
  case cudaMemcpyHostToDevice: return d == HOST_TO_DEVICE;
  case cudaMemcpyDeviceToHost: return d == DEVICE_TO_HOST;
  case cudaMemcpyDeviceToDevice: return d == DEVICE_TO_DEVICE || d == PEER;
  case cudaMemcpyDefault: return true;
  }
  return false;
}

void count(Direction d, size_t n) {
  Counters& c = machine().counters;
  switch (d) {
  case HOST_TO_DEVICE: c.copies_h2d++, c.bytes_h2d += n; break;
  case DEVICE_TO_HOST: c.copies_d2h++, c.bytes_d2h += n; break;
  case DEVICE_TO_DEVICE: c.copies_d2d++, c.bytes_d2d += n; break;
  case PEER: c.copies_peer++, c.bytes_peer += n; break;
  case HOST_TO_HOST: break;
  }
}

struct Rows {  // a 2-D copy; 1-D is one row
  size_t width, height = 1, to_pitch = 0, from_pitch = 0;
  size_t to_extent() const { return (height - 1) * to_pitch + width; }
  size_t from_extent() const { return (height - 1) * from_pitch + width; }
};

// The checker's marks of what is initialised follow the data.
void mark_rows(const void* to, const void* from, const Rows& r) {
  for (size_t i = 0; i < r.height && is_device(to); i++)
    cudasim_mark_copied((uint64_t)to + i * r.to_pitch, (uint64_t)from + i * r.from_pitch, r.width);
}

void move_rows(char* to, const char* from, const Rows& r) {
  for (size_t i = 0; i < r.height; i++) memmove(to + i * r.to_pitch, from + i * r.from_pitch, r.width);
}

cudaError_t copy(void* to, const void* from, const Rows& r, cudaMemcpyKind kind, cudaStream_t handle, bool blocking) {
  StreamPtr stream = find_stream(handle);
  if (!stream) return cudaErrorInvalidResourceHandle;
  if (r.width == 0 || r.height == 0) return cudaSuccess;
  if ((is_device(to) && !inside_one_allocation(to, r.to_extent())) ||
      (is_device(from) && !inside_one_allocation(from, r.from_extent())))
    return cudaErrorInvalidValue;
  Direction d = direction(to, from);
  if (!kind_fits(kind, d)) return cudaErrorInvalidValue;
  if (blocking)
    if (cudaError_t e = check_legacy_stream_use(stream->device, NAMES[d])) return e;
  if (blocking)
    if (cudaError_t e = check_unsafe_call(NAMES[d])) return e;
  cudaError_t e;
  if (take_fault(FAULT_COPY, &e)) return e;
  bool pageable_source = !is_device(from) && !is_pinned(from);
  bool pageable_target = !is_device(to) && !is_pinned(to);
  if (stream->capture && (pageable_source || pageable_target)) {
    invalidate(stream->capture, "copy with pageable host memory");
    return cudaErrorStreamCaptureUnsupported;
  }
  count(d, r.width * r.height);
  if (d == HOST_TO_DEVICE && pageable_source) {
    // The driver stages pageable memory before the call returns: the caller may overwrite it at once.
    auto staged = std::make_shared<std::vector<char>>(r.width * r.height);
    Rows pack{r.width, r.height, r.width, r.from_pitch}, unpack{r.width, r.height, r.to_pitch, r.width};
    move_rows(staged->data(), (const char*)from, pack);
    e = enqueue(
        stream,
        [=] {
          move_rows(bytes_of(to), staged->data(), unpack);
          mark_rows(to, staged->data(), unpack);
        },
        "memcpy H2D staged");
  } else {
    e = enqueue(
        stream,
        [=] {
          move_rows(bytes_of(to), bytes_of(from), r);
          mark_rows(to, from, r);
        },
        NAMES[d]);
  }
  // To pageable memory, and every blocking copy that involves the host: returns when done.
  bool wait =
      (pageable_target && d == DEVICE_TO_HOST) || (blocking && d != DEVICE_TO_DEVICE && d != PEER) || d == HOST_TO_HOST;
  if (!e && wait && !stream->capture) e = synchronize(stream);
  return e;
}

cudaError_t fill(void* p, int value, size_t n, cudaStream_t handle) {
  StreamPtr stream = find_stream(handle);
  if (!stream) return cudaErrorInvalidResourceHandle;
  if (n == 0) return cudaSuccess;
  if (!inside_one_allocation(p, n) && !is_pinned(p)) return cudaErrorInvalidValue;
  machine().counters.memsets++;
  machine().counters.bytes_memset += n;
  return enqueue(
      stream,
      [=] {
        memset(bytes_of(p), value, n);
        if (is_device(p)) cudasim_mark_written((uint64_t)p, n);
      },
      "memset");
}

}  // namespace

extern "C" {
cudaError_t cudaMemcpy(void* to, const void* from, size_t n, cudaMemcpyKind kind) {
  CUDASIM_API;
  return failed(copy(to, from, Rows{n}, kind, nullptr, true));
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t n, cudaMemcpyKind kind, cudaStream_t stream) {
  CUDASIM_API;
  return failed(copy(to, from, Rows{n}, kind, stream, false));
}
cudaError_t cudaMemcpy2D(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t height,
                         cudaMemcpyKind kind) {
  CUDASIM_API;
  if (width > to_pitch || width > from_pitch) return failed(cudaErrorInvalidPitchValue);
  return failed(copy(to, from, Rows{width, height, to_pitch, from_pitch}, kind, nullptr, true));
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width,
                              size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  CUDASIM_API;
  if (width > to_pitch || width > from_pitch) return failed(cudaErrorInvalidPitchValue);
  return failed(copy(to, from, Rows{width, height, to_pitch, from_pitch}, kind, stream, false));
}
static bool lies_on(const void* p, int device) {
  Allocation* a = find_allocation((uint64_t)p);
  return a && a->device == device;
}
cudaError_t cudaMemcpyPeerAsync(void* to, int to_device, const void* from, int from_device, size_t n,
                                cudaStream_t stream) {
  CUDASIM_API;
  if (!lies_on(to, to_device) || !lies_on(from, from_device)) return failed(cudaErrorInvalidValue);
  return failed(copy(to, from, Rows{n}, cudaMemcpyDefault, stream, false));
}
cudaError_t cudaMemcpyPeer(void* to, int to_device, const void* from, int from_device, size_t n) {
  {  // serialised with all pending work of both devices
    CUDASIM_API;
    run_everything(to_device);
    run_everything(from_device);
  }
  if (cudaError_t e = cudaMemcpyPeerAsync(to, to_device, from, from_device, n, nullptr)) return e;
  return cudaStreamSynchronize(nullptr);  // and with all work that follows
}
cudaError_t cudaMemset(void* p, int value, size_t n) {
  CUDASIM_API;
  if (cudaError_t e = check_unsafe_call("cudaMemset")) return failed(e);
  return failed(fill(p, value, n, nullptr));
}
cudaError_t cudaMemsetAsync(void* p, int value, size_t n, cudaStream_t stream) {
  CUDASIM_API;
  return failed(fill(p, value, n, stream));
}
}  // extern "C"
