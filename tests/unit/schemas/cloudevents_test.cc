#include "schemas/cloudevents.h"

#include <gtest/gtest.h>

#include <limits>

#include "schemas/codec.h"
#include "schemas/schemas.h"

namespace solo::schemas {
namespace {

TEST(CloudEvents, HeadersFollowFromTheEvent) {
  v1::EventT event;
  event.id = "42";
  event.source = "/commands/acme";
  event.tenant = "acme";
  event.service = "web";
  event.time = 1'714'564'800'000'001;
  event.payload.Set(v1::ServiceKilledT());
  const Headers expected = {{"ce_specversion", "1.0"},
                            {"ce_id", "42"},
                            {"ce_source", "/commands/acme"},
                            {"ce_type", "solo.v1.ServiceKilled"},
                            {"ce_time", "2024-05-01T12:00:00.000001Z"},
                            {"ce_subject", "acme/web"},
                            {"content-type", "application/x-flatbuffers"}};
  EXPECT_EQ(cloudevents_headers(event), expected);
  const auto buffer = encode(event);
  Headers viewed;
  EXPECT_TRUE(for_each_cloudevents_header(
      buffer, [&](std::string_view name, std::string_view value) { viewed.emplace_back(name, value); }));
  EXPECT_EQ(viewed, expected);
}

TEST(CloudEvents, OfBytesThatAreNoEventThereAreNoneAndNothingBeyondThemIsRead) {
  v1::EventT event;
  event.id = "42";
  event.source = "/commands/acme";
  event.tenant = "acme";
  event.service = "web";
  event.time = 1;
  event.payload.Set(v1::ServiceKilledT());
  const auto whole = encode(event);
  const auto count_of = [](const std::string& bytes) {
    std::size_t count = 0;
    const bool found = for_each_cloudevents_header(
        bytes, [&](std::string_view, std::string_view value) { count += is_utf8(value) ? 1 : 100; });
    EXPECT_EQ(found, count != 0);
    return count;
  };
  EXPECT_EQ(count_of(""), 0U);
  EXPECT_EQ(count_of("no event at all, but long enough to be one"), 0U);
  // Each in memory of its own, whose end the sanitizer watches.
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_LE(count_of(whole.substr(0, size)), 7U);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int byte : {0x00, 0x7f, 0x80, 0xff}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(byte);
      EXPECT_LE(count_of(changed), 7U) << at;
    }
  }
}

TEST(CloudEvents, WhatTheEventHasNotIsLeftOut) {
  v1::EventT event;
  event.tenant = "system";
  event.payload.Set(v1::SystemStartedT());
  for (const auto& [name, value] : cloudevents_headers(event)) {
    EXPECT_NE(name, "ce_time");
    EXPECT_TRUE(name != "ce_subject" || value == "system") << value;
  }
}

TEST(CloudEvents, TimesAreRfc3339) {
  EXPECT_EQ(to_rfc3339(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(to_rfc3339(-1), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(to_rfc3339(951'782'400'000'000), "2000-02-29T00:00:00.000000Z");
  EXPECT_EQ(to_rfc3339(std::numeric_limits<std::int64_t>::max()), "9999-12-31T23:59:59.999999Z");
  EXPECT_EQ(to_rfc3339(std::numeric_limits<std::int64_t>::min()), "0001-01-01T00:00:00.000000Z");
}

}  // namespace
}  // namespace solo::schemas
