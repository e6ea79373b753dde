#include "producers/record_store.h"

#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <utility>

#include "producers/record_format.h"
#include "producers/rocksdb_support.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::LogRecord;
using schemas::Result;

rocksdb::Options common_options(const RecordStore::Options& given) {
  rocksdb::Options options;
  if (given.env != nullptr) options.env = given.env;
  options.info_log = rocksdb_logger("log");
  options.compression = rocksdb::kNoCompression;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  rocksdb::BlockBasedTableOptions table;
  table.format_version = 5;
  table.block_size = 16 * 1024;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  return options;
}

rocksdb::Options writing_options(const RecordStore::Options& given) {
  auto options = common_options(given);
  options.create_if_missing = true;
  options.write_buffer_size = given.write_buffer_bytes;
  options.max_write_buffer_number = 3;
  // merge_tables() does it: left to itself RocksDB moves tables whose keys do not overlap down the levels as they are,
  // thousands of small ones in the end.
  options.disable_auto_compactions = true;
  // A bounded table cache opens at most 16 files now and the rest when they are read.
  options.max_open_files = 256;
  options.max_file_opening_threads = 1;
  options.skip_stats_update_on_db_open = true;
  // What was recovered goes into a table file, synced, before open returns: pages of a write-ahead log whose sync once
  // failed may say they are clean without being on the disk.
  options.avoid_flush_during_recovery = false;
  options.max_background_jobs = 2;
  return options;
}

std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

struct RecordStore::Impl {
  std::unique_ptr<rocksdb::DB> db;
  /// It may be behind the one that writes.
  bool follows = false;
};

RecordStore::RecordStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RecordStore::~RecordStore() = default;

std::unique_ptr<RecordStore> RecordStore::wrap(rocksdb::DB* db, bool follows) {
  return std::unique_ptr<RecordStore>(
      new RecordStore(std::make_unique<Impl>(Impl{std::unique_ptr<rocksdb::DB>(db), follows})));
}

Result<std::unique_ptr<RecordStore>> RecordStore::open(const Options& options) {
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::Open(writing_options(options), options.directory, &db);
  if (!status.ok()) return fail(to_error(status, "the log cannot be opened"));
  return wrap(db, false);
}

Result<std::unique_ptr<RecordStore>> RecordStore::open_stopped(const Options& options) {
  rocksdb::DB* db = nullptr;
  auto reading = common_options(options);
  reading.max_open_files = 256;
  // Looking at a damaged log must be possible: what is missing is found when it is read.
  reading.paranoid_checks = false;
  const auto status = rocksdb::DB::OpenForReadOnly(reading, options.directory, &db);
  if (!status.ok()) return fail(to_error(status, "the log cannot be read"));
  return wrap(db, false);
}

Result<std::unique_ptr<RecordStore>> RecordStore::open_beside(const Options& options,
                                                              const std::filesystem::path& scratch) {
  rocksdb::DB* db = nullptr;
  auto reading = common_options(options);
  // Every table file is kept open, because the writer may delete it at any time; one thread opens them, since a pool
  // made anew at each poll costs milliseconds.
  reading.max_open_files = -1;
  reading.max_file_opening_threads = 1;
  const auto status = rocksdb::DB::OpenAsSecondary(reading, options.directory, scratch, &db);
  if (!status.ok()) return fail(to_error(status, "the log cannot be followed"));
  return wrap(db, true);
}

bool RecordStore::exists(const std::filesystem::path& directory) {
  std::error_code error;
  return std::filesystem::exists(directory / "CURRENT", error);
}

Result<std::int64_t> RecordStore::end() const {
  const std::unique_ptr<rocksdb::Iterator> at(impl_->db->NewIterator(rocksdb::ReadOptions()));
  at->SeekToLast();
  if (!at->status().ok()) return fail(to_error(at->status(), "the log's last record cannot be read"));
  if (!at->Valid()) return 0;
  const auto last = decode_offset(view(at->key()));
  if (!last) return last;
  if (auto record = decode_record(*last, view(at->value())); !record) return fail(record.error());
  return *last + 1;
}

Result<void> RecordStore::check_tables() const {
  std::vector<rocksdb::LiveFileMetaData> tables;
  impl_->db->GetLiveFilesMetaData(&tables);
  std::sort(tables.begin(), tables.end(),
            [](const auto& left, const auto& right) { return left.smallestkey < right.smallestkey; });
  std::int64_t next = 0;
  for (const auto& table : tables) {
    const auto first = decode_offset(table.smallestkey);
    const auto last = decode_offset(table.largestkey);
    if (!first) return fail(first.error());
    if (!last) return fail(last.error());
    if (*first > next) {
      return fail(ErrorCode::data_loss, fmt::format("records {} to {} of the log are missing", next, *first - 1));
    }
    next = std::max(next, *last + 1);
  }
  return {};
}

