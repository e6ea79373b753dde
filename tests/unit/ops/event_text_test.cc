#include "ops/cli/event_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "schemas/codec.h"

namespace solo::ops {
namespace {

schemas::LogRecord record_of(const v1::EventT& event) {
  return {{0, 7}, 1'700'000'000'000'000, event.tenant, schemas::encode(event)};
}

v1::EventT started() {
  v1::EventT event;
  event.id = "run-1";
  event.source = "/nodes/a";
  event.tenant = "acme";
  event.service = "web";
  v1::ServiceStartedT payload;
  payload.observed.ensure().generation = 3;
  payload.identity.ensure().pid = 1234;
  event.payload.Set(std::move(payload));
  return event;
}

TEST(EventText, EventIsOneLineForPeople) {
  const std::string line = record_line(record_of(started()));
  for (const char* part : {"0:7 ", "2023-11-14 22:13:20Z", "acme/web", "ServiceStarted", "generation 3, pid 1234\n"}) {
    EXPECT_NE(line.find(part), std::string::npos) << part << " in " << line;
  }
}

TEST(EventText, EventIsOneJsonObjectForPrograms) {
  schemas::JsonCodec codec;
  const auto json = nlohmann::json::parse(record_json(record_of(started()), codec));
  EXPECT_EQ(json["position"], "0:7");
  EXPECT_EQ(json["event"]["payload_type"], "ServiceStarted");
  EXPECT_EQ(json["event"]["payload"]["identity"]["pid"], 1234);
}

TEST(EventText, WhatIsNoEventIsShownWithTheReason) {
  const schemas::LogRecord garbage{{0, 8}, 1, "k\xff\n\x1b", "not a buffer"};
  const std::string line = record_line(garbage);
  EXPECT_NE(line.find("quarantined"), std::string::npos) << line;
  EXPECT_NE(line.find("(12 bytes)"), std::string::npos) << line;
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  schemas::JsonCodec codec;
  const auto json = nlohmann::json::parse(record_json(garbage, codec));
  EXPECT_EQ(json["quarantined"]["code"], "invalid_argument");
  EXPECT_EQ(json["size"], 12);
}

TEST(EventText, TextOfOthersCannotBreakTheLineOrTheTerminal) {
  auto event = started();
  v1::ServiceFailedT payload;
  payload.reason = "line one\nline\ttwo \x1b[2J";
  event.payload.Set(std::move(payload));
  const std::string line = record_line(record_of(event));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
}

TEST(EventText, ADenialOfAStrangerSaysWhereItCameFrom) {
  auto event = started();
  v1::CapabilityDeniedT payload;
  payload.reason = v1::DenialReason::unknown;
  payload.command = "List";
  payload.peer = "tcp://192.0.2.7:1";
  payload.suppressed = 3;
  event.payload.Set(std::move(payload));
  EXPECT_NE(record_line(record_of(event)).find("somebody List: unknown, 3 more like it, from tcp://192.0.2.7:1"),
            std::string::npos);
}

}  // namespace
}  // namespace solo::ops
