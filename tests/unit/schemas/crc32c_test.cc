#include "schemas/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace solo::schemas {
namespace {

// The values of RFC 3720, B.4, and the usual check value.
TEST(Crc32c, AgreesWithThePublishedValues) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(Crc32c, CanBeTakenInPieces) {
  const std::string text = "an offset, then a key, then a value";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(crc32c(text.substr(cut), crc32c(text.substr(0, cut))), crc32c(text));
  }
}

}  // namespace
}  // namespace solo::schemas
