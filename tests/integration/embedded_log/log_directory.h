// A log's directory in a test: opening it, reading it, and looking at what lies in it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "producers/embedded_log.h"
#include "tests/support/temp_dir.h"

namespace solo::testing {

class LogDirectory : public ::testing::Test {
 protected:
  std::filesystem::path directory() const { return temp_.path() / "log"; }
  std::filesystem::path database() const { return directory() / "db"; }
  std::filesystem::path beside(const std::string& name) const { return temp_.path() / name; }

  producers::EmbeddedLogOptions options() const {
    producers::EmbeddedLogOptions result;
    result.directory = directory();
    return result;
  }
  schemas::Result<std::unique_ptr<producers::EmbeddedLog>> open(producers::EmbeddedLogOptions with) {
    report_ = {};
    return producers::EmbeddedLog::open(std::move(with), clock_, entropy_, &report_);
  }
  schemas::Result<std::unique_ptr<producers::EmbeddedLog>> open() { return open(options()); }
  /// What the last open() reported.
  const producers::LogOpenReport& report() const { return report_; }

  /// Files of the database with this extension, oldest first.
  std::vector<std::filesystem::path> files(const std::string& extension) const;
  /// The write-ahead log that is not empty; there must be one only.
  std::filesystem::path wal() const;
  /// What was set aside as evidence.
  std::vector<std::filesystem::path> evidence() const;
  /// As an old sync or a power failure would have left it.
  void set_mark(std::int64_t end) const;
  void append_to_file(const std::filesystem::path& file, const std::string& bytes) const;
  void flip_byte(const std::filesystem::path& file, std::int64_t at) const;

 private:
  TempDir temp_;
  producers::SystemClock clock_;
  producers::SystemEntropy entropy_;
  producers::LogOpenReport report_;
};

/// The values of all records behind the genesis.
schemas::Result<std::vector<std::string>> read_values(producers::EmbeddedLog& log);

/// Appends and waits.
producers::AppendResult append(producers::EventWriter& writer, const std::string& value);
bool is_durable(const producers::AppendResult& result);
bool is_unknown(const producers::AppendResult& result);
bool is_refused(const producers::AppendResult& result);
schemas::Error error_of(const producers::AppendResult& result);

}  // namespace solo::testing
