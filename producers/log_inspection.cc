#include "producers/log_inspection.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

#include "producers/durable_mark.h"
#include "producers/file_io.h"
#include "producers/genesis.h"
#include "producers/log_opening.h"
#include "producers/record_store.h"

namespace solo::producers {
namespace {

namespace fs = std::filesystem;

using schemas::ErrorCode;
using schemas::fail;
using schemas::LogRecord;
using schemas::Result;

/// Where a secondary keeps its own files; gone when this is.
class ScratchDirectory {
 public:
  static Result<ScratchDirectory> make() {
    std::error_code error;
    const auto parent = fs::temp_directory_path(error);
    if (error) return fail(errno_error(error.value(), "find", "the directory for temporary files"));
    auto pattern = (parent / fmt::format("solo-log-{}-XXXXXX", ::getpid())).native();
    if (::mkdtemp(pattern.data()) == nullptr) return fail(errno_error("create", pattern));
    return ScratchDirectory(pattern);
  }
  ScratchDirectory(ScratchDirectory&& other) noexcept : path_(std::exchange(other.path_, fs::path())) {}
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  ~ScratchDirectory() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  explicit ScratchDirectory(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

}  // namespace

struct LogInspector::Impl {
  fs::path lock_path;
  /// Only while a daemon writes. The scratch directory goes after the store that uses it.
  std::optional<ScratchDirectory> scratch;
  std::unique_ptr<RecordStore> store;
  std::unique_ptr<DurableMark> mark;

  bool live() const { return scratch.has_value(); }
  std::int64_t marked_end() const { return mark ? mark->end() : 0; }
  Result<std::vector<LogRecord>> read_live(const ReadRange& range);
  Result<std::vector<LogRecord>> read_stopped(const ReadRange& range);
};

/// Following reads the list of table files first and the write-ahead logs after it; what the writer moved from the one
/// to the other in between is seen by the next attempt. Only what is missing every time is missing.
Result<std::vector<LogRecord>> LogInspector::Impl::read_live(const ReadRange& range) {
  constexpr int kAttempts = 5;
  Result<std::vector<LogRecord>> found;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (auto caught_up = store->catch_up(); !caught_up) {
      found = fail(caught_up.error());
      continue;
    }
    found = store->read(range);
    if (found && (!found->empty() || range.from >= range.end)) return found;
  }
  return found;
}

Result<std::vector<LogRecord>> LogInspector::Impl::read_stopped(const ReadRange& range) {
  auto found = store->read(range);
  if (found) return found;
  // A daemon that has started since rewrites what this one is looking at.
  const auto held = DirectoryLock::is_held(lock_path);
  if (held && *held) {
    return fail(ErrorCode::unavailable, "a daemon has opened the log in the meantime", "ask again", true);
  }
  return found;
}

LogInspector::LogInspector(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LogInspector::~LogInspector() = default;

bool LogInspector::live() const { return impl_->live(); }

Result<std::unique_ptr<LogInspector>> LogInspector::open(const fs::path& directory) {
  const LogPaths paths(directory);
  if (::access(directory.c_str(), R_OK | X_OK) != 0 && errno != ENOENT) return fail(errno_error("read", directory));
  if (!RecordStore::exists(paths.database)) {
    return fail(ErrorCode::not_found, fmt::format("no log in {}", directory.native()));
  }
  const auto held = DirectoryLock::is_held(paths.lock);
  if (!held) return fail(held.error());
  auto impl = std::make_unique<Impl>();
  impl->lock_path = paths.lock;
  auto mark = DurableMark::open_read_only(paths.mark);
  if (!mark && mark.error().code != ErrorCode::data_loss) return fail(mark.error());
  if (mark) impl->mark = std::move(*mark);

  RecordStore::Options options;
  options.directory = paths.database;
  if (*held) {
    auto scratch = ScratchDirectory::make();
    if (!scratch) return fail(scratch.error());
    impl->scratch.emplace(std::move(*scratch));
  }
  auto store = *held ? RecordStore::open_beside(options, impl->scratch->path()) : RecordStore::open_stopped(options);
  if (!store) {
    const auto held_now = DirectoryLock::is_held(paths.lock);
    if (held_now && *held_now == *held && !*held) return fail(store.error());
    return fail(ErrorCode::unavailable, store.error().message, "the log is being opened or closed: ask again", true);
  }
  impl->store = std::move(*store);
  return std::unique_ptr<LogInspector>(new LogInspector(std::move(impl)));
}

Result<Bounds> LogInspector::bounds() {
  if (impl_->live()) return Bounds{0, impl_->marked_end()};
  const auto end = impl_->store->end();
  if (end) return Bounds{0, std::max(*end, impl_->marked_end())};
  // The last record is damaged: the mark still says how far it went.
  if (end.error().code == ErrorCode::data_loss && impl_->mark) return Bounds{0, impl_->marked_end()};
  return fail(end.error());
}

Result<Genesis> LogInspector::genesis() {
  const auto first = read(0, 1);
  if (!first) return fail(first.error());
  if (first->empty()) return fail(ErrorCode::unavailable, "the log is being made", "ask again", true);
  return decode_genesis(first->front().value);
}

Result<std::vector<LogRecord>> LogInspector::read(std::int64_t from, std::size_t max_records, std::size_t max_bytes) {
  const auto until = bounds();
  if (!until) return fail(until.error());
  const ReadRange range{from, until->end, max_records, max_bytes};
  return impl_->live() ? impl_->read_live(range) : impl_->read_stopped(range);
}

Result<LogCheck> LogInspector::check(const std::function<bool(const LogCheck&)>& progress) {
  constexpr std::size_t kRecordsAtOnce = 10'000;
  LogCheck found;
  const auto until = bounds();
  if (!until) return fail(until.error());
  found.bounds = *until;
  while (found.records < until->end) {
    const auto left = static_cast<std::size_t>(until->end - found.records);
    const auto records = read(found.records, std::min(left, kRecordsAtOnce));
    if (!records) {
      if (records.error().code != ErrorCode::data_loss) return fail(records.error());
      found.damage = LogDamage{found.records, records.error()};
      return found;
    }
    if (records->empty()) {
      return fail(ErrorCode::unavailable, fmt::format("record {} of the log cannot be seen yet", found.records),
                  "the daemon is writing: ask again", true);
    }
    for (const auto& record : *records) found.bytes += record.key.size() + record.value.size();
    found.records += static_cast<std::int64_t>(records->size());
    if (progress && !progress(found)) return found;
  }
  return found;
}

}  // namespace solo::producers
