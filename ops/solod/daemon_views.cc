// How the daemon comes by its views, and makes sure that the log is the one they were built from.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <filesystem>

#include "ops/lost_tail.h"
#include "ops/solod/parts.h"
#include "schemas/schemas.h"

namespace solo::ops {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

namespace {

constexpr std::chrono::milliseconds kAgain{100};

Result<void> check_directory(const std::filesystem::path& path, std::string hint) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status) || std::filesystem::is_directory(status)) return {};
  return fail(ErrorCode::failed_precondition, path.string() + " is no directory", std::move(hint));
}

/// With what was written down beside them: after a crash they are those of an earlier position.
std::vector<KnownPartition> all_known(const std::vector<v1::PartitionMetaT>& metas,
                                      const std::filesystem::path& directory) {
  std::vector<KnownPartition> known;
  for (const auto& meta : metas) {
    if (meta.next_offset > 0) known.push_back(known_of(meta));
  }
  if (const auto end = read_log_end(directory)) extend(known, *end);
  return known;
}

}  // namespace

Result<void> Daemon::open_views() {
  auto& parts = *parts_;
  std::vector<projections::OpenReport> reports;
  const std::filesystem::path directory = parts.state / "views";
  if (auto checked = check_directory(directory, "move it away: views are rebuilt from the log"); !checked) {
    return checked;
  }
  if (auto checked = check_rebuild(directory); !checked) return checked;
  auto views = projections::Views::open({.directory = directory,
                                         .log_uuid = parts.log->genesis().log_uuid,
                                         .partitions = parts.log->partitions(),
                                         // The embedded log lies beside them; another topic in Kafka's place is more
                                         // likely a mistake.
                                         .refuse_foreign = parts.log->kind() == "kafka"},
                                        &reports);
  if (!views) {
    // Why so is told by what they remember, if it is the log.
    if (auto checked = check_known(all_known(projections::read_view_memory(directory), directory)); !checked)
      return checked;
    return fail(views.error());
  }
  parts.views = std::move(*views);
  for (const auto& report : reports) {
    if (report.set_aside) {
      spdlog::warn("views: set aside as {} and rebuilt from the log: {}", report.kept_at.string(), report.reason);
    }
  }
  if (auto checked = check_views(); !checked) return checked;
  remove_lost_tail(parts.state);
  parts.ear = parts.opened.watch_with(*parts.views);
  const std::string applied = schemas::to_string(parts.views->applied());
  parts.views_empty = applied.empty();
  spdlog::info("views opened at {} ({:.1f} ms)", applied.empty() ? "the start of the log" : applied, parts.watch.lap());
  return {};
}

Result<void> Daemon::check_views() {
  std::vector<v1::PartitionMetaT> metas;
  for (std::int32_t number = 0; number < parts_->views->partitions(); ++number) {
    metas.push_back(parts_->views->partition(number).meta());
  }
  return check_known(all_known(metas, parts_->state / "views"));
}

// A broker may go away again between two questions: it is waited for as when the log was opened.
Result<std::optional<LostTail>> Daemon::find_loss(const std::vector<KnownPartition>& known) {
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.config.log.kafka.start_timeout_ms);
  std::string said;
  for (;;) {
    auto lost = find_lost_tail(*parts_->log, known);
    if (lost || !lost.error().retryable || std::chrono::steady_clock::now() >= deadline) return lost;
    const std::string words = "looking whether the log is the one the views are of: " + lost.error().message;
    if (words != said) spdlog::warn("{}", words);
    said = words;
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, kAgain, [this] { return stop_reason_.has_value(); })) return lost;
  }
}

Result<void> Daemon::check_known(const std::vector<KnownPartition>& known) {
  if (known.empty()) return {};
  const auto lost = find_loss(known);
  // A stop that was asked for is no failure.
  if (!lost && stop_wanted()) return {};
  if (!lost) return fail(lost.error());
  if (!*lost) return {};
  if (auto written = write_lost_tail(parts_->state, **lost); !written) return written;
  return fail(lost_tail_error(**lost, parts_->state));
}

// Views that were set aside knew the log: what they knew holds until the new ones know as much.
Result<void> Daemon::check_rebuild(const std::filesystem::path& views) {
  auto rebuild = read_rebuild(views);
  if (!rebuild && rebuild.error().code == ErrorCode::not_found) return {};
  if (!rebuild) return fail(rebuild.error());
  if (!rebuild->accepted) return check_known(rebuild->known);
  const auto lost = find_loss(rebuild->known);
  if (!lost && stop_wanted()) return {};
  if (!lost) return fail(lost.error());
  if (!*lost) {
    spdlog::info("nothing is lost any more of what was given up from {} on",
                 schemas::to_string(rebuild->accepted->from));
    rebuild->accepted.reset();
    return write_rebuild(views, *rebuild);
  }
  if (!covers(*rebuild->accepted, **lost)) return check_known(rebuild->known);
  spdlog::warn("going on without what was applied from {} on", schemas::to_string(rebuild->accepted->from));
  parts_->given_up = std::move(rebuild->accepted);
  return {};
}

void Daemon::finish_rebuild() {
  const auto directory = parts_->state / "views";
  if (!is_rebuilding(directory)) return;
  if (!parts_->given_up) {
    // What the former views knew may be forgotten once these know it for good.
    if (parts_->views->flush()) remove_rebuild(directory);
    return;
  }
  v1::EventT event;
  event.tenant = std::string(schemas::kSystemTenant);
  event.payload.Set(v1::LostTailAcceptedT{});
  auto& accepted = *event.payload.AsLostTailAccepted();
  accepted.former_log = parts_->given_up->former_log;
  accepted.from = schemas::to_string(parts_->given_up->from);
  accepted.until = schemas::to_string(parts_->given_up->until);
  // A crash before it is durable leaves the file, and the next start says it again.
  parts_->publisher->publish(std::move(event), [directory](schemas::Position position) {
    spdlog::info("what was given up is said in the log, at {}", schemas::to_string(position));
    remove_rebuild(directory);
  });
}

}  // namespace solo::ops
