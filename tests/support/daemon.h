// A real solod on a state directory of its own, for tests that restart, kill and question it. Whatever it started is
// dead when this is gone.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "producers/command_client.h"
#include "schemas/schemas.h"
#include "tests/support/child.h"
#include "tests/support/temp_dir.h"

namespace solo::testing {

/// A live process that carries the marker of a service of one state directory.
struct ServiceProcess {
  pid_t pid = 0;
  std::string tenant;
  std::string service;
  std::uint64_t generation = 0;
  std::string instance;
};

class Daemon {
 public:
  /// Starts nothing yet. `arguments` go behind `--state-dir STATE`.
  explicit Daemon(std::vector<std::string> arguments = {});
  ~Daemon();

  /// For the next launch.
  void set_arguments(std::vector<std::string> arguments) { arguments_ = std::move(arguments); }

  /// Descriptors that solod may have open, from the next launch on; 0: as many as this program.
  void set_descriptor_limit(unsigned limit) { descriptor_limit_ = limit; }
  /// From the next launch on it runs as a user who may do nothing in particular, if this program may choose (root);
  /// else as this program's. What a test puts into STATE beforehand it gives to that user.
  void run_as_ordinary_user();
  /// The same as a user of whom nothing else runs, and who may have so many threads and processes. For root.
  void run_with_process_limit(unsigned processes);
  void give_to_user(const std::filesystem::path& path) const;
  /// Variables on top of this test's; for the next launch.
  void set_environment(std::vector<std::string> environment) { environment_ = std::move(environment); }

  const std::filesystem::path& state() const { return state_; }
  std::string endpoint() const { return "ipc://" + (state_ / "command.sock").string(); }

  /// Starts solod and returns at once.
  void launch();
  /// launch(), then waits until health says ok. false: it ended, or never did; log() tells why.
  bool start(std::chrono::milliseconds timeout = std::chrono::seconds(60));
  bool wait_until_ok(std::chrono::milliseconds timeout = std::chrono::seconds(60));

  /// SIGKILL to the daemon alone.
  void kill9();
  /// SIGKILL to every process of every service; returns how many there were.
  std::size_t kill_services();
  /// SIGTERM; its exit status. Nothing: it did not end in time.
  std::optional<ExitCode> stop(std::chrono::milliseconds timeout = std::chrono::seconds(60));

  Child& child() { return *child_; }
  /// What solod has written to stderr so far, over all its starts.
  std::string log() const { return read_file(directory_.path() / "solod.err"); }

  /// STATE/root.token; empty until there is one. All that tests ask of a daemon they ask with it.
  std::string root_token() const;
  /// This one is on the same log as `other`, which made the root token. `other` must outlive it.
  void use_token_of(const Daemon& other) { token_of_ = &other; }
  /// A connected client; the test program aborts if there is no daemon.
  std::unique_ptr<producers::CommandClient> client() const;

  /// From /proc, this moment; zombies are left out.
  std::vector<ServiceProcess> processes() const;
  /// Is this one, found before, still there?
  bool is_alive(const ServiceProcess& process) const;

 private:
  std::size_t kill_half_done_spawns() const;
  std::optional<ServiceProcess> look_at(const std::filesystem::path& process) const;

  TempDir directory_;
  std::filesystem::path state_;
  std::vector<std::string> arguments_;
  unsigned descriptor_limit_ = 0;
  bool ordinary_user_ = false;
  unsigned user_;
  unsigned process_limit_ = 0;
  std::vector<std::string> environment_;
  const Daemon* token_of_ = this;
  std::unique_ptr<Child> child_;
};

/// Requests as clients make them; the id is the caller's.
v1::RequestT deploy_request(std::string id, std::string tenant, std::string service, v1::SpecT spec,
                            v1::Wait wait = v1::Wait::done);
v1::RequestT kill_request(std::string id, std::string tenant, std::string service, v1::Wait wait = v1::Wait::done);
v1::SpecT exec_spec(std::vector<std::string> argv);
v1::SpecT script_spec(std::string text);

}  // namespace solo::testing
