// What of the audit is told to whom.
#include "producers/audit_reader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "schemas/codec.h"
#include "schemas/schemas.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::LogRecord;
using schemas::Result;

LogRecord record(std::int64_t offset, const std::string& tenant, const std::string& accessor) {
  v1::EventT event;
  event.id = "run-" + std::to_string(offset);
  event.source = "/nodes/a/audit";
  event.tenant = tenant;
  v1::CapabilityDeniedT denied;
  denied.accessor = accessor;
  event.payload.Set(std::move(denied));
  return {{0, offset}, offset, tenant, schemas::encode(event)};
}

/// Records of acme and globex in turns; every third offset is a gap.
class Alternating final : public AuditSource {
 public:
  Alternating(std::int64_t first, std::int64_t end) : bounds_{first, end} {}
  Result<Bounds> bounds() override { return bounds_; }
  Result<std::vector<LogRecord>> read(std::int64_t from, std::int64_t to) override {
    std::vector<LogRecord> records;
    for (std::int64_t at = from; at < to && records.size() < 1'000; ++at) {
      if (at % 3 == 2) continue;
      records.push_back(record(at, at % 3 == 0 ? "acme" : "globex", at == 9 ? "acc_nine" : "acc_other"));
    }
    return records;
  }

 private:
  Bounds bounds_;
};

std::vector<std::string> positions(const v1::AuditPageT& page) {
  std::vector<std::string> all;
  for (const auto& shown : page.records) all.push_back(shown->position);
  return all;
}

TEST(AuditPage, HasATenantsRecordsAndNobodyElses) {
  Alternating source(0, 10);
  const auto page = read_audit_page(source, {.tenant = "acme", .limit = 100});
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(positions(*page), (std::vector<std::string>{"0:0", "0:3", "0:6", "0:9"}));
  EXPECT_EQ(page->records[1]->event->tenant, "acme");
  EXPECT_EQ(page->next, "");
  EXPECT_EQ(page->first, "0:0");
  EXPECT_EQ(page->end, "0:10");
  EXPECT_EQ(read_audit_page(source, {.tenant = "*", .limit = 100})->records.size(), 7U);
  EXPECT_EQ(read_audit_page(source, {.tenant = "initech", .limit = 100})->records.size(), 0U);
  EXPECT_EQ(positions(*read_audit_page(source, {.tenant = "*", .accessor = "acc_nine", .limit = 100})),
            std::vector<std::string>{"0:9"});
}

TEST(AuditPage, SaysWhereToGoOnWithoutLosingOrRepeatingAny) {
  Alternating source(5, 40);
  std::vector<std::string> all;
  AuditOrder order{.tenant = "globex", .limit = 2};
  for (;;) {
    const auto page = read_audit_page(source, order);
    ASSERT_TRUE(page);
    EXPECT_LE(page->records.size(), 2U);
    for (const auto& position : positions(*page)) all.push_back(position);
    if (page->next.empty()) break;
    order.from = schemas::parse_position(page->next)->offset;
  }
  EXPECT_EQ(all, positions(*read_audit_page(source, {.tenant = "globex", .limit = 100})));
  EXPECT_EQ(all.size(), 11U);
  EXPECT_EQ(all.front(), "0:7");
  EXPECT_EQ(read_audit_page(source, {.tenant = "*", .from = 4'000, .limit = 1})->next, "") << "behind the end";
}

TEST(AuditPage, OfATenantThatIsHardlyThereEndsAfterSomeWork) {
  Alternating source(0, 1'000'000);
  const auto page = read_audit_page(source, {.tenant = "initech", .limit = 100});
  ASSERT_TRUE(page);
  EXPECT_TRUE(page->records.empty());
  EXPECT_EQ(page->next, "0:20000");
}

TEST(AuditReader, AnswersEachOnceAndOpensAgainWhatCouldNotBeOpened) {
  int opened = 0;
  AuditReader reader([&]() -> Result<std::unique_ptr<AuditSource>> {
    if (++opened == 1) return schemas::fail(ErrorCode::unavailable, "no broker");
    return std::make_unique<Alternating>(0, 10);
  });
  const auto ask = [&] {
    std::promise<Result<v1::AuditPageT>> promise;
    reader.read({.tenant = "acme", .limit = 10},
                [&](Result<v1::AuditPageT> page) { promise.set_value(std::move(page)); });
    return promise.get_future().get();
  };
  EXPECT_EQ(ask().error().code, ErrorCode::unavailable);
  EXPECT_EQ(ask()->records.size(), 4U);
  EXPECT_EQ(ask()->records.size(), 4U);
  EXPECT_EQ(opened, 2);
}

TEST(AuditReader, TakesNoMoreThanItCanDoAndLeavesNobodyWithoutAnAnswer) {
  std::promise<void> go_on;
  std::atomic<int> answered{0};
  std::atomic<int> exhausted{0};
  std::atomic<int> unavailable{0};
  {
    AuditReader reader([&]() -> Result<std::unique_ptr<AuditSource>> {
      go_on.get_future().wait();
      return std::make_unique<Alternating>(0, 10);
    });
    for (int i = 0; i < 100; ++i) {
      reader.read({.tenant = "acme", .limit = 10}, [&](const Result<v1::AuditPageT>& page) {
        ++answered;
        if (page) return;
        ++(page.error().code == ErrorCode::resource_exhausted ? exhausted : unavailable);
      });
    }
    EXPECT_GE(exhausted, 100 - 64 - 1);
    go_on.set_value();
  }
  EXPECT_EQ(answered, 100);
}

}  // namespace
}  // namespace solo::producers
