#include "projections/record_view.h"

#include "projections/apply_rules.h"
#include "projections/name_hash.h"
#include "projections/text.h"
#include "schemas/codec.h"
#include "schemas/ids.h"
#include "schemas/partitioning.h"
#include "schemas/spec.h"
#include "schemas/text.h"

namespace solo::projections {
namespace {

using schemas::Error;
using schemas::ErrorCode;

bool is_about_partition(v1::Payload type) {
  return type == v1::Payload::SystemInitialized || type == v1::Payload::RuntimeClaimed ||
         type == v1::Payload::RulesRaised;
}

Incoming read_envelope(const v1::Event& event, const schemas::LogRecord& record) {
  Incoming incoming{event, record.position};
  incoming.bytes = record.value;
  incoming.id = text_of(event.id());
  incoming.source = text_of(event.source());
  incoming.tenant = text_of(event.tenant());
  incoming.service = text_of(event.service());
  incoming.source_kind = schemas::kind_of_source(incoming.source);
  return incoming;
}

/// The message of an envelope that breaks a rule.
std::optional<std::string> check_envelope(const schemas::LogRecord& record, std::int32_t partitions,
                                          const Incoming& incoming) {
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
  if (auto identity = schemas::check_identity(incoming.id, incoming.source, incoming.tenant); !identity) {
    return identity.error().message;
  }
  return std::nullopt;
}

/// What the rules of commands will ask for.
void look_ahead(Incoming& incoming) {
  incoming.outcome_hash = outcome_hash(incoming.tenant, incoming.source, incoming.id);
  incoming.service_hash = service_hash(incoming.tenant, incoming.service);
  const auto* deployed = incoming.event.payload_as_ServiceDeployed();
  if (deployed == nullptr || deployed->spec() == nullptr) return;
  if (auto checked = schemas::check_spec(*deployed->spec()); !checked) incoming.spec_flaw = std::move(checked.error());
}

RecordView flawed(std::string message, ErrorCode code = ErrorCode::invalid_argument) {
  return RecordView{std::nullopt, Error{code, std::move(message)}, {}};
}

}  // namespace

RecordView view_record(const schemas::LogRecord& record, std::int32_t partitions) {
  if (record.value.size() > schemas::kMaxEventBytes) {
    return flawed(fmt::format("an event has at most {} bytes", schemas::kMaxEventBytes));
  }
  const schemas::Result<const v1::Event*> event = schemas::view_event(record.value);
  if (!event) return flawed(event.error().message, event.error().code);
  RecordView view{read_envelope(**event, record), nullptr, {}};
  if (auto broken = check_envelope(record, partitions, *view.incoming)) {
    view.flaw = Error{ErrorCode::invalid_argument, *std::move(broken)};
  } else if (view.incoming->source_kind != SourceKind::node) {
    view.fingerprint = schemas::request_fingerprint(**event);
    look_ahead(*view.incoming);
  }
  return view;
}

}  // namespace solo::projections
