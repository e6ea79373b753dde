// What rebuilding the views costs: records per second through apply into the view store, beside the same records put
// into a bare RocksDB, one put each, in batches of the same size and flushed as often. Then what opening them costs.
//
//   projections_bench [RECORDS [SERVICES]]
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <span>
#include <string>

#include "projections/outcome.h"
#include "projections/view_snapshot.h"
#include "projections/views.h"
#include "schemas/codec.h"
#include "schemas/ids.h"
#include "schemas/schemas.h"
#include "tests/bench/table.h"
#include "tests/support/temp_dir.h"

namespace solo::bench {
namespace {

using Clock = std::chrono::steady_clock;
using projections::PartitionView;
using projections::ViewOptions;
using schemas::LogRecord;
using testing::TempDir;

constexpr std::size_t kBatch = 1000;
constexpr std::size_t kFlushEvery = 20'000;
constexpr int kTenants = 100;
/// What a check may hold the projector up for at a time.
constexpr double kSliceBoundMs = 5;

/// What this thread has used: a measure that other work on the machine changes little.
double cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

struct Rate {
  /// Records per second of wall time.
  double wall = 0;
  /// Microseconds of the calling thread per record.
  double cpu = 0;
};

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(3);
}

/// A log of a busy cluster: services are deployed, start, crash, start again, are replaced and killed.
class LogMaker {
 public:
  explicit LogMaker(int services) : services_(static_cast<std::size_t>(services)), deploys_(kTenants, 0) {}

  std::vector<LogRecord> make(std::size_t records) {
    std::vector<LogRecord> log;
    log.reserve(records);
    v1::SystemInitializedT genesis;
    genesis.log_uuid = "bench";
    genesis.rules = 1;
    genesis.partitions = 1;
    log.push_back(record("system", "", "/nodes/node-1", "g", std::move(genesis)));
    v1::RuntimeClaimedT claim;
    claim.node = "node-1";
    claim.run = "run";
    log.push_back(record("system", "", "/nodes/node-1", "run-1", std::move(claim)));
    while (log.size() < records) log.push_back(step());
    return log;
  }

 private:
  struct Service {
    enum class At { killed, deployed, running } at = At::killed;
    std::uint64_t generation = 0;
    std::string instance;
  };

  template <class Payload>
  LogRecord record(const std::string& tenant, const std::string& service, const std::string& source,
                   const std::string& id, Payload payload) {
    v1::EventT event;
    event.id = id;
    event.source = source;
    event.tenant = tenant;
    event.service = service;
    event.actor = source[1] == 'c' ? "acc_996396845822d20e5ec3" : "";
    event.time = 1'700'000'000'000'000 + next_offset_;
    event.payload.Set(std::move(payload));
    return LogRecord{{0, next_offset_++}, event.time, tenant, schemas::encode(event)};
  }

