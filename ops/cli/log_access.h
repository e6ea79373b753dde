// How the log commands get at the log: from its files, with the daemon running or not.
#pragma once

#include <memory>

#include "ops/cli/session.h"
#include "producers/log_inspection.h"
#include "schemas/result.h"

namespace solo::ops {

/// The log in the session's state directory. A daemon that is starting or stopping at this moment is waited for.
schemas::Result<std::unique_ptr<producers::LogInspector>> open_log(const Session& session);

}  // namespace solo::ops
