// Tokens over deaths of the daemon at random instants: what was granted works afterwards, what was revoked never does.
#include "tests/support/tokens.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "tests/support/daemon.h"

namespace solo::testing {
namespace {

using std::chrono::milliseconds;

v1::RequestT request_of(std::string id, v1::CommandUnion body) {
  v1::RequestT request;
  request.id = std::move(id);
  request.tenant = "acme";
  request.body = std::move(body);
  return request;
}

v1::RequestT grant(std::uint64_t number) {
  v1::TokenGrantT body;
  body.hash = test_token(number).hex;
  body.permissions = {v1::Permission::read};
  v1::CommandUnion command;
  command.Set(std::move(body));
  return request_of("grant-" + std::to_string(number), std::move(command));
}

v1::RequestT revoke(std::uint64_t number) {
  v1::TokenRevokeT body;
  body.accessor = test_token(number).accessor;
  v1::CommandUnion command;
  command.Set(std::move(body));
  return request_of("revoke-" + std::to_string(number), std::move(command));
}

v1::RequestT list_with(std::uint64_t number) {
  v1::CommandUnion command;
  command.Set(v1::ListT());
  v1::RequestT request = request_of("list-" + std::to_string(number), std::move(command));
  request.token = test_token(number).text;
  return request;
}

/// What is known of one token.
enum class Known { nothing, granted, maybe_revoked, revoked };

class Tokens {
 public:
  explicit Tokens(Daemon& daemon) : daemon_(daemon) {}

  /// Grants and revokes until the daemon is gone.
  void work(std::mt19937_64& random) {
    auto client = producers::CommandClient::connect({daemon_.endpoint(), milliseconds(10'000), daemon_.root_token()});
    if (!client) return;
    for (;;) {
      const bool revoking = !open_.empty() && random() % 3 == 0;
      const std::uint64_t number = revoking ? open_[random() % open_.size()] : next_;
      if (revoking) {
        known_[number] = Known::maybe_revoked;
        std::erase(open_, number);
      } else {
        known_[next_++] = Known::nothing;
      }
      const auto reply = (*client)->call(revoking ? revoke(number) : grant(number));
      if (!reply || !reply->ok) return;
      known_[number] = revoking ? Known::revoked : Known::granted;
      if (!revoking) open_.push_back(number);
      ++acknowledged_;
    }
  }

  void check() {
    auto client = daemon_.client();
    for (const auto& [number, known] : known_) {
      if (known == Known::nothing || known == Known::maybe_revoked) continue;
      const auto reply = client->call(list_with(number));
      ASSERT_TRUE(reply) << reply.error().message;
      EXPECT_EQ(reply->ok, known == Known::granted) << "token " << number << "\n" << daemon_.log();
    }
  }

  /// What was not answered is asked for again by the same id.
  void settle() {
    auto client = daemon_.client();
    for (auto& [number, known] : known_) {
      if (known == Known::nothing) {
        const auto reply = client->call(grant(number));
        ASSERT_TRUE(reply && reply->ok) << "grant " << number;
        known = Known::granted;
        open_.push_back(number);
      } else if (known == Known::maybe_revoked) {
        const auto reply = client->call(revoke(number));
        ASSERT_TRUE(reply && reply->ok) << "revoke " << number;
        known = Known::revoked;
      }
    }
  }

  std::uint64_t acknowledged() const { return acknowledged_; }

 private:
  Daemon& daemon_;
  std::uint64_t next_ = 1'000;
  std::map<std::uint64_t, Known> known_;
  std::vector<std::uint64_t> open_;
  std::atomic<std::uint64_t> acknowledged_ = 0;
};

TEST(TokensChaos, WhatWasGrantedWorksAndWhatWasRevokedNeverDoesOverDeathsAtRandomInstants) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  Daemon daemon;
  Tokens tokens(daemon);
  ASSERT_TRUE(daemon.start()) << daemon.log();
  const std::string root = daemon.root_token();
  for (int round = 0; round < 8; ++round) {
    std::thread worker([&] { tokens.work(random); });
    std::this_thread::sleep_for(milliseconds(50 + static_cast<int>(seed >> (4 * round) & 15) * 20));
    // On a slow machine a little longer: a daemon that was told nothing has nothing to lose.
    const auto enough = static_cast<std::uint64_t>(15 * (round + 1));
    EXPECT_TRUE(eventually([&] { return tokens.acknowledged() >= enough; })) << daemon.log();
    if (round % 2 == 0) {
      daemon.kill9();
    } else {
      EXPECT_EQ(daemon.stop(), 0) << daemon.log();
    }
    worker.join();
    // Asked from the first moment on: a daemon that has not read its log must not take what was revoked.
    daemon.launch();
    ASSERT_TRUE(eventually([&] {
      return producers::CommandClient::connect({daemon.endpoint(), milliseconds(1000)}).has_value();
    }));
    tokens.check();
    ASSERT_TRUE(daemon.wait_until_ok()) << daemon.log();
    if (round % 3 == 0) tokens.settle();
    EXPECT_EQ(daemon.root_token(), root);
  }
  tokens.settle();
  tokens.check();
  EXPECT_GT(tokens.acknowledged(), 100U);
}

}  // namespace
}  // namespace solo::testing
