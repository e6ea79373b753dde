// The view store against its model: apply over maps.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "projections/apply.h"
#include "projections/outcome.h"
#include "schemas/token.h"
#include "tests/unit/projections/memory_state.h"
#include "tests/unit/projections/random_log.h"
#include "tests/unit/projections/view_fixture.h"

namespace solo::testing {
namespace {

using projections::PartitionView;
using schemas::LogRecord;

std::string test_token_accessor(const std::string& hex) {
  return schemas::token_accessor(*schemas::parse_token_hash(hex));
}

MemoryState model_of(std::span<const LogRecord> log, std::int32_t partitions = 1) {
  MemoryState state;
  for (const LogRecord& record : log) RC_ASSERT(projections::apply_record(record, partitions, kLog, state));
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

void check_tokens(const PartitionView& view, const MemoryState& model) {
  std::size_t listed = 0;
  projections::TokenQuery query;
  query.limit = 2;
  do {
    const auto page = view.tokens(query);
    RC_ASSERT(page);
    for (const auto& token : page->tokens) RC_ASSERT(token == model.tokens.at(test_token_accessor(token.hash)));
    listed += page->tokens.size();
    query.from = page->next;
  } while (!query.from.empty());
  RC_ASSERT(listed == model.tokens.size());
  const auto expired = view.expired_tokens(std::numeric_limits<std::int64_t>::max(), 1000);
  RC_ASSERT(expired);
  RC_ASSERT(expired->size() == model.tokens.size());
  for (const auto& [tenant, record] : model.token_tenants) RC_ASSERT(*view.token_tenant(tenant) == record);
}

void check(const PartitionView& view, MemoryState model) {
  RC_ASSERT(view.next_offset() == model.meta().next_offset);
  RC_ASSERT(view.digest() == model.digest());
  const auto recomputed = view.recompute_digest();
  RC_ASSERT(recomputed);
  RC_ASSERT(*recomputed == view.digest());
  check_services(view, model);
  check_outcomes(view, model);
  check_tokens(view, model);
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

/// Nothing of it can be seen yet.
void join(PartitionView& view, std::span<const LogRecord> records) {
  const std::int64_t before = view.next_offset();
  const schemas::Hash128 digest = view.digest();
  const auto change = view.apply(records, projections::Batching::joined);
  RC_ASSERT(change);
  RC_ASSERT(change->services.empty());
  RC_ASSERT(change->next_offset == before);
  RC_ASSERT(view.next_offset() == before);
  RC_ASSERT(view.digest() == digest);
  RC_ASSERT(*view.recompute_digest() == digest);
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

RC_GTEST_PROP(AnyLog, TheStoreHoldsTheSameWhicheverBatchesAreJoined, (const std::vector<Step>& steps)) {
  const std::vector<LogRecord> log = make_log(steps);
  const ViewDirectory directory;
  std::unique_ptr<PartitionView> view = directory.open();
  for (std::size_t at = 0; at < log.size();) {
    const std::size_t count = 1 + below(std::min<std::size_t>(log.size() - at, 40));
    const auto records = std::span(log).subspan(at, count);
    at += count;
    if (below(2) == 0) {
      join(*view, records);
    } else {
      apply(*view, records);
    }
    if (below(10) == 0) {
      // A crash loses what was joined and nothing else.
      RC_ASSERT(view->flush());
      view.reset();
      view = directory.open();
      at = static_cast<std::size_t>(view->next_offset());
    }
  }
  RC_ASSERT(view->apply({}));
  check(*view, model_of(log));
}

/// Hundreds of steps, most of them orders, so that one batch has many pages of outcomes and services are replaced again
/// and again between what is seen of them.
std::vector<LogRecord> busy_log() {
  const auto step = rc::gen::apply(
      [](std::uint8_t kind, Step any) {
        if (kind < 22) any.kind = kind % 10;
        if (kind < 8) any.flag = true;
        return any;
      },
      rc::gen::inRange<std::uint8_t>(0, 26), rc::gen::arbitrary<Step>());
  return make_log(*rc::gen::container<std::vector<Step>>(300, step));
}

RC_GTEST_PROP(AnyLog, OneLargeBatchIsAsGoodAsManySmallOnes, ()) {
  const std::vector<LogRecord> log = busy_log();
  const ViewDirectory joined_directory;
  const ViewDirectory live_directory;
  std::unique_ptr<PartitionView> joined = joined_directory.open();
  const auto live = live_directory.open();
  for (const LogRecord& record : log) apply(*live, std::span(&record, 1));
  for (std::size_t at = 0; at < log.size();) {
    const std::size_t count = 1 + below(std::min<std::size_t>(log.size() - at, 200));
    join(*joined, std::span(log).subspan(at, count));
    at += count;
    const std::size_t chance = below(8);
    if (chance < 2) RC_ASSERT(joined->apply({}));
    if (chance == 1) {
      RC_ASSERT(joined->flush());
      joined.reset();
      joined = joined_directory.open();
    }
  }
  RC_ASSERT(joined->apply({}));
  RC_ASSERT(joined->meta() == live->meta());
  check(*joined, model_of(log));
  check(*live, model_of(log));
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

/// A whole log: one partition's records after the other's, none ordered with another's.
struct PartitionedLog {
  std::vector<std::vector<LogRecord>> partitions;
  /// How many records of each are included.
  std::vector<std::size_t> cut;

  std::int32_t count() const { return static_cast<std::int32_t>(partitions.size()); }
  std::span<const LogRecord> included(std::size_t partition) const {
    return std::span(partitions[partition]).first(cut[partition]);
  }
};

PartitionedLog any_partitioned_log() {
  PartitionedLog log;
  const std::size_t count = 1 + below(4);
  for (std::size_t partition = 0; partition < count; ++partition) {
    const auto steps = *rc::gen::arbitrary<std::vector<Step>>();
    log.partitions.push_back(make_log(steps, static_cast<std::int32_t>(partition), static_cast<std::int32_t>(count)));
    log.cut.push_back(below(log.partitions.back().size() + 1));
  }
  return log;
}

/// Up to the cut, whichever partition's turn it is, in batches of any size; now and then all of it starts again from
/// what is flushed.
std::unique_ptr<projections::Views> interleave(const PartitionedLog& log, const ViewDirectory& directory) {
  auto options = directory.options();
  options.partitions = log.count();
  const auto open = [&] {
    auto views = projections::Views::open(options, nullptr);
    RC_ASSERT(views);
    return *std::move(views);
  };
  auto views = open();
  std::vector<std::size_t> behind;
  for (int starts = 0;;) {
    behind.clear();
    for (std::size_t at = 0; at < log.partitions.size(); ++at) {
      const auto applied = views->partition(static_cast<std::int32_t>(at)).next_offset();
      if (applied < static_cast<std::int64_t>(log.cut[at])) behind.push_back(at);
    }
    if (behind.empty()) return views;
    const std::size_t turn = behind[below(behind.size())];
    PartitionView& view = views->partition(static_cast<std::int32_t>(turn));
    const auto left = log.included(turn).subspan(static_cast<std::size_t>(view.next_offset()));
    apply(view, left.first(1 + below(std::min<std::size_t>(left.size(), 40))));
    if (below(4) == 0) RC_ASSERT(view.flush());
    if (starts < 2 && below(8) == 0) {
      ++starts;
      views.reset();
      views = open();
    }
  }
}

RC_GTEST_PROP(AnyPartitions, AtTheSameCutViewsAndDigestAreEqualHoweverTheirRecordsInterleaved, ()) {
  const PartitionedLog log = any_partitioned_log();
  const ViewDirectory first_directory;
  const ViewDirectory second_directory;
  const auto first = interleave(log, first_directory);
  const auto second = interleave(log, second_directory);
  RC_ASSERT(first->applied() == second->applied());
  RC_ASSERT(first->digest() == second->digest());
  schemas::Hash128 sum;
  for (std::size_t at = 0; at < log.partitions.size(); ++at) {
    if (log.cut[at] == 0) continue;
    // Each is what its own records alone make of it.
    const MemoryState model = model_of(log.included(at), log.count());
    const auto partition = static_cast<std::int32_t>(at);
    sum += first->partition(partition).digest();
    if (log.cut[at] > 1) {
      check(first->partition(partition), model);
      check(second->partition(partition), model);
    }
    RC_ASSERT(first->partition(partition).meta() == second->partition(partition).meta());
  }
  RC_ASSERT(first->digest() == sum);
}

}  // namespace
}  // namespace solo::testing
