#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "schemas/codec.h"
#include "schemas/schemas.h"
#include "tests/contract/log/log_contract.h"

namespace solo::testing {

namespace {

using producers::AppendResult;
using producers::Durable;
using producers::Refused;
using schemas::ErrorCode;

TEST_P(LogContract, OffsetZeroOfEveryPartitionNamesTheLog) {
  for (std::int32_t partition = 0; partition < log().partitions(); ++partition) {
    auto from = reader(partition, 0);
    const auto records = read(*from, 1);
    ASSERT_EQ(records.size(), 1u);
    const auto event = schemas::decode_event(records[0].value);
    ASSERT_TRUE(event) << event.error().message;
    const auto* genesis = event->payload.AsSystemInitialized();
    ASSERT_NE(genesis, nullptr);
    EXPECT_EQ(genesis->log_uuid, log().genesis().log_uuid);
    EXPECT_EQ(genesis->partition, static_cast<std::uint32_t>(partition));
    EXPECT_EQ(genesis->partitions, static_cast<std::uint32_t>(log().partitions()));
    EXPECT_EQ(genesis->rules, 1u);
  }
}

TEST_P(LogContract, ARecordLiesInThePartitionOfItsKeyUnderTheOffsetItWasAcknowledgedWith) {
  for (std::int32_t partition = 0; partition < log().partitions(); ++partition) {
    const auto key = key_of(partition);
    const auto position = put(key, "value of " + key);
    EXPECT_EQ(position.partition, partition);
    auto from = reader(partition, position.offset);
    const auto records = read(*from, 1);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].position, position);
    EXPECT_EQ(records[0].key, key);
    EXPECT_EQ(records[0].value, "value of " + key);
    EXPECT_GT(records[0].timestamp, 0);
  }
}

TEST_P(LogContract, EveryByteValueAndTheEmptyValueComeBackAsTheyWere) {
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every.push_back(static_cast<char>(byte));
  const auto key = key_of(0);
  const auto first = put(key, every);
  put(key, "");
  auto from = reader(0, first.offset);
  const auto records = read(*from, 2);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].value, every);
  EXPECT_EQ(records[1].value, "");
}

TEST_P(LogContract, AppendToPutsARecordWhereItIsTold) {
  const auto last = log().partitions() - 1;
  std::promise<AppendResult> ending;
  log().observations().append_to(last, "system", "claim", [&](AppendResult result) { ending.set_value(result); });
  const auto result = ending.get_future().get();
  const auto* durable = std::get_if<Durable>(&result);
  ASSERT_NE(durable, nullptr);
  EXPECT_EQ(durable->position.partition, last);
}

TEST_P(LogContract, APartitionTheLogHasNotIsRefused) {
  std::promise<AppendResult> ending;
  log().commands().append_to(log().partitions(), "a", "b", [&](AppendResult result) { ending.set_value(result); });
  const auto result = ending.get_future().get();
  ASSERT_TRUE(std::holds_alternative<Refused>(result));
  EXPECT_EQ(error_of(result)->code, ErrorCode::invalid_argument);
  EXPECT_FALSE(log().bounds(log().partitions()));
}

TEST_P(LogContract, APartitionsOffsetsAscendInTheOrderOfTheAppends) {
  const auto key = key_of(0);
  std::vector<std::future<AppendResult>> endings;
  for (int number = 0; number < 500; ++number) {
    endings.push_back(start_append(log().commands(), key, std::to_string(number)));
  }
  std::int64_t before = 0;
  for (auto& ending : endings) {
    const auto result = ending.get();
    const auto* durable = std::get_if<Durable>(&result);
    ASSERT_NE(durable, nullptr);
    EXPECT_GT(durable->position.offset, before);
    before = durable->position.offset;
  }
  const auto records = read_all(0);
  ASSERT_EQ(records.size(), 501u);
  for (std::size_t at = 1; at < records.size(); ++at) EXPECT_EQ(records[at].value, std::to_string(at - 1));
}

TEST_P(LogContract, AnEventOverTheLimitIsRefusedAndNothingIsWritten) {
  const auto before = log().bounds(0)->end;
  const auto result = start_append(log().commands(), key_of(0), std::string(schemas::kMaxEventBytes + 1, 'x')).get();
  ASSERT_TRUE(std::holds_alternative<Refused>(result));
  EXPECT_EQ(error_of(result)->code, ErrorCode::invalid_argument);
  EXPECT_FALSE(error_of(result)->retryable);
  EXPECT_EQ(log().bounds(0)->end, before);
  EXPECT_EQ(put(key_of(0), std::string(schemas::kMaxEventBytes, 'x')).offset, before);
}

