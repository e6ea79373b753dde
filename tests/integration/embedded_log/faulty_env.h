// RocksDB's file system with faults on demand: a sync that fails, a write that fails, a disk that is full or gone.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

namespace solo::testing {

class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  FaultyFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultyFileSystem"; }

  /// The next sync of a write-ahead log reports EIO (and does not sync).
  void fail_next_wal_sync() { wal_syncs_to_fail_ = 1; }
  /// The next write to a write-ahead log puts half of it there and reports `status`.
  void fail_next_wal_append(rocksdb::IOStatus status);
  /// From now on every write to a table reports it.
  void fail_tables(rocksdb::IOStatus status);
  /// No more.
  void allow_tables();
  /// How many writes to tables have failed so.
  int failed_tables() const { return failed_tables_; }
  /// While true, nothing can be written any more: no space.
  void set_full(bool full) { full_ = full; }
  /// From now on no write, sync, rename or removal happens any more.
  void take_away() { away_ = true; }
  /// How many syncs of write-ahead logs have begun.
  int wal_syncs() const { return wal_syncs_; }
  /// Syncs of write-ahead logs wait while it is held.
  std::unique_lock<std::mutex> hold_wal_syncs() { return std::unique_lock(wal_sync_mutex_); }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

 private:
  friend class FaultyFile;

  std::atomic<bool> away_ = false;
  std::atomic<bool> full_ = false;
  std::atomic<int> wal_syncs_to_fail_ = 0;
  std::atomic<int> wal_syncs_ = 0;
  std::atomic<int> failed_tables_ = 0;
  std::mutex wal_sync_mutex_;
  std::mutex mutex_;  // of what follows
  std::unique_ptr<rocksdb::IOStatus> next_wal_append_;
  std::unique_ptr<rocksdb::IOStatus> table_appends_;
};

/// An Env over one.
class FaultyEnv {
 public:
  FaultyEnv() : files_(std::make_shared<FaultyFileSystem>()), env_(rocksdb::NewCompositeEnv(files_)) {}
  FaultyFileSystem* operator->() const { return files_.get(); }
  rocksdb::Env* get() const { return env_.get(); }

 private:
  std::shared_ptr<FaultyFileSystem> files_;
  std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace solo::testing
