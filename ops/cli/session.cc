#include "ops/cli/session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "ops/cli/output.h"
#include "ops/config.h"
#include "ops/root_token.h"
#include "producers/tcp_endpoint.h"
#include "schemas/token.h"

namespace solo::ops {
namespace {

using schemas::ErrorCode;
using schemas::Result;

/// So that "no daemon" is said within 5 s of the command's start.
constexpr std::chrono::milliseconds kReach{4'000};

const char* variable(const std::string& name) { return std::getenv(name.c_str()); }

std::string given(const std::optional<std::string>& option, const char* name) {
  if (option) return *option;
  const char* value = variable(name);
  return value == nullptr ? "" : value;
}

}  // namespace

int exit_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::ok:
      return kDone;
    case ErrorCode::not_found:
    case ErrorCode::already_exists:
    case ErrorCode::failed_precondition:
    case ErrorCode::permission_denied:
    case ErrorCode::unauthenticated:
      return kAnswerIsNo;
    case ErrorCode::invalid_argument:
      return kUsage;
    default:
      return kFailed;
  }
}

std::vector<Option> Session::local_options() {
  return {
      {"--state-dir", "DIR",
       "The daemon's state directory. Default: SOLO_STATE_DIR, else /var/lib/solo for root, else "
       "$XDG_STATE_HOME/solo.",
       &state_dir_},
      {"--json", "", "Print JSON on stdout, errors too: {\"error\":{...}}.", &json_},
  };
}

std::vector<Option> Session::common_options() {
  std::vector<Option> options{
      {"--tenant", "NAME", "Whose services. Default: SOLO_TENANT.", &tenant_},
      {"--addr", "ENDPOINT",
       "The daemon's endpoint, ipc://PATH or tcp://HOST:PORT. Default: SOLO_ADDR, else in the state directory.",
       &addr_},
      {"--token", "TOKEN",
       "What this may be done with; until solo has read it, other users of the machine can see it here. Default: "
       "SOLO_TOKEN, else from the file SOLO_TOKEN_FILE, else from root.token in the state directory, if that can be "
       "read. A variable that is set and empty is an error.",
       &token_},
  };
  for (auto& option : curve_.options()) options.push_back(std::move(option));
  for (auto& option : local_options()) options.push_back(std::move(option));
  return options;
}

Result<std::string> Session::tenant() const {
  std::string name = given(tenant_, "SOLO_TENANT");
  if (name.empty()) {
    return schemas::fail(ErrorCode::invalid_argument, "no tenant given", "use --tenant NAME or set SOLO_TENANT");
  }
  return name;
}

std::string Session::state_dir() const {
  const std::string directory = given(state_dir_, "SOLO_STATE_DIR");
  return directory.empty() ? default_state_dir(variable).string() : directory;
}

Result<std::string> Session::endpoint() const {
  // What is said on the command line beats the environment, whichever of the two it is.
  if (addr_) return *addr_;
  if (state_dir_) return command_endpoint(*state_dir_);
  if (const std::string addr = given(addr_, "SOLO_ADDR"); !addr.empty()) return addr;
  return command_endpoint(state_dir());
}

Result<std::string> Session::token() const {
  // Set, and empty: a script that failed to fill it in is not to act with whatever right lies around.
  for (const char* name : {"SOLO_TOKEN", "SOLO_TOKEN_FILE"}) {
    const char* value = variable(name);
    if (token_ || value == nullptr || *value != '\0') continue;
    return schemas::fail(ErrorCode::invalid_argument, fmt::format("{} is set and empty", name),
                         fmt::format("unset {}, or put a token there", name));
  }
  if (token_ && token_->empty()) return schemas::fail(ErrorCode::invalid_argument, "--token is empty", "leave it out");
  if (const std::string text = given(token_, "SOLO_TOKEN"); !text.empty()) return text;
  const auto in_file = [](const std::filesystem::path& path) {
    return read_token_file(path).map([](const schemas::TokenText& text) { return std::string(text.reveal()); });
  };
  if (const char* file = variable("SOLO_TOKEN_FILE"); file != nullptr) {
    auto text = in_file(file);
    if (text || !text.error().hint.empty()) return text;
    schemas::Error error = text.error();
    error.hint = "it has to be a file that can be read and holds one token";
    return schemas::fail_with("SOLO_TOKEN_FILE", std::move(error));
  }
  // A daemon at an address of its own is no business of a state directory that nobody named.
  const bool named = state_dir_ || !given(state_dir_, "SOLO_STATE_DIR").empty();
  const bool elsewhere = addr_ || !given(addr_, "SOLO_ADDR").empty();
  if (elsewhere && !named) return std::string();
  auto root = in_file(root_token_path(state_dir()));
  const bool none =
      !root && (root.error().code == ErrorCode::not_found || root.error().code == ErrorCode::permission_denied);
  return none ? Result<std::string>(std::string()) : root;
}

