// Command to event: what a request asks for, checked, as the one event that would make it so.
//
// Pure functions: time and actor are given, nothing is read or written. What decide() refuses needs no log to be wrong;
// whether an event takes effect is settled by apply at its position, and refuse_early() only says sooner what apply
// would say of the given record, in the same words.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "schemas/ids.h"
#include "schemas/result.h"
#include "schemas/schemas.h"

namespace solo::producers {

struct DecideContext {
  /// Microseconds since 1970 UTC.
  std::int64_t wall_us = 0;
  /// The accessor of the token that the request came with; empty: none was asked for.
  std::string actor;
};

/// Does it change anything? Deploy, kill and restart do and become events; everything else is a read.
bool is_order(const v1::RequestT& request);

/// The request's level or, where none is given, done for deploy, kill and restart and applied for the rest.
v1::Wait effective_wait(const v1::RequestT& request);
std::chrono::milliseconds effective_timeout(const v1::RequestT& request, std::chrono::milliseconds fallback);

/// Ids and names of any request. invalid_argument; tenant `*` passes for reads of every tenant (list, recovery,
/// health).
schemas::Result<void> check_request(const v1::RequestT& request);

/// The event of an order: id = the request's, source = its tenant's commands, time and actor from the context.
/// invalid_argument: an id, name or spec that cannot be. permission_denied: tenant system, which has no services.
schemas::Result<v1::EventT> decide(const v1::RequestT& request, const DecideContext& context);

/// The event's buffer. invalid_argument: over kMaxEventBytes.
schemas::Result<std::string> encode_bounded(const v1::EventT& event);

/// What apply would answer if `record` (nothing: there has never been such a service) were the service's record at the
/// event's position: already_exists, not_found, failed_precondition.
schemas::Result<void> refuse_early(const v1::EventT& event, const std::optional<v1::ServiceRecordT>& record);

}  // namespace solo::producers
