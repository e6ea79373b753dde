// The log in another process, which the test may kill: this test program itself, started with a mode instead of flags.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "tests/support/child.h"

namespace solo::testing {

/// The value of record `offset`, which tells where it belongs; a few hundred bytes, as events have.
std::string value_at(std::int64_t offset);

/// Holds the log open; appends nothing. The file `ready` is there when it is open.
std::unique_ptr<Child> start_holder(const std::filesystem::path& log, const std::filesystem::path& ready);

/// Appends as fast as it can from several threads, and writes `OFFSET VALUE` to `acknowledged` for each that is
/// durable.
std::unique_ptr<Child> start_appender(const std::filesystem::path& log, const std::filesystem::path& acknowledged);

/// The same over a PowerCutEnv, with records of a few kilobytes and a small write buffer, so that tables are written
/// and merged all the time. It ends by itself, unless the operation never comes.
struct PowerCutRun {
  std::filesystem::path journal;
  std::uint64_t operation = 0;
  bool sync = true;
};
std::unique_ptr<Child> start_appender_until_power_cut(const std::filesystem::path& log,
                                                      const std::filesystem::path& acknowledged,
                                                      const PowerCutRun& run);

/// The whole lines of that file.
std::map<std::int64_t, std::string> read_acknowledged(const std::filesystem::path& file);

/// Makes the log hold `end` records, record N with value_at(N), by a process that is killed as soon as all are durable.
/// Up to 100 records are committed one by one.
/// `write_buffer` 0: the log's own.
void fill_and_crash(const std::filesystem::path& log, std::int64_t end, std::size_t write_buffer = 0);

/// The modes, in the child. Nothing: these are no mode's arguments.
std::optional<int> run_mode(int argc, char** argv);

}  // namespace solo::testing
