// Scattering with a reduction. ELEMENT is the storage type (types.cuh), INDEX the type of indices.
#ifndef ELEMENT
#define ELEMENT float
#endif
#include "places.cuh"
#include "types.cuh"

typedef Arithmetic<ELEMENT>::type Number;

enum Reduction { ASSIGN, SUM, SUBTRACT, PRODUCT, MINIMUM, MAXIMUM };

__device__ __forceinline__ Number combine(unsigned reduction, Number old, Number update) {
  typedef typename Wrapping<Number>::type Unsigned;
  switch (reduction) {
    case SUM: return Number(Unsigned(old) + Unsigned(update));
    case SUBTRACT: return Number(Unsigned(old) - Unsigned(update));
    case PRODUCT: return Number(Unsigned(old) * Unsigned(update));
    case MINIMUM: return update < old || update != update ? update : old;
    case MAXIMUM: return update > old || update != update ? update : old;
    default: return update;
  }
}

// Elements narrower than a word are exchanged together with their neighbours.
__device__ __forceinline__ void reduce_into(ELEMENT* place, unsigned reduction, Number update) {
  if (sizeof(ELEMENT) == 8) {
    unsigned long long* word = reinterpret_cast<unsigned long long*>(place);
    unsigned long long old = *word, assumed;
    do {
      assumed = old;
      ELEMENT element;
      memcpy(&element, &assumed, sizeof(ELEMENT));
      element = pack<ELEMENT>(combine(reduction, unpack(element), update));
      unsigned long long bits = 0;
      memcpy(&bits, &element, sizeof(ELEMENT));
      old = atomicCAS(word, assumed, bits);
    } while (old != assumed);
    return;
  }
  unsigned long long address = reinterpret_cast<unsigned long long>(place);
  unsigned* word = reinterpret_cast<unsigned*>(address & ~3ull);
  unsigned shift = unsigned(address & 3) * 8;
  unsigned mask = sizeof(ELEMENT) >= 4 ? ~0u : ((1u << (8 * (sizeof(ELEMENT) & 3))) - 1) << shift;
  unsigned old = *word, assumed;
  do {
    assumed = old;
    unsigned bits = assumed >> shift;
    ELEMENT element;
    memcpy(&element, &bits, sizeof(ELEMENT) < 4 ? sizeof(ELEMENT) : 4);
    element = pack<ELEMENT>(combine(reduction, unpack(element), update));
    bits = 0;
    memcpy(&bits, &element, sizeof(ELEMENT) < 4 ? sizeof(ELEMENT) : 4);
    old = atomicCAS(word, assumed, (assumed & ~mask) | ((bits << shift) & mask));
  } while (old != assumed);
}

// `updates` null: every place gets `neutral`. `counts` (may be null) receives the number of updates of each place.
extern "C" __global__ void scatter_reduce_elements(ELEMENT* target, const ELEMENT* updates, const INDEX* indices,
                                                   int* counts, ELEMENT neutral, unsigned reduction,
                                                   const AxisPlaces p) {
  FOR_ALL(i, p.count) {
    long long place = p.find(indices, unsigned(i));
    if (place < 0) continue;
    reduce_into(target + place, reduction, updates == nullptr ? unpack(neutral) : unpack(updates[i]));
    if (counts != nullptr) atomicAdd(counts + place, 1);
  }
}

extern "C" __global__ void scatter_reduce_tuples(ELEMENT* target, const ELEMENT* updates, const INDEX* indices,
                                                 unsigned reduction, const TuplePlaces p, const Divisor slice,
                                                 unsigned count) {
  FOR_ALL(i, count) {
    unsigned within;
    long long place = p.find(indices, slice.split(unsigned(i), within));
    if (place >= 0) reduce_into(target + place * slice.divisor + within, reduction, unpack(updates[i]));
  }
}

// Sums become means: `counts` updates went into each place, and the old value where `with_old`.
extern "C" __global__ void divide_by_counts(ELEMENT* target, const int* counts, unsigned with_old, unsigned count) {
  FOR_ALL(i, count) {
    int n = counts[i];
    if (n > 0) target[i] = pack<ELEMENT>(Number(unpack(target[i]) / Number(n + int(with_old))));
  }
}
