// Counts distinct sectors of global memory that a launch reads and writes (traffic.h).
#include "traffic.h"

#include <unordered_map>

#include "engine_internal.h"

namespace cudasim {

constexpr uint64_t kWords = 64, kPageBytes = kWords * 64 * CUDASIM_SECTOR_BYTES;

struct Page {
  uint64_t read[kWords], written[kWords];
};
static std::unordered_map<uint64_t, Page> pages;
static uint64_t last_number;
static Page* last_page;

static Page& page_of(uint64_t number) {
  if (!last_page || number != last_number) {
    last_number = number;
    last_page = &pages[number];  // a new one is zero; references outlive later insertions
  }
  return *last_page;
}

void start_traffic() {
  pages.clear();
  last_page = nullptr;
}

void note_traffic(uint64_t address, uint32_t bytes, unsigned access) {
  if (!bytes) return;
  for (uint64_t sector = address / CUDASIM_SECTOR_BYTES; sector <= (address + bytes - 1) / CUDASIM_SECTOR_BYTES; sector++) {
    Page& page = page_of(sector * CUDASIM_SECTOR_BYTES / kPageBytes);
    const uint64_t index = sector % (kWords * 64), bit = uint64_t{1} << index % 64;
    uint64_t& written = page.written[index / 64];
    // What the launch itself has written it reads from the cache.
    if ((!(access & CUDASIM_WRITE) || access & CUDASIM_ATOMIC) && !(written & bit)) page.read[index / 64] |= bit;
    if (access & CUDASIM_WRITE) written |= bit;
  }
}

}  // namespace cudasim

cudasim_traffic cudasim_last_traffic(void) {
  cudasim_traffic total = {0, 0};
  for (const auto& entry : cudasim::pages) {
    for (uint64_t word = 0; word < cudasim::kWords; word++) {
      total.sectors_read += __builtin_popcountll(entry.second.read[word]);
      total.sectors_written += __builtin_popcountll(entry.second.written[word]);
    }
  }
  return total;
}
