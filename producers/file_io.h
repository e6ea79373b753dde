// The few file operations the log does beside RocksDB, with errors as Result.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <utility>

#include "schemas/result.h"

namespace solo::producers {

/// Owns a file descriptor.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor();

  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }

 private:
  int fd_;
};

/// What errno says about doing `verb` to `path`, under the code that fits it.
schemas::Error errno_error(std::string_view verb, const std::filesystem::path& path);

/// The same for an error number in hand.
schemas::Error errno_error(int number, std::string_view verb, const std::filesystem::path& path);

/// Whole or not at all: written beside, synced and renamed into place.
schemas::Result<void> write_file(const std::filesystem::path& path, std::string_view bytes);

/// Makes what was created or renamed in it survive a power failure.
schemas::Result<void> sync_directory(const std::filesystem::path& path);

/// Bytes an ordinary user can still write where `path` is.
schemas::Result<std::uint64_t> free_bytes(const std::filesystem::path& path);

}  // namespace solo::producers
