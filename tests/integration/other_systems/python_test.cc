// Another language with nothing but the schemas: the Python examples as they are shipped.
#include "tests/integration/other_systems/other_systems.h"

namespace solo::testing {
namespace {

class PythonExamples : public OtherSystems {
 protected:
  Finished python(const std::string& script, std::vector<std::string> arguments) const {
    std::vector<std::string> argv{"/usr/bin/python3", SOLO_EXAMPLES_DIR "/python/" + script,
                                  "--kafka",          broker().bootstrap(),
                                  "--cluster",        cluster_};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    // Nothing is left beside the scripts.
    return run(std::move(argv), {"PYTHONDONTWRITEBYTECODE=1"});
  }
};

TEST_F(PythonExamples, DeployAServiceByItsEventAndSeeItStart) {
  start();
  for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
    const std::string tenant = tenant_in(partition);
    const auto deployed = python("deploy.py", {"--tenant", tenant, "web", "/bin/sleep", "1000000"});
    EXPECT_EQ(deployed.code, 0) << deployed.out << deployed.err << daemon_.log();
    EXPECT_EQ(deployed.out.rfind(std::to_string(partition) + ":", 0), 0U)
        << "its client's partitioner is Solo's: " << deployed.out;
    EXPECT_NE(deployed.out.find("ServiceStarted"), std::string::npos) << deployed.out;
  }
  EXPECT_EQ(daemon_.processes().size(), static_cast<std::size_t>(kPartitions));
  const auto status = json({"status", "web", "--tenant", tenant_in(1)});
  EXPECT_EQ(status["state"], "running");
  EXPECT_EQ(json({"view", "dead-letters", "--all-tenants"})["letters"].size(), 0U);
}

TEST_F(PythonExamples, TellWhyAServiceDidNotStart) {
  start();
  const auto failed = python("deploy.py", {"--tenant", "acme", "web", "/no/such/program"});
  EXPECT_EQ(failed.code, 1) << failed.out << failed.err;
  EXPECT_NE(failed.err.find("/no/such/program"), std::string::npos) << failed.err;
}

TEST_F(PythonExamples, FollowTheLogAndPassOverWhatIsNoEvent) {
  start();
  const std::string tenant = tenant_in(1);
  ASSERT_TRUE(is_ok(call(daemon_, sleeper("1", "web", v1::Wait::done, tenant))));
  KafkaOutsider outsider({{"bootstrap.servers", broker().bootstrap()}});
  outsider.put(topic(), 1, tenant, "complete and utter garbage");
  outsider.put(topic(), 1, tenant, std::string("\xff\xff\xff\x7fSOEV\xff\xff\xff\xff", 12));
  outsider.put(topic(), 1, nullptr, "");

  const std::size_t before = log_read().size();
  const auto table = python("follow.py", {"--once"});
  const std::size_t after = log_read().size();
  EXPECT_EQ(table.code, 0) << table.err;
  const auto count = [&](const std::string& words) {
    std::size_t found = 0;
    for (auto at = table.out.find(words); at != std::string::npos; at = table.out.find(words, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count("SystemInitialized"), static_cast<std::size_t>(kPartitions)) << table.out;
  EXPECT_EQ(count("RuntimeClaimed"), static_cast<std::size_t>(kPartitions)) << table.out;
  EXPECT_EQ(count(tenant + "/web"), 2U) << table.out;
  EXPECT_EQ(count("ServiceStarted"), 1U) << table.out;
  EXPECT_EQ(count("no event"), 3U) << table.out;
  // As many lines as there are records, by Solo's own count; the daemon may write of its own (a verification's report)
  // before, while and after the log is followed.
  EXPECT_GE(count("\n"), before) << table.out;
  EXPECT_LE(count("\n"), after) << table.out;
}

}  // namespace
}  // namespace solo::testing
