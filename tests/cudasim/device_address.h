// The address map of the simulated devices, shared by the runtime, the engine and translated kernels.
//
// What the program sees as a device pointer lies in a range that is only reserved (PROT_NONE): the host
// faults when it touches it, as it should.  The bytes themselves, the backing store, lie at a constant
// distance, so that a translated ld/st costs one addition:
//
//     device pointer  CUDASIM_DEVICE_BASE + ordinal * CUDASIM_DEVICE_SPAN + offset     (PROT_NONE)
//     its bytes       device pointer + CUDASIM_BACKING_DISTANCE                        (mapped where allocated)
//
// Shared and local memory have ordinary host addresses, so a generic pointer is told apart by range.
#pragma once
#include <stdint.h>

#define CUDASIM_DEVICE_COUNT 2
#define CUDASIM_DEVICE_BASE 0x200000000000ull
#define CUDASIM_DEVICE_SPAN 0x020000000000ull  // 2 TiB of addresses each: they are never used twice
#define CUDASIM_DEVICE_END (CUDASIM_DEVICE_BASE + CUDASIM_DEVICE_COUNT * CUDASIM_DEVICE_SPAN)
#define CUDASIM_BACKING_DISTANCE 0x100000000000ull

// Is p a device pointer (of any device, allocated or not)?
static inline int cudasim_is_device_pointer(uint64_t p) {
  return p - CUDASIM_DEVICE_BASE < CUDASIM_DEVICE_END - CUDASIM_DEVICE_BASE;
}
// Where the bytes of a generic pointer are.
static inline uint64_t cudasim_bytes_of(uint64_t p) {
  return cudasim_is_device_pointer(p) ? p + CUDASIM_BACKING_DISTANCE : p;
}
