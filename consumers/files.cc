#include "consumers/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include "consumers/descriptor.h"

namespace solo::consumers {

namespace {

using schemas::ErrorCode;
using schemas::Result;

tl::unexpected<schemas::Error> fail_errno(const std::filesystem::path& path, const char* what, int error) {
  ErrorCode code = ErrorCode::unavailable;
  if (error == ENOENT) code = ErrorCode::not_found;
  if (error == EACCES || error == EPERM || error == EROFS) code = ErrorCode::permission_denied;
  if (error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENFILE) code = ErrorCode::resource_exhausted;
  return schemas::fail(
      code, std::string("cannot ") + what + " " + path.string() + ": " + std::generic_category().message(error), {},
      code == ErrorCode::resource_exhausted);
}

bool write_all(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t count = ::write(file, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// Two threads may write the same file; each has a temporary one of its own.
std::filesystem::path temporary_beside(const std::filesystem::path& path) {
  static std::atomic<std::uint64_t> counter{0};
  std::filesystem::path result = path;
  result += ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter.fetch_add(1));
  return result;
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return fail_errno(path, "read", errno);
  struct stat about {};
  if (::fstat(file.get(), &about) != 0) return fail_errno(path, "read", errno);
  if (!S_ISREG(about.st_mode)) return schemas::fail(ErrorCode::unavailable, path.string() + " is no regular file");
  std::string content;
  std::array<char, 65536> buffer;
  while (content.size() < limit) {
    const ssize_t count = ::read(file.get(), buffer.data(), std::min(buffer.size(), limit - content.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(path, "read", errno);
    if (count == 0) break;
    content.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return content;
}

Result<void> write_file(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  const std::filesystem::path temporary = temporary_beside(path);
  int error = 0;
  {
    const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!file) return fail_errno(path, "write", errno);
    if (!write_all(file.get(), content) || ::fchmod(file.get(), mode) != 0 || ::fsync(file.get()) != 0) error = errno;
  }
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    return fail_errno(path, "write", error);
  }
  return sync_path(path.parent_path());
}

Result<void> sync_path(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file || ::fsync(file.get()) != 0) return fail_errno(path, "sync", errno);
  return {};
}

}  // namespace solo::consumers
