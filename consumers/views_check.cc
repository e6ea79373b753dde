#include "consumers/views_check.h"

#include <fmt/format.h>

#include <utility>

#include "projections/versions.h"

namespace solo::consumers {

namespace {

using schemas::ErrorCode;
using schemas::Result;

void looked_at(Diff& diff, Invariant invariant, std::uint64_t count = 1) {
  diff.checked[static_cast<std::size_t>(invariant)] += count;
}

Finding finding(Invariant invariant, std::int32_t partition, std::string expected, std::string found) {
  Finding made = finding_of(invariant);
  made.expected = std::move(expected);
  made.found = std::move(found);
  made.evidence = fmt::format("partition {}", partition);
  return made;
}

void more_found(Diff& diff, Invariant invariant, std::uint64_t found, std::size_t named) {
  diff.unnamed[static_cast<std::size_t>(invariant)] += found - named;
}

void add_troubles(Invariant invariant, std::int32_t partition, const projections::EntryTroubles& troubles, Diff& diff) {
  for (const auto& trouble : troubles.named) {
    diff.findings.push_back(finding(invariant, partition, "a sound " + trouble.entry, trouble.message));
  }
  more_found(diff, invariant, troubles.found, troubles.named.size());
}

std::vector<producers::RecordFingerprint> fingerprints(const v1::PartitionMetaT& meta) {
  std::vector<producers::RecordFingerprint> tail;
  for (const auto& mark : meta.tail) tail.push_back({mark->offset, mark->id, mark->crc});
  return tail;
}

void check_position(const v1::PartitionMetaT& meta, std::int32_t partition, producers::EventLog& log, Diff& diff) {
  looked_at(diff, Invariant::views_position);
  if (auto odd = check_marks(meta, log.kind() != "kafka")) {
    odd->evidence = fmt::format("partition {}, {}", partition, odd->evidence);
    diff.findings.push_back(*std::move(odd));
  }
  auto bounds = log.bounds(partition);
  // The views may have read what others have just written.
  if (bounds && meta.next_offset > bounds->end) bounds = log.bounds_now(partition);
  if (bounds && meta.next_offset > bounds->end) {
    diff.findings.push_back(finding(Invariant::views_position, partition,
                                    fmt::format("at most {}, the log's end", bounds->end),
                                    fmt::format("next offset {}", meta.next_offset)));
    return;
  }
  const auto same = log.check_tail(partition, fingerprints(meta));
  if (same) return;
  if (same.error().code == ErrorCode::failed_precondition) {
    diff.findings.push_back(finding(Invariant::views_position, partition, "the log's last records as they were applied",
                                    same.error().message));
  } else if (same.error().code == ErrorCode::data_loss) {
    diff.findings.push_back(finding(Invariant::log_is_whole, partition, "every record", same.error().message));
  }
}

}  // namespace

std::optional<Finding> check_marks(const v1::PartitionMetaT& meta, bool gapless) {
  if (meta.next_offset == 0) return std::nullopt;
  const auto wrong = [&](std::string expected, std::string found) {
    Finding made = finding_of(Invariant::views_position);
    made.expected = std::move(expected);
    made.found = std::move(found);
    made.evidence = fmt::format("next offset {}, {} marks", meta.next_offset, meta.tail.size());
    return made;
  };
  if (meta.tail.empty()) return wrong("the marks of the last records", "none");
  const std::int64_t last = meta.tail.back()->offset;
  if (last >= meta.next_offset || (gapless && last + 1 != meta.next_offset)) {
    return wrong(fmt::format("the last applied record at {}", meta.next_offset - 1), fmt::format("at {}", last));
  }
  for (std::size_t at = 1; gapless && at < meta.tail.size(); ++at) {
    if (meta.tail[at]->offset == meta.tail[at - 1]->offset + 1) continue;
    return wrong(fmt::format("a record at {}", meta.tail[at - 1]->offset + 1),
                 fmt::format("the next one that was applied is at {}", meta.tail[at]->offset));
  }
  return std::nullopt;
}

bool check_view(const projections::PartitionView& view, producers::EventLog& log, const projections::Between& between,
                Diff& diff) {
  const std::int32_t partition = view.partition();
  looked_at(diff, Invariant::views_are_readable);
  const auto unreadable = [&](const schemas::Error& error) {
    diff.findings.push_back(finding(Invariant::views_are_readable, partition, "readable views", error.message));
    return true;
  };
  const auto snapshot = view.snapshot();
  if (!snapshot) return unreadable(snapshot.error());
  check_position((*snapshot)->meta(), partition, log, diff);
  looked_at(diff, Invariant::rules_are_known);
  if ((*snapshot)->meta().rules > projections::kKnownRules) {
    diff.findings.push_back(finding(Invariant::rules_are_known, partition,
                                    fmt::format("at most {}", projections::kKnownRules),
                                    fmt::format("rules {}", (*snapshot)->meta().rules)));
  }
  const auto entries = (*snapshot)->check_entries(between);
  if (!entries) return unreadable(entries.error());
  if (entries->ended_early) return false;
  looked_at(diff, Invariant::views_entries_are_sound, entries->entries);
  looked_at(diff, Invariant::views_entries_agree, entries->entries);
  add_troubles(Invariant::views_entries_are_sound, partition, entries->unsound, diff);
  add_troubles(Invariant::views_entries_agree, partition, entries->disagreeing, diff);
  looked_at(diff, Invariant::token_indexes_agree, entries->index_entries);
  add_troubles(Invariant::token_indexes_agree, partition, entries->misindexed, diff);
  looked_at(diff, Invariant::views_digest);
  if (entries->digest != (*snapshot)->digest()) {
    diff.findings.push_back(finding(Invariant::views_digest, partition, schemas::to_string((*snapshot)->digest()),
                                    schemas::to_string(entries->digest)));
    diff.findings.back().evidence +=
        fmt::format(", {} entries before offset {}", entries->entries, (*snapshot)->meta().next_offset);
  }
  return true;
}

Result<void> judge_replay(std::int32_t partition, const Result<ReplayComparison>& comparison, Diff& diff) {
  if (comparison) {
    looked_at(diff, Invariant::log_is_whole, static_cast<std::uint64_t>(comparison->next_offset));
    looked_at(diff, Invariant::views_equal_replay, comparison->entries);
    for (const EntryDifference& difference : comparison->differences) {
      diff.findings.push_back(finding(Invariant::views_equal_replay, partition, difference.expected, difference.found));
      diff.findings.back().evidence += fmt::format(", {}, before offset {}", difference.entry, comparison->next_offset);
    }
    more_found(diff, Invariant::views_equal_replay, comparison->differences_found, comparison->differences.size());
    return {};
  }
  const schemas::Error& error = comparison.error();
  if (error.code == ErrorCode::data_loss) {
    diff.findings.push_back(finding(Invariant::log_is_whole, partition, "every record", error.message));
    return {};
  }
  if (error.code == ErrorCode::failed_precondition) {
    diff.findings.push_back(finding(Invariant::rules_are_known, partition, "rules that are known here", error.message));
    return {};
  }
  return schemas::fail(error);
}

}  // namespace solo::consumers
