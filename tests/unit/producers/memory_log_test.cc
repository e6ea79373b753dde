#include "producers/memory_log.h"

#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <string>
#include <vector>

#include "schemas/schemas.h"

namespace solo::producers {
namespace {

AppendResult append(EventWriter& writer, const std::string& value) {
  std::promise<AppendResult> ending;
  writer.append("acme", value, [&](AppendResult result) { ending.set_value(std::move(result)); });
  return ending.get_future().get();
}

TEST(MemoryLog, AFaultIsUsedUpAndThenAppendsAreDurableAgain) {
  MemoryLog log;
  log.fail_next(AppendFault::refuse, 2);
  EXPECT_TRUE(std::holds_alternative<Refused>(append(log.commands(), "a")));
  EXPECT_TRUE(std::holds_alternative<Refused>(append(log.commands(), "b")));
  EXPECT_TRUE(std::holds_alternative<Durable>(append(log.commands(), "c")));
  ASSERT_EQ(log.records().size(), 2u);
  EXPECT_EQ(log.records().back().value, "c");
}

TEST(MemoryLog, AnUnknownAppendIsInTheLogOrNotAsTheTestSays) {
  MemoryLog log;
  log.fail_next(AppendFault::unknown_written);
  log.fail_next(AppendFault::unknown_not_written);
  EXPECT_TRUE(std::holds_alternative<Unknown>(append(log.commands(), "there")));
  EXPECT_TRUE(std::holds_alternative<Unknown>(append(log.commands(), "not there")));
  ASSERT_EQ(log.records().size(), 2u);
  EXPECT_EQ(log.records().back().value, "there");
}

TEST(MemoryLog, HeldAppendsStayOutstandingUntilTheyAreReleased) {
  MemoryLog log;
  log.hold();
  std::promise<AppendResult> ending;
  auto ended = ending.get_future();
  log.commands().append("acme", "a", [&](AppendResult result) { ending.set_value(std::move(result)); });
  EXPECT_FALSE(log.commands().drain(std::chrono::steady_clock::now() + std::chrono::milliseconds(5)));
  EXPECT_EQ(ended.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  log.release();
  EXPECT_TRUE(std::holds_alternative<Durable>(ended.get()));
}

TEST(MemoryLog, ObservationsBehindOneThatFailedAreRefusedAndCommandsAreNot) {
  MemoryLog log;
  std::mutex mutex;
  std::vector<std::string> endings;
  const auto note = [&](const std::string& name) {
    return [&, name](const AppendResult& result) {
      const std::lock_guard lock(mutex);
      const char* how = std::holds_alternative<Durable>(result)   ? " durable"
                        : std::holds_alternative<Refused>(result) ? " refused"
                                                                  : " unknown";
      endings.push_back(name + how);
    };
  };
  log.hold();
  log.fail_next(AppendFault::unknown_written);
  log.observations().append("acme", "1", note("first"));
  log.observations().append("acme", "2", note("second"));
  log.commands().append("acme", "3", note("command"));
  log.release();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  ASSERT_TRUE(log.observations().drain(deadline));
  ASSERT_TRUE(log.commands().drain(deadline));
  EXPECT_EQ(endings, (std::vector<std::string>{"first unknown", "second refused", "command durable"}));
  EXPECT_TRUE(std::holds_alternative<Durable>(append(log.observations(), "again")));
}

TEST(MemoryLog, AFullOneRefusesAndSaysSo) {
  MemoryLog log;
  log.set_writable(false);
  const auto result = append(log.commands(), "a");
  ASSERT_TRUE(std::holds_alternative<Refused>(result));
  EXPECT_EQ(std::get<Refused>(result).error.code, schemas::ErrorCode::resource_exhausted);
  EXPECT_FALSE(log.condition().writable);
  log.set_writable(true);
  EXPECT_TRUE(std::holds_alternative<Durable>(append(log.commands(), "b")));
}

TEST(MemoryLog, DamageIsReadAsDataLossUnderItsOffset) {
  MemoryLog log;
  log.put(0, "acme", "a");
  log.put(0, "acme", "b");
  log.damage({0, 2});
  EXPECT_EQ(log.read({0, 0}, 10, 1000)->size(), 2u);
  EXPECT_EQ(log.read({0, 2}, 10, 1000).error().code, schemas::ErrorCode::data_loss);
}

}  // namespace
}  // namespace solo::producers
