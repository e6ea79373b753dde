// What a request needs, and whether a verified token has it. Pure.
#pragma once

#include <optional>
#include <string>

#include "projections/token_checker.h"
#include "schemas/result.h"
#include "schemas/schemas.h"

namespace solo::producers {

/// unspecified: none (health). Token list and inspect need this one or revoke.
v1::Permission permission_for(v1::Command command);

struct Denial {
  v1::DenialReason reason = v1::DenialReason::unspecified;
  schemas::Error error;
};

/// permission_denied, naming what is missing: the permission, the tenant or the service. Nothing: it may.
std::optional<Denial> refuse_unpermitted(const v1::RequestT& request, const projections::Capability& capability);

/// The one answer to a token that is missing, malformed, unknown, expired or revoked.
schemas::Error unauthenticated();

}  // namespace solo::producers
