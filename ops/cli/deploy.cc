// solo deploy
#include <fmt/format.h>

#include "ops/cli/command.h"
#include "ops/cli/program_file.h"
#include "ops/cli/service_request.h"

namespace solo::ops {
namespace {

using schemas::ErrorCode;
using schemas::Result;

class Deploy final : public Command {
 public:
  Page page() override;
  int run(Session& session) override;

 private:
  Result<v1::SpecT> spec() const;
  Result<void> fill_program(v1::SpecT& spec) const;
  Result<void> fill_limits(v1::SpecT& spec) const;

  std::string service_;
  std::string file_;
  bool exec_ = false;
  std::optional<std::string> format_;
  std::vector<std::string> rest_;
  std::vector<std::string> env_;
  std::optional<std::string> restart_;
  std::optional<std::uint32_t> max_restarts_;
  std::optional<std::string> restart_window_;
  std::optional<std::string> startup_timeout_;
  std::optional<std::string> shutdown_timeout_;
  bool replace_ = false;
  std::optional<std::uint64_t> if_generation_;
  RequestOptions request_;
};

Page Deploy::page() {
  Page page{
      .summary = "start a service and keep it running",
      .synopsis = {"SERVICE FILE [OPTION...] [-- ARGUMENT...]", "SERVICE --exec [OPTION...] -- PROGRAM [ARGUMENT...]"},
      .description =
          "Writes the service's program and rules into the log, and by default waits until its process runs. From then "
          "on it is kept running, over restarts of the daemon and of the machine, until `solo kill`.\n\n"
          "FILE is a script (it begins with #!) or one C++ source file (.cc, .cpp, .cxx), which the daemon compiles. "
          "Its "
          "text travels with the command: the file is not needed afterwards. With --exec the program is one that is "
          "installed on the daemon's machine.\n\n"
          "A service gets a directory of its own, which is its HOME and where it starts, and a clean environment: "
          "PATH, HOME, LANG, TZ, what --env gives, and SOLO_TENANT, SOLO_SERVICE and their like. What it prints is "
          "kept "
          "for `solo logs`. It runs as the daemon's user.\n\n"
          "A live service of that name is an error (already exists) unless --replace is given: then the new "
          "generation is prepared while the old one runs, and takes its place only if that succeeds.",
      .operands = {{"SERVICE", "Its name: a-z, 0-9 and -, at most 63 characters.", &service_, true},
                   {"FILE", "Script or C++ source; - is stdin.", &file_, false}},
      .options =
          {{"--exec", "", "Run an installed program: what stands behind --.", &exec_},
           {"--format", "FORMAT", "script or cxx, where FILE does not tell.", &format_},
           {"--env", "NAME=VALUE", "A variable of its environment; may be repeated.", &env_},
           {"--restart", "POLICY",
            "permanent: always; transient: only after a crash; temporary: never. Default: permanent. What was running "
            "when the daemon or the machine died is brought back whatever the policy; an end that nobody saw counts as "
            "a crash.",
            &restart_},
           {"--max-restarts", "N", "Give up after more than N restarts in the window. Default: 5.", &max_restarts_},
           {"--restart-window", "DURATION", "That window; the pauses before restarts do not count. Default: 60s.",
            &restart_window_},
           {"--startup-timeout", "DURATION", "How long a start may take. Default: 5s, for C++ 60s.", &startup_timeout_},
           {"--shutdown-timeout", "DURATION", "From SIGTERM to SIGKILL. Default: 5s.", &shutdown_timeout_},
           {"--replace", "", "Take the place of a live service of that name.", &replace_},
           {"--if-generation", "N", "Only if the service is at generation N.", &if_generation_}},
      .rest = &rest_,
      .examples = {{"An HTTP server from its source", "solo deploy web server.cc --tenant acme --env PORT=8080"},
                   {"A script, as it is now in the editor", "solo deploy ticker - --tenant acme < ticker.sh"},
                   {"An installed program", "solo deploy nap --tenant acme --exec -- /usr/bin/sleep 3600"},
                   {"A new version, unless somebody was quicker",
                    "solo deploy web server.cc --tenant acme --replace --if-generation 3"}}};
  for (auto& option : request_.for_write()) page.options.push_back(std::move(option));
  return page;
}

Result<void> Deploy::fill_program(v1::SpecT& spec) const {
  const auto usage = [](std::string message) {
    return schemas::fail(ErrorCode::invalid_argument, std::move(message), "see solo deploy --help");
  };
  spec.argv = rest_;
  if (exec_) {
    if (!file_.empty() || format_) return usage("--exec takes no FILE and no --format: the program stands behind --");
    if (rest_.empty()) return usage("--exec needs a program: -- PROGRAM [ARGUMENT...]");
    spec.format = v1::Format::exec;
    spec.argv[0] = absolute_program(rest_[0]);
    return {};
  }
  if (file_.empty()) return usage("what is to run? give FILE, or --exec -- PROGRAM");
  auto text = read_program(file_);
  if (!text) return schemas::fail(text.error());
  if (format_) {
    if (*format_ != "script" && *format_ != "cxx") return usage("--format is script or cxx");
    spec.format = *format_ == "script" ? v1::Format::script : v1::Format::cxx;
  } else {
    auto format = format_of(file_, *text);
    if (!format) return schemas::fail(format.error());
    spec.format = *format;
  }
  spec.code = std::move(*text);
  return {};
}

Result<void> Deploy::fill_limits(v1::SpecT& spec) const {
  v1::RestartLimitsT limits;
  if (restart_) {
    if (*restart_ == "permanent")
      spec.restart = v1::RestartPolicy::permanent;
    else if (*restart_ == "transient")
      spec.restart = v1::RestartPolicy::transient;
    else if (*restart_ == "temporary")
      spec.restart = v1::RestartPolicy::temporary;
    else
      return schemas::fail(ErrorCode::invalid_argument, "--restart is permanent, transient or temporary");
  }
  if (max_restarts_) {
    if (*max_restarts_ == 0) {
      return schemas::fail(ErrorCode::invalid_argument, "--max-restarts is at least 1",
                           "--restart temporary never restarts");
    }
    limits.max_restarts = *max_restarts_;
  }
  const auto duration = [](std::string_view what, const std::optional<std::string>& text, std::uint32_t unit,
                           std::uint32_t& field) -> Result<void> {
    if (!text) return {};
    auto milliseconds = parse_duration(what, *text);
    if (!milliseconds) return schemas::fail(milliseconds.error());
    if (*milliseconds < unit) return schemas::fail(ErrorCode::invalid_argument, fmt::format("{} is too short", what));
    field = *milliseconds / unit;
    return {};
  };
  for (auto& filled : {duration("--restart-window", restart_window_, 1000, limits.max_seconds),
                       duration("--startup-timeout", startup_timeout_, 1, limits.startup_timeout_ms),
                       duration("--shutdown-timeout", shutdown_timeout_, 1, limits.shutdown_timeout_ms)}) {
    if (!filled) return filled;
  }
  spec.restart_limits.ensure() = limits;
  return {};
}

Result<v1::SpecT> Deploy::spec() const {
  v1::SpecT spec;
  if (auto filled = fill_program(spec); !filled) return schemas::fail(filled.error());
  for (const auto& text : env_) {
    auto variable = parse_variable(text);
    if (!variable) return schemas::fail(variable.error());
    spec.env.emplace_back(std::move(*variable));
  }
  if (auto filled = fill_limits(spec); !filled) return schemas::fail(filled.error());
  return spec;
}

int Deploy::run(Session& session) {
  v1::RequestT request;
  auto spec = this->spec();
  if (!spec) return session.fail(spec.error());
  if (auto applied = request_.apply(session, request); !applied) return session.fail(applied.error());
  const bool compiled = spec->format == v1::Format::cxx;
  v1::DeployT deploy;
  deploy.service = service_;
  deploy.spec.ensure() = std::move(*spec);
  deploy.replace = replace_;
  deploy.if_generation = if_generation_.value_or(0);
  request.body.Set(std::move(deploy));
  const std::string name = request.tenant + '/' + service_;
  return send_command(session, std::move(request), (compiled ? "compiling and starting " : "starting ") + name);
}

}  // namespace

std::unique_ptr<Command> make_deploy() { return std::make_unique<Deploy>(); }

}  // namespace solo::ops
