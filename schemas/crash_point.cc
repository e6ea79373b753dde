#include "schemas/crash_point.h"

#if SOLO_CRASH_POINTS
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

namespace solo::schemas {
namespace {

struct Wanted {
  std::string name;
  int nth = 1;
};

Wanted read_wanted() {
  const char* text = std::getenv("SOLO_CRASH_AT");
  if (text == nullptr) return {};
  const std::string_view all(text);
  const auto colon = all.find(':');
  if (colon == std::string_view::npos) return {std::string(all), 1};
  return {std::string(all.substr(0, colon)), std::atoi(text + colon + 1)};
}

}  // namespace

void crash_point(std::string_view name) {
  static const Wanted wanted = read_wanted();
  static std::atomic<int> times = 0;
  if (name != wanted.name || ++times != wanted.nth) return;
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

}  // namespace solo::schemas
#endif
