#include "producers/publisher_event.h"

#include <fmt/format.h>

#include "schemas/codec.h"
#include "schemas/envelope.h"
#include "schemas/ids.h"
#include "schemas/schemas.h"
#include "schemas/spec.h"

namespace solo::publisher {
namespace {

using schemas::fail;
using schemas::Result;

// The public enums are the schemas' by number.
static_assert(static_cast<int>(Format::cxx) == static_cast<int>(v1::Format::cxx));
static_assert(static_cast<int>(v1::Format::MAX) == static_cast<int>(Format::cxx));
static_assert(static_cast<int>(v1::RestartPolicy::MAX) == static_cast<int>(RestartPolicy::temporary));
static_assert(static_cast<int>(v1::ErrorCode::MAX) == static_cast<int>(ErrorCode::data_loss));

v1::SpecT spec_of(const Spec& given) {
  v1::SpecT spec;
  spec.format = static_cast<v1::Format>(given.format);
  spec.argv = given.argv;
  spec.code = given.code;
  for (const auto& [name, value] : given.env) {
    v1::EnvVarT variable;
    variable.name = name;
    variable.value = value;
    spec.env.emplace_back(std::move(variable));
  }
  spec.restart = static_cast<v1::RestartPolicy>(given.restart);
  v1::RestartLimitsT& limits = spec.restart_limits.ensure();
  limits.max_restarts = given.limits.max_restarts;
  limits.max_seconds = given.limits.max_seconds;
  limits.startup_timeout_ms = given.limits.startup_timeout_ms;
  limits.shutdown_timeout_ms = given.limits.shutdown_timeout_ms;
  return spec;
}

/// One overload for each order.
struct ToPayload {
  v1::PayloadUnion operator()(const Deploy& deploy) const {
    v1::ServiceDeployedT deployed;
    deployed.spec.ensure() = spec_of(deploy.spec);
    deployed.replace = deploy.replace;
    deployed.if_generation = deploy.if_generation;
    return wrap(std::move(deployed));
  }
  v1::PayloadUnion operator()(const Kill& kill) const {
    v1::ServiceKilledT killed;
    killed.if_generation = kill.if_generation;
    killed.grace_ms = kill.grace_ms;
    killed.force = kill.force;
    return wrap(std::move(killed));
  }
  v1::PayloadUnion operator()(const Restart& restart) const {
    v1::ServiceRestartRequestedT requested;
    requested.if_generation = restart.if_generation;
    return wrap(std::move(requested));
  }

 private:
  template <class Payload>
  static v1::PayloadUnion wrap(Payload payload) {
    v1::PayloadUnion any;
    any.Set(std::move(payload));
    return any;
  }
};

Result<void> check_names(const Event& event) {
  if (auto tenant = schemas::TenantKind::check(event.tenant); !tenant) return tenant;
  if (event.tenant == schemas::kSystemTenant) {
    return fail(schemas::ErrorCode::permission_denied, "tenant system is reserved: it has no services",
                "name another tenant");
  }
  if (auto service = schemas::ServiceKind::check(event.service); !service) return service;
  if (auto identity = schemas::check_identity(event.id, event.source, event.tenant); !identity) return identity;
  if (schemas::kind_of_source(event.source) == schemas::SourceKind::outsider) return {};
  return fail(schemas::ErrorCode::invalid_argument, fmt::format("source {} is one of Solo's own", event.source),
              "a URI reference of your own says who published it");
}

v1::EventT event_of(const Event& given, std::int64_t now_us) {
  v1::EventT event;
  event.id = given.id;
  event.source = given.source;
  event.tenant = given.tenant;
  event.service = given.service;
  event.time = given.time_us == 0 ? now_us : given.time_us;
  event.causation = given.causation;
  event.correlation = given.correlation;
  event.payload = std::visit(ToPayload(), given.order);
  return event;
}

}  // namespace

Error to_public(const schemas::Error& error) {
  return {static_cast<ErrorCode>(error.code), error.message, error.hint, error.retryable};
}

Result<std::string> encode(const Event& given, std::int64_t now_us) {
  if (auto names = check_names(given); !names) return fail(names.error());
  const v1::EventT event = event_of(given, now_us);
  if (const auto* deployed = event.payload.AsServiceDeployed()) {
    if (auto spec = schemas::check_spec(*deployed->spec); !spec) return fail(spec.error());
  }
  std::string bytes = schemas::encode(event);
  // What is left: the event's size, and that every text is UTF-8.
  if (const auto whole = schemas::view_event(bytes); !whole) return fail(whole.error());
  return bytes;
}

}  // namespace solo::publisher
