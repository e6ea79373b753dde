// A service's own directory and output under STATE, and what is read from and done to them. The service may do to them
// whatever it likes, so nothing here follows its links, waits on its FIFOs or trusts a size. Thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "producers/ports.h"
#include "schemas/ids.h"
#include "schemas/result.h"

namespace solo::consumers {

class ServiceFiles {
 public:
  explicit ServiceFiles(std::filesystem::path state) : state_(std::move(state)) {}

  /// STATE/services.
  std::filesystem::path services() const;
  /// STATE/services/TENANT/SERVICE: its working directory and HOME.
  std::filesystem::path directory(const schemas::ServiceKey& service) const;
  /// output.log in it.
  std::filesystem::path output(const schemas::ServiceKey& service) const;

  schemas::Result<void> make_directory(const schemas::ServiceKey& service) const;

  /// The last `bytes` bytes of the output, as UTF-8; where it was emptied since, with the copy before it. not_found:
  /// there is none. unavailable: it is no regular file.
  schemas::Result<producers::OutputTail> tail(const schemas::ServiceKey& service, std::size_t bytes) const;

  /// Output over `cap` bytes: the last `cap` of them are copied to output.log.1 and the file is emptied (its writers
  /// append, so they go on at its new end; what they write between the copy and that is lost). true: it was.
  schemas::Result<bool> cap_output(const schemas::ServiceKey& service, std::uint64_t cap) const;

 private:
  std::filesystem::path state_;
};

}  // namespace solo::consumers
