#include "producers/audit_reader.h"

#include "producers/signals.h"
#include "schemas/schemas.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

/// Orders that wait, of all clients.
constexpr std::size_t kMaxWaiting = 64;

}  // namespace

AuditReader::AuditReader(Open open) : open_(std::move(open)), thread_([this] { run(); }) {}

AuditReader::~AuditReader() {
  std::deque<std::pair<AuditOrder, Read>> left;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    left.swap(waiting_);
  }
  changed_.notify_all();
  for (auto& [order, done] : left) done(fail(ErrorCode::unavailable, "the daemon is stopping", {}, true));
  thread_.join();
}

void AuditReader::read(AuditOrder order, Read done) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < kMaxWaiting && !stopping_) {
      waiting_.emplace_back(std::move(order), std::move(done));
      changed_.notify_all();
      return;
    }
  }
  done(fail(ErrorCode::resource_exhausted, "too many ask for the audit", "ask again later", true));
}

void AuditReader::run() {
  block_signals();
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    auto [order, done] = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    done(answer(order));
    lock.lock();
  }
}

Result<v1::AuditPageT> AuditReader::answer(const AuditOrder& order) {
  if (!source_) {
    auto opened = open_();
    if (!opened) return fail(opened.error());
    source_ = *std::move(opened);
  }
  return read_audit_page(*source_, order);
}

}  // namespace solo::producers
