// How solod starts, refuses to start, and stops.
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "tests/integration/cli/cli_fixture.h"

namespace solo::testing {
namespace {

class DaemonLife : public CliTest {
 protected:
  Finished solod(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), SOLOD_PATH);
    return run(std::move(arguments));
  }
  /// Does not heed SIGTERM from when this returns.
  void deploy_stubborn() {
    const auto stubborn = write("stubborn.sh", "#!/bin/sh\ntrap '' TERM\necho ready\nwhile :; do sleep 1; done\n");
    ASSERT_EQ(solo({"deploy", "stubborn", stubborn, "--shutdown-timeout", "60s"}).code, 0);
    const auto output = daemon_.state() / "services" / "acme" / "stubborn" / "output.log";
    ASSERT_TRUE(eventually([&] { return read_file(output).find("ready") != std::string::npos; }));
  }

  void deploy(const std::string& service) {
    const auto finished = solo({"deploy", service, "--exec", "--", "/usr/bin/sleep", "1000"});
    ASSERT_EQ(finished.code, 0) << finished.err;
  }
};

TEST_F(DaemonLife, SecondDaemonOnTheSameStateIsRefusedAndNamesTheFirst) {
  start();
  const auto second = solod({"--state-dir", daemon_.state()});
  EXPECT_EQ(second.code, 1);
  EXPECT_TRUE(holds(second.err, std::to_string(daemon_.child().pid())));
  EXPECT_EQ(solo({"health"}).code, 0) << "the first goes on";
}

TEST_F(DaemonLife, StateDirectoryThatCannotBeIsRefused) {
  const auto file = write("file", "");
  auto finished = solod({"--state-dir", (file / "state").string()});
  EXPECT_EQ(finished.code, 1);
  EXPECT_TRUE(holds(finished.err, file.string()));
  EXPECT_EQ(solod({"--state-dir", "/" + std::string(120, 'x')}).code, 2) << "the socket's path is too long";
}

TEST_F(DaemonLife, StateDirectoryWithoutPermissionIsRefused) {
  const auto closed = files() / "closed";
  std::filesystem::create_directory(closed);
  std::filesystem::permissions(closed, std::filesystem::perms::none);
  std::vector<std::string> command{SOLOD_PATH, "--state-dir", (closed / "state").string()};
  if (geteuid() == 0) {
    // Nothing is forbidden to root: somebody else tries it, with a copy that somebody else can reach.
    std::filesystem::permissions(files(), std::filesystem::perms(0755));
    const auto copy = files() / "solod";
    std::filesystem::copy_file(SOLOD_PATH, copy);
    command[0] = copy;
    command.insert(command.begin(), {"/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"});
  }
  const auto finished = run(command);
  EXPECT_EQ(finished.code, 1);
  EXPECT_TRUE(holds(finished.err, "ermission denied"));
  EXPECT_TRUE(holds(finished.err, "hint: run it as the user who owns it"));
  std::filesystem::permissions(closed, std::filesystem::perms::owner_all);
}

TEST_F(DaemonLife, StateDirectoryOpenToOthersIsRefused) {
  std::filesystem::create_directory(daemon_.state());
  std::filesystem::permissions(daemon_.state(), std::filesystem::perms(0755));
  const auto finished = solod({"--state-dir", daemon_.state()});
  EXPECT_EQ(finished.code, 1);
  EXPECT_TRUE(holds(finished.err, daemon_.state().string()));
}

TEST_F(DaemonLife, WrongConfigurationIsExitStatusTwoAndNamesItsPlace) {
  const auto file = write("solo.toml", "[recovery]\ntimeout = 5\n");
  const auto finished = solod({"--state-dir", daemon_.state(), "--config", file});
  EXPECT_EQ(finished.code, 2);
  EXPECT_TRUE(holds(finished.err, file.string() + ":2: unknown key \"recovery.timeout\""));
  EXPECT_TRUE(holds(finished.err, "recovery.timeout_ms"));
  EXPECT_EQ(solod({"--state-dri", "x"}).code, 2);
  EXPECT_EQ(solod({"--config", "/nowhere"}).code, 2);
  EXPECT_FALSE(std::filesystem::exists(daemon_.state())) << "nothing was begun";
}

