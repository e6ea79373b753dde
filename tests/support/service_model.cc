#include "tests/support/service_model.h"

namespace solo::testing {

/// Refused before anything was written, or the outcome is not known (yet): the command stays open.
bool ServiceModel::is_pending(const v1::ReplyT& reply) const {
  if (reply.ok || !reply.error) return false;
  const auto code = reply.error->code;
  return code == v1::ErrorCode::unavailable || code == v1::ErrorCode::deadline_exceeded ||
         code == v1::ErrorCode::resource_exhausted;
}

/// A command that was in the log is found there again: appended anew, it would have another position.
void ServiceModel::hold_to_position(const v1::ReplyT& reply) {
  if (reply.position.empty()) return;
  if (open_->position.empty()) open_->position = reply.position;
  if (open_->position != reply.position) {
    broken("command " + open_->id + " was at " + open_->position + " and is at " + reply.position);
  }
}

void ServiceModel::accepted(const v1::ReplyT& reply) {
  if (!open_) return broken("an answer to no question: " + reply.id);
  if (!is_pending(reply) && !reply.ok) return answered(reply);
  if (reply.ok && reply.position.empty()) broken("command " + open_->id + " was accepted without a position");
  hold_to_position(reply);
}

void ServiceModel::answered(const v1::ReplyT& reply) {
  if (!open_) return broken("an answer to no question: " + reply.id);
  hold_to_position(reply);
  if (is_pending(reply)) return;
  if (!reply.ok) {
    const auto code = reply.error ? reply.error->code : v1::ErrorCode::internal;
    return broken("command " + open_->id + " was refused: " + std::string(v1::EnumNameErrorCode(code)) + " " +
                  (reply.error ? reply.error->message : ""));
  }
  const auto* status = reply.body.AsServiceStatus();
  if (status == nullptr) return broken("command " + open_->id + " was answered without a status");
  if (open_->order == Order::deploy) {
    if (status->generation <= last_generation_) {
      broken("generation " + std::to_string(status->generation) + " after " + std::to_string(last_generation_));
    }
    live_ = status->generation;
    last_generation_ = status->generation;
  } else {
    live_.reset();
  }
  open_.reset();
}

}  // namespace solo::testing
