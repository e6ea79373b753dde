#include "projections/store.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <cstdarg>
#include <fstream>
#include <system_error>

namespace solo::projections {
namespace {

using schemas::Error;
using schemas::ErrorCode;
using schemas::Result;

/// Stands in a directory in which a damaged entry was read; holds the reason.
constexpr std::string_view kDamagedMark = "DAMAGED";

constexpr int kFlushThreads = 2;

/// RocksDB's own log file is left out: on a full disk its writer aborts the process (7.8.3: SstFileManagerImpl's retry
/// writes to it). What goes wrong comes back as a Status.
class NoLogFile final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::Options store_options(rocksdb::Env* env) {
  rocksdb::Options options;
  options.create_if_missing = true;
  if (env != nullptr) options.env = env;
  // Flushes are ours to call: a memtable never fills up on its own between two of them.
  options.write_buffer_size = 128U << 20U;
  options.max_write_buffer_number = 4;
  options.max_background_jobs = 2;
  // Every database of the process flushes on these: the log's need not wait for this one's.
  options.env->IncBackgroundThreadsIfNeeded(kFlushThreads, rocksdb::Env::Priority::HIGH);
  options.allow_concurrent_memtable_write = false;
  options.compression = rocksdb::kNoCompression;
  // Opening reads as little as it can.
  options.skip_stats_update_on_db_open = true;
  options.skip_checking_sst_file_sizes_on_db_open = true;
  // Closing is no flush: what is to survive is flushed by name.
  options.avoid_flush_during_shutdown = true;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.info_log = std::make_shared<NoLogFile>();

  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_cache = rocksdb::NewLRUCache(64U << 20U);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

bool is_no_space(const rocksdb::Status& status) {
  return status.IsNoSpace() || status.ToString().find("No space left") != std::string::npos;
}

bool is_locked(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  return status.IsIOError() &&
         (text.find("lock file") != std::string::npos || text.find("lock hold by") != std::string::npos);
}

bool is_denied(const rocksdb::Status& status) {
  return status.IsIOError() && status.ToString().find("Permission denied") != std::string::npos;
}

StoreError open_error(const std::filesystem::path& directory, const rocksdb::Status& status) {
  const std::string message = fmt::format("views in {}: {}", directory.string(), status.ToString());
  if (is_no_space(status)) return {Error{ErrorCode::resource_exhausted, message, "free some space", true}};
  if (is_denied(status)) return {Error{ErrorCode::permission_denied, message}};
  if (is_locked(status)) return {Error{ErrorCode::failed_precondition, message, "another process has them open"}};
  return {Error{ErrorCode::data_loss, message}, true};
}

std::optional<std::string> read_mark(const std::filesystem::path& directory) {
  std::ifstream file(directory / kDamagedMark);
  if (!file) return std::nullopt;
  std::string reason;
  std::getline(file, reason);
  return reason.empty() ? "a damaged entry was read" : reason;
}

/// A directory with files but without RocksDB's own beginning: RocksDB would start anew over them.
bool lost_its_beginning(const std::filesystem::path& directory) {
  std::error_code ignored;
  return std::filesystem::exists(directory, ignored) && !std::filesystem::is_empty(directory, ignored) &&
         !std::filesystem::exists(directory / "CURRENT", ignored);
}

}  // namespace

Store::Store(std::filesystem::path directory, std::unique_ptr<rocksdb::DB> db)
    : directory_(std::move(directory)), db_(std::move(db)) {}

Store::~Store() = default;

tl::expected<std::unique_ptr<Store>, StoreError> Store::open(const std::filesystem::path& directory,
                                                             rocksdb::Env* env) {
  std::error_code failure;
  std::filesystem::create_directories(directory, failure);
  if (failure && !std::filesystem::exists(directory)) {
    const auto code = failure == std::errc::permission_denied    ? ErrorCode::permission_denied
                      : failure == std::errc::no_space_on_device ? ErrorCode::resource_exhausted
                                                                 : ErrorCode::internal;
    return tl::unexpected(
        StoreError{Error{code, fmt::format("views in {}: {}", directory.string(), failure.message())}});
  }
  if (auto reason = read_mark(directory)) {
    return tl::unexpected(StoreError{Error{ErrorCode::data_loss, *std::move(reason)}, true});
  }
  if (lost_its_beginning(directory)) {
    return tl::unexpected(StoreError{
        Error{ErrorCode::data_loss, fmt::format("views in {}: CURRENT is missing", directory.string())}, true});
  }
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(store_options(env), directory.string(), &opened);
  if (!status.ok()) return tl::unexpected(open_error(directory, status));
  return std::unique_ptr<Store>(new Store(directory, std::unique_ptr<rocksdb::DB>(opened)));
}

Error Store::error_of(const rocksdb::Status& status, std::string_view doing) const {
  const std::string message = fmt::format("{} views in {}: {}", doing, directory_.string(), status.ToString());
  if (is_no_space(status)) return Error{ErrorCode::resource_exhausted, message, "free some space", true};
  if (status.IsCorruption()) mark_damaged(message);
  return Error{ErrorCode::internal, message,
               status.IsCorruption() ? "the views are rebuilt from the log at the next start" : ""};
}

Error Store::damaged_entry(std::string_view what) const {
  const std::string message = fmt::format("views in {}: {} is damaged", directory_.string(), what);
  mark_damaged(message);
  return Error{ErrorCode::internal, message, "the views are rebuilt from the log at the next start"};
}

void Store::mark_damaged(const std::string& reason) const {
  // If even this cannot be written, the next read of the entry says the same again.
  std::ofstream(directory_ / kDamagedMark) << reason << '\n';
}

Result<std::optional<std::string>> Store::get(const std::string& key) const {
  std::string value;
  const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), key, &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return schemas::fail(error_of(status, "reading"));
  return std::optional<std::string>(std::move(value));
}

Result<void> Store::scan(const std::string& from, const std::string& to, const Each& each) const {
  rocksdb::ReadOptions options;
  const rocksdb::Slice bound(to);
  options.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> iterator(db_->NewIterator(options));
  for (iterator->Seek(from); iterator->Valid(); iterator->Next()) {
    if (!each(iterator->key().ToStringView(), iterator->value().ToStringView())) return {};
  }
  if (!iterator->status().ok()) return schemas::fail(error_of(iterator->status(), "reading"));
  return {};
}

Store::SnapshotHandle Store::snapshot() const {
  return {db_->GetSnapshot(), [db = db_.get()](const rocksdb::Snapshot* moment) { db->ReleaseSnapshot(moment); }};
}

namespace {

schemas::Error unreadable(const rocksdb::Status& status) {
  return Error{status.IsCorruption() ? ErrorCode::data_loss : ErrorCode::internal,
               "reading views: " + status.ToString()};
}

}  // namespace

Result<std::optional<std::string>> Store::get_at(const SnapshotHandle& moment, const std::string& key) const {
  rocksdb::ReadOptions options;
  options.snapshot = moment.get();
  std::string value;
  const rocksdb::Status status = db_->Get(options, key, &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return schemas::fail(unreadable(status));
  return std::optional<std::string>(std::move(value));
}

Result<void> Store::scan_at(const SnapshotHandle& moment, const std::string& from, const std::string& to,
                            const Each& each) const {
  rocksdb::ReadOptions options;
  options.snapshot = moment.get();
  // Looking through everything is not to push out what is in use.
  options.fill_cache = false;
  const rocksdb::Slice bound(to);
  options.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> iterator(db_->NewIterator(options));
  for (iterator->Seek(from); iterator->Valid(); iterator->Next()) {
    if (!each(iterator->key().ToStringView(), iterator->value().ToStringView())) return {};
  }
  if (!iterator->status().ok()) return schemas::fail(unreadable(iterator->status()));
  return {};
}

Result<void> Store::write(rocksdb::WriteBatch& batch) {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  rocksdb::Status status = db_->Write(options, &batch);
  // A flush that failed in the background (no space) stops all writes until RocksDB is told to go on.
  if (!status.ok() && db_->Resume().ok()) status = db_->Write(options, &batch);
  if (!status.ok()) return schemas::fail(error_of(status, "writing"));
  return {};
}

Result<void> Store::flush() {
  rocksdb::FlushOptions options;
  options.wait = true;
  options.allow_write_stall = true;
  rocksdb::Status status = db_->Flush(options);
  if (!status.ok() && db_->Resume().ok()) status = db_->Flush(options);
  if (!status.ok()) return schemas::fail(error_of(status, "flushing"));
  return {};
}

}  // namespace solo::projections
