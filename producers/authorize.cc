#include "producers/authorize.h"

#include <fmt/format.h>

#include "producers/decide.h"
#include "schemas/service_glob.h"
#include "schemas/text.h"

namespace solo::producers {
namespace {

using projections::Capability;
using schemas::Error;
using schemas::ErrorCode;
using v1::Command;
using v1::DenialReason;
using v1::Permission;

Error denied(const Capability& capability, const std::string& why) {
  return {ErrorCode::permission_denied, fmt::format("token {} {}", capability.accessor(), why),
          "ask whoever granted it for one that may"};
}

bool may_give(Command command, const Capability& capability) {
  if (capability.may(permission_for(command))) return true;
  const bool looks = command == Command::TokenList || command == Command::TokenInspect;
  return looks && capability.may(Permission::revoke);
}

/// Its answer cannot be cut to some services.
bool is_of_all_services(Command command) {
  return command == Command::DeadLetters || command == Command::Inventory || command == Command::Verify ||
         command == Command::Audit;
}

}  // namespace

Permission permission_for(Command command) {
  switch (command) {
    case Command::Deploy:
      return Permission::deploy;
    case Command::Kill:
    case Command::Restart:
      return Permission::kill;
    case Command::Status:
    case Command::List:
    case Command::Recovery:
    case Command::Inventory:
    case Command::DeadLetters:
      return Permission::read;
    case Command::Logs:
      return Permission::logs;
    case Command::Verify:
    case Command::Repair:
      return Permission::verify;
    case Command::Audit:
      return Permission::audit;
    case Command::Publish:
      return Permission::publish;
    case Command::TokenGrant:
    case Command::TokenList:
    case Command::TokenInspect:
      return Permission::grant;
    case Command::TokenRevoke:
      return Permission::revoke;
    case Command::Health:
      return Permission::unspecified;
    case Command::NONE:
      break;
  }
  return Permission::admin;
}

std::optional<Denial> refuse_unpermitted(const v1::RequestT& request, const Capability& capability) {
  const Command command = request.body.type;
  if (!may_give(command, capability)) {
    const char* const also = command == Command::TokenList || command == Command::TokenInspect ? " or revoke" : "";
    return Denial{DenialReason::permission,
                  denied(capability, fmt::format("lacks the permission {}{}, which {} needs",
                                                 v1::EnumNamePermission(permission_for(command)), also,
                                                 v1::EnumNameCommand(command)))};
  }
  if (!capability.is_for(request.tenant)) {
    return Denial{DenialReason::tenant,
                  denied(capability, fmt::format("is for tenant {}, not for {}", capability.tenant,
                                                 schemas::quote(request.tenant)))};
  }
  if (is_of_all_services(command) && capability.services != "*") {
    return Denial{DenialReason::service,
                  denied(capability, fmt::format("is for services {}, and {} is about all of them", capability.services,
                                                 v1::EnumNameCommand(command)))};
  }
  const std::string* const service = service_of(request);
  if (service != nullptr && !schemas::glob_matches(capability.services, *service)) {
    return Denial{DenialReason::service,
                  denied(capability,
                         fmt::format("is for services {}, not for {}", capability.services, schemas::quote(*service)))};
  }
  return std::nullopt;
}

Error unauthenticated() {
  return {ErrorCode::unauthenticated, "no valid token came with the request",
          "give one that is in force: SOLO_TOKEN_FILE, SOLO_TOKEN or --token for solo, `token` in a request"};
}

}  // namespace solo::producers
