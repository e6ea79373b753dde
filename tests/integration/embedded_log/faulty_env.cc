#include "tests/integration/embedded_log/faulty_env.h"

#include <filesystem>
#include <utility>

namespace solo::testing {

using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

IOStatus away_error() { return IOStatus::IOError("Input/output error"); }

}  // namespace

class FaultyFile final : public rocksdb::FSWritableFileWrapper {
 public:
  FaultyFile(FaultyFileSystem& system, std::string path, std::unique_ptr<FSWritableFile> file)
      : FSWritableFileWrapper(file.get()),
        system_(system),
        path_(std::move(path)),
        is_wal_(std::filesystem::path(path_).extension() == ".log"),
        is_table_(std::filesystem::path(path_).extension() == ".sst"),
        file_(std::move(file)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    if (system_.away_) return away_error();
    if (system_.full_) return IOStatus::NoSpace("No space left on device");
    const std::lock_guard lock(system_.mutex_);
    if (is_table_ && system_.table_appends_) {
      ++system_.failed_tables_;
      return *system_.table_appends_;
    }
    if (is_wal_) {
      if (auto fault = std::exchange(system_.next_wal_append_, nullptr)) {
        file_->Append(Slice(data.data(), data.size() / 2), options, debug).PermitUncheckedError();
        return *fault;
      }
    }
    return file_->Append(data, options, debug);
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return sync([&] { return file_->Sync(options, debug); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return sync([&] { return file_->Fsync(options, debug); });
  }
  IOStatus RangeSync(std::uint64_t, std::uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override { return file_->Close(options, debug); }

 private:
  template <class Sync>
  IOStatus sync(Sync real) {
    if (is_wal_) {
      ++system_.wal_syncs_;
      const std::lock_guard held(system_.wal_sync_mutex_);
      if (system_.wal_syncs_to_fail_ > 0) {
        --system_.wal_syncs_to_fail_;
        return IOStatus::IOError("Input/output error");
      }
    }
    if (system_.away_) return away_error();
    return real();
  }

  FaultyFileSystem& system_;
  const std::string path_;
  const bool is_wal_;
  const bool is_table_;
  std::unique_ptr<FSWritableFile> file_;
};

void FaultyFileSystem::fail_next_wal_append(IOStatus status) {
  const std::lock_guard lock(mutex_);
  next_wal_append_ = std::make_unique<IOStatus>(std::move(status));
}

void FaultyFileSystem::fail_tables(IOStatus status) {
  const std::lock_guard lock(mutex_);
  table_appends_ = std::make_unique<IOStatus>(std::move(status));
}

void FaultyFileSystem::allow_tables() {
  const std::lock_guard lock(mutex_);
  table_appends_.reset();
}

IOStatus FaultyFileSystem::NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                           std::unique_ptr<FSWritableFile>* file, IODebugContext* debug) {
  if (away_) return away_error();
  std::unique_ptr<FSWritableFile> real;
  auto status = target()->NewWritableFile(path, options, &real, debug);
  if (!status.ok()) return status;
  *file = std::make_unique<FaultyFile>(*this, path, std::move(real));
  return status;
}

IOStatus FaultyFileSystem::RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                                      IODebugContext* debug) {
  if (away_) return away_error();
  return target()->RenameFile(from, to, options, debug);
}

IOStatus FaultyFileSystem::DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* debug) {
  if (away_) return away_error();
  return target()->DeleteFile(path, options, debug);
}

}  // namespace solo::testing
