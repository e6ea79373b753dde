// `solo-verifier`: the verifier as a process of its own, over a log in Kafka and views that it builds itself. It shares
// nothing with the daemon but the log and the command socket.
#pragma once

#include <string>
#include <vector>

namespace solo::ops {

/// All of `solo-verifier` but the process around it; its exit status.
int run_verifier(const std::vector<std::string>& arguments);

}  // namespace solo::ops
