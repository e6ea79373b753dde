// Randomness, injected: ids of runs and commands, jitter of backoffs.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace solo::producers {

class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual void fill(std::span<std::uint8_t> bytes) = 0;

  /// A random (version 4) UUID in its usual text form.
  std::string uuid();
  /// Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
};

/// The operating system's generator, through libsodium. Thread-safe.
class SystemEntropy final : public Entropy {
 public:
  void fill(std::span<std::uint8_t> bytes) override;
};

}  // namespace solo::producers
