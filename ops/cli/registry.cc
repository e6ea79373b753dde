#include "ops/cli/command.h"

namespace solo::ops {

const std::vector<CommandEntry>& commands() {
  static const std::vector<CommandEntry> all{
      {"deploy", make_deploy},
      {"kill", make_kill},
      {"restart", make_restart},
      {"status", make_status},
      {"list", make_list},
      {"logs", make_logs},
      {"health", make_health},
      {"recovery report", make_recovery_report},
      {"log bounds", make_log_bounds},
      {"log read", make_log_read},
      {"log check", make_log_check},
      {"topic create", make_topic_create},
      {"topic check", make_topic_check},
      {"version", make_version},
  };
  return all;
}

}  // namespace solo::ops
