// Who sent it, and may they? Requests with every kind of token against a gateway with real views.
#include <gtest/gtest.h>

#include <mutex>

#include "producers/audit_port.h"
#include "schemas/codec.h"
#include "tests/integration/gateway/peer.h"
#include "tests/integration/gateway/token_requests.h"
#include "tests/integration/gateway/world.h"

namespace solo::testing {
namespace {

using v1::ErrorCode;
using v1::Permission;

class Audit final : public producers::AuditPort {
 public:
  struct Entry {
    std::string accessor;
    Permission permission;
    std::string command;
    v1::DenialReason reason;
    bool operator==(const Entry&) const = default;
  };
  void checked(const producers::TokenCheck& check) override {
    const std::lock_guard lock(mutex_);
    entries_.push_back({std::string(check.accessor), check.permission, std::string(check.command), check.reason});
  }
  std::vector<Entry> entries() const {
    const std::lock_guard lock(mutex_);
    return entries_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};

producers::GatewayOptions with_audit(producers::AuditPort& audit) {
  producers::GatewayOptions options;
  options.audit = &audit;
  return options;
}

class GatewayTokens : public ::testing::Test {
 protected:
  GatewayTokens() : world(with_audit(audit)), peer(world.endpoint()) {}

  Audit audit;
  World world;
  Peer peer;
  const TestToken a = test_token(1);
  const TestToken b = test_token(2);
};

TEST_F(GatewayTokens, NoTokenIsAnsweredAsAnyThatIsNotInForce) {
  ASSERT_TRUE(peer.ask(grant("g-1", a, {Permission::read})).ok);
  ASSERT_TRUE(peer.ask(revoke("g-2", a)).ok);
  std::vector<v1::ReplyT> replies;
  std::string mistyped = b.text;
  mistyped.back() = mistyped.back() == '0' ? '1' : '0';
  std::string foreign = b.text;
  foreign[20] = '-';
  const std::string other_prefix = "SOLO_" + b.text.substr(5);
  for (const std::string& text : {std::string(), std::string("nonsense"), a.text, b.text, a.text.substr(1), mistyped,
                                  foreign, other_prefix, std::string(b.text.size(), '\0')}) {
    v1::RequestT request = list();
    request.token = text;
    replies.push_back(peer.ask(request));
  }
  for (const auto& reply : replies) {
    EXPECT_EQ(code_of(reply), ErrorCode::unauthenticated);
    EXPECT_EQ(reply.error->message, replies.front().error->message);
    EXPECT_EQ(reply.error->hint, replies.front().error->hint);
  }
  std::vector<v1::DenialReason> reasons;
  for (const auto& entry : audit.entries()) {
    if (entry.command != "List") continue;
    reasons.push_back(entry.reason);
    EXPECT_EQ(entry.accessor.empty(),
              entry.reason == v1::DenialReason::missing || entry.reason == v1::DenialReason::malformed)
        << "what is no token has no name";
  }
  using enum v1::DenialReason;
  EXPECT_EQ(reasons,
            (std::vector{missing, malformed, revoked, unknown, malformed, malformed, malformed, malformed, malformed}));
}

TEST_F(GatewayTokens, EveryCommandButHealthNeedsAToken) {
  std::vector<v1::RequestT> requests = {deploy("c-1", "web"),
                                        kill("c-2", "web"),
                                        restart("c-3", "web"),
                                        status("web"),
                                        list(),
                                        grant("c-4", a, {Permission::read}),
                                        revoke("c-5", a)};
  v1::RequestT request = status("x");
  request.body.Set(v1::LogsT());
  request.body.AsLogs()->service = "web";
  requests.push_back(request);
  request.body.Set(v1::RecoveryT());
  requests.push_back(request);
  request.body.Set(v1::VerificationT());
  requests.push_back(request);
  request.body.Set(v1::InventoryT());
  requests.push_back(request);
  request.body.Set(v1::RepairT());
  requests.push_back(request);
  request.body.Set(v1::PublishT());
  requests.push_back(request);
  request.body.Set(v1::TokenListT());
  requests.push_back(request);
  request.body.Set(v1::TokenInspectT());
  requests.push_back(request);
  const std::size_t before = world.log().records().size();
  for (auto& each : requests) {
    each.token.clear();
    EXPECT_EQ(code_of(peer.ask(each)), ErrorCode::unauthenticated) << v1::EnumNameCommand(each.body.type);
  }
  EXPECT_EQ(world.log().records().size(), before);
}

TEST_F(GatewayTokens, HealthWithoutATokenTellsStatusAndVersionAlone) {
  v1::RequestT request = health();
  const auto full = peer.ask(request);
  ASSERT_TRUE(full.ok);
  EXPECT_TRUE(audit.entries().empty()) << "health needs nothing, so a good token was used for nothing";
  EXPECT_NE(full.body.AsHealthReport()->uptime_ms, 0);
  EXPECT_TRUE(full.body.AsHealthReport()->queues);
  for (const std::string& text : {std::string(), a.text}) {
    request.token = text;
    const auto reply = peer.ask(request);
    ASSERT_TRUE(reply.ok);
    const auto* report = reply.body.AsHealthReport();
    EXPECT_EQ(report->version, "test");
    EXPECT_EQ(report->uptime_ms, 0);
    EXPECT_FALSE(report->queues);
    EXPECT_FALSE(report->services);
  }
}

TEST_F(GatewayTokens, ATokenMayDoWhatItWasGrantedAndTheAnswerNamesWhatItMayNot) {
  const auto granted = peer.ask(grant("g-1", a, {Permission::read, Permission::deploy}));
  ASSERT_TRUE(granted.ok) << granted.error->message;
  const auto* info = granted.body.AsTokenInfo();
  ASSERT_NE(info, nullptr);
  EXPECT_EQ(info->accessor, a.accessor);
  EXPECT_EQ(info->state, v1::TokenState::live);
  EXPECT_EQ(info->parent, test_root().accessor);
  EXPECT_TRUE(peer.ask(with(a, deploy("d-1", "web"))).ok);
  const auto denied = peer.ask(with(a, kill("k-1", "web")));
  EXPECT_EQ(code_of(denied), ErrorCode::permission_denied);
  EXPECT_NE(denied.error->message.find("permission kill"), std::string::npos) << denied.error->message;
  EXPECT_EQ(code_of(peer.ask(with(a, list("globex")))), ErrorCode::permission_denied);
  EXPECT_EQ(code_of(peer.ask(with(a, list("*")))), ErrorCode::permission_denied);
  EXPECT_TRUE(peer.ask(list("*")).ok);
  const auto entries = audit.entries();
  EXPECT_EQ(entries.at(1), (Audit::Entry{a.accessor, Permission::deploy, "Deploy", v1::DenialReason::unspecified}));
  EXPECT_EQ(entries.at(2), (Audit::Entry{a.accessor, Permission::kill, "Kill", v1::DenialReason::permission}));
  EXPECT_EQ(entries.at(3), (Audit::Entry{a.accessor, Permission::read, "List", v1::DenialReason::tenant}));
}

TEST_F(GatewayTokens, AnEventCarriesTheAccessorOfTheTokenThatAskedForIt) {
  ASSERT_TRUE(peer.ask(grant("g-1", a, {Permission::deploy})).ok);
  ASSERT_TRUE(peer.ask(with(a, deploy("d-1", "web"))).ok);
  const auto event = schemas::decode_event(world.log().records().back().value);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->actor, a.accessor);
}

TEST_F(GatewayTokens, AListHasTheServicesThatTheTokenIsFor) {
  v1::RequestT request = grant("g-1", a, {Permission::read});
  request.body.AsTokenGrant()->services = "web*";
  ASSERT_TRUE(peer.ask(request).ok);
  for (const char* service : {"db", "web", "web-2"}) {
    ASSERT_TRUE(peer.ask(deploy(std::string("d-") + service, service)).ok);
  }
  const auto reply = peer.ask(with(a, list()));
  ASSERT_TRUE(reply.ok);
  ASSERT_EQ(reply.body.AsServiceList()->services.size(), 2U);
  EXPECT_EQ(reply.body.AsServiceList()->services[0]->service, "web");
  EXPECT_EQ(code_of(peer.ask(with(a, status("db")))), ErrorCode::permission_denied);
}

TEST_F(GatewayTokens, ARetriedGrantIsAnsweredAsTheFirstAndAnotherOfTheSameHashRefused) {
  const auto first = peer.ask(grant("g-1", a, {Permission::read}));
  const auto again = peer.ask(grant("g-1", a, {Permission::read}));
  ASSERT_TRUE(again.ok);
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.position, first.position);
  EXPECT_EQ(code_of(peer.ask(grant("g-2", a, {Permission::read}))), ErrorCode::already_exists);
}

TEST_F(GatewayTokens, ARetriedGrantIsAnsweredThoughItsGranterHasLessTimeLeftByNow) {
  v1::RequestT parent = grant("g-1", a, {Permission::grant, Permission::read});
  parent.body.AsTokenGrant()->ttl_ms = 3'600'000;
  ASSERT_TRUE(peer.ask(parent).ok);
  v1::RequestT child = with(a, grant("g-2", b, {Permission::read}));
  const std::int64_t expires_at = peer.ask(with(a, inspect(a))).body.AsTokenInfo()->expires_at;
  // As much as there is when it comes, and less than a millisecond later no more.
  v1::ReplyT first;
  for (std::uint64_t slack = 0; slack < 1'000 && !first.ok; ++slack) {
    child.body.AsTokenGrant()->ttl_ms =
        static_cast<std::uint64_t>(expires_at - producers::SystemClock().wall_us()) / 1'000 - slack;
    first = peer.ask(child);
  }
  ASSERT_TRUE(first.ok) << first.error->message;
  std::uint64_t others = 0;
  ASSERT_TRUE(World::eventually([&] {
    v1::RequestT other = child;
    other.id = "other-" + std::to_string(++others);
    other.body.AsTokenGrant()->hash = test_token(1'000 + others).hex;
    return code_of(peer.ask(other)) == ErrorCode::permission_denied;
  })) << "a new one of that length is too long by now";
  const auto again = peer.ask(child);
  ASSERT_TRUE(again.ok) << again.error->message;
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.position, first.position);
}

TEST_F(GatewayTokens, ARetriedRevocationIsAnsweredThoughItsTokenWasSweptOut) {
  ASSERT_TRUE(peer.ask(grant("g-1", a, {Permission::grant, Permission::read, Permission::revoke})).ok);
  v1::RequestT child = with(a, grant("g-2", b, {Permission::read}));
  child.body.AsTokenGrant()->ttl_ms = 1;
  ASSERT_TRUE(peer.ask(child).ok);
  const auto first = peer.ask(with(a, revoke("r-1", b)));
  ASSERT_TRUE(first.ok) << first.error->message;
  ASSERT_TRUE(World::eventually([&] {
    world.sweep("acme", {b.hex});
    return !world.views().partition(0).token(b.accessor)->has_value();
  }));
  EXPECT_EQ(code_of(peer.ask(with(a, revoke("r-2", b)))), ErrorCode::permission_denied) << "nobody's, by now";
  const auto again = peer.ask(with(a, revoke("r-1", b)));
  ASSERT_TRUE(again.ok) << again.error->message;
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.position, first.position);
}

