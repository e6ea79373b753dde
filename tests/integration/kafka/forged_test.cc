// Somebody else writes observations in the name of the daemon's run, as who can write to the topic can: the views
// then say of a service what its runtime knows to be otherwise. Named, and mended by starting or taking up.
#include <signal.h>

#include <sstream>

#include "schemas/codec.h"
#include "tests/integration/kafka/kafka_daemon.h"
#include "tests/support/kafka_outsider.h"

namespace solo::testing {
namespace {

class ForgedObservations : public ::testing::Test {
 protected:
  void start() {
    ASSERT_TRUE(daemon_.start()) << daemon_.log();
    v1::SpecT spec = exec_spec({"/bin/sleep", "1000000"});
    spec.restart_limits.ensure().max_restarts = 1;
    ASSERT_TRUE(is_ok(call(daemon_, deploy_request("1", "acme", "web", spec))));
    settle();
    const auto inventory = take_inventory();
    node_ = inventory.node;
    run_ = inventory.run;
    held_ = *inventory.services.front();
  }

  v1::InventoryReportT take_inventory() {
    v1::RequestT request;
    request.tenant = "*";
    request.body.Set(v1::InventoryT{});
    const auto reply = call(daemon_, std::move(request));
    return reply && reply->body.AsInventoryReport() != nullptr ? *reply->body.AsInventoryReport()
                                                               : v1::InventoryReportT{};
  }
  v1::VerificationReportT verify(bool fix) {
    v1::RequestT request;
    request.id = "verify";
    request.tenant = "*";
    v1::VerificationT wanted;
    wanted.fix = fix;
    request.body.Set(wanted);
    const auto reply = call(daemon_, std::move(request));
    return reply && reply->body.AsVerificationReport() != nullptr ? *reply->body.AsVerificationReport()
                                                                  : v1::VerificationReportT{};
  }
  v1::ServiceStatusT status() {
    const auto reply = call(daemon_, status_request("acme", "web"));
    return reply && reply->body.AsServiceStatus() != nullptr ? *reply->body.AsServiceStatus() : v1::ServiceStatusT{};
  }
  /// Nothing that the daemon has seen is still on its way into the log.
  void settle() {
    ASSERT_TRUE(eventually([&] {
      for (const auto& entry : take_inventory().services) {
        if (entry->observations_pending != 0 || !entry->operation.empty()) return false;
      }
      return true;
    }));
  }

  /// As the run's next observation of the service; takes its number from it.
  template <class Payload>
  void forge(Payload payload) {
    v1::ObservedT& observed = payload.observed.ensure();
    observed.run = run_;
    observed.generation = 1;
    if (observed.instance.empty()) observed.instance = held_.instance;
    v1::EventT event;
    event.id = run_ + "-" + std::to_string(last_number() + 1);
    event.source = "/nodes/" + node_;
    event.tenant = "acme";
    event.service = "web";
    event.payload.Set(std::move(payload));
    KafkaOutsider({{"bootstrap.servers", KafkaBroker::shared().bootstrap()}})
        .put(cluster_ + ".events", 0, "acme", schemas::encode(event));
  }
  std::uint64_t last_number() {
    const Finished read =
        run({SOLO_PATH, "log", "read", "--json", "--kafka", KafkaBroker::shared().bootstrap(), "--cluster", cluster_});
    EXPECT_EQ(read.code, 0) << read.err;
    std::uint64_t last = 0;
    std::istringstream lines(read.out);
    for (std::string line; std::getline(lines, line);) {
      const auto at = line.find("\"" + run_ + "-");
      if (at == std::string::npos) continue;
      const std::string id = line.substr(at + run_.size() + 2);
      // An id, not an instance: those are of small numbers, too, but never above the ids.
      last = std::max<std::uint64_t>(last, std::stoull(id));
    }
    return last;
  }

  std::string only_code(const v1::VerificationReportT& report) {
    EXPECT_EQ(report.inconsistencies.size(), 1U);
    return report.inconsistencies.empty() ? "" : report.inconsistencies.front()->code;
  }
  /// Repeated until it has had its effect: a forged observation took the number of the first one that mends it.
  void fix_until_all_agrees(v1::RepairAction action) {
    int repaired = 0;
    for (int i = 0; i < 3; ++i) {
      const auto report = verify(true);
      for (const auto& one : report.inconsistencies) EXPECT_EQ(one->action, action) << one->code << ": " << one->repair;
      repaired += static_cast<int>(report.repaired);
      settle();
      if (report.inconsistencies.empty()) break;
    }
    EXPECT_GT(repaired, 0);
    EXPECT_EQ(verify(false).inconsistencies_found, 0U) << daemon_.log();
    EXPECT_NE(daemon_.log().find("repaired: "), std::string::npos);
  }

