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

ServiceKey service_of(const v1::EventT& event) {
  return {TenantName::trusted(event.tenant), schemas::ServiceName::trusted(event.service)};
}

}  // namespace

GatewayCore::GatewayCore(const GatewayOptions& options, EventLog& log, const Views& views, HostPort& host,
                         HealthPort& health, const Clock& clock, std::shared_ptr<GatewayInbox> inbox, Send send)
    : options_(options),
      log_(log),
      views_(views),
      health_(health),
      clock_(clock),
      inbox_(std::move(inbox)),
      send_(std::move(send)),
      queries_(views, host) {}

Result<void> GatewayCore::start() {
  for (std::int32_t partition = 0; partition < log_.partitions(); ++partition) {
    const auto bounds = log_.bounds(partition);
    if (!bounds) return fail(bounds.error());
    ends_at_start_.push_back(bounds->end);
  }
  return {};
}

void GatewayCore::on_request(ReturnPath path, v1::RequestT request) {
  // Health first: whoever asks for it wants to know why nothing else is answered.
  if (request.body.type == v1::Command::Health) {
    const auto checked = check_request(request);
    return send_(path, checked ? health(request.id) : error_reply(request.id, checked.error()));
  }
  if (auto admitted = admit(path); !admitted) return send_(path, error_reply(request.id, admitted.error()));
  if (is_order(request)) {
    on_order(std::move(path), request);
  } else {
    on_read(std::move(path), std::move(request));
  }
}

Result<void> GatewayCore::admit(const ReturnPath& path) const {
  if (pending_.requests() >= options_.max_in_flight) return fail(too_many_in_flight(options_.max_in_flight, false));
  if (pending_.requests_of(path.peer) >= options_.max_in_flight_per_connection) {
    return fail(too_many_in_flight(options_.max_in_flight_per_connection, true));
  }
  return {};
}

Result<Cut> GatewayCore::parse_after(const v1::RequestT& request) const {
  auto cut = schemas::parse_cut(request.after);
  if (!cut) return schemas::fail_with("after", cut.error());
  if (!cut->positions.empty() && cut->positions.back().partition >= views_.partitions()) {
    return fail(ErrorCode::invalid_argument, fmt::format("after: the log has no partition {}, it has {}",
                                                         cut->positions.back().partition, views_.partitions()),
                "give the position of an answer by this daemon");
  }
  return cut;
}

PendingRequest& GatewayCore::open_request(ReturnPath path, const v1::RequestT& request, Cut after) {
  PendingRequest pending;
  pending.path = std::move(path);
  pending.id = request.id;
  pending.wait = effective_wait(request);
  pending.after = std::move(after);
  pending.deadline = clock_.now() + effective_timeout(request, options_.default_timeout);
  return pending_.add_request(std::move(pending));
}

void GatewayCore::on_read(ReturnPath path, v1::RequestT request) {
  if (auto checked = check_request(request); !checked) return send_(path, error_reply(request.id, checked.error()));
  auto after = parse_after(request);
  if (!after) return send_(path, error_reply(request.id, after.error()));
  if (views_.has(*after)) return answer_read(path, request);
  PendingRequest& pending = open_request(std::move(path), request, *std::move(after));
  pending.read = std::move(request);
  pending_.await_cut(pending);
}

void GatewayCore::answer_read(const ReturnPath& path, const v1::RequestT& request) {
  auto body = queries_.answer(request);
  if (!body) return send_(path, error_reply(request.id, body.error()));
  v1::ReplyT reply = ok_reply(request.id);
  reply.body = *std::move(body);
  send_(path, reply);
}

v1::ReplyT GatewayCore::health(std::string id) {
  v1::HealthReportT report;
  health_.fill(report);
  v1::QueuesHealthT& queues = report.queues.ensure();
  queues.commands_in_flight = static_cast<std::uint32_t>(pending_.requests());
  queues.appends_in_flight = static_cast<std::uint32_t>(pending_.appending());
  if (stopping_) {
    report.status = v1::HealthStatus::stopping;
    report.detail = *stopping_;
  }
  v1::ReplyT reply = ok_reply(std::move(id));
  reply.body.Set(std::move(report));
  return reply;
}

void GatewayCore::on_order(ReturnPath path, const v1::RequestT& request) {
  schemas::crash_point("received");
  const auto refuse = [&](const Error& error) { send_(path, error_reply(request.id, error)); };
  if (stopping_) return refuse(shutting_down(*stopping_));
  auto after = parse_after(request);
  if (!after) return refuse(after.error());
  const auto event = decide(request, {clock_.wall_us(), {}});
  if (!event) return refuse(event.error());
  auto value = encode_bounded(*event);
  if (!value) return refuse(value.error());
  schemas::crash_point("validated");
  PendingRequest& pending = open_request(std::move(path), request, *std::move(after));
  pending.service = service_of(*event);
  pending.order = event->payload.type;
  take_order(pending, *event, *std::move(value));
}

void GatewayCore::take_order(PendingRequest& request, const v1::EventT& event, std::string value) {
  const Hash128 fingerprint = schemas::request_fingerprint(*v1::GetEvent(value.data()));
  if (PendingCommand* same = pending_.command_of(event.source, event.id)) {
    if (same->fingerprint == fingerprint) return attach(request, *same);
    return answer(request, error_reply(request.id, id_used_otherwise(request.id, same->position)));
  }
  const ServiceKey& service = *request.service;
  const auto& view = views_.of(service.tenant);
  const auto recorded = view.outcome(service.tenant, event.source, event.id);
  if (!recorded) return answer(request, error_reply(request.id, recorded.error()));
  if (recorded->has_value()) {
    request.duplicate = true;
    return settle(request, **recorded, fingerprint);
  }
  if (views_have_all(service.tenant)) {
    const auto record = view.service(service);
    if (!record) return answer(request, error_reply(request.id, record.error()));
    if (auto good = refuse_early(event, *record); !good) {
      return answer(request, error_reply(request.id, good.error()));
    }
  }
  if (pending_.commands() >= kMaxCommands) {
    return answer(request, error_reply(request.id, views_behind(kMaxCommands)));
  }
  append(request, event, fingerprint, std::move(value));
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
                            .tenant = request.service->tenant,
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
