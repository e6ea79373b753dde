// How requests get on: ends of appends, applied outcomes, effects, cuts, deadlines.
#include <fmt/format.h>

#include <utility>

#include "producers/gateway_core.h"
#include "producers/gateway_replies.h"
#include "projections/service_state.h"
#include "schemas/crash_point.h"

namespace solo::producers {

using projections::RecordedOutcome;
using schemas::Error;
using schemas::ErrorCode;
using schemas::fail;
using schemas::Hash128;
using schemas::Position;
using schemas::Result;
using schemas::ServiceKey;

namespace {

bool same_fingerprint(const v1::OutcomeRecordT& record, const Hash128& fingerprint) {
  const auto bytes = fingerprint.bytes();
  return std::equal(bytes.begin(), bytes.end(), record.fingerprint.begin(), record.fingerprint.end());
}

projections::Effect effect_of(v1::Payload order, const AwaitedEffect& awaited, const v1::ServiceRecordT& record) {
  switch (order) {
    case v1::Payload::ServiceDeployed:
      return projections::deploy_effect(record, awaited.generation);
    case v1::Payload::ServiceKilled:
      return projections::kill_effect(record, awaited.generation);
    case v1::Payload::ServiceRestartRequested:
      return projections::restart_effect(record, awaited.generation, awaited.restart_epoch);
    default:
      return Result<void>();
  }
}

}  // namespace

void GatewayCore::on_batch(GatewayInbox::Batch batch) {
  for (auto& answered : batch.answers) on_answered(answered);
  for (const auto& ended : batch.ended) on_ended(ended);
  while (PendingCommand* command = pending_.passed(views_)) on_applied(*command);
  look_for_effects(batch);
  if (!batch.changed) return;
  caught_up();
  look_for_cuts();
}

void GatewayCore::on_ended(const GatewayInbox::Ended& ended) {
  PendingCommand* command = pending_.command(ended.command);
  if (command == nullptr) return;
  if (const auto* durable = std::get_if<Durable>(&ended.result)) {
    on_durable(*command, durable->position);
  } else if (const auto* refused = std::get_if<Refused>(&ended.result)) {
    on_not_durable(*command, refused->error);
  } else {
    on_not_durable(*command, outcome_unknown(std::get<Unknown>(ended.result).error.message));
  }
}

void GatewayCore::on_durable(PendingCommand& command, Position position) {
  pending_.set_durable(command, position);
  const auto waiters = command.waiters;
  for (const Number number : waiters) {
    PendingRequest& request = *pending_.request(number);
    request.position = position;
    // Its time was up before: all that it is owed now is this.
    if (request.overdue && request.wait != v1::Wait::accepted) pending_.set_deadline(request, clock_.now());
    if (request.wait != v1::Wait::accepted) continue;
    v1::ReplyT reply = ok_reply(request.id);
    reply.position = schemas::to_string(position);
    finish(request, std::move(reply), false);
  }
}

void GatewayCore::on_not_durable(PendingCommand& command, const Error& error) {
  const auto waiters = command.waiters;
  for (const Number number : waiters) {
    PendingRequest& request = *pending_.request(number);
    answer(request, error_reply(request.id, error));
  }
  pending_.forget(command);
}

void GatewayCore::on_applied(PendingCommand& command) {
  const auto waiters = command.waiters;
  const Hash128 fingerprint = command.fingerprint;
  const Position own = *command.position;
  const auto recorded = waiters.empty() ? fail(Error{}) : outcome_of(command);
  for (const Number number : waiters) {
    PendingRequest& request = *pending_.request(number);
    if (recorded) {
      request.duplicate = request.duplicate || recorded->position != own;
      settle(request, *recorded, fingerprint);
    } else {
      v1::ReplyT reply = error_reply(request.id, recorded.error());
      reply.position = schemas::to_string(own);
      answer(request, std::move(reply));
    }
  }
  pending_.forget(command);
}

Result<RecordedOutcome> GatewayCore::outcome_of(const PendingCommand& command) const {
  const auto& view = views_.of(command.tenant);
  auto recorded = view.outcome(command.tenant, command.source, command.id);
  if (!recorded) return fail(std::move(recorded).error());
  if (recorded->has_value()) return **std::move(recorded);
  // Only a record that apply put aside leaves no outcome.
  const auto letters = view.dead_letters(command.position->offset, 1);
  if (letters && !letters->empty() && letters->front().position == schemas::to_string(*command.position)) {
    return fail(static_cast<ErrorCode>(letters->front().code), letters->front().message);
  }
  return fail(ErrorCode::internal, fmt::format("the views have passed {} and hold no outcome of {}",
                                               schemas::to_string(*command.position), command.id));
}

void GatewayCore::settle(PendingRequest& request, const RecordedOutcome& recorded, const Hash128& fingerprint) {
  const v1::OutcomeRecordT& record = recorded.record;
  if (!same_fingerprint(record, fingerprint)) {
    return answer(request, error_reply(request.id, id_used_otherwise(request.id, recorded.position)));
  }
  request.position = recorded.position;
  v1::ReplyT reply = recorded_reply(request.id, recorded);
  if (record.outcome == v1::Outcome::rejected) return finish(request, std::move(reply), false);
  if (request.wait != v1::Wait::done) return finish(request, std::move(reply), request.wait == v1::Wait::applied);
  pending_.await_effect(request, {record.generation, record.restart_epoch});
  look_for_effect(request, views_.of(*request.tenant).service(*request.service));
}

void GatewayCore::look_for_effects(const GatewayInbox::Batch& batch) {
  if (!pending_.awaits_effects()) return;
  const auto services = batch.any_service ? pending_.awaited_services() : batch.services;
  for (const ServiceKey& service : services) {
    const auto waiters = pending_.awaiting_effect(service);
    if (waiters.empty()) continue;
    const auto record = views_.of(service.tenant).service(service);
    for (const Number number : waiters) look_for_effect(*pending_.request(number), record);
  }
}

void GatewayCore::look_for_effect(PendingRequest& request, const Result<std::optional<v1::ServiceRecordT>>& record) {
  const auto fail_with = [&](const Error& error, bool with_status) {
    v1::ReplyT reply = error_reply(request.id, error);
    reply.position = schemas::to_string(*request.position);
    finish(request, std::move(reply), with_status);
  };
  if (!record) return fail_with(record.error(), false);
  if (!record->has_value()) return fail_with(no_such_service(*request.service), false);
  const auto effect = effect_of(request.order, *request.effect, **record);
  // A retry is owed what the first one was told, and that is in no record any more: it took its place among the others.
  const bool past = request.duplicate && request.order != v1::Payload::ServiceKilled &&
                    projections::is_history(**record, request.effect->generation);
  if (!effect && !past) return;
  if (!past && !*effect) {
    Error error = effect->error();
    if (error.hint.empty()) error.hint = "see `solo status` and `solo logs`, mend it and deploy it again";
    return fail_with(error, true);
  }
  v1::ReplyT reply = ok_reply(request.id);
  reply.position = schemas::to_string(*request.position);
  finish(request, std::move(reply), true);
}

bool GatewayCore::rights_were_taken() {
  // Before that nobody who waits was let in.
  if (!caught_up_) return false;
  const std::uint64_t losses = tokens_.losses();
  return losses != std::exchange(losses_seen_, losses);
}

bool GatewayCore::has_fallen(const PendingRequest& request) {
  const auto verdict = verify(request.given, request.read->tenant);
  return verdict && !verdict->good();
}

void GatewayCore::look_for_cuts() {
  const bool taken = rights_were_taken();
  for (const Number number : pending_.awaiting_cut()) {
    PendingRequest& request = *pending_.request(number);
    const bool reached = views_.has(request.after);
    if (!reached && !(taken && request.read && has_fallen(request))) continue;
    if (request.read) {
      // Its token may have been revoked while it waited: judged anew, it is looked up or turned away.
      PendingRequest read = pending_.remove(request);
      judge(read.path, *std::move(read.read), read.given);
    } else {
      answer(request, std::move(request.reply), request.with_status);
    }
  }
}

void GatewayCore::finish(PendingRequest& request, v1::ReplyT reply, bool with_status) {
  if (views_.has(request.after)) return answer(request, std::move(reply), with_status);
  request.reply = std::move(reply);
  request.with_status = with_status;
  pending_.await_cut(request);
}

void GatewayCore::answer(PendingRequest& request, v1::ReplyT reply, bool with_status) {
  const PendingRequest answered = pending_.remove(request);
  // Without a position nothing is known to be in the log, so nothing is there twice either.
  reply.duplicate = answered.duplicate && !reply.position.empty();
  if (with_status) {
    if (answered.token) {
      if (auto token = queries_.token(answered.tenant->str(), *answered.token)) reply.body.Set(*std::move(token));
    } else if (auto status = queries_.status(*answered.service)) {
      reply.body.Set(*std::move(status));
    }
  }
  schemas::crash_point("replying");
  send_(answered.path, reply);
  schemas::crash_point("replied");
}

void GatewayCore::expire() {
  const TimePoint now = clock_.now();
  while (PendingRequest* request = pending_.expired(now)) {
    const bool in_the_air = request->command && !request->position && !request->cut;
    if (in_the_air && !request->overdue && options_.append_patience > std::chrono::milliseconds(0)) {
      request->overdue = true;
      pending_.set_deadline(*request, request->deadline + options_.append_patience);
      continue;
    }
    give_up(*request, "its time is up");
  }
}

void GatewayCore::release_waiting() {
  for (const Number number : pending_.awaiting_effect()) give_up(*pending_.request(number), "the daemon is stopping");
  for (const Number number : pending_.awaiting_cut()) give_up(*pending_.request(number), "the daemon is stopping");
  for (const Number number : pending_.all_requests()) {
    if (pending_.request(number)->asked) give_up(*pending_.request(number), "the daemon is stopping");
  }
}

void GatewayCore::abandon() {
  for (const Number number : pending_.all_requests()) give_up(*pending_.request(number), "the daemon is stopping");
}

void GatewayCore::give_up(PendingRequest& request, std::string_view why) {
  const Error error = request.asked      ? answer_pending(why)
                      : request.cut      ? cut_not_reached(request.after)
                      : request.position ? effect_pending(why)
                                         : outcome_unknown(why);
  v1::ReplyT reply = error_reply(request.id, error);
  if (request.position) reply.position = schemas::to_string(*request.position);
  answer(request, std::move(reply));
}

}  // namespace solo::producers
