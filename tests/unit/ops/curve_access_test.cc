#include "ops/cli/curve_access.h"

#include <gtest/gtest.h>

#include <fstream>

#include "producers/curve_keys.h"
#include "tests/support/temp_dir.h"

namespace solo::ops {
namespace {

/// One that begins with @ in Z85.
producers::CurveKey key_with_at() {
  producers::CurveKey key{};
  key[0] = 0xfc;
  key[1] = 0x10;
  return key;
}

TEST(PublicKey, ThatBeginsWithAnAtSignIsNotTakenForAFile) {
  const std::string text = producers::to_z85(key_with_at());
  ASSERT_EQ(text.front(), '@');
  const auto key = read_public_key(text);
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(*key, key_with_at());
}

TEST(PublicKey, BehindAnAtSignIsReadFromAFile) {
  const testing::TempDir directory;
  const auto path = directory.path() / "server.pub";
  std::ofstream(path) << "public " << producers::to_z85(key_with_at()) << "\n";
  const auto key = read_public_key("@" + path.string());
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(*key, key_with_at());
  EXPECT_EQ(read_public_key("@/nowhere").error().code, schemas::ErrorCode::invalid_argument);
}

TEST(PublicKey, ThatIsNoneIsRefused) {
  EXPECT_EQ(read_public_key("").error().code, schemas::ErrorCode::invalid_argument);
  EXPECT_EQ(read_public_key("short").error().code, schemas::ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace solo::ops
