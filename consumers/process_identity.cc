#include "consumers/process_identity.h"

namespace solo::consumers {

Identity identity_of(const v1::ProcessIdentityT& process) {
  return Identity{process.pid, process.start_time, process.boot_id};
}

Identity identity_of(const schemas::Box<v1::ProcessIdentityT>& process) {
  return process ? identity_of(*process) : Identity();
}

v1::ProcessIdentityT to_record(const Identity& identity) {
  v1::ProcessIdentityT record;
  record.pid = identity.pid;
  record.start_time = identity.start_time;
  record.boot_id = identity.boot_id;
  return record;
}

}  // namespace solo::consumers
