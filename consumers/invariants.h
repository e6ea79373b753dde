// What must hold between the log, the views, the runtime and the machine: each invariant by its name, how bad its
// breach is, and what an operator does about one that is not mended by itself. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace solo::v1 {
enum class Severity : std::uint8_t;
}

namespace solo::consumers {

enum class Invariant : std::uint8_t {
  // Of services and processes (verifier_diff.h).
  live_service_was_deployed,
  deployed_service_is_live,
  failure_has_a_reason,
  killed_service_is_gone,
  ended_service_is_gone,
  one_instance,
  generation_is_deployed,
  code_is_deployed,
  spec_is_deployed,
  process_is_known,
  runtime_agrees_with_machine,
  views_know_the_instance,
  one_runtime,
  // Of the views and the log (views_check.h, replay_check.h).
  views_are_readable,
  views_entries_are_sound,
  views_entries_agree,
  token_indexes_agree,
  views_digest,
  views_position,
  views_equal_replay,
  log_is_whole,
  rules_are_known,
};

inline constexpr std::size_t kInvariants = 22;

struct InvariantInfo {
  Invariant invariant{};
  /// In reports and events: part of what Solo says to others, so it stays.
  std::string_view name;
  v1::Severity severity{};
  /// What to do about a breach that is left alone.
  std::string_view advice;
};

const InvariantInfo& info_of(Invariant invariant);
const std::array<InvariantInfo, kInvariants>& all_invariants();

}  // namespace solo::consumers
