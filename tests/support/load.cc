#include "tests/support/load.h"

#include <algorithm>
#include <map>
#include <utility>

namespace solo::testing {
namespace {

constexpr std::size_t kRemembered = 200;

/// It never ends by itself, and however often it is killed it is started again.
v1::SpecT program() {
  v1::SpecT spec = exec_spec({"/bin/sleep", "1000000"});
  v1::RestartLimitsT limits;
  limits.max_restarts = 1'000'000;
  spec.restart_limits.ensure() = limits;
  return spec;
}

}  // namespace

Load::Load(const Daemon& daemon, std::uint64_t seed, int clients, int services_each) : daemon_(daemon) {
  for (int c = 0; c < clients; ++c) {
    Client client{std::mt19937_64(seed + c), {}, {}, 0, "c" + std::to_string(c)};
    for (int s = 0; s < services_each; ++s) {
      // Two clients share a tenant, never a service.
      client.services.emplace_back("t" + std::to_string(c / 2), client.name + "-s" + std::to_string(s));
    }
    clients_.push_back(std::move(client));
  }
}

void Load::start() {
  stopping_ = false;
  for (auto& client : clients_) threads_.emplace_back([this, &client] { work(client); });
}

void Load::stop() {
  stopping_ = true;
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void Load::work(Client& client) {
  auto connection =
      producers::CommandClient::connect({daemon_.endpoint(), std::chrono::seconds(10), daemon_.root_token()});
  if (!connection) return;
  do {
    if (pause_.count() > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(client.random() % (2 * pause_.count() + 1)));
    }
  } while (!stopping_ && step(client, **connection));
}

/// One command for one of the client's services. false: the daemon is gone.
bool Load::step(Client& client, producers::CommandClient& connection) {
  auto& service = client.services[client.random() % client.services.size()];
  if (!service.open()) {
    // One run is one directory, so the client's name and its count of commands are unique.
    service.sent(client.name + "-" + std::to_string(++client.commands), service.next());
  }
  static constexpr v1::Wait kWaits[] = {v1::Wait::accepted, v1::Wait::applied, v1::Wait::applied, v1::Wait::done};
  // Only an applied answer carries the generation; what was merely accepted stays open, is asked for again and must
  // still be where it was accepted.
  const v1::Wait wait = kWaits[client.random() % 4];
  const v1::RequestT request = request_for(client, service, wait);
  auto reply = connection.call(request);
  if (!reply) return false;
  if (wait != v1::Wait::accepted) {
    take(client, service, request, *reply);
  } else {
    service.accepted(*reply);
    if (reply->ok) ++accepted_;
  }
  return true;
}

void Load::take(Client& client, ServiceModel& service, const v1::RequestT& request, const v1::ReplyT& reply) {
  service.answered(reply);
  if (service.open()) return;
  ++acknowledged_;
  Answered answered{request, reply.position};
  answered.request.wait = v1::Wait::applied;
  if (client.history.size() < kRemembered) {
    client.history.push_back(std::move(answered));
  } else {
    client.history[client.commands % kRemembered] = std::move(answered);
  }
}

std::vector<std::string> Load::retry(std::mt19937_64& random, int count) {
  std::vector<std::string> wrong;
  auto connection = daemon_.client();
  for (int i = 0; i < count; ++i) {
    const auto& history = clients_[random() % clients_.size()].history;
    if (history.empty()) continue;
    const auto& then = history[random() % history.size()];
    const auto reply = connection->call(then.request);
    const std::string name = "command " + then.request.id + ", sent again";
    if (!reply) {
      wrong.push_back(name + ": " + reply.error().message);
    } else if (!reply->ok || !reply->duplicate || reply->position != then.position) {
      wrong.push_back(name + ": " +
                      (reply->ok      ? "ok"
                       : reply->error ? reply->error->message
                                      : "no reason") +
                      (reply->duplicate ? ", duplicate" : ", no duplicate") + ", at " + reply->position + " and not " +
                      then.position);
    }
  }
  return wrong;
}

v1::RequestT Load::request_for(Client& client, const ServiceModel& service, v1::Wait wait) const {
  (void)client;
  const auto& open = *service.open();
  return open.order == Order::deploy ? deploy_request(open.id, service.tenant(), service.service(), program(), wait)
                                     : kill_request(open.id, service.tenant(), service.service(), wait);
}

std::vector<std::string> Load::settle() {
  std::vector<std::string> wrong;
  auto connection = daemon_.client();
  for (auto& client : clients_) {
    for (auto& service : client.services) {
      if (!service.open()) continue;
      const std::string id = service.open()->id;
      std::string last;
      const bool settled = eventually([&] {
        const v1::RequestT request = request_for(client, service, v1::Wait::applied);
        auto reply = connection->call(request);
        if (!reply) {
          last = reply.error().message;
          return false;
        }
        if (reply->error) last = reply->error->message;
        take(client, service, request, *reply);
        return !service.open() || !service.broken_promises().empty();
      });
      if (!settled) wrong.push_back("command " + id + " was never answered: " + last);
    }
  }
  return wrong;
}

std::vector<std::string> Load::differences() const {
  std::map<std::pair<std::string, std::string>, std::vector<std::uint64_t>> running;
  for (const auto& process : daemon_.processes()) {
    running[{process.tenant, process.service}].push_back(process.generation);
  }
  std::vector<std::string> found;
  for (const auto& client : clients_) {
    for (const auto& service : client.services) {
      const auto name = service.tenant() + "/" + service.service();
      std::vector<std::uint64_t> expected;
      if (service.must_run()) expected.push_back(*service.must_run());
      auto at = running.find({service.tenant(), service.service()});
      const auto actual = at == running.end() ? std::vector<std::uint64_t>{} : at->second;
      if (actual != expected) {
        found.push_back(name + ": " + std::to_string(actual.size()) + " processes" +
                        (actual.empty() ? "" : " of generation " + std::to_string(actual.front())) + ", expected " +
                        (expected.empty() ? "none" : "one of generation " + std::to_string(expected.front())));
      }
      if (at != running.end()) running.erase(at);
    }
  }
  for (const auto& [name, generations] : running) found.push_back(name.first + "/" + name.second + ": unknown service");
  return found;
}

std::vector<std::string> Load::doubled() const {
  std::map<std::pair<std::string, std::string>, ServiceProcess> seen;
  std::vector<std::string> found;
  for (auto& process : daemon_.processes()) {
    const auto [first, fresh] = seen.try_emplace({process.tenant, process.service}, process);
    // /proc is read one process after the other: only one that is still there was there together with this one.
    if (fresh || !daemon_.is_alive(first->second)) continue;
    found.push_back(process.tenant + "/" + process.service + " runs twice: " + first->second.instance + " (process " +
                    std::to_string(first->second.pid) + ") and " + process.instance + " (process " +
                    std::to_string(process.pid) + ")");
  }
  return found;
}

std::vector<std::string> Load::broken_promises() const {
  std::vector<std::string> all;
  for (const auto& client : clients_) {
    for (const auto& service : client.services) {
      all.insert(all.end(), service.broken_promises().begin(), service.broken_promises().end());
    }
  }
  return all;
}

}  // namespace solo::testing
