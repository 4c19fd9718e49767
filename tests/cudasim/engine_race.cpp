// Races. Two accesses of different threads to one byte, one of them a write and not both atomic, need an order:
//   * a barrier of the whole block between them (the epoch differs), or
//   * a chain of __syncwarp, counted barriers or fence + atomic between the two threads (vector clocks), or
//   * for different blocks: fence + atomic by the first, an atomic on the same address by the second, later.
// Shuffles and votes order nothing. Blocks are executed one by one, but nothing orders them.
//
// A *segment* is what one thread does between two synchronisations; cells remember segments. A cell stands for four
// bytes, and is split into four when an access covers less than a whole word.
#include <algorithm>
#include <cstring>
#include <array>
#include <memory>
#include <unordered_map>

#include "engine_internal.h"

namespace cudasim {

namespace {

struct Segment {
  uint64_t block;
  uint32_t epoch, clock;
  uint32_t thread;
};

constexpr uint32_t kRelaxedBit = 0x80000000u, kSplitBit = 0x80000000u;
constexpr uint32_t kMaxSegments = 1u << 25;  // beyond it history is forgotten: races may be missed, none invented

struct Cell {                // segments; 0: none yet. Top bit: the access was atomic or relaxed.
  uint32_t write;            // the last plain write
  uint32_t relaxed_write;    // the last atomic or relaxed write since
  uint32_t read;             // the last read since the plain write
  uint32_t concurrent_read;  // an unordered earlier read by another thread
};

std::vector<Segment> segments;
std::vector<uint32_t> segment_of_thread;  // 0: to be made at the next access

// Vector clocks: clock_matrix[t * thread_count + u] is what t knows of u in this epoch. All zero (and not touched)
// until a synchronisation of fewer threads than the block.
std::vector<uint32_t> clock_matrix, own_clock;
std::vector<bool> fenced;
bool matrix_in_use;
uint32_t epoch;

// What was released at an address by atomics.
struct Release {
  uint64_t block;
  uint32_t epoch;
  std::vector<uint32_t> clock;  // of that block's threads, within the epoch
};
struct Location {
  std::vector<Release> releases;  // one per block
  std::unordered_map<uint64_t, size_t> by_block;
};
std::unordered_map<uint64_t, Location> locations;
std::unordered_map<uint64_t, Location> shared_locations;  // of the running block
std::unordered_map<const Location*, size_t> acquired;     // by the running block: that many releases are seen

// Cells: one table for the block's shared memory, pages for global memory.
std::vector<Cell> shared_cells;
std::vector<std::array<Cell, 4>> split_cells;
constexpr uint64_t kPageShift = 12;
struct Page {
  Cell cells[(1 << kPageShift) / 4];
};
std::unordered_map<uint64_t, std::unique_ptr<Page>> pages;
uint64_t last_page_number = ~0ull;
Page* last_page;

uint32_t* clocks_of(uint32_t thread) { return clock_matrix.data() + size_t{thread} * thread_count; }

void use_matrix() {
  if (matrix_in_use) return;
  matrix_in_use = true;
  clock_matrix.assign(size_t{thread_count} * thread_count, 0);
}

void new_segment(uint32_t thread) {
  own_clock[thread]++;
  segment_of_thread[thread] = 0;
}

uint32_t current_segment() {
  uint32_t& segment = segment_of_thread[current];
  if (!segment) {
    segment = segments.size();
    segments.push_back({block_linear, epoch, own_clock[current], current});
  }
  return segment;
}

bool released_to_this_block(const Segment& s) {
  for (const auto& [location, count] : acquired) {
    auto found = location->by_block.find(s.block);
    if (found == location->by_block.end() || found->second >= count) continue;
    const Release& release = location->releases[found->second];
    if (s.epoch < release.epoch) return true;
    if (s.epoch == release.epoch && s.thread < release.clock.size() && release.clock[s.thread] >= s.clock) return true;
  }
  return false;
}

bool is_mine(const Segment& s) { return s.block == block_linear && s.thread == current; }

// Did the access happen before everything the current thread does now?
bool ordered(uint32_t access) {
  const Segment& s = segments[access & ~kRelaxedBit];
  if (s.block != block_linear) return released_to_this_block(s);
  if (s.thread == current || s.epoch != epoch) return true;
  return matrix_in_use && clocks_of(current)[s.thread] >= s.clock;
}

struct Race {
  const char* name = nullptr;
  const Segment* other = nullptr;
  // A plain read against an atomic: the first read of a compare-and-swap loop is one, and harmless.
  bool maybe_cas_loop = false;
  uint32_t reader = 0;  // in that case
};

// Enter an access and look for a race.
void touch(Cell& cell, bool write, bool relaxed, Race& race) {
  uint32_t me = current_segment() | (relaxed ? kRelaxedBit : 0);
  auto conflicts = [&](uint32_t access) { return access && !(relaxed && access & kRelaxedBit) && !ordered(access); };
  auto say = [&](const char* name, uint32_t access) {
    const Segment& other = segments[access & ~kRelaxedBit];
    race.name = name;
    race.other = &other;
    bool against_read = access == cell.read || access == cell.concurrent_read;
    race.maybe_cas_loop =
        write ? relaxed && against_read && other.block == block_linear : !relaxed && access == cell.relaxed_write;
    race.reader = write ? other.thread : current;
  };
  if (write) {
    if (conflicts(cell.write))
      say("write after write", cell.write);
    else if (conflicts(cell.relaxed_write))
      say("write after write", cell.relaxed_write);
    else if (conflicts(cell.read))
      say("write after read", cell.read);
    else if (conflicts(cell.concurrent_read))
      say("write after read", cell.concurrent_read);
    if (relaxed) {  // what came before stays known: an atomic orders nothing by itself
      cell.relaxed_write = me;
      if (cell.read && is_mine(segments[cell.read & ~kRelaxedBit])) cell.read = 0;
      if (cell.concurrent_read && is_mine(segments[cell.concurrent_read & ~kRelaxedBit])) cell.concurrent_read = 0;
    } else {
      cell = {me, 0, 0, 0};
    }
  } else {
    if (conflicts(cell.write))
      say("read after write", cell.write);
    else if (conflicts(cell.relaxed_write))
      say("read after write", cell.relaxed_write);
    if (cell.read && !ordered(cell.read) && !is_mine(segments[cell.read & ~kRelaxedBit]))
      cell.concurrent_read = cell.read;
    cell.read = me;
  }
}

void touch_bytes(Cell& cell, unsigned first, unsigned count, bool write, bool relaxed, Race& race) {
  if (count == 4 && !(cell.write & kSplitBit && cell.read == ~0u)) {
    touch(cell, write, relaxed, race);
    return;
  }
  if (!(cell.write & kSplitBit && cell.read == ~0u)) {  // split: read == ~0 marks an index
    uint32_t index = split_cells.size();
    split_cells.push_back({cell, cell, cell, cell});
    cell = {kSplitBit | index, 0, ~0u, 0};
  }
  for (unsigned i = first; i < first + count; i++) touch(split_cells[cell.write & ~kSplitBit][i], write, relaxed, race);
}

Cell& global_cell(uint64_t address) {
  uint64_t number = address >> kPageShift;
  if (number != last_page_number) {
    auto& page = pages[number];
    if (!page) page = std::make_unique<Page>();  // zeroed
    last_page_number = number;
    last_page = page.get();
  }
  return last_page->cells[(address & ((1 << kPageShift) - 1)) / 4];
}

void forget_cells() {
  pages.clear();
  last_page_number = ~0ull;
  split_cells.clear();
  segments.assign(1, {});  // 0 means none
  std::fill(segment_of_thread.begin(), segment_of_thread.end(), 0);
  std::fill(shared_cells.begin(), shared_cells.end(), Cell{});
}

// Plain reads that raced with an atomic, until their thread does an atomic there (a compare-and-swap loop) or ends.
struct Suspect {
  uint32_t thread;
  uint64_t address;
  int line;
  const char* space;
};
std::vector<Suspect> suspects;

template <class CellAt>
void check_words(uint64_t address, uint32_t bytes, unsigned access, CellAt cell_at, int line, const char* space) {
  if (segments.size() > kMaxSegments) forget_cells();
  bool relaxed = access & (CUDASIM_ATOMIC | CUDASIM_RELAXED), told = false;
  for (uint64_t a = address, end = address + bytes; a < end;) {
    unsigned first = a & 3, count = std::min<uint64_t>(4 - first, end - a);
    Race race;
    touch_bytes(cell_at(a), first, count, access & CUDASIM_WRITE, relaxed, race);
    unsigned long long at = a;
    a += count;
    if (!race.name || told) continue;
    told = true;
    if (race.maybe_cas_loop && fibers[race.reader].state != State::Done) {
      suspects.push_back({race.reader, address, line, space});
    } else if (race.maybe_cas_loop) {
      report(line, "%s race: plain read against an atomic at 0x%llx by thread %u", space, at, race.reader);
    } else if (race.other->block == block_linear) {
      report(line, "%s race: %s by thread %u at 0x%llx", space, race.name, race.other->thread, at);
    } else {
      report(line, "%s race: %s by block %llu thread %u at 0x%llx", space, race.name,
             static_cast<unsigned long long>(race.other->block), race.other->thread, at);
    }
  }
}

template <class Predicate> void drop_suspects(Predicate wanted) {
  suspects.erase(std::remove_if(suspects.begin(), suspects.end(), wanted), suspects.end());
}

}  // namespace

// ---------------------------------------------------------------------------------------- what orders accesses
void start_launch_races() {
  forget_cells();
  locations.clear();
}

void start_block_races(uint32_t shared_bytes) {
  shared_cells.assign(shared_bytes / 4 + 1, Cell{});
  segment_of_thread.assign(thread_count, 0);
  own_clock.assign(thread_count, 1);
  fenced.assign(thread_count, false);
  matrix_in_use = false;
  epoch = 1;
  acquired.clear();
  shared_locations.clear();
  suspects.clear();
}

void block_barrier_passed() {
  epoch++;
  matrix_in_use = false;
  std::fill(segment_of_thread.begin(), segment_of_thread.end(), 0);
  std::fill(own_clock.begin(), own_clock.end(), 1);
}

void release_to(Arrival& arrival, uint32_t thread) {
  use_matrix();
  arrival.clock.resize(thread_count, 0);
  const uint32_t* known = clocks_of(thread);
  for (uint32_t u = 0; u < thread_count; u++) arrival.clock[u] = std::max(arrival.clock[u], known[u]);
  arrival.clock[thread] = std::max(arrival.clock[thread], own_clock[thread]);
  new_segment(thread);
}

void acquire_from(const Arrival& arrival, uint32_t thread) {
  use_matrix();
  uint32_t* known = clocks_of(thread);
  for (uint32_t u = 0; u < arrival.clock.size(); u++) known[u] = std::max(known[u], arrival.clock[u]);
}

void join_threads(const uint32_t* threads, size_t count) {
  Arrival all;
  for (size_t i = 0; i < count; i++) release_to(all, threads[i]);
  for (size_t i = 0; i < count; i++) acquire_from(all, threads[i]);
}

void fence_passed(bool) { fenced[current] = true; }

void atomic_synchronises(uint64_t address, unsigned access) {
  bool in_shared = address - CUDASIM_SHARED_BASE < CUDASIM_SHARED_BYTES;
  Location& location = (in_shared ? shared_locations : locations)[address];
  bool writes = access & CUDASIM_WRITE;
  if (access & CUDASIM_ATOMIC && !suspects.empty()) {
    uint64_t key = in_shared ? address - CUDASIM_SHARED_BASE : address;
    drop_suspects([&](const Suspect& s) { return s.thread == current && s.address == key; });
  }
  // acquire: what earlier writers of this address released. Fences on this side are not asked for.
  if (!location.releases.empty()) {
    acquired[&location] = location.releases.size();
    auto mine = location.by_block.find(block_linear);
    if (mine != location.by_block.end() && location.releases[mine->second].epoch == epoch)
      acquire_from({location.releases[mine->second].clock}, current);
  }
  if (!writes || !(fenced[current] || access & CUDASIM_RELEASE)) return;
  auto [entry, added] = location.by_block.try_emplace(block_linear, location.releases.size());
  if (added) location.releases.push_back({block_linear, epoch, {}});
  Release& release = location.releases[entry->second];
  if (release.epoch != epoch) {
    release.epoch = epoch;
    release.clock.clear();
  }
  Arrival seen = {std::move(release.clock)};
  release_to(seen, current);
  release.clock = std::move(seen.clock);
}

void thread_ends_races() {
  for (const Suspect& s : suspects)
    if (s.thread == current)
      report(s.line, "%s race: plain read against an atomic at 0x%llx", s.space,
             static_cast<unsigned long long>(s.address));
  drop_suspects([](const Suspect& s) { return s.thread == current; });
}

// ---------------------------------------------------------------------------------------- accesses
void shared_race(uint32_t offset, uint32_t bytes, unsigned access, int line) {
  check_words(offset, bytes, access, [](uint64_t a) -> Cell& { return shared_cells[a / 4]; }, line, "shared-memory");
}

void global_race(uint64_t address, uint32_t bytes, unsigned access, int line) {
  check_words(address, bytes, access, global_cell, line, "global-memory");
}

}  // namespace cudasim
