// What a command came to, as the views remember it.
#pragma once

#include <cstdint>
#include <string_view>

#include "projections/name_hash.h"
#include "schemas/fingerprint.h"
#include "schemas/position.h"
#include "schemas/schemas.h"

namespace solo::projections {

struct RecordedOutcome {
  schemas::Position position;
  v1::OutcomeRecordT record;
};

/// What an outcome is looked for by.
struct OutcomeName {
  std::string_view tenant;
  std::string_view source;
  std::string_view id;
  std::uint64_t hash = outcome_hash(tenant, source, id);
};

/// One that is to be remembered; its texts are the caller's.
struct NewOutcome {
  std::string_view tenant;
  std::string_view source;
  std::string_view id;
  std::int64_t offset = 0;
  std::uint64_t sequence = 0;
  schemas::Hash128 fingerprint;
  v1::Outcome outcome = v1::Outcome::applied;
  v1::ErrorCode code = v1::ErrorCode::ok;
  std::string_view message;
  std::string_view service;
  std::uint64_t generation = 0;
  std::uint64_t restart_epoch = 0;
};

/// As the readers of views know it.
inline v1::OutcomeRecordT record_of(const NewOutcome& outcome) {
  v1::OutcomeRecordT record;
  record.tenant = outcome.tenant;
  record.source = outcome.source;
  record.id = outcome.id;
  record.offset = outcome.offset;
  record.sequence = outcome.sequence;
  const auto fingerprint = outcome.fingerprint.bytes();
  record.fingerprint.assign(fingerprint.begin(), fingerprint.end());
  record.outcome = outcome.outcome;
  record.code = outcome.code;
  record.message = outcome.message;
  record.service = outcome.service;
  record.generation = outcome.generation;
  record.restart_epoch = outcome.restart_epoch;
  return record;
}

/// How many of a tenant's own last outcomes count; an older one is as good as absent, whether or not it is still
/// stored.
inline constexpr std::uint64_t kOutcomeWindow = 1'048'576;

inline bool outcome_counts(const v1::OutcomeRecordT& outcome, const v1::TenantRecordT& tenant) {
  return tenant.commands - outcome.sequence < kOutcomeWindow;
}

}  // namespace solo::projections
