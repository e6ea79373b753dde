// The fuzzers' targets as ordinary tests: the golden buffers, and always the same mutations of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "tests/fuzz/schemas/targets.h"
#include "tests/golden/schemas/golden_file.h"

namespace solo::test {
namespace {

constexpr int kMutationsPerSeed = 10'000;

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

class Mutator {
 public:
  std::string operator()(std::string bytes) {
    for (std::uint64_t left = 1 + below(4); left > 0 && !bytes.empty(); --left) once(bytes);
    return bytes;
  }

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }

  void once(std::string& bytes) {
    const std::size_t at = below(bytes.size());
    const std::size_t length = 1 + below(std::min<std::size_t>(16, bytes.size() - at));
    switch (below(6)) {
      case 0:
        bytes[at] = static_cast<char>(random_());
        break;
      case 1:
        bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ (1U << below(8)));
        break;
      case 2:
        bytes.erase(at, length);
        break;
      case 3:
        bytes.insert(below(bytes.size()), bytes.substr(at, length));
        break;
      case 4:
        bytes.resize(at);
        break;
      default:
        interesting_word(bytes, at);
    }
  }

  // Lengths and offsets near the edges.
  void interesting_word(std::string& bytes, std::size_t at) {
    if (bytes.size() < 4) return;
    const std::uint32_t words[] = {0U, 1U, 4U, static_cast<std::uint32_t>(bytes.size()), 0x7fffffffU, 0x80000000U, ~0U};
    std::memcpy(bytes.data() + (at & ~std::size_t{3}) % (bytes.size() - 3), &words[below(7)], 4);
  }

  std::mt19937_64 random_{1};
};

void replay(const std::vector<std::string>& corpus, void (*target)(std::string_view)) {
  ASSERT_FALSE(corpus.empty());
  Mutator mutate;
  for (const std::string& seed : corpus) {
    target(seed);
    // From the heap and not longer than it is: a read past the end is seen by the sanitizers.
    for (int left = kMutationsPerSeed; left > 0; --left) target(mutate(seed));
  }
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
