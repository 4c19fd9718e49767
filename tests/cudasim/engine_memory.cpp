// Address space, registered allocations, initialised marks, faults; loading of kernel images.
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "engine_internal.h"

namespace cudasim {

// One bit per byte of device memory, set = allocated with checks on and not written since.
constexpr uint64_t kMarksBase = 0x400000000000ull;
constexpr uint64_t kMarksBytes = (CUDASIM_DEVICE_END - CUDASIM_DEVICE_BASE) / 8;

// ---------------------------------------------------------------------------------------- reservation
static bool reserve_range(uint64_t address, uint64_t bytes, int protection, int fd, char* error, size_t error_size) {
  int kind = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  void* wanted = reinterpret_cast<void*>(address);
  void* got = mmap(wanted, bytes, protection, kind | MAP_NORESERVE | MAP_FIXED_NOREPLACE, fd, 0);
  if (got == wanted) return true;
  snprintf(error, error_size, "cannot reserve %llu GiB of addresses at 0x%llx: %s",
           static_cast<unsigned long long>(bytes >> 30), static_cast<unsigned long long>(address),
           got == MAP_FAILED ? strerror(errno) : "range in use");
  return false;
}

static void on_fault(int signal, siginfo_t* info, void* context);
static struct sigaction previous_segv, previous_bus;

static void install_fault_handler() {
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigaction(SIGSEGV, &action, &previous_segv);
  sigaction(SIGBUS, &action, &previous_bus);
}

}  // namespace cudasim

using namespace cudasim;

const char* cudasim_reserve(void) {
  static bool done = false;
  static char error[200];
  if (done) return nullptr;
  const uint64_t device_bytes = CUDASIM_DEVICE_END - CUDASIM_DEVICE_BASE;
  const uint64_t distance = CUDASIM_BACKING_DISTANCE;
  const int rw = PROT_READ | PROT_WRITE;
  int pinned = memfd_create("cudasim-pinned", MFD_CLOEXEC);
  if (pinned < 0 || ftruncate(pinned, CUDASIM_PINNED_BYTES)) return "cannot create pinned memory";
  auto reserve = [&](uint64_t address, uint64_t bytes, int protection, int fd) {
    return reserve_range(address, bytes, protection, fd, error, sizeof error);
  };
  bool ok = reserve(CUDASIM_DEVICE_BASE, device_bytes, PROT_NONE, -1) &&
            reserve(CUDASIM_DEVICE_BASE + distance, device_bytes, PROT_NONE, -1) &&
            reserve(CUDASIM_PINNED_BASE, CUDASIM_PINNED_BYTES, rw, pinned) &&
            reserve(CUDASIM_PINNED_BASE + distance, CUDASIM_PINNED_BYTES, rw, pinned) &&
            reserve(CUDASIM_SHARED_BASE, CUDASIM_SHARED_BYTES, PROT_NONE, -1) &&
            reserve(CUDASIM_SHARED_BASE + distance, CUDASIM_SHARED_BYTES, rw, -1) &&
            reserve(kMarksBase, kMarksBytes, rw, -1);
  close(pinned);
  if (!ok) return error;
  install_fault_handler();
  done = true;
  return nullptr;
}

