// Copies of bytes that are all forgotten at once. Internal to projections.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace solo::projections {

class ByteArena {
 public:
  /// Begins at an address divisible by 16, and stays until clear(); in place of `former`, which is no longer needed, if
  /// it has room there.
  std::string_view copy(std::string_view bytes, std::string_view former = {}) {
    const std::size_t size = room_for(bytes);
    if (size <= room_for(former)) {
      // Given out by this.
      char* to = const_cast<char*>(former.data());
      std::copy(bytes.begin(), bytes.end(), to);
      return {to, bytes.size()};
    }
    if (size > kChunk) {
      large_.push_back(std::make_unique_for_overwrite<char[]>(size));
      return {std::copy(bytes.begin(), bytes.end(), large_.back().get()) - bytes.size(), bytes.size()};
    }
    if (used_ == 0 || size > kChunk - filled_) {
      if (used_ == chunks_.size()) chunks_.push_back(std::make_unique_for_overwrite<char[]>(kChunk));
      ++used_;
      filled_ = 0;
    }
    char* to = chunks_[used_ - 1].get() + filled_;
    filled_ += size;
    std::copy(bytes.begin(), bytes.end(), to);
    return {to, bytes.size()};
  }

  /// Keeps as much memory as was in use, for the next time.
  void clear() {
    chunks_.resize(used_);
    large_.clear();
    used_ = 0;
  }

 private:
  static std::size_t room_for(std::string_view bytes) { return (bytes.size() + 15) / 16 * 16; }

  static constexpr std::size_t kChunk = std::size_t{1} << 20U;

  std::vector<std::unique_ptr<char[]>> chunks_;
  std::vector<std::unique_ptr<char[]>> large_;
  /// Chunks in use, and bytes of the last of them.
  std::size_t used_ = 0;
  std::size_t filled_ = 0;
};

}  // namespace solo::projections
