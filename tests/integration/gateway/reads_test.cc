// Reads: status, list, logs, health, recovery, dead letters.
#include <gtest/gtest.h>

#include "schemas/codec.h"
#include "tests/integration/gateway/peer.h"
#include "tests/integration/gateway/world.h"

namespace solo::testing {
namespace {

using v1::ErrorCode;

class GatewayReads : public ::testing::Test {
 protected:
  v1::RequestT logs(const std::string& service, std::uint32_t tail = 0) {
    v1::RequestT request = status(service);
    v1::LogsT body;
    body.service = service;
    body.tail = tail;
    request.body.Set(std::move(body));
    return request;
  }
  std::vector<std::string> names(const v1::ReplyT& reply) {
    std::vector<std::string> found;
    if (const auto* listed = reply.body.AsServiceList()) {
      for (const auto& service : listed->services) found.push_back(service->tenant + "/" + service->service);
    }
    return found;
  }

  World world;
  Peer peer{world.endpoint()};
};

TEST_F(GatewayReads, StatusOfAKilledServiceIsFoundAndOfAnUnknownOneIsNot) {
  ASSERT_TRUE(peer.ask(deploy("q-1", "web")).ok);
  ASSERT_TRUE(peer.ask(kill("q-2", "web")).ok);
  EXPECT_EQ(peer.ask(status("web")).body.AsServiceStatus()->state, v1::ServiceState::stopping);
  world.stopped("acme", "web", 1);
  world.wait_applied();
  const v1::ReplyT reply = peer.ask(status("web"));
  ASSERT_TRUE(reply.ok);
  EXPECT_EQ(reply.body.AsServiceStatus()->state, v1::ServiceState::killed);
  EXPECT_EQ(code_of(peer.ask(status("db"))), ErrorCode::not_found);
  EXPECT_EQ(code_of(peer.ask(status("web", "other"))), ErrorCode::not_found);
  EXPECT_EQ(code_of(peer.ask(status("web", "*"))), ErrorCode::invalid_argument);
}

TEST_F(GatewayReads, ListHasATenantsOwnServicesInOrder) {
  ASSERT_TRUE(peer.ask(deploy("q-1", "web")).ok);
  ASSERT_TRUE(peer.ask(deploy("q-2", "db")).ok);
  ASSERT_TRUE(peer.ask(deploy("q-3", "other", v1::Wait::applied, "zeta")).ok);
  EXPECT_EQ(names(peer.ask(list())), (std::vector<std::string>{"acme/db", "acme/web"}));
  EXPECT_EQ(names(peer.ask(list("*"))), (std::vector<std::string>{"acme/db", "acme/web", "zeta/other"}));
  ASSERT_TRUE(peer.ask(kill("q-4", "db")).ok);
  world.stopped("acme", "db", 2);
  world.wait_applied();
  EXPECT_EQ(names(peer.ask(list())), (std::vector<std::string>{"acme/web"}));
  v1::RequestT all = list();
  all.body.AsList()->all = true;
  EXPECT_EQ(names(peer.ask(all)), (std::vector<std::string>{"acme/db", "acme/web"}));
  all.body.AsList()->prefix = "w";
  EXPECT_EQ(names(peer.ask(all)), (std::vector<std::string>{"acme/web"}));
}

TEST_F(GatewayReads, ListComesInPagesThatTogetherHaveEveryServiceOnce) {
  std::vector<std::string> expected;
  for (int i = 100; i < 250; ++i) {
    const std::string name = "s" + std::to_string(i);
    expected.push_back("acme/" + name);
    peer.send(deploy("q-" + name, name, v1::Wait::applied));
  }
  for (int i = 100; i < 250; ++i) ASSERT_TRUE(peer.reply().ok);
  for (const std::uint32_t limit : {0U, 7U, 64U, 150U, 1000U}) {
    std::vector<std::string> found;
    v1::RequestT page = list();
    page.body.AsList()->limit = limit;
    do {
      const v1::ReplyT reply = peer.ask(page);
      ASSERT_TRUE(reply.ok);
      const auto here = names(reply);
      EXPECT_LE(here.size(), limit == 0 ? 1000U : limit);
      found.insert(found.end(), here.begin(), here.end());
      page.body.AsList()->next = reply.body.AsServiceList()->next;
    } while (!page.body.AsList()->next.empty());
    EXPECT_EQ(found, expected) << "limit " << limit;
  }
  v1::RequestT page = list();
  page.body.AsList()->next = "elsewhere";
  EXPECT_EQ(code_of(peer.ask(page)), ErrorCode::invalid_argument);
}

TEST_F(GatewayReads, LogsAreTheHostsOutputOfAKnownService) {
  ASSERT_TRUE(peer.ask(deploy("q-1", "web")).ok);
  ASSERT_TRUE(peer.ask(deploy("q-2", "silent")).ok);
  const v1::ReplyT whole = peer.ask(logs("web"));
  ASSERT_TRUE(whole.ok);
  EXPECT_EQ(whole.body.AsServiceOutput()->text, "output of acme/web");
  EXPECT_FALSE(whole.body.AsServiceOutput()->truncated);
  const v1::ReplyT tail = peer.ask(logs("web", 3));
  EXPECT_EQ(tail.body.AsServiceOutput()->text, "web");
  EXPECT_TRUE(tail.body.AsServiceOutput()->truncated);
  EXPECT_EQ(code_of(peer.ask(logs("silent"))), ErrorCode::not_found);
  EXPECT_EQ(code_of(peer.ask(logs("db"))), ErrorCode::not_found);
}

TEST_F(GatewayReads, HealthCountsWhatIsUnderWay) {
  world.log().hold();
  peer.send(deploy("q-1", "web"));
  ASSERT_TRUE(World::eventually([&] { return world.gateway().counters().commands_in_flight == 1; }));
  const v1::ReplyT reply = peer.ask(health());
  const v1::HealthReportT* report = reply.body.AsHealthReport();
  ASSERT_NE(report, nullptr);
  EXPECT_EQ(report->version, "test");
  EXPECT_EQ(report->status, v1::HealthStatus::ok);
  EXPECT_EQ(report->queues->commands_in_flight, 1U);
  EXPECT_EQ(report->queues->appends_in_flight, 1U);
  world.log().release();
}

TEST_F(GatewayReads, RecoveryShowsATenantItsOwnFailuresOnly) {
  v1::RequestT request = list();
  request.body.Set(v1::RecoveryT());
  EXPECT_EQ(code_of(peer.ask(request)), ErrorCode::not_found);
  v1::SystemRecoveredT recovered;
  recovered.report.ensure().recovered = 3;
  for (const char* tenant : {"acme", "zeta"}) {
    recovered.report->failures.emplace_back(v1::RecoveryFailureT())->tenant = tenant;
  }
  world.recovered(std::move(recovered));
  world.wait_applied();
  const v1::ReplyT own = peer.ask(request);
  ASSERT_TRUE(own.ok) << own.error->message;
  ASSERT_EQ(own.body.AsRecoveryReport()->failures.size(), 1U);
  EXPECT_EQ(own.body.AsRecoveryReport()->failures[0]->tenant, "acme");
  request.tenant = "*";
  EXPECT_EQ(peer.ask(request).body.AsRecoveryReport()->failures.size(), 2U);
}

class GatewayDeadLetters : public GatewayReads {
 protected:
  v1::RequestT dead_letters(const std::string& tenant, const std::string& from = {}, std::uint32_t limit = 0) {
    v1::RequestT request = list(tenant);
    v1::DeadLettersT asked;
    asked.from = from;
    asked.limit = limit;
    request.body.Set(std::move(asked));
    return request;
  }
  /// Their positions, from all pages.
  std::vector<std::string> all(const std::string& tenant, std::uint32_t limit = 0) {
    std::vector<std::string> found;
    std::string from;
    do {
      const v1::ReplyT reply = peer.ask(dead_letters(tenant, from, limit));
      const auto* page = reply.body.AsDeadLetterList();
      if (page == nullptr) return {reply.error ? reply.error->message : "no list"};
      for (const auto& letter : page->letters) found.push_back(letter->position);
      from = page->next;
    } while (!from.empty());
    return found;
  }
  std::string put(const std::string& key, const std::string& value = "garbage") {
    return schemas::to_string(world.log().put(0, key, value));
  }
};

TEST_F(GatewayDeadLetters, AreATenantsOwnOrEverybodysForWhoMayAskForAll) {
  const auto own = put("acme");
  const auto other = put("zeta");
  const auto nobodys = put("");
  v1::EventT event;
  event.id = "1";
  event.source = "urn:outsider";
  event.tenant = "zeta";
  event.service = "web";
  event.payload.Set(v1::ServiceKilledT());
  const auto disputed = put("acme", schemas::encode(event));
  world.wait_applied();
  EXPECT_EQ(all("*"), (std::vector<std::string>{own, other, nobodys, disputed}));
  EXPECT_EQ(all("acme"), std::vector<std::string>{own});
  EXPECT_EQ(all("zeta"), std::vector<std::string>{other});
  EXPECT_EQ(all("nobody"), std::vector<std::string>());
  const v1::ReplyT reply = peer.ask(dead_letters("*", disputed));
  const v1::DeadLetterT& letter = *reply.body.AsDeadLetterList()->letters.at(0);
  EXPECT_EQ(letter.key, "acme");
  EXPECT_EQ(letter.tenant, "zeta");
  EXPECT_EQ(letter.type, "ServiceKilled");
  EXPECT_EQ(letter.source, "urn:outsider");
  EXPECT_EQ(letter.code, ErrorCode::invalid_argument);
}

TEST_F(GatewayDeadLetters, AreFoundBehindManyOfOthersAPageAtATime) {
  for (int i = 0; i < 4500; ++i) put("zeta");
  const auto own = put("acme");
  world.wait_applied();
  const v1::ReplyT first = peer.ask(dead_letters("acme"));
  ASSERT_TRUE(first.ok);
  EXPECT_TRUE(first.body.AsDeadLetterList()->letters.empty());
  EXPECT_EQ(first.body.AsDeadLetterList()->next, "0:2003")
      << "behind the genesis, the root token, the claim and 2,000 letters";
  EXPECT_EQ(all("acme"), std::vector<std::string>{own});
  EXPECT_EQ(all("zeta", 7).size(), 4500U);
  EXPECT_EQ(code_of(peer.ask(dead_letters("acme", "1:0"))), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of(peer.ask(dead_letters("acme", "next"))), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace solo::testing
