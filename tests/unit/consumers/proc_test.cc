#include "consumers/proc.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace solo::consumers::proc {
namespace {

TEST(ProcTest, AStatIsReadWhateverTheProgramIsCalled) {
  const auto stat = parse_stat(
      "42 (a) S 1 (b\n) R 1 40 41 0 -1 4194564 0 0 0 0 0 0 0 0 20 0 1 0 123456 0 0 18446744073709551615 0 0 0\n");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->pid, 42);
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

TEST(ProcTest, AnIncompleteMarkerIsNone) {
  EXPECT_FALSE(parse_marker(""));
  EXPECT_FALSE(parse_marker("SOLO_LOG=log"));
  EXPECT_FALSE(parse_marker(environment(
      {"SOLO_INSTANCE=i", "SOLO_GENERATION=x", "SOLO_LOG=l", "SOLO_NODE=n", "SOLO_SERVICE=s", "SOLO_TENANT=t"})));
}

}  // namespace
}  // namespace solo::consumers::proc
