#include "schemas/cloudevents.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include "schemas/schemas.h"
#include "schemas/text.h"

namespace solo::schemas {
namespace {

// RFC 3339 has four digits for the year: 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z.
constexpr std::int64_t kFirst = -62'135'596'800'000'000;
constexpr std::int64_t kLast = 253'402'300'799'999'999;

constexpr std::string_view kContentType = "application/x-flatbuffers";

const std::string& type_name(v1::Payload payload) {
  static const auto names = [] {
    std::array<std::string, static_cast<std::size_t>(v1::Payload::MAX) + 1> all;
    for (std::size_t tag = 0; tag < all.size(); ++tag) {
      all[tag] = std::string("solo.v1.") + v1::EnumNamePayload(static_cast<v1::Payload>(tag));
    }
    return all;
  }();
  return names.at(static_cast<std::size_t>(payload));
}

using Time = std::array<char, 27>;

struct Described {
  std::string_view id;
  std::string_view source;
  std::string_view tenant;
  std::string_view service;
  std::int64_t time = 0;
  v1::Payload type = v1::Payload::NONE;
};

Time rfc3339(std::int64_t microseconds);

template <class Each>
void visit(const Described& event, const Each& each) {
  each("ce_specversion", "1.0");
  each("ce_id", event.id);
  each("ce_source", event.source);
  each("ce_type", type_name(event.type));
  if (event.time != 0) {
    const Time time = rfc3339(event.time);
    each("ce_time", std::string_view(time.data(), time.size()));
  }
  std::string subject(event.tenant);
  if (!event.service.empty()) subject.append("/").append(event.service);
  each("ce_subject", subject);
  each("content-type", kContentType);
}

/// The text in a field of a table whose vtable has been checked; nothing: it is no text.
std::optional<std::string_view> text_at(const flatbuffers::Table& table, flatbuffers::voffset_t field,
                                        const flatbuffers::Verifier& verifier) {
  if (!table.VerifyOffset(verifier, field)) return std::nullopt;
  const auto* text = table.GetPointer<const flatbuffers::String*>(field);
  if (text == nullptr) return std::string_view();
  if (!verifier.VerifyString(text) || !is_utf8(text->string_view())) return std::nullopt;
  return text->string_view();
}

std::optional<Described> describe(std::string_view bytes) {
  using flatbuffers::uoffset_t;
  using Fields = v1::Event;
  if (bytes.size() < 2 * sizeof(uoffset_t) || !v1::EventBufferHasIdentifier(bytes.data())) return std::nullopt;
  flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (verifier.VerifyOffset(0) == 0) return std::nullopt;
  const auto& table = *flatbuffers::GetRoot<flatbuffers::Table>(bytes.data());
  if (!table.VerifyTableStart(verifier) ||
      !table.VerifyField<std::int64_t>(verifier, Fields::VT_TIME, sizeof(std::int64_t)) ||
      !table.VerifyField<std::uint8_t>(verifier, Fields::VT_PAYLOAD_TYPE, sizeof(std::uint8_t))) {
    return std::nullopt;
  }
  const auto id = text_at(table, Fields::VT_ID, verifier);
  const auto source = text_at(table, Fields::VT_SOURCE, verifier);
  const auto tenant = text_at(table, Fields::VT_TENANT, verifier);
  const auto service = text_at(table, Fields::VT_SERVICE, verifier);
  const auto type = table.GetField<std::uint8_t>(Fields::VT_PAYLOAD_TYPE, 0);
  if (!id || !source || !tenant || !service) return std::nullopt;
  if (type == 0 || type > static_cast<std::uint8_t>(v1::Payload::MAX)) return std::nullopt;
  return Described{*id,
                   *source,
                   *tenant,
                   *service,
                   table.GetField<std::int64_t>(Fields::VT_TIME, 0),
                   static_cast<v1::Payload>(type)};
}

/// `width` digits from there on; what follows them.
char* put_digits(char* at, std::uint32_t number, int width) {
  for (int digit = width - 1; digit >= 0; --digit, number /= 10) at[digit] = static_cast<char>('0' + number % 10);
  return at + width;
}

Time rfc3339(std::int64_t microseconds) {
  using namespace std::chrono;
  const sys_time<std::chrono::microseconds> time{std::chrono::microseconds(std::clamp(microseconds, kFirst, kLast))};
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  Time text;
  char* at = put_digits(text.data(), static_cast<std::uint32_t>(static_cast<int>(date.year())), 4);
  *at++ = '-';
  at = put_digits(at, static_cast<unsigned>(date.month()), 2);
  *at++ = '-';
  at = put_digits(at, static_cast<unsigned>(date.day()), 2);
  *at++ = 'T';
  at = put_digits(at, static_cast<std::uint32_t>(clock.hours().count()), 2);
  *at++ = ':';
  at = put_digits(at, static_cast<std::uint32_t>(clock.minutes().count()), 2);
  *at++ = ':';
  at = put_digits(at, static_cast<std::uint32_t>(clock.seconds().count()), 2);
  *at++ = '.';
  at = put_digits(at, static_cast<std::uint32_t>(clock.subseconds().count()), 6);
  *at = 'Z';
  return text;
}

}  // namespace

Headers cloudevents_headers(const v1::EventT& event) {
  Headers headers;
  visit({event.id, event.source, event.tenant, event.service, event.time, event.payload.type},
        [&](std::string_view name, std::string_view value) { headers.emplace_back(name, value); });
  return headers;
}

bool for_each_cloudevents_header(std::string_view event, const EachHeader& each) {
  const auto described = describe(event);
  if (described) visit(*described, each);
  return described.has_value();
}

std::string event_type(const v1::EventT& event) { return type_name(event.payload.type); }

std::string to_rfc3339(std::int64_t microseconds) {
  const Time text = rfc3339(microseconds);
  return {text.data(), text.size()};
}

}  // namespace solo::schemas
