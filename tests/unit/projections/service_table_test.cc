#include "projections/service_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "projections/byte_arena.h"
#include "projections/keys.h"

namespace solo::testing {
namespace {

using projections::ByteArena;
using projections::ServiceEntry;
using projections::ServiceTable;

TEST(ServiceTable, KeepsEachServiceWhereItIsHoweverManyCome) {
  ServiceTable table;
  std::map<std::string, ServiceEntry*> known;
  for (int round = 0; round < 2; ++round) {
    for (int number = 0; number < 20'000; ++number) {
      const std::string tenant = fmt::format("t{}", number % 7);
      const std::string service = fmt::format("s-{}", number);
      const std::uint64_t hash = projections::service_hash(tenant, service);
      table.bring_slot_near(hash);
      table.bring_entry_near(hash);
      const auto [entry, fresh] = table.load(tenant, service, hash);
      EXPECT_EQ(fresh, round == 0);
      EXPECT_EQ(entry.key, projections::service_key(tenant, service));
      if (fresh) known[entry.key] = &entry;
      ASSERT_EQ(known.at(entry.key), &entry);
    }
  }
  EXPECT_EQ(table.size(), 20'000U);
  table.clear();
  EXPECT_EQ(table.size(), 0U);
  EXPECT_TRUE(table.load("t0", "s-0", projections::service_hash("t0", "s-0")).fresh);
}

TEST(ServiceTable, TellsServicesApartThatShareTheirHash) {
  ServiceTable table;
  ServiceEntry& first = table.load("acme", "web", 1).entry;
  ServiceEntry& second = table.load("acme", "api", 1).entry;
  ServiceEntry& third = table.load("acmew", "eb", 1).entry;
  EXPECT_EQ((std::set<ServiceEntry*>{&first, &second, &third}).size(), 3U);
  EXPECT_EQ(&table.load("acme", "api", 1).entry, &second);
  EXPECT_EQ(&table.load("acmew", "eb", 1).entry, &third);
}

TEST(ServiceTable, HashesNamesOfAnyLength) {
  const std::string lengthy(400, 'x');
  EXPECT_NE(projections::service_hash(lengthy, "a"), projections::service_hash(lengthy, "b"));
  EXPECT_NE(projections::service_hash("ab", "c"), projections::service_hash("a", "bc"));
}

TEST(ByteArena, KeepsCopiesUntilCleared) {
  ByteArena arena;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::pair<std::string, std::string_view>> copies;
    for (std::size_t size = 1; size < 3'000'000; size = size * 3 / 2 + 1) {
      const std::string bytes(size, static_cast<char>('a' + size % 26));
      const std::string_view copy = arena.copy(bytes);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(copy.data()) % 16, 0U);
      copies.emplace_back(bytes, copy);
    }
    for (const auto& [bytes, copy] : copies) EXPECT_EQ(copy, bytes);
    arena.clear();
  }
}

TEST(ByteArena, PutsACopyInPlaceOfAFormerOneThatHasTheRoom) {
  ByteArena arena;
  const std::string_view first = arena.copy("twenty bytes of text");
  const std::string_view beside = arena.copy("beside");
  const std::string_view same = arena.copy("thirty-two bytes of text or less", first);
  EXPECT_EQ(same.data(), first.data());
  EXPECT_EQ(same, "thirty-two bytes of text or less");
  const std::string_view longer = arena.copy("more than the thirty-two bytes there are", same);
  EXPECT_NE(longer.data(), first.data());
  EXPECT_EQ(longer, "more than the thirty-two bytes there are");
  EXPECT_EQ(beside, "beside");
}

}  // namespace
}  // namespace solo::testing
