// What deploy, kill, restart and status share: options about how to wait, and how a service's status is shown.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ops/args.h"
#include "ops/cli/session.h"

namespace solo::ops {

/// Options of requests; the object must outlive the page.
class RequestOptions {
 public:
  std::vector<Option> for_read();
  std::vector<Option> for_write();

  /// Fills id, tenant (`*` for every tenant), wait and timeout_ms.
  schemas::Result<void> apply(const Session& session, v1::RequestT& request, bool every_tenant = false) const;

 private:
  std::optional<std::string> timeout_;
  std::optional<std::string> wait_;
  std::optional<std::string> id_;
};

/// Sends a command and shows what became of it: the service's new state, or the error. When nobody can know the
/// outcome, it says how to ask again.
int send_command(Session& session, v1::RequestT request, const std::string& progress);

/// Empty for what is killed: its program is forgotten.
std::string format_name(v1::Format format);
/// `acme/web`.
std::string full_name(const v1::ServiceStatusT& status);
/// Everything known about a service, one fact per line.
std::string status_facts(const v1::ServiceStatusT& status);

/// `NAME=VALUE` from --env. invalid_argument: there is no `=`.
schemas::Result<v1::EnvVarT> parse_variable(const std::string& text);

}  // namespace solo::ops
