#include "projections/view_snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "projections/digest.h"
#include "projections/keys.h"
#include "projections/text.h"
#include "projections/token_index_check.h"
#include "projections/values.h"
#include "schemas/text.h"

namespace solo::projections {
namespace {

using schemas::ErrorCode;
using schemas::Hash128;
using schemas::Result;

constexpr std::size_t kNamedTroubles = 100;

/// What the digest covers, in the order of the prefixes.
constexpr std::array kDomain{View::token, View::code, View::code_references, View::service, View::token_tenant};
/// In the order of the prefixes, too. Pages of outcomes are left out: they are cut as batches were.
constexpr std::array kFromTheLog{View::token,           View::code,         View::dead_letter, View::token_expiry,
                                 View::code_references, View::token_parent, View::service,     View::tenant,
                                 View::token_tenant,    View::recovery,     View::verification};
constexpr std::array kTokenIndexes{View::token_parent, View::token_expiry};

/// Tells when a slice is over. Looks at the time every few entries, and after much to read.
class SliceClock {
 public:
  bool is_over(std::size_t bytes) {
    ++entries_;
    bytes_ += bytes;
    if (entries_ < kEntries && bytes_ < kBytes) return false;
    entries_ = bytes_ = 0;
    return std::chrono::steady_clock::now() >= until_;
  }

 private:
  static constexpr std::size_t kEntries = 16;
  static constexpr std::size_t kBytes = 64 * 1024;
  const std::chrono::steady_clock::time_point until_ = std::chrono::steady_clock::now() + ViewSnapshot::kSlice;
  std::size_t entries_ = 0;
  std::size_t bytes_ = 0;
};

std::string describe_index(std::string_view key) {
  const auto place = split_token_parent_key(key);
  if (!place) return "the list of expiries";
  const std::string tenant = schemas::to_utf8(clip_head(place->tenant, 100));
  if (place->parent.empty()) return fmt::format("the list of {}'s tokens without a parent", tenant);
  return fmt::format("the list of {}'s tokens from {}", tenant, schemas::to_utf8(clip_head(place->parent, 100)));
}

bool is_gone(const v1::ServiceRecord& record) {
  return record.desired() == v1::Desired::stopped && !record.unsettled() &&
         (record.instances() == nullptr || record.instances()->size() == 0);
}

/// What entries say about code: who holds it, how many do by count, and which texts there are.
struct CodeBook {
  std::map<std::string, std::uint64_t, std::less<>> held;
  std::map<std::string, std::uint64_t, std::less<>> counted;
  std::map<std::string, bool, std::less<>> texts;

  void note(std::string_view key, std::string_view buffer) {
    const auto view = static_cast<View>(key.front());
    const std::string name(key.substr(1));
    if (view == View::code_references) {
      if (const auto* count = view_table<v1::CodeReferences>(buffer)) counted[name] = count->count();
    } else if (view == View::code) {
      const auto* code = view_table<v1::CodeRecord>(buffer);
      if (code != nullptr && code->text() != nullptr) texts[name] = sha256_hex(code->text()->string_view()) == name;
    } else if (view == View::service) {
      if (const auto* record = view_table<v1::ServiceRecord>(buffer)) note_holder(record->current());
      if (const auto* record = view_table<v1::ServiceRecord>(buffer)) note_holder(record->pending());
    }
  }

  void note_holder(const v1::Deployment* deployment) {
    if (deployment == nullptr || deployment->code_digest() == nullptr || deployment->code_digest()->size() == 0) return;
    ++held[deployment->code_digest()->str()];
  }

