// A real daemon whose verifier is asked, and ways to put log, views, runtime and machine at odds behind its back.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "projections/store.h"
#include "tests/support/daemon.h"

namespace rocksdb {
class WriteBatch;
}

namespace solo::testing {

class VerifierTest : public ::testing::Test {
 protected:
  /// Comparisons only when the test asks; services outlive an orderly stop.
  static std::vector<std::string> on_demand() {
    return {"--verifier-interval-ms", "0", "--shutdown-services", "leave"};
  }
  VerifierTest() : daemon_(on_demand()) {}

  void start() { ASSERT_TRUE(daemon_.start()) << daemon_.log(); }
  void restart() {
    ASSERT_EQ(daemon_.stop(), 0) << daemon_.log();
    start();
  }

  /// Deployed and done; its generation.
  std::uint64_t deploy(const std::string& service, v1::SpecT spec, bool replace = false);
  std::uint64_t deploy_sleeper(const std::string& service) {
    return deploy(service, exec_spec({"/bin/sleep", "1000"}));
  }
  void kill_service(const std::string& service);
  v1::ServiceStatusT status(const std::string& service);

  struct Wanted {
    bool fix = false;
    bool dry_run = false;
    bool rebuild = false;
    std::string tenant = "*";
  };
  v1::VerificationReportT verify(const Wanted& wanted);
  v1::VerificationReportT verify() { return verify(Wanted{}); }
  v1::VerificationReportT fix() { return verify({.fix = true}); }
  v1::HealthReportT health();
  /// Sends it for tenant acme.
  v1::ReplyT call(v1::CommandUnion body, const std::string& tenant = "acme");
  Finished solo(std::vector<std::string> arguments) const;

  /// A process that bears the marker of a service, as if a daemon had spawned it. Ended with the test.
  struct Stray {
    std::string tenant = "acme";
    std::string service;
    std::uint64_t generation = 1;
    std::string instance = "stray-1";
    std::string node = {};
    /// It does not heed SIGTERM.
    bool stubborn = false;
  };
  /// When this returns it bears the marker, or has ended.
  Child& spawn_stray(const Stray& stray);

  /// Processes with a service's marker, or what is left of one, that are on their way to no other program any more.
  std::size_t count_sleepers() const;

  /// Events of a payload type in the log, in order.
  std::vector<v1::EventT> events(v1::Payload type);

  /// The daemon stopped in order, the views of its one partition changed by hand.
  using Meddle = std::function<void(projections::Store&, rocksdb::WriteBatch&)>;
  void meddle_with_views(const Meddle& meddle);
  /// Puts a record in a service's place, with its hash; and the digest, so that the views are whole in themselves.
  static void put_service(projections::Store& store, rocksdb::WriteBatch& batch, const v1::ServiceRecordT& record);
  static v1::ServiceRecordT stored_service(projections::Store& store, const std::string& service);
  static v1::PartitionMetaT stored_meta(projections::Store& store);
  static void put_meta(rocksdb::WriteBatch& batch, const v1::PartitionMetaT& meta);

  Daemon daemon_;

 private:
  std::vector<std::unique_ptr<Child>> strays_;
};

/// What a report says, for a failed test.
std::string words(const v1::VerificationReportT& report);
/// `code acme/web`, or `code` alone, of each inconsistency, sorted, each once.
std::vector<std::string> named(const v1::VerificationReportT& report);
/// Of this code; the test fails if there is none.
v1::InconsistencyT first(const v1::VerificationReportT& report, const std::string& code);

}  // namespace solo::testing