// ---------------------------------------------------------------------------------------- allocations
namespace cudasim {

static std::vector<Bounds> allocations;  // sorted by address

static std::vector<Bounds>::iterator at_or_below(std::vector<Bounds>& ranges, uint64_t address) {
  auto it = std::upper_bound(ranges.begin(), ranges.end(), address,
                             [](uint64_t a, const Bounds& b) { return a < b.address; });
  return it == ranges.begin() ? ranges.end() : it - 1;
}

static void insert_sorted(std::vector<Bounds>& ranges, Bounds added) {
  auto it = std::upper_bound(ranges.begin(), ranges.end(), added.address,
                             [](uint64_t a, const Bounds& b) { return a < b.address; });
  ranges.insert(it, std::move(added));
}

const Bounds* find_bounds(uint64_t address) {
  auto it = at_or_below(allocations, address);
  return it == allocations.end() ? nullptr : &*it;
}

// ---------------------------------------------------------------------------------------- initialised marks
static void set_marks(uint64_t address, size_t bytes, bool uninitialised) {
  if (!cudasim_is_device_pointer(address) || !bytes) return;
  auto* marks = reinterpret_cast<unsigned char*>(kMarksBase);
  uint64_t first = address - CUDASIM_DEVICE_BASE, end = first + bytes;
  auto one = [&](uint64_t i) {
    unsigned char bit = 1u << (i & 7);
    marks[i >> 3] = uninitialised ? marks[i >> 3] | bit : marks[i >> 3] & ~bit;
  };
  while (first < end && first & 7) one(first++);
  while (first < end && end & 7) one(--end);
  if (first < end) memset(marks + (first >> 3), uninitialised ? 0xFF : 0, (end - first) >> 3);
}

bool all_initialised(uint64_t address, size_t bytes, size_t* first_bad) {
  auto* marks = reinterpret_cast<const unsigned char*>(kMarksBase);
  uint64_t first = address - CUDASIM_DEVICE_BASE;
  for (size_t i = 0; i < bytes; i++)
    if (marks[(first + i) >> 3] >> ((first + i) & 7) & 1) {
      *first_bad = i;
      return false;
    }
  return true;
}

}  // namespace cudasim

static bool marks_in_use = false;  // marks exist only once checks were on at an allocation

void cudasim_bounds_add(uint64_t address, size_t bytes) {
  auto parent = at_or_below(allocations, address);
  bool inside = parent != allocations.end() && address + bytes <= parent->address + parent->bytes;
  insert_sorted(inside ? parent->parts : allocations, {address, bytes, {}});
  if (options.check & CUDASIM_CHECK_INITIALISED) {
    marks_in_use = true;
    set_marks(address, bytes, true);
  }
}

void cudasim_bounds_del_sub(uint64_t address) {
  auto parent = at_or_below(allocations, address);
  if (parent == allocations.end()) return;
  auto part = at_or_below(parent->parts, address);
  if (part != parent->parts.end() && part->address == address) parent->parts.erase(part);
}

void cudasim_bounds_del(uint64_t address) {
  auto it = at_or_below(allocations, address);
  if (it == allocations.end()) return;
  if (it->address != address) {
    cudasim_bounds_del_sub(address);
    return;
  }
  if (marks_in_use) set_marks(address, it->bytes, false);
  allocations.erase(it);
}

void cudasim_mark_written(uint64_t address, size_t bytes) {
  if (marks_in_use) set_marks(address, bytes, false);
}

void cudasim_mark_copied(uint64_t to, uint64_t from, size_t bytes) {
  if (!marks_in_use) return;
  if (!cudasim_is_device_pointer(from)) {
    set_marks(to, bytes, false);
    return;
  }
  size_t bad;
  if (all_initialised(from, bytes, &bad)) {
    set_marks(to, bytes, false);
    return;
  }
  for (size_t i = 0; i < bytes; i++) set_marks(to + i, 1, !all_initialised(from + i, 1, &bad));
}

