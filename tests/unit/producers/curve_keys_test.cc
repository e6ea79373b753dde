#include "producers/curve_keys.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zmq.h>

#include <cctype>
#include <fstream>

#include "tests/support/temp_dir.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;

class CurveKeys : public ::testing::Test {
 protected:
  std::string text() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  SystemEntropy entropy_;
  testing::TempDir directory_;
  std::filesystem::path path_ = directory_.path() / "client.key";
};

TEST_F(CurveKeys, ThePublicHalfIsTheOneThatLibzmqDerives) {
  const CurveKeyPair keys = make_curve_keys(entropy_);
  std::array<char, 41> derived{};
  ASSERT_EQ(zmq_curve_public(derived.data(), to_z85(keys.secret_key).c_str()), 0);
  EXPECT_EQ(to_z85(keys.public_key), derived.data());
}

TEST_F(CurveKeys, APublicKeyLooksLikeNothingElseOnACommandLine) {
  for (int key = 0; key < 200; ++key) {
    const std::string text = to_z85(make_curve_keys(entropy_).public_key);
    ASSERT_TRUE(std::isalnum(static_cast<unsigned char>(text.front()))) << text;
  }
}

TEST_F(CurveKeys, AFileIsForItsOwnerAloneAndReadBack) {
  const CurveKeyPair keys = make_curve_keys(entropy_);
  ASSERT_TRUE(write_curve_keys(path_, keys));
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  const auto read = read_curve_keys(path_);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->public_key, keys.public_key);
  EXPECT_EQ(read->secret_key, keys.secret_key);
}

TEST_F(CurveKeys, AFileThatIsThereIsNotOverwritten) {
  ASSERT_TRUE(write_curve_keys(path_, make_curve_keys(entropy_)));
  const std::string before = text();
  const auto again = write_curve_keys(path_, make_curve_keys(entropy_));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::already_exists);
  EXPECT_EQ(text(), before);
}

TEST_F(CurveKeys, AFileThatOthersMayReadIsRefused) {
  ASSERT_TRUE(write_curve_keys(path_, make_curve_keys(entropy_)));
  std::filesystem::permissions(path_, std::filesystem::perms::group_read, std::filesystem::perm_options::add);
  const auto read = read_curve_keys(path_);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::failed_precondition);
  EXPECT_NE(read.error().hint.find("chmod 600"), std::string::npos);
}

TEST_F(CurveKeys, HalvesOfTwoPairsAreNoPairAndNoErrorRepeatsASecret) {
  const CurveKeyPair one = make_curve_keys(entropy_);
  const std::string secret = to_z85(make_curve_keys(entropy_).secret_key);
  for (const std::string& content :
       {"public " + to_z85(one.public_key) + "\nsecret " + secret + "\n", "secret " + secret + "\n", secret,
        "public " + secret + "x\nsecret " + secret + "x\n", std::string()}) {
    std::filesystem::remove(path_);
    std::ofstream(path_) << content;
    std::filesystem::permissions(path_, std::filesystem::perms::owner_read);
    const auto read = read_curve_keys(path_);
    ASSERT_FALSE(read) << content;
    EXPECT_EQ(read.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ((read.error().message + read.error().hint).find(secret), std::string::npos);
  }
}

TEST_F(CurveKeys, ThePairOfAStateIsMadeOnceAndStays) {
  const auto made = read_or_make_curve_keys(path_, entropy_);
  ASSERT_TRUE(made);
  const auto again = read_or_make_curve_keys(path_, entropy_);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->secret_key, made->secret_key);
}

}  // namespace
}  // namespace solo::producers
