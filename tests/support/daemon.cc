#include "tests/support/daemon.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace solo::testing {
namespace {

std::map<std::string, std::string> environment_of(const std::filesystem::path& process) {
  std::map<std::string, std::string> variables;
  const std::string block = read_file(process / "environ");
  for (std::size_t at = 0; at < block.size();) {
    const std::string entry = block.c_str() + at;
    at += entry.size() + 1;
    if (const auto equals = entry.find('='); equals != std::string::npos) {
      variables[entry.substr(0, equals)] = entry.substr(equals + 1);
    }
  }
  return variables;
}

bool is_zombie(const std::filesystem::path& process) {
  const std::string stat = read_file(process / "stat");
  const auto end_of_name = stat.rfind(')');
  return end_of_name == std::string::npos || stat.substr(end_of_name + 2, 1) == "Z";
}

}  // namespace

Daemon::Daemon(std::vector<std::string> arguments)
    : state_(directory_.path() / "state"), arguments_(std::move(arguments)) {}

Daemon::~Daemon() {
  if (child_) kill9();
  while (kill_services() > 0) pause_briefly();
}

void Daemon::launch() {
  std::vector<std::string> argv{SOLOD_PATH, "--state-dir", state_.string()};
  argv.insert(argv.end(), arguments_.begin(), arguments_.end());
  if (descriptor_limit_ != 0) {
    const std::string script = "ulimit -n " + std::to_string(descriptor_limit_) + " && exec \"$@\"";
    argv.insert(argv.begin(), {"/bin/sh", "-c", script, "sh"});
  }
  child_.reset();
  child_ =
      std::make_unique<Child>(argv, directory_.path() / "solod.out", directory_.path() / "solod.err", environment_);
}

bool Daemon::start(std::chrono::milliseconds timeout) {
  launch();
  return wait_until_ok(timeout);
}

bool Daemon::wait_until_ok(std::chrono::milliseconds timeout) {
  bool ended = false;
  bool ok = false;
  eventually(
      [&] {
        ended = child_->wait(std::chrono::milliseconds(0)).has_value();
        if (ended) return true;
        auto client = producers::CommandClient::connect({endpoint(), std::chrono::milliseconds(1000)});
        if (!client) return false;
        v1::RequestT request;
        request.body.Set(v1::HealthT{});
        auto reply = (*client)->call(std::move(request), std::chrono::milliseconds(2000));
        const auto* health = reply ? reply->body.AsHealthReport() : nullptr;
        ok = health != nullptr && health->status == v1::HealthStatus::ok;
        return ok;
      },
      timeout);
  return ok;
}

void Daemon::kill9() { child_->kill9(); }

std::size_t Daemon::kill_services() {
  const auto found = processes();
  for (const auto& process : found) kill(process.pid, SIGKILL);
  return found.size();
}

std::optional<ExitCode> Daemon::stop(std::chrono::milliseconds timeout) {
  child_->signal(SIGTERM);
  return child_->wait(timeout);
}

std::unique_ptr<producers::CommandClient> Daemon::client() const {
  auto client = producers::CommandClient::connect({endpoint(), std::chrono::milliseconds(5000)});
  if (!client) {
    std::fprintf(stderr, "no daemon: %s\n%s\n", client.error().message.c_str(), log().c_str());
    std::abort();
  }
  return std::move(*client);
}

std::vector<ServiceProcess> Daemon::processes() const {
  const std::string home = (state_ / "services").string() + "/";
  std::vector<ServiceProcess> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    auto variables = environment_of(entry.path());
    if (variables.count("SOLO_INSTANCE") == 0 || variables["HOME"].rfind(home, 0) != 0) continue;
    if (is_zombie(entry.path())) continue;
    found.push_back(ServiceProcess{std::stoi(name), variables["SOLO_TENANT"], variables["SOLO_SERVICE"],
                                   std::stoull(variables["SOLO_GENERATION"]), variables["SOLO_INSTANCE"]});
  }
  return found;
}

v1::RequestT deploy_request(std::string id, std::string tenant, std::string service, v1::SpecT spec, v1::Wait wait) {
  v1::RequestT request;
  request.id = std::move(id);
  request.tenant = std::move(tenant);
  request.wait = wait;
  v1::DeployT deploy;
  deploy.service = std::move(service);
  deploy.spec.ensure() = std::move(spec);
  request.body.Set(std::move(deploy));
  return request;
}

v1::RequestT kill_request(std::string id, std::string tenant, std::string service, v1::Wait wait) {
  v1::RequestT request;
  request.id = std::move(id);
  request.tenant = std::move(tenant);
  request.wait = wait;
  v1::KillT kill;
  kill.service = std::move(service);
  request.body.Set(std::move(kill));
  return request;
}

v1::SpecT exec_spec(std::vector<std::string> argv) {
  v1::SpecT spec;
  spec.format = v1::Format::exec;
  spec.argv = std::move(argv);
  return spec;
}

v1::SpecT script_spec(std::string text) {
  v1::SpecT spec;
  spec.format = v1::Format::script;
  spec.code = std::move(text);
  return spec;
}

}  // namespace solo::testing