TEST_P(LogContract, EveryAppendOfManyThreadsEndsOnceAndIsRead) {
  constexpr int kThreads = 8;
  constexpr int kEach = 200;
  std::atomic<int> endings = 0;
  std::mutex mutex;
  std::map<schemas::Position, std::string> acknowledged;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      auto& writer = thread % 2 == 0 ? log().commands() : log().observations();
      for (int number = 0; number < kEach; ++number) {
        const auto value = std::to_string(thread) + "/" + std::to_string(number);
        writer.append("tenant-" + std::to_string(thread), value, [&, value](AppendResult result) {
          ++endings;
          const auto* durable = std::get_if<Durable>(&result);
          if (durable == nullptr) return;
          const std::lock_guard lock(mutex);
          acknowledged[durable->position] = value;
        });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_TRUE(log().commands().drain(patience()));
  ASSERT_TRUE(log().observations().drain(patience()));
  EXPECT_EQ(endings, kThreads * kEach);
  EXPECT_EQ(acknowledged.size(), static_cast<std::size_t>(kThreads * kEach));

  std::map<std::string, int> next;
  for (std::int32_t partition = 0; partition < log().partitions(); ++partition) {
    for (const auto& record : read_all(partition)) {
      if (record.position.offset == 0) continue;
      EXPECT_EQ(acknowledged[record.position], record.value);
      const auto slash = record.value.find('/');
      EXPECT_EQ(std::stoi(record.value.substr(slash + 1)), next[record.value.substr(0, slash)]++);
    }
  }
}

TEST_P(LogContract, DrainWaitsForWhatWasAppendedBefore) {
  EXPECT_TRUE(log().commands().drain(patience()));
  std::atomic<int> ended = 0;
  for (int number = 0; number < 100; ++number) {
    log().commands().append(key_of(0), "x", [&](AppendResult) { ++ended; });
  }
  EXPECT_TRUE(log().commands().drain(patience()));
  EXPECT_EQ(ended, 100);
}

TEST_P(LogContract, ClosingEndsWhatIsOutstandingAndKeepsWhatWasAcknowledged) {
  std::mutex mutex;
  std::map<schemas::Position, std::string> acknowledged;
  int ended = 0;
  for (int number = 0; number < 300; ++number) {
    const auto value = std::to_string(number);
    log().commands().append(key_of(0), value, [&, value](AppendResult result) {
      const std::lock_guard lock(mutex);
      ++ended;
      if (const auto* durable = std::get_if<Durable>(&result)) acknowledged[durable->position] = value;
    });
  }
  reopen();
  EXPECT_EQ(ended, 300);
  std::map<schemas::Position, std::string> found;
  for (const auto& record : read_all(0)) found[record.position] = record.value;
  for (const auto& [position, value] : acknowledged) EXPECT_EQ(found[position], value);
}

TEST_P(LogContract, ReopeningKeepsTheLogAndGoesOnBehindIt) {
  const auto uuid = log().genesis().log_uuid;
  const auto first = put(key_of(0), "before");
  reopen();
  EXPECT_EQ(log().genesis().log_uuid, uuid);
  const auto second = put(key_of(0), "after");
  EXPECT_GT(second.offset, first.offset);
  const auto records = read_all(0);
  ASSERT_GE(records.size(), 3u);
  EXPECT_EQ(records[records.size() - 2].value, "before");
  EXPECT_EQ(records.back().value, "after");
}

TEST_P(LogContract, AnAppendMayBeStartedFromAnEnding) {
  std::promise<AppendResult> second;
  const auto key = key_of(0);
  log().commands().append(key, "first", [&](AppendResult) {
    log().commands().append(key, "second", [&](AppendResult result) { second.set_value(std::move(result)); });
  });
  EXPECT_TRUE(std::holds_alternative<Durable>(second.get_future().get()));
}

TEST_P(LogContract, AnObservationRefusedForItsSizeTakesTheOnesBehindItAlongUntilItIsTold) {
  std::vector<std::string> endings;
  std::atomic<bool> command_durable = false;
  std::mutex mutex;
  const auto note = [&](std::string name) {
    return [&, name](AppendResult result) {
      const std::lock_guard lock(mutex);
      endings.push_back(name + (std::holds_alternative<Durable>(result) ? " durable" : " refused"));
    };
  };
  const auto key = key_of(0);
  std::promise<void> started;
  std::promise<void> go_on;
  // Holds the log's thread in an ending, so that the three behind it are queued together.
  log().observations().append(key, "first", [&](AppendResult) {
    started.set_value();
    go_on.get_future().wait();
  });
  started.get_future().wait();
  log().observations().append(key, std::string(schemas::kMaxEventBytes + 1, 'x'), note("oversize"));
  log().observations().append(key, "behind", note("behind"));
  log().commands().append(key, "command",
                          [&](AppendResult result) { command_durable = std::holds_alternative<Durable>(result); });
  go_on.set_value();
  ASSERT_TRUE(log().observations().drain(patience()));
  ASSERT_TRUE(log().commands().drain(patience()));
  log().observations().append(key, "again", note("again"));
  ASSERT_TRUE(log().observations().drain(patience()));
  EXPECT_EQ(endings, (std::vector<std::string>{"oversize refused", "behind refused", "again durable"}));
  EXPECT_TRUE(command_durable);
}

}  // namespace
}  // namespace solo::testing
