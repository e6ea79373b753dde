#include <fmt/format.h>

#include <exception>
#include <string>
#include <vector>

#include "ops/cli/command.h"
#include "ops/logging.h"
#include "ops/standard_streams.h"

int main(int argc, char** argv) {
  solo::ops::open_standard_streams();
  // What libraries have to say goes to stderr: stdout is data. Errors come back as results, so only those are of use.
  solo::ops::start_logging("error", "text");
  try {
    return solo::ops::run_solo(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    fmt::print(stderr, "solo: internal error: {}\n", error.what());
    return solo::ops::kFailed;
  }
}
