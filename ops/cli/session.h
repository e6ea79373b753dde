// One run of `solo`: where the daemon is, how answers and errors are shown, which exit status they make.
//
// Data goes to stdout, all else to stderr. With --json stdout holds JSON only, errors too: {"error":{...}}.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ops/args.h"
#include "ops/cli/curve_access.h"
#include "producers/command_client.h"
#include "schemas/json.h"
#include "schemas/result.h"
#include "schemas/schemas.h"

namespace solo::ops {

/// Exit statuses of `solo`.
enum Exit : int { kDone = 0, kAnswerIsNo = 1, kUsage = 2, kFailed = 3 };

/// 1: the answer is no; 2: wrongly asked; 3: could not reach or do it.
int exit_status(schemas::ErrorCode code);

class Session {
 public:
  /// The options of every command; the session must outlive the page.
  std::vector<Option> common_options();
  /// Those of commands that never talk to the daemon.
  std::vector<Option> local_options();

  bool json() const { return json_; }

  bool tenant_on_command_line() const { return tenant_.has_value(); }
  bool state_dir_on_command_line() const { return state_dir_.has_value(); }
  /// --tenant, else SOLO_TENANT. invalid_argument when there is neither.
  schemas::Result<std::string> tenant() const;
  /// --addr, else SOLO_ADDR, else the socket in state_dir().
  schemas::Result<std::string> endpoint() const;
  /// --state-dir, else SOLO_STATE_DIR, else the default one.
  std::string state_dir() const;
  /// --token, else SOLO_TOKEN, else what SOLO_TOKEN_FILE holds, else the root token in the state directory whose daemon
  /// is spoken to; empty: none of them. An error: what was named is empty, holds no token, or cannot be read.
  schemas::Result<std::string> token() const;

  /// Sends one request, reaching the daemon first. An answer with ok = false is a reply, not an Error.
  schemas::Result<v1::ReplyT> call(v1::RequestT request);

  /// One JSON value on stdout, with a newline.
  void print_json(const std::string& text);
  /// A reply's body alone, as JSON; of a reply that has none, its position.
  std::string body_json(const v1::ReplyT& reply);
  void print(std::string_view text);
  /// Nothing more can be written to stdout.
  bool output_broken() const { return output_error_ != 0; }
  /// The exit status of a run that ended with `status`: output that got lost is a failure, a reader that went away or
  /// never was not.
  int finish(int status);
  /// A line on stderr.
  void note(std::string_view text);
  /// What is being waited for, on stderr when that is a terminal; gone with the next output.
  void progress(std::string_view text);

  /// Reports it and returns the exit status.
  int fail(const schemas::Error& error, std::string_view position = {});
  /// The error of a reply that is not ok.
  int fail(const v1::ReplyT& reply);

  /// Finds --json before the command line is understood, so that usage errors are JSON too.
  void set_json(bool json) { json_ = json; }

 private:
  void clear_progress();

  bool json_ = false;
  std::optional<std::string> tenant_;
  std::optional<std::string> addr_;
  std::optional<std::string> state_dir_;
  CurveAccess curve_;
  std::optional<std::string> token_;
  std::unique_ptr<producers::CommandClient> client_;
  /// The token is that of root.token.
  bool as_root_ = false;
  schemas::JsonCodec codec_;
  bool progress_shown_ = false;
  int output_error_ = 0;
};

}  // namespace solo::ops
