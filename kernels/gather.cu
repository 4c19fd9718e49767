// Gather, GatherElements, GatherND, OneHot and Eye. WORD is the size of what is moved in bytes, INDEX the type of indices.
#ifndef WORD
#define WORD 16
#endif
#include "places.cuh"
#include "words.cuh"

typedef WordOf<WORD>::type W;

// The tensor is [batch, before, axis, after], the indices are [batch, picks], the result is [batch, before, picks, after].
struct Picks {
  unsigned count;
  Divisor before, picks, after;  // after in words
  long long axis_size;
};

extern "C" __global__ void gather(W* target, const W* source, const INDEX* indices, const Picks p) {
  FOR_ALL(i, p.count) {
    unsigned after, pick, before;
    unsigned batch = p.before.split(p.picks.split(p.after.split(unsigned(i), after), pick), before);
    long long index = (long long)(indices[(unsigned long long)(batch)*p.picks.divisor + pick]);
    W word = W();
    if (normalize(index, p.axis_size)) {
      unsigned long long row = ((unsigned long long)(batch)*p.before.divisor + before) * p.axis_size + index;
      word = source[row * p.after.divisor + after];
    }
    target[i] = word;
  }
}

extern "C" __global__ void gather_elements(W* target, const W* source, const INDEX* indices, const AxisPlaces p) {
  FOR_ALL(i, p.count) {
    long long place = p.find(indices, unsigned(i));
    W word = W();
    if (place >= 0) word = source[place];
    target[i] = word;
  }
}

extern "C" __global__ void gather_nd(W* target, const W* source, const INDEX* indices, const TuplePlaces p,
                                     const Divisor slice, unsigned count) {
  FOR_ALL(i, count) {
    unsigned within;
    long long place = p.find(indices, slice.split(unsigned(i), within));
    W word = W();
    if (place >= 0) word = source[place * slice.divisor + within];
    target[i] = word;
  }
}

// The result is [before, depth, after], the indices are [before, after].
extern "C" __global__ void one_hot(W* target, const INDEX* indices, const W* on, const W* off, const Divisor depth,
                                   const Divisor after, unsigned wrap_negative, unsigned count) {
  W hot = *on, cold = *off;
  FOR_ALL(i, count) {
    unsigned right, place;
    unsigned left = depth.split(after.split(unsigned(i), right), place);
    long long index = (long long)(indices[(unsigned long long)(left)*after.divisor + right]);
    if (wrap_negative && index < 0) index += depth.divisor;
    W word = cold;
    if (index == (long long)(place)) word = hot;
    target[i] = word;
  }
}

// Matrices with ones (given as bits) on one diagonal.
extern "C" __global__ void diagonal(W* target, unsigned long long one, const Divisor rows, const Divisor columns,
                                    long long offset, unsigned count) {
  W hot;
  memcpy(&hot, &one, sizeof(W) < 8 ? sizeof(W) : 8);
  FOR_ALL(i, count) {
    unsigned row, column;
    rows.split(columns.split(unsigned(i), column), row);
    W word = W();
    if ((long long)(column) == (long long)(row) + offset) word = hot;
    target[i] = word;
  }
}
