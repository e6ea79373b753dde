#include "consumers/preparer.h"

#include <utility>

namespace solo::consumers {

namespace {

using schemas::ErrorCode;

tl::unexpected<StartFailure> failed(const schemas::Error& error) {
  return tl::unexpected(StartFailure{error.message, error.hint, error.retryable});
}

std::vector<std::string> argv_of(std::string program, const v1::SpecT& spec) {
  std::vector<std::string> argv{std::move(program)};
  argv.insert(argv.end(), spec.argv.begin(), spec.argv.end());
  return argv;
}

// The program behind a script's `#!`.
std::string interpreter_of(const std::string& script) {
  const std::string line = script.substr(0, script.find('\n'));
  const std::size_t start = line.find_first_not_of(" \t", 2);
  if (start == std::string::npos) return {};
  return line.substr(start, line.find_first_of(" \t\r", start) - start);
}

}  // namespace

Preparer::Ticket Preparer::prepare(PrepareOrder order, Prepared done) {
  const Ticket ticket = ++last_ticket_;
  waiting_.emplace(ticket, Waiting{std::move(done), std::nullopt});
  run_on_pool([this, ticket, order = std::move(order)] {
    parts_.loop->post([this, ticket, order, looked = look(order)] { on_looked(ticket, order, looked); });
  });
  return ticket;
}

void Preparer::cancel(Ticket ticket) {
  const auto found = waiting_.find(ticket);
  if (found == waiting_.end()) return;
  const auto compilation = found->second.compilation;
  waiting_.erase(found);
  if (compilation) parts_.compiler.cancel(*compilation);
}

void Preparer::run_on_pool(ElasticPool::Task task) {
  parts_.pool.run(std::move(task));
  tend_later();
}

void Preparer::tend_later() {
  if (std::exchange(tending_, true)) return;
  parts_.loop->at(std::chrono::steady_clock::now() + ElasticPool::kHeldUp, [this] {
    tending_ = false;
    if (parts_.pool.tend()) tend_later();
  });
}

Preparer::Looked Preparer::look(const PrepareOrder& order) const {
  if (auto made = parts_.files.make_directory(order.service); !made) return failed(made.error());
  switch (order.deployment.spec->format) {
    case v1::Format::exec:
      return look_for_exec(order);
    case v1::Format::script:
      return look_for_script(order);
    case v1::Format::cxx:
      return look_for_cxx(order);
    default:
      return tl::unexpected(StartFailure{"its format is not known to this release", {}, false});
  }
}

Preparer::Looked Preparer::look_for_exec(const PrepareOrder& order) const {
  const v1::SpecT& spec = *order.deployment.spec;
  const auto environment = service_environment({}, {}, spec, parts_.defaults);
  auto program = find_program(spec.argv.front(), environment_value(environment, "PATH"));
  if (!program) return failed(program.error());
  ReadyProgram ready{spec.argv};
  ready.argv.front() = std::move(*program);
  return ready;
}

Preparer::Looked Preparer::look_for_script(const PrepareOrder& order) const {
  const auto text = parts_.find_code(order.service, order.deployment.code_digest);
  if (!text) return failed(text.error());
  if (const auto interpreter = find_program(interpreter_of(*text), {}); !interpreter) {
    return tl::unexpected(StartFailure{"its interpreter cannot be run: " + interpreter.error().message, {}, false});
  }
  auto path = parts_.artifacts.script(order.deployment.code_digest, *text);
  if (!path) return failed(path.error());
  return ReadyProgram{argv_of(std::move(*path), *order.deployment.spec)};
}

Preparer::Looked Preparer::look_for_cxx(const PrepareOrder& order) const {
  if (auto path = parts_.artifacts.program(order.deployment.code_digest)) {
    return ReadyProgram{argv_of(std::move(*path), *order.deployment.spec)};
  }
  auto text = parts_.find_code(order.service, order.deployment.code_digest);
  if (!text) return failed(text.error());
  return Source{std::move(*text)};
}

void Preparer::on_looked(Ticket ticket, const PrepareOrder& order, Looked looked) {
  const auto found = waiting_.find(ticket);
  if (found == waiting_.end()) return;
  if (!looked) return tell(ticket, tl::unexpected(std::move(looked.error())));
  if (auto* ready = std::get_if<ReadyProgram>(&*looked)) return tell(ticket, std::move(*ready));
  const auto limits = schemas::effective_limits(*order.deployment.spec);
  found->second.compilation =
      parts_.compiler.compile(order.deployment.code_digest, std::move(std::get<Source>(*looked).text),
                              limits.startup_timeout, [this, ticket, spec = *order.deployment.spec](auto program) {
                                if (!program) return tell(ticket, tl::unexpected(program.error()));
                                tell(ticket, ReadyProgram{argv_of(*program, spec)});
                              });
}

void Preparer::tell(Ticket ticket, tl::expected<ReadyProgram, StartFailure> outcome) {
  const auto found = waiting_.find(ticket);
  if (found == waiting_.end()) return;
  const Prepared done = std::move(found->second.done);
  waiting_.erase(found);
  done(std::move(outcome));
}

}  // namespace solo::consumers
