#include "producers/decide.h"

#include <fmt/format.h>

#include "producers/gateway_replies.h"
#include "projections/order_rules.h"
#include "schemas/codec.h"
#include "schemas/spec.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

constexpr std::string_view kEveryTenant = "*";

bool may_span_tenants(v1::Command command) {
  return command == v1::Command::List || command == v1::Command::Health || command == v1::Command::Recovery;
}

Result<void> check_tenant(const v1::RequestT& request) {
  const v1::Command command = request.body.type;
  if (command == v1::Command::Health && request.tenant.empty()) return {};
  if (request.tenant == kEveryTenant) {
    if (may_span_tenants(command)) return {};
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} is about one tenant, not all of them", v1::EnumNameCommand(command)),
                "name the tenant; * is for list, health and recovery");
  }
  return schemas::TenantKind::check(request.tenant);
}

/// Nothing: this command names no service.
const std::string* service_of(const v1::RequestT& request) {
  switch (request.body.type) {
    case v1::Command::Deploy:
      return &request.body.AsDeploy()->service;
    case v1::Command::Kill:
      return &request.body.AsKill()->service;
    case v1::Command::Restart:
      return &request.body.AsRestart()->service;
    case v1::Command::Status:
      return &request.body.AsStatus()->service;
    case v1::Command::Logs:
      return &request.body.AsLogs()->service;
    default:
      return nullptr;
  }
}

v1::PayloadUnion payload_of(const v1::RequestT& request) {
  v1::PayloadUnion payload;
  if (const auto* deploy = request.body.AsDeploy()) {
    v1::ServiceDeployedT deployed;
    deployed.spec = deploy->spec;
    deployed.replace = deploy->replace;
    deployed.if_generation = deploy->if_generation;
    payload.Set(std::move(deployed));
  } else if (const auto* kill = request.body.AsKill()) {
    v1::ServiceKilledT killed;
    killed.if_generation = kill->if_generation;
    killed.grace_ms = kill->grace_ms;
    killed.force = kill->force;
    payload.Set(std::move(killed));
  } else if (const auto* restart = request.body.AsRestart()) {
    v1::ServiceRestartRequestedT requested;
    requested.if_generation = restart->if_generation;
    payload.Set(std::move(requested));
  }
  return payload;
}

}  // namespace

bool is_order(const v1::RequestT& request) {
  switch (request.body.type) {
    case v1::Command::Deploy:
    case v1::Command::Kill:
    case v1::Command::Restart:
      return true;
    default:
      return false;
  }
}

v1::Wait effective_wait(const v1::RequestT& request) {
  if (request.wait != v1::Wait::unspecified) return request.wait;
  return is_order(request) ? v1::Wait::done : v1::Wait::applied;
}

std::chrono::milliseconds effective_timeout(const v1::RequestT& request, std::chrono::milliseconds fallback) {
  return request.timeout_ms == 0 ? fallback : std::chrono::milliseconds(request.timeout_ms);
}

Result<void> check_request(const v1::RequestT& request) {
  if (request.body.type == v1::Command::NONE) {
    return fail(ErrorCode::invalid_argument, "the request has no body", "name a command in it");
  }
  if (auto checked = schemas::CommandIdKind::check(request.id); !checked) return checked;
  if (auto checked = check_tenant(request); !checked) return checked;
  if (const std::string* service = service_of(request)) return schemas::ServiceKind::check(*service);
  return {};
}

Result<v1::EventT> decide(const v1::RequestT& request, const DecideContext& context) {
  if (auto checked = check_request(request); !checked) return fail(checked.error());
  if (!is_order(request)) {
    return fail(ErrorCode::unimplemented,
                fmt::format("{} is not an order that becomes an event", v1::EnumNameCommand(request.body.type)));
  }
  if (request.tenant == schemas::kSystemTenant) {
    return fail(ErrorCode::permission_denied, "tenant system is reserved: it has no services", "name another tenant");
  }
  if (const auto* deploy = request.body.AsDeploy()) {
    if (!deploy->spec)
      return fail(ErrorCode::invalid_argument, "a deploy needs a spec", "give at least its format and argv or code");
    if (auto checked = schemas::check_spec(*deploy->spec); !checked) return fail(checked.error());
  }
  v1::EventT event;
  event.id = request.id;
  event.source = schemas::command_source(schemas::TenantName::trusted(request.tenant));
  event.tenant = request.tenant;
  event.service = *service_of(request);
  event.actor = context.actor;
  event.time = context.wall_us;
  event.payload = payload_of(request);
  return event;
}

Result<std::string> encode_bounded(const v1::EventT& event) {
  std::string bytes = schemas::encode(event);
  if (bytes.size() <= schemas::kMaxEventBytes) return bytes;
  return fail(ErrorCode::invalid_argument,
              fmt::format("the event for {}/{} would take {} bytes, {} are allowed", event.tenant, event.service,
                          bytes.size(), schemas::kMaxEventBytes),
              "make the code shorter, or deploy a program that is installed");
}

Result<void> refuse_early(const v1::EventT& event, const std::optional<v1::ServiceRecordT>& record) {
  const std::string name = event.tenant + "/" + event.service;
  const v1::ServiceRecordT* const before = record ? &*record : nullptr;
  std::optional<projections::OrderRefusal> refused;
  if (const auto* deploy = event.payload.AsServiceDeployed()) {
    refused = projections::refuse_deploy(name, before, deploy->replace, deploy->if_generation);
  } else if (const auto* kill = event.payload.AsServiceKilled()) {
    refused = projections::refuse_change(name, before, kill->if_generation);
  } else if (const auto* restart = event.payload.AsServiceRestartRequested()) {
    refused = projections::refuse_change(name, before, restart->if_generation);
  }
  if (refused) return fail(refused->code, std::move(refused->message), hint_of_refusal(refused->code));
  return {};
}

}  // namespace solo::producers
