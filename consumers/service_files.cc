#include "consumers/service_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "consumers/descriptor.h"
#include "schemas/codec.h"

namespace solo::consumers {

namespace {

using schemas::ErrorCode;
using schemas::Result;

// A character of UTF-8 has at most this many bytes behind its first.
constexpr std::size_t kContinuationBytes = 3;

tl::unexpected<schemas::Error> fail_errno(const std::filesystem::path& path, const char* what, int error) {
  const ErrorCode code = error == ENOENT || error == ENOTDIR                     ? ErrorCode::not_found
                         : error == EACCES || error == EPERM || error == EROFS   ? ErrorCode::permission_denied
                         : error == ENOSPC || error == EDQUOT || error == EMFILE ? ErrorCode::resource_exhausted
                                                                                 : ErrorCode::unavailable;
  return schemas::fail(
      code, std::string("cannot ") + what + " " + path.string() + ": " + std::generic_category().message(error), {},
      code == ErrorCode::resource_exhausted);
}

struct OpenFile {
  Descriptor descriptor;
  std::uint64_t size = 0;
};

// To open a FIFO is to touch it (whoever waits for its other end goes on), so the file is named first, looked at, and
// only then opened.
Result<OpenFile> open_regular(const std::filesystem::path& path, int flags) {
  const Descriptor name(::open(path.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
  if (!name) return fail_errno(path, "read", errno);
  struct stat about {};
  if (::fstat(name.get(), &about) != 0) return fail_errno(path, "read", errno);
  if (!S_ISREG(about.st_mode)) return schemas::fail(ErrorCode::unavailable, path.string() + " is no regular file");
  const std::string same = "/proc/self/fd/" + std::to_string(name.get());
  OpenFile file{Descriptor(::open(same.c_str(), flags | O_CLOEXEC | O_NONBLOCK)), 0};
  if (!file.descriptor) return fail_errno(path, "read", errno);
  file.size = static_cast<std::uint64_t>(about.st_size);
  return file;
}

// Copies [from, to) of one file to the end of the other. false: with errno.
bool copy_range(int source, std::uint64_t from, std::uint64_t to, int target) {
  std::array<char, 65536> buffer;
  while (from < to) {
    const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), to - from);
    const ssize_t count = ::pread(source, buffer.data(), wanted, static_cast<off_t>(from));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    if (count == 0) return true;
    for (ssize_t written = 0; written < count;) {
      const ssize_t step = ::write(target, buffer.data() + written, static_cast<std::size_t>(count - written));
      if (step < 0 && errno != EINTR) return false;
      written += std::max<ssize_t>(step, 0);
    }
    from += static_cast<std::uint64_t>(count);
  }
  return true;
}

std::filesystem::path copy_of(std::filesystem::path output) { return output += ".1"; }

struct End {
  std::string text;
  bool is_cut = false;
};

// The last `bytes` bytes of a regular file.
Result<End> end_of(const std::filesystem::path& path, std::size_t bytes) {
  auto file = open_regular(path, O_RDONLY);
  if (!file) return schemas::fail(std::move(file.error()));
  const std::uint64_t start = file->size > bytes ? file->size - bytes : 0;
  End end{std::string(static_cast<std::size_t>(file->size - start), '\0'), start > 0};
  std::size_t filled = 0;
  while (filled < end.text.size()) {
    const ssize_t count = ::pread(file->descriptor.get(), end.text.data() + filled, end.text.size() - filled,
                                  static_cast<off_t>(start + filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(path, "read", errno);
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  end.text.resize(filled);
  return end;
}

// A cut may fall inside a character: its rest is not part of the text.
std::string_view without_broken_start(std::string_view text) {
  std::size_t skip = 0;
  while (skip < std::min(text.size(), kContinuationBytes) && (static_cast<unsigned char>(text[skip]) & 0xc0) == 0x80) {
    ++skip;
  }
  return text.substr(skip);
}

}  // namespace

std::filesystem::path ServiceFiles::services() const { return state_ / "services"; }

std::filesystem::path ServiceFiles::directory(const schemas::ServiceKey& service) const {
  return services() / service.tenant.str() / service.service.str();
}

std::filesystem::path ServiceFiles::output(const schemas::ServiceKey& service) const {
  return directory(service) / "output.log";
}

Result<void> ServiceFiles::make_directory(const schemas::ServiceKey& service) const {
  const std::filesystem::path wanted = directory(service);
  if (::mkdir(wanted.c_str(), 0700) == 0 || errno == EEXIST) return {};
  if (errno != ENOENT) return fail_errno(wanted, "make", errno);
  const std::filesystem::path tenant = wanted.parent_path();
  for (const auto& path : {tenant.parent_path(), tenant, wanted}) {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(path, "make", errno);
  }
  return {};
}

Result<producers::OutputTail> ServiceFiles::tail(const schemas::ServiceKey& service, std::size_t bytes) const {
  const std::filesystem::path path = output(service);
  auto end = end_of(path, bytes);
  if (!end) return schemas::fail(std::move(end.error()));
  if (!end->is_cut) {
    // It may have been emptied a moment ago: the last words of who wrote much stand in the copy.
    if (const auto before = end_of(copy_of(path), bytes - end->text.size())) {
      end->text.insert(0, before->text);
      end->is_cut = before->is_cut;
    }
  }
  const std::string_view whole = end->is_cut ? without_broken_start(end->text) : std::string_view(end->text);
  return producers::OutputTail{schemas::to_utf8(whole), end->is_cut};
}

Result<bool> ServiceFiles::cap_output(const schemas::ServiceKey& service, std::uint64_t cap) const {
  const std::filesystem::path path = output(service);
  struct stat about {};
  // Most of the time there is nothing to do, which is told without opening anything.
  if (::lstat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) &&
      static_cast<std::uint64_t>(about.st_size) <= cap) {
    return false;
  }
  auto file = open_regular(path, O_RDWR);
  if (!file) return schemas::fail(std::move(file.error()));
  if (file->size <= cap) return false;
  const std::filesystem::path former = copy_of(path);
  ::unlink(former.c_str());
  int error = 0;
  {
    const Descriptor copy(::open(former.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!copy || !copy_range(file->descriptor.get(), file->size - cap, file->size, copy.get())) error = errno;
  }
  // The cap is what counts: without room for the copy there is none.
  if (error != 0) ::unlink(former.c_str());
  if (::ftruncate(file->descriptor.get(), 0) != 0) return fail_errno(path, "truncate", errno);
  return true;
}

}  // namespace solo::consumers
