#include "ops/cli/service_request.h"

#include <fmt/format.h>

#include "ops/cli/output.h"
#include "producers/entropy.h"

namespace solo::ops {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

Result<v1::Wait> parse_wait(const std::string& text) {
  if (text == "accepted") return v1::Wait::accepted;
  if (text == "applied") return v1::Wait::applied;
  if (text == "done") return v1::Wait::done;
  return fail(ErrorCode::invalid_argument,
              fmt::format("--wait: \"{}\" is none of accepted, applied, done", printable(text)));
}

std::string outcome_line(const v1::ServiceStatusT& status, bool duplicate) {
  std::string line = fmt::format("{}: {}, generation {}", full_name(status), v1::EnumNameServiceState(status.state),
                                 status.generation);
  if (status.pending_generation != 0) line += fmt::format(", {} pending", status.pending_generation);
  if (status.pid != 0) line += fmt::format(", pid {}", status.pid);
  if (duplicate) line += " (this id was taken before; nothing was done again)";
  return line + '\n';
}

bool is_unknown(ErrorCode code) { return code == ErrorCode::unavailable || code == ErrorCode::deadline_exceeded; }

}  // namespace

std::vector<Option> RequestOptions::for_read() {
  return {{"--timeout", "DURATION", "Give up after this: 250ms, 30s, 5m; at most 1h. Default: 30s.", &timeout_}};
}

std::vector<Option> RequestOptions::for_write() {
  std::vector<Option> options{
      {"--wait", "LEVEL",
       "accepted: the log has it; applied: the views have it; done: it has had its effect. Default: done.", &wait_},
      {"--id", "ID",
       "The command's own id, 1 to 64 printable characters: sent again, it takes effect once. Default: a random one.",
       &id_}};
  for (auto& option : for_read()) options.push_back(std::move(option));
  return options;
}

Result<void> RequestOptions::apply(const Session& session, v1::RequestT& request, bool every_tenant) const {
  auto tenant = every_tenant ? Result<std::string>("*") : session.tenant();
  if (!tenant) return fail(tenant.error());
  request.tenant = std::move(*tenant);
  if (timeout_) {
    auto timeout = parse_duration("--timeout", *timeout_);
    if (!timeout) return fail(timeout.error());
    // 0 on the wire is "not given".
    request.timeout_ms = std::max(*timeout, 1U);
  }
  if (wait_) {
    auto wait = parse_wait(*wait_);
    if (!wait) return fail(wait.error());
    request.wait = *wait;
  }
  request.id = id_ ? *id_ : producers::SystemEntropy().uuid();
  return {};
}

int send_command(Session& session, v1::RequestT request, const std::string& progress) {
  const std::string retry = "ask again with the same words and --id " + request.id;
  session.progress(progress);
  auto reply = session.call(std::move(request));
  if (!reply) {
    schemas::Error error = reply.error();
    if (error.code == ErrorCode::deadline_exceeded) {
      error.message += "; nobody can tell whether it was taken";
      error.hint = retry;
    }
    return session.fail(error);
  }
  if (!reply->ok) {
    if (reply->error && reply->error->hint.empty() && reply->error->code == v1::ErrorCode::already_exists) {
      reply->error->hint = "--replace puts this in its place";
    }
    if (reply->error && reply->error->hint.empty() && is_unknown(static_cast<ErrorCode>(reply->error->code))) {
      reply->error->hint = retry;
    }
    return session.fail(*reply);
  }
  if (session.json()) {
    session.print_json(session.body_json(*reply));
  } else if (const auto* status = reply->body.AsServiceStatus()) {
    session.print(outcome_line(*status, reply->duplicate));
  } else {
    // --wait accepted: what became of it is not known yet.
    session.print(fmt::format("in the log at {}\n", reply->position));
  }
  return kDone;
}

std::string format_name(v1::Format format) {
  return format == v1::Format::unspecified ? "" : v1::EnumNameFormat(format);
}

std::string full_name(const v1::ServiceStatusT& status) { return status.tenant + '/' + status.service; }

std::string status_facts(const v1::ServiceStatusT& status) {
  const auto number = [](auto value) { return value == 0 ? std::string() : std::to_string(value); };
  return facts({
      {"service", full_name(status)},
      {"state", v1::EnumNameServiceState(status.state)},
      {"reason", status.reason},
      {"detail", status.detail},
      {"format", format_name(status.format)},
      {"generation", std::to_string(status.generation)},
      {"pending", number(status.pending_generation)},
      {"failed replacement", number(status.failed_generation)},
      {"its reason", status.failed_reason},
      {"its detail", status.failed_detail},
      {"deployed", show_time(status.deployed_at)},
      {"pid", number(status.pid)},
      {"instance", status.instance},
      {"node", status.node},
      {"started", show_time(status.started_at)},
      {"restarts", std::to_string(status.restarts)},
      {"last end", status.exit_status},
  });
}

Result<v1::EnvVarT> parse_variable(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return fail(ErrorCode::invalid_argument, fmt::format("--env: \"{}\" is not NAME=VALUE", printable(text)));
  }
  v1::EnvVarT variable;
  variable.name = text.substr(0, equals);
  variable.value = text.substr(equals + 1);
  return variable;
}

}  // namespace solo::ops
