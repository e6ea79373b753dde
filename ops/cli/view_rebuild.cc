// solo view rebuild
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "consumers/files.h"
#include "consumers/state_lock.h"
#include "ops/cli/command.h"
#include "ops/lost_tail.h"
#include "producers/entropy.h"
#include "projections/views.h"
#include "schemas/schemas.h"

namespace solo::ops {
namespace {

namespace fs = std::filesystem;
using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

Result<void> fail_with(const std::string& what, const std::error_code& error) {
  return fail(ErrorCode::internal, fmt::format("{}: {}", what, error.message()));
}

fs::path next_name(const fs::path& state) {
  for (int number = 1;; ++number) {
    fs::path name = state / fmt::format("views.old-{}", number);
    std::error_code unreadable;
    if (!fs::exists(fs::symlink_status(name, unreadable))) return name;
  }
}

/// At every instant there are views that know the log: the two names change places.
Result<void> exchange(const fs::path& one, const fs::path& other) {
  constexpr unsigned kExchange = 2;  // RENAME_EXCHANGE of linux/fs.h
  if (::syscall(SYS_renameat2, AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), kExchange) == 0) return {};
  return fail_with(fmt::format("exchanging {} and {}", one.string(), other.string()), {errno, std::generic_category()});
}

class ViewRebuild final : public Command {
 public:
  bool is_local() const override { return true; }
  Page page() override;
  int run(Session& session) override;

 private:
  Result<LostTail> accept(const fs::path& state) const;
  Result<Rebuild> plan(const fs::path& state, const std::optional<LostTail>& accepted) const;
  Result<fs::path> set_aside(const fs::path& state, const Rebuild& rebuild) const;
  void report(Session& session, const fs::path& kept, const Rebuild& rebuild) const;

