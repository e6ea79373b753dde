// One posix_spawn(3) with everything a service's process needs, and the words for its failure.
#pragma once

#include <sys/types.h>

#include "consumers/process_host.h"
#include "schemas/result.h"

namespace solo::consumers {

/// Holds the calling thread until the child has exec'd, failed, or was killed. 0 and the child's pid (a child that was
/// killed before its exec counts as spawned: who killed it knows), or an errno value.
/// In the child every descriptor but 0, 1, 2 and lock_descriptor (-1: none; it goes with the exec) is closed before
/// anything that could hang.
int spawn_command(const SpawnRequest& request, int lock_descriptor, pid_t* pid);

/// Why a spawn failed, in words: looks which of program, interpreter, directory and output it was.
schemas::Error spawn_error(const SpawnRequest& request, int error_number);

}  // namespace solo::consumers
