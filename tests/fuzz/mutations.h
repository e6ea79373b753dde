// A fuzzer's target as an ordinary test: each seed, and always the same mutations of it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace solo::test {

inline constexpr int kMutationsPerSeed = 10'000;

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

inline void replay(const std::vector<std::string>& corpus, void (*target)(std::string_view),
                   int mutations = kMutationsPerSeed) {
  ASSERT_FALSE(corpus.empty());
  Mutator mutate;
  for (const std::string& seed : corpus) {
    target(seed);
    // From the heap and not longer than it is: a read past the end is seen by the sanitizers.
    for (int left = mutations; left > 0; --left) target(mutate(seed));
  }
}

}  // namespace solo::test
