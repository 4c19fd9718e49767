// Reports: what the checkers and the engine found, as text for the test that caused it.
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <string>

#include "engine_internal.h"

namespace cudasim {

unsigned report_total = 0;

static std::string text;
static std::map<std::string, int> count_by_kind;
static std::map<const cudasim_kernel*, std::string> image_paths;
constexpr int kKeptPerKind = 3;

void remember_image(const cudasim_image* image, const char* path) {
  for (uint32_t i = 0; i < image->kernel_count; i++) image_paths[&image->kernels[i]] = path;
}

// The instruction itself: the PTX lies beside the image (image.so, image.ptx).
static std::string ptx_line(int line) {
  auto found = image_paths.find(running_kernel);
  if (found == image_paths.end() || line <= 0) return "";
  std::string path = found->second;
  size_t dot = path.rfind(".so");
  if (dot == std::string::npos) return "";
  path = path.substr(0, path.find('.', path.rfind('/'))) + ".ptx";
  std::ifstream file(path);
  std::string result;
  for (int i = 0; i < line; i++)
    if (!std::getline(file, result)) return "";
  size_t begin = result.find_first_not_of(" \t"), end = result.find_last_not_of(" \t;");
  return begin == std::string::npos ? "" : result.substr(begin, end - begin + 1);
}

static void report_v(int line, const char* format, va_list arguments) {
  char message[600];
  vsnprintf(message, sizeof message, format, arguments);
  report_total++;
  const char* kernel = running_kernel ? running_kernel->name : "?";
  // a kind is the text up to its first number
  std::string kind = std::string(kernel) + "|" + std::string(message, strcspn(message, "0123456789"));
  if (count_by_kind[kind]++ >= kKeptPerKind) return;
  char where[240];
  if (thread_count) {
    const cudasim_thread& t = fibers[current].self;
    snprintf(where, sizeof where, "[%s block(%u,%u,%u) thread(%u,%u,%u)] ", kernel, t.ctaid.x, t.ctaid.y, t.ctaid.z,
             t.tid.x, t.tid.y, t.tid.z);
  } else {
    snprintf(where, sizeof where, "[%s] ", kernel);
  }
  text += std::string(where) + message;
  if (line > 0) {
    text += " (PTX line " + std::to_string(line);
    std::string instruction = ptx_line(line);
    text += instruction.empty() ? ")" : ": " + instruction + ")";
  }
  text += "\n";
}

void report(int line, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  report_v(line, format, arguments);
  va_end(arguments);
}

void fail(int line, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  report_v(line, format, arguments);
  va_end(arguments);
  abort_launch();
}

}  // namespace cudasim

using namespace cudasim;

unsigned cudasim_report_count(void) { return report_total; }

const char* cudasim_reports(void) { return text.c_str(); }

void cudasim_clear_reports(void) {
  text.clear();
  count_by_kind.clear();
  report_total = 0;
}

void cudasim_trap(const char* what, int line) { fail(line, "%s", what); }
