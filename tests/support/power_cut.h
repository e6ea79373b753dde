// A power failure as the disk under a RocksDB sees it: bytes that were not synced, and the names of files whose
// directory was not, may be gone afterwards.
//
// Two halves. The process that is to die runs its RocksDB over a PowerCutEnv, which passes everything on to the real
// file system, keeps a journal of what was synced, and ends the process by SIGKILL in the middle of its work. Later
// another process calls cut_power(), which makes of the files what the disk may hold. Files are taken as appended to
// only, which RocksDB's are.
#pragma once

#include <rocksdb/env.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>

namespace solo::testing {

struct PowerCutOptions {
  /// Anew for each process; what is deleted is kept beside it, in JOURNAL.kept.
  std::filesystem::path journal;
  /// The process ends before its operation of this number (a write, a sync, a change of names); 0: never.
  std::uint64_t operation = 0;
  /// false: syncs of write-ahead logs are answered without being made. For the run that must lose something.
  bool sync = true;
};

/// Must outlive what runs on it.
class PowerCutEnv {
 public:
  explicit PowerCutEnv(const PowerCutOptions& options);
  ~PowerCutEnv();
  PowerCutEnv(const PowerCutEnv&) = delete;
  PowerCutEnv& operator=(const PowerCutEnv&) = delete;
  rocksdb::Env* get() const { return env_.get(); }

 private:
  std::unique_ptr<rocksdb::Env> env_;
};

/// How much of what was not synced is left.
enum class Unsynced { gone, partly };

/// The process that wrote the journal must be dead. `partly`: of the changes of names the older ones, of each file a
/// random part, with zeros or garbage behind it now and then.
void cut_power(const std::filesystem::path& journal, Unsynced left, std::mt19937_64& random);

}  // namespace solo::testing