TEST_F(GatewayTokens, ARetryLearnsNothingOnceItsTokenIsRevokedOrByAnotherWithoutThePermission) {
  ASSERT_TRUE(peer.ask(grant("g-1", a, {Permission::grant, Permission::read})).ok);
  ASSERT_TRUE(peer.ask(with(a, grant("g-2", b, {Permission::read}))).ok);
  EXPECT_EQ(code_of(peer.ask(with(b, grant("g-2", b, {Permission::read})))), ErrorCode::permission_denied);
  ASSERT_TRUE(peer.ask(revoke("r-1", a)).ok);
  const auto again = peer.ask(with(a, grant("g-2", b, {Permission::read})));
  EXPECT_EQ(code_of(again), ErrorCode::unauthenticated);
  EXPECT_EQ(again.position, "");
  EXPECT_FALSE(again.duplicate);
}

TEST_F(GatewayTokens, ARevocationThatWasAnsweredHolds) {
  for (int round = 0; round < 50; ++round) {
    const TestToken parent = test_token(100 + round);
    const TestToken child = test_token(200 + round);
    const std::string id = std::to_string(round);
    ASSERT_TRUE(peer.ask(grant("g-" + id, parent, {Permission::admin})).ok);
    ASSERT_TRUE(peer.ask(with(parent, grant("c-" + id, child, {Permission::read}))).ok);
    ASSERT_TRUE(peer.ask(with(child, list())).ok);
    ASSERT_TRUE(peer.ask(revoke("r-" + id, parent)).ok);
    EXPECT_EQ(code_of(peer.ask(with(child, list()))), ErrorCode::unauthenticated);
    EXPECT_EQ(code_of(peer.ask(with(parent, list()))), ErrorCode::unauthenticated);
  }
}

