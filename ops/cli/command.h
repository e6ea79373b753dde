// One subcommand of `solo`. Each is a file of its own; registry.cc lists them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ops/args.h"
#include "ops/cli/session.h"

namespace solo::ops {

class Command {
 public:
  virtual ~Command() = default;
  /// With options bound to this object. The core adds the common options, the exit status and the environment.
  virtual Page page() = 0;
  /// It works on the state directory and never talks to the daemon.
  virtual bool is_local() const { return false; }
  /// The exit status.
  virtual int run(Session& session) = 0;
};

struct CommandEntry {
  /// `deploy`, `log read`.
  std::string name;
  std::unique_ptr<Command> (*make)();
};

/// In the order of the overview.
const std::vector<CommandEntry>& commands();

/// All of `solo` but the process around it.
int run_solo(const std::vector<std::string>& arguments);

std::unique_ptr<Command> make_deploy();
std::unique_ptr<Command> make_kill();
std::unique_ptr<Command> make_restart();
std::unique_ptr<Command> make_status();
std::unique_ptr<Command> make_list();
std::unique_ptr<Command> make_logs();
std::unique_ptr<Command> make_health();
std::unique_ptr<Command> make_version();
std::unique_ptr<Command> make_recovery_report();
std::unique_ptr<Command> make_token_grant();
std::unique_ptr<Command> make_token_list();
std::unique_ptr<Command> make_token_inspect();
std::unique_ptr<Command> make_token_revoke();
std::unique_ptr<Command> make_token_reset_root();
std::unique_ptr<Command> make_verify();
std::unique_ptr<Command> make_log_bounds();
std::unique_ptr<Command> make_log_read();
std::unique_ptr<Command> make_log_check();
std::unique_ptr<Command> make_view_rebuild();
std::unique_ptr<Command> make_view_dead_letters();
std::unique_ptr<Command> make_audit_read();
std::unique_ptr<Command> make_keys_generate();
std::unique_ptr<Command> make_keys_show();
std::unique_ptr<Command> make_topic_create();
std::unique_ptr<Command> make_topic_check();

}  // namespace solo::ops
