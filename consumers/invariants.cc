#include "consumers/invariants.h"

#include "schemas/schemas.h"

namespace solo::consumers {

namespace {

constexpr std::string_view kRebuild =
    "stop the daemon, keep a copy of STATE, move STATE/views away and start it: the views are rebuilt from the log";
constexpr std::string_view kCompare =
    "find out with `solo verify --rebuild` whether the views are what the log says; if they are, restart the service";

constexpr auto kWarning = v1::Severity::warning;
constexpr auto kCritical = v1::Severity::critical;

constexpr std::array<InvariantInfo, kInvariants> kAll{{
    {Invariant::live_service_was_deployed, "live_service_was_deployed", kCritical, kCompare},
    {Invariant::deployed_service_is_live, "deployed_service_is_live", kWarning, "restart the service"},
    {Invariant::failure_has_a_reason, "failure_has_a_reason", kWarning,
     "see the daemon's log, then restart the service"},
    {Invariant::killed_service_is_gone, "killed_service_is_gone", kWarning, "end the process"},
    {Invariant::ended_service_is_gone, "ended_service_is_gone", kWarning, "end the process"},
    {Invariant::one_instance, "one_instance", kWarning, "end the process that the runtime does not know"},
    {Invariant::generation_is_deployed, "generation_is_deployed", kWarning, "end the process"},
    {Invariant::code_is_deployed, "code_is_deployed", kCritical, kCompare},
    {Invariant::spec_is_deployed, "spec_is_deployed", kCritical, kCompare},
    {Invariant::process_is_known, "process_is_known", kWarning, "end the process"},
    {Invariant::runtime_agrees_with_machine, "runtime_agrees_with_machine", kWarning, "restart the service"},
    {Invariant::views_know_the_instance, "views_know_the_instance", kWarning, "restart the service"},
    {Invariant::one_runtime, "one_runtime", kCritical,
     "end the other node's daemon and its services, or hand the services over to it: one node runs a log's services"},
    {Invariant::views_are_readable, "views_are_readable", kCritical, kRebuild},
    {Invariant::views_entries_are_sound, "views_entries_are_sound", kCritical, kRebuild},
    {Invariant::views_entries_agree, "views_entries_agree", kCritical, kRebuild},
    {Invariant::token_indexes_agree, "token_indexes_agree", kCritical, kRebuild},
    {Invariant::views_digest, "views_digest", kCritical, kRebuild},
    {Invariant::views_position, "views_position", kCritical, kRebuild},
    {Invariant::views_equal_replay, "views_equal_replay", kCritical, kRebuild},
    {Invariant::log_is_whole, "log_is_whole", kCritical,
     "run `solo log check`, keep a copy of STATE, and bring the log back from a copy that has the records"},
    {Invariant::rules_are_known, "rules_are_known", kCritical, "install a release that knows the log's rules"},
}};

constexpr bool in_order() {
  for (std::size_t at = 0; at < kAll.size(); ++at) {
    if (kAll[at].invariant != static_cast<Invariant>(at)) return false;
  }
  return true;
}
static_assert(in_order(), "each invariant once, in the order of the enum");

}  // namespace

const InvariantInfo& info_of(Invariant invariant) { return kAll.at(static_cast<std::size_t>(invariant)); }

const std::array<InvariantInfo, kInvariants>& all_invariants() { return kAll; }

}  // namespace solo::consumers