TEST_F(GatewayTokens, ARevocationReachesAReadThatWaits) {
  ASSERT_TRUE(peer.ask(grant("g-1", a, {Permission::read})).ok);
  v1::RequestT waiting = with(a, list());
  waiting.after = "0:" + std::to_string(world.log().records().size() + 1);
  peer.send(waiting);
  Peer other(world.endpoint());
  ASSERT_TRUE(other.ask(revoke("r-1", a)).ok);
  ASSERT_TRUE(other.ask(deploy("d-1", "web")).ok);
  EXPECT_EQ(code_of(peer.reply()), ErrorCode::unauthenticated);
}

TEST_F(GatewayTokens, ACommandOnItsWayWhenItsTokenIsRevokedIsRejectedByTheLog) {
  ASSERT_TRUE(peer.ask(grant("g-1", a, {Permission::deploy})).ok);
  world.hold_views();
  const std::size_t before = world.log().records().size();
  Peer other(world.endpoint());
  other.send(revoke("r-1", a));
  ASSERT_TRUE(World::eventually([&] { return world.log().records().size() == before + 1; }));
  // The views do not know yet, so the gateway lets it through.
  peer.send(with(a, deploy("d-1", "web")));
  ASSERT_TRUE(World::eventually([&] { return world.log().records().size() == before + 2; }));
  world.resume_views();
  EXPECT_TRUE(other.reply().ok);
  EXPECT_EQ(code_of(peer.reply()), ErrorCode::unauthenticated);
  EXPECT_EQ(code_of(peer.ask(status("web"))), ErrorCode::not_found);
}

