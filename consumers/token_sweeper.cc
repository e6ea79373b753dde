#include "consumers/token_sweeper.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "producers/signals.h"
#include "projections/token_rules.h"
#include "schemas/schemas.h"

namespace solo::consumers {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

constexpr std::chrono::hours kTrustAfter{24};
constexpr std::chrono::minutes kSlew{1};
/// How often it looks whether an event of its own was applied.
constexpr std::chrono::milliseconds kLook{20};

std::int64_t us_between(CautiousTime::Steady from, CautiousTime::Steady to) {
  return duration_cast<microseconds>(to - from).count();
}

}  // namespace

CautiousTime::CautiousTime(std::int64_t witness_us, std::int64_t wall_us, Steady now)
    : witness_us_(witness_us), begin_(now), steady_since_(now), wall_then_us_(wall_us) {}

std::int64_t CautiousTime::at(std::int64_t wall_us, Steady now) {
  const std::int64_t expected = wall_then_us_ + us_between(steady_since_, now);
  const std::int64_t off = wall_us - expected;
  if (off > microseconds(kSlew).count() || off < -microseconds(kSlew).count()) {
    steady_since_ = now;
    wall_then_us_ = wall_us;
  }
  if (now - steady_since_ >= kTrustAfter) return wall_us;
  return std::min(wall_us, witness_us_ + us_between(begin_, now));
}

struct TokenSweeper::Impl {
  Impl(const projections::Views& of, ObservationPublisher& to, const producers::Clock& by, std::function<bool()> may,
       SweeperOptions sweeper_options)
      : views(of), publisher(to), clock(by), may_sweep(std::move(may)), options(sweeper_options) {}

  void run();
  /// false: there is nothing (more) to sweep, or it may not.
  bool sweep(std::int32_t partition);
  bool pause(std::chrono::milliseconds time);

  const projections::Views& views;
  ObservationPublisher& publisher;
  const producers::Clock& clock;
  const std::function<bool()> may_sweep;
  const SweeperOptions options;
  std::optional<CautiousTime> time;

  std::mutex mutex;
  std::condition_variable changed;
  bool stopping = false;
  std::thread thread;
};

bool TokenSweeper::Impl::pause(std::chrono::milliseconds length) {
  std::unique_lock lock(mutex);
  return !changed.wait_for(lock, length, [this] { return stopping; });
}

void TokenSweeper::Impl::run() {
  producers::block_signals();
  do {
    for (std::int32_t number = 0; number < views.partitions(); ++number) {
      while (sweep(number)) {
      }
    }
  } while (pause(options.interval));
}

bool TokenSweeper::Impl::sweep(std::int32_t partition) {
  if (!may_sweep()) return false;
  const std::int64_t before = time->at(clock.wall_us(), clock.now()) - microseconds(options.rest).count();
  const auto expired = views.partition(partition).expired_tokens(before, projections::kMaxRemovedTokens);
  if (!expired) {
    spdlog::warn("expired tokens cannot be looked for: {}", expired.error().message);
    return false;
  }
  if (expired->empty()) return false;
  std::map<std::string, std::vector<std::string>> by_tenant;
  for (const auto& token : *expired) by_tenant[token.tenant].push_back(token.hash);
  // Outlives this call where an append ends late.
  struct Last {
    std::mutex mutex;
    std::size_t open = 0;
    schemas::Position position;
  };
  const auto last = std::make_shared<Last>();
  last->open = by_tenant.size();
  for (auto& [tenant, hashes] : by_tenant) {
    v1::CapabilitiesRemovedT removed;
    removed.hashes = std::move(hashes);
    removed.expired_before = before;
    v1::EventT event;
    event.tenant = tenant;
    event.payload.Set(std::move(removed));
    publisher.publish(std::move(event), [last](schemas::Position position) {
      const std::lock_guard lock(last->mutex);
      --last->open;
      last->position = std::max(last->position, position);
    });
  }
  const auto applied = [&] {
    const std::lock_guard lock(last->mutex);
    return last->open == 0 && views.partition(partition).next_offset() > last->position.offset;
  };
  while (!applied()) {
    if (!pause(kLook)) return false;
  }
  spdlog::info("{} tokens that expired more than a day ago were removed", expired->size());
  // Less than a whole event: that was all. More of the same would mean that apply sees them otherwise.
  return expired->size() == projections::kMaxRemovedTokens;
}

TokenSweeper::TokenSweeper(const projections::Views& views, ObservationPublisher& publisher,
                           const producers::Clock& clock, std::function<bool()> may_sweep, SweeperOptions options)
    : impl_(std::make_unique<Impl>(views, publisher, clock, std::move(may_sweep), options)) {
  std::int64_t witness = 0;
  for (std::int32_t number = 0; number < views.partitions(); ++number) {
    witness = std::max(witness, views.partition(number).meta().credible_timestamp);
  }
  impl_->time.emplace(witness, clock.wall_us(), clock.now());
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

TokenSweeper::~TokenSweeper() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  impl_->thread.join();
}

}  // namespace solo::consumers
