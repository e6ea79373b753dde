// When an order is refused because of the service's record as it stands. apply goes by these rules, and a gateway whose
// views are complete refuses early by the same, in the same words. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "schemas/result.h"

namespace solo::v1 {
struct ServiceRecordT;
}

namespace solo::projections {

struct OrderRefusal {
  schemas::ErrorCode code = schemas::ErrorCode::internal;
  std::string message;
  /// The generation that stands in its way; 0: there is none.
  std::uint64_t generation = 0;
};

/// What orders are judged by, of a service that may be there.
struct ServiceOutline {
  /// is_live() (service_state.h).
  bool live = false;
  /// There is a pending deployment with a code text.
  bool pending_code = false;
  /// addressed_generation().
  std::uint64_t addressed = 0;
  /// The current generation; 0: there is none.
  std::uint64_t current = 0;
  bool operator==(const ServiceOutline&) const = default;
};

ServiceOutline outline_of(const v1::ServiceRecordT* record);

/// What if_generation is compared with: the pending generation if there is one, else the current; 0: there is none.
std::uint64_t addressed_generation(const v1::ServiceRecordT* record);

/// `name` is TENANT/SERVICE, for the message. nullptr: there has never been such a service. if_generation 0: any.
std::optional<OrderRefusal> refuse_deploy(std::string_view name, const v1::ServiceRecordT* record, bool replace,
                                          std::uint64_t if_generation);
std::optional<OrderRefusal> refuse_deploy(std::string_view name, const ServiceOutline& service, bool replace,
                                          std::uint64_t if_generation);
/// Restart: of a service that is wanted, in the generation that was asked for.
std::optional<OrderRefusal> refuse_change(std::string_view name, const v1::ServiceRecordT* record,
                                          std::uint64_t if_generation);
/// Kill: the same; with `force` also of one that was killed and is still being stopped, so that it ends at once.
std::optional<OrderRefusal> refuse_kill(std::string_view name, const v1::ServiceRecordT* record,
                                        std::uint64_t if_generation, bool force);

}  // namespace solo::projections
