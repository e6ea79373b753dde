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
    return StoreError{Error{
        ErrorCode::failed_precondition,
        fmt::format("the views are of log {} with {} partitions, and this is log {} with {}", meta.log_uuid,
                    meta.partitions, options.log_uuid, options.partitions),
        fmt::format("bring back the log they were built from; or move {} away, and they are rebuilt from this one",
                    options.directory.string())}};
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

MetaRead read_meta(const Store& store, const ViewOptions& options, std::int32_t partition) {
  const auto value = store.get(prefix_key(View::meta));
  if (!value) return tl::unexpected(StoreError{value.error(), true});
  if (!*value) {
    v1::PartitionMetaT fresh;
    fresh.layout = kLayout;
    return fresh;
  }
  auto meta = unpack<v1::PartitionMetaT>(**value);
  if (!meta) return unusable("the views' own record is damaged");
  if (auto wrong = check_meta(*meta, options, partition)) return tl::unexpected(*std::move(wrong));
  if (auto wrong = read_marks(store, *meta)) return tl::unexpected(*std::move(wrong));
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

}  // namespace

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
