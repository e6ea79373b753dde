// A small world in which views, runtime and machine agree, ways to put them at odds, and a model of the repairs.
#pragma once

#include <rapidcheck.h>

#include <set>
#include <string>
#include <vector>

#include "consumers/verifier_diff.h"

namespace solo::testing {

/// How a service stands; or, of a seeded difference, which one.
struct Choice {
  std::uint8_t kind = 0;
  std::uint8_t service = 0;
};

void showValue(const Choice& choice, std::ostream& out);

class VerifierWorld {
 public:
  static constexpr const char* kNode = "node";
  static constexpr const char* kRun = "run";

  VerifierWorld();
  /// Adds a service that stands well: `state` picks how.
  void add_service(std::uint8_t state);

  /// Puts something at odds; the names of the invariants that are then broken. Empty: this service cannot be put so.
  struct Seeded {
    std::string code;
    std::string tenant;
    std::string service;
    v1::RepairAction action{};
  };
  std::optional<Seeded> seed(const Choice& choice);
  static constexpr std::uint8_t kSeeds = 18;

  /// How many were added.
  std::size_t services() const { return keys_.size(); }

  consumers::Diff diff() const { return consumers::diff(desired, inventory, observed); }

  /// The runtime takes up a repair; false: its service is at work, and it refuses.
  bool begin_repair(const consumers::Finding& finding);
  /// And has done it: what becomes of views and machine.
  void end_repair(const consumers::Finding& finding);
  /// As a verification does it. false: a repair was refused.
  bool repair(std::vector<consumers::Finding> findings);

  consumers::Desired desired;
  v1::InventoryReportT inventory;
  consumers::Observed observed;

 private:
  struct Place {
    schemas::ServiceKey key;
    v1::ServiceRecordT* record;
    v1::InventoryEntryT* held;
  };
  Place place(const schemas::ServiceKey& key);
  std::string new_instance() { return std::string(kRun) + "-" + std::to_string(++last_); }
  v1::ProcessIdentityT new_identity();
  void spawn(const schemas::ServiceKey& key, std::uint64_t generation, const std::string& instance,
             const v1::ProcessIdentityT& identity, bool leader = true);
  void start(const Place& at, std::uint64_t generation);
  void remove_process(const v1::ProcessIdentityT& identity);
  void record_instance(v1::ServiceRecordT& record, const std::string& instance, std::uint64_t generation,
                       const v1::ProcessIdentityT& identity);
  void drop_instance(v1::ServiceRecordT& record, const std::string& instance);

  std::set<schemas::ServiceKey> at_work_;
  std::uint64_t last_ = 0;
  std::int32_t last_pid_ = 1000;
  std::vector<schemas::ServiceKey> keys_;
};

}  // namespace solo::testing

namespace rc {
template <>
struct Arbitrary<solo::testing::Choice> {
  static Gen<solo::testing::Choice> arbitrary();
};
}  // namespace rc
