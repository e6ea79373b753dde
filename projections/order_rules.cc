#include "projections/order_rules.h"

#include <fmt/format.h>

#include "projections/service_state.h"
#include "schemas/schemas.h"

namespace solo::projections {
namespace {

using schemas::ErrorCode;

std::optional<OrderRefusal> refuse_generation(std::string_view name, std::uint64_t addressed,
                                              std::uint64_t if_generation) {
  if (if_generation == 0 || if_generation == addressed) return std::nullopt;
  return OrderRefusal{ErrorCode::failed_precondition,
                      fmt::format("generation {} of {} was asked for, {}", if_generation, name,
                                  addressed == 0 ? "there is none" : fmt::format("it is {}", addressed)),
                      addressed};
}

}  // namespace

std::uint64_t addressed_generation(const v1::ServiceRecordT* record) {
  if (record == nullptr || record->desired == v1::Desired::stopped) return 0;
  if (record->pending) return record->pending->generation;
  return record->current ? record->current->generation : 0;
}

ServiceOutline outline_of(const v1::ServiceRecordT* record) {
  if (record == nullptr) return {};
  return {is_live(*record), record->pending && !record->pending->code_digest.empty(), addressed_generation(record),
          record->current ? record->current->generation : 0};
}

std::optional<OrderRefusal> refuse_deploy(std::string_view name, const v1::ServiceRecordT* record, bool replace,
                                          std::uint64_t if_generation) {
  return refuse_deploy(name, outline_of(record), replace, if_generation);
}

std::optional<OrderRefusal> refuse_deploy(std::string_view name, const ServiceOutline& service, bool replace,
                                          std::uint64_t if_generation) {
  if (auto other = refuse_generation(name, service.addressed, if_generation)) return other;
  if (replace || !service.live) return std::nullopt;
  return OrderRefusal{ErrorCode::already_exists, fmt::format("{} runs as generation {}", name, service.current),
                      service.current};
}

std::optional<OrderRefusal> refuse_change(std::string_view name, const v1::ServiceRecordT* record,
                                          std::uint64_t if_generation) {
  if (record == nullptr || record->desired == v1::Desired::stopped) {
    return OrderRefusal{ErrorCode::not_found, fmt::format("no service {}", name)};
  }
  return refuse_generation(name, addressed_generation(record), if_generation);
}

std::optional<OrderRefusal> refuse_kill(std::string_view name, const v1::ServiceRecordT* record,
                                        std::uint64_t if_generation, bool force) {
  if (record == nullptr || derive_state(*record) != v1::ServiceState::stopping) {
    return refuse_change(name, record, if_generation);
  }
  if (force) return refuse_generation(name, record->current ? record->current->generation : 0, if_generation);
  return OrderRefusal{
      ErrorCode::not_found,
      fmt::format("no service {}: it was killed and is being stopped, only force ends it sooner", name)};
}

}  // namespace solo::projections
