// The runtime's inside, shared by runtime*.cc alone. Everything but what is marked otherwise belongs to the loop's
// thread.
//
//   runtime.cc           the public functions, status, shutdown
//   runtime_startup.cc   catch up, claim, scan, plan, report
//   runtime_services.cc  one service: its record in, its actions out
//   runtime_repair.cc    what it holds, for the verifier; repairs
#pragma once

#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "consumers/artifacts.h"
#include "consumers/change_pace.h"
#include "consumers/compiler.h"
#include "consumers/elastic_pool.h"
#include "consumers/loop.h"
#include "consumers/preparer.h"
#include "consumers/recovery_plan.h"
#include "consumers/runtime.h"
#include "consumers/runtime_events.h"
#include "consumers/service_files.h"
#include "consumers/service_machine.h"
#include "schemas/schemas.h"

namespace solo::consumers {

struct Runtime::Impl {
  /// A process by its number: what is said about it, and the hold on it while there is one.
  struct Held {
    ObservedProcess observed;
    std::unique_ptr<Process> process;
    /// Of the spec that this run has spawned it with (spec_digest.h); empty: it was adopted.
    std::string spec_digest = {};
  };

  struct Entry {
    Entry(schemas::ServiceKey key_in, std::int32_t partition_in, ProcessNumber& last_number,
          producers::Entropy& entropy)
        : key(std::move(key_in)), partition(partition_in), machine(last_number, entropy) {}

    const schemas::ServiceKey key;
    const std::int32_t partition;
    ServiceMachine machine;
    bool in_views = false;
    /// By generation: the record's current and pending one, without their code.
    std::map<std::uint64_t, v1::DeploymentT> deployments;
    std::map<std::uint64_t, Preparer::Ticket> tickets;
    std::map<std::uint64_t, ReadyProgram> ready;
    std::map<ProcessNumber, Held> processes;
    std::optional<Loop::TimerId> timer;
    ChangePace pace;
    /// Its record has changed, and is looked at later.
    bool put_off = false;
  };

  enum class Stage : std::uint8_t { catching_up, claiming, scanning, acting, gateway_only };

  Impl(RuntimeOptions options_in, RuntimeParts parts_in);
  ~Impl();

  // runtime.cc
  void after_each();
  void note_status();
  std::string describe_wait() const;
  std::string describe_stop() const;
  void begin_shutdown(Instant deadline, ServicesAtShutdown services);
  void check_shutdown();
  void kill_everything();
  /// What services have left behind and only their output tells of.
  void kill_hidden();
  std::vector<schemas::ServiceKey> spawning() const;
  std::vector<std::string> left_undone() const;

  // runtime_startup.cc
  void begin();
  void send_outbox();
  void find_ends();
  void advance();
  bool has_caught_up() const;
  bool may_claim() const;
  void claim();
  bool has_claims() const;
  void note_owners();
  void recover();
  schemas::Result<std::vector<HeldProcess>> scan();
  std::map<schemas::ServiceKey, std::vector<FoundProcess>> scan_by_service(
      const std::map<schemas::ServiceKey, v1::ServiceRecordT>& records, bool& failed);
  /// And counts those that were killed and have nothing left.
  schemas::Result<std::map<schemas::ServiceKey, v1::ServiceRecordT>> load_records();
  /// What is known by its service's output alone.
  void add_unmarked(std::map<schemas::ServiceKey, std::vector<FoundProcess>>& found);
  /// What is left in the sessions of recorded processes that are gone.
  void kill_orphans(const std::map<schemas::ServiceKey, v1::ServiceRecordT>& records);
  void recover_service(const schemas::ServiceKey& key, const v1::ServiceRecordT* record,
                       const std::vector<FoundProcess>& found);
  void stop_strays();
  /// Takes hold of what a scan has found.
  schemas::Result<std::unique_ptr<Process>> hold(const FoundProcess& found);
  bool keep_process(Entry& entry, const v1::ServiceRecordT& record, const RecoveryPlan::Keep& keep);
  void stop_process(Entry& entry, const RecoveryPlan::Stop& stop);
  void note_recovery(Entry& entry, const Actions& actions);
  /// In the report.
  void end_stage(const char* name);
  void add_failure(const schemas::ServiceKey& key, std::uint64_t generation, const std::string& reason,
                   const std::string& detail);
  void finish_recovery();
  void become_ready(RuntimePhase phase_now);
  void sweep_artifacts();

  // runtime_services.cc
  /// Any thread.
  void on_change(const projections::ViewChange& change);
  void take_changes();
  void refresh(const schemas::ServiceKey& key);
  /// true: its record is looked at later.
  bool put_off(const schemas::ServiceKey& key);
  void want(Entry& entry, const v1::ServiceRecordT& record);
  Entry& entry_of(const schemas::ServiceKey& key);
  Entry* find(const schemas::ServiceKey& key);
  /// Lets the machine decide, does what it says, and looks when it wants to be asked again.
  /// true: there was something to do.
  template <class Function>
  bool step(Entry& entry, Function function) {
    Actions actions;
    function(entry.machine, parts.clock.now(), actions);
    perform(entry, actions);
    note_recovery(entry, actions);
    note_repair(entry, actions);
    settle(entry);
    return !actions.empty();
  }
  void perform(Entry& entry, const Actions& actions);
  void perform_prepare(Entry& entry, std::uint64_t generation);
  void perform_cancel(Entry& entry, std::uint64_t generation);
  void perform_spawn(Entry& entry, const Spawn& spawn);
  void perform_observe(Entry& entry, const Observe& observe);
  void spawn_now(const schemas::ServiceKey& key, ProcessNumber number, SpawnRequest request,
                 std::chrono::milliseconds timeout);
  void spawn_deferred();
  void on_prepared(const schemas::ServiceKey& key, std::uint64_t generation,
                   tl::expected<ReadyProgram, StartFailure> outcome);
  void on_spawned(const schemas::ServiceKey& key, ProcessNumber number,
                  schemas::Result<std::unique_ptr<Process>> spawned);
  void on_ended(const schemas::ServiceKey& key, ProcessNumber number, Exit end);
  void watch(Entry& entry, ProcessNumber number);
  void settle(Entry& entry);
  void retire_if_done(const schemas::ServiceKey& key);
  void check_outputs();
  void check_outputs_in(std::chrono::milliseconds pause);

