#include "producers/wal_rescue.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "producers/file_io.h"
#include "schemas/crc32c.h"

namespace solo::producers {
namespace {

namespace fs = std::filesystem;

using schemas::fail;
using schemas::Result;

constexpr std::size_t kBlockBytes = 32 * 1024;
constexpr std::size_t kFragmentHeaderBytes = 7;
enum FragmentType : unsigned char { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

std::uint32_t byte_at(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

/// As RocksDB stores it: rotated and shifted, so that a CRC over data that holds CRCs stays a good one.
std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

/// The size of the fragment at `at` with its header; 0: there is no sound one.
std::size_t sound_fragment(std::string_view wal, std::size_t at) {
  const auto room = std::min(wal.size() - at, kBlockBytes - at % kBlockBytes);
  if (room < kFragmentHeaderBytes) return 0;
  const std::size_t length = byte_at(wal, at + 4) | byte_at(wal, at + 5) << 8;
  const auto type = byte_at(wal, at + 6);
  if (type < kFull || type > kLast || kFragmentHeaderBytes + length > room) return 0;
  const std::uint32_t stored =
      byte_at(wal, at) | byte_at(wal, at + 1) << 8 | byte_at(wal, at + 2) << 16 | byte_at(wal, at + 3) << 24;
  // The checksum covers the type and the data.
  if (stored != masked(schemas::crc32c(wal.substr(at + 6, 1 + length)))) return 0;
  return kFragmentHeaderBytes + length;
}

/// A file's bytes, mapped.
class MappedFile {
 public:
  static Result<MappedFile> open(const fs::path& path) {
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0) return fail(errno_error("read", path));
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size == 0) return MappedFile(nullptr, 0);
    void* map = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (map == MAP_FAILED) return fail(errno_error("map", path));
    return MappedFile(map, size);
  }
  MappedFile(MappedFile&& other) noexcept : map_(std::exchange(other.map_, nullptr)), size_(other.size_) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile() {
    if (map_ != nullptr) ::munmap(map_, size_);
  }
  std::string_view bytes() const { return {static_cast<const char*>(map_), size_}; }

 private:
  MappedFile(void* map, std::size_t size) : map_(map), size_(size) {}
  void* map_;
  std::size_t size_;
};

bool is_wal(const fs::path& path) { return path.extension() == ".log"; }

bool holds_some_records(const fs::path& path) { return is_wal(path) || path.extension() == ".sst"; }

bool is_manifest(const fs::path& path) {
  return path.filename().native().starts_with("MANIFEST-") && !path.has_extension();
}

/// What a RocksDB cannot be opened without.
bool is_database_file(const fs::path& path) {
  return holds_some_records(path) || is_manifest(path) || path.filename() == "CURRENT";
}

Result<std::vector<fs::path>> files_in(const fs::path& directory, bool (*wanted)(const fs::path&)) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    if (wanted(at->path())) found.push_back(at->path());
  }
  if (error) return fail(errno_error(error.value(), "list", directory));
  // By number: six digits, then more.
  std::sort(found.begin(), found.end(), [](const fs::path& left, const fs::path& right) {
    const auto& one = left.native();
    const auto& other = right.native();
    return std::pair(one.size(), std::string_view(one)) < std::pair(other.size(), std::string_view(other));
  });
  return found;
}

/// Links to the very same files?
bool hold_the_same(const std::vector<fs::path>& links, const fs::path& kept) {
  return std::all_of(links.begin(), links.end(), [&](const fs::path& link) {
    std::error_code error;
    return fs::equivalent(link, kept / link.filename(), error) && !error;
  });
}

Result<void> link_or_copy(const fs::path& from, const fs::path& to) {
  if (::link(from.c_str(), to.c_str()) == 0 || errno == EEXIST) return {};
  std::error_code error;
  fs::copy_file(from, to, error);
  if (error) return fail(errno_error(error.value(), "keep a copy of", from));
  return {};
}

}  // namespace

