// The gateway's replies, and its words for what only it can tell. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "projections/outcome.h"
#include "schemas/ids.h"
#include "schemas/position.h"
#include "schemas/result.h"
#include "schemas/schemas.h"

namespace solo::producers {

/// What a message may be long: a compiler can say much.
inline constexpr std::size_t kMaxMessageBytes = 64 * 1024;

v1::ReplyT ok_reply(std::string id);
/// The message is made UTF-8 and cut to kMaxMessageBytes.
v1::ReplyT error_reply(std::string id, const schemas::Error& error);

/// As FlatBuffers; one that no client would take is answered `internal`, and said in the daemon's output: silence would
/// be waited for.
std::string encode_sound(const v1::ReplyT& reply);

/// A read's answer, as a reply's body.
template <class Answer>
schemas::Result<v1::ReplyBodyUnion> as_body(schemas::Result<Answer> answer) {
  if (!answer) return schemas::fail(std::move(answer).error());
  v1::ReplyBodyUnion body;
  body.Set(*std::move(answer));
  return body;
}

/// What the views remember of a command: its position, and its rejection if it was one.
v1::ReplyT recorded_reply(std::string id, const projections::RecordedOutcome& recorded);

/// What to do when an order is refused because of its service as it stands; empty: nothing is known.
std::string hint_of_refusal(schemas::ErrorCode code);

/// Where it was used; nothing: that request is still on its way into the log.
schemas::Error id_used_otherwise(std::string_view id, const std::optional<schemas::Position>& position);
/// `whose`: `of this tenant`.
schemas::Error too_many_in_flight(std::size_t limit, std::string_view whose);
schemas::Error request_too_long(std::size_t bytes, std::size_t limit);
/// `limit` bytes of requests are held already.
schemas::Error no_room_for_requests(std::size_t limit);
schemas::Error views_behind(std::size_t limit);
schemas::Error shutting_down(const std::string& reason);
/// The log did not say, within the deadline or at all: deadline_exceeded, to be sent without a position.
schemas::Error outcome_unknown(std::string_view why);
/// It is in the log: deadline_exceeded, to be sent with its position.
schemas::Error effect_pending(std::string_view why);
/// The runtime or the verifier has not answered: deadline_exceeded.
schemas::Error answer_pending(std::string_view why);
/// A read whose `after` the views did not reach.
schemas::Error cut_not_reached(const schemas::Cut& cut);
schemas::Error no_such_service(const schemas::ServiceKey& service);

}  // namespace solo::producers
