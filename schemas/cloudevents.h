// An event's CloudEvents 1.0 headers (binary content mode), derived from the event alone.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace solo::v1 {
struct EventT;
}  // namespace solo::v1

namespace solo::schemas {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// ce_specversion, ce_id, ce_source, ce_type (`solo.v1.` + payload table), ce_time (RFC 3339, UTC; left out when the
/// event has no time), ce_subject (TENANT/SERVICE or TENANT), content-type.
Headers cloudevents_headers(const v1::EventT& event);

using EachHeader = std::function<void(std::string_view name, std::string_view value)>;
/// The same of an encoded event, one by one; what `each` is given ends with its call. For hot paths: of untrusted bytes
/// it checks no more than it reads, which is not the payload. false: not an event's envelope, and `each` was not
/// called. The bytes begin at an address divisible by 4, as a std::string's do.
bool for_each_cloudevents_header(std::string_view event, const EachHeader& each);

/// `solo.v1.ServiceDeployed` and so on.
std::string event_type(const v1::EventT& event);

/// Microseconds since 1970 UTC as RFC 3339 with microseconds: 2024-05-01T12:00:00.000001Z. Times outside the years 1 to
/// 9999 become the nearest one inside.
std::string to_rfc3339(std::int64_t microseconds);

}  // namespace solo::schemas
