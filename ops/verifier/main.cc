#include <fmt/format.h>

#include <exception>

#include "ops/standard_streams.h"
#include "ops/verifier/standalone.h"

int main(int argc, char** argv) {
  solo::ops::open_standard_streams(O_RDWR);
  try {
    return solo::ops::run_verifier(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    fmt::print(stderr, "solo-verifier: internal error: {}\n", error.what());
    return 3;
  }
}