Result<v1::ReplyT> Session::call(v1::RequestT request) {
  if (!client_) {
    auto where = endpoint();
    if (!where) return schemas::fail(where.error());
    auto secret = token();
    if (!secret) return schemas::fail(secret.error());
    as_root_ =
        !token_ && variable("SOLO_TOKEN") == nullptr && variable("SOLO_TOKEN_FILE") == nullptr && !secret->empty();
    producers::ClientOptions options{*where, kReach, *std::move(secret)};
    if (producers::is_tcp(*where)) {
      auto keys = curve_.keys();
      if (!keys) return schemas::fail(keys.error());
      options.curve = *keys;
    }
    auto client = producers::CommandClient::connect(std::move(options));
    if (!client) return schemas::fail(client.error());
    client_ = std::move(*client);
  }
  return client_->call(std::move(request));
}

std::string Session::body_json(const v1::ReplyT& reply) {
  const auto whole = nlohmann::ordered_json::parse(codec_.to_json(reply));
  const auto body = whole.find("body");
  if (body != whole.end()) return body->dump();
  // An order that nobody waits for has no more to say than where it is.
  nlohmann::ordered_json position = nlohmann::ordered_json::object();
  if (!reply.position.empty()) position["position"] = reply.position;
  return position.dump();
}

void Session::print_json(const std::string& text) { print(text + '\n'); }

void Session::print(std::string_view text) {
  clear_progress();
  errno = 0;
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!written && output_error_ == 0) output_error_ = errno == 0 ? EIO : errno;
}

int Session::finish(int status) {
  // EBADF: stdout was closed from the start, nobody wanted it.
  if (output_error_ == 0 || output_error_ == EPIPE || output_error_ == EBADF) return status;
  note(fmt::format("writing the output: {}", std::strerror(output_error_)));
  return kFailed;
}

void Session::note(std::string_view text) {
  clear_progress();
  fmt::print(stderr, "solo: {}\n", printable(text));
}

void Session::progress(std::string_view text) {
  if (isatty(STDERR_FILENO) == 0) return;
  clear_progress();
  fmt::print(stderr, "{} ...", printable(text));
  progress_shown_ = true;
}

void Session::clear_progress() {
  if (!progress_shown_) return;
  fmt::print(stderr, "\r\x1b[K");
  progress_shown_ = false;
}

int Session::fail(const schemas::Error& error, std::string_view position) {
  if (json_) {
    nlohmann::ordered_json shown{{"error",
                                  {{"code", std::string(schemas::to_string(error.code))},
                                   {"message", error.message},
                                   {"hint", error.hint},
                                   {"retryable", error.retryable}}}};
    if (!position.empty()) shown["position"] = std::string(position);
    print_json(shown.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  } else {
    note(error.message);
    if (!error.hint.empty()) note("hint: " + error.hint);
    if (!position.empty()) note(fmt::format("the command is in the log at {}", position));
  }
  return exit_status(error.code);
}

int Session::fail(const v1::ReplyT& reply) {
  schemas::Error error{ErrorCode::internal, "the daemon gave no reason"};
  if (reply.error) {
    error = {static_cast<ErrorCode>(reply.error->code), reply.error->message, reply.error->hint,
             reply.error->retryable};
  }
  if (error.code == ErrorCode::unauthenticated && as_root_) {
    error.hint = fmt::format("the token in {} is not in force: `solo token reset-root` makes another root token",
                             root_token_path(state_dir()).string());
  }
  return fail(error, reply.position);
}

}  // namespace solo::ops
