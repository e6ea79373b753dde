// A process's identity as the system tells it, and as it stands in events, views and reports.
#pragma once

#include "consumers/process_host.h"
#include "schemas/schemas.h"

namespace solo::consumers {

Identity identity_of(const v1::ProcessIdentityT& process);
/// Of none: no process's.
Identity identity_of(const schemas::Box<v1::ProcessIdentityT>& process);

v1::ProcessIdentityT to_record(const Identity& identity);

}  // namespace solo::consumers