TEST_F(GatewayTokens, TokensAreListedAndInspected) {
  ASSERT_TRUE(peer.ask(grant("g-1", a, {Permission::grant, Permission::read})).ok);
  ASSERT_TRUE(peer.ask(with(a, grant("g-2", b, {Permission::read}))).ok);
  v1::RequestT request = status("x");
  request.body.Set(v1::TokenListT());
  const auto table = peer.ask(with(a, request));
  ASSERT_TRUE(table.ok) << table.error->message;
  ASSERT_EQ(table.body.AsTokenTable()->tokens.size(), 2U);
  request.body.Set(v1::TokenInspectT());
  request.body.AsTokenInspect()->accessor = b.accessor;
  const auto info = peer.ask(with(a, request));
  ASSERT_TRUE(info.ok);
  EXPECT_EQ(info.body.AsTokenInfo()->parent, a.accessor);
  EXPECT_EQ(info.body.AsTokenInfo()->depth, 2U);
  EXPECT_EQ(code_of(peer.ask(with(b, request))), ErrorCode::permission_denied);
  request.tenant = "*";
  request.body.Set(v1::TokenListT());
  request.body.AsTokenList()->limit = 1;
  std::size_t all = 0;
  do {
    const auto page = peer.ask(request);
    ASSERT_TRUE(page.ok);
    all += page.body.AsTokenTable()->tokens.size();
    request.body.AsTokenList()->next = page.body.AsTokenTable()->next;
  } while (!request.body.AsTokenList()->next.empty());
  EXPECT_EQ(all, 3U);
}

TEST_F(GatewayTokens, OnesOwnAreRevokedWithoutAdmin) {
  ASSERT_TRUE(peer.ask(grant("g-1", a, {Permission::grant, Permission::revoke, Permission::read})).ok);
  ASSERT_TRUE(peer.ask(with(a, grant("g-2", b, {Permission::read}))).ok);
  const TestToken c = test_token(3);
  ASSERT_TRUE(peer.ask(grant("g-3", c, {Permission::read})).ok);
  EXPECT_EQ(code_of(peer.ask(with(a, revoke("r-1", c)))), ErrorCode::permission_denied);
  EXPECT_TRUE(peer.ask(with(a, revoke("r-2", b))).ok);
  v1::RequestT all = status("x");
  all.id = "r-3";
  all.body.Set(v1::TokenRevokeT());
  all.body.AsTokenRevoke()->all = true;
  EXPECT_EQ(code_of(peer.ask(with(a, all))), ErrorCode::permission_denied);
  EXPECT_TRUE(peer.ask(all).ok);
  EXPECT_EQ(code_of(peer.ask(with(c, list()))), ErrorCode::unauthenticated);
}

}  // namespace
}  // namespace solo::testing
