// Who may end, and see, whose tokens: with real chains in real views.
#include <gtest/gtest.h>

#include <set>

#include "tests/integration/gateway/peer.h"
#include "tests/integration/gateway/token_requests.h"
#include "tests/integration/gateway/world.h"

namespace solo::testing {
namespace {

using v1::ErrorCode;
using v1::Permission;

class GatewayRevoking : public ::testing::Test {
 protected:
  void must(const v1::RequestT& request) {
    const auto reply = peer.ask(request);
    ASSERT_TRUE(reply.ok) << reply.error->message;
  }
  /// permission_denied, with these words.
  ::testing::AssertionResult denied(const v1::RequestT& request, const std::string& words) {
    const auto reply = peer.ask(request);
    if (code_of(reply) != ErrorCode::permission_denied) return ::testing::AssertionFailure() << "not denied";
    if (reply.error->message.find(words) != std::string::npos) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << reply.error->message;
  }
  v1::RequestT all(std::string id, std::string tenant) {
    v1::RequestT request = revoke(std::move(id), {}, std::move(tenant));
    request.body.AsTokenRevoke()->all = true;
    return request;
  }
  v1::RequestT for_all_tenants(std::string id, const TestToken& token) {
    v1::RequestT request = grant(std::move(id), token, {Permission::admin}, "system");
    request.body.AsTokenGrant()->tenant = "*";
    return request;
  }
  v1::RequestT for_services(v1::RequestT request, std::string services) {
    request.body.AsTokenGrant()->services = std::move(services);
    return request;
  }
  std::set<std::string> seen(const TestToken& by, const std::string& tenant) {
    v1::RequestT request = with(by, status("x", tenant));
    request.body.Set(v1::TokenListT());
    const auto reply = peer.ask(request);
    std::set<std::string> accessors;
    if (const auto* table = reply.body.AsTokenTable()) {
      for (const auto& token : table->tokens) accessors.insert(token->accessor);
    }
    return accessors;
  }

  World world;
  Peer peer{world.endpoint()};
  const TestToken a = test_token(1);
  const TestToken b = test_token(2);
  const TestToken c = test_token(3);
};

TEST_F(GatewayRevoking, AnAdminOfTenantSystemAloneEndsNoOperatorsToken) {
  must(grant("g-1", a, {Permission::admin}, "system"));
  must(for_all_tenants("g-2", b));
  must(grant("g-3", c, {Permission::read}, "system"));
  EXPECT_TRUE(denied(with(a, revoke("r-1", test_root(), "system")), "descends from"));
  EXPECT_TRUE(denied(with(a, revoke("r-2", b, "system")), "every tenant"));
  EXPECT_TRUE(denied(with(a, all("r-3", "system")), "every tenant"));
  EXPECT_EQ(seen(a, "system"), (std::set<std::string>{a.accessor, c.accessor}));
  v1::RequestT look = with(a, inspect(b));
  look.tenant = "system";
  EXPECT_TRUE(denied(look, "every tenant"));
  must(with(a, revoke("r-4", c, "system")));
  must(with(b, list("*")));
  must(list("*"));
}

TEST_F(GatewayRevoking, AnAdminForSomeServicesEndsAndSeesItsOwnAlone) {
  must(for_services(grant("g-1", a, {Permission::admin}), "web-*"));
  must(grant("g-2", b, {Permission::read}));
  must(with(a, grant("g-3", c, {Permission::read})));
  EXPECT_TRUE(denied(with(a, revoke("r-1", b)), "services web-*"));
  EXPECT_TRUE(denied(with(a, all("r-2", "acme")), "services web-*"));
  EXPECT_TRUE(denied(with(a, inspect(b)), "services web-*"));
  EXPECT_EQ(seen(a, "acme"), (std::set<std::string>{a.accessor, c.accessor}));
  must(with(a, inspect(c)));
  must(with(a, revoke("r-3", c)));
  must(with(b, list()));
}

TEST_F(GatewayRevoking, AChildEndsNeitherItsParentNorAllOfWhichThatIsOne) {
  must(grant("g-1", a, {Permission::admin}));
  must(with(a, grant("g-2", b, {Permission::admin})));
  must(grant("g-3", c, {Permission::read}));
  EXPECT_TRUE(denied(with(b, revoke("r-1", a)), "descends from " + a.accessor));
  EXPECT_TRUE(denied(with(b, all("r-2", "acme")), "descends from one of them"));
  must(with(b, revoke("r-3", c)));
  must(with(a, all("r-4", "acme")));
  EXPECT_EQ(code_of(peer.ask(with(b, list()))), ErrorCode::unauthenticated);
  must(list());
}

TEST_F(GatewayRevoking, AnotherOperatorEndsAnOperatorsTokenButNotTheRoot) {
  must(for_all_tenants("g-1", a));
  must(for_all_tenants("g-2", b));
  EXPECT_TRUE(denied(with(a, revoke("r-1", test_root(), "system")), "descends from"));
  EXPECT_TRUE(denied(with(a, all("r-2", "system")), "descends from one of them"));
  must(with(a, revoke("r-3", b, "system")));
  must(revoke("r-4", test_root(), "system"));
  EXPECT_EQ(code_of(peer.ask(with(a, list("*")))), ErrorCode::unauthenticated);
}

TEST_F(GatewayRevoking, AListOfFewAmongThousandsComesInPages) {
  must(for_services(grant("g-1", a, {Permission::grant, Permission::read}), "web-*"));
  for (std::uint64_t number = 0; number < 3'500; ++number) {
    peer.send(grant("m-" + std::to_string(number), test_token(1'000 + number), {Permission::read}));
    if (number % 500 == 499) {
      for (int i = 0; i < 500; ++i) ASSERT_TRUE(peer.reply().ok);
    }
  }
  must(with(a, grant("g-2", b, {Permission::read})));
  v1::RequestT request = with(a, status("x"));
  request.body.Set(v1::TokenListT());
  std::multiset<std::string> found;
  int pages = 0;
  do {
    const auto reply = peer.ask(request);
    ASSERT_TRUE(reply.ok) << reply.error->message;
    for (const auto& token : reply.body.AsTokenTable()->tokens) found.insert(token->accessor);
    request.body.AsTokenList()->next = reply.body.AsTokenTable()->next;
    ++pages;
  } while (!request.body.AsTokenList()->next.empty());
  EXPECT_EQ(found, (std::multiset<std::string>{a.accessor, b.accessor}));
  EXPECT_GT(pages, 1) << "the gateway has others to answer meanwhile";
}

}  // namespace
}  // namespace solo::testing
