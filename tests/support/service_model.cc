#include "tests/support/service_model.h"

namespace solo::testing {

void ServiceModel::answered(const v1::ReplyT& reply) {
  if (!open_) return broken("an answer to no question: " + reply.id);
  if (!reply.ok) {
    const auto code = reply.error ? reply.error->code : v1::ErrorCode::internal;
    // Refused before anything was written, or the outcome is not known (yet): the command stays open.
    if (code == v1::ErrorCode::unavailable || code == v1::ErrorCode::deadline_exceeded ||
        code == v1::ErrorCode::resource_exhausted) {
      return;
    }
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
