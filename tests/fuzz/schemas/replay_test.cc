// The fuzzers' targets as ordinary tests: the golden buffers, and always the same mutations of them.
#include <gtest/gtest.h>

#include "tests/fuzz/mutations.h"
#include "tests/fuzz/schemas/targets.h"
#include "tests/golden/schemas/golden_file.h"

namespace solo::test {
namespace {

// Of each golden entry its second line (JSON) or its third (bytes).
std::vector<std::string> seeds(const std::string& file, bool json) {
  std::vector<std::string> found;
  const auto lines = golden_lines(file);
  for (std::size_t at = 0; at + 3 < lines.size(); at += 4) {
    found.push_back(json ? lines[at + 1] : from_hex(lines[at + 2]));
  }
  return found;
}

TEST(Fuzz, Event) { replay(seeds("event.golden", false), fuzz_event); }
TEST(Fuzz, Request) { replay(seeds("request.golden", false), fuzz_request); }
TEST(Fuzz, Reply) { replay(seeds("reply.golden", false), fuzz_reply); }
TEST(Fuzz, RequestJson) { replay(seeds("request.golden", true), fuzz_request_json); }

// SOLO_FUZZ_SEEDS=DIR writes each seed to a file of its own, for the real fuzzers to start from.
TEST(Fuzz, SeedsCanBeWrittenOut) {
  const char* directory = std::getenv("SOLO_FUZZ_SEEDS");
  int number = 0;
  for (const auto& [file, json] : {std::pair("event.golden", false), std::pair("request.golden", false),
                                   std::pair("reply.golden", false), std::pair("request.golden", true)}) {
    for (const std::string& seed : seeds(file, json)) {
      ASSERT_FALSE(seed.empty());
      ++number;
      if (directory != nullptr) std::ofstream(std::string(directory) + "/seed-" + std::to_string(number)) << seed;
    }
  }
}

}  // namespace
}  // namespace solo::test
