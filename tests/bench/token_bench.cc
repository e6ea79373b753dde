// What checking tokens costs, over a million live ones, beside the bare thing: SHA-256 of the same texts, a table
// lookup and a constant-time compare. Then what a start costs until the first check succeeds, and what ending the
// parent of many costs.
//
//   token_bench [TOKENS [CHECKS]]
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <random>
#include <span>
#include <unordered_map>

#include "projections/token_checker.h"
#include "projections/views.h"
#include "schemas/codec.h"
#include "tests/bench/table.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tokens.h"

namespace solo::bench {
namespace {

using Clock = std::chrono::steady_clock;
using projections::TokenChecker;
using projections::Views;
using schemas::LogRecord;
using schemas::TokenHash;
using testing::test_token;
using testing::TestToken;

constexpr std::int64_t kNow = 1'700'000'000'000'000;
constexpr std::size_t kBatch = 1000;
constexpr std::size_t kFamilies = 1'000;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(3);
}

template <class T>
T taken(schemas::Result<T> result) {
  if (!result) give_up(result.error().message);
  return *std::move(result);
}

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// A log of grants, applied as it grows.
class World {
 public:
  World() { open(); }

  void open() {
    projections::ViewOptions options;
    options.directory = directory_.path();
    options.log_uuid = "bench";
    views_ = taken(Views::open(options, nullptr));
    checker_ = std::make_unique<TokenChecker>(*views_, projections::CheckerOptions{.max_tokens = 1'200'000});
    if (next_ > 0) return;
    v1::SystemInitializedT genesis;
    genesis.log_uuid = "bench";
    genesis.rules = 1;
    genesis.partitions = 1;
    v1::PayloadUnion payload;
    payload.Set(std::move(genesis));
    v1::EventT event = testing::command_event("system", "genesis", std::move(payload));
    event.source = "/nodes/bench";
    add(std::move(event));
    add(testing::test_root_event());
    apply();
  }
  void close() {
    if (auto flushed = views_->flush(); !flushed) give_up(flushed.error().message);
    checker_.reset();
    views_.reset();
  }

  void add(v1::EventT event) {
    event.time = kNow;
    records_.push_back({{0, next_++}, kNow, event.tenant, schemas::encode(event)});
    if (records_.size() == kBatch) apply();
  }
  void apply() {
    taken(views_->partition(0).apply(records_));
    records_.clear();
  }
  void grant(const TestToken& token, const std::string& parent) {
    v1::CapabilityGrantedT granted;
    granted.hash = token.hex;
    granted.permissions = {v1::Permission::read};
    granted.ttl_ms = 3'600'000;
    v1::PayloadUnion payload;
    payload.Set(std::move(granted));
    add(testing::command_event("acme", "g-" + std::to_string(next_), std::move(payload), parent));
  }
  void revoke(const TestToken& token) {
    v1::CapabilityRevokedT revoked;
    revoked.accessor = token.accessor;
    v1::PayloadUnion payload;
    payload.Set(std::move(revoked));
    add(testing::command_event("acme", "r-" + std::to_string(next_), std::move(payload)));
    apply();
  }
  bool good(const std::string& token) { return taken(checker_->check(token, "acme", kNow)).good(); }

 private:
  testing::TempDir directory_;
  std::int64_t next_ = 0;
  std::vector<LogRecord> records_;
  std::unique_ptr<Views> views_;
  std::unique_ptr<TokenChecker> checker_;
};

struct FirstBytes {
  std::size_t operator()(const TokenHash& hash) const {
    std::size_t bits = 0;
    std::memcpy(&bits, hash.bytes.data(), sizeof bits);
    return bits;
  }
};

/// The bare thing: what any table of tokens would have to do.
class Table {
 public:
  void add(const TokenHash& hash) { known_.emplace(hash, kNow); }
  bool good(const std::string& token) const {
    // TokenHash compares in constant time.
    const auto at = known_.find(schemas::hash_token(token));
    return at != known_.end() && at->second == kNow;
  }

 private:
  std::unordered_map<TokenHash, std::int64_t, FirstBytes> known_;
};

/// A second's checks, the tokens in no order.
template <class Check>
double rate(const std::vector<std::string>& tokens, std::size_t checks, unsigned seed, Check check) {
  std::minstd_rand random(seed);
  std::size_t good = 0;
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < checks; ++i) good += check(tokens[random() % tokens.size()]) ? 1U : 0U;
  const double seconds = seconds_since(begin);
  if (good != checks) give_up("a token was refused");
  return static_cast<double>(checks) / seconds;
}

