// What the files of apply share: an event on its way through the rules. Not for use outside apply*.cc.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "projections/apply.h"
#include "projections/record_view.h"

namespace solo::projections {

/// An absent string is an empty one.
inline std::string_view text_of(const flatbuffers::String* text) {
  return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
}

inline Judgement rejected(schemas::ErrorCode code, std::string message, std::uint64_t generation = 0) {
  return Judgement{Verdict::rejected, code, std::move(message), generation};
}
inline Judgement stale(std::string message) {
  return Judgement{Verdict::stale, schemas::ErrorCode::failed_precondition, std::move(message)};
}
inline Judgement quarantined(std::string message, schemas::ErrorCode code = schemas::ErrorCode::invalid_argument) {
  return Judgement{Verdict::quarantined, code, std::move(message)};
}

/// An order about a service.
bool is_command(v1::Payload type);
/// What a runtime saw of a service.
bool is_observation(v1::Payload type);

/// Does this observation of `run` count: is the run the partition's owner, and the event's number above the last one?
/// applied: yes, and its number is taken note of.
Judgement judge_observer(const Incoming& incoming, std::string_view run, PartitionState& state);

/// apply_service.cc: ServiceDeployed, ServiceKilled, ServiceRestartRequested.
Judgement apply_command(const Incoming& incoming, PartitionState& state);
/// apply_token.cc: CapabilityGranted, CapabilityRevoked.
Judgement apply_token_command(const Incoming& incoming, PartitionState& state);
/// CapabilitiesRemoved, from the partition's owner.
Judgement apply_tokens_removed(const Incoming& incoming, PartitionState& state);
/// unauthenticated: as far as this partition tells, the token that asked for it, or one that it descends from, was
/// revoked earlier. A token that is not of this partition (one for every tenant) is the gateway's to judge.
std::optional<Judgement> refuse_revoked_actor(const Incoming& incoming, PartitionState& state);
/// apply_observation.cc: what a runtime saw of a service.
Judgement apply_observation(const Incoming& incoming, PartitionState& state);
/// apply_system.cc: the rest of what nodes report.
Judgement apply_node_event(const Incoming& incoming, PartitionState& state);
schemas::Result<Judgement> apply_rules_raised(const Incoming& incoming, PartitionState& state);
schemas::Result<Judgement> apply_genesis(const schemas::LogRecord& record, std::int32_t partitions,
                                         std::string_view log_uuid, PartitionState& state);

/// A deployment lets go of its code text.
void release_code(const v1::DeploymentT& deployment, PartitionState& state);

}  // namespace solo::projections
