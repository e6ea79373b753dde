// What holds after every record of every log.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "projections/apply.h"
#include "projections/service_state.h"
#include "tests/unit/projections/memory_state.h"
#include "tests/unit/projections/random_log.h"

namespace solo::testing {
namespace {

using projections::Judgement;
using projections::Verdict;
using schemas::LogRecord;

Judgement apply(const LogRecord& record, MemoryState& state) {
  const auto judged = projections::apply_record(record, 1, kLog, state);
  RC_ASSERT(judged);
  return *judged;
}

/// Up to a few hundred records.
std::vector<LogRecord> any_log() { return make_log(*rc::gen::scale(4.0, rc::gen::arbitrary<std::vector<Step>>())); }

/// Calls `check` with the state and judgement after each record.
template <class Check>
void after_each(const std::vector<LogRecord>& log, Check check) {
  MemoryState state;
  for (const LogRecord& record : log) {
    const Judgement judged = apply(record, state);
    check(record, judged, state);
  }
}

std::uint64_t newest_generation(const v1::ServiceRecordT& record) {
  return record.pending ? record.pending->generation : record.current->generation;
}

RC_GTEST_PROP(AnyLog, GenerationsOnlyGrowAndAreNeverGivenOutTwice, ()) {
  std::map<MemoryState::Name, std::uint64_t> current;
  std::map<std::string, std::map<std::uint64_t, std::string>> holders;
  after_each(any_log(), [&](const LogRecord&, const Judgement&, const MemoryState& state) {
    for (const auto& [name, record] : state.services) {
      RC_ASSERT(record.current);
      RC_ASSERT(record.current->generation >= current[name]);
      current[name] = record.current->generation;
      RC_ASSERT(newest_generation(record) >= record.current->generation);
      RC_ASSERT(newest_generation(record) <= state.tenants.at(name.first).deploys);
      for (const std::uint64_t generation : {record.current->generation, newest_generation(record)}) {
        const auto [holder, fresh] = holders[name.first].try_emplace(generation, name.second);
        RC_ASSERT(fresh || holder->second == name.second);
      }
    }
  });
}

RC_GTEST_PROP(AnyLog, AServiceHasAtMostOneInstanceOfAGeneration, ()) {
  after_each(any_log(), [](const LogRecord&, const Judgement&, const MemoryState& state) {
    for (const auto& [name, record] : state.services) {
      std::set<std::uint64_t> generations;
      std::set<std::string> names;
      for (const auto& instance : record.instances) {
        RC_ASSERT(generations.insert(instance->generation).second);
        RC_ASSERT(names.insert(instance->instance).second);
      }
    }
  });
}

RC_GTEST_PROP(AnyLog, AKilledServiceHoldsNothingButItsGeneration, ()) {
  after_each(any_log(), [](const LogRecord&, const Judgement&, const MemoryState& state) {
    for (const auto& [name, record] : state.services) {
      if (record.desired != v1::Desired::stopped) {
        RC_ASSERT(record.current->spec);
        continue;
      }
      RC_ASSERT(!record.pending);
      RC_ASSERT(!record.current->spec);
      RC_ASSERT(record.current->code_digest.empty());
    }
  });
}

RC_GTEST_PROP(AnyLog, ARunningServiceHasAnInstance, ()) {
  after_each(any_log(), [](const LogRecord&, const Judgement&, const MemoryState& state) {
    for (const auto& [name, record] : state.services) {
      if (record.desired == v1::Desired::run && record.phase == v1::Phase::running) {
        RC_ASSERT(static_cast<bool>(projections::current_instance(record)));
        RC_ASSERT(record.ever_started);
      }
    }
  });
}

RC_GTEST_PROP(AnyLog, CodeIsCountedByWhoHoldsIt, ()) {
  after_each(any_log(), [](const LogRecord&, const Judgement&, const MemoryState& state) {
    std::map<std::string, std::uint64_t> holders;
    for (const auto& [name, record] : state.services) {
      for (const auto* deployment : {&record.current, &record.pending}) {
        if (*deployment && !(*deployment)->code_digest.empty()) ++holders[(*deployment)->code_digest];
      }
    }
    RC_ASSERT(holders.size() == state.code.size());
    for (const auto& [digest, code] : state.code) {
      RC_ASSERT(holders[digest] == code.references);
      RC_ASSERT(!code.text.empty());
    }
  });
}

RC_GTEST_PROP(AnyLog, WhatIsNotAppliedChangesNoEntry, ()) {
  schemas::Hash128 before;
  after_each(any_log(), [&](const LogRecord&, const Judgement& judged, const MemoryState& state) {
    const schemas::Hash128 after = state.digest();
    if (judged.verdict != Verdict::applied) RC_ASSERT(after == before);
    before = after;
  });
}

RC_GTEST_PROP(AnyLog, AnEventAtOnceRepeatedChangesNothing, ()) {
  const std::vector<LogRecord> log = any_log();
  MemoryState state;
  std::int64_t offset = 0;
  for (const LogRecord& record : log) {
    LogRecord once = record;
    once.position.offset = offset++;
    apply(once, state);
    if (offset == 1) continue;
    const schemas::Hash128 before = state.digest();
    const auto outcomes = state.outcomes.size();
    LogRecord twice = record;
    twice.position.offset = offset++;
    RC_ASSERT(apply(twice, state).verdict != Verdict::applied);
    RC_ASSERT(state.digest() == before);
    RC_ASSERT(state.outcomes.size() == outcomes);
  }
}

RC_GTEST_PROP(AnyLog, EveryRecordIsAccountedFor, ()) {
  std::uint64_t stale = 0;
  std::uint64_t duplicates = 0;
  after_each(any_log(), [&](const LogRecord& record, const Judgement& judged, MemoryState& state) {
    if (judged.verdict == Verdict::stale) ++stale;
    if (judged.verdict == Verdict::duplicate) ++duplicates;
    RC_ASSERT(state.meta().next_offset == record.position.offset + 1);
    RC_ASSERT(state.meta().stale == stale);
    RC_ASSERT(state.meta().duplicates == duplicates);
    RC_ASSERT(state.meta().dead_letters == state.dead_letters.size());
    if (judged.verdict == Verdict::quarantined) RC_ASSERT(state.dead_letters.count(record.position.offset) == 1U);
    RC_ASSERT((judged.code == schemas::ErrorCode::ok) ==
              (judged.verdict == Verdict::applied || judged.verdict == Verdict::duplicate));
  });
}

}  // namespace
}  // namespace solo::testing
