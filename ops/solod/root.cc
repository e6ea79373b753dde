#include "ops/solod/root.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "ops/root_token.h"
#include "projections/token_rules.h"
#include "schemas/codec.h"
#include "schemas/crash_point.h"
#include "schemas/ids.h"
#include "schemas/token.h"

namespace solo::ops {
namespace {

using namespace std::chrono_literals;
using producers::AppendResult;
using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;
using std::chrono::steady_clock;

constexpr auto kLook = 100ms;
constexpr auto kRetry = 1s;

const std::string& system_tenant() {
  static const std::string name(schemas::kSystemTenant);
  return name;
}

const projections::PartitionView& system_view(const projections::Views& views) {
  return views.of(schemas::TenantName::trusted(system_tenant()));
}

/// The hash in hex; empty: there is none.
Result<std::string> root_in(const projections::Views& views) {
  const auto record = system_view(views).token_tenant(system_tenant());
  if (!record) return fail(record.error());
  return record->root;
}

/// An append's end, for a thread that waits. Shared with the append, which may end later than anybody waits.
struct Ending {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<AppendResult> result;
};

class RootToken {
 public:
  explicit RootToken(const RootTokenSurroundings& around) : around_(around) {}

  Result<void> ensure() {
    const auto bounds = around_.log.bounds(system_view(around_.views).partition());
    if (!bounds) return fail(bounds.error());
    for (;;) {
      const auto root = root_in(around_.views);
      if (!root) return fail(root.error());
      const bool caught_up = system_view(around_.views).next_offset() >= bounds->end;
      // Views that are behind may name the root token before the last one: files are judged by the whole log.
      if (!root->empty() && (caught_up || has_it(*root))) return settle_files(*root);
      if (around_.stop_wanted()) return {};
      if (caught_up) return make();
      wait_for({system_view(around_.views).partition(), bounds->end - 1},
               "reading the log, to see which root token it has");
    }
  }

 private:
  void say(const std::string& what) {
    if (what == said_) return;
    said_ = what;
    around_.on_waiting(what);
  }

  bool wait_for(schemas::Position position, const std::string& why) {
    const auto reached = around_.projector.wait_for({{position}}, steady_clock::now() + kLook);
    if (!reached) say(why);
    // A partition that stands still ends the daemon.
    if (!reached && reached.error().code == ErrorCode::unavailable) std::this_thread::sleep_for(kLook);
    return reached.has_value();
  }

  static bool names(const std::filesystem::path& path, const std::string& root) {
    const auto token = read_token_file(path);
    return token && schemas::to_string(schemas::hash_token(token->reveal())) == root;
  }

  /// The root token is where it belongs, and no other is on its way there.
  bool has_it(const std::string& root) const {
    std::error_code error;
    return !std::filesystem::exists(next_root_token_path(around_.state), error) &&
           names(root_token_path(around_.state), root);
  }

  Result<void> settle_files(const std::string& root) const {
    const auto next = next_root_token_path(around_.state);
    std::error_code error;
    if (std::filesystem::exists(next, error)) {
      if (names(next, root)) return take_next_root_token(around_.state);
      std::filesystem::remove(next, error);
    }
    if (is_revoked(root)) {
      spdlog::warn(
          "this log's root token was revoked, and with it all that it had granted: nobody can grant any more. "
          "`solo token reset-root` makes another; what the revoked one had granted stays revoked");
    }
    if (!names(root_token_path(around_.state), root)) {
      spdlog::info("this log's root token is not in {}: `solo token reset-root` makes another",
                   root_token_path(around_.state).string());
    }
    return {};
  }

  bool is_revoked(const std::string& root) const {
    const auto hash = schemas::parse_token_hash(root);
    if (!hash) return false;
    const auto record = system_view(around_.views).token(schemas::token_accessor(*hash));
    const auto tenant = system_view(around_.views).token_tenant(system_tenant());
    return record && record->has_value() && tenant && projections::is_revoked(**record, *tenant);
  }

  /// That of a start which got no further, or a new one.
  Result<schemas::TokenHash> written() {
    const auto path = root_token_path(around_.state);
    const auto token = read_token_file(path);
    if (token) return schemas::hash_token(token->reveal());
    const ErrorCode code = token.error().code;
    if (code != ErrorCode::not_found && code != ErrorCode::invalid_argument) return fail(token.error());
    return write_new_token(path, around_.entropy);
  }

  Result<void> make() {
    const auto hash = written();
    if (!hash) return fail(hash.error());
    schemas::crash_point("root-written");
    const auto event = root_grant(*hash, kFirstRootId, around_.clock.wall_us());
    for (;;) {
      const auto ended = append(schemas::encode(event));
      if (!ended) return {};
      if (const auto* durable = std::get_if<producers::Durable>(&*ended)) return finish(*hash, durable->position);
      const auto* refused = std::get_if<producers::Refused>(&*ended);
      say("the log does not take the root token: " +
          (refused != nullptr ? refused->error : std::get<producers::Unknown>(*ended).error).message);
      for (auto left = steady_clock::now() + kRetry; steady_clock::now() < left && !around_.stop_wanted();) {
        std::this_thread::sleep_for(kLook);
      }
      if (around_.stop_wanted()) return {};
    }
  }

  /// Nothing: a stop came first.
  std::optional<AppendResult> append(std::string value) {
    const auto ending = std::make_shared<Ending>();
    around_.log.commands().append(system_tenant(), std::move(value), [ending](AppendResult result) {
      const std::lock_guard lock(ending->mutex);
      ending->result = std::move(result);
      ending->changed.notify_all();
    });
    std::unique_lock lock(ending->mutex);
    while (!ending->changed.wait_for(lock, kLook, [&] { return ending->result.has_value(); })) {
      if (around_.stop_wanted()) return std::nullopt;
    }
    return ending->result;
  }

  Result<void> finish(const schemas::TokenHash& hash, schemas::Position position) {
    schemas::crash_point("root-durable");
    while (!around_.stop_wanted()) {
      if (!wait_for(position, "waiting until the views have the root token")) continue;
      const auto root = root_in(around_.views);
      if (!root) return fail(root.error());
      const auto path = root_token_path(around_.state);
      if (*root == schemas::to_string(hash)) {
        spdlog::info("made this log's root token, in {}", path.string());
        return {};
      }
      // Another daemon was first: what is in the file was never good for anything.
      std::error_code error;
      std::filesystem::remove(path, error);
      return settle_files(*root);
    }
    return {};
  }

  const RootTokenSurroundings& around_;
  std::string said_;
};

}  // namespace

Result<void> ensure_root_token(const RootTokenSurroundings& around) { return RootToken(around).ensure(); }

}  // namespace solo::ops
