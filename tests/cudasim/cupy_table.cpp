// CuPy's table of CUDA runtime functions, with the simulated runtime behind it.
//
// CuPy's compiled modules reach the CUDA runtime through one module only, cupy_backends.cuda.api.runtime.  Cython
// publishes that module's C functions as capsules in runtime.__pyx_capi__; every other module fetches its
// pointers from there when it is imported.  install.py puts the functions of this file into those capsules (and,
// for Python callers, into the module) before any of them does.  The signatures are checked by name at that time:
// Cython stores each function's C signature as the name of its capsule.
//
// A function returns what CuPy's own returns, or sets CUDARuntimeError and returns the value that its
// declaration names as exceptional ("except? 0", "except? -1").  The GIL is released around every call that may wait.
#include <cuda_runtime_api.h>
#include <stddef.h>
#include <stdint.h>

#include <tuple>

#include "runtime.h"

// The few functions of Python's C API that are used here: their headers need not be installed.
extern "C" {
struct PyObject;
void* PyEval_SaveThread();
void PyEval_RestoreThread(void*);
int PyGILState_Ensure();
void PyGILState_Release(int);
PyObject* PyLong_FromLong(long);
PyObject* PyBytes_FromStringAndSize(const char*, ptrdiff_t);
PyObject* Py_BuildValue(const char*, ...);
PyObject* PyObject_CallFunction(PyObject*, const char*, ...);
PyObject* PyTuple_GetItem(PyObject*, ptrdiff_t);
const char* PyUnicode_AsUTF8(PyObject*);
int PyDict_SetItemString(PyObject*, const char*, PyObject*);
void PyErr_SetObject(PyObject*, PyObject*);
void PyErr_SetString(PyObject*, const char*);
void PyErr_WriteUnraisable(PyObject*);
void Py_IncRef(PyObject*);
void Py_DecRef(PyObject*);
extern PyObject* PyExc_RuntimeError;
}

static PyObject *cuda_runtime_error, *pointer_attributes, *none;
extern "C" void cupy_table_initialise(PyObject* error_class, PyObject* attributes_class, PyObject* none_) {
  cuda_runtime_error = error_class;
  pointer_attributes = attributes_class;
  none = none_;
  Py_IncRef(error_class), Py_IncRef(attributes_class), Py_IncRef(none_);
}

// ---------------------------------------------------------------- call, check, convert
template <class F> static cudaError_t without_gil(F call) {
  void* state = PyEval_SaveThread();
  cudaError_t e = call();
  PyEval_RestoreThread(state);
  return e;
}
static bool raised(cudaError_t e) {
  if (e == cudaSuccess) return false;
  PyObject* code = PyLong_FromLong(e);
  PyErr_SetObject(cuda_runtime_error, code);
  Py_DecRef(code);
  return true;
}
static PyObject* none_or_error(cudaError_t e) {
  if (raised(e)) return nullptr;
  Py_IncRef(none);
  return none;
}
template <class T> static T value_or_error(cudaError_t e, T value, T exceptional) {
  return raised(e) ? exceptional : value;
}

#define P(x) ((void*)(x))
#define STREAM(x) ((cudaStream_t)(x))
#define EVENT(x) ((cudaEvent_t)(x))
typedef intptr_t ptr;
typedef PyObject* obj;
struct OptionalUnsigned {
  int given;
  unsigned value;
};  // Cython's struct of optional arguments
struct OptionalInt {
  int given;
  int value;
};

// NAME(declared parameters, call): a function that returns None.
#define CALL(name, parameters, call)                                                                                   \
  obj cupy_table_##name parameters {                                                                                   \
    return none_or_error(without_gil([&] { return call; }));                                                           \
  }
// A function that returns one value through a pointer.
#define GET(type, cuda_type, name, parameters, exceptional, call)                                                      \
  type cupy_table_##name parameters {                                                                                  \
    cuda_type out{};                                                                                                   \
    cudaError_t e = without_gil([&] { return call; });                                                                 \
    return value_or_error<type>(e, (type)out, exceptional);                                                            \
  }

