// What the gateway does with a request, step by step, without socket, thread or encoding: requests, ends of appends and
// view changes go in, replies come out.
//
// Belongs to one thread and borrows everything it is given but the inbox, which appends still under way share.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "producers/audit_port.h"
#include "producers/clock.h"
#include "producers/decide.h"
#include "producers/event_log.h"
#include "producers/gateway.h"
#include "producers/gateway_frames.h"
#include "producers/gateway_inbox.h"
#include "producers/gateway_pending.h"
#include "producers/gateway_queries.h"
#include "producers/ports.h"
#include "projections/outcome.h"
#include "projections/token_checker.h"
#include "projections/views.h"
#include "schemas/result.h"
#include "schemas/schemas.h"

namespace solo::producers {

class GatewayCore {
 public:
  using Send = std::function<void(const ReturnPath&, const v1::ReplyT&)>;
  /// A valid token came by that connection.
  using Vouch = std::function<void(PeerId)>;

  GatewayCore(const GatewayOptions& options, EventLog& log, const projections::Views& views,
              projections::TokenChecker& tokens, HostPort& host, HealthPort& health, const Clock& clock,
              MachinePorts machine, std::shared_ptr<GatewayInbox> inbox, Send send, Vouch vouch);

  /// Until the views have everything that is in the log now, no token is judged: requests wait for it, and a revocation
  /// that was answered by the former run counts from the first one on.
  schemas::Result<void> start();

  void on_request(ReturnPath path, v1::RequestT request);
  void on_batch(GatewayInbox::Batch batch);
  /// Answers what is past its deadline.
  void expire();

  void begin_shutdown(std::string reason);
  /// Answers those who wait for an effect or a cut: it is pending.
  void release_waiting();
  /// Answers everything that is left.
  void abandon();

  std::optional<TimePoint> next_deadline() const { return pending_.next_deadline(); }
  GatewayInbox::Interest interest() const;
  std::size_t requests() const { return pending_.requests(); }
  std::size_t appending() const { return pending_.appending(); }

 private:
  // Tokens (gateway_tokens.cc).
  bool caught_up();
  void wait_for_views(ReturnPath path, v1::RequestT request, GivenToken given);
  schemas::Result<projections::TokenVerdict> verify(const GivenToken& given, const std::string& tenant);
  /// Judges the request by its token, tells the audit, and goes on with it or refuses.
  void judge(ReturnPath path, v1::RequestT request, GivenToken given);
  struct JudgedToken {
    std::string_view accessor;
    std::string_view owner;
  };
  void tell(const ReturnPath& path, const v1::RequestT& request, JudgedToken token, v1::DenialReason reason);
  v1::ReplyT health(const ReturnPath& path, const v1::RequestT& request, const GivenToken& given);
  schemas::Result<DecideContext> context_of(const v1::RequestT& request, const projections::Capability& capability);

  // Requests (gateway_core.cc).
  void on_read(ReturnPath path, v1::RequestT request, GivenToken given, const projections::Capability& capability);
  void on_order(ReturnPath path, const v1::RequestT& request, const projections::Capability& capability);
  /// Whom its requests count for: its tenant; a token for every tenant counts for itself.
  static std::string share_of(const projections::Capability& capability);
  /// Has the connection room for one more? Then: has whoever the token stands for, or all who are not judged yet?
  schemas::Result<void> admit_connection(const ReturnPath& path) const;
  schemas::Result<void> admit(const ReturnPath& path, const projections::Capability& capability) const;
  schemas::Result<void> admit_unjudged(const ReturnPath& path) const;
  schemas::Result<schemas::Cut> parse_after(const v1::RequestT& request) const;
  PendingRequest& open_request(ReturnPath path, const v1::RequestT& request, schemas::Cut after, std::string whose);
  /// `rights`: may its token grant or revoke that? Of orders that are new.
  void take_order(PendingRequest& request, const v1::EventT& event, std::string value,
                  const schemas::Result<void>& rights);
  schemas::Result<void> refuse_by_views(const PendingRequest& request, const v1::EventT& event) const;
  bool views_have_all(const schemas::TenantName& tenant) const;
  void append(PendingRequest& request, const v1::EventT& event, const schemas::Hash128& fingerprint, std::string value);
  void attach(PendingRequest& request, PendingCommand& command);
  void answer_read(const ReturnPath& path, const v1::RequestT& request, const projections::Capability& capability);

  // What ports answer later (gateway_asks.cc).
  void ask(ReturnPath path, const v1::RequestT& request, const projections::Capability& capability);
  void ask_inventory(PendingRequest& pending, const v1::RequestT& request);
  void ask_repair(PendingRequest& pending, const v1::RequestT& request);
  void ask_verification(PendingRequest& pending, const v1::RequestT& request);
  void ask_audit(PendingRequest& pending, const v1::RequestT& request);
  void on_answered(GatewayInbox::Answer& answered);

  // Progress (gateway_progress.cc).
  void on_ended(const GatewayInbox::Ended& ended);
  void on_durable(PendingCommand& command, schemas::Position position);
  void on_not_durable(PendingCommand& command, const schemas::Error& error);
  void on_applied(PendingCommand& command);
  schemas::Result<projections::RecordedOutcome> outcome_of(const PendingCommand& command) const;
  void settle(PendingRequest& request, const projections::RecordedOutcome& recorded,
              const schemas::Hash128& fingerprint);
  void look_for_effects(const GatewayInbox::Batch& batch);
  void look_for_effect(PendingRequest& request, const schemas::Result<std::optional<v1::ServiceRecordT>>& record);
  void look_for_cuts();
  /// May anybody who waits be good no more?
  bool rights_were_taken();
  bool has_fallen(const PendingRequest& request);
  void give_up(PendingRequest& request, std::string_view why);
  /// The request's reply is ready but for the service's status; it is sent once the views have its cut.
  void finish(PendingRequest& request, v1::ReplyT reply, bool with_status);
  void answer(PendingRequest& request, v1::ReplyT reply, bool with_status = false);

  const GatewayOptions& options_;
  EventLog& log_;
  const projections::Views& views_;
  projections::TokenChecker& tokens_;
  HealthPort& health_;
  const Clock& clock_;
  const MachinePorts machine_;
  const std::shared_ptr<GatewayInbox> inbox_;
  const Send send_;
  const Vouch vouch_;
  const GatewayQueries queries_;
  GatewayPending pending_;
  /// Per partition: where the log ended at start().
  std::vector<std::int64_t> ends_at_start_;
  bool caught_up_ = false;
  /// TokenChecker::losses(), when those who wait were last held against it.
  std::uint64_t losses_seen_ = 0;
  /// Why it is stopping; nothing: it is not.
  std::optional<std::string> stopping_;
};

}  // namespace solo::producers
