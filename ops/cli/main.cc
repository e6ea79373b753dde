#include <fmt/format.h>

#include <exception>
#include <string>
#include <vector>

#include "ops/cli/command.h"

int main(int argc, char** argv) {
  try {
    return solo::ops::run_solo(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    fmt::print(stderr, "solo: internal error: {}\n", error.what());
    return solo::ops::kFailed;
  }
}
