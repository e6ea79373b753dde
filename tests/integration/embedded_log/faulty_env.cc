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

IOStatus off_error() { return IOStatus::IOError("Input/output error (power is off)"); }

}  // namespace

class FaultyFile final : public rocksdb::FSWritableFileWrapper {
 public:
  FaultyFile(FaultyFileSystem& system, std::string path, std::unique_ptr<FSWritableFile> file)
      : FSWritableFileWrapper(file.get()),
        system_(system),
        path_(std::move(path)),
        is_wal_(std::filesystem::path(path_).extension() == ".log"),
        file_(std::move(file)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    if (system_.off_) return off_error();
    if (is_wal_) {
      const std::lock_guard lock(system_.mutex_);
      if (auto fault = std::exchange(system_.next_wal_append_, nullptr)) {
        file_->Append(Slice(data.data(), data.size() / 2), options, debug).PermitUncheckedError();
        return *fault;
      }
    }
    size_ += data.size();
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
    if (system_.off_) return off_error();
    const auto reached = size_;
    auto status = real();
    const std::lock_guard lock(system_.mutex_);
    // A failure while it went on: nobody was told, so it counts as not synced.
    if (system_.off_) return off_error();
    if (status.ok()) system_.synced_[path_] = reached;
    return status;
  }

  FaultyFileSystem& system_;
  const std::string path_;
  const bool is_wal_;
  std::uint64_t size_ = 0;
  std::unique_ptr<FSWritableFile> file_;
};

void FaultyFileSystem::fail_next_wal_append(IOStatus status) {
  const std::lock_guard lock(mutex_);
  next_wal_append_ = std::make_unique<IOStatus>(std::move(status));
}

void FaultyFileSystem::cut_unsynced() {
  const std::lock_guard lock(mutex_);
  for (const auto& [path, size] : synced_) {
    std::error_code gone;
    const auto now = std::filesystem::file_size(path, gone);
    if (!gone && now > size) std::filesystem::resize_file(path, size);
  }
}

IOStatus FaultyFileSystem::NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                           std::unique_ptr<FSWritableFile>* file, IODebugContext* debug) {
  if (off_) return off_error();
  std::unique_ptr<FSWritableFile> real;
  auto status = target()->NewWritableFile(path, options, &real, debug);
  if (!status.ok()) return status;
  const std::lock_guard lock(mutex_);
  synced_[path] = 0;
  *file = std::make_unique<FaultyFile>(*this, path, std::move(real));
  return status;
}

IOStatus FaultyFileSystem::RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                                      IODebugContext* debug) {
  if (off_) return off_error();
  auto status = target()->RenameFile(from, to, options, debug);
  const std::lock_guard lock(mutex_);
  const auto known = synced_.find(from);
  if (status.ok() && known != synced_.end()) {
    synced_[to] = known->second;
    synced_.erase(from);
  }
  return status;
}

IOStatus FaultyFileSystem::DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* debug) {
  if (off_) return off_error();
  auto status = target()->DeleteFile(path, options, debug);
  const std::lock_guard lock(mutex_);
  if (status.ok()) synced_.erase(path);
  return status;
}

}  // namespace solo::testing
