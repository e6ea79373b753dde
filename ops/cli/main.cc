#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "ops/cli/command.h"
#include "ops/closed_memory.h"
#include "ops/logging.h"
#include "ops/standard_streams.h"

namespace {

/// Anybody on the machine can read a command line, for as long as the program runs.
void hide_token(char** argv) {
  constexpr std::string_view kToken = "--token";
  for (; *argv != nullptr && std::string_view(*argv) != "--"; ++argv) {
    std::string_view word(*argv);
    char* value = nullptr;
    if (word == kToken) value = argv[1];
    if (word.starts_with(kToken) && word.substr(kToken.size()).starts_with('=')) value = *argv + kToken.size() + 1;
    if (value != nullptr) std::fill_n(value, std::strlen(value), '*');
    if (value != nullptr && value == argv[1]) ++argv;
  }
}

}  // namespace

int main(int argc, char** argv) {
  solo::ops::open_standard_streams(O_RDONLY);
  solo::ops::close_memory_to_others();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  hide_token(argv);
  // What libraries have to say goes to stderr: stdout is data. Errors come back as results, so only those are of use.
  solo::ops::start_logging("error", "text");
  try {
    return solo::ops::run_solo(arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "solo: internal error: {}\n", error.what());
    return solo::ops::kFailed;
  }
}
