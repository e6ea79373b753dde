#include "projections/apply.h"

#include <algorithm>
#include <array>

#include "projections/apply_rules.h"
#include "projections/clock_witness.h"
#include "projections/text.h"
#include "schemas/fingerprint.h"
#include "schemas/ids.h"
#include "schemas/text.h"

namespace solo::projections {
namespace {

using schemas::ErrorCode;
using schemas::Hash128;
using schemas::Result;

constexpr std::string_view kNodePrefix = "/nodes/";

bool is_token_command(v1::Payload type) {
  return type == v1::Payload::CapabilityGranted || type == v1::Payload::CapabilityRevoked;
}

Result<Judgement> judge_from_node(const Incoming& incoming, PartitionState& state) {
  const v1::Payload type = incoming.event.payload_type();
  if (is_observation(type)) return apply_observation(incoming, state);
  if (type == v1::Payload::CapabilitiesRemoved) return apply_tokens_removed(incoming, state);
  if (is_command(type) || is_token_command(type) || type == v1::Payload::RulesRaised) {
    return quarantined("a node gives no orders", ErrorCode::permission_denied);
  }
  return apply_node_event(incoming, state);
}

Result<Judgement> judge_order(const Incoming& incoming, PartitionState& state) {
  const v1::Payload type = incoming.event.payload_type();
  if (type == v1::Payload::RulesRaised) return apply_rules_raised(incoming, state);
  if (is_token_command(type)) {
    if (auto refused = refuse_revoked_actor(incoming, state)) return *std::move(refused);
    return apply_token_command(incoming, state);
  }
  if (!is_command(type)) {
    return rejected(ErrorCode::permission_denied,
                    fmt::format("{} comes from a node, not from {}", v1::EnumNamePayload(type), incoming.source));
  }
  if (incoming.tenant == schemas::kSystemTenant) {
    return rejected(ErrorCode::permission_denied, "tenant system is reserved: it has no services");
  }
  if (auto refused = refuse_revoked_actor(incoming, state)) return *std::move(refused);
  return apply_command(incoming, state);
}

/// What the same id led to before, if that still counts.
std::optional<Judgement> judge_repetition(const Incoming& incoming, const Hash128& fingerprint, PartitionState& state) {
  const auto earlier = state.find_outcome({incoming.tenant, incoming.source, incoming.id, incoming.outcome_hash});
  if (!earlier || !outcome_counts(earlier->record, state.tenant(incoming.tenant))) return std::nullopt;
  const auto bytes = fingerprint.bytes();
  if (std::equal(bytes.begin(), bytes.end(), earlier->record.fingerprint.begin(), earlier->record.fingerprint.end())) {
    return Judgement{Verdict::duplicate, ErrorCode::ok,
                     fmt::format("repeats the event at {}", to_string(earlier->position)), earlier->record.generation,
                     earlier->record.restart_epoch};
  }
  return rejected(ErrorCode::invalid_argument, fmt::format("id {} was used for a different request at {}", incoming.id,
                                                           to_string(earlier->position)));
}

void record_outcome(const Incoming& incoming, const Hash128& fingerprint, const Judgement& judged,
                    PartitionState& state) {
  NewOutcome outcome;
  outcome.tenant = incoming.tenant;
  outcome.source = incoming.source;
  outcome.id = incoming.id;
  outcome.offset = incoming.position.offset;
  outcome.sequence = ++state.edit_tenant(incoming.tenant).commands;
  outcome.fingerprint = fingerprint;
  outcome.outcome = judged.verdict == Verdict::applied ? v1::Outcome::applied : v1::Outcome::rejected;
  outcome.code = static_cast<v1::ErrorCode>(judged.code);
  outcome.message = judged.message;
  outcome.service = incoming.service;
  outcome.generation = judged.generation;
  outcome.restart_epoch = judged.restart_epoch;
  state.add_outcome(outcome, incoming.outcome_hash);
}

Result<Judgement> judge_from_outside(const Incoming& incoming, const Hash128& fingerprint, PartitionState& state) {
  if (auto repeated = judge_repetition(incoming, fingerprint, state)) return *std::move(repeated);
  Result<Judgement> judged = judge_order(incoming, state);
  if (judged) record_outcome(incoming, fingerprint, *judged, state);
  return judged;
}

bool becomes_dead_letter(const Judgement& judged, SourceKind source) {
  switch (judged.verdict) {
    case Verdict::applied:
      return false;
    case Verdict::quarantined:
      return true;
    case Verdict::rejected:
      // The outcome holds it; a node has none.
      return source != SourceKind::command;
    case Verdict::duplicate:
    case Verdict::stale:
      return source == SourceKind::outsider;
  }
  return true;
}

void add_dead_letter(const schemas::LogRecord& record, const Judgement& judged, const Incoming* incoming,
                     PartitionState& state) {
  const auto readable = [](std::string_view text) { return schemas::to_utf8(clip_head(text, kMaxIdentityBytes)); };
  v1::DeadLetterT letter;
  letter.position = to_string(record.position);
  letter.code = static_cast<v1::ErrorCode>(judged.code);
  letter.message = judged.message;
  letter.key = readable(record.key);
  if (incoming != nullptr) {
    letter.id = readable(incoming->id);
    letter.source = readable(incoming->source);
    letter.type = v1::EnumNamePayload(incoming->event.payload_type());
    letter.tenant = readable(incoming->tenant);
  }
  letter.timestamp = record.timestamp;
  letter.size = static_cast<std::uint32_t>(record.value.size());
  state.add_dead_letter(record.position.offset, std::move(letter));
  ++state.meta().dead_letters;
}

void settle(const schemas::LogRecord& record, const Judgement& judged, const Incoming* incoming,
            PartitionState& state) {
  v1::PartitionMetaT& meta = state.meta();
  if (judged.verdict == Verdict::stale) ++meta.stale;
  if (judged.verdict == Verdict::duplicate) ++meta.duplicates;
  if (becomes_dead_letter(judged, incoming != nullptr ? incoming->source_kind : SourceKind::outsider)) {
    add_dead_letter(record, judged, incoming, state);
  }
  meta.next_offset = record.position.offset + 1;
}

}  // namespace

Judgement judge_observer(const Incoming& incoming, std::string_view run, PartitionState& state) {
  v1::PartitionMetaT& meta = state.meta();
  if (!meta.owner || meta.owner->run != run) return stale(fmt::format("run {} is not the owner here", run));
  if (incoming.source.substr(kNodePrefix.size()) != meta.owner->node) {
    return stale(fmt::format("run {} belongs to node {}", run, meta.owner->node));
  }
  const auto sequence = schemas::observation_sequence(incoming.id, run);
  if (!sequence) return quarantined(sequence.error().message);
  if (*sequence <= meta.owner->last_sequence) {
    return Judgement{Verdict::duplicate, ErrorCode::ok,
                     fmt::format("the owner's observations up to {} are applied", meta.owner->last_sequence)};
  }
  meta.owner->last_sequence = *sequence;
  return Judgement{};
}

bool is_command(v1::Payload type) {
  return type == v1::Payload::ServiceDeployed || type == v1::Payload::ServiceKilled ||
         type == v1::Payload::ServiceRestartRequested;
}

bool is_observation(v1::Payload type) {
  return type == v1::Payload::ServiceStarted || type == v1::Payload::ServiceRecovered ||
         type == v1::Payload::ServiceExited || type == v1::Payload::ServiceCrashed ||
         type == v1::Payload::ServiceStopped || type == v1::Payload::ServiceDeploymentFailed ||
         type == v1::Payload::ServiceRecoveryFailed || type == v1::Payload::ServiceFailed;
}

Result<Judgement> apply_record(const schemas::LogRecord& record, const RecordView& view, std::int32_t partitions,
                               std::string_view log_uuid, PartitionState& state) {
  witness(record.timestamp, state.meta());
  if (state.meta().log_uuid.empty()) return apply_genesis(record, partitions, log_uuid, state);

  Result<Judgement> judged = Judgement{};
  if (view.flaw) {
    judged = quarantined(view.flaw->message, view.flaw->code);
  } else if (view.incoming->source_kind == SourceKind::node) {
    judged = judge_from_node(*view.incoming, state);
  } else {
    judged = judge_from_outside(*view.incoming, view.fingerprint, state);
  }
  if (judged) settle(record, *judged, view.incoming ? &*view.incoming : nullptr, state);
  return judged;
}

Result<Judgement> apply_record(const schemas::LogRecord& record, std::int32_t partitions, std::string_view log_uuid,
                               PartitionState& state) {
  return apply_record(record, view_record(record, partitions), partitions, log_uuid, state);
}

}  // namespace solo::projections