  template <class Payload>
  LogRecord command(const std::string& tenant, const std::string& service, Payload payload) {
    const std::string id = "3f0d8f5e-7a52-4d55-8d6c-" + std::to_string(100'000'000'000 + next_offset_);
    return record(tenant, service, "/commands/" + tenant, id, std::move(payload));
  }

  template <class Payload>
  LogRecord observation(const std::string& tenant, const std::string& service, const Service& at, Payload payload) {
    payload.observed.ensure().run = "run";
    payload.observed->generation = at.generation;
    payload.observed->instance = at.instance;
    return record(tenant, service, "/nodes/node-1", "run-" + std::to_string(sequence_++), std::move(payload));
  }

  LogRecord step() {
    const std::size_t index = random_() % services_.size();
    const std::size_t tenant_index = index % kTenants;
    const std::string tenant = "tenant-" + std::to_string(tenant_index);
    const std::string name = "service-" + std::to_string(index);
    Service& service = services_[index];
    switch (service.at) {
      case Service::At::killed: {
        v1::ServiceDeployedT deployed;
        deployed.spec.ensure().format = v1::Format::exec;
        deployed.spec->argv = {"/usr/bin/example-server", "--port", "8080"};
        deployed.spec->restart_limits.ensure().max_restarts = 10;
        service.at = Service::At::deployed;
        service.generation = ++deploys_[tenant_index];
        return command(tenant, name, std::move(deployed));
      }
      case Service::At::deployed: {
        v1::ServiceStartedT started;
        v1::ProcessIdentityT& identity = started.identity.ensure();
        identity.pid = 1234;
        identity.start_time = 567890;
        identity.boot_id = "5a0c33f5-6cb4-4cf3-a3f5-6b1f1a3e9d11";
        started.node = "node-1";
        service.at = Service::At::running;
        service.instance = "run-" + std::to_string(++instances_);
        return observation(tenant, name, service, std::move(started));
      }
      case Service::At::running:
        break;
    }
    if (random_() % 3 == 0) {
      service.at = Service::At::killed;
      return command(tenant, name, v1::ServiceKilledT{});
    }
    v1::ServiceCrashedT crashed;
    crashed.end.ensure().kind = v1::EndKind::exited;
    crashed.end->status = 3;
    service.at = Service::At::deployed;
    return observation(tenant, name, service, std::move(crashed));
  }

  std::vector<Service> services_;
  std::vector<std::uint64_t> deploys_;
  std::int64_t next_offset_ = 0;
  std::uint64_t sequence_ = 2;
  std::uint64_t instances_ = 0;
  std::mt19937_64 random_{7};
};

template <class Each>
void in_batches(const std::vector<LogRecord>& log, Each each) {
  for (std::size_t at = 0; at < log.size(); at += kBatch) {
    each(std::span(log).subspan(at, std::min(kBatch, log.size() - at)));
  }
}

Rate rate_of(std::size_t records, Clock::time_point begin, double cpu_begin) {
  const auto count = static_cast<double>(records);
  return {count / seconds_since(begin), 1e6 * (cpu_seconds() - cpu_begin) / count};
}

/// `key` makes a record's key.
template <class Key>
Rate bare_puts(const std::vector<LogRecord>& log, Key key) {
  const TempDir directory;
  rocksdb::Options options;
  options.create_if_missing = true;
  options.write_buffer_size = 128U << 20U;
  options.max_write_buffer_number = 4;
  options.allow_concurrent_memtable_write = false;
  options.compression = rocksdb::kNoCompression;
  rocksdb::DB* opened = nullptr;
  if (!rocksdb::DB::Open(options, (directory.path() / "db").string(), &opened).ok()) give_up("RocksDB does not open");
  const std::unique_ptr<rocksdb::DB> db(opened);
  rocksdb::WriteOptions write;
  write.disableWAL = true;
  rocksdb::FlushOptions flush;
  flush.wait = false;
  rocksdb::WriteBatch batch;
  std::size_t unflushed = 0;
  const auto begin = Clock::now();
  const double cpu_begin = cpu_seconds();
  in_batches(log, [&](std::span<const LogRecord> records) {
    batch.Clear();
    for (const LogRecord& record : records) batch.Put(key(record), record.value);
    if (!db->Write(write, &batch).ok()) give_up("RocksDB does not write");
    if ((unflushed += records.size()) >= kFlushEvery) {
      db->Flush(flush);
      unflushed = 0;
    }
  });
  db->Flush(rocksdb::FlushOptions());
  return rate_of(log.size(), begin, cpu_begin);
}

std::string offset_key(const LogRecord& record) {
  const std::uint64_t big_endian = __builtin_bswap64(static_cast<std::uint64_t>(record.position.offset));
  return std::string(reinterpret_cast<const char*>(&big_endian), sizeof big_endian);
}

std::string service_key(const LogRecord& record) {
  const auto event = schemas::view_event(record.value);
  const flatbuffers::String* service = (*event)->service();
  return record.key + "/" + (service != nullptr ? service->str() : "");
}

std::unique_ptr<PartitionView> open_view(const TempDir& directory) {
  ViewOptions options;
  options.directory = directory.path();
  options.log_uuid = "bench";
  auto view = PartitionView::open(options, 0);
  if (!view) give_up(view.error().message);
  return *std::move(view);
}

Rate applied(const std::vector<LogRecord>& log, const TempDir& directory) {
  const auto view = open_view(directory);
  const auto begin = Clock::now();
  const double cpu_begin = cpu_seconds();
  in_batches(log, [&](std::span<const LogRecord> records) {
    if (auto change = view->apply(records); !change) give_up(change.error().message);
  });
  if (!view->flush()) give_up("the views do not flush");
  const Rate rate = rate_of(log.size(), begin, cpu_begin);
  const v1::PartitionMetaT meta = view->meta();
  if (meta.dead_letters + meta.stale + meta.duplicates != 0) give_up("the log was meant to apply without a word");
  if (view->digest() != *view->recompute_digest()) give_up("the digest is wrong");
  return rate;
}

void report_open(std::size_t records, const TempDir& directory) {
  auto begin = Clock::now();
  auto view = open_view(directory);
  const double opened = 1000 * seconds_since(begin);
  const auto tenant = schemas::TenantName::trusted("tenant-0");
  if (!view->outcome(tenant, "/commands/tenant-0", "none")) give_up("no outcome");
  const double ready = 1000 * seconds_since(begin);
  begin = Clock::now();
  view.reset();
  std::printf("%zu records: opened in %.1f ms, outcomes known after %.1f ms, closed in %.1f ms\n", records, opened,
              ready, 1000 * seconds_since(begin));
}

/// What a check of the views takes the processor for at a time. It holds no lock, so that is all that the projector may
/// have to wait for, and only where it has no other core.
void report_slices(const TempDir& directory) {
  const auto view = open_view(directory);
  const auto snapshot = view->snapshot();
  if (!snapshot) give_up(snapshot.error().message);
  std::vector<double> slices;
  double began = cpu_seconds();
  const auto checked = (*snapshot)->check_entries([&] {
    slices.push_back(1000 * (cpu_seconds() - began));
    began = cpu_seconds();
    return true;
  });
  if (!checked || checked->digest != view->digest() || slices.empty()) give_up("the check went wrong");
  std::printf("a check of %llu entries in %zu slices\n", static_cast<unsigned long long>(checked->entries),
              slices.size());
  print({"the longest slice of a check, beside its bound", "ms", kSliceBoundMs,
         *std::max_element(slices.begin(), slices.end()), Bound::at_most, 1});
}

void run(std::size_t records, int services) {
  const std::vector<LogRecord> log = LogMaker(services).make(records);
  const Rate by_offset = bare_puts(log, offset_key);
  const Rate by_service = bare_puts(log, service_key);
  const TempDir directory;
  const Rate rate = applied(log, directory);
  print_header();
  print({"apply, against a put per record in log order", "k/s", by_offset.wall / 1000, rate.wall / 1000,
         Bound::at_least, 0.7});
  print({"apply, against a put per record by service", "k/s", by_service.wall / 1000, rate.wall / 1000, Bound::at_least,
         0.7});
  print({"the same, the projector's own CPU time", "us ", by_service.cpu, rate.cpu, Bound::at_most, 1 / 0.7});
  report_open(records, directory);
  report_slices(directory);
}

}  // namespace
}  // namespace solo::bench

int main(int argc, char** argv) {
  const std::size_t records = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1'000'000;
  const int services = argc > 2 ? std::atoi(argv[2]) : 100'000;
  solo::bench::run(records, services);
}
