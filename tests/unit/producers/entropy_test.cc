#include "producers/entropy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>

namespace solo::producers {
namespace {

/// Hands out the bytes it was given, over and over.
class ScriptedEntropy final : public Entropy {
 public:
  explicit ScriptedEntropy(std::string bytes) : bytes_(std::move(bytes)) {}
  void fill(std::span<std::uint8_t> out) override {
    for (auto& byte : out) byte = static_cast<std::uint8_t>(bytes_[next_++ % bytes_.size()]);
  }

 private:
  std::string bytes_;
  std::size_t next_ = 0;
};

TEST(Entropy, AUuidIsVersionFourInItsTextForm) {
  EXPECT_EQ(ScriptedEntropy(std::string(1, '\xff')).uuid(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
  EXPECT_EQ(ScriptedEntropy(std::string(1, '\0')).uuid(), "00000000-0000-4000-8000-000000000000");
}

TEST(Entropy, UuidsOfTheSystemDiffer) {
  SystemEntropy entropy;
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(entropy.uuid());
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(Entropy, BelowStaysBelowAndReachesEveryValue) {
  SystemEntropy entropy;
  std::array<int, 7> counts{};
  for (int i = 0; i < 7000; ++i) ++counts.at(entropy.below(7));
  EXPECT_GT(*std::min_element(counts.begin(), counts.end()), 700);
  EXPECT_EQ(entropy.below(1), 0U);
}

TEST(Entropy, BelowDrawsAgainWhereARemainderWouldBeFavoured) {
  // 2^64 mod 7 = 2: draws 0 and 1 are thrown away; then 9 mod 7 = 2.
  ScriptedEntropy entropy(std::string("\1\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0", 16));
  EXPECT_EQ(entropy.below(7), 2U);
}

}  // namespace
}  // namespace solo::producers
