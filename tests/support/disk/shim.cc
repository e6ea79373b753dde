// Preloaded into a daemon: a disk with faults on demand, for the files below the directory that SOLO_TEST_DISK_UNDER
// names. The file that SOLO_TEST_DISK names is mapped and tells which (tests/support/faulty_disk.h).
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/support/disk/faults.h"

namespace {

solo::testing::DiskFaults* faults() {
  static solo::testing::DiskFaults* const mapped = []() -> solo::testing::DiskFaults* {
    const char* name = std::getenv("SOLO_TEST_DISK");
    const int file = name == nullptr ? -1 : open(name, O_RDWR | O_CLOEXEC);
    if (file < 0) return nullptr;
    void* page = mmap(nullptr, sizeof(solo::testing::DiskFaults), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return page == MAP_FAILED ? nullptr : static_cast<solo::testing::DiskFaults*>(page);
  }();
  return mapped;
}

bool is_meant(int file) {
  static const char* const under = std::getenv("SOLO_TEST_DISK_UNDER");
  if (under == nullptr) return false;
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  char path[4096];
  const ssize_t size = readlink(link, path, sizeof path);
  return size > 0 && std::string_view(path, static_cast<std::size_t>(size)).substr(0, std::string_view(under).size()) ==
                         std::string_view(under);
}

bool is_full(int file) { return faults() != nullptr && faults()->full.load() && is_meant(file); }

bool sync_fails(int file) {
  if (faults() == nullptr || (faults()->failing_syncs.load() == 0 && !faults()->held.load()) || !is_meant(file)) {
    return false;
  }
  while (faults()->held.load()) usleep(1'000);
  auto left = faults()->failing_syncs.load();
  while (left > 0 && !faults()->failing_syncs.compare_exchange_weak(left, left - 1)) {
  }
  return left > 0;
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* bytes, size_t size) {
  static auto* const next = real<ssize_t(int, const void*, size_t)>("write");
  if (!is_full(file)) return next(file, bytes, size);
  errno = ENOSPC;
  return -1;
}

ssize_t writev(int file, const iovec* parts, int count) {
  static auto* const next = real<ssize_t(int, const iovec*, int)>("writev");
  if (!is_full(file)) return next(file, parts, count);
  errno = ENOSPC;
  return -1;
}

ssize_t pwrite(int file, const void* bytes, size_t size, off_t at) {
  static auto* const next = real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  if (!is_full(file)) return next(file, bytes, size, at);
  errno = ENOSPC;
  return -1;
}

ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t at) {
  static auto* const next = real<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
  if (!is_full(file)) return next(file, bytes, size, at);
  errno = ENOSPC;
  return -1;
}

int fsync(int file) {
  static auto* const next = real<int(int)>("fsync");
  if (!sync_fails(file)) return next(file);
  errno = EIO;
  return -1;
}

int fdatasync(int file) {
  static auto* const next = real<int(int)>("fdatasync");
  if (!sync_fails(file)) return next(file);
  errno = EIO;
  return -1;
}
}
