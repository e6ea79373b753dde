#include "projections/apply_rules.h"
#include "projections/versions.h"
#include "schemas/codec.h"
#include "schemas/ids.h"

namespace solo::projections {
namespace {

using schemas::ErrorCode;
using schemas::Result;

tl::unexpected<schemas::Error> unknown_rules(std::uint32_t rules) {
  return schemas::fail(ErrorCode::failed_precondition,
                       fmt::format("upgrade: the log's rules are {}, this build knows {}", rules, kKnownRules),
                       "install a release that knows these rules; nothing was applied that depends on them");
}

std::string own_source(std::string_view node) { return "/nodes/" + std::string(node); }

Judgement apply_claim(const Incoming& incoming, const v1::RuntimeClaimed& claim, PartitionState& state) {
  const std::string_view node = text_of(claim.node());
  const std::string_view run = text_of(claim.run());
  if (incoming.source != own_source(node)) {
    return quarantined(fmt::format("{} cannot claim the runtime for node {}", incoming.source, node));
  }
  if (run.empty() || run.size() > kMaxIdentityBytes) return quarantined("a claim names its run");
  v1::PartitionMetaT& meta = state.meta();
  if (meta.owner && meta.owner->run == run) {
    return Judgement{Verdict::duplicate, ErrorCode::ok, fmt::format("run {} owns the runtime already", run)};
  }
  v1::OwnerT owner;
  owner.node = node;
  owner.run = run;
  owner.claimed_at = incoming.position.offset;
  // Its observations follow in the same count.
  owner.last_sequence = schemas::observation_sequence(incoming.id, run).value_or(0);
  meta.owner = std::move(owner);
  return Judgement{};
}

Judgement apply_recovered(const Incoming& incoming, const v1::SystemRecovered& recovered, PartitionState& state) {
  if (recovered.report() == nullptr) return quarantined("SystemRecovered has no report");
  const std::string_view run = text_of(recovered.report()->run());
  if (Judgement observer = judge_observer(incoming, run, state); observer.verdict != Verdict::applied) return observer;
  v1::RecoveryRecordT record;
  recovered.report()->UnPackTo(&record.report.ensure());
  record.position = to_string(incoming.position);
  state.set_recovery(std::move(record));
  return Judgement{};
}

Judgement apply_verified(const Incoming& incoming, const v1::VerificationReported& verified, PartitionState& state) {
  if (verified.report() == nullptr) return quarantined("VerificationReported has no report");
  const std::string_view run = text_of(verified.report()->run());
  if (Judgement observer = judge_observer(incoming, run, state); observer.verdict != Verdict::applied) return observer;
  v1::VerificationRecordT record;
  verified.report()->UnPackTo(&record.report.ensure());
  record.position = to_string(incoming.position);
  state.set_verification(std::move(record));
  return Judgement{};
}

/// Its run is in the event's id alone.
Judgement apply_shutdown_complete(const Incoming& incoming, PartitionState& state) {
  const schemas::Box<v1::OwnerT>& owner = state.meta().owner;
  const std::string run = owner ? owner->run : std::string();
  if (!schemas::observation_sequence(incoming.id, run)) return stale("the runtime has another owner");
  if (Judgement observer = judge_observer(incoming, run, state); observer.verdict != Verdict::applied) return observer;
  state.meta().owner->shut_down = true;
  return Judgement{};
}

}  // namespace

Judgement apply_node_event(const Incoming& incoming, PartitionState& state) {
  // About a service, in its tenant's name. For people who read the log; what it led to is reported beside it.
  if (incoming.event.payload_type() == v1::Payload::DriftFixed) return Judgement{};
  if (incoming.tenant != schemas::kSystemTenant) {
    return quarantined(fmt::format("{} belongs to tenant system", v1::EnumNamePayload(incoming.event.payload_type())));
  }
  switch (incoming.event.payload_type()) {
    case v1::Payload::RuntimeClaimed:
      return apply_claim(incoming, *incoming.event.payload_as_RuntimeClaimed(), state);
    case v1::Payload::SystemRecovered:
      return apply_recovered(incoming, *incoming.event.payload_as_SystemRecovered(), state);
    case v1::Payload::VerificationReported:
      return apply_verified(incoming, *incoming.event.payload_as_VerificationReported(), state);
    case v1::Payload::SystemShutdownComplete:
      return apply_shutdown_complete(incoming, state);
    case v1::Payload::SystemStarted:
    case v1::Payload::SystemShutdownStarted:
    case v1::Payload::LostTailAccepted:
      // For people who read the log; the views hold nothing of them.
      return Judgement{};
    case v1::Payload::SystemInitialized:
      return quarantined("a log is named once, by its first record");
    default:
      return quarantined("no rule for this event", ErrorCode::unimplemented);
  }
}

Result<Judgement> apply_rules_raised(const Incoming& incoming, PartitionState& state) {
  if (incoming.tenant != schemas::kSystemTenant) {
    return rejected(ErrorCode::permission_denied, "the rules are raised by tenant system");
  }
  const std::uint32_t rules = incoming.event.payload_as_RulesRaised()->rules();
  if (rules > kKnownRules) return unknown_rules(rules);
  v1::PartitionMetaT& meta = state.meta();
  if (rules > meta.rules) meta.rules = rules;
  return Judgement{};
}

Result<Judgement> apply_genesis(const schemas::LogRecord& record, std::int32_t partitions, std::string_view log_uuid,
                                PartitionState& state) {
  const Result<const v1::Event*> event = schemas::view_event(record.value);
  if (record.position.offset != 0 || !event || (*event)->payload_type() != v1::Payload::SystemInitialized) {
    return schemas::fail(ErrorCode::data_loss,
                         fmt::format("not a Solo log, or its beginning is missing: the first record, at {}, does not "
                                     "name the log",
                                     to_string(record.position)));
  }
  const v1::SystemInitialized& genesis = *(*event)->payload_as_SystemInitialized();
  if (const std::string_view uuid = text_of(genesis.log_uuid()); uuid != log_uuid) {
    return schemas::fail(ErrorCode::failed_precondition,
                         fmt::format("this is log {}, the views are of log {}", uuid, log_uuid));
  }
  if (genesis.partition() != static_cast<std::uint32_t>(record.position.partition) ||
      genesis.partitions() != static_cast<std::uint32_t>(partitions)) {
    return schemas::fail(ErrorCode::failed_precondition,
                         fmt::format("partition {} of {} says it is {} of {}", record.position.partition, partitions,
                                     genesis.partition(), genesis.partitions()));
  }
  if (genesis.rules() > kKnownRules) return unknown_rules(genesis.rules());
  v1::PartitionMetaT& meta = state.meta();
  meta.log_uuid = log_uuid;
  meta.rules = genesis.rules();
  meta.partition = genesis.partition();
  meta.partitions = genesis.partitions();
  meta.next_offset = 1;
  return Judgement{};
}

}  // namespace solo::projections
