#include "producers/gateway_pending.h"

#include <algorithm>
#include <cassert>

namespace solo::producers {
namespace {

/// Neither part can hold the line feed: a source is made by us, an id is printable.
std::string joined(std::string_view source, std::string_view id) {
  std::string key;
  key.reserve(source.size() + id.size() + 1);
  return key.append(source).append(1, '\n').append(id);
}

template <class Map, class Key>
void count_down(Map& map, const Key& key) {
  const auto found = map.find(key);
  assert(found != map.end());
  if (--found->second == 0) map.erase(found);
}

template <class Map>
auto* find_in(Map& map, Number number) {
  const auto found = map.find(number);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

PendingCommand& GatewayPending::add_command(PendingCommand command) {
  command.number = next_number_++;
  by_id_.emplace(joined(command.source, command.id), command.number);
  ++by_tenant_[command.tenant];
  ++appending_;
  const Number number = command.number;
  return commands_.emplace(number, std::move(command)).first->second;
}

PendingCommand* GatewayPending::command(Number number) { return find_in(commands_, number); }

PendingCommand* GatewayPending::command_of(std::string_view source, std::string_view id) {
  const auto found = by_id_.find(joined(source, id));
  return found == by_id_.end() ? nullptr : command(found->second);
}

void GatewayPending::set_durable(PendingCommand& command, schemas::Position position) {
  assert(!command.position);
  command.position = position;
  durable_.emplace(position, command.number);
  --appending_;
}

PendingCommand* GatewayPending::passed(const projections::Views& views) {
  for (auto it = durable_.begin(); it != durable_.end();) {
    const schemas::Position first = it->first;
    if (first.offset < views.partition(first.partition).next_offset()) return command(it->second);
    it = durable_.lower_bound(schemas::Position{first.partition + 1, 0});
  }
  return nullptr;
}

void GatewayPending::forget(PendingCommand& command) {
  if (command.position) {
    durable_.erase(*command.position);
  } else {
    --appending_;
  }
  by_id_.erase(joined(command.source, command.id));
  count_down(by_tenant_, command.tenant);
  commands_.erase(command.number);
}

PendingRequest& GatewayPending::add_request(PendingRequest request) {
  request.number = next_number_++;
  ++by_peer_[request.path.peer];
  ++requests_by_share_[request.whose];
  deadlines_.emplace(request.deadline, request.number);
  const Number number = request.number;
  return requests_.emplace(number, std::move(request)).first->second;
}

PendingRequest* GatewayPending::request(Number number) { return find_in(requests_, number); }

void GatewayPending::await_command(PendingRequest& request, PendingCommand& command) {
  leave(request);
  request.command = command.number;
  command.waiters.push_back(request.number);
}

void GatewayPending::await_effect(PendingRequest& request, AwaitedEffect effect) {
  leave(request);
  effects_[*request.service].insert(request.number);
  request.effect = effect;
}

void GatewayPending::await_cut(PendingRequest& request) {
  leave(request);
  request.cut = true;
  cuts_.insert(request.number);
}

void GatewayPending::leave(PendingRequest& request) {
  if (request.command) {
    if (PendingCommand* held = command(*request.command)) {
      std::erase(held->waiters, request.number);
    }
    request.command.reset();
  }
  if (request.effect) {
    const auto found = effects_.find(*request.service);
    assert(found != effects_.end());
    found->second.erase(request.number);
    if (found->second.empty()) effects_.erase(found);
    request.effect.reset();
  }
  if (request.cut) {
    cuts_.erase(request.number);
    request.cut = false;
  }
}

PendingRequest GatewayPending::remove(PendingRequest& request) {
  leave(request);
  count_down(by_peer_, request.path.peer);
  count_down(requests_by_share_, request.whose);
  deadlines_.erase({request.deadline, request.number});
  auto node = requests_.extract(request.number);
  return std::move(node.mapped());
}

std::size_t GatewayPending::requests_of(PeerId peer) const {
  const auto found = by_peer_.find(peer);
  return found == by_peer_.end() ? 0 : found->second;
}

std::size_t GatewayPending::requests_of(const std::string& whose) const {
  const auto found = requests_by_share_.find(whose);
  return found == requests_by_share_.end() ? 0 : found->second;
}

std::vector<Number> GatewayPending::all_requests() const {
  std::vector<Number> numbers;
  numbers.reserve(requests_.size());
  for (const auto& entry : requests_) numbers.push_back(entry.first);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::vector<Number> GatewayPending::awaiting_effect() const {
  std::vector<Number> numbers;
  for (const auto& entry : effects_) numbers.insert(numbers.end(), entry.second.begin(), entry.second.end());
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::vector<Number> GatewayPending::awaiting_effect(const schemas::ServiceKey& service) const {
  const auto found = effects_.find(service);
  if (found == effects_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

std::vector<schemas::ServiceKey> GatewayPending::awaited_services() const {
  std::vector<schemas::ServiceKey> services;
  services.reserve(effects_.size());
  for (const auto& entry : effects_) services.push_back(entry.first);
  return services;
}

void GatewayPending::set_deadline(PendingRequest& request, TimePoint deadline) {
  deadlines_.erase({request.deadline, request.number});
  request.deadline = deadline;
  deadlines_.emplace(request.deadline, request.number);
}

std::optional<TimePoint> GatewayPending::next_deadline() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

PendingRequest* GatewayPending::expired(TimePoint now) {
  if (deadlines_.empty() || deadlines_.begin()->first > now) return nullptr;
  return request(deadlines_.begin()->second);
}

}  // namespace solo::producers
