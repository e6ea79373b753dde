// Makes a generation ready to run: its directory, its program (found, written or compiled), its environment.
//
// What touches files is done on a pool's threads, so that a path that hangs holds up only who asked for it.
//
// Threads: belongs to one Loop; all calls and answers are on it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "consumers/artifacts.h"
#include "consumers/compiler.h"
#include "consumers/elastic_pool.h"
#include "consumers/loop.h"
#include "consumers/service_environment.h"
#include "consumers/service_files.h"
#include "consumers/service_machine.h"
#include "schemas/ids.h"
#include "schemas/schemas.h"

namespace solo::consumers {

struct PrepareOrder {
  schemas::ServiceKey service;
  /// Its spec without the code.
  v1::DeploymentT deployment;
};

/// What is left out of the environment: the instance, which each spawn has its own of.
struct ReadyProgram {
  std::vector<std::string> argv;
};

class Preparer {
 public:
  using Prepared = std::function<void(tl::expected<ReadyProgram, StartFailure>)>;
  using Ticket = std::uint64_t;
  /// A code's text by its digest. Any thread.
  using FindCode = std::function<schemas::Result<std::string>(const schemas::ServiceKey&, const std::string& digest)>;

  struct Parts {
    const ServiceFiles& files;
    Artifacts& artifacts;
    ElasticPool& pool;
    Compiler& compiler;
    std::shared_ptr<Loop> loop;
    FindCode find_code;
    EnvironmentDefaults defaults;
  };
  explicit Preparer(Parts parts) : parts_(std::move(parts)) {}

  Ticket prepare(PrepareOrder order, Prepared done);
  /// `done` is not called.
  void cancel(Ticket ticket);

  /// Runs something on the pool, and sees to it that the pool is tended.
  void run_on_pool(ElasticPool::Task task);

 private:
  struct Waiting {
    Prepared done;
    std::optional<Compiler::WaiterId> compilation;
  };
  /// Done, or: this source is to be compiled first.
  struct Source {
    std::string text;
  };
  using Looked = tl::expected<std::variant<ReadyProgram, Source>, StartFailure>;

  Looked look(const PrepareOrder& order) const;
  Looked look_for_exec(const PrepareOrder& order) const;
  Looked look_for_script(const PrepareOrder& order) const;
  Looked look_for_cxx(const PrepareOrder& order) const;
  void on_looked(Ticket ticket, const PrepareOrder& order, Looked looked);
  void tell(Ticket ticket, tl::expected<ReadyProgram, StartFailure> outcome);
  void tend_later();

  const Parts parts_;
  Ticket last_ticket_ = 0;
  std::map<Ticket, Waiting> waiting_;
  bool tending_ = false;
};

}  // namespace solo::consumers
