// What can become of the log's last bytes, and of some before them. Behind the durable mark it is cut, and said; what
// was acknowledged is refused under the first missing offset, and the evidence kept.
#include <fmt/format.h>

#include "tests/integration/embedded_log/log_directory.h"
#include "tests/integration/embedded_log/log_process.h"

namespace solo::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kEnd = 50;

struct Damage {
  const char* name;
  /// The record it begins in.
  std::int64_t record;
  /// `at`: the first byte of that record's value.
  void (*inflict)(const fs::path& wal, std::uint64_t at);
};

void overwrite(const fs::path& wal, std::uint64_t at, const std::string& bytes) {
  std::fstream file(wal, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(at));
  file << bytes;
}

void overwrite_rest(const fs::path& wal, std::uint64_t at, char byte) {
  overwrite(wal, at, std::string(fs::file_size(wal) - at, byte));
}

void flip(const fs::path& wal, std::uint64_t at) {
  const auto byte = static_cast<char>(read_file(wal).at(at) ^ 1);
  overwrite(wal, at, std::string(1, byte));
}

const Damage kDamages[] = {
    {"LastRecordTruncated", kEnd - 1, [](const fs::path& wal, std::uint64_t at) { fs::resize_file(wal, at + 10); }},
    {"LastRecordGoneButForItsFirstBytes", kEnd - 1,
     [](const fs::path& wal, std::uint64_t at) { fs::resize_file(wal, at - 40); }},
    {"LastRecordZeroed", kEnd - 1, [](const fs::path& wal, std::uint64_t at) { overwrite_rest(wal, at - 40, '\0'); }},
    {"LastRecordFilledWithGarbage", kEnd - 1,
     [](const fs::path& wal, std::uint64_t at) { overwrite_rest(wal, at - 40, '\x5a'); }},
    {"ByteFlippedInTheLastRecord", kEnd - 1, flip},
    {"LastByteFlipped", kEnd - 1,
     [](const fs::path& wal, std::uint64_t) { flip(wal, static_cast<std::uint64_t>(fs::file_size(wal)) - 1); }},
    {"TruncatedInAnEarlierRecord", 30, [](const fs::path& wal, std::uint64_t at) { fs::resize_file(wal, at + 10); }},
    {"ZeroedFromAnEarlierRecordOn", 30, [](const fs::path& wal, std::uint64_t at) { overwrite_rest(wal, at, '\0'); }},
    {"FilledWithGarbageFromAnEarlierRecordOn", 30,
     [](const fs::path& wal, std::uint64_t at) { overwrite_rest(wal, at, '\x5a'); }},
    {"ByteFlippedInAnEarlierRecord", 30, flip},
};

class EndOfLog : public LogDirectory, public ::testing::WithParamInterface<Damage> {
 protected:
  void fill_and_damage() {
    fill_and_crash(directory(), kEnd);
    const auto at = read_file(wal()).find(fmt::format("record-{}-", GetParam().record));
    ASSERT_NE(at, std::string::npos);
    GetParam().inflict(wal(), at);
  }
};

TEST_P(EndOfLog, BehindTheMarkIsCutAndTheLogGoesOnThere) {
  fill_and_damage();
  set_mark(20);
  {
    const auto log = open();
    ASSERT_TRUE(log) << log.error().message;
    EXPECT_GT(report().cut_bytes, 0u);
    EXPECT_EQ((*log)->bounds(0)->end, GetParam().record);
    EXPECT_TRUE(is_durable(append((*log)->commands(), value_at(GetParam().record))));
  }
  const auto again = open();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(report().cut_bytes, 0u);
  const auto values = read_values(**again);
  ASSERT_TRUE(values) << values.error().message;
  ASSERT_EQ(static_cast<std::int64_t>(values->size()), GetParam().record);
  for (std::int64_t offset = 1; offset <= GetParam().record; ++offset) {
    EXPECT_EQ((*values)[static_cast<std::size_t>(offset - 1)], value_at(offset));
  }
  EXPECT_TRUE(evidence().empty());
}

TEST_P(EndOfLog, ThatWasAcknowledgedIsRefusedEveryTimeAndKeptAsEvidence) {
  fill_and_damage();
  for (int start = 0; start < 2; ++start) {
    const auto log = open();
    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().code, schemas::ErrorCode::data_loss) << log.error().message;
    const auto missing = fmt::format("records {} to {} ", GetParam().record, kEnd - 1);
    EXPECT_NE(log.error().message.find(missing), std::string::npos) << log.error().message;
    EXPECT_EQ(evidence().size(), 1u);
  }
}

INSTANTIATE_TEST_SUITE_P(, EndOfLog, ::testing::ValuesIn(kDamages),
                         [](const auto& damage) { return damage.param.name; });

}  // namespace
}  // namespace solo::testing
