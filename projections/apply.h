// What a record means: the one place where the log is turned into state.
//
// Pure and deterministic: the result depends on the record and on what earlier records of the same partition left in
// the state, on nothing else (no clock, randomness, I/O, other partition, hash order). So every reader of a log, on any
// machine and however it cuts the log into batches, comes to the same state. A rule that is released never changes;
// a new one takes effect from a RulesRaised event on.
//
// A record that does not verify, is not what it says it is or breaks a rule never stops the next one: it goes to the
// dead letters with its position and the reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "projections/record_view.h"
#include "projections/state.h"
#include "schemas/envelope.h"
#include "schemas/position.h"
#include "schemas/result.h"

namespace solo::projections {

enum class Verdict : std::uint8_t {
  applied,
  /// The same event stood in the log before. No effect.
  duplicate,
  /// Understood and refused by a rule; `code` and `message` say which. No effect.
  rejected,
  /// An observation about something that is no longer so, or from a run that no longer counts. No effect.
  stale,
  /// Not an event one could judge. No effect.
  quarantined,
};

struct Judgement {
  Verdict verdict = Verdict::applied;
  schemas::ErrorCode code = schemas::ErrorCode::ok;
  std::string message = {};
  /// What an outcome remembers: the generation the command made or was about, and the epoch a restart asked for.
  std::uint64_t generation = 0;
  std::uint64_t restart_epoch = 0;
};

using schemas::kMaxIdentityBytes;
/// Longest detail kept of an observation, in bytes.
inline constexpr std::size_t kMaxDetailBytes = 16 * 1024;

/// Applies the next record. `partitions` is the log's number of partitions, `log_uuid` its name; the first record of
/// all must be its genesis.
/// An error means that nothing was applied and nothing after it may be: failed_precondition for another log's genesis
/// and for a rules version this build does not know; data_loss for a log that does not begin with its genesis.
schemas::Result<Judgement> apply_record(const schemas::LogRecord& record, const RecordView& view,
                                        std::int32_t partitions, std::string_view log_uuid, PartitionState& state);
/// The same, with its view_record().
schemas::Result<Judgement> apply_record(const schemas::LogRecord& record, std::int32_t partitions,
                                        std::string_view log_uuid, PartitionState& state);

}  // namespace solo::projections
