#include "projections/apply.h"

#include <algorithm>
#include <array>

#include "projections/apply_rules.h"
#include "projections/text.h"
#include "schemas/codec.h"
#include "schemas/fingerprint.h"
#include "schemas/ids.h"
#include "schemas/partitioning.h"

namespace solo::projections {
namespace {

using schemas::ErrorCode;
using schemas::Hash128;
using schemas::Result;

constexpr std::string_view kCommandPrefix = "/commands/";
constexpr std::string_view kNodePrefix = "/nodes/";

bool is_about_partition(v1::Payload type) {
  return type == v1::Payload::SystemInitialized || type == v1::Payload::RuntimeClaimed ||
         type == v1::Payload::RulesRaised;
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

bool has_identity_length(std::string_view text) { return !text.empty() && text.size() <= kMaxIdentityBytes; }

/// Sorts the source into its kind; the message of a source that lies about itself.
std::optional<std::string> classify_source(Incoming& incoming) {
  const std::string_view source = incoming.source;
  if (source.substr(0, kCommandPrefix.size()) == kCommandPrefix) {
    incoming.source_kind = SourceKind::command;
    if (source.substr(kCommandPrefix.size()) != incoming.tenant) {
      return fmt::format("source {} does not go with tenant {}", source, incoming.tenant);
    }
  } else if (source.substr(0, kNodePrefix.size()) == kNodePrefix) {
    incoming.source_kind = SourceKind::node;
    if (auto node = schemas::NodeKind::check(source.substr(kNodePrefix.size())); !node) return node.error().message;
  }
  return std::nullopt;
}

/// The message of an envelope that breaks a rule.
std::optional<std::string> check_envelope(const schemas::LogRecord& record, std::int32_t partitions,
                                          Incoming& incoming) {
  const v1::Payload type = incoming.event.payload_type();
  if (auto tenant = schemas::TenantKind::check(incoming.tenant); !tenant) return tenant.error().message;
  if (!is_about_partition(type)) {
    if (record.key != incoming.tenant) {
      return fmt::format("key {} is not the tenant {}", schemas::to_utf8(clip_head(record.key, 100)), incoming.tenant);
    }
    if (const auto home = schemas::partition_of(record.key, partitions); home != record.position.partition) {
      return fmt::format("key {} belongs to partition {}", incoming.tenant, home);
    }
  }
  if (is_command(type) || is_observation(type) || !incoming.service.empty()) {
    if (auto service = schemas::ServiceKind::check(incoming.service); !service) return service.error().message;
  }
  if (!has_identity_length(incoming.id)) return fmt::format("an id has 1 to {} bytes", kMaxIdentityBytes);
  if (!has_identity_length(incoming.source)) return fmt::format("a source has 1 to {} bytes", kMaxIdentityBytes);
  return classify_source(incoming);
}

Result<Judgement> judge_from_node(const Incoming& incoming, PartitionState& state) {
  const v1::Payload type = incoming.event.payload_type();
  if (is_observation(type)) return apply_observation(incoming, state);
  if (is_command(type) || type == v1::Payload::RulesRaised) {
    return quarantined("a node gives no orders", ErrorCode::permission_denied);
  }
  return apply_node_event(incoming, state);
}

Result<Judgement> judge_order(const Incoming& incoming, PartitionState& state) {
  const v1::Payload type = incoming.event.payload_type();
  if (type == v1::Payload::RulesRaised) return apply_rules_raised(incoming, state);
  if (!is_command(type)) {
    return rejected(ErrorCode::permission_denied,
                    fmt::format("{} comes from a node, not from {}", v1::EnumNamePayload(type), incoming.source));
  }
  if (incoming.tenant == schemas::kSystemTenant) {
    return rejected(ErrorCode::permission_denied, "tenant system is reserved: it has no services");
  }
  return apply_command(incoming, state);
}

/// What the same id led to before, if that still counts.
std::optional<Judgement> judge_repetition(const Incoming& incoming, const Hash128& fingerprint, PartitionState& state) {
  const auto earlier = state.find_outcome(incoming.tenant, incoming.source, incoming.id);
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
  v1::OutcomeRecordT outcome;
  outcome.tenant = incoming.tenant;
  outcome.source = incoming.source;
  outcome.id = incoming.id;
  outcome.offset = incoming.position.offset;
  outcome.sequence = ++state.edit_tenant(incoming.tenant).commands;
  const auto bytes = fingerprint.bytes();
  outcome.fingerprint.assign(bytes.begin(), bytes.end());
  outcome.outcome = judged.verdict == Verdict::applied ? v1::Outcome::applied : v1::Outcome::rejected;
  outcome.code = static_cast<v1::ErrorCode>(judged.code);
  outcome.message = judged.message;
  outcome.service = incoming.service;
  outcome.generation = judged.generation;
  outcome.restart_epoch = judged.restart_epoch;
  state.add_outcome(std::move(outcome));
}

Result<Judgement> judge_from_outside(const Incoming& incoming, PartitionState& state) {
  const Hash128 fingerprint = schemas::request_fingerprint(incoming.event);
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

Incoming read_envelope(const v1::Event& event, schemas::Position position) {
  Incoming incoming{event, position};
  incoming.id = text_of(event.id());
  incoming.source = text_of(event.source());
  incoming.tenant = text_of(event.tenant());
  incoming.service = text_of(event.service());
  return incoming;
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

Result<Judgement> apply_record(const schemas::LogRecord& record, std::int32_t partitions, std::string_view log_uuid,
                               PartitionState& state) {
  if (state.meta().log_uuid.empty()) return apply_genesis(record, partitions, log_uuid, state);

  if (record.value.size() > schemas::kMaxEventBytes) {
    Judgement judged = quarantined(fmt::format("an event has at most {} bytes", schemas::kMaxEventBytes));
    settle(record, judged, nullptr, state);
    return judged;
  }
  const Result<const v1::Event*> event = schemas::view_event(record.value);
  if (!event) {
    Judgement judged = quarantined(event.error().message, event.error().code);
    settle(record, judged, nullptr, state);
    return judged;
  }
  Incoming incoming = read_envelope(**event, record.position);
  Result<Judgement> judged = Judgement{};
  if (auto broken = check_envelope(record, partitions, incoming)) {
    judged = quarantined(*std::move(broken));
  } else if (incoming.source_kind == SourceKind::node) {
    judged = judge_from_node(incoming, state);
  } else {
    judged = judge_from_outside(incoming, state);
  }
  if (judged) settle(record, *judged, &incoming, state);
  return judged;
}

}  // namespace solo::projections
