// Elements as bits, for kernels that move data and do not look at it: one type for each size.
#pragma once

typedef unsigned char Word1;
typedef unsigned short Word2;
typedef unsigned Word4;
typedef uint2 Word8;
typedef uint4 Word16;

// Defines ``extern "C"`` kernels NAME_1 ... NAME_16 with the body KERNEL(WordN).
#define FOR_EACH_WORD(KERNEL) KERNEL(1, Word1) KERNEL(2, Word2) KERNEL(4, Word4) KERNEL(8, Word8) KERNEL(16, Word16)

template <int BYTES> struct WordOf;
#define WORD_OF(BYTES, W) \
  template <> struct WordOf<BYTES> { typedef W type; };
FOR_EACH_WORD(WORD_OF)
