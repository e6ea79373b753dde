// What tests with real processes share: a directory and a marker of their own, and nothing left behind.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "consumers/linux_process_host.h"

namespace solo::consumers::testing {

using namespace std::chrono_literals;

/// Waits for a condition; false: it did not come true in time.
bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds timeout = 20s);

std::string read_text(const std::filesystem::path& path);

/// A process of its own that this test forked; killed and reaped with the test.
class ForkedProcess {
 public:
  explicit ForkedProcess(const std::function<void()>& body);
  ~ForkedProcess();
  ForkedProcess(const ForkedProcess&) = delete;
  ForkedProcess& operator=(const ForkedProcess&) = delete;
  pid_t pid() const { return pid_; }
  /// SIGKILL, and reaped.
  void kill();

 private:
  pid_t pid_ = 0;
};

/// Is there a process of this pid that still runs (not a zombie)?
bool is_running(pid_t pid);

/// A temporary directory and a log uuid for one test. Every process that carries the uuid is killed at the end.
class ProcessTest : public ::testing::Test {
 protected:
  ProcessTest();
  ~ProcessTest() override;

  std::filesystem::path path(const std::string& name) const { return directory_ / name; }
  /// `/bin/sh -c SCRIPT` with the marker in its environment, its output in the test's directory under `name`.
  SpawnRequest shell(const std::string& script, const std::string& name = "out") const;
  Marker marker() const;
  std::vector<FoundProcess> found() const;
  void make_fifo(const std::filesystem::path& path) const;

  std::filesystem::path directory_;
  std::string log_;
};

using SpawnResult = schemas::Result<std::unique_ptr<Process>>;
/// Spawns and waits for the outcome.
SpawnResult spawn(ProcessHost& host, SpawnRequest request, std::chrono::milliseconds timeout = 10s);
/// Watches and waits for the end.
std::optional<Exit> wait_for_exit(ProcessHost& host, Process& process, std::chrono::milliseconds timeout = 10s);

}  // namespace solo::consumers::testing
