#include "tests/integration/runtime/processes.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <iterator>
#include <thread>

#include "consumers/proc.h"
#include "producers/entropy.h"

namespace solo::consumers::testing {

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

ForkedProcess::ForkedProcess(const std::function<void()>& body) : pid_(::fork()) {
  if (pid_ != 0) return;
  body();
  ::_exit(0);
}

ForkedProcess::~ForkedProcess() { kill(); }

void ForkedProcess::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

bool is_running(pid_t pid) {
  const auto stat = proc::read_stat(pid);
  return stat && stat->state != 'Z' && stat->state != 'X';
}

ProcessTest::ProcessTest() : log_(producers::SystemEntropy().uuid()) {
  std::string pattern = (std::filesystem::temp_directory_path() / "solo-test-XXXXXX").string();
  directory_ = ::mkdtemp(pattern.data());
}

ProcessTest::~ProcessTest() {
  eventually([&] {
    const auto left = found();
    for (const FoundProcess& process : left) ::kill(process.identity.pid, SIGKILL);
    return left.empty();
  });
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

Marker ProcessTest::marker() const { return Marker{log_, "node-1", "acme", "web", 1, "run-1"}; }

SpawnRequest ProcessTest::shell(const std::string& script, const std::string& name) const {
  return SpawnRequest{{"/bin/sh", "-c", script},
                      {"SOLO_LOG=" + log_, "SOLO_NODE=node-1", "SOLO_TENANT=acme", "SOLO_SERVICE=web",
                       "SOLO_GENERATION=1", "SOLO_INSTANCE=run-1", "PATH=/usr/bin:/bin"},
                      directory_,
                      directory_ / name};
}

std::vector<FoundProcess> ProcessTest::found() const {
  std::vector<FoundProcess> result;
  for (const pid_t pid : proc::all_pids()) {
    const auto carried = proc::marker_of(pid, std::chrono::steady_clock::now() + 1s);
    const auto stat = proc::read_stat(pid);
    if (!carried || carried->log != log_ || !stat || stat->state == 'Z' || stat->state == 'X') continue;
    result.push_back({Identity{pid, stat->start_time, proc::boot_id()}, *carried, stat->session == pid});
  }
  return result;
}

void ProcessTest::make_fifo(const std::filesystem::path& path) const { ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0); }

SpawnResult spawn(ProcessHost& host, SpawnRequest request, std::chrono::milliseconds timeout) {
  auto promise = std::make_shared<std::promise<SpawnResult>>();
  auto future = promise->get_future();
  host.spawn(std::move(request), timeout, [promise](SpawnResult result) { promise->set_value(std::move(result)); });
  return future.get();
}

std::optional<Exit> wait_for_exit(ProcessHost& host, Process& process, std::chrono::milliseconds timeout) {
  auto promise = std::make_shared<std::promise<Exit>>();
  auto future = promise->get_future();
  host.watch(process, [promise](Exit exit) { promise->set_value(exit); });
  if (future.wait_for(timeout) != std::future_status::ready) return std::nullopt;
  return future.get();
}

}  // namespace solo::consumers::testing
