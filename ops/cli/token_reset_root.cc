// solo token reset-root
#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "consumers/state_lock.h"
#include "ops/cli/command.h"
#include "ops/cli/kafka_access.h"
#include "ops/root_token.h"
#include "ops/solod/logs.h"
#include "producers/clock.h"
#include "producers/entropy.h"
#include "producers/kafka_log.h"
#include "schemas/codec.h"

namespace solo::ops {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

class TokenResetRoot final : public Command {
 public:
  bool is_local() const override { return true; }
  Page page() override;
  int run(Session& session) override;

 private:
  Result<std::string> reset(const std::filesystem::path& state);
  Result<DaemonLog> open(const std::filesystem::path& state);
  Result<void> append(DaemonLog& opened, const schemas::TokenHash& hash);

  KafkaAccess access_;
  producers::SystemClock clock_;
  producers::SystemEntropy entropy_;
};

Page TokenResetRoot::page() {
  return {
      .summary = "replace the root token",
      .synopsis = {"[--state-dir DIR]", "--kafka HOST:PORT [--state-dir DIR] [OPTION...]"},
      .description =
          "Makes another root token and writes it into DIR/root.token. The former one is not good for anything from "
          "then on; what it has granted stays in force, since the new one takes its place. A root token that was "
          "revoked stays so, with all that descends from it.\n\n"
          "With the log in the state directory the daemon has to be stopped. With the log in Kafka it may run: "
          "whoever may write to the topic may do this.",
      .options = access_.options(),
      .exit_status = {{"0", "Done."},
                      {"1", "A daemon is using the state directory, or there is no log in it."},
                      {"2", "Wrongly asked."},
                      {"3", "The log could not be reached or written."}},
      .examples = {
          {"After root.token was lost", "systemctl stop solo && solo token reset-root && systemctl start solo"}}};
}

Result<DaemonLog> TokenResetRoot::open(const std::filesystem::path& state) {
  if (access_.named()) {
    auto kafka = access_.kafka();
    if (!kafka) return fail(kafka.error());
    auto log = producers::KafkaLog::open(*std::move(kafka), clock_, entropy_, std::nullopt);
    if (!log) return fail(log.error());
    DaemonLog opened;
    opened.close = [held = log->get()]() -> Result<void> {
      held->close();
      return {};
    };
    opened.log = *std::move(log);
    return opened;
  }
  Config config;
  config.state_dir = state.string();
  return open_daemon_log(config, {.state = state,
                                  .clock = clock_,
                                  .entropy = entropy_,
                                  .on_fatal = [](const schemas::Error&) {},
                                  .on_waiting = [](const std::string&) {},
                                  .stop_wanted = [] { return false; }});
}

Result<void> TokenResetRoot::append(DaemonLog& opened, const schemas::TokenHash& hash) {
  struct Ending {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<producers::AppendResult> result;
  };
  const auto ending = std::make_shared<Ending>();
  const auto event = root_grant(hash, "root-" + entropy_.uuid(), clock_.wall_us());
  opened.log->commands().append(event.tenant, schemas::encode(event), [ending](producers::AppendResult result) {
    const std::lock_guard lock(ending->mutex);
    ending->result = std::move(result);
    ending->changed.notify_all();
  });
  std::unique_lock lock(ending->mutex);
  ending->changed.wait(lock, [&] { return ending->result.has_value(); });
  lock.unlock();
  if (auto closed = opened.close(); !closed) return closed;
  if (const auto* refused = std::get_if<producers::Refused>(&*ending->result)) return fail(refused->error);
  if (const auto* unknown = std::get_if<producers::Unknown>(&*ending->result)) {
    return fail(ErrorCode::deadline_exceeded,
                "whether the log took the new root token is not known: " + unknown->error.message,
                "run it again: the last one counts");
  }
  return {};
}

Result<std::string> TokenResetRoot::reset(const std::filesystem::path& state) {
  std::optional<consumers::StateLock> lock;
  if (!access_.named()) {
    if (!std::filesystem::exists(state / "log")) {
      return fail(ErrorCode::failed_precondition, fmt::format("there is no log in {}", state.string()),
                  "name the daemon's state directory, --state-dir DIR, or where its log is, --kafka HOST:PORT");
    }
    auto acquired = consumers::StateLock::acquire(
        {.directory = state, .run = entropy_.uuid(), .waiting = [](const std::string&) {}});
    if (!acquired) {
      schemas::Error error = acquired.error();
      // Another state directory would be another log.
      if (error.code == ErrorCode::failed_precondition || error.hint.empty()) {
        error.hint = "stop the daemon first; it reads the new root token when it starts";
      }
      return fail(std::move(error));
    }
    lock.emplace(std::move(*acquired));
  }
  auto opened = open(state);
  if (!opened) return fail(opened.error());
  const auto hash = write_new_token(next_root_token_path(state), entropy_);
  if (!hash) return fail(hash.error());
  if (auto appended = append(*opened, *hash); !appended) return fail(appended.error());
  if (auto taken = take_next_root_token(state); !taken) {
    // A daemon that starts meanwhile takes a file that its views do not name for one that was never valid.
    schemas::Error error = taken.error();
    error.hint = "run it again: the last one counts";
    return fail(std::move(error));
  }
  return schemas::token_accessor(*hash);
}

int TokenResetRoot::run(Session& session) {
  const std::filesystem::path state = session.state_dir();
  const auto accessor = reset(state);
  if (!accessor) return session.fail(accessor.error());
  const std::string path = root_token_path(state).string();
  if (session.json()) {
    session.print_json(nlohmann::ordered_json{{"accessor", *accessor}, {"file", path}}.dump());
  } else {
    session.print(fmt::format("{}: the new root token is in {}\n", *accessor, path));
    session.note("what the former one has granted stays in force; if that was revoked, so is all that it had granted");
  }
  return kDone;
}

}  // namespace

std::unique_ptr<Command> make_token_reset_root() { return std::make_unique<TokenResetRoot>(); }

}  // namespace solo::ops
