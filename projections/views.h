// The read side: what the log means up to a position, kept in one RocksDB per partition.
//
// Ownership: Views owns its PartitionViews and their databases. Threads: apply() belongs to the projector of that
// partition; every const function may be called from any thread at any time and sees whole batches only.
// Durability: state and position are written in one batch without a write-ahead log of their own (the event log is it)
// and flushed in the background after at most 20,000 records (of joined batches 524,288) or 5 s, and by flush(): after
// a crash the views are those of an earlier position, never a mixture, and replay continues there.
// Errors: a damaged, foreign or older-layout directory is set aside as DIR.damaged-N and rebuilt; open() says so in
// OpenReport. internal: RocksDB failed. resource_exhausted: no space.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "projections/versions.h"
#include "schemas/fingerprint.h"
#include "schemas/ids.h"
#include "schemas/position.h"
#include "schemas/result.h"

namespace solo::v1 {
struct ServiceRecordT;
struct OutcomeRecordT;
struct DeadLetterT;
struct OwnerT;
struct RecordMarkT;
struct RecoveryRecordT;
struct VerificationRecordT;
struct PartitionMetaT;
struct TokenRecordT;
struct TokenTenantT;
}  // namespace solo::v1

namespace rocksdb {
class Env;
}

namespace solo::projections {

struct ViewOptions {
  /// Holds one directory per partition, named by its number.
  std::filesystem::path directory;
  /// The log these views are of, from its genesis.
  std::string log_uuid;
  std::int32_t partitions = 1;
  /// Views of another log, or of another number of partitions, are an error (failed_precondition) instead of being set
  /// aside.
  bool refuse_foreign = false;
  std::uint64_t flush_after_records = 20'000;
  std::chrono::milliseconds flush_after{5'000};
  /// Where RocksDB does its I/O: the machine, unless a test has it fail. Not owned.
  rocksdb::Env* env = nullptr;
};

/// What open() had to do about one partition's directory.
struct OpenReport {
  bool set_aside = false;
  std::string reason;
  std::filesystem::path kept_at;
};

/// Each partition's own record, with its tail, of views that nobody has open; partitions that cannot be read, that have
/// nothing applied or are of another layout are left out. `directory` is left as it is.
std::vector<v1::PartitionMetaT> read_view_memory(const std::filesystem::path& directory, rocksdb::Env* env = nullptr);

enum class Batching : std::uint8_t { separate, joined };

/// What one batch changed. Delivered after the batch is visible to readers.
struct ViewChange {
  std::int32_t partition = 0;
  /// Everything before this offset is applied.
  std::int64_t next_offset = 0;
  /// Services whose record changed, each once.
  std::vector<schemas::ServiceKey> services;
  /// A RuntimeClaimed was applied.
  bool owner_changed = false;
};

struct ServicePage {
  std::vector<v1::ServiceRecordT> services;
  /// Where the next page starts; empty: that was all.
  std::string next;
  /// Met on the way to the page's last service and left out: killed, and nothing is left of them.
  std::size_t killed = 0;
};

struct ServiceQuery {
  /// Nothing: every tenant.
  std::optional<schemas::TenantName> tenant;
  std::string prefix;
  bool include_killed = false;
  std::size_t limit = 1000;
  /// A former page's `next`.
  std::string from;
};

struct TokenPage {
  std::vector<v1::TokenRecordT> tokens;
  /// Where the next page starts; empty: that was all.
  std::string next;
};

struct TokenQuery {
  /// Nothing: every tenant.
  std::optional<schemas::TenantName> tenant;
  /// With a tenant: only those of its tokens that were made from this one; empty: from none.
  std::optional<std::string> parent;
  std::size_t limit = 1000;
  /// A former page's `next`.
  std::string from;
};

/// An outcome with the position of the record it came from.
struct RecordedOutcome;
/// record_view.h
struct RecordView;

class TokenObserver;
class ViewSnapshot;

class PartitionView {
 public:
  static schemas::Result<std::unique_ptr<PartitionView>> open(const ViewOptions& options, std::int32_t partition,
                                                              OpenReport* report = nullptr);
  ~PartitionView();
  PartitionView(const PartitionView&) = delete;
  PartitionView& operator=(const PartitionView&) = delete;

