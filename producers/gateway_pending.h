// What the gateway owes: commands it appended that the views do not have yet, and requests without an answer.
//
// Bookkeeping only, with an index for each question that is asked of it; the decisions are in gateway_core.h. Belongs
// to one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "producers/gateway_frames.h"
#include "producers/gateway_inbox.h"
#include "projections/views.h"
#include "schemas/fingerprint.h"
#include "schemas/ids.h"
#include "schemas/position.h"
#include "schemas/schemas.h"
#include "schemas/token.h"

namespace solo::producers {

using TimePoint = std::chrono::steady_clock::time_point;
using Number = std::uint64_t;

/// An order as an event, from append() until the views have passed it or the log did not take it.
struct PendingCommand {
  Number number = 0;
  std::string source;
  std::string id;
  schemas::TenantName tenant;
  schemas::Hash128 fingerprint;
  /// Once it is durable.
  std::optional<schemas::Position> position = {};
  WakeFlag wake;
  /// Requests that wait for it to be durable or applied.
  std::vector<Number> waiters = {};
};

/// What the views recorded of an order, for which its service's record must show an effect.
struct AwaitedEffect {
  std::uint64_t generation = 0;
  std::uint64_t restart_epoch = 0;
};

/// A request's token once its text is wiped.
struct GivenToken {
  /// Nothing: see `otherwise`.
  std::optional<schemas::TokenHash> hash;
  v1::DenialReason otherwise = v1::DenialReason::missing;
};

/// A request without an answer.
struct PendingRequest {
  Number number = 0;
  ReturnPath path;
  std::string id;
  /// In whose share it counts: its token's tenant's, or its token's own (share_of()); empty: it is not judged yet.
  std::string whose;
  v1::Wait wait = v1::Wait::applied;
  schemas::Cut after;
  TimePoint deadline;
  /// Its time is up, and only the end of its append is waited for.
  bool overdue = false;
  /// Orders: whose it is, what it is about, and the event it asks for. A token's order names its accessor; an empty one
  /// stands for all of the tenant's.
  std::optional<schemas::TenantName> tenant;
  std::optional<schemas::ServiceKey> service;
  std::optional<std::string> token;
  v1::Payload order = v1::Payload::NONE;
  bool duplicate = false;
  /// Where its command is in the log, once that is known.
  std::optional<schemas::Position> position;

  // What it waits for: one of these three.
  std::optional<Number> command;
  std::optional<AwaitedEffect> effect;
  /// `after`: then `reply` is sent (orders) or `read` is looked up.
  bool cut = false;
  v1::ReplyT reply;
  bool with_status = false;
  /// A read that is looked up then, or any request that came before the views had what the log held at the start: it is
  /// judged by its token when its turn comes.
  std::optional<v1::RequestT> read;
  GivenToken given;
  /// Or for a port's answer.
  bool asked = false;
};

class GatewayPending {
 public:
  // Commands.
  PendingCommand& add_command(PendingCommand command);
  /// nullptr: it is not there (any more).
  PendingCommand* command(Number number);
  PendingCommand* command_of(std::string_view source, std::string_view id);
  void set_durable(PendingCommand& command, schemas::Position position);
  /// The next durable command that the views have passed; nullptr: there is none.
  PendingCommand* passed(const projections::Views& views);
  void forget(PendingCommand& command);
  /// Is there a command of this tenant that the views may not have?
  bool has_commands(const schemas::TenantName& tenant) const { return by_tenant_.count(tenant) != 0; }
  std::size_t commands() const { return commands_.size(); }
  std::size_t appending() const { return appending_; }

  // Requests.
  PendingRequest& add_request(PendingRequest request);
  PendingRequest* request(Number number);
  void await_command(PendingRequest& request, PendingCommand& command);
  void await_effect(PendingRequest& request, AwaitedEffect effect);
  void await_cut(PendingRequest& request);
  /// Out of every index and out of here.
  PendingRequest remove(PendingRequest& request);
  std::size_t requests() const { return requests_.size(); }
  std::size_t requests_of(PeerId peer) const;
  std::size_t requests_of(const std::string& whose) const;
  /// Every request, oldest first.
  std::vector<Number> all_requests() const;
  std::vector<Number> awaiting_effect() const;
  std::vector<Number> awaiting_effect(const schemas::ServiceKey& service) const;
  std::vector<schemas::ServiceKey> awaited_services() const;
  bool awaits_effects() const { return !effects_.empty(); }
  std::vector<Number> awaiting_cut() const { return {cuts_.begin(), cuts_.end()}; }
  void set_deadline(PendingRequest& request, TimePoint deadline);
  std::optional<TimePoint> next_deadline() const;
  /// nullptr: none has passed.
  PendingRequest* expired(TimePoint now);

 private:
  void leave(PendingRequest& request);

  Number next_number_ = 1;
  std::unordered_map<Number, PendingCommand> commands_;
  std::unordered_map<std::string, Number> by_id_;
  std::unordered_map<schemas::TenantName, std::size_t> by_tenant_;
  std::map<schemas::Position, Number> durable_;
  std::size_t appending_ = 0;

  std::unordered_map<Number, PendingRequest> requests_;
  std::unordered_map<PeerId, std::size_t> by_peer_;
  std::unordered_map<std::string, std::size_t> requests_by_share_;
  std::set<std::pair<TimePoint, Number>> deadlines_;
  std::unordered_map<schemas::ServiceKey, std::set<Number>> effects_;
  std::set<Number> cuts_;
};

}  // namespace solo::producers
