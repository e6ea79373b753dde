#include "producers/gateway_core.h"

#include <fmt/format.h>

#include <atomic>
#include <utility>

#include "producers/decide.h"
#include "producers/gateway_replies.h"
#include "schemas/crash_point.h"
#include "schemas/partitioning.h"

namespace solo::producers {

using projections::Views;
using schemas::Cut;
using schemas::Error;
using schemas::ErrorCode;
using schemas::fail;
using schemas::Hash128;
using schemas::Result;
using schemas::ServiceKey;
using schemas::TenantName;

namespace {

/// Commands that are in the log and not in the views, whether or not somebody waits for them.
constexpr std::size_t kMaxCommands = 100'000;

/// Of requests in flight, one in this many of all is for tokens of every tenant alone: an operator gets through.
constexpr std::size_t kOperatorsPart = 10;
/// And one in so many is the most that are not judged yet.
constexpr std::size_t kUnjudgedPart = 2;

ServiceKey service_in(const v1::EventT& event) {
  return {TenantName::trusted(event.tenant), schemas::ServiceName::trusted(event.service)};
}

}  // namespace

GatewayCore::GatewayCore(const GatewayOptions& options, EventLog& log, const Views& views,
                         projections::TokenChecker& tokens, HostPort& host, HealthPort& health, const Clock& clock,
                         MachinePorts machine, std::shared_ptr<GatewayInbox> inbox, Send send, Vouch vouch)
    : options_(options),
      log_(log),
      views_(views),
      tokens_(tokens),
      health_(health),
      clock_(clock),
      machine_(machine),
      inbox_(std::move(inbox)),
      send_(std::move(send)),
      vouch_(std::move(vouch)),
      queries_(views, tokens, clock, host) {}

Result<void> GatewayCore::start() {
  for (std::int32_t partition = 0; partition < log_.partitions(); ++partition) {
    const auto bounds = log_.bounds(partition);
    if (!bounds) return fail(bounds.error());
    ends_at_start_.push_back(bounds->end);
  }
  return {};
}

std::string GatewayCore::share_of(const projections::Capability& capability) {
  // No tenant has a name with `*`.
  return capability.all_tenants ? "*" + std::string(capability.accessor()) : capability.tenant;
}

Result<void> GatewayCore::admit_connection(const ReturnPath& path) const {
  if (pending_.requests_of(path.peer) < options_.max_in_flight_per_connection) return {};
  return fail(too_many_in_flight(options_.max_in_flight_per_connection, "of this connection"));
}

Result<void> GatewayCore::admit(const ReturnPath& path, const projections::Capability& capability) const {
  const bool every = capability.all_tenants;
  const std::size_t reserved = every ? 0 : options_.max_in_flight / kOperatorsPart;
  if (pending_.requests() >= options_.max_in_flight - reserved) {
    return fail(too_many_in_flight(options_.max_in_flight - reserved, "of all clients"));
  }
  if (pending_.requests_of(share_of(capability)) >= options_.max_in_flight_per_tenant) {
    return fail(too_many_in_flight(options_.max_in_flight_per_tenant, every ? "of this token" : "of this tenant"));
  }
  return admit_connection(path);
}

Result<void> GatewayCore::admit_unjudged(const ReturnPath& path) const {
  const std::size_t limit = options_.max_in_flight / kUnjudgedPart;
  if (pending_.requests_of(std::string()) >= limit) return fail(too_many_in_flight(limit, "that are not judged yet"));
  return admit_connection(path);
}

Result<Cut> GatewayCore::parse_after(const v1::RequestT& request) const {
  auto cut = schemas::parse_cut(request.after);
  if (!cut) return schemas::fail_with("after", cut.error());
  if (!cut->positions.empty() && cut->positions.back().partition >= views_.partitions()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("after: the log has no partition {}, it has {}", cut->positions.back().partition,
                            views_.partitions()),
                "give the position of an answer by this daemon");
  }
  return cut;
}

PendingRequest& GatewayCore::open_request(ReturnPath path, const v1::RequestT& request, Cut after, std::string whose) {
  PendingRequest pending;
  pending.path = std::move(path);
  pending.id = request.id;
  pending.whose = std::move(whose);
  pending.wait = effective_wait(request);
  pending.after = std::move(after);
  pending.deadline = clock_.now() + effective_timeout(request, options_.default_timeout);
  return pending_.add_request(std::move(pending));
}

void GatewayCore::on_read(ReturnPath path, v1::RequestT request, GivenToken given,
                          const projections::Capability& capability) {
  auto after = parse_after(request);
  if (!after) return send_(path, error_reply(request.id, after.error()));
  if (views_.has(*after)) return answer_read(path, request, capability);
  PendingRequest& pending = open_request(std::move(path), request, *std::move(after), share_of(capability));
  pending.read = std::move(request);
  pending.given = given;
  pending_.await_cut(pending);
}

