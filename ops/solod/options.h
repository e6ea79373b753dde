// solod's command line, environment and file, made one Config.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ops/config.h"
#include "schemas/result.h"

namespace solo::ops {

struct DaemonOptions {
  Config config;
  bool take_over = false;
};

struct DaemonCommandLine {
  enum class Wish { run, print } wish = Wish::run;
  DaemonOptions options;
  /// For Wish::print: what to print on stdout.
  std::string text;
};

/// invalid_argument, not_found, permission_denied: as apply_file() and parse() say.
schemas::Result<DaemonCommandLine> read_daemon_options(const std::vector<std::string>& arguments,
                                                       const std::function<const char*(const std::string&)>& lookup);

}  // namespace solo::ops
