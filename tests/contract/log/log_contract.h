// The suite's fixture: an open log, and the shortest way to append, wait and read.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/contract/log/log_factory.h"

namespace solo::testing {

inline constexpr std::chrono::seconds kPatience{30};

inline std::chrono::steady_clock::time_point patience() { return std::chrono::steady_clock::now() + kPatience; }

/// Starts an append; the future is its ending.
inline std::future<producers::AppendResult> start_append(producers::EventWriter& writer, std::string key,
                                                         std::string value) {
  auto ending = std::make_shared<std::promise<producers::AppendResult>>();
  auto future = ending->get_future();
  writer.append(std::move(key), std::move(value),
                [ending](producers::AppendResult result) { ending->set_value(std::move(result)); });
  return future;
}

inline const schemas::Error* error_of(const producers::AppendResult& result) {
  if (const auto* refused = std::get_if<producers::Refused>(&result)) return &refused->error;
  if (const auto* unknown = std::get_if<producers::Unknown>(&result)) return &unknown->error;
  return nullptr;
}

class LogContract : public ::testing::TestWithParam<LogFactory> {
 protected:
  LogContract() : under_test_(GetParam().make()) { under_test_->open(); }

  producers::EventLog& log() { return under_test_->log(); }
  void close() { under_test_->close(); }
  void reopen() {
    under_test_->close();
    under_test_->open();
  }

  /// Appends and waits for the position; a test failure if it is not durable.
  schemas::Position put(const std::string& key, const std::string& value) {
    auto ending = start_append(log().commands(), key, value);
    if (ending.wait_for(kPatience) != std::future_status::ready) {
      ADD_FAILURE() << "the append did not end";
      return {};
    }
    const auto result = ending.get();
    if (const auto* error = error_of(result)) ADD_FAILURE() << "not durable: " << error->message;
    const auto* durable = std::get_if<producers::Durable>(&result);
    return durable != nullptr ? durable->position : schemas::Position{};
  }

  std::unique_ptr<consumers::EventReader> reader(std::int32_t partition, std::int64_t from_offset) {
    return under_test_->reader(partition, from_offset);
  }

  /// Reads until `count` records are there; fewer and a test failure when they do not come.
  std::vector<schemas::LogRecord> read(consumers::EventReader& from, std::size_t count) {
    std::vector<schemas::LogRecord> found;
    const auto deadline = patience();
    while (found.size() < count && std::chrono::steady_clock::now() < deadline) {
      consumers::ReadLimits limits;
      limits.max_records = count - found.size();
      auto records = from.read(limits, std::chrono::milliseconds(100));
      if (!records) {
        ADD_FAILURE() << records.error().message;
        return found;
      }
      for (auto& record : *records) found.push_back(std::move(record));
    }
    EXPECT_EQ(found.size(), count);
    return found;
  }

  /// Everything in a partition, genesis included.
  std::vector<schemas::LogRecord> read_all(std::int32_t partition) {
    const auto bounds = log().bounds(partition);
    EXPECT_TRUE(bounds);
    auto from = reader(partition, bounds->first);
    return read(*from, static_cast<std::size_t>(bounds->end - bounds->first));
  }

  /// A key whose partition is this one.
  std::string key_of(std::int32_t partition) const;

 private:
  std::unique_ptr<LogUnderTest> under_test_;
};

}  // namespace solo::testing
