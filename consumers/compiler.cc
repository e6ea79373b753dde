#include "consumers/compiler.h"

#include <signal.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "consumers/files.h"
#include "consumers/service_environment.h"
#include "schemas/codec.h"
#include "schemas/schemas.h"

namespace solo::consumers {

namespace {

using schemas::ErrorCode;
using schemas::Result;

// The first errors are the ones that matter.
constexpr std::size_t kMaxWords = 16 * 1024;

StartFailure failure_of(const schemas::Error& error) {
  return StartFailure{error.message, error.hint, error.retryable || error.code == ErrorCode::resource_exhausted};
}

std::string words_of_compiler(const std::filesystem::path& folder) {
  const auto words = read_file(folder / "output", kMaxWords);
  if (!words) return words.error().message;
  std::string text = schemas::to_utf8(*words);
  // Replaced bytes are longer than what they stand for.
  while (text.size() > kMaxWords) text = schemas::to_utf8(std::string_view(text).substr(0, text.size() / 2));
  return text;
}

StartFailure failed_compilation(const std::filesystem::path& folder, Exit end, bool timed_out,
                                std::chrono::milliseconds timeout) {
  std::ostringstream reason;
  if (timed_out) {
    reason << "compiling took longer than " << timeout.count() << " ms";
  } else if (end.kind == ExitKind::signaled) {
    reason << "the compiler was ended by signal " << end.value;
  } else {
    reason << "it does not compile";
  }
  return StartFailure{reason.str(), words_of_compiler(folder), false};
}

}  // namespace

Compiler::Compiler(CompilerOptions options, Artifacts& artifacts, ElasticPool& pool, ProcessHost& host,
                   std::shared_ptr<Loop> loop)
    : options_(std::move(options)), artifacts_(artifacts), pool_(pool), host_(host), loop_(std::move(loop)) {}

Compiler::WaiterId Compiler::compile(const std::string& digest, std::string source, std::chrono::milliseconds timeout,
                                     Compiled done) {
  auto [entry, is_new] = builds_.try_emplace(digest);
  Build& build = entry->second;
  build.timeout = std::max(build.timeout, timeout);
  build.waiters.push_back(Waiter{++last_waiter_, std::move(done)});
  if (is_new) {
    build.digest = digest;
    build.source = std::move(source);
    queue_.push_back(digest);
    fill_slots();
  }
  return last_waiter_;
}

void Compiler::cancel(WaiterId waiter) {
  for (auto entry = builds_.begin(); entry != builds_.end(); ++entry) {
    Build& build = entry->second;
    const auto erased = std::erase_if(build.waiters, [&](const Waiter& one) { return one.id == waiter; });
    if (erased == 0) continue;
    if (!build.waiters.empty()) return;
    if (build.stage == Stage::queued) {
      std::erase(queue_, build.digest);
      builds_.erase(entry);
    } else {
      build.abandoned = true;
      if (build.process) build.process->signal_group(SIGKILL);
    }
    return;
  }
}

void Compiler::fill_slots() {
  while (busy_slots_ < options_.slots && !queue_.empty()) {
    ++busy_slots_;
    const std::string digest = std::move(queue_.front());
    queue_.pop_front();
    write_source(builds_.at(digest));
  }
}

void Compiler::on_loop(const std::string& digest, std::function<void(Build&)> task) {
  loop_->post([this, digest, task = std::move(task)] {
    if (const auto found = builds_.find(digest); found != builds_.end()) task(found->second);
  });
}

void Compiler::write_source(Build& build) {
  build.stage = Stage::writing;
  pool_.run([this, digest = build.digest, source = build.source] {
    auto folder = artifacts_.begin_build(digest, source);
    on_loop(digest, [this, folder = std::move(folder)](Build& ready) {
      if (!folder) return finish(ready.digest, tl::unexpected(failure_of(folder.error())));
      ready.folder = *folder;
      spawn(ready);
    });
  });
}

SpawnRequest Compiler::request(const Build& build) const {
  SpawnRequest request;
  request.argv = options_.command;
  request.argv.insert(request.argv.end(), {"-o", (build.folder / "program").string(), "main.cc"});
  const Marker marker{
      options_.log, options_.node, "system", "compile", 0, options_.run + "-compile-" + std::to_string(spawns_)};
  request.environment =
      service_environment(marker, build.folder.string(), v1::SpecT{}, {options_.path, "C.UTF-8", "UTC"});
  request.environment.push_back("TMPDIR=" + build.folder.string());
  request.directory = build.folder;
  request.output = build.folder / "output";
  return request;
}

void Compiler::spawn(Build& build) {
  if (build.waiters.empty()) return finish(build.digest, std::string());
  auto compiler = find_program(options_.command.front(), options_.path);
  if (!compiler) {
    return finish(build.digest, tl::unexpected(StartFailure{"no compiler: " + compiler.error().message, {}, false}));
  }
  build.stage = Stage::spawning;
  ++spawns_;
  SpawnRequest order = request(build);
  order.argv.front() = *compiler;
  host_.spawn(std::move(order), build.timeout,
              [this, loop = loop_, digest = build.digest](Result<std::unique_ptr<Process>> process) {
                auto shared = std::make_shared<Result<std::unique_ptr<Process>>>(std::move(process));
                loop->post([this, digest, shared] {
                  if (const auto found = builds_.find(digest); found != builds_.end()) {
                    on_spawned(found->second, std::move(*shared));
                  }
                });
              });
}

std::vector<Identity> Compiler::processes() const {
  std::vector<Identity> running;
  for (const auto& [digest, build] : builds_) {
    if (build.process) running.push_back(build.process->identity());
  }
  return running;
}

void Compiler::on_spawned(Build& build, Result<std::unique_ptr<Process>> process) {
  if (!process) return finish(build.digest, tl::unexpected(failure_of(process.error())));
  build.stage = Stage::running;
  build.process = std::move(*process);
  const std::string digest = build.digest;
  host_.watch(*build.process, [this, loop = loop_, digest](Exit end) {
    loop->post([this, digest, end] {
      if (const auto found = builds_.find(digest); found != builds_.end()) on_ended(found->second, end);
    });
  });
  build.timer = loop_->at(std::chrono::steady_clock::now() + build.timeout, [this, digest] {
    const auto found = builds_.find(digest);
    if (found == builds_.end() || found->second.stage != Stage::running) return;
    found->second.timed_out = true;
    found->second.process->signal_group(SIGKILL);
  });
  if (build.waiters.empty()) build.process->signal_group(SIGKILL);
}

void Compiler::on_ended(Build& build, Exit end) {
  loop_->cancel(build.timer);
  build.stage = Stage::finishing;
  build.process.reset();
  pool_.run(
      [this, digest = build.digest, folder = build.folder, end, timed_out = build.timed_out, timeout = build.timeout] {
        Outcome outcome;
        if (end == Exit{ExitKind::exited, 0}) {
          auto program = artifacts_.finish_build(digest, folder);
          outcome = program ? Outcome(std::move(*program)) : tl::unexpected(failure_of(program.error()));
        } else {
          outcome = tl::unexpected(failed_compilation(folder, end, timed_out, timeout));
        }
        artifacts_.drop_build(folder);
        on_loop(digest, [this, outcome = std::move(outcome)](Build& build_now) { finish(build_now.digest, outcome); });
      });
}

// Somebody came to wait after the compiler had been killed because nobody did.
void Compiler::begin_again(Build build) {
  Build fresh;
  fresh.digest = build.digest;
  fresh.source = std::move(build.source);
  fresh.timeout = build.timeout;
  fresh.waiters = std::move(build.waiters);
  queue_.push_back(build.digest);
  builds_.emplace(build.digest, std::move(fresh));
}

void Compiler::finish(const std::string& digest, Outcome outcome) {
  const auto found = builds_.find(digest);
  Build build = std::move(found->second);
  builds_.erase(found);
  --busy_slots_;
  if (!build.abandoned) {
    for (Waiter& waiter : build.waiters) waiter.done(outcome);
  } else if (!build.waiters.empty()) {
    begin_again(std::move(build));
  }
  fill_slots();
}

}  // namespace solo::consumers
