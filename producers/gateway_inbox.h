// What other threads tell the gateway's: appends that ended, batches that were applied, that somebody waits.
//
// Many writers, one reader. A writer wakes the reader only if it sleeps and has something to do: an append whose client
// waits for the views is left lying until the views have it, so that one command costs one wake-up.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "producers/event_writer.h"
#include "producers/file_io.h"
#include "projections/views.h"
#include "schemas/ids.h"
#include "schemas/result.h"
#include "schemas/schemas.h"

namespace solo::producers {

/// Does an append's end matter by itself? Read when it ends.
using WakeFlag = std::shared_ptr<std::atomic<bool>>;

class GatewayInbox {
 public:
  struct Ended {
    std::uint64_t command = 0;
    AppendResult result;
  };
  /// What a port said to the request of this number.
  struct Answer {
    std::uint64_t request = 0;
    schemas::Result<v1::ReplyBodyUnion> body;
  };
  struct Batch {
    std::vector<Ended> ended;
    std::vector<Answer> answers;
    /// Some views moved on.
    bool changed = false;
    std::vector<schemas::ServiceKey> services;
    /// `services` got too long to keep: any service may have changed.
    bool any_service = false;
  };
  /// What the reader wants to be woken for.
  struct Interest {
    bool views = false;
    bool services = false;
  };

  explicit GatewayInbox(std::int32_t partitions);
  /// false: the system had no descriptor left for it.
  explicit operator bool() const { return static_cast<bool>(event_); }

  // Any thread.
  void append_ended(std::uint64_t command, AppendResult result, const WakeFlag& wake);
  void views_changed(const projections::ViewChange& change);
  void answered(std::uint64_t request, schemas::Result<v1::ReplyBodyUnion> body);
  void wake();

  // The reader.
  /// Readable when there is something to take after prepare_to_sleep().
  int fd() const { return event_.get(); }
  Batch take();
  /// false: there is something to take, do not sleep. Otherwise awake() is due afterwards.
  bool prepare_to_sleep(Interest interest);
  void awake();

 private:
  void signal(std::unique_lock<std::mutex>& lock);

  FileDescriptor event_;
  std::mutex mutex_;
  Batch batch_;
  std::vector<std::int64_t> next_offsets_;
  Interest interest_;
  bool sleeping_ = false;
  bool signalled_ = false;
  bool woken_ = false;
};

}  // namespace solo::producers