  template <class Trouble>
  void compare(Trouble trouble) const {
    for (const auto& [digest, count] : held) {
      const auto said = counted.find(digest);
      if (said == counted.end() || said->second != count) {
        trouble("code " + digest,
                fmt::format("{} deployments hold it, counted are {}", count, said == counted.end() ? 0 : said->second));
      }
      if (!texts.contains(digest)) trouble("code " + digest, std::string("its text is missing"));
    }
    for (const auto& [digest, count] : counted) {
      if (!held.contains(digest))
        trouble("code " + digest, fmt::format("no deployment holds it, counted are {}", count));
    }
    for (const auto& [digest, sound] : texts) {
      if (!counted.contains(digest)) trouble("code " + digest, std::string("its text is there, uncounted"));
      if (!sound) trouble("code " + digest, std::string("its text is another one"));
    }
  }
};

}  // namespace

std::string describe_key(std::string_view key) {
  if (const auto names = split_service_key(key)) return fmt::format("service {}/{}", names->first, names->second);
  if (key.empty()) return "an entry without a key";
  const std::string rest = schemas::to_utf8(clip_head(key.substr(1), 100));
  switch (static_cast<View>(key.front())) {
    case View::code:
      return "code " + rest;
    case View::code_references:
      return "the count of code " + rest;
    case View::token:
      return "token " + rest;
    case View::token_tenant:
      return "what holds for all tokens of tenant " + rest;
    case View::tenant:
      return "the counts of tenant " + rest;
    case View::token_parent:
    case View::token_expiry:
      return "token " + schemas::to_utf8(clip_head(accessor_in_index_key(key), 100)) + " in " + describe_index(key);
    case View::dead_letter:
      return fmt::format("the dead letter of offset {}", offset_of_key(key));
    case View::recovery:
      return "the last recovery's report";
    case View::verification:
      return "the last verification's report";
    default:
      return fmt::format("entry {}", schemas::to_utf8(clip_head(key, 100)));
  }
}

void EntryTroubles::add(std::string entry, std::string message) {
  ++found;
  if (named.size() < kNamedTroubles) named.push_back({std::move(entry), std::move(message)});
}

Result<std::unique_ptr<ViewSnapshot>> ViewSnapshot::take(const Store& store, std::int32_t partition) {
  std::unique_ptr<ViewSnapshot> snapshot(new ViewSnapshot(store, partition));
  snapshot->moment_ = store.snapshot();
  if (auto read = snapshot->read_meta(); !read) return schemas::fail(std::move(read.error()));
  return snapshot;
}

Result<void> ViewSnapshot::read_meta() {
  const auto value = store_.get_at(moment_, prefix_key(View::meta));
  if (!value) return schemas::fail(value.error());
  // Nothing has been applied yet.
  if (!*value) return {};
  auto meta = unpack<v1::PartitionMetaT>(**value);
  if (!meta) return schemas::fail(ErrorCode::data_loss, "the views' own record is damaged");
  meta_ = *std::move(meta);
  bool damaged = false;
  const std::string first = prefix_key(View::mark);
  auto scanned =
      store_.scan_at(moment_, first, end_of_prefix(first), [&](std::string_view, std::string_view mark_value) {
        auto mark = unpack<v1::RecordMarkT>(std::string(mark_value));
        damaged = damaged || !mark;
        if (mark) meta_.tail.emplace_back(*std::move(mark));
        return true;
      });
  if (!scanned) return scanned;
  if (damaged) return schemas::fail(ErrorCode::data_loss, "the mark of a record is damaged");
  std::sort(meta_.tail.begin(), meta_.tail.end(),
            [](const auto& left, const auto& right) { return left->offset < right->offset; });
  return {};
}

Hash128 ViewSnapshot::digest() const {
  return meta_.digest.size() == kHashBytes ? Hash128::from_bytes(meta_.digest.data()) : Hash128{};
}

Result<void> ViewSnapshot::services(const EachService& each) const {
  const std::string first = prefix_key(View::service);
  std::string buffer;
  return store_.scan_at(moment_, first, end_of_prefix(first), [&](std::string_view, std::string_view value) {
    const auto hashed = split_hash(value);
    if (!hashed) return true;
    // On its own, so that it is aligned.
    buffer = hashed->buffer;
    const auto* record = view_table<v1::ServiceRecord>(buffer);
    if (record != nullptr && !is_gone(*record)) each(*record, hashed->hash);
    return true;
  });
}

Result<std::optional<std::pair<v1::ServiceRecordT, Hash128>>> ViewSnapshot::service(
    const schemas::ServiceKey& key) const {
  std::optional<std::pair<v1::ServiceRecordT, Hash128>> found;
  const auto value = store_.get_at(moment_, service_key(key.tenant.str(), key.service.str()));
  if (!value) return schemas::fail(value.error());
  if (!*value) return found;
  const auto hashed = split_hash(**value);
  auto record = hashed ? unpack<v1::ServiceRecordT>(std::string(hashed->buffer)) : std::nullopt;
  if (record) found.emplace(*std::move(record), hashed->hash);
  return found;
}

Result<void> ViewSnapshot::log_entries(const std::string& from, const Store::Each& each) const {
  bool stopped = false;
  for (const View view : kFromTheLog) {
    const std::string first = prefix_key(view);
    const std::string end = end_of_prefix(first);
    if (stopped || from >= end) continue;
    auto scanned =
        store_.scan_at(moment_, std::max(from, first), end, [&](std::string_view key, std::string_view value) {
          stopped = !each(key, value);
          return !stopped;
        });
    if (!scanned) return scanned;
  }
  return {};
}

// A slice at a time: what a long look at everything would hold on to (memtables, files) is let go of in between.
Result<bool> ViewSnapshot::visit(std::span<const View> views, const Between& between, const Visit& each) const {
  for (const View view : views) {
    std::string from = prefix_key(view);
    const std::string end = end_of_prefix(from);
    for (bool more = true; more;) {
      more = false;
      SliceClock clock;
      auto scanned = store_.scan_at(moment_, from, end, [&](std::string_view key, std::string_view value) {
        each(key, value);
        if (!clock.is_over(value.size())) return true;
        more = true;
        from.assign(key);
        from += '\0';
        return false;
      });
      if (!scanned) return schemas::fail(std::move(scanned.error()));
      if (more && between && !between()) return false;
    }
  }
  return true;
}

Result<bool> ViewSnapshot::name_misindexed(const Between& between, EntryTroubles& troubles) const {
  Result<void> read;
  const auto get = [&](const std::string& key) {
    auto value = store_.get_at(moment_, key);
    if (!value && read) read = schemas::fail(value.error());
    return value;
  };
  auto went_on = visit(std::array{View::token}, between, [&](std::string_view key, std::string_view value) {
    const auto hashed = split_hash(value);
    const auto keys = hashed ? index_keys_of(key, std::string(hashed->buffer)) : std::nullopt;
    for (const std::string& index_key : keys.value_or(std::vector<std::string>())) {
      const auto entry = get(index_key);
      if (entry && !*entry) troubles.add(describe_key(key), "it is missing in " + describe_index(index_key));
    }
  });
  if (!went_on || !*went_on) return went_on;
  went_on = visit(kTokenIndexes, between, [&](std::string_view key, std::string_view) {
    const std::string token_key = text_key(View::token, accessor_in_index_key(key));
    const auto token = get(token_key);
    if (!token) return;
    if (!*token) {
      return troubles.add(describe_key(token_key), "it is in " + describe_index(key) + ", and there is no such token");
    }
    const auto hashed = split_hash(**token);
    const auto keys = hashed ? index_keys_of(token_key, std::string(hashed->buffer)) : std::nullopt;
    // What a damaged token belongs to cannot be told; it is named as damaged.
    if (!keys || std::find(keys->begin(), keys->end(), key) != keys->end()) return;
    troubles.add(describe_key(token_key), "it is in " + describe_index(key) + ", and does not belong there");
  });
  if (!read) return schemas::fail(read.error());
  return went_on;
}

Result<EntriesCheck> ViewSnapshot::check_entries(const Between& between) const {
  EntriesCheck check;
  CodeBook codes;
  TokenIndexSums indexes;
  std::string buffer;
  auto went_on = visit(kDomain, between, [&](std::string_view key, std::string_view value) {
    ++check.entries;
    const auto hashed = split_hash(value);
    // On its own, so that it is aligned.
    buffer = hashed ? hashed->buffer : std::string_view();
    const auto hash = hashed ? entry_hash(key, buffer) : std::nullopt;
    if (!hash) return check.unsound.add(describe_key(key), "its value is damaged");
    check.digest += *hash;
    if (*hash != hashed->hash) check.unsound.add(describe_key(key), "its value is not the one that was written");
    codes.note(key, buffer);
    if (static_cast<View>(key.front()) == View::token) indexes.note_token(key, buffer);
  });
  if (went_on && *went_on) {
    went_on =
        visit(kTokenIndexes, between, [&](std::string_view key, std::string_view) { indexes.note_index_entry(key); });
  }
  if (went_on && *went_on && !indexes.agree()) went_on = name_misindexed(between, check.misindexed);
  if (!went_on) return schemas::fail(std::move(went_on.error()));
  check.index_entries = indexes.index_entries();
  check.ended_early = !*went_on;
  if (check.ended_early) return check;
  codes.compare(
      [&](std::string entry, std::string message) { check.disagreeing.add(std::move(entry), std::move(message)); });
  return check;
}

}  // namespace solo::projections
