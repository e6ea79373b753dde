// The runtime of a daemon that is reached by its command socket.
//
// Threads: inventory() waits for the daemon's answer and gives it before it returns. Repairs take as long as a service
// takes to end: they are asked for on a thread of their own, one after the other.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "producers/command_client.h"
#include "producers/ports.h"
#include "schemas/schemas.h"

namespace solo::ops {

/// Commands to the daemon, over a connection that is made anew after a failure.
class DaemonCaller {
 public:
  DaemonCaller(std::string endpoint, std::string token) : endpoint_(std::move(endpoint)), token_(std::move(token)) {}
  /// A reply that is ok; otherwise its error.
  schemas::Result<v1::ReplyT> call(v1::RequestT request);

 private:
  const std::string endpoint_;
  const std::string token_;
  std::unique_ptr<producers::CommandClient> client_;
};

class RemoteRuntime final : public producers::RuntimePort {
 public:
  /// `token`: for every tenant, with the permissions read and verify.
  RemoteRuntime(const std::string& endpoint, const std::string& token);
  /// Repairs that have not been asked for yet are not.
  ~RemoteRuntime() override;
  RemoteRuntime(const RemoteRuntime&) = delete;
  RemoteRuntime& operator=(const RemoteRuntime&) = delete;

  void inventory(const schemas::Cut& cut, std::chrono::steady_clock::time_point deadline, Inventoried done) override;
  void repair(const schemas::ServiceKey& service, const v1::RepairT& repair, Repaired done) override;

 private:
  struct Asked {
    v1::RequestT request;
    Repaired done;
  };
  void run();

  DaemonCaller inventories_;
  DaemonCaller repairs_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::deque<Asked> asked_;
  std::thread thread_;
};

}  // namespace solo::ops