  // runtime_repair.cc
  using Repaired = producers::RuntimePort::Repaired;
  struct AskedInventory {
    schemas::Cut cut;
    Instant deadline;
    producers::RuntimePort::Inventoried done;
  };
  struct OpenRepair {
    v1::RepairT repair;
    Repaired done;
  };
  void ask_inventory(AskedInventory asked);
  void answer_inventories();
  void note_reconciled(const std::map<std::int32_t, std::int64_t>& next_offsets);
  bool has_reconciled(const schemas::Cut& cut) const;
  v1::InventoryReportT take_inventory();
  v1::InventoryEntryT inventory_of(const Entry& entry) const;
  void repair(const schemas::ServiceKey& key, const v1::RepairT& repair, Repaired done);
  schemas::Result<void> check_repair(const schemas::ServiceKey& key, v1::RepairAction action) const;
  /// Does it descend from a process that is held here?
  bool runs_here(pid_t pid) const;
  void repair_held(Entry& entry, const v1::ServiceRecordT* record, const v1::RepairT& repair, Repaired done);
  void stop_stray(const schemas::ServiceKey& key, const v1::ServiceRecordT* record, const v1::RepairT& repair,
                  Repaired done);
  void report_gone(const schemas::ServiceKey& key, const v1::ServiceRecordT& record, const v1::RepairT& repair,
                   Repaired done);
  void bring_back(const schemas::ServiceKey& key, const v1::ServiceRecordT& record, const v1::RepairT& repair,
                  Repaired done);
  schemas::Result<void> recover_anew(const schemas::ServiceKey& key, const v1::ServiceRecordT& record);
  void drop_entry(const schemas::ServiceKey& key);
  void note_repair(Entry& entry, const Actions& actions);
  void note_stray_gone(ProcessNumber number);
  void finish_repair(const schemas::ServiceKey& key, OpenRepair repair, const std::string& detail);

  const RuntimeOptions options;
  const RuntimeParts parts;
  const Reporter reporter;
  ServiceFiles files;
  Artifacts artifacts;
  const std::shared_ptr<Loop> loop;
  std::unique_ptr<ElasticPool> pool;
  Compiler compiler;
  Preparer preparer;

  Ready ready;
  Stage stage = Stage::catching_up;
  bool is_ready = false;
  bool stopping = false;
  /// Services are left running: nothing is decided any more.
  bool frozen = false;
  std::map<std::int32_t, std::int64_t> ends;
  std::map<std::int32_t, std::int64_t> claims;
  std::vector<bool> owned;

  v1::RecoveryReportT report;
  Instant stage_began;
  Instant began;
  std::set<schemas::ServiceKey> recovering;
  std::set<ProcessNumber> leftovers;
  /// While what a scan has found is acted on: the handles, by pid; nullptr: not held.
  std::map<std::int32_t, std::unique_ptr<Process>> found_processes;
  std::optional<Loop::TimerId> recovery_timer;
  bool recovery_reported = false;

  ProcessNumber last_number = 0;
  std::map<schemas::ServiceKey, std::unique_ptr<Entry>> entries;
  std::set<schemas::ServiceKey> troubled;
  std::size_t spawns_in_flight = 0;
  std::size_t live_processes = 0;
  struct Deferred {
    schemas::ServiceKey key;
    ProcessNumber number = 0;
    SpawnRequest request;
    std::chrono::milliseconds timeout{};
  };
  std::vector<Deferred> deferred;
  /// Of processes that ended since outputs were last checked.
  std::set<schemas::ServiceKey> ended_outputs;

  /// By partition: everything before this offset has been acted on.
  std::map<std::int32_t, std::int64_t> reconciled;
  std::vector<AskedInventory> inventories;
  /// Repairs that wait for a service's start, and for a stray's end.
  std::map<schemas::ServiceKey, OpenRepair> starting_repairs;
  std::map<ProcessNumber, std::pair<schemas::ServiceKey, OpenRepair>> stopping_repairs;
  /// By service: observations that are not durable; counted down on threads of the log.
  std::map<schemas::ServiceKey, std::shared_ptr<std::atomic<std::uint32_t>>> unpublished;

  std::optional<std::promise<void>> shutdown_done;
  /// Services whose time to end was cut short by the shutdown's deadline.
  std::vector<std::string> cut_short;

  // Any thread, under the mutex.
  mutable std::mutex mutex;
  RuntimeStatus status;
  std::set<schemas::ServiceKey> changed;
  bool owner_changed = false;
  bool change_posted = false;
  std::map<std::int32_t, std::int64_t> applied;

  Projector::Subscription subscription;
};

}  // namespace solo::consumers
