// Clients that deploy and kill their own services as fast as they are answered, and remember what they were told.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/daemon.h"
#include "tests/support/service_model.h"

namespace solo::testing {

class Load {
 public:
  Load(const Daemon& daemon, std::uint64_t seed, int clients, int services_each);
  ~Load() { stop(); }

  /// From the next start() on each client pauses up to twice as long before a command; at first it does not.
  void set_pause(std::chrono::milliseconds pause) { pause_ = pause; }

  /// Starts one thread per client; each goes on until stop() or until the daemon is gone.
  void start();
  void stop();

  /// Sends every open command again by the same id until it is answered. Returns what went wrong, one line each.
  std::vector<std::string> settle();

  /// Sends some of the commands that were answered long ago again, by their ids. Returns what was not answered as then.
  std::vector<std::string> retry(std::mt19937_64& random, int count);

  /// What must run now: nothing more, nothing less, each once. Call after settle().
  std::vector<std::string> differences() const;

  /// Services of which two processes are there at this moment; may be asked at any time, from any thread.
  std::vector<std::string> doubled() const;

  /// Promises broken by single answers.
  std::vector<std::string> broken_promises() const;
  /// Commands whose outcome was told.
  std::uint64_t acknowledged() const { return acknowledged_; }
  /// Answers that promised no more than that the command is in the log.
  std::uint64_t accepted() const { return accepted_; }

 private:
  /// A command whose outcome is known.
  struct Answered {
    v1::RequestT request;
    std::string position;
  };
  struct Client {
    std::mt19937_64 random;
    std::vector<ServiceModel> services;
    std::vector<Answered> history;
    std::uint64_t commands = 0;
    std::string name;
  };

  void work(Client& client);
  bool step(Client& client, producers::CommandClient& connection);
  void take(Client& client, ServiceModel& service, const v1::RequestT& request, const v1::ReplyT& reply);
  v1::RequestT request_for(Client& client, const ServiceModel& service, v1::Wait wait) const;

  const Daemon& daemon_;
  std::vector<Client> clients_;
  std::vector<std::thread> threads_;
  std::chrono::milliseconds pause_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> acknowledged_{0};
  std::atomic<std::uint64_t> accepted_{0};
};

}  // namespace solo::testing
