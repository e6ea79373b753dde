// What runs of one log on this machine, for the verifier: by marker, and by the identities that views and runtime have
// recorded (a program may overwrite its environment).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "consumers/process_host.h"
#include "consumers/verifier_diff.h"
#include "schemas/result.h"

namespace solo::consumers {

struct ScanOrder {
  std::string log;
  std::string node;
  const Desired& desired;
  const v1::InventoryReportT& inventory;
};

schemas::Result<Observed> scan_machine(ProcessHost& host, const ScanOrder& order);

/// The digest of the code that a command line (NUL-separated) runs, by the artifact's path in it; empty: it names none.
std::string code_digest_in(std::string_view command_line);

}  // namespace solo::consumers