TEST_F(DaemonLife, PrintedConfigurationTellsWhereEachValueComesFrom) {
  const auto file = write("solo.toml", "[node]\nname = \"from-file\"\n");
  const auto finished = run({SOLOD_PATH, "--config", file, "--print-config", "--shutdown-services", "leave"},
                            {"SOLO_RECOVERY_TIMEOUT_MS=1234"});
  EXPECT_EQ(finished.code, 0);
  EXPECT_TRUE(holds(finished.out, "name = \"from-file\"  # " + file.string() + ":2"));
  EXPECT_TRUE(holds(finished.out, "timeout_ms = 1234  # SOLO_RECOVERY_TIMEOUT_MS"));
  EXPECT_TRUE(holds(finished.out, "services = \"leave\"  # --shutdown-services"));
  EXPECT_TRUE(holds(finished.out, "deadline_ms = 30000  # default"));
}

TEST_F(DaemonLife, OrderlyStopStopsServicesWithoutKillingThemForGood) {
  start();
  deploy("nap");
  EXPECT_EQ(daemon_.stop(), 0);
  EXPECT_TRUE(daemon_.processes().empty());
  const auto last = json({"log", "read", "-1"});
  EXPECT_EQ(last["event"]["payload_type"], "SystemShutdownComplete");
  start();
  EXPECT_EQ(daemon_.processes().size(), 1U);
  EXPECT_EQ(json({"recovery", "report"})["started"], 1);
}

TEST_F(DaemonLife, ServicesThatAreLeftRunningAreAdopted) {
  daemon_.set_arguments({"--shutdown-services", "leave"});
  start();
  deploy("nap");
  const auto before = daemon_.processes();
  ASSERT_EQ(before.size(), 1U);
  EXPECT_EQ(daemon_.stop(), 0);
  start();
  const auto after = daemon_.processes();
  ASSERT_EQ(after.size(), 1U);
  EXPECT_EQ(after[0].pid, before[0].pid);
  EXPECT_EQ(json({"recovery", "report"})["adopted"], 1);
}

TEST_F(DaemonLife, SecondSignalEndsItAtOnceAndNoServiceIsLeft) {
  start();
  ASSERT_NO_FATAL_FAILURE(deploy_stubborn());
  daemon_.child().signal(SIGTERM);
  ASSERT_TRUE(eventually([&] { return daemon_.log().find("stopping") != std::string::npos; }));
  daemon_.child().signal(SIGTERM);
  EXPECT_EQ(daemon_.child().wait(std::chrono::seconds(10)), 1);
  EXPECT_TRUE(holds(daemon_.log(), "a second signal"));
  EXPECT_TRUE(eventually([&] { return daemon_.processes().empty(); }));
}

TEST_F(DaemonLife, StopHasADeadlineThatServicesCannotHoldUp) {
  daemon_.set_arguments({"--shutdown-deadline-ms", "2000"});
  start();
  ASSERT_NO_FATAL_FAILURE(deploy_stubborn());
  EXPECT_EQ(daemon_.stop(std::chrono::seconds(20)), 1);
  // Its `sleep 1` ends by itself.
  EXPECT_TRUE(eventually([&] { return daemon_.processes().empty(); }));
}

TEST_F(DaemonLife, DamagedViewsAreSetAsideAndRebuilt) {
  start();
  deploy("nap");
  daemon_.kill9();
  std::ofstream(daemon_.state() / "views" / "0" / "CURRENT") << "not a manifest\n";
  start();
  EXPECT_TRUE(holds(daemon_.log(), "set aside"));
  EXPECT_EQ(json({"status", "nap"})["state"], "running");
  EXPECT_EQ(daemon_.processes().size(), 1U);
}

