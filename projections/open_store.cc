#include "projections/open_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "projections/keys.h"
#include "projections/values.h"
#include "schemas/crash_point.h"

namespace solo::projections {
namespace {

using schemas::Error;
using schemas::ErrorCode;
using schemas::Result;

using MetaRead = tl::expected<v1::PartitionMetaT, StoreError>;

tl::unexpected<StoreError> unusable(std::string reason) {
  return tl::unexpected(StoreError{Error{ErrorCode::data_loss, std::move(reason)}, true});
}

/// Is this what we would have written for this log and partition?
std::optional<StoreError> check_meta(const v1::PartitionMetaT& meta, const ViewOptions& options,
                                     std::int32_t partition) {
  if (meta.layout != kLayout) {
    return unusable(fmt::format("the views' layout is {}, this build's is {}", meta.layout, kLayout)).value();
  }
  const bool same_log = meta.log_uuid == options.log_uuid;
  const bool same_count = meta.partitions == static_cast<std::uint32_t>(options.partitions);
  if (options.refuse_foreign && !(same_log && same_count)) {
    return StoreError{
        Error{ErrorCode::failed_precondition,
              fmt::format("the views are of log {} with {} partitions, and this is log {} with {}", meta.log_uuid,
                          meta.partitions, options.log_uuid, options.partitions),
              "bring back the log they were built from; or rebuild them from this one: solo view rebuild"}};
  }
  if (!same_log) {
    return unusable(fmt::format("the views are of log {}, not of {}", meta.log_uuid, options.log_uuid)).value();
  }
  if (meta.partition != static_cast<std::uint32_t>(partition) ||
      meta.partitions != static_cast<std::uint32_t>(options.partitions)) {
    return unusable(fmt::format("the views are of partition {} of {}", meta.partition, meta.partitions)).value();
  }
  if (meta.rules > kKnownRules) {
    return StoreError{
        Error{ErrorCode::failed_precondition,
              fmt::format("upgrade: the log's rules are {}, this build knows {}", meta.rules, kKnownRules)}};
  }
  return std::nullopt;
}

std::optional<StoreError> read_marks(const Store& store, v1::PartitionMetaT& meta) {
  bool damaged = false;
  const std::string first = prefix_key(View::mark);
  const auto scanned = store.scan(first, end_of_prefix(first), [&](std::string_view, std::string_view value) {
    auto mark = unpack<v1::RecordMarkT>(std::string(value));
    damaged = !mark;
    if (mark) meta.tail.emplace_back(*std::move(mark));
    return !damaged;
  });
  if (!scanned) return StoreError{scanned.error(), true};
  if (damaged) return StoreError{store.damaged_entry("the mark of a record"), true};
  std::sort(meta.tail.begin(), meta.tail.end(),
            [](const auto& left, const auto& right) { return left->offset < right->offset; });
  return std::nullopt;
}

/// What must run is read at every start before anything is stopped or started, so damage in it is found here, where the
/// views can still be rebuilt.
std::optional<StoreError> check_services(const Store& store) {
  bool damaged = false;
  std::string buffer;
  const std::string first = prefix_key(View::service);
  const auto scanned = store.scan(first, end_of_prefix(first), [&](std::string_view, std::string_view value) {
    const auto hashed = split_hash(value);
    // On its own, so that it is aligned.
    if (hashed) buffer = hashed->buffer;
    damaged = !hashed || view_table<v1::ServiceRecord>(buffer) == nullptr;
    return !damaged;
  });
  if (!scanned) return StoreError{scanned.error(), true};
  if (damaged) return StoreError{store.damaged_entry("the record of a service"), true};
  return std::nullopt;
}

/// Without its tail; a fresh one of an empty store.
MetaRead read_own_record(const Store& store) {
  const auto value = store.get(prefix_key(View::meta));
  if (!value) return tl::unexpected(StoreError{value.error(), true});
  if (!*value) {
    v1::PartitionMetaT fresh;
    fresh.layout = kLayout;
    return fresh;
  }
  auto meta = unpack<v1::PartitionMetaT>(**value);
  if (!meta) return unusable("the views' own record is damaged");
  return *std::move(meta);
}

MetaRead read_meta(const Store& store, const ViewOptions& options, std::int32_t partition) {
  auto meta = read_own_record(store);
  if (!meta || (meta->log_uuid.empty() && meta->next_offset == 0)) return meta;
  if (auto wrong = check_meta(*meta, options, partition)) return tl::unexpected(*std::move(wrong));
  if (auto wrong = read_marks(store, *meta)) return tl::unexpected(*std::move(wrong));
  if (auto wrong = check_services(store)) return tl::unexpected(*std::move(wrong));
  return *std::move(meta);
}

tl::expected<OpenedStore, StoreError> try_open(const std::filesystem::path& directory, const ViewOptions& options,
                                               std::int32_t partition) {
  auto store = Store::open(directory, options.env);
  if (!store) return tl::unexpected(std::move(store.error()));
  auto meta = read_meta(**store, options, partition);
  if (!meta) return tl::unexpected(std::move(meta.error()));
  return OpenedStore{*std::move(store), *std::move(meta)};
}

Result<std::filesystem::path> set_aside(const std::filesystem::path& directory) {
  for (int number = 1;; ++number) {
    std::filesystem::path kept = directory;
    kept += fmt::format(".damaged-{}", number);
    std::error_code failure;
    if (std::filesystem::exists(std::filesystem::symlink_status(kept, failure))) continue;
    std::filesystem::rename(directory, kept, failure);
    if (!failure) return kept;
    return schemas::fail(ErrorCode::internal,
                         fmt::format("setting aside {}: {}", directory.string(), failure.message()));
  }
}

/// Is it the name of a partition's directory?
bool is_number(const std::string& name) {
  return !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
}

std::optional<v1::PartitionMetaT> remember(const std::filesystem::path& directory, rocksdb::Env* env) {
  const auto store = Store::open(directory, env);
  if (!store) return std::nullopt;
  auto meta = read_own_record(**store);
  if (!meta || meta->layout != kLayout || meta->next_offset == 0) return std::nullopt;
  if (read_marks(**store, *meta)) return std::nullopt;
  return *std::move(meta);
}

}  // namespace

std::vector<v1::PartitionMetaT> read_view_memory(const std::filesystem::path& directory, rocksdb::Env* env) {
  std::vector<v1::PartitionMetaT> memory;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failure)) {
    if (!is_number(entry.path().filename().string()) || !entry.is_directory(failure)) continue;
    if (auto meta = remember(entry.path(), env)) memory.push_back(*std::move(meta));
  }
  std::sort(memory.begin(), memory.end(),
            [](const auto& left, const auto& right) { return left.partition < right.partition; });
  return memory;
}

Result<OpenedStore> open_store(const ViewOptions& options, std::int32_t partition, OpenReport& report) {
  const std::filesystem::path directory = options.directory / std::to_string(partition);
  auto opened = try_open(directory, options, partition);
  if (opened) return *std::move(opened);
  if (!opened.error().damaged) return schemas::fail(std::move(opened.error().error));

  auto kept = set_aside(directory);
  if (!kept) return schemas::fail(std::move(kept.error()));
  schemas::crash_point("view-set-aside");
  report.set_aside = true;
  report.reason = std::move(opened.error().error.message);
  report.kept_at = *std::move(kept);
  opened = try_open(directory, options, partition);
  if (!opened) return schemas::fail(std::move(opened.error().error));
  return *std::move(opened);
}

}  // namespace solo::projections
