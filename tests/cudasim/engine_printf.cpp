// printf of device code: the format is C's, the arguments lie packed as the compiler put them (8-byte aligned doubles
// and 64-bit integers, 4-byte ints, device pointers to strings).
#include <cstdio>
#include <cstring>
#include <string>

#include "engine_internal.h"

template <class T> static T next_argument(const unsigned char*& arguments) {
  auto position = reinterpret_cast<uintptr_t>(arguments);
  position = (position + sizeof(T) - 1) / sizeof(T) * sizeof(T);
  T value;
  memcpy(&value, reinterpret_cast<const void*>(position), sizeof value);
  arguments = reinterpret_cast<const unsigned char*>(position + sizeof(T));
  return value;
}

int cudasim_printf(const char* format, const unsigned char* arguments) {
  std::string out;
  int converted = 0;
  char piece[400];
  for (const char* p = format; *p;) {
    if (*p != '%') {
      out += *p++;
      continue;
    }
    std::string spec;
    spec += *p++;
    bool is_long = false;
    while (*p && strchr("-+ #0123456789.*hlzjt", *p)) {
      if (*p == '*') {
        spec += std::to_string(next_argument<int>(arguments));
      } else {
        if (strchr("lzjt", *p)) is_long = true;
        spec += *p;
      }
      p++;
    }
    char conversion = *p ? *p++ : '%';
    spec += conversion;
    if (conversion == '%') {
      out += '%';
      continue;
    }
    if (strchr("eEfFgGaA", conversion)) {
      snprintf(piece, sizeof piece, spec.c_str(), next_argument<double>(arguments));
    } else if (conversion == 's') {
      uint64_t text = next_argument<uint64_t>(arguments);
      snprintf(piece, sizeof piece, spec.c_str(), static_cast<const char*>(cudasim_backing(text)));
    } else if (conversion == 'p' || is_long) {
      snprintf(piece, sizeof piece, spec.c_str(), next_argument<uint64_t>(arguments));
    } else {
      snprintf(piece, sizeof piece, spec.c_str(), next_argument<uint32_t>(arguments));
    }
    out += piece;
    converted++;
  }
  fwrite(out.data(), 1, out.size(), stdout);
  fflush(stdout);
  return converted;
}