TEST_F(DaemonLife, FileInTheWayIsNamedWithWhatToDo) {
  start();
  daemon_.stop();
  std::filesystem::rename(daemon_.state() / "views", files() / "views");
  std::ofstream(daemon_.state() / "views") << "";
  auto finished = solod({"--state-dir", daemon_.state()});
  EXPECT_EQ(finished.code, 1);
  EXPECT_TRUE(holds(finished.err, "views is no directory"));
  EXPECT_TRUE(holds(finished.err, "move it away"));
  std::filesystem::remove(daemon_.state() / "views");
  std::ofstream(daemon_.state() / "node") << "";
  finished = solod({"--state-dir", daemon_.state()});
  EXPECT_EQ(finished.code, 2);
  EXPECT_TRUE(holds(finished.err, "write this node's name into it"));
  std::filesystem::remove(daemon_.state() / "node");
  start();
  EXPECT_TRUE(holds(daemon_.log(), "views opened at the start of the log"));
  EXPECT_TRUE(holds(daemon_.log(), "views built from the log's first record on"));
}

TEST_F(DaemonLife, LogThatIsGoneIsNotQuietlyBegunAnew) {
  start();
  daemon_.stop();
  std::filesystem::rename(daemon_.state() / "log", files() / "log");
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto finished = solod({"--state-dir", daemon_.state()});
    EXPECT_EQ(finished.code, 1);
    EXPECT_TRUE(holds(finished.err, "there is no log"));
  }
  std::filesystem::rename(files() / "log", daemon_.state() / "log");
  start();
}

TEST_F(DaemonLife, LogThatWasRolledBackIsRefused) {
  start();
  daemon_.stop();
  std::filesystem::copy(daemon_.state() / "log", files() / "log", std::filesystem::copy_options::recursive);
  start();
  deploy("nap");
  daemon_.stop();
  std::filesystem::remove_all(daemon_.state() / "log");
  std::filesystem::rename(files() / "log", daemon_.state() / "log");
  const auto finished = solod({"--state-dir", daemon_.state()});
  EXPECT_EQ(finished.code, 1);
  EXPECT_TRUE(holds(finished.err, "the log ends at"));
}

TEST_F(DaemonLife, CorruptRecordIsRefusedByItsOffset) {
  start();
  for (int i = 0; i < 5; ++i) deploy("needle-" + std::to_string(i));
  daemon_.kill9();
  daemon_.kill_services();
  // The third deploy's record, in the write-ahead log.
  const auto events = solo({"log", "read", "--json", "--of", "acme/needle-2"}).out;
  const std::string position = nlohmann::json::parse(events.substr(0, events.find('\n')))["position"];
  bool flipped = false;
  for (const auto& entry : std::filesystem::directory_iterator(daemon_.state() / "log" / "db")) {
    if (entry.path().extension() != ".log") continue;
    const auto at = read_file(entry.path()).find("needle-2");
    if (at == std::string::npos) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put('X');
    flipped = true;
  }
  ASSERT_TRUE(flipped);
  const auto finished = solod({"--state-dir", daemon_.state()});
  EXPECT_EQ(finished.code, 1);
  EXPECT_TRUE(holds(finished.err, position.substr(position.find(':') + 1)));
  const auto check = json({"log", "check"}, 1);
  EXPECT_FALSE(check["sound"]);
  EXPECT_EQ("0:" + std::to_string(check["damage"]["offset"].get<int>()), position);
}

