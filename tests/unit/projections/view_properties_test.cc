// The view store against its model: apply over maps.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "projections/apply.h"
#include "projections/outcome.h"
#include "tests/unit/projections/memory_state.h"
#include "tests/unit/projections/random_log.h"
#include "tests/unit/projections/view_fixture.h"

namespace solo::testing {
namespace {

using projections::PartitionView;
using schemas::LogRecord;

MemoryState model_of(const std::vector<LogRecord>& log) {
  MemoryState state;
  for (const LogRecord& record : log) RC_ASSERT(projections::apply_record(record, 1, kLog, state));
  return state;
}

void check_services(const PartitionView& view, const MemoryState& model) {
  projections::ServiceQuery query;
  query.include_killed = true;
  const auto page = view.services(query);
  RC_ASSERT(page);
  RC_ASSERT(page->next.empty());
  RC_ASSERT(page->services.size() == model.services.size());
  auto expected = model.services.begin();
  for (const v1::ServiceRecordT& record : page->services) {
    RC_ASSERT(record.tenant == expected->first.first);
    RC_ASSERT(record.service == expected->first.second);
    RC_ASSERT(record == expected->second);
    ++expected;
  }
}

void check_outcomes(const PartitionView& view, const MemoryState& model) {
  for (const auto& [key, outcome] : model.outcomes) {
    const auto& [tenant, source, id] = key;
    const auto found = view.outcome(schemas::TenantName::trusted(tenant), source, id);
    RC_ASSERT(found);
    RC_ASSERT(found->has_value());
    RC_ASSERT((*found)->position == outcome.position);
    RC_ASSERT((*found)->record == outcome.record);
  }
}

void check(const PartitionView& view, MemoryState model) {
  RC_ASSERT(view.next_offset() == model.meta().next_offset);
  RC_ASSERT(view.digest() == model.digest());
  const auto recomputed = view.recompute_digest();
  RC_ASSERT(recomputed);
  RC_ASSERT(*recomputed == view.digest());
  check_services(view, model);
  check_outcomes(view, model);
  for (const auto& [digest, code] : model.code) RC_ASSERT(*view.code(digest) == code.text);
  const auto letters = view.dead_letters(0, 1000);
  RC_ASSERT(letters);
  RC_ASSERT(letters->size() == model.dead_letters.size());
  const v1::PartitionMetaT meta = view.meta();
  RC_ASSERT(meta.stale == model.meta().stale);
  RC_ASSERT(meta.duplicates == model.meta().duplicates);
  RC_ASSERT(meta.owner->run == model.meta().owner->run);
  RC_ASSERT(meta.owner->last_sequence == model.meta().owner->last_sequence);
}

void apply(PartitionView& view, std::span<const LogRecord> records) {
  const auto change = view.apply(records);
  RC_ASSERT(change);
  if (!records.empty()) RC_ASSERT(change->next_offset == records.back().position.offset + 1);
}

std::size_t below(std::size_t bound) { return *rc::gen::resize(100, rc::gen::inRange<std::size_t>(0, bound)); }

RC_GTEST_PROP(AnyLog, TheStoreHoldsWhatTheModelHoldsHoweverTheLogIsCutIntoBatches, (const std::vector<Step>& steps)) {
  const std::vector<LogRecord> log = make_log(steps);
  const ViewDirectory directory;
  const auto view = directory.open();
  for (std::size_t at = 0; at < log.size();) {
    const std::size_t count = 1 + below(std::min<std::size_t>(log.size() - at, 40));
    apply(*view, std::span(log).subspan(at, count));
    at += count;
  }
  check(*view, model_of(log));
}

RC_GTEST_PROP(AnyLog, TheStoreIsTheSameAfterAnyCrashesFlushesAndReplays, (const std::vector<Step>& steps)) {
  const std::vector<LogRecord> log = make_log(steps);
  const ViewDirectory directory;
  std::unique_ptr<PartitionView> view = directory.open();
  std::int64_t flushed = 0;
  int crashes = 0;
  while (view->next_offset() < static_cast<std::int64_t>(log.size())) {
    const auto at = static_cast<std::size_t>(view->next_offset());
    const std::size_t count = 1 + below(std::min<std::size_t>(log.size() - at, 40));
    apply(*view, std::span(log).subspan(at, count));
    if (below(3) == 0) {
      RC_ASSERT(view->flush());
      flushed = view->next_offset();
    }
    if (crashes < 4 && below(3) == 0) {
      ++crashes;
      view.reset();
      view = directory.open();
      RC_ASSERT(view->next_offset() == flushed);
      RC_ASSERT(view->flushed_offset() == flushed);
    }
  }
  check(*view, model_of(log));
}

}  // namespace
}  // namespace solo::testing
