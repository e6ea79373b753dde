// Looking at an embedded log from another process than the one that writes it: its bounds, a range of its records, and
// a check of every one of them.
//
// While a daemon has the log open, it is followed as a RocksDB secondary, up to the durable mark: what is not
// acknowledged is not shown. While nobody has it open, it is read as it lies there. Nothing is written to its
// directory. Threads: one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "producers/event_log.h"
#include "schemas/position.h"
#include "schemas/result.h"

namespace solo::producers {

struct LogDamage {
  /// The first record that is missing or damaged.
  std::int64_t offset = 0;
  schemas::Error error;
};

struct LogCheck {
  /// Sound records, from the first on.
  std::int64_t records = 0;
  std::uint64_t bytes = 0;
  /// What it should hold.
  Bounds bounds;
  std::optional<LogDamage> damage;
};

class LogInspector {
 public:
  /// `directory`: STATE/log. not_found: no log there. permission_denied. data_loss: it is too damaged to be opened.
  /// unavailable (retryable): the daemon was starting or stopping just now.
  static schemas::Result<std::unique_ptr<LogInspector>> open(const std::filesystem::path& directory);
  ~LogInspector();
  LogInspector(const LogInspector&) = delete;
  LogInspector& operator=(const LogInspector&) = delete;

  /// A daemon had it open when this was opened.
  bool live() const;

  /// As of now.
  schemas::Result<Bounds> bounds();
  schemas::Result<Genesis> genesis();

  /// Records from `from` on, up to the limits; empty: none there yet, ask again (or, if nobody writes, the end).
  /// data_loss: record `from` is missing or damaged.
  schemas::Result<std::vector<schemas::LogRecord>> read(std::int64_t from, std::size_t max_records,
                                                        std::size_t max_bytes = 4 * 1024 * 1024);

  /// Reads everything. An error: it could not be read; damage is no error but in the answer. `progress` is told how far
  /// it is, from time to time, and may end it early by returning false.
  schemas::Result<LogCheck> check(const std::function<bool(const LogCheck&)>& progress = {});

 private:
  struct Impl;
  explicit LogInspector(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::producers
