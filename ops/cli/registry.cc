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
      {"token grant", make_token_grant},
      {"token list", make_token_list},
      {"token inspect", make_token_inspect},
      {"token revoke", make_token_revoke},
      {"token reset-root", make_token_reset_root},
      {"verify", make_verify},
      {"log bounds", make_log_bounds},
      {"log read", make_log_read},
      {"log check", make_log_check},
      {"view rebuild", make_view_rebuild},
      {"view dead-letters", make_view_dead_letters},
      {"audit read", make_audit_read},
      {"keys generate", make_keys_generate},
      {"keys show", make_keys_show},
      {"topic create", make_topic_create},
      {"topic check", make_topic_check},
      {"version", make_version},
  };
  return all;
}

}  // namespace solo::ops
