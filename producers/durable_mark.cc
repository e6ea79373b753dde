#include "producers/durable_mark.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "producers/file_io.h"
#include "schemas/crc32c.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

static_assert(std::endian::native == std::endian::little, "the mark is written as it lies in memory");

constexpr std::string_view kMagic = "SOLOMARK";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kUuidBytes = 36;

struct Layout {
  char magic[8];
  std::uint32_t version;
  std::uint32_t crc;
  char log_uuid[kUuidBytes];
  char reserved[12];
  std::int64_t end;
  std::uint64_t state;
  char unused[48];
};
static_assert(offsetof(Layout, end) == 64 && offsetof(Layout, state) == 72 && sizeof(Layout) == 128);

std::uint32_t crc_of(const Layout& mark) {
  const auto crc = schemas::crc32c({mark.magic, sizeof(mark.magic)});
  return schemas::crc32c({mark.log_uuid, kUuidBytes},
                         schemas::crc32c({reinterpret_cast<const char*>(&mark.version), sizeof(mark.version)}, crc));
}

Layout& layout(void* map) { return *static_cast<Layout*>(map); }

// Not std::atomic_ref: clang 14's library has none.
void store(std::int64_t& at, std::int64_t value) { __atomic_store_n(&at, value, __ATOMIC_RELEASE); }
std::int64_t load(const std::int64_t& at) { return __atomic_load_n(&at, __ATOMIC_ACQUIRE); }
void store(std::uint64_t& at, std::uint64_t value) { __atomic_store_n(&at, value, __ATOMIC_RELEASE); }
std::uint64_t load(const std::uint64_t& at) { return __atomic_load_n(&at, __ATOMIC_ACQUIRE); }

}  // namespace

Result<std::unique_ptr<DurableMark>> DurableMark::map(const std::filesystem::path& path, bool writable) {
  const FileDescriptor file(::open(path.c_str(), (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC));
  if (!file && errno == ENOENT) return std::unique_ptr<DurableMark>();
  if (!file) return fail(errno_error("open", path));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail(errno_error("read", path));
  if (static_cast<std::size_t>(status.st_size) < sizeof(Layout)) {
    return fail(ErrorCode::data_loss, fmt::format("{} is too short to be the log's mark", path.native()));
  }
  void* map = ::mmap(nullptr, sizeof(Layout), writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, file.get(), 0);
  if (map == MAP_FAILED) return fail(errno_error("map", path));
  const auto& mark = layout(map);
  std::unique_ptr<DurableMark> opened(new DurableMark(map, std::string(mark.log_uuid, kUuidBytes)));
  if (std::string_view(mark.magic, sizeof(mark.magic)) != kMagic || mark.version != kVersion ||
      mark.crc != crc_of(mark) || load(mark.end) < 0) {
    return fail(ErrorCode::data_loss, fmt::format("{} is not the log's mark, or it is damaged", path.native()));
  }
  return opened;
}

Result<std::unique_ptr<DurableMark>> DurableMark::open(const std::filesystem::path& path) { return map(path, true); }

Result<std::unique_ptr<DurableMark>> DurableMark::open_read_only(const std::filesystem::path& path) {
  return map(path, false);
}

Result<std::unique_ptr<DurableMark>> DurableMark::create(const std::filesystem::path& path, std::string_view log_uuid) {
  assert(log_uuid.size() == kUuidBytes);
  Layout fresh{};
  std::memcpy(fresh.magic, kMagic.data(), kMagic.size());
  fresh.version = kVersion;
  std::memcpy(fresh.log_uuid, log_uuid.data(), kUuidBytes);
  fresh.crc = crc_of(fresh);
  // Written rather than only sized: a mapped page that finds no room on the disk would be a SIGBUS.
  auto written = write_file(path, {reinterpret_cast<const char*>(&fresh), sizeof(fresh)});
  if (!written) return fail(written.error());
  return map(path, true);
}

DurableMark::~DurableMark() { ::munmap(map_, sizeof(Layout)); }

std::int64_t DurableMark::end() const { return load(layout(map_).end); }

void DurableMark::advance(std::int64_t end) {
  assert(end >= this->end());
  store(layout(map_).end, end);
}

bool DurableMark::closed_in_order() const { return load(layout(map_).state) == 1; }

Result<void> DurableMark::set_closed_in_order(bool closed) {
  if (closed == closed_in_order()) return {};
  store(layout(map_).state, std::uint64_t{closed ? 1u : 0u});
  return sync();
}

Result<void> DurableMark::sync() {
  if (::msync(map_, sizeof(Layout), MS_SYNC) != 0) return fail(errno_error("sync", "the log's mark"));
  return {};
}

}  // namespace solo::producers