  static int next_;
  const std::string cluster_ = "forged-" + std::to_string(next_++);
  Daemon daemon_{kafka_arguments(KafkaBroker::shared(), cluster_, {"--verifier-interval-ms", "0"})};
  std::string node_;
  std::string run_;
  v1::InventoryEntryT held_;
};

int ForgedObservations::next_ = 0;

TEST_F(ForgedObservations, WhatTheyMadeTheViewsForgetIsReportedAgain) {
  start();
  forge(v1::ServiceStoppedT{});
  ASSERT_TRUE(eventually([&] { return status().pid == 0; }));
  const auto report = verify(false);
  ASSERT_EQ(only_code(report), "views_know_the_instance") << daemon_.log();
  EXPECT_EQ(report.inconsistencies[0]->action, v1::RepairAction::readopt);
  fix_until_all_agrees(v1::RepairAction::readopt);
  EXPECT_EQ(status().pid, held_.process->pid);
  EXPECT_EQ(daemon_.processes().size(), 1U);
}

/// The daemon has given the service up; then somebody says that it runs.
class GivenUp : public ForgedObservations {
 protected:
  void start_and_give_up() {
    start();
    for (int i = 0; i < 2; ++i) {
      const auto before = status();
      ASSERT_NE(before.pid, 0);
      ::kill(before.pid, SIGKILL);
      ASSERT_TRUE(eventually([&] {
        const auto now = status();
        return now.state == v1::ServiceState::failed || (now.pid != 0 && now.pid != before.pid);
      }));
    }
    ASSERT_EQ(status().state, v1::ServiceState::failed);
    settle();
  }
  void forge_start(const v1::ProcessIdentityT& identity) {
    v1::ServiceStartedT started;
    started.observed.ensure().instance = kInstance;
    started.identity.ensure() = identity;
    started.node = node_;
    forge(std::move(started));
    ASSERT_TRUE(eventually([&] { return status().state == v1::ServiceState::running; }));
  }
  static constexpr const char* kInstance = "elsewhere-1";
};

TEST_F(GivenUp, AServiceThatIsSaidToRunAndDoesNotIsStarted) {
  start_and_give_up();
  forge_start(*held_.process);
  const auto report = verify(false);
  ASSERT_EQ(only_code(report), "deployed_service_is_live") << daemon_.log();
  EXPECT_EQ(report.inconsistencies[0]->action, v1::RepairAction::start);
  fix_until_all_agrees(v1::RepairAction::start);
  EXPECT_EQ(status().state, v1::ServiceState::running);
  ASSERT_EQ(daemon_.processes().size(), 1U);
  EXPECT_EQ(daemon_.processes().front().pid, status().pid);
}

TEST_F(GivenUp, AProcessThatIsSaidToRunAndDoesIsTakenUp) {
  start_and_give_up();
  const auto out = daemon_.state() / "elsewhere.out";
  v1::RequestT request;
  request.body.Set(v1::HealthT{});
  const auto health = call(daemon_, std::move(request));
  ASSERT_TRUE(health && health->body.AsHealthReport() != nullptr);
  Child process({"/usr/bin/setsid", "/bin/sleep", "1000000"}, out, out,
                {"SOLO_LOG=" + health->body.AsHealthReport()->log->uuid, "SOLO_NODE=" + node_, "SOLO_TENANT=acme",
                 "SOLO_SERVICE=web", "SOLO_GENERATION=1", std::string("SOLO_INSTANCE=") + kInstance,
                 "HOME=" + (daemon_.state() / "services").string() + "/x"});
  ASSERT_TRUE(eventually([&] { return has_become(process.pid(), "/bin/sleep"); }));
  v1::ProcessIdentityT identity = *held_.process;
  identity.pid = process.pid();
  const std::string stat = read_file("/proc/" + std::to_string(process.pid()) + "/stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  identity.start_time = std::stoull(field);
  ASSERT_TRUE(eventually([&] { return daemon_.processes().size() == 1; }));
  forge_start(identity);
  const auto report = verify(false);
  ASSERT_EQ(only_code(report), "runtime_agrees_with_machine") << daemon_.log();
  EXPECT_EQ(report.inconsistencies[0]->action, v1::RepairAction::readopt);
  EXPECT_EQ(report.inconsistencies[0]->process->pid, process.pid());
  fix_until_all_agrees(v1::RepairAction::readopt);
  EXPECT_EQ(status().pid, process.pid());
  const auto inventory = take_inventory();
  ASSERT_EQ(inventory.services.size(), 1U);
  EXPECT_EQ(inventory.services.front()->process->pid, process.pid()) << "the runtime holds it";
}

}  // namespace
}  // namespace solo::testing
