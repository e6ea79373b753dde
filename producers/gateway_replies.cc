#include "producers/gateway_replies.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "schemas/codec.h"
#include "schemas/text.h"

namespace solo::producers {
namespace {

using schemas::Error;
using schemas::ErrorCode;

constexpr std::string_view kCut = "\n[cut]";
constexpr const char* kRetryById = "send the same request again by the same id: it takes effect once";

/// At most `bytes` long and whole characters only.
std::string bounded(std::string_view text, std::size_t bytes) {
  std::string clean = schemas::to_utf8(text);
  if (clean.size() <= bytes) return clean;
  std::size_t end = bytes - kCut.size();
  while (end > 0 && (static_cast<unsigned char>(clean[end]) & 0xc0U) == 0x80U) --end;
  clean.resize(end);
  return clean.append(kCut);
}

}  // namespace

v1::ReplyT ok_reply(std::string id) {
  v1::ReplyT reply;
  reply.id = std::move(id);
  reply.ok = true;
  return reply;
}

v1::ReplyT error_reply(std::string id, const Error& error) {
  v1::ReplyT reply;
  reply.id = std::move(id);
  v1::ErrorT& told = reply.error.ensure();
  told.code = static_cast<v1::ErrorCode>(error.code);
  told.message = bounded(error.message, kMaxMessageBytes);
  told.hint = bounded(error.hint, kMaxMessageBytes);
  told.retryable = error.retryable;
  return reply;
}

std::string encode_sound(const v1::ReplyT& reply) {
  std::string bytes = schemas::encode(reply);
  const auto sound = schemas::check_reply(bytes);
  if (sound) return bytes;
  spdlog::error("a reply with body {} is not sent: {}", v1::EnumNameReplyBody(reply.body.type), sound.error().message);
  return schemas::encode(
      error_reply(reply.id, {ErrorCode::internal, "the daemon's answer is " + sound.error().message,
                             "see the daemon's output; as JSON (`solo/1 json`) what is wrong in it is replaced"}));
}

v1::ReplyT recorded_reply(std::string id, const projections::RecordedOutcome& recorded) {
  const v1::OutcomeRecordT& record = recorded.record;
  const auto code = static_cast<ErrorCode>(record.code);
  v1::ReplyT reply = record.outcome == v1::Outcome::applied
                         ? ok_reply(std::move(id))
                         : error_reply(std::move(id), Error{code, record.message, hint_of_refusal(code)});
  reply.position = schemas::to_string(recorded.position);
  return reply;
}

std::string hint_of_refusal(ErrorCode code) {
  switch (code) {
    case ErrorCode::already_exists:
      return "to put this in its place, ask for a replace (`solo deploy --replace`); or kill it first";
    case ErrorCode::not_found:
      return "see `solo list --all` for what there is";
    case ErrorCode::failed_precondition:
      return "look at it with `solo status` and ask for the generation that is there, or for none";
    default:
      return {};
  }
}

Error id_used_otherwise(std::string_view id, const std::optional<schemas::Position>& position) {
  return {ErrorCode::invalid_argument,
          fmt::format("id {} was used for a different request {}", id,
                      position ? "at " + schemas::to_string(*position) : "that is under way"),
          "take a new id; only the same request may come again by its id"};
}

Error too_many_in_flight(std::size_t limit, std::string_view whose) {
  return {ErrorCode::resource_exhausted,
          fmt::format("{} requests {} wait for an answer, more are not taken", limit, whose),
          "wait for answers, then send it again", true};
}

Error request_too_long(std::size_t bytes, std::size_t limit) {
  return {ErrorCode::resource_exhausted, fmt::format("the request is {} bytes long, {} are allowed", bytes, limit),
          "make it shorter: a program that is installed needs no code in its spec"};
}

Error no_room_for_requests(std::size_t limit) {
  return {ErrorCode::resource_exhausted,
          fmt::format("requests that are still being received fill the {} bytes there are for them", limit),
          "send the same request again later", true};
}

Error views_behind(std::size_t limit) {
  return {ErrorCode::resource_exhausted, fmt::format("the views have not applied the last {} commands yet", limit),
          "see `solo health`, and send it again later", true};
}

Error shutting_down(const std::string& reason) {
  return {ErrorCode::unavailable, fmt::format("the daemon is stopping ({})", schemas::to_utf8(reason)),
          "send the same request again once the daemon is back", true};
}

Error answer_pending(std::string_view why) {
  return {ErrorCode::deadline_exceeded, fmt::format("there is no answer yet: {}", why),
          "ask again, with a longer timeout", true};
}

Error outcome_unknown(std::string_view why) {
  return {ErrorCode::deadline_exceeded, fmt::format("it is unknown whether this is in the log: {}", why), kRetryById,
          true};
}

Error effect_pending(std::string_view why) {
  return {ErrorCode::deadline_exceeded, fmt::format("this is durable, its effect is pending: {}", why),
          "see `solo status`, or send the same request again by the same id", true};
}

Error cut_not_reached(const schemas::Cut& cut) {
  return {ErrorCode::deadline_exceeded, fmt::format("the views have not reached {} in time", schemas::to_string(cut)),
          "send it again", true};
}

Error no_such_service(const schemas::ServiceKey& service) {
  return {ErrorCode::not_found, fmt::format("no service {}", schemas::to_string(service)),
          hint_of_refusal(ErrorCode::not_found)};
}

}  // namespace solo::producers
