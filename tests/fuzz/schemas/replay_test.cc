// The fuzzers' targets as ordinary tests: the golden buffers, and always the same mutations of them.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/fuzz/mutations.h"
#include "tests/fuzz/schemas/targets.h"
#include "tests/golden/schemas/golden_file.h"

namespace solo::test {
namespace {

const std::vector<std::string> kTokenSeeds = {"solo_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2envj8",
                                              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                                              "acc_996396845822d20e5ec3"};

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
TEST(Fuzz, Token) { replay(kTokenSeeds, fuzz_token); }

// SOLO_FUZZ_SEEDS=DIR writes each seed to a file of its own, for the real fuzzers to start from.
TEST(Fuzz, SeedsCanBeWrittenOut) {
  const char* directory = std::getenv("SOLO_FUZZ_SEEDS");
  int number = 0;
  const auto write = [&](const std::string& seed) {
    ASSERT_FALSE(seed.empty());
    ++number;
    if (directory != nullptr) std::ofstream(std::string(directory) + "/seed-" + std::to_string(number)) << seed;
  };
  std::for_each(kTokenSeeds.begin(), kTokenSeeds.end(), write);
  for (const auto& [file, json] : {std::pair("event.golden", false), std::pair("request.golden", false),
                                   std::pair("reply.golden", false), std::pair("request.golden", true)}) {
    for (const std::string& seed : seeds(file, json)) write(seed);
  }
}

}  // namespace
}  // namespace solo::test
