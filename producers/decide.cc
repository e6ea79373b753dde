#include "producers/decide.h"

#include <fmt/format.h>

#include <algorithm>

#include "producers/gateway_replies.h"
#include "projections/order_rules.h"
#include "schemas/codec.h"
#include "schemas/spec.h"
#include "schemas/token.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

constexpr std::string_view kEveryTenant = "*";

bool may_span_tenants(v1::Command command) {
  switch (command) {
    case v1::Command::List:
    case v1::Command::Health:
    case v1::Command::Recovery:
    case v1::Command::DeadLetters:
    case v1::Command::Verify:
    case v1::Command::Inventory:
    case v1::Command::TokenList:
    case v1::Command::TokenInspect:
    case v1::Command::Audit:
      return true;
    default:
      return false;
  }
}

Result<void> check_tenant(const v1::RequestT& request) {
  const v1::Command command = request.body.type;
  if (command == v1::Command::Health && request.tenant.empty()) return {};
  if (request.tenant == kEveryTenant) {
    if (may_span_tenants(command)) return {};
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("{} is about one tenant, not all of them", v1::EnumNameCommand(command)),
        "name the tenant; * is for list, health, recovery, dead letters, verify, inventory, audit, token list and "
        "token inspect");
  }
  return schemas::TenantKind::check(request.tenant);
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

Result<void> check_service_order(const v1::RequestT& request) {
  if (request.tenant == schemas::kSystemTenant) {
    return fail(ErrorCode::permission_denied, "tenant system is reserved: it has no services", "name another tenant");
  }
  const auto* deploy = request.body.AsDeploy();
  if (deploy == nullptr) return {};
  if (!deploy->spec) {
    return fail(ErrorCode::invalid_argument, "a deploy needs a spec", "give at least its format and argv or code");
  }
  return schemas::check_spec(*deploy->spec);
}

}  // namespace

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
    case v1::Command::Repair:
      // One about a process that no service has names none.
      return request.body.AsRepair()->service.empty() ? nullptr : &request.body.AsRepair()->service;
    default:
      return nullptr;
  }
}

bool is_order(const v1::RequestT& request) {
  switch (request.body.type) {
    case v1::Command::Deploy:
    case v1::Command::Kill:
    case v1::Command::Restart:
    case v1::Command::TokenGrant:
    case v1::Command::TokenRevoke:
      return true;
    default:
      return false;
  }
}

bool is_asked_of_ports(const v1::RequestT& request) {
  return request.body.type == v1::Command::Inventory || request.body.type == v1::Command::Repair ||
         request.body.type == v1::Command::Verify || request.body.type == v1::Command::Audit;
}

v1::Wait effective_wait(const v1::RequestT& request) {
  // What is revoked must not be taken once that is answered, and a token has no effect beyond being applied.
  if (request.body.type == v1::Command::TokenRevoke) return v1::Wait::applied;
  if (request.wait == v1::Wait::done && is_token_order(request)) return v1::Wait::applied;
  if (request.wait != v1::Wait::unspecified) return request.wait;
  return is_order(request) && !is_token_order(request) ? v1::Wait::done : v1::Wait::applied;
}

std::chrono::milliseconds effective_timeout(const v1::RequestT& request, std::chrono::milliseconds fallback) {
  return request.timeout_ms == 0 ? fallback : std::min(std::chrono::milliseconds(request.timeout_ms), kMaxTimeout);
}

Result<void> check_request(const v1::RequestT& request) {
  if (request.body.type == v1::Command::NONE) {
    return fail(ErrorCode::invalid_argument, "the request has no body", "name a command in it");
  }
  if (auto checked = schemas::CommandIdKind::check(request.id); !checked) return checked;
  if (schemas::holds_token(request.id)) {
    return fail(ErrorCode::invalid_argument, "the request's id holds a token, and ids are kept in the log",
                "take another id; if others have seen this one, revoke the token");
  }
  if (auto checked = check_tenant(request); !checked) return checked;
  if (std::chrono::milliseconds(request.timeout_ms) > kMaxTimeout) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("a timeout of {} ms is longer than an hour, the longest there is", request.timeout_ms),
                "give at most 3600000 ms, and ask again when that is over");
  }
  if (const std::string* service = service_of(request)) return schemas::ServiceKind::check(*service);
  return {};
}

Result<v1::EventT> decide(const v1::RequestT& request, const DecideContext& context) {
  if (auto checked = check_request(request); !checked) return fail(checked.error());
  if (!is_order(request)) {
    return fail(ErrorCode::unimplemented,
                fmt::format("{} is not an order that becomes an event", v1::EnumNameCommand(request.body.type)));
  }
  v1::EventT event;
  if (is_token_order(request)) {
    auto payload = token_payload(request, context);
    if (!payload) return fail(std::move(payload).error());
    event.payload = *std::move(payload);
  } else {
    if (auto checked = check_service_order(request); !checked) return fail(checked.error());
    event.service = *service_of(request);
    event.payload = payload_of(request);
  }
  event.id = request.id;
  event.source = schemas::command_source(schemas::TenantName::trusted(request.tenant));
  event.tenant = request.tenant;
  event.actor = context.actor;
  event.time = context.wall_us;
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
    refused = projections::refuse_kill(name, before, kill->if_generation, kill->force);
  } else if (const auto* restart = event.payload.AsServiceRestartRequested()) {
    refused = projections::refuse_change(name, before, restart->if_generation);
  }
  if (refused) return fail(refused->code, std::move(refused->message), hint_of_refusal(refused->code));
  return {};
}

}  // namespace solo::producers
