// Compiles cxx services: each code once, however many wait for it, and no more at a time than there are slots.
//
// The compiler runs as a process of its own, with the marker of tenant `system`, so that one that a dead daemon left
// behind is found and stopped. It is bounded by the longest startup timeout of those who wait, from when it gets its
// slot.
//
// Threads: belongs to one Loop; all calls and answers are on it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "consumers/artifacts.h"
#include "consumers/elastic_pool.h"
#include "consumers/loop.h"
#include "consumers/process_host.h"
#include "consumers/service_machine.h"

namespace solo::consumers {

struct CompilerOptions {
  /// argv; the first is looked for on `path`.
  std::vector<std::string> command;
  std::size_t slots = 1;
  std::string path;
  std::string log;
  std::string node;
  std::string run;
};

class Compiler {
 public:
  using Compiled = std::function<void(tl::expected<std::string, StartFailure>)>;
  using WaiterId = std::uint64_t;

  Compiler(CompilerOptions options, Artifacts& artifacts, ElasticPool& pool, ProcessHost& host,
           std::shared_ptr<Loop> loop);

  /// The program's path, or the compiler's words.
  WaiterId compile(const std::string& digest, std::string source, std::chrono::milliseconds timeout, Compiled done);
  /// `done` is not called. The last one who waits takes the compiler with him.
  void cancel(WaiterId waiter);

  bool idle() const { return builds_.empty(); }
  /// The compilers that run; what they have started is in their sessions.
  std::vector<Identity> processes() const;

 private:
  enum class Stage : std::uint8_t { queued, writing, spawning, running, finishing };
  struct Waiter {
    WaiterId id = 0;
    Compiled done;
  };
  struct Build {
    std::string digest;
    std::string source;
    std::chrono::milliseconds timeout{};
    Stage stage = Stage::queued;
    std::vector<Waiter> waiters;
    std::filesystem::path folder;
    std::unique_ptr<Process> process;
    bool timed_out = false;
    /// Nobody waited any more, and the compiler was killed.
    bool abandoned = false;
    Loop::TimerId timer;
  };
  using Outcome = tl::expected<std::string, StartFailure>;

  void fill_slots();
  void write_source(Build& build);
  void spawn(Build& build);
  void on_spawned(Build& build, schemas::Result<std::unique_ptr<Process>> process);
  void on_ended(Build& build, Exit end);
  void begin_again(Build build);
  void finish(const std::string& digest, Outcome outcome);
  SpawnRequest request(const Build& build) const;
  /// Runs on the loop if the build is still there.
  void on_loop(const std::string& digest, std::function<void(Build&)> task);

  const CompilerOptions options_;
  Artifacts& artifacts_;
  ElasticPool& pool_;
  ProcessHost& host_;
  const std::shared_ptr<Loop> loop_;
  std::map<std::string, Build> builds_;
  std::deque<std::string> queue_;
  std::size_t busy_slots_ = 0;
  WaiterId last_waiter_ = 0;
  std::uint64_t spawns_ = 0;
};

}  // namespace solo::consumers
