#include "producers/publisher_logging.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <utility>

#include "producers/publisher.h"

namespace solo::publisher {
namespace {

using Listener = std::function<void(std::string_view)>;

void to_stderr(std::string_view line) {
  std::fprintf(stderr, "solo publisher: %.*s\n", static_cast<int>(line.size()), line.data());
}

class ListenerSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void set(Listener listener) {
    const std::lock_guard lock(mutex_);
    listener_ = std::move(listener);
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    listener_(std::string_view(message.payload.data(), message.payload.size()));
  }
  void flush_() override {}

  Listener listener_ = to_stderr;
};

ListenerSink& sink() {
  static const auto shared = [] {
    auto made = std::make_shared<ListenerSink>();
    auto logger = std::make_shared<spdlog::logger>("solo publisher", made);
    logger->set_level(spdlog::level::warn);
    spdlog::set_default_logger(std::move(logger));
    return made;
  }();
  return *shared;
}

}  // namespace

void start_logging() { (void)sink(); }

void log_to(std::function<void(std::string_view)> listener) { sink().set(listener ? std::move(listener) : to_stderr); }

}  // namespace solo::publisher
