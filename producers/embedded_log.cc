#include "producers/embedded_log.h"

#include <spdlog/spdlog.h>

#include <optional>
#include <system_error>
#include <utility>

#include "producers/committer.h"
#include "producers/genesis.h"

namespace solo::producers {

using schemas::fail;
using schemas::LogRecord;
using schemas::Result;

struct EmbeddedLog::Impl {
  Impl(const EmbeddedLogOptions& options, const Clock& clock, OpenedLog opened)
      : queue(options.queue, 1, clock),
        commands(queue, Lane::commands),
        observations(queue, Lane::observations),
        committer(options, std::move(opened), queue) {}

  AppendQueue queue;
  QueueWriter commands;
  QueueWriter observations;
  Committer committer;
  std::optional<LogScrub> scrub;
};

EmbeddedLog::EmbeddedLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EmbeddedLog::~EmbeddedLog() = default;

Result<std::unique_ptr<EmbeddedLog>> EmbeddedLog::open(EmbeddedLogOptions options, const Clock& clock, Entropy& entropy,
                                                       LogOpenReport* report) {
  LogOpenReport unread;
  auto opened = open_log(options, clock, entropy, report != nullptr ? *report : unread);
  if (!opened) return fail(opened.error());
  return std::unique_ptr<EmbeddedLog>(
      new EmbeddedLog(std::make_unique<Impl>(std::move(options), clock, std::move(*opened))));
}

Result<void> EmbeddedLog::close() {
  impl_->scrub.reset();
  return impl_->committer.close();
}

void EmbeddedLog::check_in_background(ScrubPace pace) {
  auto& committer = impl_->committer;
  const auto end = committer.tail().end();
  const auto tell = [&committer, end](const Result<void>& ended) {
    if (ended) return spdlog::info("log: all {} records are sound", end);
    // Closed in the meantime: nothing is known of the rest.
    if (ended.error().code != schemas::ErrorCode::unavailable) committer.note_damage(ended.error());
  };
  try {
    impl_->scrub.emplace(
        end, pace, [&committer](const ReadRange& range) { return committer.check(range); }, tell);
  } catch (const std::system_error& error) {
    spdlog::warn(
        "log: its older records are not checked now, no thread can be had for that ({}); `solo log check` does it",
        error.what());
  }
}

const Genesis& EmbeddedLog::genesis() const { return impl_->committer.genesis(); }
EventWriter& EmbeddedLog::commands() { return impl_->commands; }
EventWriter& EmbeddedLog::observations() { return impl_->observations; }

Result<Bounds> EmbeddedLog::bounds(std::int32_t partition) {
  if (partition != 0) return fail(no_partition_error(partition, 1));
  return Bounds{0, impl_->committer.tail().end()};
}

LogCondition EmbeddedLog::condition() const { return impl_->committer.condition(); }

Result<void> EmbeddedLog::check_tail(std::int32_t partition, const std::vector<RecordFingerprint>& tail) {
  const auto end = impl_->committer.tail().end();
  for (const auto& remembered : tail) {
    if (remembered.offset >= end) return fail(truncated_error(remembered, partition, end));
    const auto records = read(remembered.offset, 1, 1);
    if (!records) return fail(records.error());
    if (auto checked = check_fingerprint(remembered, records->front()); !checked) return checked;
  }
  return {};
}

Result<std::vector<LogRecord>> EmbeddedLog::read(std::int64_t from, std::size_t max_records,
                                                 std::size_t max_bytes) const {
  return impl_->committer.read(from, max_records, max_bytes);
}

void EmbeddedLog::wait_for(std::int64_t offset, std::chrono::steady_clock::time_point deadline,
                           const std::atomic<bool>& woken) const {
  impl_->committer.tail().wait_for(offset, deadline, woken);
}

void EmbeddedLog::wake_readers() { impl_->committer.tail().wake(); }

}  // namespace solo::producers
