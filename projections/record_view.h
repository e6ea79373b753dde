// A record as it reads: all that follows from the record alone, before earlier ones have their say. Pure, so that it
// can be found out ahead, on another thread than the one that applies.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "schemas/box.h"
#include "schemas/envelope.h"
#include "schemas/fingerprint.h"
#include "schemas/position.h"
#include "schemas/result.h"

namespace solo::v1 {
struct Event;
}

namespace solo::projections {

using schemas::SourceKind;

/// A verified event; what it names stands in the record's value.
struct Incoming {
  const v1::Event& event;
  schemas::Position position;
  SourceKind source_kind = SourceKind::outsider;
  std::string_view id = {};
  std::string_view source = {};
  std::string_view tenant = {};
  std::string_view service = {};
  /// The record's value.
  std::string_view bytes = {};
  /// outcome_hash() of its name and service_hash(), of what does not come from a node.
  std::uint64_t outcome_hash = 0;
  std::uint64_t service_hash = 0;
  /// Why the spec it deploys cannot be run; nothing: it can, or there is none.
  schemas::Box<schemas::Error> spec_flaw = {};
};

/// Refers to the record it was made of, which stays where it is.
struct RecordView {
  /// Nothing: it is no event.
  std::optional<Incoming> incoming;
  /// Why nobody can judge it; nothing: its envelope is in order.
  schemas::Box<schemas::Error> flaw;
  /// Of what does not come from a node.
  schemas::Hash128 fingerprint;
};

/// `partitions` is the log's number of partitions.
RecordView view_record(const schemas::LogRecord& record, std::int32_t partitions);

}  // namespace solo::projections
