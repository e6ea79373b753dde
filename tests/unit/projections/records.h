// Records of a small log, as its writers would make them, for the tests of apply and the views.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/position.h"
#include "schemas/schemas.h"

namespace solo::testing {

inline constexpr std::string_view kLog = "5a0c33f5-6cb4-4cf3-a3f5-6b1f1a3e9d11";
inline constexpr std::string_view kNode = "node-1";
inline constexpr std::string_view kRun = "run-a";

struct DeployOptions {
  v1::RestartPolicy restart = v1::RestartPolicy::permanent;
  /// A script with this text; empty: exec.
  std::string code = {};
  bool replace = false;
  std::uint64_t if_generation = 0;
};

/// Gives each event the next offset of one partition, and ids nobody else in it uses.
class RecordMaker {
 public:
  schemas::LogRecord genesis();
  schemas::LogRecord claim(std::string_view run = kRun, std::string_view node = kNode);

  schemas::LogRecord deploy(std::string_view service, const DeployOptions& options = {});
  schemas::LogRecord kill(std::string_view service, std::uint64_t if_generation = 0);
  schemas::LogRecord restart(std::string_view service, std::uint64_t if_generation = 0);

  schemas::LogRecord started(std::string_view service, std::uint64_t generation, std::string_view instance,
                             std::uint64_t restart_epoch = 0);
  schemas::LogRecord recovered(std::string_view service, std::uint64_t generation, std::string_view instance,
                               v1::RecoveryMode mode = v1::RecoveryMode::started);
  schemas::LogRecord exited(std::string_view service, std::string_view instance);
  schemas::LogRecord crashed(std::string_view service, std::string_view instance, int signal = 11);
  schemas::LogRecord lost(std::string_view service, std::string_view instance);
  schemas::LogRecord stopped(std::string_view service, std::string_view instance);
  /// Nothing of the killed generation is left.
  schemas::LogRecord settled(std::string_view service, std::uint64_t generation, std::string_view instance = "");
  schemas::LogRecord deployment_failed(std::string_view service, std::uint64_t generation);
  schemas::LogRecord recovery_failed(std::string_view service, std::uint64_t generation);
  schemas::LogRecord failed(std::string_view service, std::uint64_t generation);

  /// Any payload, as a command, and as an observation of `run`.
  v1::EventT command(std::string_view service, v1::PayloadUnion payload);
  v1::EventT observation(std::string_view service, v1::PayloadUnion payload);
  schemas::LogRecord record(const v1::EventT& event);
  schemas::LogRecord raw(std::string key, std::string value);

  /// Which one, of how many.
  std::int32_t partition = 0;
  std::int32_t partitions = 1;
  std::string tenant = "acme";
  /// Who observes.
  std::string run = std::string(kRun);
  std::string node = std::string(kNode);
  std::int64_t next_offset = 0;
  std::uint64_t next_id = 1;
  std::uint64_t next_sequence = 1;

 private:
  v1::ObservedT observed(std::uint64_t generation, std::string_view instance, std::uint64_t restart_epoch = 0) const;
};

template <class Payload>
v1::PayloadUnion payload_of(Payload payload) {
  v1::PayloadUnion any;
  any.Set(std::move(payload));
  return any;
}

/// Another record with the same event, further on in the log.
schemas::LogRecord repeat(RecordMaker& maker, const schemas::LogRecord& record);

}  // namespace solo::testing
