#include "consumers/replay_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "projections/digest.h"

namespace solo::consumers {

namespace {

using projections::PartitionView;
using projections::ViewSnapshot;
using schemas::ErrorCode;
using schemas::Hash128;
using schemas::LogRecord;
using schemas::Result;
using namespace std::chrono_literals;

constexpr std::size_t kNamed = 100;
constexpr auto kReadTimeout = 200ms;
/// Entries taken from each side at a time.
constexpr std::size_t kPage = 512;

class Scratch {
 public:
  explicit Scratch(std::filesystem::path directory) : directory_(std::move(directory)) { remove(); }
  ~Scratch() { remove(); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

 private:
  void remove() const {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  const std::filesystem::path directory_;
};

/// Reads one partition and applies it.
class Replay {
 public:
  Replay(PartitionView& view, const ReplayOptions& options, std::unique_ptr<EventReader> reader)
      : view_(view), options_(options), reader_(std::move(reader)) {}

  /// Everything before `end`, and nothing of it or after it.
  Result<void> advance(std::int64_t end) {
    auto last_record = std::chrono::steady_clock::now();
    for (;;) {
      if (auto applied = apply_held(end); !applied) return applied;
      // Records from `end` on are there, or known not to be.
      if (!held_.empty() || reader_->next_offset() >= end) return {};
      if (options_.between && !options_.between(view_.next_offset())) {
        return schemas::fail(ErrorCode::unavailable, "the comparison was stopped", {}, true);
      }
      auto records = reader_->read({}, kReadTimeout);
      if (!records) return schemas::fail(std::move(records.error()));
      const auto now = std::chrono::steady_clock::now();
      if (!records->empty()) last_record = now;
      if (now - last_record > options_.patience) {
        return schemas::fail(ErrorCode::unavailable,
                             fmt::format("the log does not deliver what is before offset {}, only up to {}", end,
                                         reader_->next_offset()),
                             {}, true);
      }
      held_ = std::move(*records);
    }
  }

 private:
  Result<void> apply_held(std::int64_t end) {
    const auto stop = std::find_if(held_.begin(), held_.end(),
                                   [&](const LogRecord& record) { return record.position.offset >= end; });
    const auto count = static_cast<std::size_t>(stop - held_.begin());
    if (count == 0) return {};
    if (auto applied = view_.apply(std::span(held_).first(count)); !applied) {
      return schemas::fail(std::move(applied.error()));
    }
    held_.erase(held_.begin(), stop);
    return {};
  }

  PartitionView& view_;
  const ReplayOptions& options_;
  std::unique_ptr<EventReader> reader_;
  std::vector<LogRecord> held_;
};

/// The entries of a snapshot one after the other.
class EntryWalk {
 public:
  explicit EntryWalk(const ViewSnapshot& snapshot) : snapshot_(snapshot) { fill({}); }

  bool done() const { return at_ == page_.size(); }
  const std::string& key() const { return page_[at_].first; }
  const std::string& value() const { return page_[at_].second; }
  void next() {
    if (++at_ == page_.size() && page_.size() == kPage) fill(page_.back().first + '\0');
  }

 private:
  void fill(const std::string& from) {
    std::vector<std::pair<std::string, std::string>> page;
    // What cannot be read is missing, and so a difference.
    (void)snapshot_.log_entries(from, [&](std::string_view key, std::string_view value) {
      page.emplace_back(key, value);
      return page.size() < kPage;
    });
    page_ = std::move(page);
    at_ = 0;
  }

  const ViewSnapshot& snapshot_;
  std::vector<std::pair<std::string, std::string>> page_;
  std::size_t at_ = 0;
};

std::string hash_in_words(std::string_view key, const std::string& value) {
  const auto hash = projections::content_hash(key, value);
  return hash ? "hash " + schemas::to_string(*hash) : "a damaged value";
}

void add(ReplayComparison& comparison, std::string entry, std::string expected, std::string found) {
  ++comparison.differences_found;
  if (comparison.differences.size() >= kNamed) return;
  comparison.differences.push_back({std::move(entry), std::move(expected), std::move(found)});
}

/// What the views count beside their entries.
void compare_counters(const v1::PartitionMetaT& live, const v1::PartitionMetaT& replayed,
                      ReplayComparison& comparison) {
  const auto compare = [&](const char* what, const auto& found, const auto& expected) {
    if (found == expected) return;
    add(comparison, what, fmt::format("{}", expected), fmt::format("{}", found));
  };
  compare("next offset", live.next_offset, replayed.next_offset);
  compare("rules", live.rules, replayed.rules);
  compare("dead letters", live.dead_letters, replayed.dead_letters);
  compare("stale observations", live.stale, replayed.stale);
  compare("duplicates", live.duplicates, replayed.duplicates);
  compare("digest", schemas::to_string(Hash128::from_bytes(live.digest.data())),
          schemas::to_string(Hash128::from_bytes(replayed.digest.data())));
  const auto run = [](const v1::PartitionMetaT& meta) { return meta.owner ? meta.owner->run : std::string("none"); };
  compare("owner", run(live), run(replayed));
}

}  // namespace

void compare_entries(const ViewSnapshot& live, const ViewSnapshot& replayed, ReplayComparison& comparison) {
  EntryWalk is(live);
  EntryWalk should_be(replayed);
  while (!is.done() || !should_be.done()) {
    ++comparison.entries;
    if (should_be.done() || (!is.done() && is.key() < should_be.key())) {
      add(comparison, projections::describe_key(is.key()), "no such entry", hash_in_words(is.key(), is.value()));
      is.next();
    } else if (is.done() || should_be.key() < is.key()) {
      add(comparison, projections::describe_key(should_be.key()), hash_in_words(should_be.key(), should_be.value()),
          "no such entry");
      should_be.next();
    } else {
      const std::string found = hash_in_words(is.key(), is.value());
      const std::string expected = hash_in_words(should_be.key(), should_be.value());
      if (found != expected) add(comparison, projections::describe_key(is.key()), expected, found);
      is.next();
      should_be.next();
    }
  }
}

Result<ReplayComparison> compare_with_replay(const PartitionView& live, const ReplayOptions& options) {
  const Scratch scratch(options.scratch);
  projections::ViewOptions view_options;
  view_options.directory = options.scratch;
  view_options.log_uuid = options.log_uuid;
  view_options.partitions = options.partitions;
  auto view = PartitionView::open(view_options, live.partition());
  if (!view) return schemas::fail_with("scratch views", std::move(view.error()));
  auto reader = options.open_reader(live.partition(), 0);
  if (!reader) return schemas::fail(std::move(reader.error()));
  Replay replay(**view, options, std::move(*reader));
  // Most of the way first, so that the moment that is compared is not long ago.
  if (auto most = replay.advance(live.next_offset()); !most) return schemas::fail(std::move(most.error()));
  const auto now = live.snapshot();
  if (!now) return schemas::fail(now.error());
  if (auto rest = replay.advance((*now)->meta().next_offset); !rest) return schemas::fail(std::move(rest.error()));
  const auto replayed = (*view)->snapshot();
  if (!replayed) return schemas::fail(replayed.error());
  ReplayComparison comparison;
  comparison.next_offset = (*now)->meta().next_offset;
  if ((*now)->meta().next_offset > 0 && (*replayed)->meta().next_offset > 0) {
    compare_counters((*now)->meta(), (*replayed)->meta(), comparison);
  }
  compare_entries(**now, **replayed, comparison);
  return comparison;
}

}  // namespace solo::consumers
