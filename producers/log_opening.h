// Opening the embedded log: what may be believed of a directory that was left in order, left in the middle of a write,
// or damaged.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "producers/clock.h"
#include "producers/durable_mark.h"
#include "producers/embedded_log.h"
#include "producers/entropy.h"
#include "producers/record_store.h"
#include "schemas/result.h"

namespace rocksdb {
class FileLock;
}

namespace solo::producers {

/// Where things are in the log's directory.
struct LogPaths {
  explicit LogPaths(const std::filesystem::path& top)
      : directory(top), lock(top / "LOCK"), mark(top / "mark"), database(top / "db") {}
  std::filesystem::path directory;
  std::filesystem::path lock;
  std::filesystem::path mark;
  std::filesystem::path database;
};

/// Holds the directory against every other process, until it is destroyed or the process ends. A lock of RocksDB's kind
/// (fcntl), which a child that has not yet exec'd does not hold on to.
class DirectoryLock {
 public:
  static schemas::Result<std::unique_ptr<DirectoryLock>> take(const std::filesystem::path& path, rocksdb::Env* env);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

  /// Does another process hold it? Takes nothing.
  static schemas::Result<bool> is_held(const std::filesystem::path& path);

 private:
  DirectoryLock(rocksdb::Env* env, rocksdb::FileLock* lock) : env_(env), lock_(lock) {}
  rocksdb::Env* env_;
  rocksdb::FileLock* lock_;
};

/// An open log, as the committer takes it over. Declared in the order in which it is taken down.
struct OpenedLog {
  std::unique_ptr<DirectoryLock> lock;
  std::unique_ptr<DurableMark> mark;
  std::unique_ptr<RecordStore> store;
  Genesis genesis;
  std::int64_t end = 0;
};

/// The whole procedure; the mark says "open" when it returns.
schemas::Result<OpenedLog> open_log(const EmbeddedLogOptions& options, const Clock& clock, Entropy& entropy,
                                    LogOpenReport& report);

/// The part of it that has to do with an unclean stop: sets the write-ahead log aside, opens the store, and compares
/// where it ends with `marked_end`.
struct Recovered {
  std::unique_ptr<RecordStore> store;
  std::int64_t end = 0;
  std::uint64_t cut_bytes = 0;
};
schemas::Result<Recovered> recover_store(const EmbeddedLogOptions& options, std::int64_t marked_end);

/// What RocksDB said about a damaged store, with the first record concerned (found by reading up to `end`) and the ways
/// on. The store must be closed.
schemas::Error explain_damage(schemas::Error error, const EmbeddedLogOptions& options, std::int64_t end);

}  // namespace solo::producers
