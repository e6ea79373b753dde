// The gateway with everything real around it but the log (in memory, so that appends can be made to end as a test
// wants) and the host (a stand-in that reports what the test says).
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "consumers/projector.h"
#include "producers/clock.h"
#include "producers/gateway.h"
#include "producers/memory_log.h"
#include "producers/ports.h"
#include "projections/token_checker.h"
#include "projections/views.h"
#include "schemas/schemas.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tokens.h"

namespace solo::testing {

inline constexpr std::chrono::seconds kPatience{20};

class StubHost final : public producers::HostPort {
 public:
  schemas::Result<producers::OutputTail> output(const schemas::ServiceKey& service, std::size_t bytes) override;
};

class StubHealth final : public producers::HealthPort {
 public:
  void fill(v1::HealthReportT& report) override;
};

class World {
 public:
  explicit World(producers::GatewayOptions options = {});
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  const std::string& endpoint() const { return endpoint_; }
  std::string socket_path() const { return (dir_.path() / "command.sock").string(); }
  producers::MemoryLog& log() { return *log_; }
  producers::Gateway& gateway() { return *gateway_; }
  projections::Views& views() { return *views_; }

  /// Another gateway over the same log and views, as they are.
  void restart_gateway(producers::GatewayOptions options = {});
  /// The views stay where they are until resume_views(). Waits until they have all that is in the log now.
  void hold_views();
  void resume_views();
  void wait_applied();
  /// false: it did not come true in kPatience.
  static bool eventually(const std::function<bool()>& condition);

  // The runtime's part, as observations in the log.
  void started(const std::string& tenant, const std::string& service, std::uint64_t generation,
               std::uint64_t restart_epoch = 0);
  /// After a kill: nothing is left.
  void stopped(const std::string& tenant, const std::string& service, std::uint64_t generation);
  void deployment_failed(const std::string& tenant, const std::string& service, std::uint64_t generation,
                         const std::string& reason, const std::string& detail);
  void recovered(v1::SystemRecoveredT recovered);
  /// The sweeper's part: those of the tokens that have expired by now are removed, and the views have that.
  void sweep(const std::string& tenant, std::vector<std::string> hashes);

  projections::TokenChecker& tokens() { return *tokens_; }

 private:
  void observe(const std::string& tenant, const std::string& service, v1::PayloadUnion payload);
  void start_projector();
  void listen();

  TempDir dir_;
  std::string endpoint_;
  producers::SystemClock clock_;
  StubHost host_;
  StubHealth health_;
  std::unique_ptr<producers::MemoryLog> log_;
  std::unique_ptr<projections::Views> views_;
  std::unique_ptr<projections::TokenChecker> tokens_;
  std::unique_ptr<producers::Gateway> gateway_;
  std::unique_ptr<consumers::Projector> projector_;
  consumers::Projector::Subscription subscription_;
  std::uint64_t observed_ = 0;
};

// Requests, with the token that is the root token of every World (test_root()).
v1::RequestT deploy(std::string id, std::string service, v1::Wait wait = v1::Wait::applied,
                    std::string tenant = "acme");
v1::RequestT kill(std::string id, std::string service, v1::Wait wait = v1::Wait::applied, std::string tenant = "acme");
v1::RequestT restart(std::string id, std::string service, v1::Wait wait = v1::Wait::applied,
                     std::string tenant = "acme");
v1::RequestT status(std::string service, std::string tenant = "acme");
v1::RequestT list(std::string tenant = "acme");
v1::RequestT health();

}  // namespace solo::testing
