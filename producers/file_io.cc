#include "producers/file_io.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

ErrorCode code_of(int number) {
  switch (number) {
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::permission_denied;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return ErrorCode::resource_exhausted;
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::not_found;
    default:
      return ErrorCode::internal;
  }
}

Result<void> write_whole(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(errno_error("write", path));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

schemas::Error errno_error(int number, std::string_view verb, const std::filesystem::path& path) {
  return {code_of(number),
          fmt::format("cannot {} {}: {}", verb, path.native(), std::generic_category().message(number))};
}

schemas::Error errno_error(std::string_view verb, const std::filesystem::path& path) {
  return errno_error(errno, verb, path);
}

Result<void> write_file(const std::filesystem::path& path, std::string_view bytes) {
  auto beside = path;
  beside += ".new";
  const FileDescriptor file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return fail(errno_error("create", beside));
  if (auto written = write_whole(file.get(), bytes, beside); !written) return written;
  if (::fsync(file.get()) != 0) return fail(errno_error("sync", beside));
  if (::rename(beside.c_str(), path.c_str()) != 0) return fail(errno_error("rename", beside));
  return sync_directory(path.parent_path());
}

Result<void> sync_directory(const std::filesystem::path& path) {
  const FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return fail(errno_error("open", path));
  if (::fsync(directory.get()) != 0) return fail(errno_error("sync", path));
  return {};
}

Result<std::uint64_t> free_bytes(const std::filesystem::path& path) {
  struct statvfs status {};
  if (::statvfs(path.c_str(), &status) != 0) return fail(errno_error("measure the room in", path));
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

}  // namespace solo::producers
