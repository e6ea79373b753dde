// A fresh directory (0700) that is gone, with all in it, when this is; and turns at taking up its disk.
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace solo::testing {

class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "solo-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Of the tests that measure the room on the temporary directories' disk and take much of it, one at a time has this.
class DiskRoomLock {
 public:
  DiskRoomLock()
      : directory_(::open(std::filesystem::temp_directory_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (directory_ < 0 || ::flock(directory_, LOCK_EX) != 0) std::abort();
  }
  ~DiskRoomLock() { ::close(directory_); }
  DiskRoomLock(const DiskRoomLock&) = delete;
  DiskRoomLock& operator=(const DiskRoomLock&) = delete;

 private:
  int directory_;
};

}  // namespace solo::testing
