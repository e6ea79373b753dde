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

#include "projections/token_checker.h"
#include "schemas/ids.h"
#include "schemas/result.h"
#include "schemas/schemas.h"

namespace solo::producers {

struct DecideContext {
  /// Microseconds since 1970 UTC.
  std::int64_t wall_us = 0;
  /// The accessor of the token that the request came with; empty: none was asked for.
  std::string actor;
  /// What that token may do, for grants and revocations; nullptr: nothing.
  const projections::Capability* capability = nullptr;
  /// Revocations: how the token that is meant stands to that one.
  projections::TokenKinship kinship = {};
};

/// Does it change anything? Deploy, kill, restart, grant and revoke do and become events; everything else is a read.
bool is_order(const v1::RequestT& request);
/// Grant and revoke.
bool is_token_order(const v1::RequestT& request);
/// The service that a request is about; nullptr: it is about none.
const std::string* service_of(const v1::RequestT& request);

/// Is it answered by the runtime, the verifier or the audit, and later: Inventory, Repair, Verify, Audit?
bool is_asked_of_ports(const v1::RequestT& request);

/// The request's level or, where none is given, done for deploy, kill and restart and applied for the rest. Of a
/// token's order never more than applied, of a revocation never less.
v1::Wait effective_wait(const v1::RequestT& request);
/// Longer ones are refused: what waits takes room from others.
inline constexpr std::chrono::milliseconds kMaxTimeout = std::chrono::hours(1);
/// At most kMaxTimeout, also of a request that is not checked yet.
std::chrono::milliseconds effective_timeout(const v1::RequestT& request, std::chrono::milliseconds fallback);

/// Ids, names and timeout of any request. invalid_argument; tenant `*` passes for reads of every tenant (list,
/// recovery, health, dead letters, verify, inventory, audit, tokens).
schemas::Result<void> check_request(const v1::RequestT& request);

/// The event of an order: id = the request's, source = its tenant's commands, time and actor from the context.
/// invalid_argument: an id, name or spec that cannot be. permission_denied: tenant system, which has no services.
schemas::Result<v1::EventT> decide(const v1::RequestT& request, const DecideContext& context);

/// The event's buffer. invalid_argument: over kMaxEventBytes.
schemas::Result<std::string> encode_bounded(const v1::EventT& event);

/// What apply would answer if `record` (nothing: there has never been such a service) were the service's record at the
/// event's position: already_exists, not_found, failed_precondition.
schemas::Result<void> refuse_early(const v1::EventT& event, const std::optional<v1::ServiceRecordT>& record);

// Tokens (decide_token.cc).
schemas::Result<v1::PayloadUnion> token_payload(const v1::RequestT& request, const DecideContext& context);
/// Of grants and revocations: what the context's token may not give or end. Not part of decide(), because it does not
/// hold of a retry: a granter has less time left by then, and what was revoked may be swept out. permission_denied: a
/// token wider than the one it is made from, or the revocation of what it may not end (the message names what is
/// missing); not_found: no such token; failed_precondition: it descends from too many.
schemas::Result<void> refuse_beyond_rights(const v1::RequestT& request, const DecideContext& context);
/// May a token with this capability look at that one? permission_denied: it is for every tenant or not its own, and the
/// capability is not.
schemas::Result<void> refuse_look(std::string_view accessor, const projections::TokenKinship& kinship,
                                  const projections::Capability& capability);
/// Accessor of the token that the event grants or revokes; empty: it is about all of a tenant's.
std::string token_of(const v1::EventT& event);
/// As refuse_early(), `record` being that token's: already_exists, not_found.
schemas::Result<void> refuse_token_early(const v1::EventT& event, const std::optional<v1::TokenRecordT>& record);

}  // namespace solo::producers
