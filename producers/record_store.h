// The embedded log's RocksDB: records by offset, nothing else. It knows how to open it, for writing or only to look,
// how to write a batch durably and how to read a range with every check; it knows nothing of acknowledgements.
//
// Threads: append() belongs to one thread; reading and merging may go on beside it. catch_up() excludes reading.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "schemas/position.h"
#include "schemas/result.h"

namespace rocksdb {
class DB;
class Env;
}  // namespace rocksdb

namespace solo::producers {

/// A record on its way into the store.
struct NewRecord {
  std::int64_t timestamp = 0;
  std::string_view key;
  std::string_view value;
};

struct ReadRange {
  std::int64_t from = 0;
  /// Not beyond this.
  std::int64_t end = 0;
  std::size_t max_records = 1000;
  std::size_t max_bytes = 4 * 1024 * 1024;
};

class RecordStore {
 public:
  /// How many write buffers' worth of records one table holds in the end.
  static constexpr std::size_t kTablesToMerge = 16;

  struct Options {
    std::filesystem::path directory;
    std::size_t write_buffer_bytes = 1024 * 1024;
    rocksdb::Env* env = nullptr;
  };

  /// Opens for writing; makes it if it is not there. What the write-ahead log held up to its first damage is in the
  /// store and on the disk when this returns.
  /// data_loss: RocksDB finds it damaged. failed_precondition: someone else has it open. resource_exhausted: no space.
  static schemas::Result<std::unique_ptr<RecordStore>> open(const Options& options);
  /// While nobody has it open for writing. Writes nothing.
  static schemas::Result<std::unique_ptr<RecordStore>> open_stopped(const Options& options);
  /// Beside the process that writes it; `scratch` is a directory of one's own. Sees what was there at the last
  /// catch_up(), perhaps before it is durable.
  static schemas::Result<std::unique_ptr<RecordStore>> open_beside(const Options& options,
                                                                   const std::filesystem::path& scratch);
  ~RecordStore();
  RecordStore(const RecordStore&) = delete;
  RecordStore& operator=(const RecordStore&) = delete;

  /// Is there a store in this directory?
  static bool exists(const std::filesystem::path& directory);

  /// One past the last record; 0: none. data_loss: the last record is damaged.
  schemas::Result<std::int64_t> end() const;
  /// Do the tables hold every record from 0 to the last without a gap? By what they say of themselves, without reading
  /// them; of a store opened for writing, whose memtable is empty. data_loss names the first record that is missing.
  schemas::Result<void> check_tables() const;

  /// Puts records at `first` and behind, all or none, and syncs. After an error nothing is known: close and reopen.
  schemas::Result<void> append(std::int64_t first, std::span<const NewRecord> records);

  /// Contiguous records, every one checked; fewer than asked for where the range ends or the limits are reached.
  /// data_loss: the first of them is missing or damaged (one further on ends the answer before it). Opened beside a
  /// writer, a store that has not come so far yet answers with what it has.
  schemas::Result<std::vector<schemas::LogRecord>> read(const ReadRange& range) const;

  /// Reads as read() does and keeps nothing, in memory or in the cache: how far it came, and how many bytes that was.
  struct Checked {
    std::int64_t end = 0;
    std::size_t bytes = 0;
  };
  schemas::Result<Checked> check(const ReadRange& range) const;

  /// Is this one record there and sound? Looks at no other: damage elsewhere does not matter.
  bool is_sound(std::int64_t offset) const;

  /// Into a table file, so that the next open has nothing to recover.
  schemas::Result<void> flush();

  /// Makes one large table of kTablesToMerge small ones, so that the number of tables grows slowly, if there are so
  /// many and `at_least`. false: there are not. Takes as long as writing them anew; may go on beside append() and
  /// read(). data_loss: one of their records is damaged; nothing was merged, and appending goes on.
  schemas::Result<bool> merge_tables(std::size_t at_least = kTablesToMerge);

  schemas::Result<void> catch_up();

 private:
  struct Impl;
  explicit RecordStore(std::unique_ptr<Impl> impl);
  template <class Visit>
  schemas::Result<void> walk(const ReadRange& range, bool keep_in_cache, Visit visit) const;
  schemas::Result<void> check_table(std::string_view smallest, std::string_view largest) const;
  static std::unique_ptr<RecordStore> wrap(rocksdb::DB* db, bool follows);
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::producers
