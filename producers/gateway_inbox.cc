#include "producers/gateway_inbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace solo::producers {
namespace {

constexpr std::size_t kMaxServices = 10'000;

}  // namespace

GatewayInbox::GatewayInbox(std::int32_t partitions)
    : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), next_offsets_(static_cast<std::size_t>(partitions)) {}

void GatewayInbox::append_ended(std::uint64_t command, AppendResult result, const WakeFlag& wake) {
  std::unique_lock lock(mutex_);
  bool matters = true;
  if (const auto* durable = std::get_if<Durable>(&result)) {
    // The views may have been quicker; then nothing else would wake the reader for it.
    const auto partition = static_cast<std::size_t>(durable->position.partition);
    const bool applied = partition >= next_offsets_.size() || durable->position.offset < next_offsets_[partition];
    matters = applied || wake->load();
  }
  batch_.ended.push_back({command, std::move(result)});
  if (matters) signal(lock);
}

void GatewayInbox::views_changed(const projections::ViewChange& change) {
  std::unique_lock lock(mutex_);
  const auto partition = static_cast<std::size_t>(change.partition);
  if (partition < next_offsets_.size()) {
    next_offsets_[partition] = std::max(next_offsets_[partition], change.next_offset);
  }
  batch_.changed = true;
  if (!sleeping_ || interest_.services) {
    if (batch_.services.size() + change.services.size() > kMaxServices) {
      batch_.services.clear();
      batch_.any_service = true;
    }
    if (!batch_.any_service) {
      batch_.services.insert(batch_.services.end(), change.services.begin(), change.services.end());
    }
  }
  if (interest_.views || interest_.services) signal(lock);
}

void GatewayInbox::answered(std::uint64_t request, schemas::Result<v1::ReplyBodyUnion> body) {
  std::unique_lock lock(mutex_);
  batch_.answers.push_back({request, std::move(body)});
  signal(lock);
}

void GatewayInbox::wake() {
  std::unique_lock lock(mutex_);
  woken_ = true;
  signal(lock);
}

GatewayInbox::Batch GatewayInbox::take() {
  const std::lock_guard lock(mutex_);
  woken_ = false;
  return std::exchange(batch_, {});
}

bool GatewayInbox::prepare_to_sleep(Interest interest) {
  const std::lock_guard lock(mutex_);
  const bool changed = batch_.changed && (interest.views || interest.services);
  if (!batch_.ended.empty() || !batch_.answers.empty() || changed || woken_) return false;
  interest_ = interest;
  sleeping_ = true;
  return true;
}

void GatewayInbox::awake() {
  const std::lock_guard lock(mutex_);
  sleeping_ = false;
  if (!signalled_) return;
  std::uint64_t count = 0;
  // Nothing to read: the reader was woken by something else, and whoever signalled has yet to write. That write ends
  // the next sleep, and is read then; forgotten now, it would end every sleep.
  if (::read(event_.get(), &count, sizeof count) == sizeof count) signalled_ = false;
}

void GatewayInbox::signal(std::unique_lock<std::mutex>& lock) {
  if (!sleeping_ || signalled_) return;
  signalled_ = true;
  // Outside the lock, which the woken thread takes first.
  lock.unlock();
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto put = ::write(event_.get(), &one, sizeof one);
}

}  // namespace solo::producers
