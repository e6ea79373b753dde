#include "ops/solod/supervision.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "ops/solod/notify.h"
#include "schemas/schemas.h"

namespace solo::ops {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRefresh{5'000};
/// While it starts, each beat asks for so many intervals more.
constexpr int kAhead = 4;

/// systemd is asked for more time: services may take long to come back.
bool is_starting(consumers::RuntimePhase phase) {
  return phase == consumers::RuntimePhase::claiming || phase == consumers::RuntimePhase::recovering;
}

std::string words_for(const consumers::RuntimeStatus& status) {
  using consumers::RuntimePhase;
  const std::string detail = status.detail.empty() ? "" : ": " + status.detail;
  if (status.phase == RuntimePhase::gateway_only) return "gateway only" + detail;
  if (status.phase == RuntimePhase::running) return fmt::format("ready, {} processes{}", status.processes, detail);
  return fmt::format("recovering, {} processes{}", status.processes, detail);
}

}  // namespace

Supervision::Supervision(consumers::Runtime& runtime, std::string endpoint)
    : runtime_(runtime), endpoint_(std::move(endpoint)), watched_(watchdog_interval().count() > 0) {
  if (!notify_wanted()) return;
  // Asking both parts may take an interval each, and still there is one left.
  interval_ = watched_ ? std::clamp(watchdog_interval() / 4, milliseconds(1), kRefresh) : kRefresh;
}

bool Supervision::gateway_answers() {
  if (!client_) {
    auto client = producers::CommandClient::connect({endpoint_, interval_});
    if (!client) return false;
    client_ = std::move(*client);
    return true;
  }
  v1::RequestT request;
  request.body.Set(v1::HealthT{});
  // Whatever it says: it answers.
  if (client_->call(std::move(request), interval_)) return true;
  client_.reset();
  return false;
}

void Supervision::beat() {
  const auto status = runtime_.status();
  const bool runtime_answers = runtime_.answers(interval_);
  const std::string words = words_for(status);
  if (is_starting(status.phase)) {
    if (runtime_answers) notify_starting(words, kAhead * interval_);
  } else if (words != told_) {
    notify_status(words);
  }
  told_ = words;
  if (!watched_ || status.phase == consumers::RuntimePhase::claiming) return;
  if (!runtime_answers || !gateway_answers()) {
    spdlog::error("the watchdog is not told that all is well: the {} does not answer",
                  runtime_answers ? "command socket" : "runtime");
    return;
  }
  notify_alive();
}

}  // namespace solo::ops
