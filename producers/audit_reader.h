// Reads the audit for whoever asks the daemon: on a thread of its own, one order after the other, because files may be
// long and a broker may not answer.
//
// Threads: read() from any; answers come on its thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "producers/audit_source.h"
#include "producers/ports.h"
#include "schemas/result.h"

namespace solo::producers {

class AuditReader final : public AuditReadPort {
 public:
  using Open = std::function<schemas::Result<std::unique_ptr<AuditSource>>()>;
  /// `open` is called, on the thread, by the first order, and again while it fails.
  explicit AuditReader(Open open);
  /// Answers what waits with unavailable; waits for the order under way.
  ~AuditReader() override;
  AuditReader(const AuditReader&) = delete;
  AuditReader& operator=(const AuditReader&) = delete;

  void read(AuditOrder order, Read done) override;

 private:
  void run();
  schemas::Result<v1::AuditPageT> answer(const AuditOrder& order);

  const Open open_;
  std::unique_ptr<AuditSource> source_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<AuditOrder, Read>> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace solo::producers
