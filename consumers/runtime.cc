#include "consumers/runtime.h"

#include <signal.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "consumers/output_writers.h"
#include "consumers/runtime_impl.h"

namespace solo::consumers {

namespace {

using schemas::ErrorCode;
using schemas::Result;
using schemas::ServiceKey;
using namespace std::chrono_literals;

constexpr std::size_t kPoolThreads = 4;
constexpr std::size_t kMaxPoolThreads = 64;
// What is left of a shutdown's time when everything that still runs is killed, so that its end is seen.
constexpr auto kLastCall = 500ms;
// Services named in a status or in what a shutdown left undone.
constexpr std::size_t kNamed = 3;

/// A few of them by name, in brackets.
template <class Keys>
std::string names_of(const Keys& keys) {
  std::string names;
  std::size_t count = 0;
  for (const ServiceKey& key : keys) {
    if (count++ == kNamed) return names + ", ...)";
    names += (names.empty() ? "(" : ", ") + to_string(key);
  }
  return names + ")";
}

std::size_t compile_slots(std::size_t configured) {
  return configured != 0 ? configured : std::max<std::size_t>(std::thread::hardware_concurrency(), 1);
}

CompilerOptions compiler_options(const RuntimeOptions& options, const RuntimeParts& parts) {
  return CompilerOptions{options.compiler,
                         compile_slots(options.max_compiles),
                         options.path,
                         parts.log.genesis().log_uuid,
                         parts.publisher.node().str(),
                         parts.publisher.run()};
}

Preparer::FindCode code_finder(const projections::Views& views) {
  return [&views](const ServiceKey& service, const std::string& digest) -> Result<std::string> {
    auto code = views.of(service.tenant).code(digest);
    if (!code) return schemas::fail(std::move(code.error()));
    if (!*code) return schemas::fail(ErrorCode::not_found, "its code " + digest + " is no longer in the views");
    return std::move(**code);
  };
}

}  // namespace

Runtime::Impl::Impl(RuntimeOptions options_in, RuntimeParts parts_in)
    : options(std::move(options_in)),
      parts(parts_in),
      reporter{parts.publisher.node().str(), parts.publisher.run()},
      files(options.state),
      artifacts(options.state, options.compiler),
      loop(std::make_shared<Loop>()),
      pool(std::make_unique<ElasticPool>(kPoolThreads, kMaxPoolThreads)),
      compiler(compiler_options(options, parts), artifacts, *pool, parts.host, loop),
      preparer(Preparer::Parts{files,
                               artifacts,
                               *pool,
                               compiler,
                               loop,
                               code_finder(parts.views),
                               {options.path, options.lang, options.timezone}}),
      owned(static_cast<std::size_t>(parts.views.partitions()), false) {}

Runtime::Impl::~Impl() {
  loop->stop();
  subscription.reset();
  // Its tasks use the rest.
  pool.reset();
}

void Runtime::Impl::after_each() {
  check_shutdown();
  note_status();
}

void Runtime::Impl::note_status() {
  RuntimeStatus now;
  now.detail = describe_wait();
  now.spawns_in_flight = spawns_in_flight;
  now.processes = live_processes;
  if (stopping) {
    now.phase = shutdown_done ? RuntimePhase::stopping : RuntimePhase::stopped;
  } else if (stage == Stage::gateway_only) {
    now.phase = RuntimePhase::gateway_only;
  } else if (stage != Stage::acting) {
    now.phase = RuntimePhase::claiming;
  } else if (std::find(owned.begin(), owned.end(), true) == owned.end()) {
    now.phase = RuntimePhase::gateway_only;
  } else {
    now.phase = recovering.empty() ? RuntimePhase::running : RuntimePhase::recovering;
  }
  const std::lock_guard lock(mutex);
  status = std::move(now);
}

std::string Runtime::Impl::describe_stop() const {
  if (!shutdown_done) return {};
  std::string words;
  const auto add = [&](const std::string& more) { words += (words.empty() ? "waits for " : " and for ") + more; };
  std::vector<ServiceKey> running;
  for (const auto& [key, entry] : entries) {
    if (!frozen && !entry->machine.quiet()) running.push_back(key);
  }
  if (!running.empty()) add(std::to_string(running.size()) + " services to end " + names_of(running));
  if (spawns_in_flight != 0) {
    add(std::to_string(spawns_in_flight) + " starts to come to an end " + names_of(spawning()));
  }
  if (!compiler.idle()) add("the compiler to end");
  return words;
}

std::string Runtime::Impl::describe_wait() const {
  if (stopping) return describe_stop();
  if (stage == Stage::catching_up) return "reading the log";
  if (stage == Stage::claiming) return "claiming the runtime";
  std::string words;
  const auto add = [&](const std::string& more) { words += (words.empty() ? "" : "; ") + more; };
  if (!recovering.empty())
    add(std::to_string(recovering.size()) + " services are not back yet " + names_of(recovering));
  std::size_t named = 0;
  for (const ServiceKey& key : troubled) {
    if (++named > kNamed) break;
    add(to_string(key) + " cannot start: " + entries.at(key)->machine.waiting_for());
  }
  if (troubled.size() > kNamed) add(std::to_string(troubled.size() - kNamed) + " more cannot start");
  return words;
}

void Runtime::Impl::begin_shutdown(Instant deadline, ServicesAtShutdown services) {
  stopping = true;
  frozen = services == ServicesAtShutdown::leave;
  spawn_deferred();
  if (!frozen) {
    const auto many = parts.host.asking_many_to_end();
    if (stage != Stage::acting) stop_strays();
    for (const auto& [key, entry] : entries) {
      step(*entry, [](ServiceMachine& machine, Instant now, Actions& actions) { machine.allow(false, now, actions); });
    }
    loop->at(deadline - kLastCall, [this] { kill_everything(); });
  } else {
    for (const auto& [key, entry] : entries) {
      for (const auto& [generation, ticket] : std::exchange(entry->tickets, {})) preparer.cancel(ticket);
    }
  }
}

void Runtime::Impl::check_shutdown() {
  if (!shutdown_done) return;
  const bool quiet = frozen || std::all_of(entries.begin(), entries.end(),
                                           [](const auto& entry) { return entry.second->machine.quiet(); });
  if (!quiet || spawns_in_flight != 0 || !compiler.idle()) return;
  if (!frozen) kill_hidden();
  shutdown_done->set_value();
  shutdown_done.reset();
}

std::vector<ServiceKey> Runtime::Impl::spawning() const {
  std::vector<ServiceKey> keys;
  for (const auto& [key, entry] : entries) {
    if (entry->machine.spawning()) keys.push_back(key);
  }
  return keys;
}

void Runtime::Impl::kill_hidden() {
  // Of what another run owns, that one may have adopted it.
  if (stage != Stage::acting || std::find(owned.begin(), owned.end(), false) != owned.end()) return;
  for (const OutputWriter& writer : output_writers(files.services(), [](pid_t) { return false; })) {
    if (writer.marker) continue;
    const auto process = parts.host.adopt(writer.identity, std::nullopt);
    if (!process || !(*process)->signal(SIGKILL)) continue;
    spdlog::warn("{}: process {} had outlived its service, out of its session and environment, and was killed",
                 to_string(writer.service), writer.identity.pid);
  }
}

void Runtime::Impl::kill_everything() {
  for (const auto& [key, entry] : entries) {
    for (const auto& [number, held] : entry->processes) {
      if (!held.process || !held.process->signal_group(SIGKILL)) continue;
      cut_short.push_back(to_string(entry->key) + ": process " + std::to_string(held.observed.identity.pid) +
                          " had to be killed when the shutdown's time was up");
    }
  }
}

std::vector<std::string> Runtime::Impl::left_undone() const {
  std::vector<std::string> lines = cut_short;
  if (shutdown_done && !compiler.idle()) lines.emplace_back("a compilation did not end");
  if (spawns_in_flight != 0) {
    lines.push_back(std::to_string(spawns_in_flight) + " starts did not come to an end " + names_of(spawning()));
  }
  if (frozen) return lines;
  for (const auto& [key, entry] : entries) {
    for (const auto& [number, held] : entry->processes) {
      if (!held.process) continue;
      lines.push_back(to_string(key) + ": process " + std::to_string(held.observed.identity.pid) + " did not end");
    }
  }
  return lines;
}

Runtime::Runtime(RuntimeOptions options, RuntimeParts parts)
    : impl_(std::make_unique<Impl>(std::move(options), parts)) {}

Runtime::~Runtime() = default;

Result<void> Runtime::start(Ready ready) {
  impl_->ready = std::move(ready);
  impl_->loop->start([impl = impl_.get()] { impl->after_each(); });
  impl_->loop->post([impl = impl_.get()] { impl->begin(); });
  return {};
}

Result<producers::OutputTail> Runtime::output(const ServiceKey& service, std::size_t bytes) {
  auto tail = impl_->files.tail(service, bytes);
  if (!tail && tail.error().code == ErrorCode::not_found) {
    return schemas::fail(ErrorCode::not_found, to_string(service) + " has never run here");
  }
  return tail;
}

bool Runtime::answers(std::chrono::milliseconds patience) const {
  auto asked = std::make_shared<std::promise<void>>();
  auto answer = asked->get_future();
  impl_->loop->post([asked] { asked->set_value(); });
  asked.reset();
  return answer.wait_for(patience) == std::future_status::ready;
}

RuntimeStatus Runtime::status() const {
  RuntimeStatus status;
  {
    const std::lock_guard lock(impl_->mutex);
    status = impl_->status;
  }
  if (const std::string trouble = impl_->parts.publisher.trouble(); !trouble.empty()) {
    status.detail += (status.detail.empty() ? "" : "; ") + std::string("observations wait: ") + trouble;
  }
  return status;
}

std::vector<std::string> Runtime::shutdown(std::chrono::steady_clock::time_point deadline,
                                           ServicesAtShutdown services) {
  if (!impl_->loop->started()) return {};
  std::promise<void> promise;
  const std::future<void> done = promise.get_future();
  auto shared = std::make_shared<std::promise<void>>(std::move(promise));
  impl_->loop->post([impl = impl_.get(), shared, deadline, services] {
    impl->shutdown_done = std::move(*shared);
    impl->begin_shutdown(deadline, services);
  });
  const bool in_time = done.wait_until(deadline) == std::future_status::ready;
  std::vector<std::string> undone;
  impl_->loop->run([&] { undone = in_time ? impl_->cut_short : impl_->left_undone(); });
  impl_->loop->stop();
  impl_->subscription.reset();
  return undone;
}

}  // namespace solo::consumers
