#include "producers/audit_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>

#include "schemas/codec.h"
#include "schemas/crc32c.h"
#include "schemas/schemas.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::LogRecord;
using schemas::Result;

constexpr std::size_t kDigits = 20;
constexpr std::size_t kHeader = 8;
constexpr std::chrono::seconds kTidyEvery{60};

struct AuditFile {
  std::int64_t first = 0;
  std::filesystem::path path;
};

std::string name_of(std::int64_t first) { return fmt::format("{:0{}}", first, kDigits); }

/// By offset. Others' files are left alone.
Result<std::vector<AuditFile>> list_files(const std::filesystem::path& directory) {
  std::vector<AuditFile> files;
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error);
  if (error == std::errc::no_such_file_or_directory) return files;
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    std::int64_t first = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), first);
    if (name.size() != kDigits || bad != std::errc() || end != name.data() + name.size() || first < 0) continue;
    files.push_back({first, entries->path()});
  }
  if (error) return fail(errno_error(error.value(), "read", directory));
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return files;
}

void put_number(std::string& out, std::uint32_t number) {
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(number >> (8 * i)));
}

std::uint32_t number_at(std::string_view bytes) {
  std::uint32_t number = 0;
  for (std::size_t i = 4; i > 0; --i) number = number << 8 | static_cast<std::uint8_t>(bytes[i - 1]);
  return number;
}

struct Contents {
  std::vector<std::string> values;
  /// A record that is whole and not what was written.
  bool damaged = false;
};

Contents read_contents(const std::filesystem::path& path) {
  // Removed meanwhile: nothing is in it.
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  Contents contents;
  std::string_view rest = bytes;
  while (rest.size() >= kHeader) {
    const std::uint32_t size = number_at(rest);
    const std::uint32_t crc = number_at(rest.substr(4));
    if (rest.size() - kHeader < size) break;
    const std::string_view value = rest.substr(kHeader, size);
    if (schemas::crc32c(value) != crc) {
      contents.damaged = true;
      break;
    }
    contents.values.emplace_back(value);
    rest.remove_prefix(kHeader + size);
  }
  return contents;
}

LogRecord record_of(std::int64_t offset, std::string value) {
  LogRecord record;
  record.position = {0, offset};
  if (const auto event = schemas::decode_event(value)) {
    record.timestamp = event->time;
    record.key = event->tenant;
  }
  record.value = std::move(value);
  return record;
}

Result<void> write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(errno_error("write", path));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fdatasync(fd) != 0) return fail(errno_error("sync", path));
  return {};
}

}  // namespace

Result<void> AuditFiles::open_file() {
  std::error_code error;
  if (std::filesystem::create_directory(options_.directory, error)) {
    std::filesystem::permissions(options_.directory, std::filesystem::perms::owner_all, error);
  }
  if (error) return fail(errno_error(error.value(), "make", options_.directory));
  const auto bounds = audit_bounds(options_.directory);
  if (!bounds) return fail(bounds.error());
  next_offset_ = std::max(next_offset_, bounds->end);
  path_ = options_.directory / name_of(next_offset_);
  // One of that name holds no whole record.
  file_ = FileDescriptor(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
  if (!file_) return fail(errno_error("make", path_));
  size_ = 0;
  opened_ = clock_.now();
  return sync_directory(options_.directory);
}

Result<void> AuditFiles::append(const std::vector<std::string>& records) {
  const bool old = clock_.now() >= opened_ + options_.max_file_age;
  if (file_ && (size_ >= options_.max_file_bytes || old)) file_ = FileDescriptor(-1);
  if (!file_) {
    if (auto opened = open_file(); !opened) return opened;
    remove_old();
  }
  std::string bytes;
  for (const std::string& record : records) {
    put_number(bytes, static_cast<std::uint32_t>(record.size()));
    put_number(bytes, schemas::crc32c(record));
    bytes += record;
  }
  if (auto written = write_all(file_.get(), bytes, path_); !written) return written;
  size_ += bytes.size();
  next_offset_ += static_cast<std::int64_t>(records.size());
  return {};
}

Result<void> AuditFiles::write(const std::vector<std::string>& records) {
  const auto parent = options_.directory.parent_path();
  const auto room = free_bytes(parent);
  if (!room) return fail(room.error());
  if (*room < options_.min_free_bytes) {
    return fail(ErrorCode::resource_exhausted,
                fmt::format("{} has less than {} bytes free", parent.native(), options_.min_free_bytes));
  }
  auto appended = append(records);
  if (!appended) {
    // What of it is there would be there twice.
    if (file_ && ::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) {
      spdlog::warn("audit: {} may hold records twice", path_.native());
    }
    file_ = FileDescriptor(-1);
    return appended;
  }
  tidy();
  return {};
}

void AuditFiles::tidy() {
  if (clock_.now() < tidied_ + kTidyEvery) return;
  remove_old();
}

void AuditFiles::remove_old() {
  tidied_ = clock_.now();
  const auto files = list_files(options_.directory);
  if (!files) return;
  std::uint64_t total = 0;
  std::vector<struct stat> infos(files->size());
  for (std::size_t i = 0; i < files->size(); ++i) {
    if (::stat((*files)[i].path.c_str(), &infos[i]) == 0) total += static_cast<std::uint64_t>(infos[i].st_size);
  }
  const auto oldest = static_cast<std::time_t>(clock_.wall_us() / 1'000'000 - options_.retention.count());
  // The newest stays: its name tells where offsets go on.
  for (std::size_t i = 0; i + 1 < files->size(); ++i) {
    const auto& path = (*files)[i].path;
    if (infos[i].st_mtime >= oldest && total <= options_.max_bytes) break;
    if (::unlink(path.c_str()) != 0) break;
    total -= static_cast<std::uint64_t>(infos[i].st_size);
  }
}

Result<Bounds> audit_bounds(const std::filesystem::path& directory) {
  const auto files = list_files(directory);
  if (!files) return fail(files.error());
  if (files->empty()) return Bounds{};
  const auto& last = files->back();
  const auto records = static_cast<std::int64_t>(read_contents(last.path).values.size());
  return Bounds{files->front().first, last.first + records};
}

Result<std::vector<LogRecord>> read_audit(const std::filesystem::path& directory, std::int64_t from,
                                          std::size_t count) {
  const auto files = list_files(directory);
  if (!files) return fail(files.error());
  std::vector<LogRecord> records;
  for (std::size_t i = 0; i < files->size() && records.size() < count; ++i) {
    const auto& file = (*files)[i];
    const bool passed = i + 1 < files->size() && (*files)[i + 1].first <= from;
    if (passed) continue;
    Contents contents = read_contents(file.path);
    const auto end = file.first + static_cast<std::int64_t>(contents.values.size());
    for (std::int64_t offset = std::max(from, file.first); offset < end && records.size() < count; ++offset) {
      records.push_back(record_of(offset, std::move(contents.values[static_cast<std::size_t>(offset - file.first)])));
    }
    if (!contents.damaged || records.size() >= count) continue;
    if (!records.empty()) return records;
    return fail(
        ErrorCode::data_loss, fmt::format("{} is damaged at offset {}", file.path.native(), end),
        i + 1 < files->size() ? fmt::format("what is behind it: solo audit read {}", (*files)[i + 1].first) : "");
  }
  return records;
}

}  // namespace solo::producers
