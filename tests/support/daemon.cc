#include "tests/support/daemon.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace solo::testing {
namespace {

/// nobody, whom Debian gives no files.
constexpr unsigned kOrdinaryUser = 65534;

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

/// For a moment it has neither arguments nor an environment; a thread of the kernel's has no program either.
bool is_in_exec(const std::filesystem::path& process) {
  std::error_code none;
  return !std::filesystem::read_symlink(process / "exe", none).empty() && read_file(process / "cmdline").empty();
}

bool is_zombie(const std::filesystem::path& process) {
  const std::string stat = read_file(process / "stat");
  const auto end_of_name = stat.rfind(')');
  return end_of_name == std::string::npos || stat.substr(end_of_name + 2, 1) == "Z";
}

}  // namespace

Daemon::Daemon(std::vector<std::string> arguments)
    : state_(directory_.path() / "state"), arguments_(std::move(arguments)), user_(kOrdinaryUser) {}

Daemon::~Daemon() {
  if (child_) kill9();
  // A child that was held before its exec outlives the daemon, and looks like it.
  while (kill_services() + kill_half_done_spawns() > 0) pause_briefly();
}

std::size_t Daemon::kill_half_done_spawns() const {
  using namespace std::string_literals;
  const std::string mine = "\0--state-dir\0"s + state_.string() + "\0"s;
  std::size_t killed = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string line = read_file(entry.path() / "cmdline");
    if (line.rfind(SOLOD_PATH, 0) != 0 || line.find(mine) == std::string::npos || is_zombie(entry.path())) continue;
    if (kill(std::stoi(name), SIGKILL) == 0) ++killed;
  }
  return killed;
}

void Daemon::run_as_ordinary_user() {
  if (geteuid() != 0) return;
  ordinary_user_ = true;
  give_to_user(directory_.path());
}

void Daemon::run_with_process_limit(unsigned processes) {
  constexpr unsigned kFirstOfMany = 100'000;
  user_ = kFirstOfMany + static_cast<unsigned>(getpid());
  process_limit_ = processes;
  run_as_ordinary_user();
}

void Daemon::give_to_user(const std::filesystem::path& path) const {
  if (ordinary_user_ && chown(path.c_str(), user_, user_) != 0) std::abort();
}

void Daemon::launch() {
  std::vector<std::string> argv{SOLOD_PATH, "--state-dir", state_.string()};
  argv.insert(argv.end(), arguments_.begin(), arguments_.end());
  if (descriptor_limit_ != 0) {
    const std::string script = "ulimit -n " + std::to_string(descriptor_limit_) + " && exec \"$@\"";
    argv.insert(argv.begin(), {"/bin/sh", "-c", script, "sh"});
  }
  if (process_limit_ != 0) {
    const std::string script = "ulimit -u " + std::to_string(process_limit_) + " && exec \"$@\"";
    argv.insert(argv.begin(), {"/bin/bash", "-c", script, "bash"});
  }
  if (ordinary_user_) {
    const std::string id = std::to_string(user_);
    argv.insert(argv.begin(), {"/usr/bin/setpriv", "--reuid=" + id, "--regid=" + id, "--clear-groups", "--"});
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
        auto client = producers::CommandClient::connect({endpoint(), std::chrono::milliseconds(1000), root_token()});
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

std::string Daemon::root_token() const {
  std::string text = read_file(token_of_->state_ / "root.token");
  text.erase(std::min(text.find('\n'), text.size()));
  return text;
}

std::unique_ptr<producers::CommandClient> Daemon::client() const {
  auto client = producers::CommandClient::connect({endpoint(), std::chrono::seconds(20), root_token()});
  if (!client) {
    std::fprintf(stderr, "no daemon: %s\n%s\n", client.error().message.c_str(), log().c_str());
    std::abort();
  }
  return std::move(*client);
}

std::optional<ServiceProcess> Daemon::look_at(const std::filesystem::path& process) const {
  const std::string home = (state_ / "services").string() + "/";
  auto variables = environment_of(process);
  // One that is said to run may be no further than that, on a busy machine.
  for (int looks = 0; variables.empty() && looks < 20 && is_in_exec(process); ++looks) {
    pause_briefly();
    variables = environment_of(process);
  }
  if (variables.count("SOLO_INSTANCE") == 0 || variables["HOME"].rfind(home, 0) != 0) return std::nullopt;
  if (is_zombie(process)) return std::nullopt;
  return ServiceProcess{std::stoi(process.filename()), variables["SOLO_TENANT"], variables["SOLO_SERVICE"],
                        std::stoull(variables["SOLO_GENERATION"]), variables["SOLO_INSTANCE"]};
}

bool Daemon::is_alive(const ServiceProcess& process) const {
  const auto now = look_at("/proc/" + std::to_string(process.pid));
  return now && now->instance == process.instance;
}

std::vector<ServiceProcess> Daemon::processes() const {
  std::vector<ServiceProcess> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (auto process = look_at(entry.path())) found.push_back(*std::move(process));
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
