// Scattering without a reduction. Where several updates meet the last one wins, in whatever order threads run: a first kernel
// finds the winner of each place, a second one writes the result. WORD and INDEX as in gather.cu.
#ifndef WORD
#define WORD 16
#endif
#include "places.cuh"
#include "words.cuh"

typedef WordOf<WORD>::type W;

// `winners` starts as -1 everywhere; afterwards it holds the number of the last update of each place.
extern "C" __global__ void mark_rows(int* winners, const INDEX* indices, long long axis_size, unsigned count) {
  FOR_ALL(i, count) {
    long long index = (long long)(indices[i]);
    if (normalize(index, axis_size)) atomicMax(winners + index, int(i));
  }
}

extern "C" __global__ void mark_elements(int* winners, const INDEX* indices, const AxisPlaces p) {
  FOR_ALL(i, p.count) {
    long long place = p.find(indices, unsigned(i));
    if (place >= 0) atomicMax(winners + place, int(i));
  }
}

extern "C" __global__ void mark_tuples(int* winners, const INDEX* indices, const TuplePlaces p) {
  FOR_ALL(i, p.count) {
    long long place = p.find(indices, unsigned(i));
    if (place >= 0) atomicMax(winners + place, int(i));
  }
}

// The result is [before, places, after] with after in words, the updates are [before, updates, after].
struct Rows {
  unsigned count;
  Divisor places, after;
  long long updates;     // per entry of before
  unsigned same_update;  // all updates are one word
};

__device__ __forceinline__ W chosen(const W* source, const W* updates, const Rows& r, unsigned i, unsigned before,
                                    unsigned after, int winner) {
  if (winner < 0) return source[i];
  if (r.same_update) return *updates;
  return updates[(before * r.updates + winner) * r.after.divisor + after];
}

extern "C" __global__ void scatter_winners(W* target, const W* source, const W* updates, const int* winners,
                                           const Rows r) {
  FOR_ALL(i, r.count) {
    unsigned after, place;
    unsigned before = r.places.split(r.after.split(unsigned(i), after), place);
    target[i] = chosen(source, updates, r, unsigned(i), before, after, winners[place]);
  }
}

// The same for so few indices that every thread looks through them.
extern "C" __global__ void scatter_few(W* target, const W* source, const W* updates, const INDEX* indices,
                                       unsigned count, const Rows r) {
  FOR_ALL(i, r.count) {
    unsigned after, place;
    unsigned before = r.places.split(r.after.split(unsigned(i), after), place);
    int winner = -1;
    for (unsigned k = 0; k < count; k++) {
      long long index = (long long)(indices[k]);
      if (normalize(index, r.places.divisor) && index == (long long)(place)) winner = int(k);
    }
    target[i] = chosen(source, updates, r, unsigned(i), before, after, winner);
  }
}
