// A daemon's parts around a runtime, in this process: a log in memory (or on disk), views, real processes.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "consumers/linux_process_host.h"
#include "consumers/memory_reader.h"
#include "consumers/observations.h"
#include "consumers/projector.h"
#include "consumers/runtime.h"
#include "producers/embedded_log.h"
#include "producers/memory_log.h"
#include "projections/views.h"
#include "schemas/schemas.h"
#include "tests/integration/runtime/processes.h"

namespace solo::consumers::testing {

v1::SpecT exec_spec(std::vector<std::string> argv, v1::RestartPolicy policy = v1::RestartPolicy::permanent);
v1::SpecT script_spec(std::string code, v1::RestartPolicy policy = v1::RestartPolicy::permanent);
v1::SpecT cxx_spec(std::string code, v1::RestartPolicy policy = v1::RestartPolicy::permanent);

/// Over a MemoryStorage that outlives it: another Node over the same is the daemon after a restart. Destroyed without
/// shutdown(), it leaves its services running, as a daemon that was killed does.
class Node {
 public:
  struct Options {
    std::filesystem::path state;
    std::string run = "run-1";
    std::string name = "node-1";
    RuntimeOptions runtime;
    int lock_descriptor = -1;
  };

  Node(std::shared_ptr<producers::MemoryStorage> storage, Options options);
  /// Over the embedded log in STATE/log: for a daemon in a process of its own.
  explicit Node(Options options);
  ~Node();

  /// Starts the runtime and waits until it is ready.
  void start();
  bool ready() const { return ready_; }

  /// Writes an order into the log. Its id is unique.
  void deploy(const std::string& service, const v1::SpecT& spec, bool replace = false);
  void kill(const std::string& service, std::uint32_t grace_ms = 0, bool force = false);
  void restart(const std::string& service);

  std::optional<v1::ServiceRecordT> record(const std::string& service) const;
  v1::ServiceState state(const std::string& service) const;
  /// 0: no process.
  pid_t pid(const std::string& service) const;
  std::string output(const std::string& service);
  bool becomes(const std::string& service, v1::ServiceState state, std::chrono::milliseconds timeout = 20s) const;
  /// Running as a process other than `pid`.
  bool runs_as_other_than(const std::string& service, pid_t pid) const;

  /// The payload types of the service's events, in order: `ServiceDeployed`, ...
  std::vector<std::string> history(const std::string& service) const;
  std::optional<v1::RecoveryReportT> recovery() const;

  std::vector<std::string> shutdown(ServicesAtShutdown services = ServicesAtShutdown::stop);

  /// Of a log in memory.
  producers::MemoryLog& log() { return *memory_; }
  const std::string& log_uuid() const { return log_->genesis().log_uuid; }
  ObservationPublisher& publisher() { return *publisher_; }
  Runtime& runtime() { return *runtime_; }
  const projections::Views& views() const { return *views_; }

 private:
  void build(Projector::OpenReader open_reader);
  void append(const std::string& service, v1::PayloadUnion payload);

  Options options_;
  producers::SystemClock clock_;
  producers::SystemEntropy entropy_;
  std::unique_ptr<producers::EventLog> log_;
  producers::MemoryLog* memory_ = nullptr;
  std::unique_ptr<projections::Views> views_;
  std::unique_ptr<Projector> projector_;
  std::unique_ptr<ObservationPublisher> publisher_;
  std::unique_ptr<LinuxProcessHost> host_;
  std::unique_ptr<Runtime> runtime_;
  std::atomic<bool> ready_ = false;
};

/// A storage whose log bears the test's uuid, and nodes over it.
class RuntimeTest : public ProcessTest {
 protected:
  RuntimeTest();

  Node::Options options(const std::string& run = "run-1") const;
  /// Made and started.
  std::unique_ptr<Node> start(const std::string& run = "run-1");
  std::unique_ptr<Node> start(Node::Options options);

  std::filesystem::path service_path(const std::string& service, const std::string& name) const;
  std::size_t count_processes(const std::string& service) const;

  std::shared_ptr<producers::MemoryStorage> storage_;
};

}  // namespace solo::consumers::testing
