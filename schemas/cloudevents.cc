#include "schemas/cloudevents.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "schemas/schemas.h"

namespace solo::schemas {
namespace {

// RFC 3339 has four digits for the year: 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z.
constexpr std::int64_t kFirst = -62'135'596'800'000'000;
constexpr std::int64_t kLast = 253'402'300'799'999'999;

std::string type_name(v1::Payload payload) { return std::string("solo.v1.") + v1::EnumNamePayload(payload); }

}  // namespace

Headers cloudevents_headers(const v1::EventT& event) {
  Headers headers = {
      {"ce_specversion", "1.0"}, {"ce_id", event.id}, {"ce_source", event.source}, {"ce_type", event_type(event)}};
  if (event.time != 0) headers.emplace_back("ce_time", to_rfc3339(event.time));
  headers.emplace_back("ce_subject", event.service.empty() ? event.tenant : event.tenant + "/" + event.service);
  headers.emplace_back("content-type", "application/x-flatbuffers");
  return headers;
}

Headers cloudevents_headers(const v1::Event& event) {
  const auto text = [](const flatbuffers::String* string) { return string == nullptr ? std::string() : string->str(); };
  const std::string tenant = text(event.tenant());
  const std::string service = text(event.service());
  Headers headers = {{"ce_specversion", "1.0"},
                     {"ce_id", text(event.id())},
                     {"ce_source", text(event.source())},
                     {"ce_type", type_name(event.payload_type())}};
  if (event.time() != 0) headers.emplace_back("ce_time", to_rfc3339(event.time()));
  headers.emplace_back("ce_subject", service.empty() ? tenant : tenant + "/" + service);
  headers.emplace_back("content-type", "application/x-flatbuffers");
  return headers;
}

std::string event_type(const v1::EventT& event) { return type_name(event.payload.type); }

std::string to_rfc3339(std::int64_t microseconds) {
  using namespace std::chrono;
  const sys_time<std::chrono::microseconds> time{std::chrono::microseconds(std::clamp(microseconds, kFirst, kLast))};
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

}  // namespace solo::schemas