void checks(std::size_t tokens, std::size_t count) {
  World world;
  Table table;
  std::vector<std::string> children;
  std::vector<std::string> third;
  std::vector<TestToken> second;
  const auto take = [&](const TestToken& token) { table.add(token.hash); };
  for (std::size_t at = 0; at < kFamilies; ++at) {
    const TestToken first = test_token(1'000'000'000 + at);
    second.push_back(test_token(2'000'000'000 + at));
    world.grant(first, testing::test_root().accessor);
    world.grant(second.back(), first.accessor);
    take(first);
    take(second.back());
  }
  const auto begin = Clock::now();
  for (std::size_t at = 0; at + 2 * kFamilies < tokens; ++at) {
    const TestToken token = test_token(1 + at);
    const bool deep = at % 2 == 0;
    world.grant(token, deep ? second[at % kFamilies].accessor : testing::test_root().accessor);
    (deep ? third : children).push_back(token.text);
    take(token);
  }
  world.apply();
  std::printf("(%zu tokens made, granted and applied at %.0f/s)\n", tokens,
              static_cast<double>(tokens) / seconds_since(begin));
  // All are known from here on.
  for (const auto* all : {&children, &third}) {
    for (const auto& token : *all) {
      if (!world.good(token)) give_up("a token was refused");
    }
  }
  constexpr int kSlices = 7;
  std::vector<double> bare;
  std::vector<double> bare_third;
  std::vector<double> solo;
  std::vector<double> solo_third;
  for (unsigned slice = 0; slice < kSlices; ++slice) {
    const auto in_table = [&](const std::string& token) { return table.good(token); };
    const auto by_checker = [&](const std::string& token) { return world.good(token); };
    bare.push_back(rate(children, count / kSlices, 2 * slice + 1, in_table));
    solo.push_back(rate(children, count / kSlices, 2 * slice + 1, by_checker));
    bare_third.push_back(rate(third, count / kSlices, 2 * slice + 2, in_table));
    solo_third.push_back(rate(third, count / kSlices, 2 * slice + 2, by_checker));
  }
  print(Row{"checks a second, " + std::to_string(tokens) + " tokens", "/s", median(bare), median(solo), Bound::at_least,
            0.6});
  print(
      Row{"the same of tokens three levels down", "/s", median(bare_third), median(solo_third), Bound::at_least, 0.5});
}

/// Milliseconds from a closed database to the first check that succeeds.
void restored(std::size_t tokens) {
  World world;
  for (std::size_t at = 1; at <= tokens; ++at) world.grant(test_token(at), testing::test_root().accessor);
  world.apply();
  std::vector<double> times;
  for (std::size_t round = 1; round <= 9; ++round) {
    world.close();
    const auto begin = Clock::now();
    world.open();
    if (!world.good(test_token(round * tokens / 10).text)) give_up("a token was refused");
    times.push_back(seconds_since(begin) * 1e3);
  }
  print(Row{"a start with " + std::to_string(tokens) + " tokens, until the first check", "ms", 100, median(times),
            Bound::at_most, 1});
}

void family(std::size_t children) {
  World world;
  const TestToken parent = test_token(3'000'000'000);
  world.grant(parent, testing::test_root().accessor);
  std::vector<std::string> tokens;
  for (std::size_t at = 1; at <= children; ++at) {
    const TestToken token = test_token(at);
    world.grant(token, parent.accessor);
    tokens.push_back(token.text);
  }
  const TestToken other = test_token(4'000'000'000);
  const TestToken single = test_token(4'000'000'001);
  world.grant(other, testing::test_root().accessor);
  world.grant(single, testing::test_root().accessor);
  world.apply();
  for (const auto& token : tokens) (void)world.good(token);
  (void)world.good(single.text);
  const auto time = [](auto&& action) {
    const auto begin = Clock::now();
    action();
    return seconds_since(begin) * 1e6;
  };
  const double one = time([&] { world.revoke(single); });
  const double all = time([&] { world.revoke(parent); });
  const double check = time([&] {
    if (!world.good(other.text)) give_up("a token was refused");
  });
  std::size_t alive = 0;
  for (const auto& token : tokens) alive += world.good(token) ? 1U : 0U;
  if (alive != 0) give_up("a token lives on whose parent was revoked");
  print(Row{"revoking the parent of " + std::to_string(children) + ", against one token", "us", one, all,
            Bound::at_most, 2, 50});
  print(Row{"the next check of another token", "us", one, check, Bound::at_most, 1, 50});
}

}  // namespace

int main_with(std::size_t tokens, std::size_t count) {
  print_header();
  checks(tokens, count);
  restored(10'000);
  family(100'000);
  return 0;
}

}  // namespace solo::bench

int main(int argc, char** argv) {
  return solo::bench::main_with(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1'000'000,
                                argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 7'000'000);
}
