#include "ops/solod/signal_thread.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <system_error>

namespace solo::ops {
namespace {

constexpr std::uint64_t kEnd = 1;
/// Large enough that several never add up to one that ends the thread, small enough to be summed.
constexpr std::uint64_t kStopBegan = 1ULL << 32;

sigset_t daemon_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  return set;
}

std::string name_of(std::uint32_t number) {
  const char* name = sigabbrev_np(static_cast<int>(number));
  return name == nullptr ? fmt::format("signal {}", number) : fmt::format("SIG{}", name);
}

consumers::Descriptor opened(int descriptor, const char* what) {
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), what);
  return consumers::Descriptor(descriptor);
}

}  // namespace

void block_daemon_signals() {
  const sigset_t set = daemon_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

SignalThread::SignalThread(Handlers handlers, std::chrono::milliseconds patience)
    : handlers_(std::move(handlers)), patience_(patience) {
  const sigset_t set = daemon_signals();
  signals_ = opened(signalfd(-1, &set, SFD_CLOEXEC), "signalfd");
  wake_ = opened(eventfd(0, EFD_CLOEXEC), "eventfd");
  thread_ = std::thread([this] { run(); });
}

SignalThread::~SignalThread() {
  eventfd_write(wake_.get(), kEnd);
  thread_.join();
}

void SignalThread::stop_began() { eventfd_write(wake_.get(), kStopBegan); }

void SignalThread::run() {
  for (;;) {
    int timeout = -1;
    if (stopping_) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
      if (left.count() <= 0) handlers_.abandon("stopping took longer than shutdown.deadline_ms");
      timeout = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    }
    std::array<pollfd, 2> ready{{{signals_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
    if (poll(ready.data(), ready.size(), timeout) <= 0) continue;
    if ((ready[1].revents & POLLIN) != 0) {
      eventfd_t value = 0;
      eventfd_read(wake_.get(), &value);
      if (value % kStopBegan == kEnd) return;
      if (!stopping_) deadline_ = std::chrono::steady_clock::now() + patience_;
      stopping_ = true;
    }
    if ((ready[0].revents & POLLIN) != 0) on_signal();
  }
}

void SignalThread::on_signal() {
  signalfd_siginfo info{};
  if (read(signals_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return;
  const std::string name = name_of(info.ssi_signo);
  if (stopping_) handlers_.abandon("a second signal, " + name);
  stopping_ = true;
  deadline_ = std::chrono::steady_clock::now() + patience_;
  handlers_.stop(name);
}

}  // namespace solo::ops
