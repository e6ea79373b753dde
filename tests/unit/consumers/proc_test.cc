#include "consumers/proc.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

namespace solo::consumers::proc {
namespace {

TEST(ProcTest, AStatIsReadWhateverTheProgramIsCalled) {
  const auto stat = parse_stat(
      "42 (a) S 1 (b\n) R 1 40 41 0 -1 4194564 0 0 0 0 0 0 0 0 20 0 1 0 123456 0 0 18446744073709551615 0 0 0\n");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->pid, 42);
  EXPECT_EQ(stat->name, "a) S 1 (b\n");
  EXPECT_EQ(stat->state, 'R');
  EXPECT_EQ(stat->group, 40);
  EXPECT_EQ(stat->session, 41);
  EXPECT_EQ(stat->start_time, 123456U);
}

TEST(ProcTest, TextThatIsNoStatIsNothing) {
  for (const char* text : {"", "42", "42 (a)", "42 (a) S 1 2", "x (a) S 1 40 41 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 7 0"}) {
    EXPECT_FALSE(parse_stat(text)) << text;
  }
}

TEST(ProcTest, ASpawnersNameTellsItsRunAndFitsTheKernels) {
  const auto name = spawner_name("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  EXPECT_EQ(name, "spawn:6ba7b8109");
  EXPECT_EQ(name.size(), 15U);
  EXPECT_NE(spawner_name("6ba7b811-9dad-11d1-80b4-00c04fd430c8"), name);
}

TEST(ProcTest, ThisProcessHasAnIdentity) {
  const auto identity = identity_of(::getpid());
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->pid, ::getpid());
  EXPECT_FALSE(identity->boot_id.empty());
  EXPECT_EQ(identity_of(::getpid()), identity);
  EXPECT_FALSE(identity_of(0));
}

std::string environment(std::initializer_list<const char*> entries) {
  std::string text;
  for (const char* entry : entries) (text += entry) += '\0';
  return text;
}

TEST(ProcTest, AMarkerIsReadFromAnywhereInAnEnvironment) {
  EXPECT_EQ(parse_marker(environment({"PATH=/bin", "SOLO_INSTANCE=run-3", "SOLO_GENERATION=7", "SOLO_LOG=log",
                                      "SOLO_NODE=n", "SOLO_SERVICE=web", "SOLO_X=y", "SOLO_TENANT=acme"})),
            (Marker{"log", "n", "acme", "web", 7, "run-3"}));
}

TEST(ProcTest, OfAllProcessesOnlyTheKernelsThreadsAreLeftOut) {
  constexpr std::uint32_t kKernelThread = 0x00200000;
  const auto users = user_pids();
  EXPECT_NE(std::find(users.begin(), users.end(), ::getpid()), users.end());
  for (const pid_t pid : all_pids()) {
    if (std::find(users.begin(), users.end(), pid) != users.end()) continue;
    // Nothing: it has begun or ended meanwhile.
    const auto stat = read_stat(pid);
    if (stat && (stat->flags & kKernelThread) == 0) {
      const auto again = user_pids();
      EXPECT_NE(std::find(again.begin(), again.end(), pid), again.end()) << stat->name;
    }
  }
}

std::optional<Marks> marks(std::string_view name, const std::string& value) {
  std::string text = environment({"SOLO_LOG=log", "SOLO_NODE=n", "SOLO_TENANT=acme", "SOLO_SERVICE=web",
                                  "SOLO_GENERATION=7", "SOLO_INSTANCE=run-3"});
  ((text += name) += "=" + value) += '\0';
  return parse_marks(text);
}

TEST(ProcTest, AMarkThatIsMalformedIsNotTakenAndToldInPrintableWords) {
  EXPECT_EQ(marks("SOLO_X", "\xff")->damage, "");
  EXPECT_EQ(marks("SOLO_NODE", "n\xff\n")->damage, R"(SOLO_NODE=n\xff\x0a)");
  EXPECT_EQ(marks("SOLO_TENANT", "a/b")->damage, "SOLO_TENANT=a/b");
  EXPECT_EQ(marks("SOLO_SERVICE", "")->damage, "SOLO_SERVICE=");
  EXPECT_EQ(marks("SOLO_GENERATION", "7x")->damage, "SOLO_GENERATION=7x");
  EXPECT_EQ(marks("SOLO_GENERATION", "7x")->marker.service, "web");
  EXPECT_EQ(marks("SOLO_INSTANCE", std::string(128, 'i'))->damage, "");
  EXPECT_EQ(marks("SOLO_INSTANCE", std::string(129, 'i'))->damage, "SOLO_INSTANCE=" + std::string(64, 'i') + "...");
  EXPECT_EQ(marks("SOLO_INSTANCE", "run 3")->damage, "SOLO_INSTANCE=run 3");
  EXPECT_EQ(
      parse_marks(environment({"SOLO_LOG=log", "SOLO_TENANT=acme", "SOLO_SERVICE=web", "SOLO_INSTANCE=i"}))->damage,
      "SOLO_NODE is missing, SOLO_GENERATION is missing");
  EXPECT_FALSE(parse_marks(environment({"SOLO_NODE=n", "SOLO_TENANT=acme"}))) << "of no log";
}

TEST(ProcTest, AnIncompleteMarkerIsNone) {
  EXPECT_FALSE(parse_marker(""));
  EXPECT_FALSE(parse_marker("SOLO_LOG=log"));
  EXPECT_FALSE(parse_marker(environment(
      {"SOLO_INSTANCE=i", "SOLO_GENERATION=x", "SOLO_LOG=l", "SOLO_NODE=n", "SOLO_SERVICE=s", "SOLO_TENANT=t"})));
}

}  // namespace
}  // namespace solo::consumers::proc