// ---------------------------------------------------------------------------------------- faults
// A translated kernel that touches unmapped memory faults here: the fiber is abandoned and the launch ends with
// a report. A host that touches device memory gets a message, then whatever handler was there before.
namespace cudasim {

static uint64_t fault_address;
static const char* (*describe_address)(uint64_t);

static const char* description(uint64_t address) {
  const char* text = describe_address ? describe_address(address) : nullptr;
  return text ? text : "";
}
static thread_local bool has_fault_stack = false;

void prepare_fault_stack() {  // needed per host thread: the fault may be an overflow of the fiber's stack
  if (has_fault_stack) return;
  has_fault_stack = true;
  stack_t existing;
  if (!sigaltstack(nullptr, &existing) && !(existing.ss_flags & SS_DISABLE)) return;
  constexpr size_t bytes = 64 * 1024;
  stack_t stack = {};
  stack.ss_sp = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack.ss_size = bytes;
  sigaltstack(&stack, nullptr);
}

static void report_fault() {  // runs on a stack of its own, outside the signal handler
  uint64_t stack = reinterpret_cast<uint64_t>(fibers[current].self.local_begin);
  uint64_t address = fault_address - CUDASIM_BACKING_DISTANCE;
  if (fault_address - (stack - 4096) < 4096)
    fail(0, "stack overflow: more than %zu KiB of local memory in one thread", kStackBytes / 1024);
  if (cudasim_is_device_pointer(address))
    fail(0, "illegal access to device address 0x%llx, which is not allocated %s",
         static_cast<unsigned long long>(address), description(address));
  fail(0, "illegal access to address 0x%llx, which is no device memory (a host pointer?)",
       static_cast<unsigned long long>(address));
}

static void on_fault(int signal, siginfo_t* info, void* context) {
  if (info->si_code <= 0) return;  // raise() by another handler: the faulting instruction runs again
  uint64_t address = reinterpret_cast<uint64_t>(info->si_addr);
  // si_addr is 0 for addresses that are not canonical: these too come from kernels
  if (thread_count) {
    static unsigned char stack[128 * 1024] __attribute__((aligned(16)));
    fault_address = address;
    auto* registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    registers[REG_RSP] = reinterpret_cast<greg_t>(stack + sizeof stack - 8);
    registers[REG_RIP] = reinterpret_cast<greg_t>(report_fault);
    return;
  }
  if (cudasim_is_device_pointer(address)) {
    char text[300];
    int n = snprintf(text, sizeof text,
                     "cudasim: host code touched device memory at 0x%llx (device %d). Device memory is "
                     "only reached by kernels and cudaMemcpy. %s\n",
                     static_cast<unsigned long long>(address), cudasim_device_of(address), description(address));
    if (write(2, text, n) < 0) return;
  }
  sigaction(SIGSEGV, &previous_segv, nullptr);
  sigaction(SIGBUS, &previous_bus, nullptr);
  (void)signal;  // the instruction faults again and the previous handler gets it
}

}  // namespace cudasim

void cudasim_set_address_describer(const char* (*describe)(uint64_t)) { describe_address = describe; }

// ---------------------------------------------------------------------------------------- images
const cudasim_image* cudasim_image_open(const char* path, const char** error) {
  static char text[500];
  void* handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    snprintf(text, sizeof text, "%s", dlerror());
    *error = text;
    return nullptr;
  }
  auto* image = static_cast<const cudasim_image*>(dlsym(handle, "cudasim_module_image"));
  if (!image || image->abi != CUDASIM_ABI) {
    *error = "not a kernel image of this version";
    return nullptr;
  }
  remember_image(image, path);
  return image;
}

const cudasim_kernel* cudasim_image_kernel(const cudasim_image* image, const char* name) {
  for (uint32_t i = 0; i < image->kernel_count; i++)
    if (!strcmp(image->kernels[i].name, name)) return &image->kernels[i];
  return nullptr;
}

void cudasim_image_initialise(const cudasim_image* image, const uint64_t* addresses) {
  for (uint32_t i = 0; i < image->variable_count; i++) {
    const cudasim_variable& variable = image->variables[i];
    void* bytes = cudasim_backing(addresses[i]);
    if (variable.initial)
      memcpy(bytes, variable.initial, variable.bytes);
    else
      memset(bytes, 0, variable.bytes);
    cudasim_mark_written(addresses[i], variable.bytes);
  }
  for (uint32_t i = 0; i < image->relocation_count; i++) {
    const cudasim_relocation& r = image->relocations[i];
    uint64_t base = r.target == CUDASIM_NO_VARIABLE ? 0 : addresses[r.target];
    uint64_t value = base + r.addend;
    memcpy(cudasim_backing(addresses[r.variable] + r.offset), &value, sizeof value);
  }
}

void cudasim_pack_params(const cudasim_kernel* kernel, void* const* arguments, void* params) {
  for (uint32_t i = 0; i < kernel->param_count; i++) {
    const cudasim_param& param = kernel->params[i];
    memcpy(static_cast<unsigned char*>(params) + param.offset, arguments[i], param.bytes);
  }
}
