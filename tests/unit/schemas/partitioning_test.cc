#include "schemas/partitioning.h"

#include <gtest/gtest.h>

namespace solo::schemas {
namespace {

// The values of Kafka's own UtilsTest.
TEST(Partitioning, HashIsTheOneOfKafkasClients) {
  EXPECT_EQ(static_cast<std::int32_t>(murmur2("21")), -973932308);
  EXPECT_EQ(static_cast<std::int32_t>(murmur2("foobar")), -790332482);
  EXPECT_EQ(static_cast<std::int32_t>(murmur2("a-little-bit-long-string")), -985981536);
  EXPECT_EQ(static_cast<std::int32_t>(murmur2("a-little-bit-longer-string")), -1486304829);
  EXPECT_EQ(static_cast<std::int32_t>(murmur2("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8")), -58897971);
  EXPECT_EQ(static_cast<std::int32_t>(murmur2("abc")), 479470107);
}

TEST(Partitioning, EveryKeyHasAPartitionOfTheLog) {
  for (const char* key : {"", "a", "acme", "globex", "system"}) {
    EXPECT_EQ(partition_of(key, 1), 0);
    EXPECT_GE(partition_of(key, 7), 0);
    EXPECT_LT(partition_of(key, 7), 7);
  }
}

}  // namespace
}  // namespace solo::schemas