void GatewayCore::answer_read(const ReturnPath& path, const v1::RequestT& request,
                              const projections::Capability& capability) {
  if (is_asked_of_ports(request)) return ask(path, request, capability);
  auto body = queries_.answer(request, capability);
  if (!body) return send_(path, error_reply(request.id, body.error()));
  v1::ReplyT reply = ok_reply(request.id);
  reply.body = *std::move(body);
  send_(path, reply);
}

void GatewayCore::on_order(ReturnPath path, const v1::RequestT& request, const projections::Capability& capability) {
  schemas::crash_point("received");
  const auto refuse = [&](const Error& error) { send_(path, error_reply(request.id, error)); };
  if (stopping_) return refuse(shutting_down(*stopping_));
  auto after = parse_after(request);
  if (!after) return refuse(after.error());
  const auto context = context_of(request, capability);
  if (!context) return refuse(context.error());
  const auto event = decide(request, *context);
  if (!event) return refuse(event.error());
  auto value = encode_bounded(*event);
  if (!value) return refuse(value.error());
  const auto rights = refuse_beyond_rights(request, *context);
  schemas::crash_point("validated");
  PendingRequest& pending = open_request(std::move(path), request, *std::move(after), share_of(capability));
  pending.tenant = TenantName::trusted(event->tenant);
  if (is_token_order(request)) {
    pending.token = token_of(*event);
  } else {
    pending.service = service_in(*event);
  }
  pending.order = event->payload.type;
  take_order(pending, *event, *std::move(value), rights);
}

void GatewayCore::take_order(PendingRequest& request, const v1::EventT& event, std::string value,
                             const Result<void>& rights) {
  const Hash128 fingerprint = schemas::request_fingerprint(*v1::GetEvent(value.data()));
  if (PendingCommand* same = pending_.command_of(event.source, event.id)) {
    if (same->fingerprint == fingerprint) return attach(request, *same);
    return answer(request, error_reply(request.id, id_used_otherwise(request.id, same->position)));
  }
  const TenantName& tenant = *request.tenant;
  const auto recorded = views_.of(tenant).outcome(tenant, event.source, event.id);
  if (!recorded) return answer(request, error_reply(request.id, recorded.error()));
  if (recorded->has_value()) {
    request.duplicate = true;
    return settle(request, **recorded, fingerprint);
  }
  // Only now: a retry is not judged again, and its answer says nothing that its token could not read.
  if (!rights) return answer(request, error_reply(request.id, rights.error()));
  if (views_have_all(tenant)) {
    if (auto good = refuse_by_views(request, event); !good) {
      return answer(request, error_reply(request.id, good.error()));
    }
  }
  if (pending_.commands() >= kMaxCommands) {
    return answer(request, error_reply(request.id, views_behind(kMaxCommands)));
  }
  append(request, event, fingerprint, std::move(value));
}

Result<void> GatewayCore::refuse_by_views(const PendingRequest& request, const v1::EventT& event) const {
  const auto& view = views_.of(*request.tenant);
  if (request.token) {
    const auto record = view.token(*request.token);
    return record ? refuse_token_early(event, *record) : fail(record.error());
  }
  const auto record = view.service(*request.service);
  return record ? refuse_early(event, *record) : fail(record.error());
}

bool GatewayCore::views_have_all(const TenantName& tenant) const {
  const auto& view = views_.of(tenant);
  const auto partition = static_cast<std::size_t>(view.partition());
  return !pending_.has_commands(tenant) && view.next_offset() >= ends_at_start_.at(partition);
}

void GatewayCore::append(PendingRequest& request, const v1::EventT& event, const Hash128& fingerprint,
                         std::string value) {
  PendingCommand& command =
      pending_.add_command({.source = event.source,
                            .id = event.id,
                            .tenant = *request.tenant,
                            .fingerprint = fingerprint,
                            .wake = std::make_shared<std::atomic<bool>>(request.wait == v1::Wait::accepted)});
  pending_.await_command(request, command);
  log_.commands().append(event.tenant, std::move(value),
                         [inbox = inbox_, number = command.number, wake = command.wake](AppendResult result) {
                           inbox->append_ended(number, std::move(result), wake);
                         });
  schemas::crash_point("appended");
}

void GatewayCore::attach(PendingRequest& request, PendingCommand& command) {
  request.duplicate = true;
  request.position = command.position;
  pending_.await_command(request, command);
  if (request.wait != v1::Wait::accepted) return;
  command.wake->store(true);
  if (command.position) {
    v1::ReplyT reply = ok_reply(request.id);
    reply.position = schemas::to_string(*command.position);
    finish(request, std::move(reply), false);
  }
}

GatewayInbox::Interest GatewayCore::interest() const {
  return {.views = pending_.commands() != 0 || pending_.requests() != 0, .services = pending_.awaits_effects()};
}

void GatewayCore::begin_shutdown(std::string reason) {
  if (!stopping_) stopping_ = std::move(reason);
}

}  // namespace solo::producers
