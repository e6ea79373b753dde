// One RocksDB as a view store: opened with the options the views need, errors as Results.
//
// Thread-safe but for write(), which belongs to the projector. No write-ahead log: what is not flushed is gone after a
// crash, from the end backwards and in whole batches.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "schemas/result.h"

namespace rocksdb {
class DB;
class Env;
class Snapshot;
class Status;
class WriteBatch;
}  // namespace rocksdb

namespace solo::projections {

/// Why a store could not be opened, and whether its directory is to blame.
struct StoreError {
  schemas::Error error;
  /// What is in the directory cannot be used; another one in its place can.
  bool damaged = false;
};

class Store {
 public:
  /// Makes the directory if it is not there. `env`: nullptr for the machine's own.
  static tl::expected<std::unique_ptr<Store>, StoreError> open(const std::filesystem::path& directory,
                                                               rocksdb::Env* env);
  ~Store();

  /// Nothing: there is no such key.
  schemas::Result<std::optional<std::string>> get(const std::string& key) const;

  /// Calls `each` for the entries of [from, to) in key order, all as of one moment, until it returns false.
  using Each = std::function<bool(std::string_view key, std::string_view value)>;
  schemas::Result<void> scan(const std::string& from, const std::string& to, const Each& each) const;

  /// The entries as they are at one moment, whatever is written later. Must not outlive the store.
  using SnapshotHandle = std::shared_ptr<const rocksdb::Snapshot>;
  SnapshotHandle snapshot() const;
  /// As get() and scan(), of that moment. What they find wrong is an error, and marks no directory: it is for the asker
  /// to judge.
  schemas::Result<std::optional<std::string>> get_at(const SnapshotHandle& moment, const std::string& key) const;
  schemas::Result<void> scan_at(const SnapshotHandle& moment, const std::string& from, const std::string& to,
                                const Each& each) const;

  /// All of the batch or nothing. resource_exhausted: no space; the same call may succeed later.
  schemas::Result<void> write(rocksdb::WriteBatch& batch);

  /// Returns when everything written before is on disk.
  schemas::Result<void> flush();

  /// For an entry that was read but is not what it should be. The directory is marked, so that the next
  /// open() finds it damaged.
  schemas::Error damaged_entry(std::string_view what) const;

 private:
  Store(std::filesystem::path directory, std::unique_ptr<rocksdb::DB> db);
  schemas::Error error_of(const rocksdb::Status& status, std::string_view doing) const;
  void mark_damaged(const std::string& reason) const;

  std::filesystem::path directory_;
  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace solo::projections
