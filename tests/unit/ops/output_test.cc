#include "ops/cli/output.h"

#include <gtest/gtest.h>

namespace solo::ops {
namespace {

TEST(TableTest, ColumnsAreAlignedByWhatIsSeen) {
  Table table({"NAME", "STATE"});
  table.add(
      {"w\xc3\xa9"
       "b",
       "running"});
  table.add({"a-long-name", "x\nsecond line"});
  EXPECT_EQ(table.str(),
            "NAME         STATE\nw\xc3\xa9"
            "b          running\na-long-name  x\n");
}

TEST(FactsTest, EmptyValuesAreLeftOutAndLongOnesIndented) {
  EXPECT_EQ(facts({{"state", "failed"}, {"pid", ""}, {"detail", "one\ntwo\n"}}),
            "state:   failed\ndetail:  one\n         two\n");
}

TEST(Shown, TimesAndDurationsAreReadable) {
  EXPECT_EQ(show_time(1'700'000'000'123'456), "2023-11-14 22:13:20Z");
  EXPECT_EQ(show_time(0), "");
  EXPECT_EQ(show_duration(1'500), "1.5 ms");
  EXPECT_EQ(show_duration(2'300'000), "2.30 s");
  EXPECT_EQ(show_duration(192'000'000), "3m12s");
  EXPECT_EQ(show_duration(5 * 3'600'000'000LL + 120'000'000), "5h02m");
  EXPECT_EQ(show_duration(99 * 3'600'000'000LL), "4d03h");
}

TEST(Printable, NothingSteersTheTerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\tc\n"), "a\xef\xbf\xbd[2Jb\tc\n");
  EXPECT_EQ(printable("\xc2\x9b"
                      "1m\xc2\xa9"),
            "\xef\xbf\xbd"
            "1m\xc2\xa9");
  EXPECT_EQ(printable("\xff"), "\xef\xbf\xbd");
}

}  // namespace
}  // namespace solo::ops