extern "C" {
// ---------------------------------------------------------------- devices
obj cupy_table_check_status(int status, int) { return none_or_error((cudaError_t)status); }
GET(int, int, driverGetVersion, (int), -1, cudaDriverGetVersion(&out))
GET(int, int, runtimeGetVersion, (int), -1, cudaRuntimeGetVersion(&out))
int cupy_table__getCUDAMajorVersion(int) { return CUDART_VERSION / 1000; }
int cupy_table_getDevice(int) {  // called all the time: the GIL stays
  int device;
  cudaGetDevice(&device);
  return device;
}
obj cupy_table_setDevice(int device, int) { return none_or_error(cudaSetDevice(device)); }
GET(int, int, getDeviceCount, (int), -1, cudaGetDeviceCount(&out))
GET(int, int, deviceGetAttribute, (int a, int device, int), -1, cudaDeviceGetAttribute(&out, (cudaDeviceAttr)a, device))
GET(int, int, deviceGetByPCIBusId, (obj id, int), -1, cudaDeviceGetByPCIBusId(&out, PyUnicode_AsUTF8(id)))
obj cupy_table_deviceGetPCIBusId(int device, int) {
  char id[13];
  return raised(cudaDeviceGetPCIBusId(id, sizeof id, device)) ? nullptr : Py_BuildValue("s", id);
}
GET(int, int, deviceCanAccessPeer, (int device, int peer, int), -1, cudaDeviceCanAccessPeer(&out, device, peer))
CALL(deviceEnablePeerAccess, (int peer, int), cudaDeviceEnablePeerAccess(peer, 0))
CALL(deviceDisablePeerAccess, (int peer, int), cudaDeviceDisablePeerAccess(peer))
obj cupy_table__deviceEnsurePeerAccess(int peer, int) {
  cudaError_t e = cudaDeviceEnablePeerAccess(peer, 0);
  if (e != cudaErrorPeerAccessAlreadyEnabled) return none_or_error(e);
  cudaGetLastError();
  return none_or_error(cudaSuccess);
}
CALL(deviceSynchronize, (int), cudaDeviceSynchronize())
obj cupy_table__ensure_context() { return none_or_error(cudaSuccess); }
CALL(profilerStart, (int), cudaSuccess)  // profilers have nothing to see here
CALL(profilerStop, (int), cudaSuccess)

obj cupy_table_getDeviceProperties(int device, int) {
  cudaDeviceProp p;
  if (raised(cudaGetDeviceProperties(&p, device))) return nullptr;
  obj d = Py_BuildValue("{}");
  auto set = [d](const char* key, obj value) {
    PyDict_SetItemString(d, key, value);
    Py_DecRef(value);
  };
#define ONE(field) set(#field, Py_BuildValue("L", (long long)p.field));
#define TWO(field) set(#field, Py_BuildValue("(ii)", p.field[0], p.field[1]));
#define THREE(field) set(#field, Py_BuildValue("(iii)", p.field[0], p.field[1], p.field[2]));
  set("name", Py_BuildValue("y", p.name));
  set("uuid", PyBytes_FromStringAndSize(p.uuid.bytes, 16));
  set("luid", PyBytes_FromStringAndSize(p.luid, 8));
  ONE(totalGlobalMem)
  ONE(sharedMemPerBlock)
  ONE(regsPerBlock) ONE(warpSize) ONE(maxThreadsPerBlock) THREE(maxThreadsDim) THREE(maxGridSize) ONE(clockRate) ONE(
      totalConstMem) ONE(major) ONE(minor) ONE(textureAlignment) ONE(texturePitchAlignment) ONE(multiProcessorCount)
      ONE(kernelExecTimeoutEnabled) ONE(integrated) ONE(canMapHostMemory) ONE(computeMode) ONE(maxTexture1D) TWO(
          maxTexture2D) THREE(maxTexture3D) ONE(concurrentKernels) ONE(ECCEnabled) ONE(pciBusID) ONE(pciDeviceID)
          ONE(pciDomainID) ONE(tccDriver) ONE(memoryClockRate) ONE(memoryBusWidth) ONE(l2CacheSize) ONE(
              maxThreadsPerMultiProcessor) ONE(isMultiGpuBoard) ONE(cooperativeLaunch) ONE(cooperativeMultiDeviceLaunch)
              ONE(deviceOverlap) ONE(maxTexture1DMipmap) ONE(maxTexture1DLinear) TWO(maxTexture1DLayered)
                  TWO(maxTexture2DMipmap) THREE(maxTexture2DLinear) THREE(maxTexture2DLayered) TWO(maxTexture2DGather)
                      THREE(maxTexture3DAlt) ONE(maxTextureCubemap) TWO(maxTextureCubemapLayered) ONE(maxSurface1D)
                          TWO(maxSurface1DLayered) TWO(maxSurface2D) THREE(maxSurface2DLayered) THREE(maxSurface3D)
                              ONE(maxSurfaceCubemap) TWO(maxSurfaceCubemapLayered) ONE(surfaceAlignment)
                                  ONE(asyncEngineCount) ONE(unifiedAddressing) ONE(streamPrioritiesSupported) ONE(
                                      globalL1CacheSupported) ONE(localL1CacheSupported) ONE(sharedMemPerMultiprocessor)
                                      ONE(regsPerMultiprocessor) ONE(managedMemory) ONE(multiGpuBoardGroupID)
                                          ONE(hostNativeAtomicSupported) ONE(singleToDoublePrecisionPerfRatio)
                                              ONE(pageableMemoryAccess) ONE(concurrentManagedAccess)
                                                  ONE(computePreemptionSupported) ONE(canUseHostPointerForRegisteredMem)
                                                      ONE(sharedMemPerBlockOptin)
                                                          ONE(pageableMemoryAccessUsesHostPageTables)
                                                              ONE(directManagedMemAccessFromHost)
                                                                  ONE(luidDeviceNodeMask) ONE(persistingL2CacheMaxSize)
                                                                      ONE(maxBlocksPerMultiProcessor)
                                                                          ONE(accessPolicyMaxWindowSize)
                                                                              ONE(reservedSharedMemPerBlock) return d;
}

// ---------------------------------------------------------------- memory
GET(ptr, void*, malloc, (size_t bytes, int), 0, cudaMalloc(&out, bytes))
GET(ptr, void*, hostAlloc, (size_t bytes, unsigned flags, int), 0, cudaHostAlloc(&out, bytes, flags))
CALL(free, (ptr p, int), cudaFree(P(p)))
CALL(freeHost, (ptr p, int), cudaFreeHost(P(p)))
CALL(hostRegister, (ptr p, size_t bytes, unsigned flags, int), cudaHostRegister(P(p), bytes, flags))
CALL(hostUnregister, (ptr p, int), cudaHostUnregister(P(p)))
obj cupy_table_memGetInfo(int) {
  size_t available, total;
  return raised(without_gil([&] { return cudaMemGetInfo(&available, &total); }))
             ? nullptr
             : Py_BuildValue("(nn)", (ptrdiff_t)available, (ptrdiff_t)total);
}
CALL(memcpy, (ptr to, ptr from, size_t n, int kind, int), cudaMemcpy(P(to), P(from), n, (cudaMemcpyKind)kind))
CALL(memcpyAsync, (ptr to, ptr from, size_t n, int kind, ptr s, int),
     cudaMemcpyAsync(P(to), P(from), n, (cudaMemcpyKind)kind, STREAM(s)))
CALL(memcpyPeer, (ptr to, int to_device, ptr from, int from_device, size_t n, int),
     cudaMemcpyPeer(P(to), to_device, P(from), from_device, n))
CALL(memcpyPeerAsync, (ptr to, int to_device, ptr from, int from_device, size_t n, ptr s, int),
     cudaMemcpyPeerAsync(P(to), to_device, P(from), from_device, n, STREAM(s)))
CALL(memcpy2D, (ptr to, size_t tp, ptr from, size_t fp, size_t w, size_t h, cudaMemcpyKind kind, int),
     cudaMemcpy2D(P(to), tp, P(from), fp, w, h, kind))
CALL(memcpy2DAsync, (ptr to, size_t tp, ptr from, size_t fp, size_t w, size_t h, cudaMemcpyKind kind, ptr s, int),
     cudaMemcpy2DAsync(P(to), tp, P(from), fp, w, h, kind, STREAM(s)))
CALL(memset, (ptr p, int value, size_t n, int), cudaMemset(P(p), value, n))
CALL(memsetAsync, (ptr p, int value, size_t n, ptr s, int), cudaMemsetAsync(P(p), value, n, STREAM(s)))
obj cupy_table_pointerGetAttributes(ptr p, int) {
  cudaPointerAttributes a;
  return raised(without_gil([&] { return cudaPointerGetAttributes(&a, P(p)); }))
             ? nullptr
             : PyObject_CallFunction(pointer_attributes, "inni", a.device, (ptrdiff_t)a.devicePointer,
                                     (ptrdiff_t)a.hostPointer, (int)a.type);
}
int cupy_table_pointerGetMemoryType(ptr p, int) {
  cudaPointerAttributes a;
  cudaError_t e = without_gil([&] { return cudaPointerGetAttributes(&a, P(p)); });
  return value_or_error<int>(e, a.type, -1);
}

// ---------------------------------------------------------------- streams, events
GET(ptr, cudaStream_t, streamCreate, (int), 0, cudaStreamCreate(&out))
GET(ptr, cudaStream_t, streamCreateWithFlags, (unsigned flags, int), 0, cudaStreamCreateWithFlags(&out, flags))
GET(ptr, cudaStream_t, streamCreateWithPriority, (unsigned flags, int priority, int), 0,
    cudaStreamCreateWithPriority(&out, flags, priority))
GET(unsigned, unsigned, streamGetFlags, (ptr s, int), 0, cudaStreamGetFlags(STREAM(s), &out))
GET(int, int, streamGetPriority, (ptr s, int), 0, cudaStreamGetPriority(STREAM(s), &out))
CALL(streamDestroy, (ptr s, int), cudaStreamDestroy(STREAM(s)))
CALL(streamSynchronize, (ptr s, int), cudaStreamSynchronize(STREAM(s)))
obj cupy_table_streamQuery(ptr s, int) {  // returns the status, "not ready" is an answer
  return PyLong_FromLong(without_gil([&] { return cudaStreamQuery(STREAM(s)); }));
}
CALL(streamWaitEvent, (ptr s, ptr e, int, OptionalUnsigned* flags),
     cudaStreamWaitEvent(STREAM(s), EVENT(e), flags && flags->given ? flags->value : 0))
GET(ptr, cudaEvent_t, eventCreate, (int), 0, cudaEventCreate(&out))
GET(ptr, cudaEvent_t, eventCreateWithFlags, (unsigned flags, int), 0, cudaEventCreateWithFlags(&out, flags))
CALL(eventDestroy, (ptr e, int), cudaEventDestroy(EVENT(e)))
CALL(eventRecord, (ptr e, ptr s, int), cudaEventRecord(EVENT(e), STREAM(s)))
CALL(eventSynchronize, (ptr e, int), cudaEventSynchronize(EVENT(e)))
obj cupy_table_eventQuery(ptr e, int) {
  return PyLong_FromLong(without_gil([&] { return cudaEventQuery(EVENT(e)); }));
}
GET(float, float, eventElapsedTime, (ptr a, ptr b, int), 0, cudaEventElapsedTime(&out, EVENT(a), EVENT(b)))

// ---------------------------------------------------------------- host callbacks: (function, argument) tuples
static void call_and_report(obj pair, obj result) {
  if (result)
    Py_DecRef(result);
  else  // CUDA has nowhere to send it
    PyErr_WriteUnraisable(PyTuple_GetItem(pair, 0));
}
static void host_function(void* pair_) {
  int gil = PyGILState_Ensure();
  obj pair = (obj)pair_;
  call_and_report(pair, PyObject_CallFunction(PyTuple_GetItem(pair, 0), "(O)", PyTuple_GetItem(pair, 1)));
  PyGILState_Release(gil);
}
static void host_function_once(void* pair) {
  host_function(pair);
  int gil = PyGILState_Ensure();
  Py_DecRef((obj)pair);
  PyGILState_Release(gil);
}
// Unmanaged: the caller (a graph under capture) keeps the pair alive, since a replay calls it again.
CALL(_launchHostFuncUnmanaged, (ptr s, obj pair, int), cudaLaunchHostFunc(STREAM(s), host_function, pair))
obj cupy_table_launchHostFunc(ptr s, obj function, ptr argument, int) {
  obj pair = Py_BuildValue("(On)", function, (ptrdiff_t)argument);
  return none_or_error(without_gil([&] { return cudaLaunchHostFunc(STREAM(s), host_function_once, pair); }));
}
static void stream_callback(cudaStream_t s, cudaError_t status, void* pair_) {
  int gil = PyGILState_Ensure();
  obj pair = (obj)pair_;
  call_and_report(pair, PyObject_CallFunction(PyTuple_GetItem(pair, 0), "(niO)", (ptrdiff_t)s, (int)status,
                                              PyTuple_GetItem(pair, 1)));
  Py_DecRef(pair);
  PyGILState_Release(gil);
}
obj cupy_table_streamAddCallback(ptr s, obj function, ptr argument, int, OptionalUnsigned* flags) {
  obj pair = Py_BuildValue("(On)", function, (ptrdiff_t)argument);
  unsigned f = flags && flags->given ? flags->value : 0;
  return none_or_error(without_gil([&] { return cudaStreamAddCallback(STREAM(s), stream_callback, pair, f); }));
}

// ---------------------------------------------------------------- graphs
CALL(streamBeginCapture, (ptr s, int, OptionalInt* mode),
     cudaStreamBeginCapture(STREAM(s), mode && mode->given ? (cudaStreamCaptureMode)mode->value
                                                           : cudaStreamCaptureModeRelaxed))  // CuPy's default
GET(ptr, cudaGraph_t, streamEndCapture, (ptr s, int), 0, cudaStreamEndCapture(STREAM(s), &out))
int cupy_table_streamIsCapturing(ptr s, int) {
  cudaStreamCaptureStatus status;
  if (raised(without_gil([&] { return cudaStreamIsCapturing(STREAM(s), &status); }))) return -1;
  if (status == cudaStreamCaptureStatusInvalidated) {
    PyErr_SetString(PyExc_RuntimeError, "the stream was capturing, but an error has invalidated the capture sequence");
    return -1;
  }
  return status;
}
GET(ptr, cudaGraphExec_t, graphInstantiate, (ptr g, int), 0, cudaGraphInstantiate(&out, (cudaGraph_t)g, 0))
CALL(graphLaunch, (ptr g, ptr s, int), cudaGraphLaunch((cudaGraphExec_t)g, STREAM(s)))
CALL(graphUpload, (ptr g, ptr s, int), cudaGraphUpload((cudaGraphExec_t)g, STREAM(s)))
CALL(graphDestroy, (ptr g, int), cudaGraphDestroy((cudaGraph_t)g))
CALL(graphExecDestroy, (ptr g, int), cudaGraphExecDestroy((cudaGraphExec_t)g))
obj cupy_table_graphDebugDotPrint(ptr g, obj path, unsigned flags, int) {
  const char* p = PyUnicode_AsUTF8(path);
  return p ? none_or_error(cudaGraphDebugDotPrint((cudaGraph_t)g, p, flags)) : nullptr;
}

// ---------------------------------------------------------------- not simulated: named, loud and sticky
static cudaError_t refuse(const char* name) {
  without_gil([&] { return cudasim_unsupported(name), cudaSuccess; });
  return cudaErrorNotSupported;
}
#define REFUSE(name)                                                                                                   \
  obj cupy_table_##name() { return none_or_error(refuse("runtime." #name)); }
#define REFUSE_VALUE(type, name, exceptional)                                                                          \
  type cupy_table_##name() { return value_or_error<type>(refuse("runtime." #name), 0, exceptional); }
REFUSE(deviceSetLimit)
REFUSE(deviceSetMemPool)
REFUSE(freeArray) REFUSE(freeAsync) REFUSE(memPoolDestroy) REFUSE(memPoolTrimTo) REFUSE(memPoolGetAttribute)
    REFUSE(memPoolSetAttribute) REFUSE(memcpy3D) REFUSE(memcpy3DAsync) REFUSE(memAdvise) REFUSE(memPrefetchAsync)
        REFUSE(memcpy2DFromArray) REFUSE(memcpy2DFromArrayAsync) REFUSE(memcpy2DToArray) REFUSE(memcpy2DToArrayAsync)
            REFUSE(destroyTextureObject) REFUSE(destroySurfaceObject) REFUSE_VALUE(size_t, deviceGetLimit, (size_t)-1)
                REFUSE_VALUE(ptr, deviceGetDefaultMemPool, 0) REFUSE_VALUE(ptr, deviceGetMemPool, 0)
                    REFUSE_VALUE(ptr, mallocArray, 0) REFUSE_VALUE(ptr, malloc3DArray, 0)
                        REFUSE_VALUE(ptr, mallocManaged, 0) REFUSE_VALUE(ptr, mallocAsync, 0)
                            REFUSE_VALUE(ptr, mallocFromPoolAsync, 0) REFUSE_VALUE(ptr, memPoolCreate, 0)
                                REFUSE_VALUE(uintmax_t, createTextureObject, 0)
                                    REFUSE_VALUE(uintmax_t, createSurfaceObject, 0)
    // In Python only (no other compiled module calls them)
    REFUSE(ipcCloseMemHandle) REFUSE(ipcGetEventHandle) REFUSE(ipcGetMemHandle) REFUSE(ipcOpenEventHandle)
        REFUSE(ipcOpenMemHandle)
}  // extern "C"
