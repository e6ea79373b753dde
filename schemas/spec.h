// The rules a service's spec must keep, and the values that stand in for what it leaves out.
//
// apply judges every deploy in the log by check_spec(), so its verdicts and these limits are part of what the log
// means: change one, even to relax it, and old records are judged anew, differently on every daemon. A released rule
// stays as it is; another one is chosen by the partition's rules version, from a RulesRaised event on.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "schemas/result.h"

namespace solo::v1 {
struct Spec;
struct SpecT;
}  // namespace solo::v1

namespace solo::schemas {

/// Linux takes 128 KiB for one argument or environment string, and less than 2 MiB for all of them.
inline constexpr std::size_t kMaxArguments = 1000;
inline constexpr std::size_t kMaxEnvironment = 1000;
inline constexpr std::size_t kMaxArgumentBytes = 64 * 1024;
inline constexpr std::size_t kMaxAllArgumentBytes = 512 * 1024;
inline constexpr std::size_t kMaxEnvNameBytes = 256;
inline constexpr std::size_t kMaxCodeBytes = 768 * 1024;

/// Is this a spec Solo can run? The one place that knows: format given, argv or code as the format needs it
/// (script: a shebang), counts and lengths bounded, env names well formed and outside SOLO_*, UTF-8, no NUL.
/// invalid_argument says which field is wrong and how.
Result<void> check_spec(const v1::SpecT& spec);
/// The same of one in a verified buffer.
Result<void> check_spec(const v1::Spec& spec);

/// A spec's restart limits with every "not given" filled in.
struct EffectiveLimits {
  std::uint32_t max_restarts = 5;
  std::chrono::seconds window{60};
  std::chrono::milliseconds startup_timeout{5000};  // cxx: 60 s
  std::chrono::milliseconds shutdown_timeout{5000};
};

EffectiveLimits effective_limits(const v1::SpecT& spec);

}  // namespace solo::schemas
