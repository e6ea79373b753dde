// A disk that a test makes full, or fail or hang in its syncs, under a running daemon (disk/shim.cc).
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/disk/faults.h"
#include "tests/support/temp_dir.h"

namespace solo::testing {

class FaultyDisk {
 public:
  /// Its faults are those of the files below `under`.
  explicit FaultyDisk(std::filesystem::path under) : under_(std::move(under)) {
    const int file = open(path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof(DiskFaults)) != 0) std::abort();
    void* page = mmap(nullptr, sizeof(DiskFaults), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (page == MAP_FAILED) std::abort();
    faults_ = static_cast<DiskFaults*>(page);
  }
  ~FaultyDisk() { munmap(faults_, sizeof(DiskFaults)); }
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  void set_full(bool full) { faults_->full = full; }
  void fail_syncs(std::int32_t count) { faults_->failing_syncs = count; }
  void hold_syncs(bool held) { faults_->held = held; }
  std::int32_t syncs_to_fail() const { return faults_->failing_syncs; }

  /// What a daemon that is to have this disk needs in its environment; empty where nothing can be preloaded.
  std::vector<std::string> environment() const {
#ifdef SOLO_DISK_SHIM
    return {"LD_PRELOAD=" SOLO_DISK_SHIM, "SOLO_TEST_DISK=" + path().string(),
            "SOLO_TEST_DISK_UNDER=" + under_.string()};
#else
    return {};
#endif
  }

 private:
  std::filesystem::path path() const { return directory_.path() / "faults"; }

  TempDir directory_;
  const std::filesystem::path under_;
  DiskFaults* faults_ = nullptr;
};

}  // namespace solo::testing