TEST_F(DaemonLife, RecordThatCannotBeReadWhenViewsAreRebuiltEndsTheDaemonByItsOffset) {
  start();
  std::string noise;
  for (std::uint32_t i = 1; noise.size() < 100'000; ++i) noise += std::to_string(i * 2'654'435'761U);
  for (int i = 0; i < 6; ++i) {
    const auto script = write("big.sh", "#!/bin/sh\nexec sleep 1000\n# " + noise + std::to_string(i));
    ASSERT_EQ(solo({"deploy", "big-" + std::to_string(i), script}).code, 0);
  }
  ASSERT_EQ(daemon_.stop(), 0);
  std::filesystem::path largest;
  for (const auto& entry : std::filesystem::directory_iterator(daemon_.state() / "log" / "db")) {
    if (entry.path().extension() != ".sst") continue;
    if (largest.empty() || entry.file_size() > std::filesystem::file_size(largest)) largest = entry.path();
  }
  ASSERT_FALSE(largest.empty());
  std::fstream file(largest, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(largest) / 2));
  file.put('\0');
  file.close();
  const auto check = json({"log", "check"}, 1);
  ASSERT_GT(check["damage"]["offset"], 0);
  std::filesystem::remove_all(daemon_.state() / "views");
  const auto finished = solod({"--state-dir", daemon_.state()});
  EXPECT_EQ(finished.code, 1);
  EXPECT_TRUE(holds(finished.err, "stands still"));
  EXPECT_TRUE(holds(finished.err, "record " + check["damage"]["offset"].dump()));
}

TEST_F(DaemonLife, ReadingALogSaysWhereItCanBeReadAgainBehindADamagedBlock) {
  start();
  for (int i = 0; i < 60; ++i) deploy("needle-" + std::to_string(i));
  ASSERT_EQ(daemon_.stop(), 0);
  int damaged = 0;
  for (const auto& entry : std::filesystem::directory_iterator(daemon_.state() / "log" / "db")) {
    if (entry.path().extension() != ".sst" || entry.file_size() < 8'000) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(entry.file_size() / 2));
    file.put('\0');
    ++damaged;
  }
  ASSERT_EQ(damaged, 1);
  const auto stopped = solo({"log", "read"});
  EXPECT_EQ(stopped.code, 3);
  const std::string words = "what is behind it: solo log read ";
  const auto at = stopped.err.find(words);
  ASSERT_NE(at, std::string::npos) << stopped.err;
  const int offset = std::stoi(stopped.err.substr(at + words.size()));
  EXPECT_EQ(solo({"log", "read", std::to_string(offset - 1) + ":+1"}).code, 3);
  const auto behind = solo({"log", "read", "--json", std::to_string(offset)});
  EXPECT_EQ(behind.code, 0) << behind.err;
  EXPECT_TRUE(holds(behind.out, "\"position\":\"0:" + std::to_string(offset) + "\"")) << behind.out.substr(0, 300);
}

TEST_F(DaemonLife, LinesOfTheJsonLogAreJson) {
  daemon_.set_arguments({"--logging-format", "json", "--logging-level", "debug"});
  start();
  deploy("nap");
  EXPECT_EQ(daemon_.stop(), 0);
  std::istringstream lines(daemon_.log());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const auto parsed = nlohmann::json::parse(line, nullptr, false);
    ASSERT_TRUE(parsed.is_object()) << line;
    EXPECT_TRUE(parsed.contains("message"));
  }
  EXPECT_GT(count, 5);
}

TEST_F(DaemonLife, ServicesInheritNoDescriptorAndNoVariable) {
  start();
  const auto script = write("look.sh", "#!/bin/sh\nls -l /proc/self/fd | grep -c -- '->'\nenv | cut -d= -f1 | sort\n");
  ASSERT_EQ(solo({"deploy", "look", script, "--restart", "temporary"}).code, 0);
  ASSERT_TRUE(eventually([&] { return json({"status", "look"})["state"] == "finished"; }));
  // 0, 1, 2 and the directory that ls reads.
  const std::string out = solo({"logs", "look"}).out;
  EXPECT_EQ(out.substr(0, 2), "4\n") << out;
  EXPECT_TRUE(holds(out, "SOLO_INSTANCE"));
  EXPECT_FALSE(holds(out, "SOLO_STATE_DIR"));
}

}  // namespace
}  // namespace solo::testing
