#include "schemas/position.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace solo::schemas {
namespace {

TEST(Position, IsReadStrictly) {
  EXPECT_EQ(parse_position("0:0").value(), (Position{0, 0}));
  EXPECT_EQ(parse_position("2147483647:9223372036854775807").value(), (Position{2147483647, 9223372036854775807}));
  for (const char* bad : {"", ":", "1", "1:", ":1", "01:1", "1:01", "-1:1", "1:-1", "+1:1", " 1:1", "1:1 ", "1:1:1",
                          "a:1", "2147483648:0", "0:9223372036854775808"}) {
    auto parsed = parse_position(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument);
  }
}

TEST(Position, CutsAscend) {
  EXPECT_TRUE(parse_cut("").value().positions.empty());
  EXPECT_EQ(parse_cut("0:5,2:7").value(), (Cut{{{0, 5}, {2, 7}}}));
  for (const char* bad : {",", "0:1,", ",0:1", "0:1,,1:1", "1:1,0:1", "0:1,0:2", "0:1;1:1"}) {
    EXPECT_FALSE(parse_cut(bad)) << bad;
  }
}

RC_GTEST_PROP(Position, EveryCutIsReadBack, ()) {
  Cut cut;
  for (std::int32_t partition = 0; partition < 5; ++partition) {
    if (!*rc::gen::arbitrary<bool>()) continue;
    cut.positions.push_back({partition, *rc::gen::nonNegative<std::int64_t>()});
  }
  RC_ASSERT(parse_cut(to_string(cut)).value() == cut);
}

}  // namespace
}  // namespace solo::schemas
