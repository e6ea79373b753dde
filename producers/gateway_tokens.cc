// Who sent a request, and may they? Each is judged by its token before anything else is done with it.
#include <utility>

#include "producers/authorize.h"
#include "producers/gateway_core.h"
#include "producers/gateway_replies.h"
#include "producers/secret_bytes.h"

namespace solo::producers {

using projections::Capability;
using projections::TokenVerdict;
using schemas::fail;
using schemas::Result;

namespace {

/// The text goes; what is left of it cannot be used by anybody. What has not a token's form is told apart while it is
/// there: afterwards it would be a token that nobody knows.
GivenToken take_token(v1::RequestT& request) {
  GivenToken given;
  if (!request.token.empty()) {
    given.otherwise = v1::DenialReason::malformed;
    if (schemas::check_token(request.token)) given.hash = schemas::hash_token(request.token);
  }
  wipe(request.token);
  return given;
}

}  // namespace

void GatewayCore::on_request(ReturnPath path, v1::RequestT request) {
  const GivenToken given = take_token(request);
  // Health first: whoever asks for it wants to know why nothing else is answered.
  if (request.body.type == v1::Command::Health) {
    const auto checked = check_request(request);
    return send_(path, checked ? health(path, request, given) : error_reply(request.id, checked.error()));
  }
  if (!given.hash || caught_up()) return judge(std::move(path), std::move(request), given);
  wait_for_views(std::move(path), std::move(request), given);
}

bool GatewayCore::caught_up() {
  if (caught_up_) return true;
  for (std::int32_t partition = 0; partition < views_.partitions(); ++partition) {
    const std::int64_t end = ends_at_start_.at(static_cast<std::size_t>(partition));
    if (views_.partition(partition).next_offset() < end) return false;
  }
  caught_up_ = true;
  // Those that waited for it come before whoever comes now.
  look_for_cuts();
  return true;
}

void GatewayCore::wait_for_views(ReturnPath path, v1::RequestT request, GivenToken given) {
  if (stopping_ && is_order(request)) return send_(path, error_reply(request.id, shutting_down(*stopping_)));
  // Nobody knows yet whose they are, whatever tenant they name.
  if (auto admitted = admit_unjudged(path); !admitted) return send_(path, error_reply(request.id, admitted.error()));
  schemas::Cut start;
  for (std::int32_t partition = 0; partition < views_.partitions(); ++partition) {
    const std::int64_t end = ends_at_start_.at(static_cast<std::size_t>(partition));
    if (end > 0) start.positions.push_back({partition, end - 1});
  }
  PendingRequest& pending = open_request(std::move(path), request, std::move(start), std::string());
  pending.read = std::move(request);
  pending.given = given;
  pending_.await_cut(pending);
}

Result<TokenVerdict> GatewayCore::verify(const GivenToken& given, const std::string& tenant) {
  if (!given.hash) return TokenVerdict{.reason = given.otherwise};
  return tokens_.check(*given.hash, tenant, clock_.wall_us());
}

void GatewayCore::judge(ReturnPath path, v1::RequestT request, GivenToken given) {
  const auto verdict = verify(given, request.tenant);
  if (!verdict) return send_(path, error_reply(request.id, verdict.error()));
  if (!verdict->good()) {
    tell(path, request, {verdict->accessor, verdict->tenant}, verdict->reason);
    return send_(path, error_reply(request.id, unauthenticated()));
  }
  vouch_(path.peer);
  const Capability& capability = verdict->capability;
  if (auto checked = check_request(request); !checked) return send_(path, error_reply(request.id, checked.error()));
  const auto denial = refuse_unpermitted(request, capability);
  tell(path, request, {capability.accessor(), capability.tenant},
       denial ? denial->reason : v1::DenialReason::unspecified);
  if (denial) return send_(path, error_reply(request.id, denial->error));
  // Only now: who is nobody hears nothing of how much others have under way, and takes no room from them.
  if (auto admitted = admit(path, capability); !admitted) {
    return send_(path, error_reply(request.id, admitted.error()));
  }
  if (is_order(request)) {
    on_order(std::move(path), request, capability);
  } else {
    on_read(std::move(path), std::move(request), given, capability);
  }
}

void GatewayCore::tell(const ReturnPath& path, const v1::RequestT& request, JudgedToken token,
                       v1::DenialReason reason) {
  if (options_.audit == nullptr) return;
  // Judged before anything else of the request was looked at.
  const bool about_one = schemas::TenantKind::check(request.tenant).has_value();
  options_.audit->checked({.accessor = token.accessor,
                           .owner = token.owner,
                           .tenant = about_one ? std::string_view(request.tenant) : std::string_view(),
                           .permission = permission_for(request.body.type),
                           .command = v1::EnumNameCommand(request.body.type),
                           .reason = reason,
                           .peer = path.peer});
}

/// Whoever asks hears whether the daemon is well; how its parts are, only who may read; of services of every tenant,
/// only who may read every tenant's.
v1::ReplyT GatewayCore::health(const ReturnPath& path, const v1::RequestT& request, const GivenToken& given) {
  v1::HealthReportT report;
  health_.fill(report);
  v1::QueuesHealthT& queues = report.queues.ensure();
  queues.commands_in_flight = static_cast<std::uint32_t>(pending_.requests());
  queues.appends_in_flight = static_cast<std::uint32_t>(pending_.appending());
  if (stopping_) {
    report.status = v1::HealthStatus::stopping;
    report.detail = *stopping_ + (report.detail.empty() ? "" : "; " + report.detail);
  }
  // A token of which nothing is known yet is none.
  const bool asked = given.hash ? caught_up() : given.otherwise != v1::DenialReason::missing;
  const auto verdict = asked ? verify(given, request.tenant) : TokenVerdict{.reason = v1::DenialReason::missing};
  const bool may_read = verdict && verdict->good() && verdict->capability.may(v1::Permission::read);
  if (asked && verdict && verdict->good()) vouch_(path.peer);
  // A good one was asked for nothing: it counts as used when something needs it.
  if (asked && verdict && !verdict->good()) {
    tell(path, request, {verdict->accessor, verdict->tenant}, verdict->reason);
  }
  if (!may_read) {
    v1::HealthReportT brief;
    brief.status = report.status;
    brief.version = std::move(report.version);
    report = std::move(brief);
  } else if (!verdict->capability.all_tenants) {
    report.services.reset();
  }
  v1::ReplyT reply = ok_reply(request.id);
  reply.body.Set(std::move(report));
  return reply;
}

Result<DecideContext> GatewayCore::context_of(const v1::RequestT& request, const Capability& capability) {
  DecideContext context;
  context.wall_us = clock_.wall_us();
  context.actor = capability.accessor();
  context.capability = &capability;
  const auto* revoke = request.body.AsTokenRevoke();
  if (revoke != nullptr) {
    const auto kinship = tokens_.kinship(request.tenant, revoke->accessor, capability);
    if (!kinship) return fail(kinship.error());
    context.kinship = *kinship;
  }
  return context;
}

}  // namespace solo::producers
