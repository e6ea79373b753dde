// A wall clock that a test puts forward and back under a running daemon (clock/shim.cc).
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace solo::testing {

class SteppedClock {
 public:
  SteppedClock() {
    const int file = open(path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof(std::int64_t)) != 0) std::abort();
    void* page = mmap(nullptr, sizeof(std::int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (page == MAP_FAILED) std::abort();
    offset_ = static_cast<volatile std::int64_t*>(page);
  }
  ~SteppedClock() { munmap(const_cast<std::int64_t*>(offset_), sizeof(std::int64_t)); }
  SteppedClock(const SteppedClock&) = delete;
  SteppedClock& operator=(const SteppedClock&) = delete;

  /// Seconds by which it is wrong from this moment on.
  void set(std::int64_t seconds) { *offset_ = seconds; }

  /// What a daemon that is to have this clock needs in its environment; empty where nothing can be preloaded (the
  /// sanitizers' runtime has to come first).
  std::vector<std::string> environment() const {
#ifdef SOLO_CLOCK_SHIM
    return {"LD_PRELOAD=" SOLO_CLOCK_SHIM, "SOLO_TEST_CLOCK=" + path().string()};
#else
    return {};
#endif
  }

 private:
  std::filesystem::path path() const { return directory_.path() / "offset"; }

  TempDir directory_;
  volatile std::int64_t* offset_ = nullptr;
};

}  // namespace solo::testing