std::size_t sound_wal_prefix(std::string_view wal) {
  std::size_t sound = 0;
  std::size_t at = 0;
  while (at < wal.size()) {
    if (kBlockBytes - at % kBlockBytes < kFragmentHeaderBytes) {
      at += kBlockBytes - at % kBlockBytes;
      continue;
    }
    const auto size = sound_fragment(wal, at);
    if (size == 0) break;
    const auto type = byte_at(wal, at + 6);
    at += size;
    if (type == kFull || type == kLast) sound = at;
  }
  // What fills up a block behind the last record is not missing from it.
  const auto padding = kBlockBytes - sound % kBlockBytes;
  if (padding < kFragmentHeaderBytes && sound + padding >= wal.size()) return wal.size();
  return sound;
}

Result<WalRescue> WalRescue::begin(const fs::path& directory, const fs::path& database) {
  WalRescue rescue(directory);
  std::error_code error;
  fs::create_directories(rescue.links(), error);
  if (error) return fail(errno_error(error.value(), "create", rescue.links()));
  const auto files = files_in(database, is_database_file);
  if (!files) return fail(files.error());
  for (const auto& file : *files) {
    if (auto linked = link_or_copy(file, rescue.links() / file.filename()); !linked) return fail(linked.error());
  }
  if (auto synced = sync_directory(rescue.links()); !synced) return fail(synced.error());
  return rescue;
}

Result<std::uint64_t> WalRescue::damaged_bytes() const {
  const auto wals = files_in(links(), is_wal);
  if (!wals) return fail(wals.error());
  std::uint64_t damaged = 0;
  for (const auto& wal : *wals) {
    const auto file = MappedFile::open(wal);
    if (!file) return fail(file.error());
    // Recovery ends at the first damage; what lies behind it is cut whole.
    damaged += damaged > 0 ? file->bytes().size() : file->bytes().size() - sound_wal_prefix(file->bytes());
  }
  return damaged;
}

Result<std::uint64_t> WalRescue::cut_manifest(const fs::path& database) const {
  std::uint64_t cut = 0;
  const auto manifests = files_in(database, is_manifest);
  if (!manifests) return fail(manifests.error());
  for (const auto& manifest : *manifests) {
    const auto file = MappedFile::open(manifest);
    if (!file) return fail(file.error());
    const auto sound = sound_wal_prefix(file->bytes());
    if (sound == file->bytes().size()) continue;
    // A new file: the link keeps what was there.
    auto written = write_file(manifest, file->bytes().substr(0, sound));
    if (!written) return fail(written.error());
    cut += file->bytes().size() - sound;
  }
  return cut;
}

Result<void> WalRescue::restore(const fs::path& database) const {
  const auto now = files_in(database, is_database_file);
  if (!now) return fail(now.error());
  const auto then = files_in(links(), is_database_file);
  if (!then) return fail(then.error());
  std::error_code error;
  for (const auto& file : *now) {
    if (fs::equivalent(file, links() / file.filename(), error) && !error) continue;
    fs::remove(file, error);
    if (error) return fail(errno_error(error.value(), "remove", file));
  }
  for (const auto& file : *then) {
    if (auto linked = link_or_copy(file, database / file.filename()); !linked) return fail(linked.error());
  }
  return sync_directory(database);
}

Result<void> WalRescue::drop() const {
  std::error_code error;
  fs::remove_all(links(), error);
  if (error) return fail(errno_error(error.value(), "remove", links()));
  // Links that came back after records had been appended would be taken for those of an interrupted recovery.
  return sync_directory(directory_);
}

Result<fs::path> WalRescue::keep() const {
  const auto files = files_in(links(), is_database_file);
  if (!files) return fail(files.error());
  std::error_code error;
  const bool something = std::any_of(files->begin(), files->end(),
                                     [&](const fs::path& file) { return fs::file_size(file, error) > 0 && !error; });
  if (!something) {
    if (auto dropped = drop(); !dropped) return fail(dropped.error());
    return fs::path();
  }
  for (int number = 1;; ++number) {
    const auto kept = directory_ / fmt::format("damaged-{}", number);
    if (fs::exists(kept, error)) {
      if (!hold_the_same(*files, kept)) continue;
      if (auto dropped = drop(); !dropped) return fail(dropped.error());
      return kept;
    }
    fs::rename(links(), kept, error);
    if (error) return fail(errno_error(error.value(), "rename", links()));
    return kept;
  }
}

Result<bool> holds_records(const fs::path& database) {
  const auto files = files_in(database, holds_some_records);
  if (!files) return fail(files.error());
  return !files->empty();
}

}  // namespace solo::producers
