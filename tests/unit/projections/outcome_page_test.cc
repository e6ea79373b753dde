#include "projections/outcome_page.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <set>
#include <vector>

#include "projections/outcome_index.h"

namespace solo::testing {
namespace {

using projections::NewOutcome;
using projections::OutcomeEntry;

std::vector<NewOutcome> read(std::string_view page) {
  std::vector<NewOutcome> outcomes;
  EXPECT_TRUE(projections::read_outcome_page(page, [&](const NewOutcome& one) { outcomes.push_back(one); }));
  return outcomes;
}

bool same(const NewOutcome& left, const NewOutcome& right) {
  return left.tenant == right.tenant && left.source == right.source && left.id == right.id &&
         left.offset == right.offset && left.sequence == right.sequence && left.fingerprint == right.fingerprint &&
         left.outcome == right.outcome && left.code == right.code && left.message == right.message &&
         left.service == right.service && left.generation == right.generation &&
         left.restart_epoch == right.restart_epoch;
}

/// Few texts, so that some follow themselves.
std::string any_text() {
  return *rc::gen::oneOf(rc::gen::element<std::string>("", "acme", "globex", std::string(300, 'x'), "a\0b"),
                         rc::gen::arbitrary<std::string>());
}

/// Small and large, and the largest.
std::uint64_t any_number() {
  return *rc::gen::oneOf(rc::gen::inRange<std::uint64_t>(0, 300), rc::gen::arbitrary<std::uint64_t>(),
                         rc::gen::just(std::numeric_limits<std::uint64_t>::max()));
}

struct Written {
  std::vector<std::string> texts;
  std::vector<NewOutcome> outcomes;
  std::string page;
};

Written any_page() {
  Written written;
  const auto count = *rc::gen::inRange<std::size_t>(0, 12);
  written.texts.reserve(count * 5);
  const auto text = [&]() -> std::string_view { return written.texts.emplace_back(any_text()); };
  projections::OutcomePageWriter writer;
  for (std::size_t at = 0; at < count; ++at) {
    NewOutcome outcome;
    outcome.tenant = text();
    outcome.source = text();
    outcome.id = text();
    outcome.message = text();
    outcome.service = text();
    outcome.offset = static_cast<std::int64_t>(any_number());
    outcome.sequence = any_number();
    outcome.fingerprint = {any_number(), any_number()};
    outcome.outcome = at % 2 == 0 ? v1::Outcome::applied : v1::Outcome::rejected;
    outcome.code = static_cast<v1::ErrorCode>(at % 10);
    outcome.generation = any_number();
    outcome.restart_epoch = any_number();
    writer.add(outcome);
    written.outcomes.push_back(outcome);
  }
  RC_ASSERT(writer.count() == count);
  written.page = writer.bytes();
  return written;
}

RC_GTEST_PROP(OutcomePage, SaysWhatWasAdded, ()) {
  const Written written = any_page();
  const auto found = read(written.page);
  RC_ASSERT(found.size() == written.outcomes.size());
  for (std::size_t at = 0; at < found.size(); ++at) RC_ASSERT(same(found[at], written.outcomes[at]));
}

RC_GTEST_PROP(OutcomePage, IsReadWithinItsBoundsWhateverStandsThere, ()) {
  std::string page = any_page().page;
  RC_PRE(!page.empty());
  if (*rc::gen::arbitrary<bool>()) {
    page.resize(*rc::gen::inRange<std::size_t>(0, page.size()));
  } else {
    page[*rc::gen::inRange<std::size_t>(0, page.size())] = *rc::gen::arbitrary<char>();
  }
  // On the heap at its own size, so that a sanitizer sees a look behind it.
  const std::vector<char> exact(page.begin(), page.end());
  std::size_t seen = 0;
  projections::read_outcome_page({exact.data(), exact.size()},
                                 [&](const NewOutcome& one) { seen += one.id.size() + one.message.size(); });
}

TEST(OutcomePage, BeginsAnewWhenCleared) {
  projections::OutcomePageWriter writer;
  NewOutcome outcome;
  outcome.tenant = "acme";
  outcome.offset = 7;
  writer.add(outcome);
  const std::string first(writer.bytes());
  writer.clear();
  EXPECT_EQ(writer.count(), 0U);
  writer.add(outcome);
  EXPECT_EQ(writer.bytes(), first);
  EXPECT_EQ(read(first).front().tenant, "acme");
}

RC_GTEST_PROP(OutcomeIndex, FindsThePagesOfAHashWhateverWasAddedAndTakenOut, ()) {
  projections::OutcomeIndex index;
  std::vector<OutcomeEntry> held;
  const auto crowded = *rc::gen::arbitrary<bool>();
  std::int64_t page = 0;
  const auto steps = *rc::gen::inRange<int>(0, 3000);
  std::uint64_t state = *rc::gen::arbitrary<std::uint64_t>() | 1U;
  const auto next = [&state] { return state = state * 6364136223846793005ULL + 1442695040888963407ULL; };
  for (int step = 0; step < steps; ++step) {
    if (!held.empty() && (next() >> 33U) % 5 == 0) {
      const std::size_t at = (next() >> 33U) % held.size();
      index.erase(held[at]);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
    } else {
      if (step % 64 == 0) ++page;
      // Hashes that begin alike stand side by side.
      const std::uint64_t hash = crowded ? (next() >> 33U) % 64 << 30U | 0xff00000000000000ULL : next();
      const OutcomeEntry entry{hash, page};
      if (std::find(held.begin(), held.end(), entry) == held.end()) held.push_back(entry);
      index.insert(entry);
    }
  }
  RC_ASSERT(index.size() == held.size());
  for (const OutcomeEntry& entry : held) {
    std::vector<std::int64_t> pages;
    index.find(entry.hash, pages);
    RC_ASSERT(std::set(pages.begin(), pages.end()).size() == pages.size());
    RC_ASSERT(std::count(pages.begin(), pages.end(), entry.page) == 1);
  }
}

}  // namespace
}  // namespace solo::testing