Result<void> RecordStore::append(std::int64_t first, std::span<const NewRecord> records) {
  rocksdb::WriteBatch batch;
  auto offset = first;
  for (const auto& record : records) {
    const auto key = encode_offset(offset);
    const auto header = encode_header(offset, record.timestamp, record.key, record.value);
    const std::array<rocksdb::Slice, 1> keys{rocksdb::Slice(key.data(), key.size())};
    const std::array<rocksdb::Slice, 3> values{rocksdb::Slice(header.data(), header.size()), slice(record.key),
                                               slice(record.value)};
    const auto status =
        batch.Put(rocksdb::SliceParts(keys.data(), keys.size()), rocksdb::SliceParts(values.data(), values.size()));
    if (!status.ok()) return fail(to_error(status, "the log cannot be written"));
    ++offset;
  }
  rocksdb::WriteOptions durably;
  durably.sync = true;
  const auto status = impl_->db->Write(durably, &batch);
  if (!status.ok()) return fail(to_error(status, "the log cannot be written"));
  return {};
}

/// Gives every record of the range, checked, to `visit`, until the limits are reached.
template <class Visit>
Result<void> RecordStore::walk(const ReadRange& range, bool keep_in_cache, Visit visit) const {
  if (range.from >= range.end) return {};
  rocksdb::ReadOptions reading;
  reading.fill_cache = keep_in_cache;
  const std::unique_ptr<rocksdb::Iterator> at(impl_->db->NewIterator(reading));
  const auto first = encode_offset(range.from);
  std::size_t bytes = 0;
  std::size_t records = 0;
  auto expected = range.from;
  const auto damaged = [&](schemas::Error error) -> Result<void> {
    if (records > 0) return {};
    return fail(std::move(error));
  };
  for (at->Seek({first.data(), first.size()}); expected < range.end && records < range.max_records; at->Next()) {
    if (!at->Valid()) {
      if (at->status().ok() && impl_->follows) return {};
      if (at->status().ok()) return damaged(missing_error(expected));
      return damaged(unreadable_error(expected, at->status()));
    }
    const auto offset = decode_offset(view(at->key()));
    if (!offset || *offset != expected) return damaged(missing_error(expected));
    if (records > 0 && bytes + at->value().size() > range.max_bytes) return {};
    auto record = decode_record(expected, view(at->value()));
    if (!record) return damaged(record.error());
    bytes += at->value().size();
    visit(std::move(*record));
    ++records;
    ++expected;
  }
  return {};
}

Result<std::vector<LogRecord>> RecordStore::read(const ReadRange& range) const {
  std::vector<LogRecord> found;
  auto walked = walk(range, true, [&](LogRecord&& record) { found.push_back(std::move(record)); });
  if (!walked) return fail(walked.error());
  return found;
}

Result<RecordStore::Checked> RecordStore::check(const ReadRange& range) const {
  Checked checked{range.from, 0};
  auto walked = walk(range, false, [&](LogRecord&& record) {
    checked.end = record.position.offset + 1;
    checked.bytes += record.key.size() + record.value.size();
  });
  if (!walked) return fail(walked.error());
  return checked;
}

bool RecordStore::is_sound(std::int64_t offset) const {
  rocksdb::PinnableSlice value;
  const auto key = encode_offset(offset);
  const auto status =
      impl_->db->Get(rocksdb::ReadOptions(), impl_->db->DefaultColumnFamily(), {key.data(), key.size()}, &value);
  return status.ok() && decode_record(offset, view(value)).has_value();
}

Result<void> RecordStore::flush() {
  const auto status = impl_->db->Flush(rocksdb::FlushOptions());
  if (!status.ok()) return fail(to_error(status, "the log cannot be flushed"));
  return {};
}

Result<bool> RecordStore::merge_tables(std::size_t at_least) {
  std::string small;
  impl_->db->GetProperty(rocksdb::DB::Properties::kNumFilesAtLevelPrefix + "0", &small);
  if (std::strtoull(small.c_str(), nullptr, 10) < std::max(at_least, kTablesToMerge)) return false;
  rocksdb::ColumnFamilyMetaData tables;
  impl_->db->GetColumnFamilyMetaData(&tables);
  std::vector<rocksdb::SstFileMetaData> oldest = tables.levels.at(0).files;
  std::sort(oldest.begin(), oldest.end(),
            [](const auto& left, const auto& right) { return left.smallest_seqno < right.smallest_seqno; });
  oldest.resize(kTablesToMerge);
  // RocksDB takes no more writes once a merge has come upon damage.
  for (const auto& table : oldest) {
    if (auto sound = check_table(table.smallestkey, table.largestkey); !sound) return fail(sound.error());
  }
  std::vector<std::string> names;
  for (const auto& table : oldest) names.push_back(table.name);
  rocksdb::CompactionOptions options;
  options.compression = rocksdb::kNoCompression;
  const auto status = impl_->db->CompactFiles(options, names, 1);
  if (!status.ok()) return fail(to_error(status, "the log's tables cannot be merged"));
  return true;
}

Result<void> RecordStore::check_table(std::string_view smallest, std::string_view largest) const {
  const auto first = decode_offset(smallest);
  const auto last = decode_offset(largest);
  if (!first) return fail(first.error());
  if (!last) return fail(last.error());
  for (auto next = *first; next <= *last;) {
    const auto checked = check({next, *last + 1});
    if (!checked) return fail(checked.error());
    next = checked->end;
  }
  return {};
}

Result<void> RecordStore::catch_up() {
  const auto status = impl_->db->TryCatchUpWithPrimary();
  if (!status.ok()) return fail(to_error(status, "the log cannot be followed"));
  return {};
}

}  // namespace solo::producers