  /// Applies records in order as one batch. They must start at next_offset() or later (offsets may have gaps on
  /// Kafka). Projector only. failed_precondition: a rules version this build does not know; what came before it is
  /// applied, it and what follows are not.
  ///
  /// Batching::joined: it may become one batch with the records of the next calls, so that what they change again and
  /// again is written once. Until a call without it (records may then be empty), or until enough has come together,
  /// nothing of it is visible and next_offset() stays; after an error all of it is to be read again from there.
  schemas::Result<ViewChange> apply(std::span<const schemas::LogRecord> records,
                                    Batching batching = Batching::separate);
  /// The same of records that were viewed before.
  schemas::Result<ViewChange> apply(std::span<const schemas::LogRecord> records, std::span<const RecordView> views,
                                    Batching batching);
  /// What can be found out about records before their turn comes; it refers to them. Any thread.
  std::vector<RecordView> view_all(std::span<const schemas::LogRecord> records) const;

  /// There is no record before `offset` that was not applied: the log has a gap there. Projector only; not stored.
  void pass(std::int64_t offset);

  /// Who hears of tokens that may do less (token_observer.h); nullptr: nobody any more. Not owned. Not while apply()
  /// runs.
  void observe_tokens(TokenObserver* observer);

  /// Makes what is applied survive a crash. Any thread.
  schemas::Result<void> flush();

  std::int32_t partition() const;
  std::int64_t next_offset() const;
  /// What a restart would replay from: the position of the last finished flush.
  std::int64_t flushed_offset() const;
  /// Why the last flush failed, while it is tried again (no space); empty: it did not.
  std::string flush_trouble() const;
  schemas::Hash128 digest() const;
  /// The digest computed anew from every entry.
  schemas::Result<schemas::Hash128> recompute_digest() const;
  v1::PartitionMetaT meta() const;

  schemas::Result<std::optional<v1::ServiceRecordT>> service(const schemas::ServiceKey& key) const;
  /// Key order: tenant, then service.
  schemas::Result<ServicePage> services(const ServiceQuery& query) const;
  schemas::Result<std::optional<std::string>> code(std::string_view digest) const;
  schemas::Result<std::optional<RecordedOutcome>> outcome(const schemas::TenantName& tenant, std::string_view source,
                                                          std::string_view id) const;
  schemas::Result<std::vector<v1::DeadLetterT>> dead_letters(std::int64_t from_offset, std::size_t limit) const;
  schemas::Result<std::optional<v1::RecoveryRecordT>> last_recovery() const;
  schemas::Result<std::optional<v1::VerificationRecordT>> last_verification() const;
  /// All of it as it is stored now, while batches go on. It must not outlive this.
  schemas::Result<std::unique_ptr<ViewSnapshot>> snapshot() const;

  // Tokens of this partition, as they were granted (token_queries.cc).
  schemas::Result<std::optional<v1::TokenRecordT>> token(std::string_view accessor) const;
  schemas::Result<v1::TokenTenantT> token_tenant(std::string_view tenant) const;
  /// By tenant, then by parent, then by accessor.
  schemas::Result<TokenPage> tokens(const TokenQuery& query) const;
  /// Those that have expired by `time` (microseconds since 1970 UTC), whatever they descend from; the earliest first.
  schemas::Result<std::vector<v1::TokenRecordT>> expired_tokens(std::int64_t time, std::size_t limit) const;

 private:
  struct Impl;
  explicit PartitionView(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// All partitions' views of one log.
class Views {
 public:
  static schemas::Result<std::unique_ptr<Views>> open(const ViewOptions& options, std::vector<OpenReport>* reports);
  ~Views();
  Views(const Views&) = delete;
  Views& operator=(const Views&) = delete;

  std::int32_t partitions() const;
  PartitionView& partition(std::int32_t number);
  const PartitionView& partition(std::int32_t number) const;
  /// The partition a tenant's records are in.
  const PartitionView& of(const schemas::TenantName& tenant) const;

  /// The last applied position of each partition; partitions with nothing applied are left out.
  schemas::Cut applied() const;
  bool has(const schemas::Cut& cut) const;
  schemas::Hash128 digest() const;
  schemas::Result<void> flush();

 private:
  struct Impl;
  explicit Views(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::projections