  std::optional<std::string> from_;
};

Page ViewRebuild::page() {
  return {
      .summary = "have the views rebuilt from the log",
      .synopsis = {"[OPTION...]", "--accept-lost-tail FROM [OPTION...]"},
      .description =
          "Sets the views of a daemon that does not run aside, as STATE/views.old-N; its next start rebuilds them from "
          "the log's first record on. Nothing that was acknowledged is lost by that, and services run on: what the "
          "old views knew of the log is kept until the new ones know it.\n\n"
          "When solod refuses a log because it lacks records that had been applied (a topic was cut, made anew or "
          "filled again, a log restored from an older copy), the log is best restored as it was. Where that cannot be, "
          "--accept-lost-tail goes on with what the log has now. FROM is what solod named when it refused; what was "
          "applied from there on is given up for good, and the log will say so (LostTailAccepted). That solod refuses "
          "a "
          "log is known here only after it was started on it.\n\n"
          "An embedded log that cannot even be opened because acknowledged records are missing is not accepted here: "
          "what solod says then names the way on.",
      .options = {{"--accept-lost-tail", "FROM",
                   "Give up what the log has lost: POSITION[,POSITION...], as solod names it.", &from_}},
      .exit_status = {{"0", "Done: start solod."},
                      {"1", "A daemon is running, there are no views, or FROM is not what was lost."},
                      {"2", "Wrongly asked."},
                      {"3", "It could not be done."}},
      .examples = {{"Views that are doubted", "solo view rebuild --state-dir /var/lib/solo"},
                   {"Go on although partition 0 has lost what it had from offset 1200 on",
                    "solo view rebuild --accept-lost-tail 0:1200"}}};
}

Result<LostTail> ViewRebuild::accept(const fs::path& state) const {
  const auto given = schemas::parse_cut(*from_);
  if (!given) return schemas::fail_with("--accept-lost-tail", given.error());
  auto lost = read_lost_tail(state);
  if (!lost && lost.error().code == ErrorCode::not_found) {
    return fail(ErrorCode::failed_precondition, "nothing is known to be lost: solod has not refused this log",
                "start solod; if it refuses the log, it says from which position on records are lost");
  }
  if (!lost || *given == lost->from) return lost;
  const std::string right = schemas::to_string(lost->from);
  return fail(ErrorCode::failed_precondition,
              fmt::format("{} is not what was lost: it is {}. {}", *from_, right, lost->what),
              fmt::format("restore the log; or give it up: solo view rebuild --accept-lost-tail {}", right));
}

/// What the views know; and what those before them knew, if they were still being rebuilt.
Result<Rebuild> ViewRebuild::plan(const fs::path& state, const std::optional<LostTail>& accepted) const {
  auto former = read_rebuild(state / "views");
  if (!former && former.error().code != ErrorCode::not_found) return former;
  Rebuild rebuild;
  for (const auto& meta : projections::read_view_memory(state / "views")) rebuild.known.push_back(known_of(meta));
  if (const auto end = read_log_end(state / "views")) extend(rebuild.known, *end);
  if (former && (former->accepted || rebuild.known.empty())) rebuild = *std::move(former);
  if (accepted) rebuild.accepted = accepted;
  return rebuild;
}

Result<fs::path> ViewRebuild::set_aside(const fs::path& state, const Rebuild& rebuild) const {
  const fs::path views = state / "views";
  const fs::path fresh = state / "views.new";
  const fs::path kept = next_name(state);
  std::error_code error;
  // Left by a run of this command that was killed: empty, or views that had been exchanged already.
  if (fs::exists(fresh / "0", error)) {
    fs::rename(fresh, kept, error);
    if (error) return fail(fail_with("setting aside " + fresh.string(), error).error());
    return set_aside(state, rebuild);
  }
  fs::create_directory(fresh, error);
  if (!error) fs::permissions(fresh, fs::perms::owner_all, error);
  if (error) return fail(fail_with("making " + fresh.string(), error).error());
  if (auto written = write_rebuild(fresh, rebuild); !written) return fail(written.error());
  if (auto exchanged = exchange(fresh, views); !exchanged) return fail(exchanged.error());
  fs::rename(fresh, kept, error);
  if (error) return fail(fail_with("setting aside " + fresh.string(), error).error());
  if (auto synced = consumers::sync_path(state); !synced) return fail(synced.error());
  return kept;
}

void ViewRebuild::report(Session& session, const fs::path& kept, const Rebuild& rebuild) const {
  if (session.json()) {
    nlohmann::ordered_json shown{{"kept_at", kept.string()}};
    if (rebuild.accepted) {
      shown["given_up"] = {{"log", rebuild.accepted->former_log},
                           {"from", schemas::to_string(rebuild.accepted->from)},
                           {"until", schemas::to_string(rebuild.accepted->until)}};
    }
    session.print_json(shown.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    return;
  }
  std::string text = fmt::format("set aside as {}; start solod, and they are rebuilt from the log\n", kept.string());
  if (rebuild.accepted) {
    text += fmt::format("given up: what was applied of log {} from {} to {}\n", rebuild.accepted->former_log,
                        schemas::to_string(rebuild.accepted->from), schemas::to_string(rebuild.accepted->until));
  }
  session.print(text);
  if (rebuild.accepted && rebuild.accepted->former_log != rebuild.accepted->log) {
    session.note(
        fmt::format("processes of log {} (SOLO_LOG in their environment) run on, and no daemon of log {} touches "
                    "them: end them yourself",
                    rebuild.accepted->former_log, rebuild.accepted->log));
  }
}

int ViewRebuild::run(Session& session) {
  const fs::path state = fs::absolute(session.state_dir()).lexically_normal();
  std::error_code unreadable;
  if (!fs::is_directory(state / "views", unreadable)) {
    return session.fail({ErrorCode::not_found, fmt::format("there are no views in {}", state.string()),
                         "they are built from the log by themselves when solod starts"});
  }
  producers::SystemEntropy entropy;
  auto lock = consumers::StateLock::acquire(
      {.directory = state, .run = entropy.uuid(), .waiting = [&](const auto& what) { session.progress(what); }});
  if (!lock) {
    schemas::Error error = lock.error();
    if (error.hint.empty() && error.code == ErrorCode::failed_precondition) error.hint = "stop it first";
    return session.fail(error);
  }
  std::optional<LostTail> accepted;
  if (from_) {
    auto lost = accept(state);
    if (!lost) return session.fail(lost.error());
    accepted = *std::move(lost);
  }
  const auto rebuild = plan(state, accepted);
  if (!rebuild) return session.fail(rebuild.error());
  const auto kept = set_aside(state, *rebuild);
  if (!kept) return session.fail(kept.error());
  report(session, *kept, *rebuild);
  return kDone;
}

}  // namespace

std::unique_ptr<Command> make_view_rebuild() { return std::make_unique<ViewRebuild>(); }

}  // namespace solo::ops
