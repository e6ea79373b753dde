// What the audit hears of requests, and that none waits for it.
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "producers/audit_recorder.h"
#include "schemas/codec.h"
#include "tests/integration/gateway/peer.h"
#include "tests/integration/gateway/world.h"

namespace solo::testing {
namespace {

using producers::AuditRecorder;
using v1::DenialReason;
using v1::Permission;

/// Keeps what it is given; never comes back while it is closed.
class Sink final : public producers::AuditSink {
 public:
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    bool open = true;
    bool entered = false;
    std::vector<std::string> records;
  };
  explicit Sink(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  schemas::Result<void> write(const std::vector<std::string>& records) override {
    std::unique_lock lock(shared_->mutex);
    shared_->entered = true;
    shared_->changed.notify_all();
    shared_->changed.wait(lock, [this] { return shared_->open; });
    shared_->records.insert(shared_->records.end(), records.begin(), records.end());
    return {};
  }
  Condition condition() const override { return {}; }

 private:
  std::shared_ptr<Shared> shared_;
};

class GatewayAudit : public ::testing::Test {
 protected:
  GatewayAudit() {
    producers::AuditRecorderOptions options;
    options.node = "a";
    options.run = "run";
    options.interval = std::chrono::milliseconds(1);
    options.peer_name = [this](producers::PeerId peer) { return world_->gateway().peer_name(peer); };
    audit_ = std::make_unique<AuditRecorder>(options, std::make_unique<Sink>(shared_), clock_);
    producers::GatewayOptions gateway;
    gateway.audit = audit_.get();
    world_ = std::make_unique<World>(gateway);
    peer_ = std::make_unique<Peer>(world_->endpoint());
    reader_ = grant(1, {Permission::read}, "acme", "*");
  }
  ~GatewayAudit() override {
    set_open(true);
    peer_.reset();
    world_.reset();
  }

  TestToken grant(std::uint64_t number, std::vector<Permission> permissions, const std::string& tenant,
                  const std::string& services) {
    const TestToken token = test_token(number);
    v1::CapabilityGrantedT granted;
    granted.hash = token.hex;
    granted.permissions = std::move(permissions);
    granted.services = services;
    granted.ttl_ms = 3'600'000;
    v1::PayloadUnion payload;
    payload.Set(std::move(granted));
    v1::EventT event =
        command_event(tenant, "grant-" + std::to_string(number), std::move(payload), test_root().accessor);
    event.time = clock_.wall_us();
    world_->log().put(0, tenant, schemas::encode(event));
    world_->wait_applied();
    return token;
  }
  void set_open(bool open) {
    const std::lock_guard lock(shared_->mutex);
    shared_->open = open;
    shared_->changed.notify_all();
  }
  v1::ReplyT ask(v1::RequestT request, const std::string& token) {
    request.token = token;
    return peer_->ask(request);
  }

  struct Heard {
    std::map<std::pair<std::string, Permission>, std::uint64_t> verified;
    std::map<std::pair<DenialReason, std::string>, std::uint64_t> denied;
    std::vector<v1::CapabilityDeniedT> denials;
    std::string bytes;
  };
  /// Everything, once the recorder has ended.
  Heard heard() {
    EXPECT_TRUE(audit_->stop(std::chrono::steady_clock::now() + kPatience));
    Heard heard;
    for (const std::string& record : shared_->records) {
      heard.bytes += record;
      const auto event = schemas::decode_event(record);
      if (const auto* one = event->payload.AsCapabilityVerified()) {
        heard.verified[{one->accessor, one->permission}] += one->count;
      } else if (const auto* other = event->payload.AsCapabilityDenied()) {
        heard.denied[{other->reason, other->accessor}] += 1 + other->suppressed;
        heard.denials.push_back(*other);
      }
    }
    return heard;
  }

  std::shared_ptr<Sink::Shared> shared_ = std::make_shared<Sink::Shared>();
  producers::SystemClock clock_;
  std::unique_ptr<AuditRecorder> audit_;
  std::unique_ptr<World> world_;
  std::unique_ptr<Peer> peer_;
  TestToken reader_;
};

TEST_F(GatewayAudit, EveryUseIsCountedAndEveryDenialHasItsReasonAndItsToken) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(ask(list(), reader_.text).ok);
  ASSERT_TRUE(ask(deploy("a-1", "web"), test_root().text).ok);
  const TestToken unknown = test_token(99);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(ask(list(), unknown.text).ok);
  EXPECT_FALSE(ask(list(), "").ok);
  EXPECT_FALSE(ask(list(), "solo_short").ok);
  EXPECT_EQ(code_of(ask(deploy("a-2", "web2"), reader_.text)), v1::ErrorCode::permission_denied);

  const Heard heard = this->heard();
  EXPECT_EQ(heard.verified.at({reader_.accessor, Permission::read}), 20U);
  EXPECT_EQ(heard.verified.at({test_root().accessor, Permission::deploy}), 1U);
  EXPECT_EQ(heard.verified.size(), 2U) << "and nothing else";
  EXPECT_EQ(heard.denied.at({DenialReason::unknown, ""}), 3U);
  EXPECT_EQ(heard.denied.at({DenialReason::missing, ""}), 1U);
  EXPECT_EQ(heard.denied.at({DenialReason::malformed, ""}), 1U);
  EXPECT_EQ(heard.denied.at({DenialReason::permission, reader_.accessor}), 1U);
  for (const auto& denial : heard.denials) {
    EXPECT_EQ(denial.peer, world_->endpoint());
    EXPECT_FALSE(denial.command.empty());
  }
  for (const TestToken& token : {reader_, test_root(), unknown}) {
    EXPECT_EQ(heard.bytes.find(token.text), std::string::npos) << "no secret";
    EXPECT_EQ(heard.bytes.find(token.hex), std::string::npos) << "nor what it is known by";
  }
}

TEST_F(GatewayAudit, AnAuditThatNeverComesBackDelaysNoCommand) {
  constexpr std::uint64_t kRequests = 3'000;
  set_open(false);
  EXPECT_FALSE(ask(list(), "").ok);
  {
    std::unique_lock lock(shared_->mutex);
    ASSERT_TRUE(shared_->changed.wait_for(lock, kPatience, [this] { return shared_->entered; }));
  }
  // Were one of them to wait for it, this would never end.
  for (std::uint64_t i = 0; i < kRequests; ++i) ASSERT_TRUE(ask(list(), reader_.text).ok);
  for (std::uint64_t i = 0; i < kRequests; ++i) ASSERT_FALSE(ask(list(), test_token(99).text).ok);
  EXPECT_GT(audit_->condition().pending, 0U);
  set_open(true);
  const Heard heard = this->heard();
  EXPECT_EQ(heard.verified.at({reader_.accessor, Permission::read}), kRequests);
  EXPECT_EQ(heard.denied.at({DenialReason::unknown, ""}), kRequests);
  EXPECT_EQ(audit_->condition().dropped, 0U);
}

}  // namespace
}  // namespace solo::testing
