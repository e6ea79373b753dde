#include "schemas/tables.h"

#include <algorithm>
#include <array>

#include "schemas/schemas.h"

namespace solo::schemas {
namespace {

struct Entry {
  std::string_view name;
  const flatbuffers::TypeTable* (*type)();
};

#define SOLO_TABLE(Name) \
  Entry { #Name, v1::Name##TypeTable }

// In the order of the schemas: common, event, request, reply, view. tests/golden fails when one is missing.
constexpr std::array kTables = {
    SOLO_TABLE(EnvVar),
    SOLO_TABLE(RestartLimits),
    SOLO_TABLE(Spec),
    SOLO_TABLE(ProcessIdentity),
    SOLO_TABLE(EndStatus),
    SOLO_TABLE(Stage),
    SOLO_TABLE(RecoveryFailure),
    SOLO_TABLE(RecoveryReport),
    SOLO_TABLE(SystemInitialized),
    SOLO_TABLE(RulesRaised),
    SOLO_TABLE(SystemStarted),
    SOLO_TABLE(RuntimeClaimed),
    SOLO_TABLE(SystemRecovered),
    SOLO_TABLE(SystemShutdownStarted),
    SOLO_TABLE(SystemShutdownComplete),
    SOLO_TABLE(ServiceDeployed),
    SOLO_TABLE(ServiceKilled),
    SOLO_TABLE(ServiceRestartRequested),
    SOLO_TABLE(Observed),
    SOLO_TABLE(ServiceStarted),
    SOLO_TABLE(ServiceRecovered),
    SOLO_TABLE(ServiceExited),
    SOLO_TABLE(ServiceCrashed),
    SOLO_TABLE(ServiceStopped),
    SOLO_TABLE(ServiceDeploymentFailed),
    SOLO_TABLE(ServiceRecoveryFailed),
    SOLO_TABLE(ServiceFailed),
    SOLO_TABLE(Event),
    SOLO_TABLE(Deploy),
    SOLO_TABLE(Kill),
    SOLO_TABLE(Restart),
    SOLO_TABLE(Status),
    SOLO_TABLE(List),
    SOLO_TABLE(Logs),
    SOLO_TABLE(Health),
    SOLO_TABLE(Recovery),
    SOLO_TABLE(Request),
    SOLO_TABLE(Error),
    SOLO_TABLE(ServiceStatus),
    SOLO_TABLE(ServiceList),
    SOLO_TABLE(ServiceOutput),
    SOLO_TABLE(LogHealth),
    SOLO_TABLE(ViewsHealth),
    SOLO_TABLE(ServicesHealth),
    SOLO_TABLE(QueuesHealth),
    SOLO_TABLE(HealthReport),
    SOLO_TABLE(Reply),
    SOLO_TABLE(Deployment),
    SOLO_TABLE(Instance),
    SOLO_TABLE(ServiceRecord),
    SOLO_TABLE(CodeRecord),
    SOLO_TABLE(TenantRecord),
    SOLO_TABLE(OutcomeRecord),
    SOLO_TABLE(DeadLetter),
    SOLO_TABLE(Owner),
    SOLO_TABLE(RecordMark),
    SOLO_TABLE(PartitionMeta),
    SOLO_TABLE(RecoveryRecord),
};

#undef SOLO_TABLE

}  // namespace

const flatbuffers::TypeTable* find_table(std::string_view name) {
  const auto* found =
      std::find_if(kTables.begin(), kTables.end(), [name](const Entry& entry) { return entry.name == name; });
  return found != kTables.end() ? found->type() : nullptr;
}

}  // namespace solo::schemas
