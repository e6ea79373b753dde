// An event's CloudEvents 1.0 headers (binary content mode), derived from the event alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace solo::v1 {
struct Event;
struct EventT;
}  // namespace solo::v1

namespace solo::schemas {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// ce_specversion, ce_id, ce_source, ce_type (`solo.v1.` + payload table), ce_time (RFC 3339, UTC; left out when the
/// event has no time), ce_subject (TENANT/SERVICE or TENANT), content-type.
Headers cloudevents_headers(const v1::EventT& event);
/// The same of a verified buffer (schemas/codec.h, view_event).
Headers cloudevents_headers(const v1::Event& event);

/// `solo.v1.ServiceDeployed` and so on.
std::string event_type(const v1::EventT& event);

/// Microseconds since 1970 UTC as RFC 3339 with microseconds: 2024-05-01T12:00:00.000001Z. Times outside the years 1 to
/// 9999 become the nearest one inside.
std::string to_rfc3339(std::int64_t microseconds);

}  // namespace solo::schemas
